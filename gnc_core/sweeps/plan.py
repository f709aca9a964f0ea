"""What a sweep computes: a grid of (scheme, sigma0, steps) on a set of images, and the units that it is done in."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

from torch import Tensor

from gnc_core import __version__, checks
from gnc_core.choices import JOINT_RATES
from gnc_core.errors import InputError
from gnc_core.images import check_size, to_float
from gnc_core.prior.base import Prior
from gnc_core.restoration.schedules import check_rate, check_sigma, check_steps, check_task, logarithmic

if TYPE_CHECKING:
    from .results import Result

SCHEMES = ("flow", "joint")
STEPS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100)
N = TypeVar("N", int, float)
Place = tuple[int, int, int]  # positions in the schemes, sigma0 and steps of a plan

# Images of one size are batched up to so many pixels. On a CPU the features of more than that leave its caches, and only
# small images gain; a GPU needs many pixels to be busy.
_BATCH_PIXELS = {"cpu": 2**16, "cuda": 2**22}


@dataclass(frozen=True)
class Plan:
    """A sweep, as its file states it: two sweeps with equal plans have the same numbers.

    task: "denoise" or "inpaint". level: the noise level in units of [0, 1], or the share of missing pixels.
    prior, weights: the name of the prior, and the hash of its weights (`zoo.weights_hash`).
    schemes: of "flow" (linear schedule from sigma0 to sigma_min) and "joint". sigma0: initial smoothings in units of [0, 1],
    increasing. steps: numbers of steps, increasing.
    names, sizes, images: of every image its name and (height, width), and a hash of all their pixels.
    seed: image i is degraded with `problems.image_seed(seed, i)`.
    rate: the step size c of s in joint minimisation (`restoration.Joint`); files without it are of 0.9.
    Raises `InputError` if that cannot be a sweep.
    """

    task: str
    level: float
    prior: str
    weights: str
    schemes: tuple[str, ...]
    sigma0: tuple[float, ...]
    steps: tuple[int, ...]
    names: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]
    images: str
    seed: int = 0
    rate: float = 0.9
    version: str = __version__

    def __post_init__(self) -> None:
        check_task(self.task)
        if not (math.isfinite(self.level) and self.level > 0):
            raise InputError(f"The noise level, or the share of missing pixels, must be positive, not {self.level:g}.")
        if self.task == "inpaint" and self.level >= 1:
            raise InputError(f"The share of missing pixels must lie between 0 and 1, not {self.level:g}.")
        if not self.schemes or [name for name in SCHEMES if name in self.schemes] != list(self.schemes):
            named = ", ".join(self.schemes) or "nothing"
            raise InputError(f"A sweep is of the schemes {' and '.join(SCHEMES)}, or of one of them, not of {named}.")
        for number in self.steps:
            check_steps(number)
        if not all(math.isfinite(sigma) and sigma > 0 for sigma in self.sigma0):
            raise InputError("The initial smoothings of a sweep must be positive numbers.")
        check_rate(self.rate)
        for values, name in ((self.sigma0, "initial smoothings"), (self.steps, "numbers of steps")):
            if not values or any(a >= b for a, b in pairwise(values)):
                raise InputError(f"The {name} of a sweep must be increasing, and at least one.")
        if not self.names or len(self.names) != len(self.sizes):
            raise InputError("A sweep needs at least one image, and the size of each.")

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(schemes, sigma0, steps, images): that of the results."""
        return len(self.schemes), len(self.sigma0), len(self.steps), len(self.names)

    @property
    def title(self) -> str:
        """What it is, in words: "denoise, noise 0.1, prior foe-l1, 68 images"."""
        unit, count = "noise" if self.task == "denoise" else "missing", len(self.names)
        return f"{self.task}, {unit} {self.level:.4g}, prior {self.prior}, {count} image{'s'[: count > 1]}"

    @property
    def score_steps(self) -> int:
        """How often the prior's score will be evaluated, each time on one image: S times for a flow of S steps, 2 S - 1
        times for a joint run, whose steps in s need the score's pass with dR/ds. One joint run serves all numbers of steps."""
        return sum(unit.score_steps for unit in self.units())

    def units(self, result: Result | None = None, device: str = "cpu") -> list[Unit]:
        """The work in the order in which it is done, without what `result` already knows: batch after batch, each with
        all schemes, initial smoothings and numbers of steps. Images of one size are batched."""
        return [unit for batch in self._batches(device) for unit in self._units_of(batch, result)]

    def _batches(self, device: str) -> list[tuple[int, ...]]:
        """Positions of images of one size; with `device` alone it is settled which are together."""
        most = _BATCH_PIXELS[checks.device(device).type]
        batches = []
        for size in dict.fromkeys(self.sizes):
            alike = [index for index, other in enumerate(self.sizes) if other == size]
            count = max(1, most // math.prod(size))
            batches += [tuple(alike[first : first + count]) for first in range(0, len(alike), count)]
        return batches

    def _units_of(self, batch: tuple[int, ...], result: Result | None) -> list[Unit]:
        """What is to be done on a batch; the images of a batch are known together or computed again together."""

        def missing(place: Place | None) -> bool:
            return result is None or not result.knows(place, batch)

        size = self.sizes[batch[0]]
        units = [Unit(batch, size, None, None, {0: None})] if missing(None) else []
        for i, scheme in enumerate(self.schemes):
            for j, sigma0 in enumerate(self.sigma0):
                ends = {number: (i, j, k) for k, number in enumerate(self.steps) if missing((i, j, k))}
                runs = [ends] if scheme == "joint" else [{number: place} for number, place in ends.items()]
                units += [Unit(batch, size, scheme, sigma0, dict(run)) for run in runs if run]
        return units

    @classmethod
    def from_dict(cls, fields: Any) -> Plan:
        """The inverse of `dataclasses.asdict`, also by way of JSON; raises `InputError` for anything else."""
        try:
            return cls(
                task=str(fields["task"]),
                level=float(fields["level"]),
                prior=str(fields["prior"]),
                weights=str(fields["weights"]),
                schemes=tuple(str(name) for name in fields["schemes"]),
                sigma0=tuple(float(sigma) for sigma in fields["sigma0"]),
                steps=tuple(int(number) for number in fields["steps"]),
                names=tuple(str(name) for name in fields["names"]),
                sizes=tuple((int(height), int(width)) for height, width in fields["sizes"]),
                images=str(fields["images"]),
                seed=int(fields["seed"]),
                rate=float(fields.get("rate", 0.9)),
                version=str(fields["version"]),
            )
        except InputError:
            raise
        except (ValueError, TypeError, LookupError, OverflowError) as error:
            raise InputError("There are not all the fields of a sweep, or one of them is of another kind.") from error


@dataclass(frozen=True)
class Unit:
    """Work that is done in one go: a run on a batch of images, which notes the cells that it passes.

    images: positions in the plan. size: their (height, width). scheme, sigma0: as in the plan.
    ends: the cell that is done after a number of steps: one for a flow, {10: (1, 0, 3), 20: (1, 0, 4)} for a joint run.
    A unit without a scheme measures the degraded images, {0: None}.
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
        """As `Plan.score_steps`."""
        return len(self.images) * (2 * self.steps - 1 if self.scheme == "joint" else self.steps)


def make_plan(
    prior: Prior,
    images: Sequence[tuple[str, Tensor]],
    task: str,
    level: float,
    schemes: Sequence[str] = SCHEMES,
    sigma0: Sequence[float] | None = None,
    steps: Sequence[int] = STEPS,
    seed: int = 0,
    prior_name: str = "",
    weights: str = "",
    rate: float | None = None,
) -> Plan:
    """The plan of a sweep; its grid is sorted, and what is given twice counts once.

    images: names and true images, (1, 1, H, W), float in [0, 1] or uint8. sigma0: default `default_sigmas`.
    rate: default that of the task, `choices.JOINT_RATES`. The rest: `Plan`.
    Raises `InputError` for sigmas outside the prior's range, steps outside 1 ... 1000, a rate outside (0, 2), images that are
    too small for the prior, and levels that do not suit the task.
    """
    check_task(task)
    level = checks.number(level, "The level", positive=True)
    if sigma0 is None:
        sigma0 = default_sigmas(task, level, prior.sigma_min, prior.sigma_max)
    smallest, largest = prior.sigma_min, prior.sigma_max
    sigma0 = [check_sigma(sigma, smallest, largest) for sigma in checks.listed(sigma0, "The initial smoothings")]
    pixels = hashlib.sha256()
    for name, image in images:
        checks.check_single(to_float(image), name)
        check_size(image, getattr(prior, "min_size", 1), name)
        pixels.update(to_float(image).cpu().contiguous().numpy().tobytes())
    return Plan(
        task=task,
        level=level,
        prior=prior_name,
        weights=weights,
        schemes=tuple(sorted(set(schemes))),
        sigma0=tuple(sorted(set(sigma0))),
        steps=tuple(sorted({check_steps(number) for number in checks.listed(steps, "The numbers of steps")})),
        names=tuple(name for name, _ in images),
        sizes=tuple((image.shape[-2], image.shape[-1]) for _, image in images),
        images=pixels.hexdigest()[:12],
        seed=checks.whole(seed, "The seed", 0),
        rate=JOINT_RATES[task] if rate is None else check_rate(rate),
    )


def default_sigmas(task: str, level: float, sigma_min: float, sigma_max: float, count: int = 11) -> list[float]:
    """`count` initial smoothings up to sigma_max (see `spaced_sigmas`), all within the prior's range: from half the noise level
    for denoising, from twice sigma_min for inpainting. Raises `InputError` for another task, or a level that is not positive."""
    check_task(task)
    level = checks.number(level, "The level", positive=True)
    first = float(f"{level / 2:.3g}") if task == "denoise" else 2 * sigma_min
    return spaced_sigmas(min(max(first, sigma_min), sigma_max), sigma_max, count)


def spaced_sigmas(first: float, last: float, count: int) -> list[float]:
    """`count` values from `first` to `last` with equal ratios, those between the two rounded to three digits.

    Raises `InputError` unless 0 < first <= last and count lies in 2 ... 1000."""
    first, last = (checks.number(sigma, "An initial smoothing", finite=False) for sigma in (first, last))
    count = checks.whole(count, "The number of initial smoothings")
    if not (math.isfinite(last) and 0 < first <= last and 2 <= count <= 1000):
        raise InputError(
            f"Initial smoothings go up, 2 to 1000 of them, not from {first:g} to {last:g} in {count} values."
        )
    inner = [float(f"{sigma:.3g}") for sigma in logarithmic(last, first, count)[-2:0:-1]]
    return [first, *(min(max(sigma, first), last) for sigma in inner), last]


def read_sigmas(text: str, name: str) -> list[float]:
    """The initial smoothings that a text lists, "0.05,0.1,0.5", or spans, "0.05:0.5:11" (see `spaced_sigmas`).

    Raises `InputError` for anything else; `name` is what the message calls it."""
    if ":" not in text:
        return read_numbers(text, name, float)
    try:
        first, last, count = text.split(":")
        return spaced_sigmas(float(first), float(last), int(count))
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{name} is FIRST:LAST:COUNT, such as 0.05:0.5:11, not {text!r}.") from error


def read_numbers(text: str, name: str, kind: type[N]) -> list[N]:
    """The numbers that a text lists, "1,2,5"; raises `InputError` as `read_sigmas`."""
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(f"{name} is a list of numbers with commas between them, not {text!r}.") from error


def share(units: Sequence[Unit], rank: int, processes: int) -> list[Unit]:
    """The units of process number `rank`: all processes together have every unit once, and about the same to compute.

    The largest first, each goes to whoever has least."""
    costs = [(unit.score_steps + len(unit.ends) * len(unit.images)) * math.prod(unit.size) for unit in units]
    loads, mine = [0] * processes, []
    for index in sorted(range(len(units)), key=lambda i: -costs[i]):
        least = loads.index(min(loads))
        loads[least] += costs[index]
        if least == rank:
            mine.append(index)
    return [units[index] for index in sorted(mine)]
