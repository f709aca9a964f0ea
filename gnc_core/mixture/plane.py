"""Energies in the plane: where they are not convex, from which sigma on they are, and their minima (method, section 1).

Let all components have the covariance v I, and C = v + sigma^2. Then hess E = (I - Cov_r(mu) / C) / C, with the covariance of
the means under the responsibilities r(x): E(., sigma) is convex where the largest eigenvalue of Cov_r(mu) is at most C.

- From above: along any direction the means spread over at most D, so Popoviciu bounds that eigenvalue by (D/2)^2, and
  sqrt(C) >= D/2 is enough. Dirac components (v = 0) are the corollary.
- From below: going to infinity across an edge of the means' convex hull leaves the components on that edge alone, a mixture
  in one dimension. So no edge without other means on it may be longer than 2 sqrt(C).
- In between the threshold is sharp: smoothing keeps a log-concave density log-concave (Prekopa), so that E(., sigma) is convex
  on the whole plane for every sigma above it and for none below.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from scipy.optimize import brentq
from torch import Tensor

from gnc_core.errors import InputError

from .gaussians import GaussianMixture

SAME = 0.02  # points of the domain that lie this close count as one end, or one minimum
PASSES = 400  # of the fixed-point iteration that looks for minima
GRID = np.linspace(-1.6, 1.6, 41)  # of the search, in units of D/2 around the middle of the means
AHEAD = np.array([-4.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 4.0])  # along the bisector of two means, in D/2
MOST_PAIRS = 1500  # of means whose bisectors are searched
CONVEX = 1e-6  # an eigenvalue of hess E above -1e-6 / C counts as none below 0: many means on a lattice come that close
DIRECTIONS = np.array([(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)], dtype=float)  # (0, 0), to stay, among them


def smallest_eigenvalue(mixture: GaussianMixture, x: Any, sigma: Any = 0.0) -> Tensor:
    """The smallest eigenvalue of hess E(x, sigma), of the shape (...) of the points x, (..., 2): below 0, E is not convex there.

    Of the Hessian [[a, b], [b, c]] it is (a + c)/2 - sqrt(((a - c)/2)^2 + b^2).

    Raises:
        InputError: a mixture that is not in the plane, points or sigmas that `GaussianMixture` refuses.

    >>> mixture = GaussianMixture([0.5, 0.5], [[-1.0, 0.0], [1.0, 0.0]], [0.0, 0.0])
    >>> smallest_eigenvalue(mixture, [[0.0, 0.0], [3.0, 0.0]], sigma=0.5).round(decimals=3).tolist()  # 1/sigma^2 - 1/sigma^4
    [-12.0, 4.0]
    """
    _check_plane(mixture)
    H = mixture.hessian(x, sigma)
    a, b, c = H[..., 0, 0], H[..., 0, 1], H[..., 1, 1]
    return (a + c) / 2 - torch.hypot((a - c) / 2, b)


def convex_from(mixture: GaussianMixture) -> float:
    """The sigma from which on E(., sigma) is convex on the whole plane, for components of one variance v.

    The root of sup_x lambda_max(Cov_r(mu)) = v + sigma^2, and 0 if that is never above. It is at most D/2, and at least half the
    longest edge of the means' convex hull without other means on it; both are attained. The supremum is searched for, so that
    the result may fall short of the threshold, but not exceed it.

    Raises:
        InputError: a mixture that is not in the plane, components that are not isotropic or differ in their variances.

    >>> corners = GaussianMixture([1, 1, 1, 1], [[-1, -1], [-1, 1], [1, -1], [1, 1]], [0, 0, 0, 0])
    >>> round(convex_from(corners), 6)  # half a side: D/2 would be 1.414214
    1.0
    """
    _check_plane(mixture)
    if mixture.covariances.ndim != 1 or (mixture.covariances != mixture.covariances[0]).any():
        raise InputError("The exact threshold in the plane needs isotropic components of one variance.")
    means, inverse = np.unique(mixture.means.double().numpy(), axis=0, return_inverse=True)
    weights = np.bincount(inverse.ravel(), mixture.weights.double().numpy())
    distances = np.hypot(*(means[:, None] - means[None]).transpose(2, 0, 1))
    half = distances.max() / 2
    if half == 0:
        return 0.0
    unit = (means - (means.max(0) + means.min(0)) / 2) / half  # D/2 is 1
    lower = max(_threshold(unit[on], weights[on], 0.0) for on in _edges(unit))
    width = _threshold(unit, weights, lower) if len(_hull(unit)) > 2 else lower
    v = float(mixture.covariances[0])
    return math.sqrt(max((width * half) ** 2 - v, 0.0))


def plane_minimisers(mixture: GaussianMixture, sigma: float) -> Tensor:
    """Minimisers of E(., sigma) in the plane, (M, 2), the lowest first.

    They are where 400 steps x <- x - sigma^2 grad E lead from every mean (fewer once nothing moves), those closer than 0.02 taken
    for one; in a nearly flat valley they may not have arrived yet.
    A mixture in the plane may have more minima than components: of such, some are not found.

    Raises:
        InputError: a mixture that is not in the plane, or a sigma that `GaussianMixture` refuses.

    >>> mixture = GaussianMixture([1, 2], [[-1.0, 0.0], [1.0, 0.0]], [0.0, 0.0])
    >>> plane_minimisers(mixture, 0.2).round(decimals=3).tolist(), len(plane_minimisers(mixture, 1.0))
    ([[1.0, 0.0], [-1.0, 0.0]], 1)
    """
    _check_plane(mixture)
    x = mixture.means
    for _ in range(PASSES):
        previous, x = x, mixture.posterior_mean(x, sigma)
        if (x - previous).abs().max() < 1e-8:
            break
    x = x[mixture.energy(x, sigma).sort(stable=True).indices]
    return distinct(x)


def distinct(x: Any, tolerance: float = SAME) -> Tensor:
    """The first of every group of points x, (N, d): those that lie farther than `tolerance` from all that were kept before.

    Raises `InputError` for what is no array of points.

    >>> distinct([[0.0, 0.0], [0.01, 0.0], [1.0, 0.0]]).tolist()
    [[0.0, 0.0], [1.0, 0.0]]
    """
    try:
        points = torch.as_tensor(x, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        points = torch.empty(0)
    if points.ndim != 2:
        raise InputError("Points must be an array (N, d) of numbers.")
    kept: list[Tensor] = []
    for point in points:
        if not kept or (torch.stack(kept) - point).norm(dim=-1).min() > tolerance:
            kept.append(point)
    return torch.stack(kept) if kept else points


# --- the supremum of the covariance's eigenvalue, in units of D/2 ------------------------------


def _covariance(means: np.ndarray, weights: np.ndarray, C: float, x: np.ndarray) -> np.ndarray:
    """The largest eigenvalue of Cov_r(mu) at points x, (..., 2): (...)."""
    log_terms = x @ means.T / C + (np.log(weights) - (means**2).sum(-1) / (2 * C))
    r = np.exp(log_terms - log_terms.max(-1, keepdims=True))
    r /= r.sum(-1, keepdims=True)
    m = r @ means
    second = r @ np.stack([means[:, 0] ** 2, means[:, 0] * means[:, 1], means[:, 1] ** 2], -1)
    a, b, c = (second - np.stack([m[..., 0] ** 2, m[..., 0] * m[..., 1], m[..., 1] ** 2], -1)).transpose(
        -1, *range(x.ndim - 1)
    )
    return np.asarray((a + c) / 2 + np.hypot((a - c) / 2, b))


def _threshold(means: np.ndarray, weights: np.ndarray, lower: float) -> float:
    """The root of sup_x lambda_max(Cov_r(mu)) = C, as sqrt(C), between `lower` and the bound D/2 of these means."""
    upper = float(np.hypot(*(means[:, None] - means[None]).transpose(2, 0, 1)).max()) / 2
    if len(means) == 2:
        return upper  # whatever the weights
    lower = max(lower, 1e-3 * upper)
    starts = _starts(means, weights, lower, upper)

    def excess(width: float) -> float:
        return _largest_covariance(means, weights, width**2, starts) / width**2 - 1 - CONVEX

    if excess(lower) <= 0:
        return lower
    return upper if excess(upper) >= 0 else float(brentq(excess, lower, upper, xtol=1e-7))


def _starts(means: np.ndarray, weights: np.ndarray, lower: float, upper: float) -> np.ndarray:
    """Where to look for the supremum, (M, 2): the best of a grid, and of the lines on which two means far apart balance."""
    i, j = np.triu_indices(len(means), 1)
    length = np.hypot(*(means[j] - means[i]).T)
    far = np.flatnonzero(length >= 2 * lower * (1 - 1e-9))
    far = far[:: 1 + len(far) // MOST_PAIRS]
    i, j, length = i[far], j[far], length[far]
    along = (means[j] - means[i]) / length[:, None]
    ahead = AHEAD[:, None] * (along[:, ::-1] * (-1, 1))[:, None]
    grid = np.stack(np.meshgrid(GRID, GRID), -1).reshape(-1, 2)
    chosen = []
    for C in np.geomspace(lower, upper, 4) ** 2:
        shift = C * np.log(weights[i] / weights[j]) / length
        balance = (means[i] + means[j]) / 2 + shift[:, None] * along
        candidates = np.concatenate([grid, (balance[:, None] + ahead).reshape(-1, 2)])
        chosen.append(candidates[_covariance(means, weights, C, candidates).argsort()[-12:]])
    return np.unique(np.concatenate(chosen), axis=0)


def _largest_covariance(means: np.ndarray, weights: np.ndarray, C: float, starts: np.ndarray) -> float:
    """sup_x of that eigenvalue: the best of the compass searches from all starts."""
    x, step = starts.copy(), np.full(len(starts), 0.1)
    value = _covariance(means, weights, C, x)
    for _ in range(60):
        around = x[:, None] + step[:, None, None] * DIRECTIONS
        values = _covariance(means, weights, C, around)
        best = values.argmax(1)
        better = values[np.arange(len(x)), best] > value
        x = np.where(better[:, None], around[np.arange(len(x)), best], x)
        value = np.maximum(value, values.max(1))
        step = np.where(better, 1.5 * step, 0.4 * step)
        if step.max() < 1e-6:
            break
    return float(value.max())


def _edges(means: np.ndarray) -> Iterator[np.ndarray]:
    """Which means lie on an edge of their convex hull, (K,), for every edge."""
    corners = _hull(means)
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        (u, v), (s, t) = (b - a) / np.hypot(*(b - a)), (means - a).T
        yield np.abs(s * v - t * u) <= 1e-9


def _hull(points: np.ndarray) -> np.ndarray:
    """The corners of the convex hull of different points in lexicographic order, counterclockwise (Andrew's monotone chain)."""

    def chain(ordered: np.ndarray) -> list[np.ndarray]:
        kept: list[np.ndarray] = []
        for p in ordered:
            while len(kept) > 1:
                (u, v), (s, t) = kept[-1] - kept[-2], p - kept[-2]
                if u * t - v * s > 1e-12:
                    break
                kept.pop()
            kept.append(p)
        return kept[:-1]

    return np.array(chain(points) + chain(points[::-1]))


def _check_plane(mixture: GaussianMixture) -> None:
    if mixture.dimension != 2:
        raise InputError("This needs a mixture in the plane.")
