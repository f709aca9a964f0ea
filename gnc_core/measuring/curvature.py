"""How much a learned energy bends down at an image: the smallest eigenvalue of its Hessian (method, section 6)."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor

from gnc_core.prior import FieldsOfExperts


def smallest_eigenvalue(prior: FieldsOfExperts, x: Tensor, s: float, tolerance: float = 1e-4) -> tuple[float, Tensor]:
    """The smallest eigenvalue of sigma^2 hess_x R(x, s) and its eigenvector of norm one, (1, 1, H, W), by Lanczos.

    x: one image (1, 1, H, W). Never above zero, as brightness changes no energy: a convex energy gives 0. The residual's norm
    is at most `tolerance` times (1 + |eigenvalue|); the start vector is always the same. A product with the Hessian is one pass
    back through the score.

    >>> value, vector = smallest_eigenvalue(FieldsOfExperts(channels=8, kernel_size=3), torch.rand(1, 1, 8, 8), s=-2.0)
    >>> abs(value) < 1e-3, vector.shape  # quadratic potentials: convex, and brightness changes nothing
    (True, torch.Size([1, 1, 8, 8]))
    """
    with torch.enable_grad():
        at = x.detach().clone().requires_grad_()
        score = prior.score(at, s)
    scale = math.exp(2 * s)

    def product(v: np.ndarray) -> np.ndarray:
        direction = torch.from_numpy(v.reshape(x.shape)).to(x)
        (result,) = torch.autograd.grad(score, at, direction, retain_graph=True)
        return (
            scale * result.double().cpu().numpy().ravel() - v.ravel()
        )  # minus one: convergence is relative to a number of size 1

    n = x.numel()
    start = np.random.default_rng(0).standard_normal(n)
    operator = LinearOperator((n, n), matvec=product, dtype=np.float64)
    values, vectors = eigsh(operator, k=1, which="SA", v0=start, tol=tolerance, ncv=min(n - 1, 32))
    return float(values[0] + 1), torch.from_numpy(vectors[:, 0]).to(x).view(x.shape)
