"""The GNC flow (Algorithm 1) on Gaussian mixtures, and how often it attains the global minimum (method, section 1)."""

import math
from collections.abc import Callable
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

    With one sigma throughout it is plain gradient descent on E(., sigma), whose energy never rises: hess E <= 1 / sigma^2.

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


def arrived(x: Any, minimisers: Any, tolerance: float = TOLERANCE) -> Tensor:
    """Which of the minimisers (M,) each point x (...) in one dimension has come to: the nearest, and -1 where none is within
    `tolerance`; (...), int64.

    Raises `InputError` for what are no arrays of numbers, no minimiser, a tolerance that is not positive.

    >>> arrived([-0.49, 0.0, 0.52], [-0.5, 0.5]).tolist()
    [0, -1, 1]
    """
    places = numbers(minimisers, "Minimisers")
    reach = numbers(tolerance, "tolerance")[0]
    if len(places) == 0 or reach <= 0:
        raise InputError("To arrive, a point needs a minimiser and a tolerance that is positive.")
    try:
        points = torch.as_tensor(x, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        raise InputError("Points must be an array of numbers.") from None
    distance, nearest = (points[..., None] - torch.from_numpy(places)).abs().min(-1)
    return torch.where(distance <= reach, nearest, -1)


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

    x_star = goals(mixture, end)
    apart = x_star.diff() > 2 * reach  # intervals that overlap are one
    yes = torch.ones(1, dtype=torch.bool)
    edges = np.concatenate([x_star[torch.cat([yes, apart])] - reach, x_star[torch.cat([apart, yes])] + reach])[:, None]
    # A cell is a pair (S, sigma0); those of few steps come first, so that the cells that go on are always the last ones.
    order = np.argsort(lengths, kind="stable")
    S, sigma = (v.ravel() for v in np.meshgrid(lengths[order], sigmas, indexing="ij"))
    descent = _descent(mixture, sigma, (end / sigma) ** (1 / np.maximum(S - 1, 1)), S)

    grid = np.linspace(low, high, int(starts))
    below = np.zeros((len(edges), len(S)), dtype=int)  # starts that end below the edge
    above = np.full_like(below, starts)
    for _ in range(math.ceil(math.log2(starts + 1))):
        middle = (below + above) // 2
        falls_short = (descent(grid[np.minimum(middle, starts - 1)]) < edges) & (middle < above)
        below = np.where(falls_short, middle + 1, below)
        above = np.where(falls_short, above, middle)

    half = len(edges) // 2
    rate = np.empty((len(sigmas), len(lengths)))
    rate[:, order] = ((below[half:] - below[:half]).sum(0) / starts).reshape(len(lengths), -1).T
    return rate


def _descent(mixture: GaussianMixture, sigma0: np.ndarray, ratio: np.ndarray, S: np.ndarray) -> Callable:
    """The flow in one dimension of many cells at once: a function from starts (E, N) to ends (E, N). Cell n takes S[n] steps,
    which ascend; sigma_i is sigma0 ratio^i.

    `posterior_mean` without its checks, and with all that does not depend on x computed once: as a sum over the components,
    r_k (v_k x + sigma^2 mu_k) / C_k.
    """
    mu, v = mixture.means.double().numpy(), mixture.variances.double().numpy()  # (K, 1)
    log_w = mixture.weights.double().log().numpy()[:, None]
    steps = []
    for i in range(int(S[-1])):
        first = int(np.searchsorted(S, i, side="right"))  # the cells before it have ended
        squared = (sigma0[first:] * ratio[first:] ** i) ** 2
        C = v + squared
        steps.append((first, (-0.5 / C)[:, None], (log_w - 0.5 * np.log(C))[:, None], v / C, squared * mu / C))

    def descend(x: np.ndarray) -> np.ndarray:
        for first, scale, shift, keep, pull in steps:
            part = x[:, first:]
            r = part - mu[:, None]
            r *= r
            r *= scale
            r += shift
            r -= r.max(0)
            np.exp(r, out=r)
            part *= np.einsum("ken,kn->en", r, keep)
            part += np.einsum("ken,kn->en", r, pull)
            part /= r.sum(0)
        return x

    return descend


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
