"""The runs of a sweep, one batch and one step at a time."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gnc_core import checks, problems
from gnc_core.choices import SchemeChoice, choose_scheme
from gnc_core.errors import InputError
from gnc_core.images import to_float
from gnc_core.measuring.metrics import psnr, ssim
from gnc_core.measuring.trace import timed
from gnc_core.prior.base import Prior
from gnc_core.problems import Problem
from gnc_core.restoration.schemes import Step, diverged, energy

from .plan import Place, Plan
from .results import Cell
from .units import Unit, units_of_plan

Images = Sequence[tuple[str, Tensor]]


@dataclass(frozen=True)
class Progress:
    """What a step brought: `score_steps` of those that its unit counts, and the cell that it finished, if it did.

    >>> Progress(score_steps=1, cell=None).cell is None  # a step within a run
    True
    """

    score_steps: int
    cell: Cell | None


@dataclass(frozen=True)
class Seconds:
    """How long things take for one image of a size on a device: a step of each scheme, and the measurements at the end of a
    run (energy, PSNR, SSIM).

    >>> flow = Unit(images=(0, 1), size=(8, 8), scheme="flow", sigma0=0.1, ends={10: (0, 0, 0)})
    >>> Seconds(step={"flow": 0.5}, end=0.25).of(flow)  # two images of ten steps each, measured once each
    10.5
    """

    step: dict[str, float]
    end: float

    def of(self, unit: Unit) -> float:
        """About how long a unit takes."""
        run = 0.0
        if unit.scheme:  # the first step of a joint run has no step in s before it
            run = self.step[unit.scheme] * (unit.steps - (0.5 if unit.scheme == "joint" else 0))
        return len(unit.images) * (run + self.end * len(unit.ends))


def run(
    plan: Plan, prior: Prior, images: Images, units: Sequence[Unit] | None = None, device: str = "cpu"
) -> Generator[Progress]:
    """Computes `units` (default: all of the plan, for that device) in their order, yielding after every step.

    images: begin with those of the plan. The sum of all `score_steps` is that of the units. Closing the generator stops
    the sweep; what it has yielded is final and depends on nothing but the plan, the batch, and the device. Raises `InputError`
    for other images than the plan's, and for a device that is not there.

    >>> from gnc_core import images, zoo
    >>> from gnc_core.sweeps import Result, Runs, make_plan
    >>> prior, cat = zoo.load("foe-l1"), ("cat", images.load_sample("Cat")[..., :32, :32])
    >>> plan = make_plan(prior, [cat], "denoise", 0.1, Runs(["flow"], sigma0=[0.1], steps=[2, 4]))
    >>> result = Result.empty(plan)
    >>> for progress in run(plan, prior, [cat]):
    ...     if progress.cell:
    ...         result.put(progress.cell)
    >>> result.complete
    True
    """
    images = checks.named_images(images)
    if tuple(name for name, _ in images[: len(plan.names)]) != plan.names:
        raise InputError("A sweep runs on the images of its plan, in their order; these have other names.")
    batch: tuple[int, ...] = ()
    for unit in units_of_plan(plan, device=device) if units is None else units:
        if unit.images != batch:
            truth, problem = _degrade(plan, images, unit.images, device)
            batch = unit.images
        if unit.scheme is None:
            yield Progress(
                0, _measure(problem.initial(), energy(prior, problem, problem.initial()), problem, truth, unit)
            )
            continue
        for step in _steps(plan, unit, prior, problem):
            passes = 2 if unit.scheme == "joint" and step.index > 1 else 1
            ends = step.index in unit.ends
            cell = _measure(step.image, step.energy, problem, truth, unit, unit.ends[step.index]) if ends else None
            yield Progress(passes * len(batch), cell)


def measure_seconds(
    plan: Plan, prior: Prior, images: Images, units: Iterable[Unit] | None = None, device: str = "cpu"
) -> dict[tuple[int, int], Seconds]:
    """Times a few steps for every size of image in `units` (default: all of the plan), after a warm-up, in batches as they
    will be.

    >>> from gnc_core import images, zoo
    >>> from gnc_core.sweeps import Runs, make_plan
    >>> prior, cat = zoo.load("foe-l1"), ("cat", images.load_sample("Cat")[..., :32, :32])
    >>> plan = make_plan(prior, [cat], "denoise", 0.1, Runs(["flow"], sigma0=[0.1], steps=[2, 4]))
    >>> list(measure_seconds(plan, prior, [cat]))
    [(32, 32)]
    """
    images, found = checks.named_images(images), dict[tuple[int, int], Seconds]()
    for unit in units_of_plan(plan, device=device) if units is None else units:
        if unit.size in found:
            continue
        truth, problem = _degrade(plan, images, unit.images, device)
        start = problem.initial()
        _measure(start, energy(prior, problem, start), problem, truth, unit)
        step_seconds = {}
        for scheme in plan.schemes:
            few = Unit(unit.images, unit.size, scheme, plan.sigma0[-1], {4: None})
            (_, _), *later = timed(_steps(plan, few, prior, problem))
            step, step_seconds[scheme] = later[-1][0], statistics.median(seconds for _, seconds in later)
        begin = time.perf_counter()
        _measure(step.image, energy(prior, problem, step.image), problem, truth, unit)
        end, count = time.perf_counter() - begin, len(unit.images)
        found[unit.size] = Seconds({scheme: value / count for scheme, value in step_seconds.items()}, end / count)
    return found


def estimate(units: Iterable[Unit], seconds: Mapping[tuple[int, int], Seconds]) -> float:
    """About how many seconds `units` will take, by what `measure_seconds` found.

    >>> flow = Unit(images=(0, 1), size=(8, 8), scheme="flow", sigma0=0.1, ends={10: (0, 0, 0)})
    >>> estimate([flow, flow], {(8, 8): Seconds(step={"flow": 0.5}, end=0.25)})
    21.0
    """
    return sum(seconds[unit.size].of(unit) for unit in units)


def in_words(seconds: float) -> str:
    """A duration, for an estimate: "40 s", "12 min", "3.5 h".

    >>> in_words(39.2), in_words(720), in_words(12600)
    ('40 s', '12 min', '3.5 h')
    """
    if seconds < 100:
        return f"{math.ceil(seconds)} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _degrade(plan: Plan, images: Images, batch: Sequence[int], device: str) -> tuple[Tensor, Problem]:
    """The true images of a batch (on the CPU) and the problem made of them, as `evaluation.evaluate` does it, but from grey
    gaps, as in the paper."""
    kind = problems.task(plan.task)
    truths = [kind.part(to_float(images[index][1]).cpu(), plan.setting) for index in batch]
    start = "grey" if kind.starts else None
    degraded = [
        kind.degrade(
            truth.to(device), plan.level, problems.image_seed(plan.seed, index), setting=plan.setting
        ).from_start(start)
        for index, truth in zip(batch, truths, strict=True)
    ]
    return torch.cat(truths), kind.stack(degraded)


def _steps(plan: Plan, unit: Unit, prior: Prior, problem: Problem) -> Iterator[Step]:
    """The steps of a unit's run, and none beyond its last."""
    assert unit.scheme
    rate = plan.rate if unit.scheme == "joint" else None
    choice = SchemeChoice(unit.scheme, unit.steps, unit.sigma0, rate)
    scheme = choose_scheme(choice, prior, plan.prior, plan.task, plan.level)
    steps = scheme.run(prior, problem)
    for _ in range(unit.steps):
        # By default a GPU's library may add in any order, which is not the same twice.
        with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            step = next(steps)
        yield step


def _measure(
    image: Tensor, energies: Tensor, problem: Problem, truth: Tensor, unit: Unit, place: Place | None = None
) -> Cell:
    """Energy, PSNR and SSIM of every image; infinite, NaN and NaN where the run diverged."""
    energies, good = energies.cpu().float(), ~diverged(problem, image).cpu()
    good &= torch.isfinite(energies)
    energies, image = torch.where(good, energies, torch.inf), image.cpu()
    measured = (torch.where(good, values.float(), torch.nan) for values in (psnr(image, truth), ssim(image, truth)))
    return Cell(place, unit.images, *(tuple(numbers.tolist()) for numbers in (energies, *measured)))
