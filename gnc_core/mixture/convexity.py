"""Minima of a mixture's smoothed energy, and the sigma above which it is convex (method, section 1).

In one dimension log(w_i N(x; mu_i, C_i)) is a parabola for every component, and -E their soft maximum. Where two parabolas
meet, E' swings from the pull of the one component to that of the other, over a length that shrinks like sigma^2: 5e-5 at
sigma = 0.01 for means 2 apart. No grid of the domain finds that, but the places are roots of quadratics: a few points around
each, at its own scale, and around every mean resolve E for every sigma, as long as sigma^2 / D is well above the rounding
of x. What they bracket is then refined.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.optimize import elementwise
from torch import Tensor

from gnc_core.errors import InputError

from .gaussians import GaussianMixture

DOMAIN = (-1.0, 1.0)  # of the one-dimensional examples
AROUND_MEAN = np.linspace(-6, 6, 25)  # in smoothed standard deviations
AROUND_BALANCE = np.array([-6, -3, -1.5, -0.5, 0.5, 1.5, 3, 6])  # in lengths of the transition
TOWARDS_END = 4.0 ** -np.arange(1, 25)  # in lengths of the domain: a minimum may lie next to an end, at any scale
SHADE = 10.0  # components whose log terms lie this far below the largest leave no trace where they balance
EQUALLY_LOW = 1e-9  # energies of minima that count as the same
PRECISION = {"xrtol": 4e-16, "frtol": 1e-12, "fatol": 1e-12}  # fatol: of curvatures in units of 1 / C_max


def resolving_points(
    mixture: GaussianMixture, sigma: float = 0.0, domain: tuple[float, float] = DOMAIN, spaced: int = 65
) -> np.ndarray:
    """Points of the domain, ascending, that resolve E(., sigma) and its derivatives in one dimension.

    They are `spaced` equidistant points from end to end, others that crowd towards the ends, points around every mean, and
    points around every place where two components balance, w_i N_i = w_j N_j (or come closest to it), spaced by the length
    1 / |a_i - a_j| over which one takes over from the other.

    Raises:
        InputError: a mixture in more dimensions, a domain that is no interval, sigma < 0, or 0 with Dirac components.

    >>> mixture = GaussianMixture([0.5, 0.5], [-0.5, 0.5], [0.0, 0.0])
    >>> points = resolving_points(mixture, sigma=0.01)
    >>> points[0].item(), points[-1].item(), (abs(points) < 1e-3).sum().item() > 5  # E' swings at 0
    (-1.0, 1.0, True)
    """
    sigmas = numbers(sigma, "sigma")
    if len(sigmas) != 1:
        raise InputError("The points resolve the energy of one sigma at a time.")
    return _resolving_points(mixture, sigmas, domain, spaced)[1]


def _resolving_points(
    mixture: GaussianMixture, sigmas: np.ndarray, domain: tuple[float, float], spaced: int = 65
) -> tuple[np.ndarray, np.ndarray]:
    """`resolving_points` of many sigmas: (N,) which sigma a point belongs to, ascending, and (N,) the points."""
    mu = one_dimensional_means(mixture).double().numpy()
    low, high = check_domain(domain)
    log_w = mixture.weights.double().log().numpy()
    C = mixture.smoothed_variances(sigmas).double().numpy()[..., 0]  # (S, K)

    # log(w_i N_i) - log(w_j N_j) = alpha t^2 - 2 beta t + gamma with t = x - mu_i. Its roots are q / alpha and gamma / q,
    # without cancellation; where it has none, q / alpha is where it comes closest to zero.
    i, j = np.triu_indices(len(mu), 1)
    delta, C_i, C_j = mu[j] - mu[i], C[:, i], C[:, j]
    alpha, beta = (C_i - C_j) / (2 * C_i * C_j), delta / (2 * C_j)
    gamma = beta * delta + log_w[i] - log_w[j] - 0.5 * np.log(C_i / C_j)
    root = np.sqrt(np.maximum(beta**2 - alpha * gamma, 0.0))
    q = beta + np.copysign(root, beta)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # what is not finite is left out
        balance = mu[i] + np.stack([q / alpha, gamma / q], 1)  # (S, 2, pairs)
        length = np.minimum(1 / (2 * root + np.sqrt(np.abs(alpha))), high - low)[:, None]
    distance = np.abs(balance - mu[i]) / np.sqrt(C_i)[:, None]
    resolved = (length >= np.sqrt(C_i)[:, None]) & (distance <= AROUND_MEAN[-1])  # by the points around mu_i
    n, r, p = np.nonzero(np.isfinite(balance) & ~resolved)
    balance, length = balance[n, r, p, None], length[n, 0, p, None]
    log_terms = log_w - 0.5 * ((balance - mu) ** 2 / C[n] + np.log(C[n]))
    seen = log_terms[np.arange(len(n)), i[p]] > log_terms.max(-1) - SHADE

    ends = (high - low) * TOWARDS_END
    groups = (
        (np.arange(len(C)), np.concatenate([np.linspace(low, high, spaced), low + ends, high - ends])),
        (np.arange(len(C)), (mu[:, None] + np.sqrt(C)[..., None] * AROUND_MEAN).reshape(len(C), -1)),
        (n[seen], balance[seen] + length[seen] * AROUND_BALANCE),
    )
    pairs = [np.broadcast_arrays(which[:, None], x) for which, x in groups]
    which, x = (np.concatenate([v.ravel() for v in column]) for column in zip(*pairs, strict=True))
    # Points that lie so close that rounding decides which is lower would hide the minimum beside them: one of them will do.
    least = C.min(1)
    span = max(high, mu.max()) - min(low, mu.min())
    close = np.minimum(1e-4 * least / np.maximum(span, np.sqrt(least)), 1e-6 * (high - low))
    close += 4 * np.finfo(float).eps * max(-low, high)
    inside = ((x >= low) & (x <= high - close[which])) | (x == high)
    which, x = which[inside], x[inside]
    order = np.lexsort((x, which))
    which, x = which[order], x[order]
    new = (np.diff(x, prepend=-np.inf) > close[which]) | (np.diff(which, prepend=-1) != 0)
    return which[new], x[new]


# --- minima -----------------------------------------------------------------------------------


def local_minimisers(mixture: GaussianMixture, sigma: float = 0.0) -> Tensor:
    """All local minimisers of E(., sigma) in one dimension, ascending, (M,), float64: where E' rises through zero.

    They lie between the outermost means. The extrema of E' are found first, so that no pair of zeros is missed where it only
    just reaches zero.

    Raises `InputError` as `resolving_points`.

    >>> from gnc_core.mixture import PRESETS
    >>> local_minimisers(PRESETS["Five components"]).round(decimals=2).tolist()
    [-0.75, -0.3, 0.2, 0.55, 0.85]
    """
    mixture = _double(mixture)
    low, high = float(mixture.means.min()), float(mixture.means.max())
    margin = 1e-3 * (high - low) + 1e-6 * max(1.0, abs(low), abs(high))

    def slope(x: np.ndarray) -> np.ndarray:
        return mixture.gradient(x[:, None], sigma)[:, 0].numpy()

    x = resolving_points(mixture, sigma, (low - margin, high + margin))
    y = slope(x)
    dips = _minimisers(slope, x, y)
    peaks = _minimisers(lambda x: -slope(x), x, -y)
    x = np.unique(np.concatenate([x, dips, peaks]))
    y = slope(x)
    rising = np.flatnonzero((y[:-1] < 0) & (y[1:] >= 0))
    return torch.from_numpy(elementwise.find_root(slope, (x[rising], x[rising + 1])).x)


def global_minimisers(mixture: GaussianMixture, sigma: float = 0.0) -> Tensor:
    """The minimisers of E(., sigma) in one dimension, ascending; several where minima are equally low (to 1e-9).

    Raises `InputError` as `resolving_points`.

    >>> from gnc_core.mixture import PRESETS
    >>> global_minimisers(PRESETS["Five components"]).round(decimals=2).tolist()
    [0.2]
    """
    x = local_minimisers(mixture, sigma)
    energy = _double(mixture).energy(x[:, None], sigma)
    return x[energy <= energy.min() + EQUALLY_LOW]


def _minimisers(function: Callable[[np.ndarray], np.ndarray], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Local minimisers of `function` that its samples y at x bracket (unless by rounding alone)."""
    k = _bracketed(y)
    found = elementwise.find_minimum(function, (x[k - 1], x[k], x[k + 1])).x
    return found[np.isfinite(found)]


