"""Computed tomography with parallel beams: sums along lines at many angles."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from gnc_core import checks
from gnc_core.errors import InputError

from .base import Setting
from .linear import LEVEL, Linear

if TYPE_CHECKING:  # what a task is, the command line says without PyTorch
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Tomography(Linear):
    """z = A x + noise: integrals along the lines x cos(theta) + y sin(theta) = d, in units of the image's longer side, at
    angles that divide half a turn evenly; detectors are a pixel apart, as many as the diagonal needs.

    observation: z, the sinogram, (N, C, angles, detectors). noise_std: in units of an integral along a bright image's side.
    size: (H, W) of the images. Raises `InputError` for other sizes.

    >>> import torch
    >>> Tomography.degrade(torch.rand(1, 1, 32, 32), 0.01, seed=0, setting="20").observation.shape
    torch.Size([1, 1, 20, 47])
    """

    size: tuple[int, int]
    name = "ct"
    title = "Tomography"
    kind_of_level = replace(LEVEL, example=0.001, usual=(0.0002, 0.02, 0.001, 0.0002), fitted=(0.0002, 0.01))
    in_files = False
    setting = Setting(
        "number of angles", "--angles", "Number of angles, evenly over half a turn.", ("60", "30", "120", "180")
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.check_image(self.observation, "The sinogram")
        if self.observation.shape[3] != detectors(*self.size):
            raise InputError(
                f"Images {self.size} have {detectors(*self.size)} detectors, but the sinogram has {self.observation.shape[3]}."
            )

    @classmethod
    def degrade(cls, truth: Tensor, level: float, seed: int, as_file: bool = False, setting: str = "") -> Self:
        """The sinogram at `setting` angles with white Gaussian noise. It is in no image file: `as_file` does not matter."""
        from .degradations import add_noise

        checks.check_image(truth, "The true images", finite=True)
        text = cls.chosen(setting)
        if not (text.isdecimal() and 1 <= int(text) <= 1000):
            raise InputError(f"The number of angles must lie between 1 and 1000, not {text!r}.")
        size = (truth.shape[-2], truth.shape[-1])
        empty = truth.new_zeros(*truth.shape[:2], int(text), detectors(*size))
        return cls(add_noise(cls(empty, level, size).forward(truth), level, seed), level, size)

    @classmethod
    def of(cls, observation: Tensor, level: float, clipped: bool = False, setting: str = "") -> Self:
        """Of a sinogram of a square image; it has as many angles as it has, whatever `setting` says. Raises `InputError` unless
        there is a square image with so many detectors."""
        checks.check_image(observation, "The sinogram")
        count = observation.shape[3]
        side = int((count - 1) / math.sqrt(2))
        if side < 1 or detectors(side, side) != count:
            fewer, more = detectors(max(side, 1), max(side, 1)), detectors(side + 1, side + 1)
            raise InputError(
                f"Square images have {fewer} or {more} detectors, a pixel apart, but the sinogram has {count}: pad it, or make "
                "a `Tomography` of another size in Python."
            )
        return cls(observation, cls.kind_of_level.check(level), (side, side))

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.observation.shape[:2], *self.size)

    def pictures(self) -> dict[str, Tensor]:
        z = self.observation[0, 0]
        return {"sinogram": (z - z.min()) / (z.max() - z.min())}

    def forward(self, x: Tensor) -> Tensor:
        import torch

        return torch.stack([beam.project(x) for beam in self.beams], 2) / max(self.size)

    def adjoint(self, y: Tensor) -> Tensor:
        total = y.new_zeros(*y.shape[:2], *self.size)
        for beam, line in zip(self.beams, y.unbind(2), strict=True):
            total += beam.spread(line)
        return total / max(self.size)

    @property
    def beams(self) -> Iterator[_Beam]:
        angles, count = self.observation.shape[2:]
        return (_Beam(math.pi / angles * number, count, self.size, self.observation) for number in range(angles))


class _Beam:
    """Joseph's method: a ray x cos(theta) + y sin(theta) = d visits every row (column, where it is steeper), and takes its value
    there between two pixels."""

    def __init__(self, theta: float, count: int, size: tuple[int, int], like: Tensor) -> None:
        import torch

        along, across = math.cos(theta), math.sin(theta)
        self.turned = abs(along) < abs(across)
        self.size = size[::-1] if self.turned else size
        if self.turned:
            along, across = across, along
        self.length = 1 / abs(along)
        rows, width = self.size
        d, row = (torch.arange(n, dtype=like.dtype, device=like.device) - (n - 1) / 2 for n in (count, rows))
        place = (d - across * row[:, None]) / along + (width - 1) / 2 + 1  # in rows with a zero on either side
        place = place.clamp(0, width + 1 - 1e-4)
        self.lower = place.floor().long()
        self.share = place - self.lower

    def project(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, detectors)."""
        import torch

        rows = torch.nn.functional.pad(x.transpose(2, 3) if self.turned else x, (1, 1))
        lower = self.lower.expand(*x.shape[:2], -1, -1)
        first, second = rows.gather(3, lower), rows.gather(3, lower + 1)
        return self.length * torch.lerp(first, second, self.share).sum(2)

    def spread(self, line: Tensor) -> Tensor:
        """The adjoint of `project`."""
        rows, width = self.size
        value = self.length * line[:, :, None]
        lower = self.lower.expand(*line.shape[:2], -1, -1)
        total = line.new_zeros(*line.shape[:2], rows, width + 2)
        total.scatter_add_(3, lower, value * (1 - self.share)).scatter_add_(3, lower + 1, value * self.share)
        image = total[..., 1:-1]
        return image.transpose(2, 3) if self.turned else image


def detectors(height: int, width: int) -> int:
    """How many detectors of one pixel the diagonal needs, at all angles.

    >>> detectors(32, 32)
    47
    """
    return math.ceil(math.hypot(height, width)) + 1
