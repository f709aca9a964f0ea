"""How much a learned energy bends down at an image: the smallest eigenvalue of its Hessian (method, section 6)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor

from gnc_core.images import crop_center
from gnc_core.prior import FieldsOfExperts

CROP = 64
LIFT = 3.0  # added to the eigenvalue of a known eigenvector, which then is none of the smallest
SIGMAS = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)  # the sigmas of `inspect`


def smallest_eigenvalue(
    prior: FieldsOfExperts, x: Tensor, s: float, tolerance: float = 1e-4, beside: Tensor | None = None
) -> tuple[float, Tensor]:
    """The smallest eigenvalue of sigma^2 hess_x R(x, s) and its eigenvector of norm one, (1, 1, H, W), by Lanczos.

    x: one image (1, 1, H, W). Never above zero, as brightness changes no energy: a convex energy gives 0. The residual's norm
    is at most `tolerance` times (1 + |eigenvalue|); the start vector is always the same. A product with the Hessian is one pass
    back through the score. beside: an eigenvector of norm one that is already known; what is found is orthogonal to it.

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
        # minus one: convergence is relative to a number of size 1
        image = scale * result.double().cpu().numpy().ravel() - v.ravel()
        return image if known is None else image + LIFT * (known @ v.ravel()) * known

    n = x.numel()
    known = None if beside is None else beside.double().cpu().numpy().ravel()
    start = np.random.default_rng(0).standard_normal(n)
    operator = LinearOperator((n, n), matvec=product, dtype=np.float64)
    values, vectors = eigsh(operator, k=1, which="SA", v0=start, tol=tolerance, ncv=min(n - 1, 32))
    return float(values[0] + 1), torch.from_numpy(vectors[:, 0]).to(x).view(x.shape)


def eigenvalues(prior: FieldsOfExperts, images: Sequence[Tensor], sigmas: Iterable[float], seed: int = 0) -> np.ndarray:
    """`smallest_eigenvalue` at every sigma, on the middle of every clean image, (1, 1, H, W), and on the same with noise of that
    level: (sigmas, images, 2), float32.

    The middle is `CROP` pixels a side: the eigenvectors are small wherever they are. `sigmas` may be a progress bar over them.

    >>> from gnc_core import zoo
    >>> eigenvalues(zoo.load("foe-l1"), [torch.rand(1, 1, 12, 12)], [0.1, 0.3]).shape
    (2, 1, 2)
    """
    generator = torch.Generator().manual_seed(seed)
    found = []
    for sigma in sigmas:
        for image in images:
            clean = crop_center(image, CROP)
            noisy = clean + sigma * torch.randn(clean.shape, generator=generator)
            found += [smallest_eigenvalue(prior, x.to(prior.c.device), math.log(sigma))[0] for x in (clean, noisy)]
    return np.array(found, np.float32).reshape(-1, len(images), 2)
