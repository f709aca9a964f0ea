"""Convex potentials: from which smoothing on they are proved to be, and how they are made so.

Method, section 6. With one layer hess_x R = K^T diag(phi'') K / a(s)^2, so R(., s) is convex on all of R^n where all potentials
are. With c_ik = second differences of the weights over g_u^2

    phi''(u, s) = sum_i sum_k c_ik N_2((u - m_i)/g_u) kappa((s - t_k)/g_s),

N_2 the quadratic B-spline: on a cell between knots a polynomial of degree 2 in u and 4 in s, which lies in the convex hull of its
Bernstein coefficients. Beyond the grid phi'' goes on as the constant that it ends with.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import isotonic_regression
from torch import Tensor

from gnc_core import checks
from gnc_core.prior import splines
from gnc_core.prior.convolutions import convolve
from gnc_core.prior.fields_of_experts import FieldsOfExperts
from gnc_core.prior.functions import Splines

HALVINGS = 3  # of a cell in s: sigma_c is found among 2^3 levels a knot
DEPTH = 8  # halvings in both directions before a cell counts as not proved

# From the five weights around a cell to its Bernstein coefficients (rows), times 24; none is negative.
_TO_BERNSTEIN = (
    (1, 11, 11, 1, 0),
    (0, 8, 14, 2, 0),
    (0, 4, 16, 4, 0),
    (0, 2, 14, 8, 0),
    (0, 1, 11, 11, 1),
)


@torch.no_grad()
def convex_from(prior: FieldsOfExperts) -> float:
    """The smallest sigma from which on, up to sigma_max, R(., s) is proved convex on all of R^n; NaN if there is none.

    All potentials are convex there, exactly but for the rounding of sums of numbers of one sign, in float64, and all hidden
    activations linear, to the last bit. With one layer sigma is one of 8 levels a knot in s.

    >>> round(convex_from(FieldsOfExperts(channels=8, kernel_size=3)), 4)  # quadratic potentials, before any training
    0.01
    """
    phi = prior.potential
    bent = [_bent(activation) for activation in prior.functions[:-1]]
    linear = max(bent, default=-math.inf)
    found = math.nan
    for low, cells in _strips(phi):
        if low < linear - 1e-9 or not _nonnegative(cells):
            break
        found = math.exp(max(low, phi.s.low))
    return found


def _bent(phi: Splines) -> float:
    """The s from which on activations are linear: beyond the reach of the last knot at which increments differ."""
    differ = (phi.increments.diff(dim=1) != 0).any(1).any(0).nonzero()
    return float(phi.s.positions()[differ.max()]) + 2.5 * phi.s.spacing if len(differ) else -math.inf


class ConvexPriors:
    """The priors whose potentials are convex and whose hidden activations are linear for all smoothings from `sigma` on: their
    energies are convex there, on all of R^n.

    A convex set: means of such priors are such priors. x: clean images (N, 1, H, W), for the density of the features of `prior`
    with noise of each level.

    >>> prior = FieldsOfExperts(layers=2, channels=8, kernel_size=3)
    >>> _ = prior.potential.increments.data.normal_(generator=torch.manual_seed(0))
    >>> before = convex_from(prior)
    >>> ConvexPriors(prior, 0.1, torch.rand(4, 1, 16, 16)).project(prior)
    >>> before, convex_from(prior) <= 0.1
    (nan, True)
    """

    @torch.no_grad()
    def __init__(self, prior: FieldsOfExperts, sigma: float, x: Tensor) -> None:
        sigma = checks.number(sigma, "sigma", positive=True)
        checks.check_image(x)
        self.densities = {k: _densities(prior, x, k) for k in _reached(prior.potential, sigma)}

    @torch.no_grad()
    def project(self, prior: FieldsOfExperts) -> None:
        """Make a prior the nearest of them, in place, at every knot in s that has a weight there, in the density of the features:
        a potential's increments become the nearest ones that do not fall (isotonic regression), an activation's their mean."""
        for k, (*hidden, last) in self.densities.items():
            for phi, density in zip(prior.functions, hidden, strict=False):
                mean = (density * phi.increments[:, :, k]).sum(1, keepdim=True) / density.sum(1, keepdim=True)
                phi.increments[:, :, k] = mean.expand_as(density)
            increments = prior.potential.increments
            pairs = zip(increments[:, :, k].cpu().double().numpy(), last.cpu().double().numpy(), strict=True)
            nearest = np.stack([isotonic_regression(own, weights=weights).x for own, weights in pairs])
            increments[:, :, k] = torch.from_numpy(nearest).to(increments)


def _reached(phi: Splines, sigma: float) -> list[int]:
    """The knots in s that have a weight at some smoothing from `sigma` on."""
    reached = phi.s.positions(dtype=torch.float64) > math.log(sigma) - 2.5 * phi.s.spacing
    return reached.nonzero().flatten().tolist()


def _densities(prior: FieldsOfExperts, x: Tensor, k: int) -> list[Tensor]:
    """How many features of x with noise of knot k in s fall to each increment, one more for all: (C, weights_u - 1) a layer."""
    grid = prior.potential.s
    level = grid.positions(dtype=x.dtype, device=x.device)[k].clamp(grid.low, grid.high)
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(k)).to(x)
    s = level.expand(len(x))
    h, found = prior.extend(prior.scaled(x + level.exp() * noise, s)), []
    for kernel, phi in zip(prior.kernels(), prior.functions, strict=True):
        u = convolve(h, kernel)
        near = F.pad(
            splines.moments(torch.ones_like(u), u, phi.u)[..., 0].sum(0), (1, 1)
        )  # a knot, with both continuations
        found.append((near[:, 1:] + near[:, :-1]) / 2 + 1)
        h = splines.evaluate(phi.table(s), u, phi.u)
    return found


def _strips(phi: Splines):  # type: ignore[no-untyped-def]
    """(lower end in s, Bernstein coefficients (M, 3, 5) of phi'' there) of strips of s, from s_max downwards."""
    bend = phi.increments.double().diff(dim=1) * phi.scale.double()  # c_ik, but for a positive factor
    middle = (bend[:, :-1] + bend[:, 1:]) / 2
    in_u = torch.stack([middle[:, :-1], bend[:, 1:-1], middle[:, 1:]], dim=2)  # (C, knots, 3, weights_s)
    to_bernstein = torch.tensor(_TO_BERNSTEIN).to(in_u) / 24
    for knot in reversed(range(phi.s.knots)):
        cells = [in_u.flatten(0, 1)[..., knot : knot + 5] @ to_bernstein.T]
        for _ in range(HALVINGS):
            cells = [half for cell in cells for half in _halves(cell, dim=2)]
        for part in reversed(range(len(cells))):
            low = phi.s.low + (knot - 0.5 + part / len(cells)) * phi.s.spacing
            if phi.s.low - phi.s.spacing / len(cells) < low < phi.s.high:
                yield low, cells[part]


def _nonnegative(cells: Tensor) -> bool:
    """Whether polynomials with Bernstein coefficients (M, 3, 5) are proved to be nowhere negative on their cells."""
    for _ in range(DEPTH):
        cells = cells[cells.flatten(1).amin(1) < 0]
        if not len(cells):
            return True
        if (cells[:, ::2, ::4] < 0).any():  # values at the corners
            return False
        cells = torch.cat([part for half in _halves(cells, dim=1) for part in _halves(half, dim=2)])
    return False


def _halves(cells: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Bernstein coefficients of both halves along a dimension (de Casteljau)."""
    rows = cells.unbind(dim)
    first, last = [rows[0]], [rows[-1]]
    while len(rows) > 1:
        rows = tuple((a + b) / 2 for a, b in pairwise(rows))
        first.append(rows[0])
        last.append(rows[-1])
    return torch.stack(first, dim), torch.stack(last[::-1], dim)