def _bracketed(y: np.ndarray) -> np.ndarray:
    """Indices of the samples that are not above their two neighbours, and below at least one of them."""
    left, middle, right = y[:-2], y[1:-1], y[2:]
    return 1 + np.flatnonzero((middle <= left) & (middle <= right) & ((middle < left) | (middle < right)))


# --- convexity --------------------------------------------------------------------------------


def smallest_curvature(mixture: GaussianMixture, sigma: Any, domain: tuple[float, float] = DOMAIN) -> np.ndarray:
    """min over the domain of E''(x, sigma) in one dimension, for every sigma; (len(sigma),), float64.

    The least of all minima that `resolving_points` bracket, and of the ends of the domain.

    Raises `InputError` as `resolving_points`.

    >>> mixture = GaussianMixture([0.5, 0.5], [-1.0, 1.0], [0.0, 0.0])
    >>> smallest_curvature(mixture, [0.5, 1.0]).round(6).tolist()  # 1/sigma^2 - 1/sigma^4, at 0
    [-12.0, 0.0]
    """
    mixture = _double(mixture)

    def curvature(x: np.ndarray, sigma: np.ndarray) -> np.ndarray:
        return mixture.hessian(x[:, None], sigma)[:, 0, 0].numpy()

    sigmas = numbers(sigma, "sigma")
    sampled = np.full(len(sigmas), np.inf)
    if len(sigmas) == 0:
        return sampled
    n, x = _resolving_points(mixture, sigmas, domain)
    y = curvature(x, sigmas[n])
    np.minimum.at(sampled, n, y)
    k = _bracketed(y)
    k = k[n[k - 1] == n[k + 1]]  # of one sigma
    unit = 1 / (float(mixture.variances.max()) + sigmas**2)
    refined = elementwise.find_minimum(
        lambda x, n: curvature(x, sigmas[n]) / unit[n], (x[k - 1], x[k], x[k + 1]), args=(n[k],), tolerances=PRECISION
    )
    np.fmin.at(sampled, n[k], refined.f_x * unit[n[k]])
    return sampled


