"""Gaussian mixtures and the graduated non-convexity of their smoothed energies (method, section 1).

Smoothing a mixture with a Gaussian of standard deviation sigma gives a mixture again, so the energy
E(x, sigma) = -log (p * N(0, sigma^2 I))(x), its derivatives and the sigma above which it is convex
are all known in closed form. That makes mixtures the place to see what the GNC flow does.

Reference: Kobler & Pock, "Learning Gradually Non-convex Image Priors Using Score Matching" (2023).
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gnc_core.errors import InputError


class GaussianMixture:
    """The density p = sum_i w_i N(mu_i, S_i) on R^d.

    Args:
        weights: (K,), non-negative; normalised to sum to one, and components of weight 0 dropped.
        means: (K, d), or (K,) in one dimension.
        covariances: (K, d, d), symmetric positive semi-definite; or (K,), the variances of
            isotropic components. A covariance of 0 is a Dirac component, which has an energy for
            sigma > 0 only.
        dtype: of all results, float64 (by default) or float32.

    Raises:
        InputError: shapes that do not fit, no component, values that are not finite, negative
            weights, covariances that are not symmetric positive semi-definite.

    Points `x` have the shape (..., d), and `sigma` >= 0 is a number or an array that broadcasts
    with the batch shape (...). All of these may be tensors, numpy arrays or (nested) sequences.
    Values are exact to rounding far outside the data too: everything is computed from log densities
    and the responsibilities r_i(x), their softmax. Other points and sigmas are refused by `InputError`,
    as is a sigma at which 1 / sigma^4, the size of curvatures, leaves the range of the dtype (float64: 1e-69).

    >>> mixture = GaussianMixture([0.5, 0.5], [-1.0, 1.0], [0.0, 0.0])  # two Dirac components
    >>> mixture.posterior_mean([[0.0], [2.0]], sigma=0.5).round(decimals=3).tolist()
    [[0.0], [1.0]]
    """

    def __init__(
        self,
        weights: Any,
        means: Any,
        covariances: Any,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        if dtype not in (torch.float32, torch.float64):
            raise InputError(f"The dtype of a mixture is torch.float64 or torch.float32, not {dtype}.")
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
        if (w < 0).any() or w.max() <= 0:
            raise InputError("Weights must not be negative, and at least one must be positive.")
        w = w / w.max()  # first, so that the sum of the largest numbers does not overflow
        kept = w > 0
        self.weights = w[kept] / w.sum()  # (K,)
        self._log_weights = self.weights.log()
        self.means = mu[kept]  # (K, d)
        self.covariances = cov = cov[kept]  # (K,) or (K, d, d)
        # Eigenvalues and eigenvectors of S_i: those of C_i = S_i + sigma^2 I follow for any sigma.
        self.axes: Tensor | None = None  # (K, d, d), the eigenvectors as columns; None: isotropic
        if cov.ndim == 1:
            self.variances = cov[:, None].expand(-1, d)  # (K, d)
            rounding = torch.zeros_like(self.variances)
        else:
            rounding = 20 * torch.finfo(dtype).eps * cov.abs().amax((-2, -1))[:, None]  # of the eigenvalues
            if ((cov - cov.mT).abs() > 10 * rounding[..., None]).any():
                raise InputError("Covariance matrices must be symmetric.")
            self.variances, self.axes = torch.linalg.eigh(cov)
        if (self.variances < -rounding).any():
            raise InputError("Variances must not be negative (covariances positive semi-definite).")
        self.variances = torch.where(self.variances > rounding, self.variances, 0.0)

    @property
    def dimension(self) -> int:
        return self.means.shape[1]

    @property
    def has_density(self) -> bool:
        """Whether E(., 0) exists, that is, whether no component is a Dirac (or flat)."""
        return bool((self.variances > self._smallest_variance).all())

    @property
    def _smallest_variance(self) -> float:
        """Below it 1 / C^2 cannot be computed: a component that narrow is a Dirac."""
        return torch.finfo(self.means.dtype).tiny ** 0.45

    def smoothed(self, sigma: float) -> "GaussianMixture":
        """The mixture p * N(0, sigma^2 I), with covariances C_i = S_i + sigma^2 I, for one sigma."""
        width = _sigma(sigma, self.means.dtype)
        if width.numel() != 1:
            raise InputError("A mixture is smoothed with one sigma at a time.")
        isotropic = self.covariances.ndim == 1
        unit = 1.0 if isotropic else torch.eye(self.dimension, dtype=self.means.dtype)
        C = self.covariances + width.reshape(()) ** 2 * unit
        return GaussianMixture(self.weights, self.means, C, self.means.dtype)

    def energy(self, x: Any, sigma: Any = 0.0) -> Tensor:
        """E(x, sigma) = -log p_sigma(x), of shape (...)."""
        log_terms, _, _ = self._terms(x, sigma)
        return -torch.logsumexp(log_terms, -1)

    def gradient(self, x: Any, sigma: Any = 0.0) -> Tensor:
        """grad E(x, sigma) = sum_i r_i a_i with a_i = C_i^{-1} (x - mu_i), of shape (..., d)."""
        log_terms, a, _ = self._terms(x, sigma)
        r = torch.softmax(log_terms, -1)
        return (r[..., None] * a).sum(-2)

    def hessian(self, x: Any, sigma: Any = 0.0) -> Tensor:
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

    def posterior_mean(self, y: Any, sigma: Any) -> Tensor:
        """E[x | y] for y = x + sigma eta, by Tweedie's formula: y - sigma^2 grad E(y, sigma)."""
        y, sigma = self.points(y), _sigma(sigma, self.means.dtype)
        return y - sigma[..., None] ** 2 * self.gradient(y, sigma)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Exact samples: (count, d), in the mixture's dtype."""
        drawn = torch.multinomial(self.weights, count, replacement=True, generator=generator)
        noise = torch.randn(count, self.dimension, generator=generator, dtype=self.means.dtype)
        noise = noise * self.variances[drawn].sqrt()
        if self.axes is not None:
            noise = (self.axes[drawn] @ noise[..., None])[..., 0]
        return self.means[drawn] + noise

    def points(self, x: Any) -> Tensor:
        """`x` as a tensor (..., d) of this mixture's dtype; raises `InputError` if it cannot be one."""
        try:
            x = torch.as_tensor(x, dtype=self.means.dtype)
        except (TypeError, ValueError, RuntimeError):
            raise InputError("Points must be an array of numbers.") from None
        if x.ndim == 0 or x.shape[-1] != self.dimension:
            raise InputError(
                f"Points in {self.dimension} dimension(s) have the shape (..., {self.dimension}), not {tuple(x.shape)}."
            )
        return x

    def smoothed_variances(self, sigma: Any) -> Tensor:
        """Eigenvalues of C_i = S_i + sigma^2 I, (..., K, d); raises `InputError` where E(., sigma) does not exist."""
        C = self.variances + _sigma(sigma, self.means.dtype)[..., None, None] ** 2
        if not (self._smallest_variance < C).all():
            least = math.sqrt(self._smallest_variance)
            raise InputError(f"A Dirac component has an energy only when smoothed: sigma > 0 (above {least:.0e}).")
        return C

    def _terms(self, x: Any, sigma: Any) -> tuple[Tensor, Tensor, Tensor]:
        """log w_i N(x; mu_i, C_i) (..., K), a_i (..., K, d), eigenvalues of C_i (..., K, d)."""
        x, C = self.points(x), self.smoothed_variances(sigma)
        try:
            np.broadcast_shapes(x.shape[:-1], C.shape[:-2])  # torch's own takes as long as all the rest
        except ValueError:
            raise InputError(
                f"sigma of shape {tuple(C.shape[:-2])} does not broadcast with points of shape {tuple(x.shape)}."
            ) from None
        offset = x[..., None, :] - self.means
        if self.axes is not None:
            offset = (offset[..., None, :] @ self.axes)[..., 0, :]
        a = offset / C
        log_terms = self._log_weights - 0.5 * (
            (offset * a).sum(-1) + C.log().sum(-1) + self.dimension * math.log(2 * math.pi)
        )
        if self.axes is not None:
            a = (self.axes @ a[..., None])[..., 0]
        return log_terms, a, C


def _finite(values: Any, dtype: torch.dtype) -> Tensor:
    try:
        tensor = torch.as_tensor(values, dtype=dtype)
    except (TypeError, ValueError, RuntimeError):
        raise InputError("Weights, means and covariances must be arrays of numbers.") from None
    if not tensor.isfinite().all():
        raise InputError("Weights, means and covariances must be finite numbers.")
    return tensor


def _sigma(sigma: Any, dtype: torch.dtype) -> Tensor:
    try:
        tensor = torch.as_tensor(sigma, dtype=dtype)
    except (TypeError, ValueError, RuntimeError):
        raise InputError("sigma must be a number or an array of numbers.") from None
    if not ((tensor >= 0) & (tensor < math.inf)).all():  # NaN is neither
        raise InputError("sigma must be a finite number and not negative.")
    return tensor
