"""What a prior is, for all that restores and measures with one."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Prior(Protocol):
    """What a scheme needs of a prior R(x, s), s = log sigma; `prior.FieldsOfExperts` is one."""

    @property
    def sigma_min(self) -> float: ...
    @property
    def sigma_max(self) -> float: ...
    def energy(self, x: Tensor, s: float | Tensor) -> Tensor: ...
    def score(self, x: Tensor, s: float | Tensor) -> Tensor: ...
    def slope(self, x: Tensor, s: float | Tensor) -> Tensor: ...