def critical_sigma(mixture: GaussianMixture, domain: tuple[float, float] = DOMAIN) -> float:
    """The exact threshold in one dimension: E(., sigma) is convex on the domain for every sigma above it.

    It is the largest root of sigma -> min_x E''(x, sigma), and 0 if that is never negative. Above a bound there is none:
    E'' >= sum_i r_i (1/C_i - a_i^2) >= 0 once every C_i is at least the largest (x - mu_i)^2 on the domain, and for equal
    covariances half the diameter bounds it as well. The search goes down to 1e-9 of the bound.

    Raises `InputError` for mixtures in more dimensions and domains that are no interval.

    >>> mixture = GaussianMixture([0.5, 0.5], [-1.0, 1.0], [0.19, 0.19])
    >>> round(critical_sigma(mixture), 6)  # the square root of 1 - 0.19
    0.9
    """
    mu = one_dimensional_means(mixture)
    low, high = check_domain(domain)
    reach = max(float(mu.max()) - low, high - float(mu.min()))
    bounds = [math.sqrt(max(reach**2 - float(mixture.variances.min()), 0.0))]
    if (half := _half_diameter(mixture)) is not None:
        bounds.append(half)
    top = min(bounds)
    if top == 0:
        return 0.0

    def lowest(sigmas: np.ndarray) -> np.ndarray:
        return smallest_curvature(mixture, sigmas, domain)

    sigmas = np.geomspace(1e-9 * top, top, 109)
    if mixture.has_density:
        sigmas = np.insert(sigmas, 0, 0.0)
    values = lowest(sigmas)
    above = int(np.flatnonzero(values < 0).max(initial=-1)) + 1
    dips = _minimisers(lowest, sigmas[above:], values[above:])  # a dip below zero may lie between two samples
    negative = np.concatenate([sigmas[values < 0], dips[lowest(dips) < 0]])
    if len(negative) == 0:
        return 0.0
    left = negative.max()
    if left == top:  # the bound is attained, and negative by rounding only
        return top
    right = sigmas[sigmas > left].min()
    return float(elementwise.find_root(lowest, (np.array([left]), right)).x[0])


