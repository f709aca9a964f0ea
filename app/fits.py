"""Schedules of the page "Schedules": those that are there, and one that is fitted while it is watched."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from app.figures.common import Figure
from app.figures.schedules import Line, schedules_figure
from app.runs import Work, load_prior
from app.scenes import Upload, picture
from gnc_core import checks, images, zoo
from gnc_core.errors import InputError
from gnc_core.learning import fitting
from gnc_core.prior import Prior
from gnc_core.problems import TASKS, image_seed
from gnc_core.restoration import LearnedSchedule, ScheduleFamily, schedules

LEARNED, LOGARITHMIC, LINEAR, OWN = "learned", "logarithmic", "linear (GNC flow)", "fitted now"
CONTENT, CROP = 256, 64  # photographs are scaled down, and their middle is fitted to
ROUNDS = 30
FAINT = 6  # rounds that are drawn behind the newest


@dataclass(frozen=True)
class Goal:
    """What schedules are for: a prior, a task and its level, and a number of steps."""

    prior: str
    task: str
    level: float
    steps: int


def known(goal: Goal, family: ScheduleFamily | None) -> dict[str, LearnedSchedule]:
    """The schedules that need no fit, by name: linear and logarithmic ones with tau = sigma^2, and the learned one if there is
    one of that number of steps."""
    prior = load_prior(goal.prior)
    first = TASKS[goal.task].first_sigma(goal.level, prior.sigma_min, prior.sigma_max)
    found = {}
    if family is not None and family.steps[0] <= goal.steps <= family.steps[1]:
        found[LEARNED] = family.at(goal.level, goal.steps)
    for name, rule in ((LOGARITHMIC, schedules.logarithmic), (LINEAR, schedules.linear)):
        sigma = tuple(rule(max(first, prior.sigma_min), prior.sigma_min, goal.steps))
        found[name] = LearnedSchedule(sigma, tuple(v**2 for v in sigma), goal.task, goal.level, goal.prior)
    return found


def line(name: str, schedule: LearnedSchedule) -> Line:
    """sigma_i and c_i = tau_i / sigma_i^2."""
    sigma = np.array(schedule.sigma)
    return Line(name, sigma, np.array(schedule.tau) / sigma**2)


class Fit(Work):
    """A schedule that is being fitted to images. First the others are measured on them; then every `advance` is a round.

    psnr: in dB, of the mean squared error over all pixels, by the names of schedules. history: the best schedule after each
    round. sources: names of samples or uploads. Raises `InputError` without images, and for those that the prior cannot take.
    """

    def __init__(
        self, goal: Goal, others: dict[str, LearnedSchedule], sources: list[str | Upload], data: bytes | None
    ) -> None:
        super().__init__()
        if not sources:
            raise InputError("There are no images to fit to: choose some on the left.")
        self.goal, self.others, self.sources = goal, others, sources
        self.psnr: dict[str, float] = {}
        self.history: list[LearnedSchedule] = []
        self.errors: list[float] = []
        self._prior, self._over = load_prior(goal.prior), False
        truths = [images.crop_center(picture(s, CONTENT, False, False, data)[0], CROP) for s in sources]
        for truth in truths:
            checks.check_size(truth, self._prior.min_size)
        self._pairs = [
            (TASKS[goal.task].degrade(truth, goal.level, image_seed(0, k)).to(self.device), truth.to(self.device))
            for k, truth in enumerate(truths)
        ]
        self._rounds = self._work(self._prior)

    @property
    def finished(self) -> bool:
        return self._over

    @property
    def schedule(self) -> LearnedSchedule | None:
        """The best one so far."""
        return self.history[-1] if self.history else None

    @property
    def title(self) -> str:
        return f"{TASKS[self.goal.task].words(self.goal.level)}, {self.goal.steps} steps, {self.goal.prior}"

    @property
    def done(self) -> float:
        """The share of the most rounds that are over."""
        return min(len(self.history) / ROUNDS, 1.0)

    @property
    def rounds_psnr(self) -> list[float]:
        """In dB, after each round."""
        return [decibels(error) for error in self.errors]

    def _step(self) -> None:
        self._over = next(self._rounds, None) is None

    def _work(self, prior: Prior) -> Iterator[bool]:
        for name, schedule in self.others.items():
            with torch.no_grad():
                numbers = tuple(torch.tensor(v) for v in (schedule.sigma, schedule.tau, schedule.weight))
                self.psnr[name] = decibels(fitting.mean_error(prior, self._pairs, numbers))
            yield True
        goal = self.goal
        rounds = fitting.fitting_rounds(prior, self._pairs, goal.steps, name=goal.prior, rounds=ROUNDS)
        for schedule, error in rounds:
            with self._lock:
                if not self.stopped:
                    self.history.append(schedule)
                    self.errors.append(error)
                    self.psnr[OWN] = decibels(error)
            yield True


def figure_of(fit: Fit | None, others: dict[str, LearnedSchedule]) -> Figure:
    """All schedules, and how the fit has moved."""
    lines = [line(name, schedule) for name, schedule in others.items()]
    if fit is None or fit.schedule is None:
        return schedules_figure(lines)
    earlier = [line(OWN, schedule) for schedule in fit.history[-FAINT:-1]]
    known = {name: value for name, value in fit.psnr.items() if name != OWN}
    return schedules_figure([*lines, line(OWN, fit.schedule)], earlier, fit.rounds_psnr, known)


def decibels(error: float) -> float:
    """The PSNR of a mean squared error of images in [0, 1]."""
    return -10 * float(np.log10(max(error, 1e-12)))


def family_of(prior: str, task: str) -> ScheduleFamily | None:
    """The learned schedules of a prior for a task, None without."""
    return next((family for family in zoo.families(prior)[0] if family.task == task), None)
