"""Computed tomography with parallel beams: sums along lines at many angles."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby, islice
from typing import TYPE_CHECKING, Self

from gnc_core import checks
from gnc_core.errors import InputError

from .base import Setting
from .linear import LEVEL, Linear

if TYPE_CHECKING:  # what a task is, the command line says without PyTorch
    from torch import Tensor

# Points at which rays meet rows: so many are computed together, and of a problem that has no more they are kept, 12 bytes each.
TOGETHER, KEPT = 2**18, 2**23


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

        return torch.cat([beams.project(x) for beams in self._beams], 2) / max(self.size)

    def adjoint(self, y: Tensor) -> Tensor:
        total, first = y.new_zeros(*y.shape[:2], *self.size), 0
        for beams in self._beams:
            total += beams.spread(y[:, :, first : first + beams.count])
            first += beams.count
        return total / max(self.size)

    @property
    def _beams(self) -> Iterable[_Beams]:
        angles, count = self.observation.shape[2:]
        return self._kept if angles * count * max(self.size) <= KEPT else self._made()

    @cached_property
    def _kept(self) -> list[_Beams]:
        return list(self._made())

    def _made(self) -> Iterator[_Beams]:
        """All angles, as many at a time as turn the same way and find room."""
        angles, count = self.observation.shape[2:]
        directions = [(math.cos(theta), math.sin(theta)) for theta in (math.pi / angles * n for n in range(angles))]
        most = max(1, TOGETHER // (count * max(self.size)))
        for turned, group in groupby(directions, key=lambda direction: abs(direction[0]) < abs(direction[1])):
            while some := list(islice(group, most)):
                yield _Beams(some, turned, count, self.size, self.observation)


class _Beams:
    """Joseph's method: a ray x cos(theta) + y sin(theta) = d visits every row (column, where it is steeper: turned), and takes
    its value there between two pixels. directions: cos and sin of each theta."""

    def __init__(
        self, directions: Sequence[tuple[float, float]], turned: bool, count: int, size: tuple[int, int], like: Tensor
    ) -> None:
        import torch

        self.turned, self.count = turned, len(directions)
        self.size = rows, width = size[::-1] if turned else size
        along, across = torch.tensor(directions, dtype=like.dtype, device=like.device).T[..., None, None]
        if turned:
            along, across = across, along
        self.length = 1 / along.abs()[..., 0]  # (angles, 1)
        d, row = (torch.arange(n, dtype=like.dtype, device=like.device) - (n - 1) / 2 for n in (count, rows))
        place = (d - across * row[:, None]) / along + (width - 1) / 2 + 1  # in rows with a zero on either side
        place = place.clamp(0, width + 1 - 1e-4)
        self.lower = place.floor().long()  # (angles, rows, detectors)
        self.share = place - self.lower

    def project(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, angles, detectors)."""
        import torch

        rows = torch.nn.functional.pad(x.transpose(2, 3) if self.turned else x, (1, 1))
        rows = rows[:, :, None].expand(-1, -1, self.count, -1, -1)
        lower = self.lower.expand(*x.shape[:2], -1, -1, -1)
        first, second = rows.gather(4, lower), rows.gather(4, lower + 1)
        return self.length * torch.lerp(first, second, self.share).sum(3)

    def spread(self, lines: Tensor) -> Tensor:
        """The adjoint of `project`."""
        rows, width = self.size
        value = (self.length * lines)[:, :, :, None]
        lower = self.lower.expand(*lines.shape[:2], -1, -1, -1)
        total = lines.new_zeros(*lines.shape[:2], self.count, rows, width + 2)
        total.scatter_add_(4, lower, value * (1 - self.share)).scatter_add_(4, lower + 1, value * self.share)
        image = total.sum(2)[..., 1:-1]
        return image.transpose(2, 3) if self.turned else image


def detectors(height: int, width: int) -> int:
    """How many detectors of one pixel the diagonal needs, at all angles.

    >>> detectors(32, 32)
    47
    """
    return math.ceil(math.hypot(height, width)) + 1
