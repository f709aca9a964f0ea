"""Learned schedules for every level of a task and every number of steps: one smooth function of both (method, section 7)."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gnc_core import checks, problems
from gnc_core.errors import InputError
from gnc_core.files import write_bytes

from .schedules import LearnedSchedule

if TYPE_CHECKING:  # which schedules there are is told without PyTorch
    from torch import Tensor

NUMBERS, DEGREE = 7, 3  # of a schedule; of a polynomial in (x, y)
PRODUCTS = tuple((i, j) for j in range(DEGREE) for i in range(DEGREE + 1 - j))  # of P_i(x) and P_j(y)
LEAST, MOST = 0.1, 2.0  # c of a step: none is idle, and none leaps
TIME = 5.5  # about the sum of all c of a fitted schedule, whatever its number of steps


@dataclass(frozen=True)
class ScheduleFamily:
    """Monotone schedules with `tau_i = c_i sigma_i^2`, a smooth function of a task's level and of the number S of steps.

    With u_i = i / (S - 1) and seven numbers a, b, p, c_0, c_1, c_2, w, each a polynomial in x and y,

        s_0 = s_min + (s_max - s_min) logistic(a),    s_end = s_min + (s_0 - s_min) logistic(b),
        log sigma_i = s_end + (s_0 - s_end) (1 - u_i)^exp(p),
        log c_i = log 0.1 + log 20 logistic(d_S + c_0 + c_1 P_1(2 u_i - 1) + c_2 P_2(2 u_i - 1)),

    and exp(w) the weight of the data term.

    x and y are the places, -1 ... 1, of the level's logit and of 1/S between those of `levels` and `steps`. With d_S alone c_i is
    5.5/S (but for its bounds): the time of a flow that more steps only sample more finely, from which y departs. P_j are
    Legendre's polynomials: what is fitted is better conditioned than with powers.

    weights: 7 x 9, a row a number; its columns belong to P_i(x) P_j(y), i + j <= 3, j <= 2, in the order of `PRODUCTS`. task: the
    name of a problem. prior: the name of the prior whose range is [sigma_min, sigma_max]. levels, steps: the range of both that
    it was fitted to. command: what fitted it.
    Raises `InputError` if the numbers cannot be a family.

    >>> from gnc_core import zoo
    >>> family = zoo.find_family("foe-l1", "denoise")
    >>> family.at(0.123, steps=7).title
    'denoise, noise 0.123, 7 steps'
    """

    weights: tuple[tuple[float, ...], ...]
    task: str
    prior: str
    levels: tuple[float, float]
    steps: tuple[int, int]
    sigma_min: float
    sigma_max: float
    command: str = ""

    def __post_init__(self) -> None:
        rows = [
            checks.numbers(row, "The family's weights") for row in checks.listed(self.weights, "The family's weights")
        ]
        if len(rows) != NUMBERS or any(len(row) != len(PRODUCTS) for row in rows):
            raise InputError(f"The family's weights must be {NUMBERS} rows of {len(PRODUCTS)} numbers.")
        object.__setattr__(self, "weights", tuple(rows))
        level = problems.task(self.task).kind_of_level
        ranges = [checks.listed(ends, "The family's ranges of levels and steps") for ends in (self.levels, self.steps)]
        if any(len(ends) != 2 for ends in ranges):
            raise InputError("The family's ranges of levels and steps must be pairs of numbers.")
        low, high = (level.check(value) for value in ranges[0])
        first, last = (checks.whole(value, "The family's number of steps", 1, 1000) for value in ranges[1])
        sigma_min, sigma_max = (checks.number(v, "sigma", positive=True) for v in (self.sigma_min, self.sigma_max))
        if not (low < high < 1 and first <= last and sigma_min < sigma_max):
            raise InputError("The family's ranges of levels, steps and sigmas must run upwards.")
        object.__setattr__(self, "levels", (low, high))
        object.__setattr__(self, "steps", (first, last))

    @property
    def title(self) -> str:
        """What it is for, in words: "denoise, noise 0.0196 to 0.4, 3 to 20 steps"."""
        low, high = self.levels
        words = f"{self.task}, {problems.task(self.task).kind_of_level.short} {low:.3g} to {high:.3g}"
        first, last = self.steps
        return f"{words}, {first} to {last} steps" if first < last else f"{words}, {last} step{'s'[: last > 1]}"

    @property
    def suits(self) -> int:
        """The number of steps that suits the task, or is nearest to it."""
        return min(max(problems.task(self.task).steps, self.steps[0]), self.steps[1])

    def at(self, level: float, steps: int | None = None) -> LearnedSchedule:
        """The schedule for a level and a number of steps (default: `suits`); levels beyond the range get what its
        end has.

        Raises `InputError` for a level that is none of the task, and for numbers of steps out of the range."""
        import torch

        level = problems.task(self.task).kind_of_level.check(level)
        steps = self.suits if steps is None else steps
        steps = checks.whole(steps, f"The number of steps of a learned schedule for {self.title}", *self.steps)
        sigma, tau, weight = unfold(torch.tensor(self.weights, dtype=torch.float64), self, level, steps)
        numbers = tuple(sigma.tolist()), tuple(tau.tolist())
        return LearnedSchedule(*numbers, self.task, level, self.prior, self.command, weight.item())

    def place(self, level: float, steps: int) -> tuple[float, float]:
        """x and y of a level and a number of steps, in [-1, 1]."""

        def between(value: float, low: float, high: float) -> float:
            return min(max(2 * (value - low) / (high - low) - 1, -1.0), 1.0) if low < high else 0.0

        low, high = self.levels
        x = between(_logit(min(max(level, low), high)), _logit(low), _logit(high))
        first, last = self.steps
        return x, between(1 / steps, 1 / last, 1 / first)

    def levels_at(self, places: Sequence[float]) -> list[float]:
        """The levels at places x, -1 ... 1: the inverse of `place`."""
        low, high = (_logit(end) for end in self.levels)
        return [1 / (1 + math.exp(-(low + (x + 1) / 2 * (high - low)))) for x in places]

    def with_weights(self, weights: Sequence[Sequence[float]]) -> ScheduleFamily:
        """The same family with other weights."""
        return replace(self, weights=tuple(tuple(row) for row in weights))

    def restricted(self, levels: tuple[float, float], steps: int) -> ScheduleFamily:
        """The same schedules for a single number of steps, as a family on another range of levels within this one's.

        Raises `InputError` for what this family does not serve."""
        (low, high), (first, last) = self.levels, self.steps
        if not (low <= levels[0] < levels[1] <= high and first <= steps <= last):
            wanted = f"levels {levels[0]:.3g} to {levels[1]:.3g} and {steps} steps"
            raise InputError(f"The schedules for {self.title} do not serve {wanted}.")
        import numpy as np

        (left, y), (right, _) = (self.place(level, steps) for level in levels)
        places = np.linspace(-1, 1, DEGREE + 1)  # in the new range: as many as a polynomial in x has coefficients
        here = [products((left + right) / 2 + (right - left) / 2 * x, y) for x in places]
        alone = np.polynomial.legendre.legvander(places, DEGREE)
        in_x = np.linalg.solve(alone, np.array(here) @ np.array(self.weights).T).T
        rows = [[*row, *[0.0] * (len(PRODUCTS) - DEGREE - 1)] for row in in_x.tolist()]
        return replace(self, levels=(levels[0], levels[1]), steps=(steps, steps)).with_weights(rows)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1) + "\n"

    def save(self, path: str | os.PathLike) -> None:
        """Writes `to_json` to `path`; the file appears complete or not at all."""
        write_bytes(path, self.to_json().encode())

    @classmethod
    def load(cls, path: str | os.PathLike) -> ScheduleFamily:
        """Reads what `save` wrote; raises `InputError` if there is no such file or it is another."""
        try:
            fields = json.loads(Path(path).read_bytes())
            return cls(**fields)
        except OSError as error:
            raise InputError(f"Cannot read the schedules {path}: {error.strerror}.") from error
        except InputError as error:
            raise InputError(f"{path} cannot be used: {error}") from error
        except (ValueError, TypeError, RecursionError) as error:
            raise InputError(f"{path} holds no learned schedules for all levels; fit-schedule writes them.") from error


def products(x: float, y: float) -> list[float]:
    """P_i(x) P_j(y) in the order of `PRODUCTS`.

    >>> products(1.0, 0.0)
    [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, -0.5, -0.5]
    """
    by_x, by_y = ((1.0, v, (3 * v * v - 1) / 2, (5 * v**3 - 3 * v) / 2) for v in (x, y))
    return [by_x[i] * by_y[j] for i, j in PRODUCTS]


def unfold(weights: Tensor, family: ScheduleFamily, level: float, steps: int) -> tuple[Tensor, Tensor, Tensor]:
    """sigma and tau, (S,) each, and the weight of the data term, (), of the schedule that `weights`, (7, 9), instead of the
    family's own have at a level and a number of steps; differentiable in them.

    >>> import torch
    >>> from gnc_core import zoo
    >>> family = zoo.find_family("foe-l1", "denoise")
    >>> sigma, tau, _ = unfold(torch.tensor(family.weights), family, level=0.1, steps=5)
    >>> bool((sigma.diff() <= 0).all()), bool((tau >= 0.1 * sigma**2 * (1 - 1e-6)).all())
    (True, True)
    """
    import torch

    a, b, p, c_0, c_1, c_2, w = weights @ weights.new_tensor(products(*family.place(level, steps)))
    s_min, s_max = math.log(family.sigma_min), math.log(family.sigma_max)
    s_0 = s_min + (s_max - s_min) * torch.sigmoid(a)
    s_end = s_min + (s_0 - s_min) * torch.sigmoid(b)
    u = torch.linspace(0, 1, steps).to(weights)
    rest = torch.where(u < 1, 1 - u, 1.0) ** p.exp() * (u < 1)  # (1 - u)^exp(p), whose slope in p is 0 at u = 1
    sigma = (s_end + (s_0 - s_end) * rest).exp()
    t, span = 2 * u - 1, math.log(MOST / LEAST)
    d = (
        4 * math.log(TIME / steps / math.sqrt(LEAST * MOST)) / span
    )  # 4: the logistic function rises by 1/4 in its middle
    c = LEAST * torch.exp(span * torch.sigmoid(d + c_0 + c_1 * t + c_2 * (3 * t * t - 1) / 2))
    return sigma, c * sigma**2, w.exp()


def _logit(share: float) -> float:
    return math.log(share / (1 - share))
