"""Schedules: how the smoothing sigma decreases over the steps of a restoration (method, section 4)."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from gnc_core import checks, problems
from gnc_core.errors import InputError
from gnc_core.files import write_bytes

MAX_STEPS = 1000
MAX_RATE = 2.0  # of s in joint minimisation, itself left out


def linear(sigma0: float, sigma_min: float, steps: int) -> list[float]:
    """`steps` values from `sigma0` to `sigma_min` with equal differences; one step is `[sigma0]`.

    Sigmas in units of the image range [0, 1].
    Raises `InputError` for steps outside 1 ... 1000, and unless sigma0 >= sigma_min > 0.

    >>> linear(0.5, 0.1, 3)
    [0.5, 0.3, 0.1]
    """
    sigma0, sigma_min, steps = _range(sigma0, sigma_min, steps)
    if steps == 1:
        return [sigma0]
    inner = [sigma0 + (sigma_min - sigma0) * i / (steps - 1) for i in range(steps - 1)]
    return [*inner, sigma_min]


def logarithmic(sigma0: float, sigma_min: float, steps: int) -> list[float]:
    """`steps` values from `sigma0` to `sigma_min` with equal ratios; one step is `[sigma0]`.

    Units and errors as `linear`.

    >>> logarithmic(0.4, 0.1, 3)
    [0.4, 0.2, 0.1]
    """
    sigma0, sigma_min, steps = _range(sigma0, sigma_min, steps)
    if steps == 1:
        return [sigma0]
    inner = [sigma0 * (sigma_min / sigma0) ** (i / (steps - 1)) for i in range(steps - 1)]
    return [*inner, sigma_min]


@dataclass(frozen=True)
class LearnedSchedule:
    """The 2 S + 1 numbers of a learned schedule, and what it was fitted to.

    sigma: smoothing of each step, in units of [0, 1]. tau: step size of each step, >= 0. weight: w, of the data term: the steps
    go down w D + R. With 1 that is the negative log posterior; the image of least error need not be its minimiser, and a fit may
    choose another.
    task, level: the name of a problem, and how bad the degradation is (`problems.TASKS`).
    prior: the name of the prior. command: what fitted it, if it was a command.
    Raises `InputError` if the numbers cannot be a schedule.

    >>> LearnedSchedule(sigma=(0.1, 0.02), tau=(0.01, 0.0004), task="denoise", level=0.1, prior="foe-l1").title
    'denoise, noise 0.1, 2 steps'
    """

    sigma: tuple[float, ...]
    tau: tuple[float, ...]
    task: str
    level: float
    prior: str
    command: str = ""
    weight: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", checks.number(self.weight, "The weight of the data term", positive=True))
        object.__setattr__(self, "sigma", checks.numbers(self.sigma, "The schedule's sigmas", positive=True))
        object.__setattr__(self, "tau", checks.numbers(self.tau, "The schedule's step sizes tau"))
        object.__setattr__(self, "level", checks.number(self.level, "The schedule's level", positive=True))
        check_steps(len(self.sigma))
        if len(self.tau) != len(self.sigma):
            raise InputError(f"The schedule has {len(self.sigma)} sigmas but {len(self.tau)} step sizes.")
        if any(v < 0 for v in self.tau):
            raise InputError("The schedule's step sizes tau must be numbers, zero or larger.")
        object.__setattr__(self, "level", problems.task(self.task).kind_of_level.check(self.level))

    @property
    def steps(self) -> int:
        return len(self.sigma)

    @property
    def title(self) -> str:
        """What it is for, in words: "denoise, noise 0.1, 10 steps"."""
        return f"{problems.task(self.task).words(self.level)}, {self.steps} steps"

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, name: str = "The schedule") -> LearnedSchedule:
        """The inverse of `to_json`; raises `InputError` for anything else."""
        try:
            fields = json.loads(text)
            return cls(
                sigma=tuple(float(v) for v in fields["sigma"]),
                tau=tuple(float(v) for v in fields["tau"]),
                task=str(fields["task"]),
                level=float(fields["level"]),
                prior=str(fields["prior"]),
                command=str(fields.get("command", "")),
                weight=float(fields.get("weight", 1.0)),
            )
        except InputError as error:
            raise InputError(f"{name} cannot be used: {error}") from error
        except (ValueError, TypeError, LookupError, OverflowError, RecursionError) as error:
            raise InputError(
                f"{name} is not a learned schedule; fit-schedule writes them (JSON with sigma, tau, "
                "task, level and prior)."
            ) from error

    def save(self, path: str | os.PathLike) -> None:
        """Writes `to_json` to `path`; the file appears complete or not at all."""
        write_bytes(path, self.to_json().encode())

    @classmethod
    def load(cls, path: str | os.PathLike) -> LearnedSchedule:
        """Reads what `save` wrote; raises `InputError` if there is no such file or it is another."""
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise InputError(f"Cannot read the schedule {path}: {error.strerror}.") from error
        return cls.from_json(data, name=str(path))


def check_steps(steps: int) -> int:
    """`steps` as an int. Raises `InputError` unless it is a whole number in 1 ... 1000.

    >>> check_steps(0)
    Traceback (most recent call last):
    gnc_core.errors.InputError: The number of steps must lie in 1 ... 1000, not 0.
    """
    result = checks.whole(steps, f"The number of steps, 1 ... {MAX_STEPS},")
    if not 1 <= result <= MAX_STEPS:
        raise InputError(f"The number of steps must lie in 1 ... {MAX_STEPS}, not {result}.")
    return result


def check_rate(rate: float) -> float:
    """`rate`, the step size of s in joint minimisation, as a float. Raises `InputError` unless it lies in (0, 2).

    >>> check_rate(0.9)
    0.9
    """
    result = checks.number(rate, "The rate of s", positive=True)
    if result >= MAX_RATE:
        raise InputError(
            f"The rate of s must be positive and below {MAX_RATE:g}, not {result:g}: s would not converge."
        )
    return result


def check_sigma(sigma: float, sigma_min: float, sigma_max: float) -> float:
    """`sigma` as a float. Raises `InputError` unless it lies in the prior's range [sigma_min, sigma_max].

    >>> check_sigma(0.1, sigma_min=0.01, sigma_max=0.5)
    0.1
    """
    sigma = checks.number(sigma, "The smoothing sigma", finite=False)
    slack = 1 + 1e-6  # of numbers that went through float32
    if not sigma_min / slack <= sigma <= sigma_max * slack:
        raise InputError(
            f"The smoothing sigma must lie in [{sigma_min:g}, {sigma_max:g}], the range of this prior, not {sigma:g}."
        )
    return sigma


def _range(sigma0: float, sigma_min: float, steps: int) -> tuple[float, float, int]:
    sigma0, sigma_min = (checks.number(v, "The sigma of a schedule", positive=True) for v in (sigma0, sigma_min))
    if sigma0 < sigma_min:
        raise InputError(f"A schedule runs down from sigma0 to sigma_min: {sigma0:g} must not be below {sigma_min:g}.")
    return sigma0, sigma_min, check_steps(steps)
