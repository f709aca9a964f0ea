"""Restoration problems: a data term D(x) with a closed proximal map (method, section 4)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from gnc_core.errors import InputError


class Problem(Protocol):
    """What a scheme needs to know of an observation z. Images are (N, 1, H, W)."""

    @property
    def name(self) -> str:
        """ "denoise" or "inpaint"."""

    @property
    def level(self) -> float:
        """How bad the degradation is: the noise level, or the share of missing pixels."""

    def initial(self) -> Tensor:
        """Where every scheme starts: (N, 1, H, W)."""

    def energy(self, x: Tensor) -> Tensor:
        """D(x) of each image: (N,)."""

    def prox(self, v: Tensor, tau: float | Tensor) -> Tensor:
        """argmin_x D(x) + |x - v|^2 / (2 tau): (N, 1, H, W), differentiable in v and tau.

        `tau` > 0 is a number, a 0-dimensional tensor, or (N, 1, 1, 1).
        """


@dataclass(frozen=True)
class Denoising:
    """z = x + noise: `D(x) = |x - z|^2 / (2 noise_std^2)`.

    observation: z, (N, 1, H, W), finite, nominally in [0, 1]. noise_std: in units of [0, 1].
    Raises `InputError` for values that are not finite and for a noise level that is not positive.
    """

    observation: Tensor
    noise_std: float
    name = "denoise"

    def __post_init__(self) -> None:
        _check_image(self.observation)
        if not (math.isfinite(self.noise_std) and self.noise_std > 0):
            raise InputError(f"The noise level must be a positive number, not {self.noise_std:g}.")
        if not torch.isfinite(self.observation).all():
            raise InputError("The observation contains NaN or infinite values.")

    @property
    def level(self) -> float:
        return self.noise_std

    def initial(self) -> Tensor:
        """z itself."""
        return self.observation

    def energy(self, x: Tensor) -> Tensor:
        squares = (x - self.observation).square().sum(3).sum(2).sum(1)  # the same bits with any number of threads
        return squares / (2 * self.noise_std**2)

    def prox(self, v: Tensor, tau: float | Tensor) -> Tensor:
        """`(v + tau z / noise_std^2) / (1 + tau / noise_std^2)`."""
        weight = tau / self.noise_std**2
        return (v + weight * self.observation) / (1 + weight)


@dataclass(frozen=True)
class Inpainting:
    """Known and missing pixels: D is 0 if x equals z at the observed pixels, and infinite otherwise.

    observation: z, (N, 1, H, W); what it holds at missing pixels does not matter.
    observed: bool, True where a pixel is known; broadcast over the images, e.g. (1, 1, H, W).
    Raises `InputError` for another mask size, if all pixels are missing, and for known pixels that
    are not finite.
    """

    observation: Tensor
    observed: Tensor
    name = "inpaint"

    def __post_init__(self) -> None:
        _check_image(self.observation)
        shape, count = self.observation.shape, self.observed.shape[0] if self.observed.ndim else 0
        if self.observed.dtype != torch.bool or self.observed.shape[1:] != shape[1:]:
            raise InputError(
                f"The mask {tuple(self.observed.shape)} must be bool and of the image's size {tuple(shape)}."
            )
        if count not in (1, shape[0]):
            raise InputError(f"There are {count} masks for {shape[0]} images; give one, or as many.")
        if not self.observed.flatten(1).any(1).all():
            raise InputError("All pixels are missing; at least one must be observed.")
        if not torch.isfinite(self.observation[self.observed.expand(shape)]).all():
            raise InputError("The observed pixels contain NaN or infinite values.")

    @property
    def level(self) -> float:
        return float((~self.observed).float().mean())

    def initial(self) -> Tensor:
        """z, with 0.5 at the missing pixels."""
        return torch.where(self.observed, self.observation, 0.5)

    def energy(self, x: Tensor) -> Tensor:
        differs = (self.observed & (x != self.observation)).flatten(1).any(1)
        return torch.where(differs, torch.inf, 0.0).to(x.dtype)

    def prox(self, v: Tensor, tau: float | Tensor) -> Tensor:
        """z at the observed pixels, v elsewhere; `tau` does not matter."""
        return torch.where(self.observed, self.observation, v)


def _check_image(image: Tensor) -> None:
    if image.ndim != 4 or image.shape[1] != 1 or not image.numel():
        raise InputError(f"Images have shape (N, 1, height, width), not {tuple(image.shape)}.")
    if not image.is_floating_point():
        raise InputError(f"Images are floating point in [0, 1], not {image.dtype}.")
