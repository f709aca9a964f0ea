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
from gnc_core.restoration.families import DEGREE, NUMBERS, PRODUCTS, ScheduleFamily, unfold

from .fitting import minimise, unrolled

RIDGE = 5e-4
LEVELS, NUMBERS_OF_STEPS = 5, 4  # that schedules are fitted at: a grid, even in the level's logit and about in log S


def fit_family(
    prior: Prior,
    images: Sequence[Tensor],
    task: str,
    levels: tuple[float, float],
    steps: tuple[int, int] = (3, 20),
    *,
    name: str,
    start: ScheduleFamily | None = None,
    setting: str = "",
    rounds: int = 15,
    patches: int = 5,
    patch: int = 64,
    seed: int = 0,
    progress: Callable[[int, float], None] | None = None,
) -> ScheduleFamily:
    """The family of schedules whose unrolled steps bring images closest to the truth, over all levels and numbers of steps.

        minimise  mean over five levels and four numbers of steps of log mean |x_S - truth|^2:

    decibels count the same everywhere, and pixels the same in flat patches and in others (the logarithm of each patch would
    smooth too much: the flat ones have the largest decibels). L-BFGS on the family's weights. The start is the logarithmic
    schedule from `Problem.first_sigma`, its steps the smaller the more they are; or the family `start`, of a shallower prior
    perhaps, with the same ranges: it saves rounds. A little ridge holds what the images leave open where it starts.

    images: true ones, (..., H, W), uint8 or float in [0, 1]. levels, steps: the ranges. name: of the prior, kept in the family.
    setting: see `Problem.degrade`. rounds: at most so many, as of `minimise`. patches: of each level and number of steps.
    progress: called after each round with its number and the mean error in dB.

    Deterministic for the same input on one device. Raises `InputError` for ranges that do not run upwards, and images that
    are smaller than a patch.

    >>> from gnc_core import images, zoo
    >>> cat = [images.load_sample("Cat")]
    >>> few = {"rounds": 1, "patches": 1, "patch": 16}
    >>> fit_family(zoo.load("foe-l1"), cat, "denoise", (0.05, 0.2), (2, 3), name="foe-l1", **few).title
    'denoise, noise 0.05 to 0.2, 2 to 3 steps'
    """
    rounds = checks.whole(rounds, "The number of rounds", 1)
    patches = checks.whole(patches, "The number of patches", 1)
    if not (isinstance(images, Sequence) and all(isinstance(image, Tensor) for image in images) and images):
        raise InputError("There are no images to fit schedules to: they are a list of tensors (..., H, W).")
    nothing = ((0.0,) * len(PRODUCTS),) * NUMBERS
    family = ScheduleFamily(nothing, task, name, levels, steps, prior.sigma_min, prior.sigma_max)
    if start is None:
        weights = _start(prior, family)
    elif (start.task, start.levels, start.steps) == (family.task, family.levels, family.steps):
        weights = torch.tensor(start.weights, dtype=torch.float64)
    else:
        raise InputError(f"The schedules to start from are for {start.title}, not for {family.title}.")
    kind, generator = problems.task(task), torch.Generator().manual_seed(checks.whole(seed, "The seed", 0))
    cases: list[tuple[problems.Problem, float, int, Tensor]] = []
    for level in family.levels_at(np.linspace(-1, 1, LEVELS).tolist()):
        for number in sorted({round(value) for value in np.geomspace(*family.steps, NUMBERS_OF_STEPS)}):
            truth = kind.part(random_patches(images, patch, patches, generator).to(images[0].device), setting)
            degraded = kind.degrade(truth, level, problems.image_seed(seed, len(cases)), setting=setting)
            cases.append((degraded, level, number, truth))
    first = weights.clone()
    ridge = RIDGE * torch.tensor([float(i + j) ** 2 for i, j in PRODUCTS], dtype=torch.float64)
    weights.requires_grad_()

    def error() -> float:
        weights.grad, total = None, 0.0
        for problem, level, number, truth in cases:  # one graph at a time
            restored = unrolled(prior, problem, *unfold(weights, family, level, number))
            mean = (restored - truth).square().mean().log() / len(cases)
            mean.backward(inputs=[weights])
            total += mean.item()
        penalty = (ridge * (weights - first) ** 2).sum()
        penalty.backward(inputs=[weights])
        return total + penalty.item()

    for number, ([found], best) in enumerate(minimise([weights], error, rounds), start=1):
        family = family.with_weights(found.tolist())
        if progress is not None:
            progress(number, 10 / math.log(10) * best)
    return family


def _start(prior: Prior, family: ScheduleFamily) -> Tensor:
    """The weights of about the logarithmic schedule from the task's first sigma, with c = 5.5 / S."""
    weights = torch.zeros(NUMBERS, len(PRODUCTS), dtype=torch.float64)
    places, kind = np.linspace(-1, 1, 9).tolist(), problems.task(family.task)
    span = math.log(prior.sigma_max / prior.sigma_min)
    levels = family.levels_at(places)
    firsts = [math.log(kind.first_sigma(v, prior.sigma_min, prior.sigma_max) / prior.sigma_min) / span for v in levels]
    shares = np.clip(firsts, 0.05, 0.95)
    in_x = [PRODUCTS.index((i, 0)) for i in range(DEGREE + 1)]
    weights[0, in_x] = torch.from_numpy(np.polynomial.legendre.legfit(places, np.log(shares / (1 - shares)), DEGREE))
    weights[1, 0] = -3.0  # near sigma_min in the end
    return weights


def _logit(share: float) -> float:
    return math.log(share / (1 - share))
