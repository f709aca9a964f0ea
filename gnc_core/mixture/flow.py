"""The GNC flow on a mixture's energy, and how often it attains the global minimum (Algorithm 1, Figure 1)."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from gnc_core.errors import InputError

from .gaussians import DOMAIN, GaussianMixture, _one_dimensional

SIGMA_END = 1e-3  # where their schedules end


TOLERANCE = 0.05  # a flow that ends this close to the global minimiser has attained it


def gnc_flow(mixture: GaussianMixture, x: Tensor, schedule: Sequence[float]) -> Tensor:
    """Algorithm 1: x <- x - sigma_i^2 grad E(x, sigma_i) along a decreasing schedule.

    Args:
        x: starts, (..., d).
        schedule: sigma_0 > ... > sigma_{S-1} > 0.

    Returns:
        The trajectories, (S + 1, ..., d), the starts first.
    """
    trajectory = [x]
    for sigma in schedule:
        x = mixture.posterior_mean(x, sigma)
        trajectory.append(x)
    return torch.stack(trajectory)


def attainment(
    mixture: GaussianMixture,
    sigma0: Sequence[float] | np.ndarray,
    steps: Sequence[int] | np.ndarray,
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
        tolerance: a flow attains the minimiser when it ends at most this far from it.

    Returns:
        (A, B), in [0, 1].
    """
    sigma0_ = torch.as_tensor(np.asarray(sigma0, dtype=float)).view(-1, 1, 1)
    lengths = np.asarray(steps)
    if mixture.dimension != 1:
        raise InputError("The attainment map is for mixtures in one dimension.")
    if not 0 < sigma_end <= sigma0_.min() or lengths.min() < 1 or starts < 1:
        raise InputError(f"Attainment needs sigma0 >= {sigma_end:g} > 0, and 1 step and start.")

    x_star = global_minimiser(mixture, 0.0 if mixture.has_density else sigma_end)
    edges = torch.tensor([x_star - tolerance, x_star + tolerance])
    order = np.argsort(lengths, kind="stable")
    S = torch.as_tensor(lengths[order].astype(float)).view(1, -1, 1)
    ratio = (sigma_end / sigma0_) ** (1 / (S - 1).clamp(min=1))  # sigma_{i+1} / sigma_i

    def ends(x: Tensor) -> Tensor:
        for i in range(int(lengths.max())):
            running = int((i >= S).sum())  # shorter schedules have ended
            sigma = sigma0_ * ratio[:, running:] ** i
            x[:, running:] = mixture.posterior_mean(x[:, running:, :, None], sigma)[..., 0]
        return x

    grid = torch.linspace(*domain, starts, dtype=torch.float64)
    below = torch.zeros(len(sigma0_), len(lengths), 2, dtype=torch.long)  # ends below the edge
    above = torch.full_like(below, starts)
    for _ in range(math.ceil(math.log2(starts + 1))):
        middle = (below + above) // 2
        falls_short = (ends(grid[middle.clamp(max=starts - 1)]) < edges) & (middle < above)
        below = torch.where(falls_short, middle + 1, below)
        above = torch.where(falls_short, above, middle)

    rate = np.empty((len(sigma0_), len(lengths)))
    rate[:, order] = (below[..., 1] - below[..., 0]).numpy() / starts
    return rate


def spaced_steps(count: int = 40, most: int = 256) -> list[int]:
    """`count` different numbers of steps, 1 to `most`, as evenly spaced on a log axis as can be."""
    steps = [1]
    while len(steps) < count:
        ratio = (most / steps[-1]) ** (1 / (count - len(steps)))
        steps.append(max(steps[-1] + 1, round(steps[-1] * ratio)))
    return steps


def local_minimisers(mixture: GaussianMixture, sigma: float = 0.0) -> Tensor:
    """Local minimisers of E(., sigma) in one dimension, ascending, (M,).

    All of them lie between the outermost means, where the gradient's upward zero crossings are
    bracketed on a fine grid (with the means among its points) and bisected.
    """
    mu = _one_dimensional(mixture)
    margin = 1e-3 * float(mu.max() - mu.min()) + 1e-6
    grid = torch.linspace(float(mu.min()) - margin, float(mu.max()) + margin, 8001).to(mu)
    grid = torch.cat([grid, mu]).unique()
    slope = mixture.gradient(grid[:, None], sigma)[:, 0]
    rising = (slope[:-1] < 0) & (slope[1:] >= 0)
    left, right = grid[:-1][rising], grid[1:][rising]
    for _ in range(60):
        middle = (left + right) / 2
        downhill = mixture.gradient(middle[:, None], sigma)[:, 0] < 0
        left, right = torch.where(downhill, middle, left), torch.where(downhill, right, middle)
    return (left + right) / 2


def global_minimiser(mixture: GaussianMixture, sigma: float = 0.0) -> float:
    """The minimiser of E(., sigma) in one dimension."""
    x = local_minimisers(mixture, sigma)
    return float(x[mixture.energy(x[:, None], sigma).argmin()])
