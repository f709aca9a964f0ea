"""Fitting learned schedules for all levels of a task and all numbers of steps at once (method, section 7)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from gnc_core import checks, problems
from gnc_core.errors import InputError
from gnc_core.images import random_patches
from gnc_core.prior.base import Prior
from gnc_core.restoration.families import LEAST, MONOMIALS, MOST, NUMBERS, ScheduleFamily, unfold

from .fitting import unrolled

_AVERAGED = 0.4  # last share of the iterations, whose weights are averaged


def fit_family(
    prior: Prior,
    images: Sequence[Tensor],
    task: str,
    levels: tuple[float, float],
    steps: tuple[int, int] = (3, 20),
    *,
    name: str,
    start: ScheduleFamily | None = None,
    iterations: int = 1500,
    batch: int = 8,
    patch: int = 64,
    learning_rate: float = 0.03,
    seed: int = 0,
    progress: Callable[[int, float], None] | None = None,
) -> ScheduleFamily:
    """The family of schedules whose unrolled steps bring images closest to the truth, over all levels and numbers of steps.

        minimise  E log mean |x_S - truth|^2,    the level's logit and log S uniform on their ranges:

    decibels count the same at every level. Adam, the step size annealed to zero, on random patches; what is returned is the mean
    over the last iterations. The start is the logarithmic schedule from `Problem.first_sigma` with c = 1, or the family `start`,
    of a shallower prior perhaps, with the same ranges: it saves iterations.

    images: true ones, (..., H, W), uint8 or float in [0, 1]. levels, steps: the ranges. name: of the prior, kept in the family.
    progress: called after each iteration with its number and the mean error in dB over the last hundred.

    Deterministic for the same input on one device. Raises `InputError` for ranges that do not run upwards, and images that
    are smaller than a patch.

    >>> from gnc_core import images, zoo
    >>> cat = [images.load_sample("Cat")]
    >>> fitted = fit_family(zoo.load("foe-l1"), cat, "denoise", (0.05, 0.2), (2, 3), name="foe-l1", iterations=2, patch=32)
    >>> fitted.title
    'denoise, noise 0.05 to 0.2, 2 to 3 steps'
    """
    iterations = checks.whole(iterations, "The number of iterations", 1)
    if not (isinstance(images, Sequence) and all(isinstance(image, Tensor) for image in images) and images):
        raise InputError("There are no images to fit schedules to: they are a list of tensors (..., H, W).")
    kind, device = problems.task(task), images[0].device
    family = ScheduleFamily(
        ((0.0,) * MONOMIALS,) * NUMBERS, task, name, levels, steps, prior.sigma_min, prior.sigma_max
    )
    if start is None:
        weights = _start(prior, family).requires_grad_()
    else:
        if (start.task, start.levels, start.steps) != (family.task, family.levels, family.steps):
            raise InputError(f"The schedules to start from are for {start.title}, not for {family.title}.")
        weights = torch.tensor(start.weights, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([weights], lr=learning_rate)
    annealed = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, iterations)
    generator = torch.Generator().manual_seed(checks.whole(seed, "The seed", 0))
    total, count, recent = torch.zeros_like(weights), 0, list[float]()
    for iteration in range(1, iterations + 1):
        level, number = draw(family, generator)
        truth = random_patches(images, patch, batch, generator).to(device)
        problem = kind.degrade(truth, level, problems.image_seed(seed, iteration))
        with torch.enable_grad():
            restored = unrolled(prior, problem, *unfold(weights, family, level, number))
            error = (restored - truth).square().mean((1, 2, 3)).log().mean()
        if torch.isfinite(error):  # steps that diverge say nothing about where to go
            optimizer.zero_grad()
            error.backward(inputs=[weights])
            torch.nn.utils.clip_grad_norm_([weights], 1.0)
            optimizer.step()
        annealed.step()
        if iteration > (1 - _AVERAGED) * iterations:
            total, count = total + weights.detach(), count + 1
        recent = [*recent[-99:], 10 / math.log(10) * error.item()]
        if progress is not None:
            progress(iteration, sum(recent) / len(recent))
    mean = tuple(tuple(row) for row in (total / count).tolist())
    return ScheduleFamily(mean, task, name, levels, steps, prior.sigma_min, prior.sigma_max)


def draw(family: ScheduleFamily, generator: torch.Generator) -> tuple[float, int]:
    """A level and a number of steps: the level's logit and log S are uniform on the family's ranges.

    >>> from gnc_core import zoo
    >>> level, steps = draw(zoo.find_family("foe-l1", "denoise"), torch.Generator().manual_seed(0))
    >>> 5 / 255 <= level <= 0.4, 3 <= steps <= 20
    (True, True)
    """
    place, share = torch.rand(2, generator=generator, dtype=torch.float64).tolist()
    low, high = (math.log(level / (1 - level)) for level in family.levels)
    first, last = (math.log(number) for number in family.steps)
    return 1 / (1 + math.exp(-(low + place * (high - low)))), round(math.exp(first + share * (last - first)))


def _start(prior: Prior, family: ScheduleFamily) -> Tensor:
    """The weights of about the logarithmic schedule from the task's first sigma, with c = 1."""
    weights = torch.zeros(NUMBERS, MONOMIALS, dtype=torch.float64)
    low, high = (math.log(level / (1 - level)) for level in family.levels)
    levels = torch.linspace(low, high, 9).sigmoid().tolist()
    kind = problems.task(family.task)
    span = math.log(prior.sigma_max / prior.sigma_min)
    firsts = [math.log(kind.first_sigma(v, prior.sigma_min, prior.sigma_max) / prior.sigma_min) / span for v in levels]
    inside = np.clip(firsts, 0.1, 0.9)
    square, linear, constant = np.polyfit(np.linspace(-1, 1, 9), np.log(inside / (1 - inside)), 2)
    weights[0, 0], weights[0, 1], weights[0, 3] = float(constant), float(linear), float(square)
    weights[1, 0] = -3.0  # near sigma_min in the end
    weights[3, 0] = math.log((1 - LEAST) / (MOST - 1))
    return weights
