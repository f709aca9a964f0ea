"""The units of work that a sweep is done in, and their division among processes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gnc_core import checks

from .plan import Place, Plan
from .results import Result

# Images of one size are batched up to so many pixels. On a CPU the features of more than that leave its caches, and only
# small images gain; a GPU needs many pixels to be busy.
_BATCH_PIXELS = {"cpu": 2**16, "cuda": 2**22}


@dataclass(frozen=True)
class Unit:
    """Work that is done in one go: a run on a batch of images, which notes the cells that it passes.

    images: positions in the plan. size: their (height, width). scheme, sigma0: as in the plan.
    ends: the cell that is done after a number of steps: one for a flow, {10: (1, 0, 3), 20: (1, 0, 4)} for a joint run.
    A unit without a scheme measures the degraded images, {0: None}.

    >>> joint = Unit(images=(0, 1), size=(8, 8), scheme="joint", sigma0=0.1, ends={10: (1, 0, 0), 20: (1, 0, 1)})
    >>> joint.steps, joint.score_steps
    (20, 78)
    """

    images: tuple[int, ...]
    size: tuple[int, int]
    scheme: str | None
    sigma0: float | None
    ends: dict[int, Place | None]

    @property
    def steps(self) -> int:
        """Steps of the run."""
        return max(self.ends)

    @property
    def score_steps(self) -> int:
        """How often it evaluates the prior's score, each time on one image: S times for a flow of S steps, 2 S - 1 times for
        a joint run, whose steps in s need the score's pass with dR/ds. One joint run serves all numbers of steps."""
        return len(self.images) * (2 * self.steps - 1 if self.scheme == "joint" else self.steps)


def units_of_plan(plan: Plan, known: Result | None = None, device: str = "cpu") -> list[Unit]:
    """The work in the order in which it is done, without what is `known` already: batch after batch, each with all schemes,
    initial smoothings and numbers of steps. Images of one size are batched.

    >>> plan = Plan("denoise", 0.1, "foe-l1", "", ("flow", "joint"), (0.1,), (1, 3), ("a",), ((8, 8),), images="")
    >>> [(unit.scheme, unit.steps) for unit in units_of_plan(plan)]
    [(None, 0), ('flow', 1), ('flow', 3), ('joint', 3)]
    """
    return [unit for batch in _batches(plan, device) for unit in _units_of_batch(plan, batch, known)]


def units_of_process(units: Sequence[Unit], rank: int, processes: int) -> list[Unit]:
    """Those of process number `rank`: all processes together have every unit once, and about the same to compute.

    The largest first, each goes to whoever has least.

    >>> plan = Plan("denoise", 0.1, "foe-l1", "", ("flow", "joint"), (0.1,), (1, 3), ("a",), ((8, 8),), images="")
    >>> [len(units_of_process(units_of_plan(plan), rank, processes=2)) for rank in (0, 1)]
    [1, 3]
    """
    costs = [(unit.score_steps + len(unit.ends) * len(unit.images)) * math.prod(unit.size) for unit in units]
    loads, mine = [0] * processes, []
    for index in sorted(range(len(units)), key=lambda i: -costs[i]):
        least = loads.index(min(loads))
        loads[least] += costs[index]
        if least == rank:
            mine.append(index)
    return [units[index] for index in sorted(mine)]


def score_steps(units: Iterable[Unit]) -> int:
    """How often the prior's score will be evaluated in all of them (`Unit.score_steps`).

    >>> plan = Plan("denoise", 0.1, "foe-l1", "", ("flow", "joint"), (0.1,), (1, 3), ("a",), ((8, 8),), images="")
    >>> score_steps(units_of_plan(plan))  # 1 + 3 of the flow, 2 * 3 - 1 of the joint run
    9
    """
    return sum(unit.score_steps for unit in units)


def _batches(plan: Plan, device: str) -> list[tuple[int, ...]]:
    """Positions of images of one size; with `device` alone it is settled which are together."""
    most = _BATCH_PIXELS[checks.device(device).type]
    batches = []
    for size in dict.fromkeys(plan.sizes):
        alike = [index for index, other in enumerate(plan.sizes) if other == size]
        count = max(1, most // math.prod(size))
        batches += [tuple(alike[first : first + count]) for first in range(0, len(alike), count)]
    return batches


def _units_of_batch(plan: Plan, batch: tuple[int, ...], known: Result | None) -> list[Unit]:
    """What is to be done on a batch; the images of a batch are known together or computed again together."""

    def missing(place: Place | None) -> bool:
        return known is None or not known.knows(place, batch)

    size = plan.sizes[batch[0]]
    units = [Unit(batch, size, None, None, {0: None})] if missing(None) else []
    for i, scheme in enumerate(plan.schemes):
        for j, sigma0 in enumerate(plan.sigma0):
            ends = {number: (i, j, k) for k, number in enumerate(plan.steps) if missing((i, j, k))}
            runs = [ends] if scheme == "joint" else [{number: place} for number, place in ends.items()]
            units += [Unit(batch, size, scheme, sigma0, dict(run)) for run in runs if run]
    return units
