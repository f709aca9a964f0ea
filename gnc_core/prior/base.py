"""What a prior is, for all that restores and measures with one."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Prior(Protocol):
    """A learned energy R(x, s) of images x (N, C, H, W) and of s = log sigma, a number or (N,).

    >>> from gnc_core.prior import FieldsOfExperts
    >>> prior: Prior = FieldsOfExperts()
    >>> prior.sigma_min, prior.sigma_max, prior.min_size
    (0.01, 0.5, 4)
    """

    @property
    def sigma_min(self) -> float:
        """The smallest smoothing that it knows, in units of [0, 1]."""

    @property
    def sigma_max(self) -> float:
        """The largest one."""

    @property
    def min_size(self) -> int:
        """The least height and width of an image."""

    def energy(self, x: Tensor, s: float | Tensor) -> Tensor:
        """R(x, s) of each image: (N,)."""

    def score(self, x: Tensor, s: float | Tensor) -> Tensor:
        """grad_x R(x, s): (N, C, H, W)."""

    def slope(self, x: Tensor, s: float | Tensor) -> Tensor:
        """dR/ds(x, s) of each image: (N,)."""
