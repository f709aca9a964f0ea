"""Fitting a learned schedule by backpropagation through the unrolled steps (method, section 4)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from gnc_core import schedules
from gnc_core.errors import InputError
from gnc_core.problems import Problem
from gnc_core.restoration import Prior, image_step
from gnc_core.schedules import LearnedSchedule

_EVALUATIONS_AN_ITERATION = 5


def fit_schedule(
    prior: Prior,
    pairs: Sequence[tuple[Problem, Tensor]],
    steps: int,
    *,
    name: str,
    sigma0: float | None = None,
    iterations: int = 40,
    progress: Callable[[int, float], None] | None = None,
) -> LearnedSchedule:
    """The sigma_i and tau_i whose S unrolled steps bring the images closest to the truth.

    minimise  mean |x_S - truth|^2  over  sigma_min <= sigma_i <= sigma_max,  tau_i >= 0,

    by L-BFGS on 2 S free numbers (a logistic map of log sigma_i, and log tau_i), from the GNC flow
    with a logarithmic schedule.

    pairs: problems and their true images, (N, 1, H, W), all of one task and level; memory grows
    with the largest N, the number of steps and the pixels. name: of the prior, kept in the
    schedule. sigma0: start of the initial schedule (default: the noise level for denoising,
    sigma_max for inpainting). iterations: at most so many rounds of five L-BFGS iterations; fewer if the
    error stops falling. progress: called after each with its number and the mean squared error.

    Deterministic for the same input on one device. The prior's weights stay as they are.
    Raises `InputError` for pairs that are empty or differ in task, level or shape.
    """
    task, level = _task_and_level(pairs)
    schedules.check_steps(steps)
    sigma_min, sigma_max = prior.sigma_min, prior.sigma_max
    if sigma0 is None:
        sigma0 = level if task == "denoise" else sigma_max
        sigma0 = min(max(sigma0, sigma_min), sigma_max)
    schedules.check_sigma(sigma0, sigma_min, sigma_max)
    initial = torch.tensor(schedules.logarithmic(sigma0, sigma_min, steps))

    # sigma = sigma_min (sigma_max / sigma_min)^logistic(a), tau = exp(b)
    span = math.log(sigma_max / sigma_min)
    inside = (torch.log(initial / sigma_min) / span).clamp(0.02, 0.98)  # the ends are at infinity
    a = torch.logit(inside).requires_grad_()
    b = (2 * torch.log(initial)).requires_grad_()

    def sigma_and_tau() -> tuple[Tensor, Tensor]:
        return sigma_min * torch.exp(span * torch.sigmoid(a)), torch.exp(b)

    best, best_error = [t.detach().tolist() for t in sigma_and_tau()], math.inf
    scale = None

    def error() -> Tensor:
        """The mean squared error, in units of its first value; its gradients in a and b."""
        nonlocal best, best_error, scale
        optimizer.zero_grad()
        total = 0.0
        pixels = sum(truth.numel() for _, truth in pairs)
        for problem, truth in pairs:  # one graph at a time
            sigma, tau = sigma_and_tau()
            x = _unrolled(prior, problem, sigma, tau)
            squared = (x - truth).square().sum() / pixels
            squared.backward(inputs=[a, b])
            total += squared.item()
        if total < best_error:
            best, best_error = [t.detach().tolist() for t in sigma_and_tau()], total
        scale = scale or total or 1.0
        for parameter in (a, b):
            assert parameter.grad is not None
            parameter.grad /= scale
        return torch.tensor(total / scale if math.isfinite(total) else math.inf)

    optimizer = torch.optim.LBFGS(
        [a, b], max_iter=_EVALUATIONS_AN_ITERATION, history_size=20, line_search_fn="strong_wolfe"
    )
    with torch.enable_grad():
        for iteration in range(1, iterations + 1):
            before = best_error
            optimizer.step(error)
            if progress is not None:
                progress(iteration, best_error)
            if best_error > (1 - 1e-5) * before:
                break
    if not math.isfinite(best_error):
        raise InputError("The steps diverge from the start; choose a smaller sigma0 or more steps.")
    sigma_fitted, tau_fitted = best
    return LearnedSchedule(
        sigma=tuple(min(max(v, sigma_min), sigma_max) for v in sigma_fitted),
        tau=tuple(tau_fitted),
        task=task,
        level=level,
        prior=name,
    )


def _unrolled(prior: Prior, problem: Problem, sigma: Tensor, tau: Tensor) -> Tensor:
    """x_S after all steps, with a graph back to sigma and tau, both (S,)."""
    x = problem.initial()
    for sigma_i, tau_i in zip(sigma.to(x), tau.to(x), strict=True):
        x = image_step(prior, problem, x, sigma_i, tau_i)
    return x


def _task_and_level(pairs: Sequence[tuple[Problem, Tensor]]) -> tuple[str, float]:
    """What the schedule is fitted to: the one task of all pairs, and their level."""
    if not pairs:
        raise InputError("There are no images to fit the schedule to.")
    tasks = {problem.name for problem, _ in pairs}
    levels = [problem.level for problem, _ in pairs]
    if len(tasks) > 1 or max(levels) > 1.02 * min(levels):
        raise InputError("A schedule is fitted to one task and one level; the pairs differ in them.")
    for problem, truth in pairs:
        if problem.initial().shape != truth.shape:
            raise InputError(
                f"An observation {tuple(problem.initial().shape)} and its true image "
                f"{tuple(truth.shape)} differ in shape."
            )
    return tasks.pop(), sum(levels) / len(levels)