@dataclass(frozen=True)
class Thresholds:
    """Values of sigma above which E(., sigma) is convex (method, section 1).

    diameter: the paper's sufficient bound D = max |mu_i - mu_j|: convex among the means (on their convex hull) for every
        sigma >= D, whatever the covariances; everywhere if they are equal.
    half_diameter: sqrt(max((D/2)^2 - v_min, 0)) with v_min the smallest eigenvalue of the
        components' common covariance, by Popoviciu's inequality; None if covariances differ.
    critical: the exact value on the domain; None in more than one dimension.

    >>> thresholds(GaussianMixture([0.5, 0.5], [-1.0, 1.0], [0.36, 0.36]), critical=False)
    Thresholds(diameter=2.0, half_diameter=0.8, critical=None)
    """

    diameter: float
    half_diameter: float | None
    critical: float | None


def thresholds(mixture: GaussianMixture, domain: tuple[float, float] = DOMAIN, critical: bool = True) -> Thresholds:
    """The three convexity thresholds of a mixture; `critical=False` skips the exact one.

    Raises `InputError` for domains that are no interval.

    >>> from gnc_core.mixture import PRESETS
    >>> found = thresholds(PRESETS["Five components"])
    >>> round(found.diameter, 3), found.half_diameter, round(found.critical, 3)  # covariances differ
    (1.6, None, 0.386)
    """
    check_domain(domain)
    exact = critical_sigma(mixture, domain) if critical and mixture.dimension == 1 else None
    return Thresholds(_diameter(mixture), _half_diameter(mixture), exact)


def _diameter(mixture: GaussianMixture) -> float:
    # Differences, not products: those of means 1e-6 apart would be lost in their rounding.
    return float(torch.cdist(mixture.means, mixture.means, compute_mode="donot_use_mm_for_euclid_dist").max())


def _half_diameter(mixture: GaussianMixture) -> float | None:
    S = mixture.covariances
    if (S - S[:1]).abs().max() > 1e-9 * S.abs().max():
        return None
    return math.sqrt(max((_diameter(mixture) / 2) ** 2 - float(mixture.variances.min()), 0.0))


# --- input ------------------------------------------------------------------------------------


def check_domain(domain: tuple[float, float]) -> tuple[float, float]:
    """The two ends as floats; raises `InputError` unless they are an interval.

    >>> check_domain([-1, 1])
    (-1.0, 1.0)
    """
    ends = numbers(domain, "The domain")
    if len(ends) != 2 or not ends[0] < ends[1]:
        raise InputError("The domain must be an interval (left end, right end).")
    return float(ends[0]), float(ends[1])


def numbers(values: Any, what: str) -> np.ndarray:
    """A number or an array of one dimension as float64, (N,); raises `InputError` for anything else. `what` begins its sentence.

    >>> numbers(0.1, "sigma")
    array([0.1])
    """
    try:
        array = np.atleast_1d(np.asarray(values, dtype=float))
    except (TypeError, ValueError, RuntimeError):
        array = np.array([np.nan])
    if array.ndim != 1 or not np.isfinite(array).all():
        raise InputError(f"{what} must be finite numbers.")
    return array


def one_dimensional_means(mixture: GaussianMixture) -> Tensor:
    """The means, (K,); raises `InputError` for a mixture in more dimensions.

    >>> one_dimensional_means(GaussianMixture([0.5, 0.5], [-1.0, 1.0], [0.1, 0.1])).tolist()
    [-1.0, 1.0]
    """
    if mixture.dimension != 1:
        raise InputError("This needs a mixture in one dimension.")
    return mixture.means[:, 0]


def _double(mixture: GaussianMixture) -> GaussianMixture:
    one_dimensional_means(mixture)
    return GaussianMixture(mixture.weights, mixture.means, mixture.covariances)
