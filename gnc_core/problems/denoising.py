"""Denoising: z = x + noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gnc_core.errors import InputError

from .base import _check_image


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
