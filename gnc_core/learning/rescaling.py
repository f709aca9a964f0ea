"""A prior without input scaling as one with it: the same energy, up to what its coarser grids at large sigma cannot hold.

Method, section 6.1. With a(s) = sqrt(sigma^2 + d^2), every layer of R~(x / a(s), s) = R(x, s) sees its features divided by a:

    activations   phi~(u, s) = phi(a u, s) / a,        the potential   phi~(u, s) = phi(a u, s).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gnc_core import checks
from gnc_core.errors import InputError
from gnc_core.prior import splines
from gnc_core.prior.fields_of_experts import FieldsOfExperts
from gnc_core.prior.functions import Splines

POINTS = 3  # the functions are compared at so many points a knot, in u and in s
CUTOFF = (
    1e-3  # relative singular value below which a direction of the weights is left at zero: knots beyond the range of s
)


@torch.no_grad()
def rescaled(prior: FieldsOfExperts, input_scale: float, **changes: int) -> FieldsOfExperts:
    """A prior with `input_scale` whose functions are fitted to those of `prior`, by least squares of their increments.

    changes: entries of the architecture that differ, such as knots_u. Kernels and c(s) are taken as they are.
    Raises `InputError` for a scale that is not positive, and for a prior that has one already.

    >>> prior = rescaled(FieldsOfExperts(channels=8, kernel_size=3), input_scale=0.05, knots_u=63)
    >>> prior.input_scale, prior.potential.u.knots
    (0.05, 63)
    """
    input_scale = checks.number(input_scale, "The input scale", positive=True)
    if prior.input_scale:
        raise InputError("The prior has an input scale already.")
    architecture: dict = prior.architecture | {"input_scale": input_scale} | changes
    result = FieldsOfExperts(**architecture)
    own = {
        name: value for name, value in prior.state_dict().items() if "increments" not in name and "offset" not in name
    }
    result.load_state_dict(own, strict=False)
    s = torch.linspace(math.log(prior.sigma_min), math.log(prior.sigma_max), POINTS * len(prior.c), dtype=torch.float64)
    for old, new in zip(prior.functions, result.functions, strict=True):
        _fit(old, new, s, result.unit(s))
    return result


def _fit(old: Splines, new: Splines, s: Tensor, a: Tensor) -> None:
    """Slopes of `new` such that phi~' = phi'(a u) (times a, for the potential) at all s; then its offset, if it has one."""
    grid = new.u
    u = torch.linspace(grid.low, grid.high, POINTS * grid.knots, dtype=torch.float64)
    seen = (a[:, None] * u).expand(len(old.increments), -1, -1).transpose(0, 1)[:, :, None]  # (S, C, 1, P)
    target = splines.evaluate(old.table(s), seen.contiguous(), old.u, order=1)[:, :, 0]
    if new.potential:
        target = target * a[:, None, None]
    # What an increment of one adds to phi': a step of the weights.
    steps = torch.ones(grid.weights - 1, grid.weights, dtype=torch.float64).triu(1) * grid.spacing
    table = splines.polynomials(steps, continuation=2 if new.potential else 1)[None]
    in_u = splines.evaluate(table, u.expand(1, len(steps), 1, -1), grid, order=1)[0, :, 0].T
    scale = new.scale.double()
    in_s = splines.basis(s, new.s) * scale
    level = in_s.sum(1, keepdim=True)  # of one size at all s
    inverse_u, inverse_s = (torch.linalg.pinv(m, rtol=CUTOFF) for m in (in_u, in_s / level))
    new.increments.copy_(torch.einsum("ip,scp,ks->cik", inverse_u, target / level[:, :, None], inverse_s))
    if new.offset is not None:
        zero = torch.zeros(len(s), len(old.increments), 1, 1, dtype=torch.float64)
        new.offset.zero_()
        miss = splines.evaluate(old.table(s), zero, old.u) / a.view(-1, 1, 1, 1) - splines.evaluate(
            new.table(s), zero, new.u
        )
        new.offset.copy_(torch.einsum("ks,sc->ck", inverse_s, miss[:, :, 0, 0] / level)[:, None])
