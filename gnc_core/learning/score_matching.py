"""The loss that the prior learns from: joint score matching in the image and in the smoothing.

Method, section 3. Under the metric diag(sigma^2 I, lambda) the image part is denoising score matching (Vincent) and the part in
s = log(sigma) implicit score matching (Hyvarinen):

    loss = E [ 1/2 || sigma grad_x R(y, s) - eta ||^2  +  lambda ( 1/2 (dR/ds)^2 - d2R/ds2 ) ] / n,     y = x + sigma eta

The part in s has a denoising form, too. Since d/ds log p(y | x, s) = |eta|^2 - n, Vincent's identity holds for s as it does
for the image, and up to a number that no parameter changes

    E [ 1/2 (dR/ds)^2 - d2R/ds2 ]  =  E [ 1/2 (dR/ds + |eta|^2 - n)^2 ]  +  boundary terms of the left side.

The right side needs no second derivative, has no boundary terms on the bounded interval of s, and its gradient is less noisy:
d2R/ds2 is a hundred times n near s_min. `denoising` is therefore what training uses; `implicit` is the paper's form.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gnc_core import checks
from gnc_core.errors import InputError
from gnc_core.prior import splines
from gnc_core.prior.fields_of_experts import FieldsOfExperts

ORDERING_GAP, ORDERING_MARGIN = 0.5, 0.1  # of `ordering`: in s below the noise level, and of the slope a pixel
SMALL_SIGMA = 0.05  # below it, the term in s counts less and less


@dataclass(eq=False)
class Terms:
    """Both terms of the loss, and dR/ds a pixel, (N,), without graph: what the constant in s is fitted to.

    >>> terms = Terms(image=torch.tensor(0.15), smoothing=torch.tensor(2.0), slope=torch.zeros(8))
    >>> round(terms.loss(weight=0.01).item(), 4)
    0.17
    """

    image: Tensor
    smoothing: Tensor
    slope: Tensor

    def loss(self, weight: float) -> Tensor:
        """The image term plus lambda = `weight` times the term in s."""
        return self.image + weight * self.smoothing


def ordering(prior: FieldsOfExperts, y: Tensor, s: Tensor, place: Tensor) -> Tensor:
    """How much the energy of noisy images rises where it has to fall, from far below their noise level towards it:

        E max(0, dR/ds(y, t)/n + 0.1)^2,    t ~ U[s_min, s - 1/2],

    y: (N, 1, H, W) with noise of level s, (N,); place: (N,), uniform in [0, 1], says where t lies. Samples without such a t count
    as zero. Score matching sees the pairs (y, t) of p(y, s) alone, so never an image much noisier than its t: dR/ds may have any
    sign there, and priors came out with a second minimum of R(y, .) at s_min, the lower one for noise of 0.2 and several layers.
    The true slope is n - E[|y - x|^2 | y]/e^(2 t) (Tweedie), negative there, as no image within the noise e^t of y is likely.

    >>> y, s = torch.rand(2, 1, 8, 8), torch.tensor([-4.5, -4.4])  # no t lies 1/2 below these
    >>> ordering(FieldsOfExperts(), y, s, place=torch.rand(2)).item()
    0.0
    """
    _check(y, s)
    checks.check_tensor(place, "The places", ndim=1)
    low = prior.potential.s.low
    t = low + place * (s - ORDERING_GAP - low).clamp(min=0)
    _, slope = prior.score_and_slope(y, t)
    excess = F.relu(slope / y[0].numel() + ORDERING_MARGIN).square()
    return (excess * (s > low + ORDERING_GAP)).mean()


def denoising(prior: FieldsOfExperts, x: Tensor, s: Tensor, eta: Tensor) -> Terms:
    """Both terms in their denoising form, means over the batch, divided by the n pixels of an image.

    x, eta: (N, 1, H, W), clean patches and standard normal noise, N even; s: (N,), uniform on the range of s, with
    s[2k] = s[2k + 1]: the residual r = dR/ds + |eta|^2 - n has mean zero at every s once the constant c(s) is right, so its
    mean square is its variance, and (r_1 - r_2)^2 / 2 of two images at one s estimates that without knowing c.

    The term in s has a weight w(s) = (sigma^2 / (sigma^2 + 0.05^2))^2. Any positive weight leaves the minimiser where it is; this
    one keeps the smallest sigma, where dR/ds differs most between images, from drowning the rest: with w = 1 and lambda = 1e-3,
    3,000 iterations end with an image term of 0.169, with lambda = 0 with 0.136.

    >>> x, eta = torch.rand(4, 1, 8, 8), torch.randn(4, 1, 8, 8)
    >>> terms = denoising(FieldsOfExperts(), x, torch.tensor([-2.0, -2.0, -1.0, -1.0]), eta)
    >>> terms.image.shape, terms.slope.shape
    (torch.Size([]), torch.Size([4]))
    """
    _check(x, s, eta)
    if len(x) % 2:
        raise InputError(f"Two images share each smoothing, so their number must be even, not {len(x)}.")
    sigma = s.exp().view(-1, 1, 1, 1)
    score, slope = prior.score_and_slope(x + sigma * eta, s)
    n = x[0].numel()
    residual = slope + eta.square().flatten(1).sum(1) - n
    weight = (2 * s[0::2]).exp()
    weight = (weight / (weight + SMALL_SIGMA**2)) ** 2
    smoothing = (weight * (residual[0::2] - residual[1::2]).square()).mean() / (4 * n)
    return Terms((sigma * score - eta).square().mean() / 2, smoothing, slope.detach() / n)


def implicit(prior: FieldsOfExperts, x: Tensor, s: Tensor, eta: Tensor, boundary_weight: bool = True) -> Terms:
    """Both terms as the paper has them; arguments and normalisation as in `denoising`, any N and s.

    p(s) does not vanish at the ends of the bounded interval of s, so integration by parts leaves boundary terms behind. The
    weight h(s), a parabola that is zero at both ends and has mean one, removes them (generalised score matching):
    h (1/2 (dR/ds)^2 - d2R/ds2) - h' dR/ds. Without `boundary_weight`, h = 1: the paper's loss.

    >>> x, eta = torch.rand(2, 1, 8, 8), torch.randn(2, 1, 8, 8)
    >>> terms = implicit(FieldsOfExperts(), x, torch.tensor([-2.0, -1.0]), eta)
    >>> terms.smoothing.shape, terms.slope.shape
    (torch.Size([]), torch.Size([2]))
    """
    _check(x, s, eta)
    sigma = s.exp().view(-1, 1, 1, 1)
    score, slope, curvature = prior.derivatives(x + sigma * eta, s)
    n = x[0].numel()
    smoothing = slope.square() / 2 - curvature
    if boundary_weight:
        low, high = prior.potential.s.low, prior.potential.s.high
        t = (s - low) / (high - low)
        h, h_slope = 6 * t * (1 - t), 6 * (1 - 2 * t) / (high - low)
        smoothing = h * smoothing - h_slope * slope
    return Terms((sigma * score - eta).square().mean() / 2, smoothing.mean() / n, slope.detach() / n)


def _check(x: Tensor, s: Tensor, *noise: Tensor) -> None:
    """Raises `InputError` unless x are images, s is one number each, and eta is like x: otherwise they would be broadcast."""
    checks.check_image(x)
    checks.check_tensor(s, "The smoothings s", ndim=1)
    for eta in noise:
        checks.check_image(eta, "The noise")
    if s.shape != x.shape[:1] or any(eta.shape != x.shape for eta in noise):
        shapes = ", ".join(str(tuple(t.shape)) for t in (x, s, *noise))
        raise InputError(
            f"A batch is of images (N, 1, H, W), smoothings (N,) and noise like the images, not of {shapes}."
        )


def convexity(prior: FieldsOfExperts) -> Tensor:
    """How far the potentials are from convex, the more the larger sigma (method, section 6):

        mean over channels of  sum_{i,k} w(s_k) max(0, -sigma_k^2 phi''_i(s_k))^2 g,    w as in `growth`,

    with phi''_i the coefficients of phi'' as a quadratic spline, in the image's unit, and g the knots' distance: where none is
    negative, phi'' is nowhere.

    >>> convexity(FieldsOfExperts()).item()  # quadratic potentials, before any training
    0.0
    """
    phi = prior.potential
    bend = phi.increments.diff(dim=1) * phi.scale / phi.u.spacing  # in the unit of u
    s = phi.s.positions(dtype=bend.dtype, device=bend.device)
    factor = (s.exp() / prior.unit(s)) ** 2
    return (growth(s) * F.relu(-factor * bend).square()).sum((1, 2)).mean() * phi.u.spacing


def linearity(prior: FieldsOfExperts) -> Tensor:
    """How far hidden activations are from linear, the more the larger sigma: mean over channels, sum over layers, of
    sum_{i,k} w(s_k)^2 phi''_i(s_k)^2 g, w and phi''_i as in `convexity`, in the unit of their features; 0 for one layer.

    w is squared since bent activations are what more layers are for, below the sigma from which on energies have to be convex.

    >>> linearity(FieldsOfExperts(layers=2)).item()  # the activations start as the identity
    0.0
    """
    total = prior.kernel.new_zeros(())
    for phi in prior.functions[:-1]:
        bend = phi.increments.diff(dim=1) / phi.u.spacing
        s = phi.s.positions(dtype=bend.dtype, device=bend.device)
        total = total + (growth(s).square() * bend.square()).sum((1, 2)).mean() * phi.u.spacing
    return total


def roughness(prior: FieldsOfExperts) -> Tensor:
    """The sum of the squared second differences of the potentials' increments (P-splines; Eilers & Marx, 1996).

    >>> roughness(FieldsOfExperts()).item() < 1e-6  # those of a quadratic lie on a line
    True
    """
    return prior.potential.increments.diff(n=2, dim=1).square().sum()


def growth(s: Tensor) -> Tensor:
    """w(s) = ((s - log 0.05)/(log 0.5 - log 0.05))_+^2: nothing is asked of small sigmas.

    >>> growth(torch.tensor([0.02, 0.05, 0.5]).log()).tolist()
    [0.0, 0.0, 1.0]
    """
    checks.check_tensor(s, "The smoothings s")
    return ((s - math.log(0.05)) / math.log(10)).clamp(min=0).square()


class SmoothingConstant:
    """Fits c(s), the number a pixel that the image term leaves open.

    E[dR/ds] = 0 for every s, so c'(s) is minus the mean of the rest of dR/ds a pixel: a least-squares fit of the weights of c
    (a spline in s), with sums that forget what is older than about `memory` iterations while the rest of the prior moves on.

    >>> prior, s = FieldsOfExperts(), torch.linspace(-4.6, -0.7, 200)
    >>> SmoothingConstant(prior).update(s, torch.full_like(s, 3.0))  # the rest of dR/ds is 3 a pixel
    >>> round(prior.constant(torch.tensor([-2.0]), order=1).item(), 3)
    -3.0
    """

    def __init__(self, prior: FieldsOfExperts, memory: int = 1000) -> None:
        size = len(prior.c)
        self.prior, self.memory = prior, memory
        self.iterations = 0
        self.normal = torch.zeros(size, size, dtype=torch.float64, device=prior.c.device)
        self.right = self.normal[0].clone()

    @torch.no_grad()
    def update(self, s: Tensor, slope: Tensor) -> None:
        """Take in dR/ds a pixel, (N,), seen at s, (N,), and set the prior's c."""
        checks.check_tensor(s, "The smoothings s", ndim=1)
        checks.check_tensor(slope, "The slopes", ndim=1)
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
