"""The GNC flow (Algorithm 1) on Gaussian mixtures, and how often it attains the global minimum (method, section 1)."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gnc_core.errors import InputError

from .convexity import DOMAIN, check_domain, global_minimisers, numbers, one_dimensional_means
from .gaussians import GaussianMixture

SIGMA_END = 1e-3  # where the schedules of the examples end
TOLERANCE = 0.05  # a flow that ends this close to a global minimiser has attained it


def gnc_flow(mixture: GaussianMixture, x: Any, schedule: Any) -> Tensor:
    """Algorithm 1: x <- x - sigma_i^2 grad E(x, sigma_i) along a decreasing schedule.

    Args:
        x: starts, (..., d).
        schedule: sigma_0 >= ... >= sigma_{S-1} > 0.

    Returns:
        The trajectories, (S + 1, ..., d), the starts first.

    Raises:
        InputError: points of another shape, a schedule that is empty, rises or is not positive.

    >>> dirac = GaussianMixture([1.0], [0.2], [0.0])
    >>> gnc_flow(dirac, [[-0.9], [0.7]], schedule=[0.5, 0.1]).shape
    torch.Size([3, 2, 1])
    """
    sigmas = numbers(schedule, "The sigmas of a schedule")
    if len(sigmas) == 0 or sigmas[-1] <= 0 or (np.diff(sigmas) > 0).any():
        raise InputError("A schedule goes down, from sigma_0 to a last sigma that is positive.")
    x = mixture.points(x)
    trajectory = [x]
    for sigma in sigmas:
        x = mixture.posterior_mean(x, sigma)
        trajectory.append(x)
    return torch.stack(trajectory)


def goals(mixture: GaussianMixture, sigma_end: float = SIGMA_END) -> Tensor:
    """The global minimisers of E(., 0) in one dimension, (G,); with Dirac components, those of E(., sigma_end).

    Several where minima are equally low. Raises `InputError` for mixtures in more dimensions.

    >>> goals(GaussianMixture([0.3, 0.7], [-0.5, 0.4], [0.0, 0.0])).round(decimals=4).tolist()
    [0.4]
    """
    return global_minimisers(mixture, 0.0 if mixture.has_density else sigma_end)


def attainment(
    mixture: GaussianMixture,
    sigma0: Any,
    steps: Any,
    starts: int = 401,
    domain: tuple[float, float] = DOMAIN,
    sigma_end: float = SIGMA_END,
    tolerance: float = TOLERANCE,
) -> np.ndarray:
    """Share of equally spaced starts from which the GNC flow attains the global minimum of E(., 0).

    In one dimension a step of the flow preserves the order of its points: the posterior mean has
    the derivative Var[x | y] / sigma^2 >= 0. So the starts that end in an interval are themselves
    an interval, and each of its two ends is found by bisection, for all cells at once.

    Args:
        mixture: in one dimension; with Dirac components E(., sigma_end) stands for E(., 0).
        sigma0: (A,), initial smoothings, >= sigma_end.
        steps: (B,), lengths S >= 1 of the logarithmic schedules
            sigma_i = sigma_0 (sigma_end / sigma_0)^(i / (S - 1)); S = 1 is sigma_0 alone.
        starts: number of starts, equally spaced on the domain.
        tolerance: a flow attains a minimiser when it ends at most this far from it. Where several
            minima are equally low, each of them is the global one.

    Returns:
        (A, B), in [0, 1].

    Raises:
        InputError: a mixture in more dimensions, sigma0 below sigma_end, steps or starts that are no whole
            numbers from 1 on, a tolerance that is not positive, a domain that is no interval.

    >>> from gnc_core.mixture import PRESETS
    >>> attainment(PRESETS["Five components"], sigma0=[0.1, 0.5], steps=[1, 32]).round(2).tolist()
    [[0.15, 0.24], [0.09, 1.0]]
    """
    low, high = check_domain(domain)
    one_dimensional_means(mixture)
    sigmas, lengths = numbers(sigma0, "sigma0"), numbers(steps, "steps")
    end, reach = float(numbers(sigma_end, "sigma_end")[0]), float(numbers(tolerance, "tolerance")[0])
    if len(sigmas) == 0 or not 0 < end <= sigmas.min():
        raise InputError(f"Attainment needs initial smoothings sigma0 >= sigma_end > 0, here {end:g}.")
    counts = np.append(lengths, numbers(starts, "starts"))
    if len(lengths) == 0 or counts.min() < 1 or (counts % 1 != 0).any():
        raise InputError("The numbers of steps and of starts must be whole numbers from 1 on.")
    if reach <= 0:
        raise InputError("The tolerance must be positive.")
    sigma0_ = torch.from_numpy(sigmas).view(-1, 1, 1)

    x_star = goals(mixture, end)
    apart = x_star.diff() > 2 * reach  # intervals that overlap are one
    yes = torch.ones(1, dtype=torch.bool)
    edges = torch.stack([x_star[torch.cat([yes, apart])] - reach, x_star[torch.cat([apart, yes])] + reach], -1).ravel()
    order = np.argsort(lengths, kind="stable")
    S = torch.from_numpy(lengths[order]).view(1, -1, 1)
    ratio = (end / sigma0_) ** (1 / (S - 1).clamp(min=1))  # sigma_{i+1} / sigma_i

    def ends(x: Tensor) -> Tensor:
        for i in range(int(lengths.max())):
            running = int((i >= S).sum())  # shorter schedules have ended
            sigma = sigma0_ * ratio[:, running:] ** i
            x[:, running:] = mixture.posterior_mean(x[:, running:, :, None], sigma)[..., 0]
        return x

    grid = torch.linspace(low, high, starts, dtype=torch.float64)
    below = torch.zeros(len(sigma0_), len(lengths), len(edges), dtype=torch.long)  # starts that end below the edge
    above = torch.full_like(below, starts)
    for _ in range(math.ceil(math.log2(starts + 1))):
        middle = (below + above) // 2
        falls_short = (ends(grid[middle.clamp(max=starts - 1)]) < edges) & (middle < above)
        below = torch.where(falls_short, middle + 1, below)
        above = torch.where(falls_short, above, middle)

    rate = np.empty((len(sigma0_), len(lengths)))
    rate[:, order] = (below[..., 1::2] - below[..., 0::2]).sum(-1).numpy() / starts
    return rate


def spaced_steps(count: int = 40, most: int = 256) -> list[int]:
    """`count` different numbers of steps, 1 to `most`, as evenly spaced on a log axis as can be.

    Raises `InputError` unless 2 <= count <= most.

    >>> spaced_steps(5, most=16)
    [1, 2, 4, 8, 16]
    """
    if not 2 <= count <= most:
        raise InputError("There are 2 to `most` different numbers of steps from 1 to `most`.")
    steps = [1]
    while len(steps) < count:
        ratio = (most / steps[-1]) ** (1 / (count - len(steps)))
        steps.append(max(steps[-1] + 1, round(steps[-1] * ratio)))
    return steps
