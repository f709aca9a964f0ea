"""Gaussian mixtures in d dimensions: the smoothed energy, its gradient and Hessian (method, section 1)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from gnc_core.errors import InputError

DOMAIN = (-1.0, 1.0)  # of the one-dimensional examples


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


def _one_dimensional(mixture: GaussianMixture) -> Tensor:
    if mixture.dimension != 1:
        raise InputError("This needs a mixture in one dimension.")
    return mixture.means[:, 0]
