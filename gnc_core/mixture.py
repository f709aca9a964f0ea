"""Gaussian mixtures and the graduated non-convexity of their smoothed energies (method, section 1).

Smoothing a mixture with a Gaussian of standard deviation sigma gives a mixture again, so the energy
E(x, sigma) = -log (p * N(0, sigma^2 I))(x), its derivatives and the sigma above which it is convex
are all known in closed form. That makes mixtures the place to see what the GNC flow does.

Reference: Kobler & Pock, "Learning Gradually Non-convex Image Priors Using Score Matching" (2023).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import brentq
from torch import Tensor

from gnc_core.errors import InputError

DOMAIN = (-1.0, 1.0)  # of the one-dimensional examples
SIGMA_END = 1e-3  # where their schedules end
TOLERANCE = 0.05  # a flow that ends this close to the global minimiser has attained it


class GaussianMixture:
    """The density p = sum_i w_i N(mu_i, S_i) on R^d.

    Args:
        weights: (K,), non-negative; normalised to sum to one, and components of weight 0 dropped.
        means: (K, d), or (K,) in one dimension.
        covariances: (K, d, d), symmetric positive semi-definite; or (K,), the variances of
            isotropic components. A covariance of 0 is a Dirac component, which has an energy for
            sigma > 0 only.
        dtype: of all results, float64 by default.

    Raises:
        InputError: shapes that do not fit, no component, values that are not finite, negative
            weights, covariances that are not symmetric positive semi-definite.

    Points `x` have the shape (..., d), and `sigma` >= 0 is a number or a tensor that broadcasts
    with the batch shape (...). Values are exact to rounding far outside the data too: everything
    is computed from log densities and the responsibilities r_i(x), their softmax.
    """

    def __init__(
        self,
        weights: Sequence[float] | Tensor,
        means: Sequence[float] | Sequence[Sequence[float]] | Tensor,
        covariances: Sequence[float] | Tensor,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        w, mu, cov = (_finite(v, dtype) for v in (weights, means, covariances))
        mu = mu[:, None] if mu.ndim == 1 else mu
        if w.ndim != 1 or mu.ndim != 2 or len(w) == 0 or mu.shape[1] == 0:
            raise InputError("A mixture needs at least one component, each with a weight and mean.")
        K, d = mu.shape
        if len(w) != K or cov.shape not in ((K,), (K, d, d)):
            raise InputError(
                f"{K} means in {d} dimension(s) need {K} weights and as many variances, or "
                f"covariance matrices of {d} x {d}."
            )
        if (w < 0).any() or w.sum() <= 0:
            raise InputError("Weights must not be negative, and at least one must be positive.")
        kept = w > 0
        self.weights = w[kept] / w.sum()  # (K,)
        self.means = mu[kept]  # (K, d)
        self.covariances = cov = cov[kept]  # (K,) or (K, d, d)
        # Eigenvalues and eigenvectors of S_i: those of C_i = S_i + sigma^2 I follow for any sigma.
        self.axes: Tensor | None = None  # (K, d, d), the eigenvectors as columns; None: isotropic
        if cov.ndim == 1:
            self.variances = cov[:, None].expand(-1, d)  # (K, d)
        else:
            if not torch.allclose(cov, cov.mT):
                raise InputError("Covariance matrices must be symmetric.")
            self.variances, self.axes = torch.linalg.eigh(cov)
        rounding = 1e-12 * self.variances.abs().amax() if self.axes is not None else 0.0
        if (self.variances < -rounding).any():
            raise InputError("Variances must not be negative (covariances positive semi-definite).")
        self.variances = self.variances.clamp(min=0)

    @property
    def dimension(self) -> int:
        return self.means.shape[1]

    @property
    def has_density(self) -> bool:
        """Whether E(., 0) exists, that is, whether no component is a Dirac (or flat)."""
        return bool((self.variances > 0).all())

    def smoothed(self, sigma: float) -> "GaussianMixture":
        """The mixture p * N(0, sigma^2 I), with covariances C_i = S_i + sigma^2 I."""
        _check_sigma(torch.as_tensor(sigma))
        isotropic = self.covariances.ndim == 1
        unit = 1.0 if isotropic else torch.eye(self.dimension, dtype=self.means.dtype)
        C = self.covariances + sigma**2 * unit
        return GaussianMixture(self.weights, self.means, C, self.means.dtype)

    def energy(self, x: Tensor, sigma: float | Tensor = 0.0) -> Tensor:
        """E(x, sigma) = -log p_sigma(x), of shape (...)."""
        log_terms, _, _ = self._terms(x, sigma)
        return -torch.logsumexp(log_terms, -1)

    def gradient(self, x: Tensor, sigma: float | Tensor = 0.0) -> Tensor:
        """grad E(x, sigma) = sum_i r_i a_i with a_i = C_i^{-1} (x - mu_i), of shape (..., d)."""
        log_terms, a, _ = self._terms(x, sigma)
        r = torch.softmax(log_terms, -1)
        return (r[..., None] * a).sum(-2)

    def hessian(self, x: Tensor, sigma: float | Tensor = 0.0) -> Tensor:
        """hess E(x, sigma) = sum_i r_i C_i^{-1} - Cov_r(a), of shape (..., d, d)."""
        log_terms, a, C = self._terms(x, sigma)
        r = torch.softmax(log_terms, -1)[..., None]
        if self.axes is None:
            curvature = torch.diag_embed((r / C).sum(-2))
        else:
            inverse = (self.axes / C[..., None, :]) @ self.axes.mT
            curvature = (r[..., None] * inverse).sum(-3)
        # Centred first: a and its mean are huge and nearly equal far outside the data.
        a = a - (r * a).sum(-2, keepdim=True)
        return curvature - (r * a).mT @ a

    def posterior_mean(self, y: Tensor, sigma: float | Tensor) -> Tensor:
        """E[x | y] for y = x + sigma eta, by Tweedie's formula: y - sigma^2 grad E(y, sigma)."""
        sigma = torch.as_tensor(sigma, dtype=self.means.dtype)
        return y - sigma[..., None] ** 2 * self.gradient(y, sigma)

    def _terms(self, x: Tensor, sigma: float | Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """log w_i N(x; mu_i, C_i) (..., K), a_i (..., K, d), eigenvalues of C_i (..., K, d)."""
        sigma = torch.as_tensor(sigma, dtype=self.means.dtype)
        _check_sigma(sigma)
        C = self.variances + sigma[..., None, None] ** 2
        if not (C > 0).all():
            raise InputError("A Dirac component has an energy only when smoothed: sigma > 0.")
        offset = x[..., None, :] - self.means
        if self.axes is not None:
            offset = (offset[..., None, :] @ self.axes)[..., 0, :]
        a = offset / C
        log_terms = self.weights.log() - 0.5 * (
            (offset * a).sum(-1) + C.log().sum(-1) + self.dimension * math.log(2 * math.pi)
        )
        if self.axes is not None:
            a = (self.axes @ a[..., None])[..., 0]
        return log_terms, a, C


def _finite(values: object, dtype: torch.dtype) -> Tensor:
    try:
        tensor = torch.as_tensor(values, dtype=dtype)
    except (TypeError, ValueError, RuntimeError):
        raise InputError("Weights, means and covariances must be arrays of numbers.") from None
    if not tensor.isfinite().all():
        raise InputError("Weights, means and covariances must be finite numbers.")
    return tensor


def _check_sigma(sigma: Tensor) -> None:
    if not (sigma.isfinite() & (sigma >= 0)).all():
        raise InputError("sigma must be a finite number and not negative.")


# --- the GNC flow -----------------------------------------------------------------------------


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


# --- minima and convexity ---------------------------------------------------------------------


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


def _one_dimensional(mixture: GaussianMixture) -> Tensor:
    if mixture.dimension != 1:
        raise InputError("This needs a mixture in one dimension.")
    return mixture.means[:, 0]
