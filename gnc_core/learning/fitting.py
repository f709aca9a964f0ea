"""Fitting a learned schedule by backpropagation through the unrolled steps (method, section 4)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from gnc_core import checks, problems
from gnc_core.errors import InputError
from gnc_core.prior.base import Prior
from gnc_core.problems import Problem
from gnc_core.restoration import schedules
from gnc_core.restoration.families import LEAST, MOST
from gnc_core.restoration.schedules import LearnedSchedule
from gnc_core.restoration.schemes import image_step

_ITERATIONS_A_ROUND = 5
_SMALLEST_GAIN = 1e-4  # of the logarithm of the error in a round: half a thousandth of a dB

Schedule = tuple[Tensor, Tensor, Tensor]  # sigma and tau, (S,) each, and the weight of the data term, ()


def fit_schedule(
    prior: Prior,
    pairs: Sequence[tuple[Problem, Tensor]],
    steps: int,
    *,
    name: str,
    sigma0: float | None = None,
    start: LearnedSchedule | None = None,
    rounds: int = 30,
    progress: Callable[[int, float], None] | None = None,
) -> LearnedSchedule:
    """The sigma_i, tau_i and weight of the data term whose S unrolled steps bring the images closest to the truth.

    minimise  mean |x_S - truth|^2  over  sigma_max >= sigma_0 >= sigma_1 >= ... >= sigma_min,  tau_i = c_i sigma_i^2,
    c_i in [0.1, 2]  (method, section 7: a schedule of GNC, without steps that do nothing), and w > 0 (`LearnedSchedule`).

    L-BFGS on 2 S + 1 numbers without bounds, from the GNC flow with a logarithmic schedule or from `start`.

    pairs: problems and their true images, (N, C, H, W), all of one task and level; memory grows with the largest N, the
    number of steps and the pixels. name: of the prior, kept in the schedule. sigma0: start of the logarithmic
    schedule (default: `Problem.first_sigma`). start: another learned schedule, of a
    shallower prior perhaps, with any number of steps; it saves rounds. rounds: at most so many rounds of five
    L-BFGS iterations; fewer if the error stops falling. progress: called after each round with its number and the mean
    squared error.

    Deterministic for the same input on one device. The prior's weights stay as they are.
    Raises `InputError` for pairs that are empty or differ in task, level or shape, for steps outside 1 ... 1000, for sigma0
    outside the prior's range, for rounds below 1, and if no schedule is met whose steps do not diverge: one whose mean squared
    error is at most 1 (the range of images), or that of the observations.

    >>> from gnc_core import images, zoo
    >>> truth = images.load_sample("Cat")[..., 100:116, 100:116]
    >>> pair = problems.Denoising.degrade(truth, 0.1, seed=0), truth
    >>> fit_schedule(zoo.load("foe-l1"), [pair], steps=2, name="foe-l1", rounds=1).title
    'denoise, noise 0.1, 2 steps'
    """
    fitted = None
    for number, (schedule, error) in enumerate(
        fitting_rounds(prior, pairs, steps, name=name, sigma0=sigma0, start=start, rounds=rounds), start=1
    ):
        fitted = schedule
        if progress is not None:
            progress(number, error)
    assert fitted is not None  # there is at least one round
    return fitted


def fitting_rounds(
    prior: Prior,
    pairs: Sequence[tuple[Problem, Tensor]],
    steps: int,
    *,
    name: str,
    sigma0: float | None = None,
    start: LearnedSchedule | None = None,
    rounds: int = 30,
) -> Iterator[tuple[LearnedSchedule, float]]:
    """`fit_schedule`, a round at a time: the best schedule so far and its mean squared error, for whoever watches it or stops it.

    Arguments and errors as there; those of the steps that diverge come with the last round.

    >>> from gnc_core import images, zoo
    >>> truth = images.load_sample("Cat")[..., 100:116, 100:116]
    >>> pair = problems.Denoising.degrade(truth, 0.1, seed=0), truth
    >>> errors = [error for _, error in fitting_rounds(zoo.load("foe-l1"), [pair], 2, name="foe-l1", rounds=2)]
    >>> errors == sorted(errors, reverse=True)
    True
    """
    pairs = _checked(pairs)
    task, level = _task_and_level(pairs)
    steps, rounds = schedules.check_steps(steps), checks.whole(rounds, "The number of rounds", 1)
    sigma_min, sigma_max = prior.sigma_min, prior.sigma_max
    if sigma0 is None:
        sigma0 = problems.task(task).first_sigma(level, sigma_min, sigma_max)
    sigma0 = schedules.check_sigma(sigma0, sigma_min, sigma_max)

    if not isinstance(start, LearnedSchedule | None):
        raise InputError(f"The start must be a learned schedule, not {type(start).__name__}.")
    if start is None:
        flow = torch.tensor(schedules.logarithmic(max(sigma0, sigma_min), sigma_min, steps))
        first = (flow, flow**2, torch.ones(()))
    else:
        first = _resampled(start, steps)
    for (sigma, tau, weight), error in _descend(prior, pairs, first, rounds):
        sigmas, taus = tuple(sigma.clamp(sigma_min, sigma_max).tolist()), tuple(tau.tolist())
        yield LearnedSchedule(sigmas, taus, task, level, name, weight=weight.item()), error


def _resampled(schedule: LearnedSchedule, steps: int) -> Schedule:
    """The schedule at `steps` equidistant moments, interpolated in the logarithms; the sum of all tau stays about the same."""
    moments = torch.linspace(0, 1, steps, dtype=torch.float64).numpy()
    given = torch.linspace(0, 1, schedule.steps, dtype=torch.float64).numpy()
    sigma, tau = (
        torch.from_numpy(np.exp(np.interp(moments, given, np.log(np.maximum(values, 1e-12))))).float()
        for values in (schedule.sigma, schedule.tau)
    )
    return sigma, tau * schedule.steps / steps, torch.tensor(schedule.weight)


def mean_error(
    prior: Prior, pairs: Sequence[tuple[Problem, Tensor]], schedule: Schedule, backward: bool = False
) -> float:
    """mean |x_S - truth|^2 over all pixels of the steps of a schedule, (sigma, tau, weight); with `backward` its gradients are
    added to those of the three.

    >>> from gnc_core.prior import FieldsOfExperts
    >>> truth = torch.full((1, 1, 8, 8), 0.5)
    >>> problem = problems.Denoising(truth + 0.1, 0.1)
    >>> schedule = torch.tensor([0.1]), torch.tensor([0.01]), torch.tensor(1.0)
    >>> error = mean_error(FieldsOfExperts(), [(problem, truth)], schedule)
    >>> round(error, 4)  # a flat image has no score, and the data term keeps z
    0.01
    """
    pixels = sum(truth.numel() for _, truth in pairs)
    total = 0.0
    for problem, truth in pairs:  # one graph at a time
        error = (unrolled(prior, problem, *schedule) - truth).square().sum() / pixels
        if backward:
            error.backward(inputs=schedule)
        total += error.item()
    return total


def _descend(
    prior: Prior, pairs: Sequence[tuple[Problem, Tensor]], start: Schedule, rounds: int
) -> Iterator[tuple[Schedule, float]]:
    """After each round the best schedule that L-BFGS has met from `start`, and its error, on 2 S + 1 numbers without bounds, a_i,
    b_i and v:

    log(sigma_i / sigma_min) = logistic(a_i) log(sigma_{i-1} / sigma_min),    sigma_{-1} = sigma_max,
    tau_i = c_i sigma_i^2,    c_i = 0.1 + 1.9 logistic(b_i),    w = exp(v).
    """
    free = [t.requires_grad_() for t in _free(prior, *start)]
    span = math.log(prior.sigma_max / prior.sigma_min)

    def unfolded(a: Tensor, b: Tensor, v: Tensor) -> Schedule:
        sigma = prior.sigma_min * torch.exp(span * torch.sigmoid(a).cumprod(0))
        return sigma, (LEAST + (MOST - LEAST) * torch.sigmoid(b)) * sigma**2, v.exp()

    def error() -> float:
        """The logarithm of the error, and its gradients in a, b and v."""
        schedule = unfolded(*free)
        sigma, tau, weight = (t.detach().requires_grad_() for t in schedule)
        value = mean_error(prior, pairs, (sigma, tau, weight), backward=True) or math.ulp(0.0)
        # Exact data, such as pixels without noise, know no weight.
        gradients = torch.autograd.grad(
            schedule, free, [sigma.grad, tau.grad, torch.zeros(()) if weight.grad is None else weight.grad]
        )
        for leaf, gradient in zip(free, gradients, strict=True):
            leaf.grad = gradient / value
        return math.log(value)

    pixels = sum(truth.numel() for _, truth in pairs)
    without = sum(((problem.initial() - truth).square().sum() / pixels).item() for problem, truth in pairs)
    reached = math.inf
    for values, best in minimise(free, error, rounds):
        reached = math.exp(best)
        if reached <= max(1.0, without):
            yield unfolded(*values), reached
    if not reached <= max(1.0, without):
        raise InputError("The steps diverge from the start; choose a smaller sigma0 or more steps.")


def minimise(leaves: Sequence[Tensor], error: Callable[[], float], rounds: int) -> Iterator[tuple[list[Tensor], float]]:
    """After each round of five L-BFGS iterations on `leaves` the values that had the least logarithm of an error, and that.

    error: the logarithm, whose gradients it leaves in the leaves' `grad`. rounds: at most so many; fewer where one gains less
    than half a thousandth of a dB.

    >>> x = torch.tensor([3.0], requires_grad=True)
    >>> def error():
    ...     x.grad = 2 * (x.detach() - 1)
    ...     return (x.item() - 1) ** 2
    >>> *_, ([found], least) = minimise([x], error, rounds=5)
    >>> least < 1e-6, round(found.item(), 3)
    (True, 1.0)
    """
    best, values = math.inf, [leaf.detach().clone() for leaf in leaves]

    def evaluated() -> Tensor:
        nonlocal best, values
        found = error()
        if found < best:
            best, values = found, [leaf.detach().clone() for leaf in leaves]
        for leaf in leaves:  # steps that diverge say nothing about where to go
            leaf.grad = torch.zeros_like(leaf) if leaf.grad is None else leaf.grad.nan_to_num()
        return torch.tensor(found if math.isfinite(found) else math.inf)

    optimizer = torch.optim.LBFGS(
        leaves, max_iter=_ITERATIONS_A_ROUND, history_size=30, tolerance_change=1e-9, line_search_fn="strong_wolfe"
    )
    for _ in range(rounds):
        before = best
        with torch.enable_grad():  # of the round alone, not of whoever asks for it
            optimizer.step(evaluated)
        yield values, best
        if not before - best >= _SMALLEST_GAIN:
            return


def _free(prior: Prior, sigma: Tensor, tau: Tensor, weight: Tensor) -> Schedule:
    """The a, b and v of `_descend` for a schedule, or for one near it that keeps to the bounds."""
    span = math.log(prior.sigma_max / prior.sigma_min)
    above = (torch.log(sigma / prior.sigma_min) / span).clamp(1e-3, 1).cummin(0).values
    ratio = above / torch.cat([above.new_ones(1), above[:-1]])
    c = (tau / sigma**2 - LEAST) / (MOST - LEAST)
    a, b = torch.logit(ratio.clamp(0.02, 0.98)), torch.logit(c.clamp(0.02, 0.98))  # the bounds are at infinity
    return a, b, weight.log()


def unrolled(prior: Prior, problem: Problem, sigma: Tensor, tau: Tensor, weight: Tensor) -> Tensor:
    """x_S after all steps, with a graph back to sigma and tau, both (S,), and to the weight of the data term, ().

    >>> from gnc_core import problems, zoo
    >>> problem = problems.Denoising(torch.rand(1, 1, 16, 16), 0.1)
    >>> sigma = torch.tensor([0.1, 0.02], requires_grad=True)
    >>> unrolled(zoo.load("foe-l1"), problem, sigma, sigma**2, torch.tensor(1.0)).requires_grad
    True
    """
    checks.check_tensor(sigma, "The sigmas", ndim=1)
    checks.check_tensor(tau, "The step sizes tau", ndim=1)
    x = problem.initial()
    for sigma_i, tau_i in zip(sigma.to(x), tau.to(x), strict=True):
        x = image_step(prior, problem, x, sigma_i, tau_i, weight.to(x))
    return x


def _checked(pairs: Sequence[tuple[Problem, Tensor]]) -> list[tuple[Problem, Tensor]]:
    """The pairs as a list; raises `InputError` for anything but a list of (problem, true images)."""
    listed = list(pairs) if isinstance(pairs, Iterable) else [pairs]
    for pair in listed:
        if not (isinstance(pair, (tuple, list)) and len(pair) == 2 and isinstance(pair[0], Problem)):
            raise InputError("A schedule is fitted to a list of pairs (problem, true images), not to something else.")
    return [(problem, truth) for problem, truth in listed]


def _task_and_level(pairs: Sequence[tuple[Problem, Tensor]]) -> tuple[str, float]:
    """What the schedule is fitted to: the one task of all pairs, and their level."""
    if not pairs:
        raise InputError("There are no images to fit the schedule to.")
    tasks = {problem.name for problem, _ in pairs}
    levels = [problem.level for problem, _ in pairs]
    if len(tasks) > 1 or max(levels) > 1.02 * min(levels):
        raise InputError("A schedule is fitted to one task and one level; the pairs differ in them.")
    for problem, truth in pairs:
        checks.check_image(truth, "The true images", finite=True)
        if problem.initial().shape != truth.shape:
            raise InputError(
                f"An observation {tuple(problem.initial().shape)} and its true image "
                f"{tuple(truth.shape)} differ in shape."
            )
    return tasks.pop(), sum(levels) / len(levels)
