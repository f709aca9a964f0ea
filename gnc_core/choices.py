"""From a user's choices to a scheme: the defaults that the command line and the explorer share."""

from __future__ import annotations

import torch

from gnc_core import zoo
from gnc_core.errors import InputError
from gnc_core.prior.base import Prior
from gnc_core.restoration import schedules
from gnc_core.restoration.schedules import LearnedSchedule
from gnc_core.restoration.schemes import Flow, Joint, Learned, Scheme

DEFAULT_STEPS = 10
# Step sizes of s in joint minimisation. Near the noise level 0.9 is close to a Newton step, and a few steps reach it. Gaps are
# filled from their borders, a kernel's width a step: there s has to wait for x, or it ends at the smallest sigma with empty gaps.
JOINT_RATES = {"denoise": 0.9, "inpaint": 0.1}


def best_device() -> str:
    """ "cuda" if there is a GPU, "cpu" otherwise."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def choose_scheme(
    name: str,
    prior: Prior,
    prior_name: str,
    task: str,
    level: float,
    steps: int = DEFAULT_STEPS,
    sigma0: float | None = None,
    schedule: LearnedSchedule | None = None,
    rate: float | None = None,
) -> Scheme:
    """The scheme called "flow" (with a linear schedule), "joint" or "learned".

    task ("denoise", "inpaint") and level choose the default of sigma0 (see `schedules.first_sigma`), that of the joint scheme's
    rate (`JOINT_RATES`), and the learned schedule of the prior `prior_name` unless `schedule` is one. Raises `InputError` for
    another scheme or task, for sigmas outside the prior's range, for steps outside 1 ... 1000, for a rate outside (0, 2), and
    if no learned schedule fits.
    """
    if name not in ("flow", "joint", "learned"):
        raise InputError(f'The scheme must be "flow", "joint" or "learned", not {name!r}.')
    schedules.check_task(task)
    steps = schedules.check_steps(steps)
    if name == "learned":
        schedule = schedule or zoo.find_schedule(prior_name, task, level, steps)
        for sigma in schedule.sigma:
            schedules.check_sigma(sigma, prior.sigma_min, prior.sigma_max)
        return Learned(schedule)
    if sigma0 is None:
        sigma0 = schedules.first_sigma(task, level, prior.sigma_min, prior.sigma_max)
    sigma0 = schedules.check_sigma(sigma0, prior.sigma_min, prior.sigma_max)
    if name == "joint":
        return Joint(sigma0, steps, JOINT_RATES[task] if rate is None else rate)
    return Flow(schedules.linear(max(sigma0, prior.sigma_min), prior.sigma_min, steps))
