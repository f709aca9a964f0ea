"""How a prior of grey images meets the channels of colour images."""

from __future__ import annotations

from torch import Tensor

from .base import Prior


class ByChannel:
    """The prior of images (N, C, H, W) whose channels are independent grey images: `R(x, s) = sum_c R_grey(x_c, s)`.

    All channels of an image have the same s. Grey images, C = 1, pass as they are.

    >>> import torch
    >>> from gnc_core.prior import FieldsOfExperts
    >>> prior, colours = ByChannel(FieldsOfExperts()), torch.rand(2, 3, 8, 8)
    >>> prior.energy(colours, -2.0).shape, prior.score(colours, -2.0).shape
    (torch.Size([2]), torch.Size([2, 3, 8, 8]))
    """

    def __init__(self, grey: Prior) -> None:
        self.grey = grey

    @property
    def sigma_min(self) -> float:
        return self.grey.sigma_min

    @property
    def sigma_max(self) -> float:
        return self.grey.sigma_max

    @property
    def min_size(self) -> int:
        return self.grey.min_size

    def energy(self, x: Tensor, s: float | Tensor) -> Tensor:
        """R(x, s) of each image: (N,)."""
        return self.grey.energy(*_channels(x, s)).view(-1, x.shape[1]).sum(1)

    def score(self, x: Tensor, s: float | Tensor) -> Tensor:
        """grad_x R(x, s): (N, C, H, W)."""
        return self.grey.score(*_channels(x, s)).view(-1, *x.shape[1:])

    def slope(self, x: Tensor, s: float | Tensor) -> Tensor:
        """dR/ds of each image: (N,)."""
        return self.grey.slope(*_channels(x, s)).view(-1, x.shape[1]).sum(1)


def _channels(x: Tensor, s: float | Tensor) -> tuple[Tensor, float | Tensor]:
    """All channels as images of their own, (N C, 1, H, W), and the s of each."""
    if isinstance(s, Tensor) and s.ndim:
        x = x.expand(len(s), -1, -1, -1) if len(x) == 1 else x  # one image meets many smoothings
        s = s.repeat_interleave(x.shape[1])
    return x.reshape(-1, 1, *x.shape[2:]), s
