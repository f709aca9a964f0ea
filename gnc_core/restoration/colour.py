"""Colour images by a grey prior: in luminance and chrominance, each with the noise that it has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gnc_core.errors import InputError
from gnc_core.prior import Prior
from gnc_core.problems import Problem

from .schemes import Scheme, Step

# Rows: (R + G + B) / 3, (R - B) / 2, (R - 2 G + B) / 4; the last two with 1/2 added lie in [0, 1], too. They are orthogonal, so
# that white noise stays white in each, and independent of that in the others.
OPPONENTS = ((1 / 3, 1 / 3, 1 / 3), (1 / 2, 0.0, -1 / 2), (1 / 4, -1 / 2, 1 / 4))
OFFSETS = (0.0, 0.5, 0.5)


def colours(y: Tensor) -> Tensor:
    """Colours (N, 3, H, W) of luminance and chrominances (N, 3, H, W).

    >>> colours(torch.tensor([0.25, 0.5, 0.5]).view(1, 3, 1, 1)).flatten().tolist()
    [0.25, 0.25, 0.25]
    """
    matrix = torch.tensor(OPPONENTS, dtype=torch.float64).inverse().to(y)
    return torch.einsum("ij,njhw->nihw", matrix, y - y.new_tensor(OFFSETS).view(1, 3, 1, 1))


def split(problem: Problem) -> list[Problem]:
    """A problem of colours as three grey ones (`Problem.mixed`): of luminance and the two chrominances, with their noise levels.

    Raises `InputError` for problems that cannot be mixed, and for images without three channels.

    >>> from gnc_core.problems import Denoising
    >>> problem = Denoising(torch.rand(1, 3, 8, 8), 0.3)
    >>> [round(part.level, 3) for part in split(problem)]
    [0.173, 0.212, 0.184]
    """
    if problem.shape[1] != 3:
        raise InputError(f"Luminance and chrominance are of three colours, not of {problem.shape[1]} channels.")
    return [problem.mixed(row, offset) for row, offset in zip(OPPONENTS, OFFSETS, strict=True)]


@dataclass(frozen=True)
class InColour:
    """A scheme for luminance and one for each chrominance, a step of all three at a time.

    schemes: three, of equally many steps, for the problems of `split`. The steps' images are colours again, their sigma is that
    of the luminance, and their energy that of the colours, each a grey image (`ByChannel`).

    >>> from gnc_core import zoo
    >>> from gnc_core.prior import ByChannel
    >>> from gnc_core.problems import Denoising
    >>> from gnc_core.restoration import Flow
    >>> problem = Denoising(torch.rand(1, 3, 16, 16), 0.1)
    >>> flows = [Flow([part.level, 0.01]) for part in split(problem)]
    >>> [step.image.shape for step in InColour(flows).run(ByChannel(zoo.load("foe-l1")), problem)]
    [torch.Size([1, 3, 16, 16]), torch.Size([1, 3, 16, 16])]
    """

    schemes: Sequence[Scheme]

    def __post_init__(self) -> None:
        if len(self.schemes) != 3 or len({scheme.steps for scheme in self.schemes}) != 1:
            raise InputError("Colours take three schemes of equally many steps.")

    @property
    def name(self) -> str:
        return self.schemes[0].name

    @property
    def steps(self) -> int:
        return self.schemes[0].steps

    def run(self, prior: Prior, problem: Problem) -> Iterator[Step]:
        runs = [scheme.run(prior, part) for scheme, part in zip(self.schemes, split(problem), strict=True)]
        for steps in zip(*runs, strict=True):
            image = colours(torch.cat([step.image for step in steps], 1))
            yield Step(steps[0].index, steps[0].sigma, image, prior, problem)
