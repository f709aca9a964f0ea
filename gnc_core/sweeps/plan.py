"""What a sweep computes: a grid of (scheme, sigma0, steps) on a set of images."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

from gnc_core import __version__, checks, problems
from gnc_core.errors import InputError
from gnc_core.restoration.schedules import check_rate, check_sigma, check_steps, logarithmic

if TYPE_CHECKING:  # what a sweep is, the command line says without PyTorch
    from torch import Tensor

    from gnc_core.prior.base import Prior

SCHEMES = ("flow", "joint")
STEPS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100)
N = TypeVar("N", int, float)
Place = tuple[int, int, int]  # positions in the schemes, sigma0 and steps of a plan


@dataclass(frozen=True)
class Plan:
    """A sweep, as its file states it: two sweeps with equal plans have the same numbers.

    task, level: the name of a problem, and how bad the degradation is (`problems.TASKS`).
    prior, weights: the name of the prior, and the hash of its weights (`zoo.weights_hash`).
    schemes: of "flow" (linear schedule from sigma0 to sigma_min) and "joint". sigma0: initial smoothings in units of [0, 1],
    increasing. steps: numbers of steps, increasing.
    names, sizes, images: of every image its name and (height, width), and a hash of all their pixels.
    seed: image i is degraded with `problems.image_seed(seed, i)`.
    rate: the step size c of s in joint minimisation (`restoration.Joint`); files without it are of 0.9.
    setting: what else degrades, as a text (`Problem.degrade`).
    Raises `InputError` if that cannot be a sweep.

    >>> sizes, names = ((8, 8), (8, 9)), ("a", "b")
    >>> plan = Plan("denoise", 0.1, "foe-l1", "", ("flow", "joint"), (0.05, 0.1, 0.5), (1, 3), names, sizes, images="")
    >>> plan.shape, plan.title
    ((2, 3, 2, 2), 'denoise, noise 0.1, prior foe-l1, 2 images')
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
    setting: str = ""
    version: str = __version__

    def __post_init__(self) -> None:
        problems.task(self.task).kind_of_level.check(self.level)
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
        if not all(side > 0 for size in self.sizes for side in size):
            raise InputError("The sizes of a sweep's images must be positive.")

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(schemes, sigma0, steps, images): that of the results."""
        return len(self.schemes), len(self.sigma0), len(self.steps), len(self.names)

    @property
    def title(self) -> str:
        """What it is, in words: "denoise, noise 0.1, prior foe-l1, 68 images"."""
        count = len(self.names)
        return f"{problems.task(self.task).words(self.level, self.setting)}, prior {self.prior}, {count} image{'s'[: count > 1]}"

    @classmethod
    def from_dict(cls, fields: Any) -> Plan:
        """The inverse of `dataclasses.asdict`, also by way of JSON; raises `InputError` for anything else."""
        try:
            return cls(
                task=str(fields["task"]),
                level=float(fields["level"]),
                prior=_text(fields["prior"]),
                weights=_text(fields["weights"]),
                schemes=tuple(str(name) for name in fields["schemes"]),
                sigma0=tuple(float(sigma) for sigma in fields["sigma0"]),
                steps=tuple(int(number) for number in fields["steps"]),
                names=tuple(_text(name) for name in fields["names"]),
                sizes=tuple((int(height), int(width)) for height, width in fields["sizes"]),
                images=str(fields["images"]),
                seed=int(fields["seed"]),
                rate=float(fields.get("rate", 0.9)),
                setting=str(fields.get("setting", "")),
                version=str(fields["version"]),
            )
        except InputError:
            raise
        except (ValueError, TypeError, LookupError, OverflowError) as error:
            raise InputError("There are not all the fields of a sweep, or one of them is of another kind.") from error


def _text(value: Any) -> str:
    """`value` as a text; raises `ValueError` if it cannot be written (JSON may hold halves of a surrogate pair)."""
    text = str(value)
    text.encode()
    return text


@dataclass(frozen=True)
class Runs:
    """The runs on every image: all combinations of schemes, initial smoothings and numbers of steps, as `Plan` has them, in any
    order.

    sigma0: None is `default_sigmas`. rate: of joint minimisation; None is that of the task, `Problem.rate`.

    >>> Runs(sigma0=[0.1, 0.5], steps=[10]).schemes
    ('flow', 'joint')
    """

    schemes: Sequence[str] = SCHEMES
    sigma0: Sequence[float] | None = None
    steps: Sequence[int] = STEPS
    rate: float | None = None


def make_plan(
    prior: Prior,
    images: Sequence[tuple[str, Tensor]],
    task: str,
    level: float,
    runs: Runs | None = None,
    *,
    seed: int = 0,
    prior_name: str = "",
    weights: str = "",
    setting: str = "",
) -> Plan:
    """The plan of a sweep; its grid is sorted, and what is given twice counts once.

    images: names and true images, (1, 1, H, W), float in [0, 1] or uint8. runs: default `Runs()`. The rest: `Plan`.
    Raises `InputError` for sigmas outside the prior's range, steps outside 1 ... 1000, a rate outside (0, 2), images that are
    too small for the prior, and levels that do not suit the task.

    >>> from gnc_core import images, zoo
    >>> cat = "cat", images.load_sample("Cat")[..., :32, :32]
    >>> plan = make_plan(zoo.load("foe-l1"), [cat], "denoise", 0.1, Runs(sigma0=[0.1, 0.5], steps=[8, 4, 8]))
    >>> plan.schemes, plan.sigma0, plan.steps
    (('flow', 'joint'), (0.1, 0.5), (4, 8))
    """
    from gnc_core.images import to_float

    kind = problems.task(task)
    level = kind.kind_of_level.check(level)
    runs = runs or Runs()
    sigma0 = runs.sigma0
    if sigma0 is None:
        sigma0 = default_sigmas(task, level, prior.sigma_min, prior.sigma_max)
    smallest, largest = prior.sigma_min, prior.sigma_max
    sigma0 = [check_sigma(sigma, smallest, largest) for sigma in checks.listed(sigma0, "The initial smoothings")]
    images, pixels = checks.named_images(images), hashlib.sha256()
    for name, image in images:
        checks.check_single(to_float(image), name)
        checks.check_size(image, prior.min_size, name)
        pixels.update(to_float(image).cpu().contiguous().numpy().tobytes())
    return Plan(
        task=task,
        level=level,
        prior=prior_name,
        weights=weights,
        schemes=tuple(sorted({str(name) for name in checks.listed(runs.schemes, "The schemes", "names")})),
        sigma0=tuple(sorted(set(sigma0))),
        steps=tuple(sorted({check_steps(number) for number in checks.listed(runs.steps, "The numbers of steps")})),
        names=tuple(name for name, _ in images),
        sizes=tuple((image.shape[-2], image.shape[-1]) for _, image in images),
        images=pixels.hexdigest()[:12],
        seed=checks.whole(seed, "The seed", 0),
        rate=kind.rate if runs.rate is None else check_rate(runs.rate),
        setting=setting,
    )


def default_sigmas(task: str, level: float, sigma_min: float, sigma_max: float, count: int = 11) -> list[float]:
    """`count` initial smoothings up to sigma_max (see `spaced_sigmas`), all within the prior's range, from the lowest that
    is worth trying for the task (`Problem.lowest_sigma`). Raises `InputError` for another task, or a level out of its range.

    >>> default_sigmas("denoise", 0.1, 0.01, 0.5, count=3)
    [0.05, 0.158, 0.5]
    """
    kind = problems.task(task)
    first = kind.lowest_sigma(kind.kind_of_level.check(level), sigma_min)
    return spaced_sigmas(min(max(first, sigma_min), sigma_max), sigma_max, count)


def spaced_sigmas(first: float, last: float, count: int) -> list[float]:
    """`count` values from `first` to `last` with equal ratios, those between the two rounded to three digits.

    Raises `InputError` unless 0 < first <= last and count lies in 2 ... 1000.

    >>> spaced_sigmas(0.1, 0.4, 3)
    [0.1, 0.2, 0.4]
    """
    first, last = (checks.number(sigma, "An initial smoothing", finite=False) for sigma in (first, last))
    count = checks.whole(count, "The number of initial smoothings")
    if not (math.isfinite(last) and 0 < first <= last and 2 <= count <= 1000):
        raise InputError(
            f"Initial smoothings go up, 2 to 1000 of them, not from {first:g} to {last:g} in {count} values."
        )
    inner = [float(f"{sigma:.3g}") for sigma in logarithmic(last, first, count)[-2:0:-1]]
    return [first, *(min(max(sigma, first), last) for sigma in inner), last]


def read_sigmas(text: str, name: str) -> list[float]:
    """The initial smoothings that a text lists, "0.05,25/255,0.5", or spans, "0.05:0.5:11" (see `spaced_sigmas`).

    Raises `InputError` for anything else; `name` is what the message calls it.

    >>> read_sigmas("0.05,0.1", "--sigma0"), read_sigmas("0.1:0.4:3", "--sigma0")
    ([0.05, 0.1], [0.1, 0.2, 0.4])
    """
    if ":" not in text:
        return [checks.not_in_another_unit(sigma, name) for sigma in read_numbers(text, name, checks.parsed)]
    try:
        first, last, count = text.split(":")
        low, high = (checks.not_in_another_unit(checks.parsed(sigma), name) for sigma in (first, last))
        return spaced_sigmas(low, high, int(count))
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{name} is FIRST:LAST:COUNT, such as 0.05:0.5:11, not {text!r}.") from error


def read_numbers(text: str, name: str, kind: Callable[[str], N]) -> list[N]:
    """The numbers that a text lists, "1,2,5"; raises `InputError` as `read_sigmas`.

    >>> read_numbers("1,2,5", "--steps", int)
    [1, 2, 5]
    """
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(f"{name} is a list of numbers with commas between them, not {text!r}.") from error
