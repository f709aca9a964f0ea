"""From a user's choices to a scheme: the defaults that the command line and the explorer share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gnc_core import problems, zoo
from gnc_core.errors import InputError
from gnc_core.restoration import schedules
from gnc_core.restoration.schedules import LearnedSchedule

if TYPE_CHECKING:  # the command line offers these choices without PyTorch
    from gnc_core.prior import Prior
    from gnc_core.problems import Problem
    from gnc_core.restoration.schemes import Scheme

SCHEMES = {"flow": "GNC flow", "joint": "Joint", "learned": "Learned schedule"}
"""All schemes, with their titles."""


@dataclass(frozen=True)
class SchemeChoice:
    """How to restore, as a user says it; None is what suits the task.

    scheme: "flow" (with a linear schedule), "joint" or "learned"; None is the learned schedules of the prior where it has some
    for the task, else the flow, unless `sigma0` (flow), `rate` (joint) or `schedule` (learned) say otherwise. steps: their number
    (1 ... 1000). sigma0: initial smoothing, in units of [0, 1]; not for "learned". rate: the step size c of s; for "joint" alone.
    schedule: instead of the prior's own; for "learned" alone. blind: nobody knows the level; the prior estimates it.
    Raises `InputError` for another scheme and for what does not belong to it.

    >>> SchemeChoice("flow", rate=0.5)
    Traceback (most recent call last):
    gnc_core.errors.InputError: A rate of s belongs to the scheme joint, not to flow.
    """

    scheme: str | None = None
    steps: int | None = None
    sigma0: float | None = None
    rate: float | None = None
    schedule: LearnedSchedule | None = None
    blind: bool = False

    def __post_init__(self) -> None:
        if self.scheme not in (None, *SCHEMES):
            raise InputError(f"There is no scheme {self.scheme!r}; there are {', '.join(SCHEMES)}.")
        if self.scheme is None:
            owners = {"flow": self.sigma0, "joint": self.rate, "learned": self.schedule}
            named = [scheme for scheme, value in owners.items() if value is not None]
            if named:
                object.__setattr__(self, "scheme", named[-1])
        if self.scheme == "learned" and self.sigma0 is not None:
            raise InputError("An initial smoothing does not apply to a learned schedule, whose sigmas are fitted.")
        if self.scheme not in (None, "joint") and self.rate is not None:
            raise InputError(f"A rate of s belongs to the scheme joint, not to {self.scheme}.")
        if self.scheme not in (None, "learned") and self.schedule is not None:
            raise InputError(f"A learned schedule belongs to the scheme learned, not to {self.scheme}.")
        if self.schedule is not None and self.steps not in (None, self.schedule.steps):
            raise InputError(f"The schedule has {self.schedule.steps} steps, not {self.steps}.")
        if self.steps is not None:
            object.__setattr__(self, "steps", schedules.check_steps(self.steps))


def best_device() -> str:
    """ "cuda" if there is a GPU, "cpu" otherwise.

    >>> best_device() in ("cpu", "cuda")
    True
    """
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def has_learned(
    prior_name: str | Path | None, task: str, steps: int | None = None, start: str | None = None, setting: str = ""
) -> bool:
    """Whether a prior (None: one that lies in no folder) has learned schedules for a task, of that number of steps, from that
    start of missing pixels, the first of `Problem.starts`, and for that setting: they are fitted to it.

    >>> has_learned("foe-l1", "denoise"), has_learned("foe-l1", "denoise", steps=50)
    (True, False)
    """
    if prior_name is None:
        return False
    family = next((family for family in zoo.families(prior_name)[0] if family.task == task), None)
    kind = problems.task(task)
    usual = (start is None or start in kind.starts[:1]) and kind.learned_suit(setting)
    return family is not None and usual and (steps is None or family.steps[0] <= steps <= family.steps[1])


def choose_scheme(
    choice: SchemeChoice,
    prior: Prior,
    prior_name: str | Path | None,
    task: str,
    level: float,
    start: str | None = None,
    setting: str = "",
) -> Scheme:
    """The scheme of a choice, for a task (`problems.TASKS`), its level and setting, and what missing pixels start from
    (`Problem.starts`).

    They say the defaults: of the number of steps, of sigma0 (the prior's largest for blind joint minimisation), of the rate, and
    which of the learned schedules of the prior `prior_name` it is (None: it lies in no folder, and has none). Raises `InputError`
    for sigmas outside the prior's range, if no learned schedule fits, and for blind choices where no prior can tell the level.

    >>> prior = zoo.load("foe-l1")
    >>> choose_scheme(SchemeChoice("joint", steps=6), prior, "foe-l1", "denoise", 0.1)
    Joint(sigma0=0.1, steps=6, rate=0.9)
    """
    from gnc_core.restoration.schemes import Flow, Joint, Learned

    kind = problems.task(task)
    level = kind.kind_of_level.check(level)
    if prior_name is not None and zoo.learned_from(prior_name):
        raise InputError(
            f"{prior_name} was learned from noisy images, and knows no scheme; `restore denoise` takes it."
        )
    if choice.blind and not kind.blind:
        able = " or ".join(name for name, problem in problems.TASKS.items() if problem.blind)
        raise InputError(f"No prior can tell how much is missing: only the task {able} can do without its level.")
    if choice.scheme == "learned" or (
        choice.scheme is None and has_learned(prior_name, task, choice.steps, start, setting)
    ):
        if prior_name is None and choice.schedule is None:
            raise InputError("This prior lies in no folder, and has no learned schedules.")
        schedule = choice.schedule or zoo.find_family(prior_name or "", task).at(level, choice.steps)
        if schedule.task != task:
            raise InputError(f"The schedule is for {schedule.title}, not for {task}.")
        for sigma in schedule.sigma:
            schedules.check_sigma(sigma, prior.sigma_min, prior.sigma_max)
        return Learned(schedule)
    steps = choice.steps or kind.steps
    sigma0 = choice.sigma0
    if sigma0 is None:
        from_the_top = choice.blind and choice.scheme == "joint"
        sigma0 = prior.sigma_max if from_the_top else kind.first_sigma(level, prior.sigma_min, prior.sigma_max, setting)
    sigma0 = schedules.check_sigma(sigma0, prior.sigma_min, prior.sigma_max)
    if choice.scheme == "joint":
        return Joint(sigma0, steps, kind.rate if choice.rate is None else choice.rate)
    return Flow(schedules.linear(max(sigma0, prior.sigma_min), prior.sigma_min, steps))


def scheme_for(
    choice: SchemeChoice,
    prior: Prior,
    prior_name: str | Path | None,
    problem: Problem,
    start: str | None = None,
    setting: str = "",
) -> Scheme:
    """`choose_scheme` for a problem: of colours with white noise, a scheme for luminance and one for each chrominance, which have
    noise levels of their own; of others, the same for all channels.

    >>> import torch
    >>> problem = problems.Denoising(torch.rand(1, 3, 16, 16), 0.1)
    >>> scheme_for(SchemeChoice(), zoo.load("foe-l1"), "foe-l1", problem).steps
    4
    """
    if problem.shape[1] == 3 and problem.white and choice.schedule is None:
        from gnc_core.restoration.colour import InColour, split

        return InColour([scheme_for(choice, prior, prior_name, part, start, setting) for part in split(problem)])
    return choose_scheme(choice, prior, prior_name, problem.name, problem.level, start, setting)
