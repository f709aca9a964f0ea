"""Inpainting: some pixels are known, the others missing."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gnc_core import checks
from gnc_core.errors import InputError

from .denoising import _count


@dataclass(frozen=True, eq=False)
class Inpainting:
    """Known and missing pixels: D is 0 if x equals z at the observed pixels, and infinite otherwise.

    observation: z, (N, 1, H, W); what it holds at missing pixels does not matter.
    observed: bool, True where a pixel is known; broadcast over the images, e.g. (1, 1, H, W).
    Two problems are equal only if they are the same object. Raises `InputError` for another mask size, if all pixels are missing,
    for known pixels that are not finite, for integers, and for images of another size.
    """

    observation: Tensor
    observed: Tensor
    name = "inpaint"

    def __post_init__(self) -> None:
        checks.check_image(self.observation, "The observation")
        if not isinstance(self.observed, Tensor) or self.observed.device != self.observation.device:
            raise InputError(f"The mask must be a tensor on {self.observation.device}, where the observation is.")
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
        _count(x, self.observation)
        differs = (self.observed & (x != self.observation)).flatten(1).any(1)
        return torch.where(differs, torch.inf, 0.0).to(x.dtype)

    def prox(self, v: Tensor, tau: float | Tensor) -> Tensor:
        """z at the observed pixels, v elsewhere; `tau` does not matter."""
        checks.per_image(tau, _count(v, self.observation), "The step size tau")
        return torch.where(self.observed, self.observation, v)
