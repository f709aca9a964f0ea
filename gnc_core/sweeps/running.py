"""The runs of a sweep, one batch and one step at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from gnc_core.restoration import Prior

from .plan import Plan, Unit
from .results import Cell


@dataclass(frozen=True)
class Progress:
    """What a step brought: `score_steps` of those that the plan counts, and the cell that it finished, if it did."""

    score_steps: int
    cell: Cell | None


@dataclass(frozen=True)
class Seconds:
    """How long things take for one image of a size on a device: a score, a score with slope in s, and the measurements at
    the end of a run (energy, PSNR, SSIM)."""

    score: float
    slope: float
    end: float


def run(
    plan: Plan,
    prior: Prior,
    images: Sequence[tuple[str, Tensor]],
    units: Sequence[Unit] | None = None,
    device: str = "cpu",
) -> Iterator[Progress]:
    """Computes `units` (default: all of `plan.units()`) in their order, yielding after every step.

    images: those of the plan. The sum of all `score_steps` is that of the units. Closing the generator stops
    the sweep; whatever it has yielded is final, and depends neither on the other units nor on their order.
    """


def measure_seconds(
    plan: Plan, prior: Prior, images: Sequence[tuple[str, Tensor]], device: str = "cpu"
) -> dict[tuple[int, int], Seconds]:
    """Times a step on every size of image in the plan, each after a warm-up, in batches as they will be."""


def estimate(units: Sequence[Unit], seconds: dict[tuple[int, int], Seconds]) -> float:
    """About how many seconds `units` will take."""
