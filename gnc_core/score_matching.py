"""The loss that the prior learns from: joint score matching in the image and in the smoothing.

Method, section 3. Under the metric diag(sigma^2 I, lambda) the image part is denoising score matching and the
part in s = log(sigma) implicit score matching:

    loss = E [ 1/2 || sigma grad_x R(y, s) - eta ||^2  +  lambda ( 1/2 (dR/ds)^2 - d2R/ds2 ) ] / n
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from . import splines
from .prior import FieldsOfExperts


@dataclass
class Terms:
    """Both terms of the loss, and dR/ds a pixel, which the constant in s is fitted to."""

    image: Tensor
    smoothing: Tensor
    slope: Tensor

    def loss(self, weight: float) -> Tensor:
        """The image term plus lambda = `weight` times the term in s."""
        return self.image + weight * self.smoothing


def terms(
    prior: FieldsOfExperts, x: Tensor, s: Tensor, eta: Tensor, boundary_weight: bool = True
) -> Terms:
    """Both terms at y = x + sigma eta, means over the batch, divided by the n pixels of an image.

    x, eta: (N, 1, H, W), clean patches and standard normal noise; s: (N,), uniform on [log sigma_min, log sigma_max].
    s is bounded and p(s) does not vanish at its ends, so integration by parts leaves boundary terms behind; the weight
    h(s), a parabola that is zero at both ends with mean one, removes them (generalised score matching):
    h (1/2 (dR/ds)^2 - d2R/ds2) - h' dR/ds. Without `boundary_weight`, h = 1: the paper's loss.
    """
    sigma = s.exp().view(-1, 1, 1, 1)
    score, slope, curvature = prior.derivatives(x + sigma * eta, s)
    n = x[0].numel()
    image = (sigma * score - eta).square().mean() / 2
    implicit = slope.square() / 2 - curvature
    if boundary_weight:
        low, high = prior.potential.s.low, prior.potential.s.high
        t = (s - low) / (high - low)
        h, h_slope = 6 * t * (1 - t), 6 * (1 - 2 * t) / (high - low)
        implicit = h * implicit - h_slope * slope
    return Terms(image, implicit.mean() / n, slope.detach() / n)


class SmoothingConstant:
    """Fits c(s), the number a pixel that the image term leaves open.

    E[dR/ds] = 0 for every s, so c'(s) is minus the mean of the rest of dR/ds a pixel: a least-squares fit of the weights of c
    (a spline in s), with sums that forget what is older than about `memory` iterations while the rest of the prior moves on.
    """

    def __init__(self, prior: FieldsOfExperts, memory: int = 1000) -> None:
        size = len(prior.c)
        self.prior, self.memory = prior, memory
        options = {"dtype": torch.float64, "device": prior.c.device}
        self.iterations = 0
        self.normal, self.right = torch.zeros(size, size, **options), torch.zeros(size, **options)

    @torch.no_grad()
    def update(self, s: Tensor, slope: Tensor) -> None:
        """Take in dR/ds a pixel, (N,), seen at s, (N,), and set the prior's c."""
        self.iterations += 1
        forget = max(1 / self.memory, 5 / (self.iterations + 5))
        rows = splines.basis(s.double(), self.prior.potential.s, order=1)
        rest = slope.double() - rows @ self.prior.c.double()
        self.normal = (1 - forget) * self.normal + rows.T @ rows
        self.right = (1 - forget) * self.right - rows.T @ rest
        # c is defined up to a number, and weights that no sample has touched yet are free: a small ridge settles both.
        ridge = 1e-6 * self.normal.diagonal().mean() * torch.eye(len(self.right), device=s.device)
        self.prior.c.copy_(torch.linalg.solve(self.normal + ridge, self.right))

    def state_dict(self) -> dict:
        return {"iterations": self.iterations, "normal": self.normal, "right": self.right}

    def load_state_dict(self, state: dict) -> None:
        self.iterations, self.normal, self.right = state["iterations"], state["normal"], state["right"]
