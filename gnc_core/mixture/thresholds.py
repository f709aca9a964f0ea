"""From which smoothing on the energy of a mixture is convex (method, section 1)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import brentq

from gnc_core.errors import InputError

from .gaussians import DOMAIN, GaussianMixture, _one_dimensional


def smallest_curvature(
    mixture: GaussianMixture,
    sigma: Sequence[float] | np.ndarray,
    domain: tuple[float, float] = DOMAIN,
) -> np.ndarray:
    """min over the domain of E''(x, sigma) in one dimension, for every sigma; (len(sigma),).

    The minimum is searched on a grid, then on ever finer ones around the best point.
    """
    _one_dimensional(mixture)
    if not domain[0] < domain[1]:
        raise InputError("The domain must be an interval (left end, right end).")
    sigmas = torch.as_tensor(np.asarray(sigma, dtype=float)).view(-1, 1)
    x = torch.linspace(*domain, 2001, dtype=torch.float64).expand(len(sigmas), -1)
    reach = (domain[1] - domain[0]) / 2000
    for _ in range(4):
        curvature = mixture.hessian(x[..., None], sigmas)[..., 0, 0]
        lowest, index = curvature.min(-1, keepdim=True)
        fine = torch.linspace(-reach, reach, 41, dtype=torch.float64)
        x = (x.gather(-1, index) + fine).clamp(*domain)
        reach /= 20
    return lowest[:, 0].numpy()


def critical_sigma(mixture: GaussianMixture, domain: tuple[float, float] = DOMAIN) -> float:
    """The exact threshold in one dimension: E(., sigma) is convex on the domain for sigma above it.

    It is the largest root of sigma -> min_x E''(x, sigma); 0 if there is none, since then
    E(., sigma) is convex for every sigma > 0.
    """

    def excess(sigma: float) -> float:
        return float(smallest_curvature(mixture, [sigma], domain)[0])

    top = max(_diameter(mixture), domain[1] - domain[0])
    while excess(top) < 0:
        top *= 2
    sigmas = np.geomspace(1e-3 * top, top, 120)
    not_convex = np.flatnonzero(smallest_curvature(mixture, sigmas, domain) < 0)
    if len(not_convex) == 0:
        return 0.0
    last = not_convex[-1]
    return float(brentq(excess, sigmas[last], sigmas[last + 1], xtol=1e-10))


@dataclass(frozen=True)
class Thresholds:
    """Values of sigma above which E(., sigma) is convex (method, section 1).

    diameter: the paper's sufficient bound D = max |mu_i - mu_j|.
    half_diameter: sqrt(max((D/2)^2 - v_min, 0)) with v_min the smallest eigenvalue of the
        components' common covariance, by Popoviciu's inequality; None if covariances differ.
    critical: the exact value on the domain; None in more than one dimension.
    """

    diameter: float
    half_diameter: float | None
    critical: float | None


def thresholds(mixture: GaussianMixture, domain: tuple[float, float] = DOMAIN, critical: bool = True) -> Thresholds:
    """The three convexity thresholds of a mixture; `critical=False` skips the exact one."""
    D = _diameter(mixture)
    S = mixture.covariances
    half = None
    if torch.allclose(S, S[:1], rtol=1e-9, atol=1e-12):
        half = math.sqrt(max((D / 2) ** 2 - float(mixture.variances.min()), 0.0))
    exact = critical_sigma(mixture, domain) if critical and mixture.dimension == 1 else None
    return Thresholds(D, half, exact)


def _diameter(mixture: GaussianMixture) -> float:
    return float(torch.cdist(mixture.means, mixture.means).max())
