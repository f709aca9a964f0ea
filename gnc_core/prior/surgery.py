"""Copies of a prior with some of its potentials switched off, or with one that is bent: what the others do without them.

Both change the weights of the spline phi_c(u, s) of method section 2, so that energy, score and slope stay those of one function.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gnc_core import checks
from gnc_core.errors import InputError

from . import splines
from .fields_of_experts import FieldsOfExperts
from .splines.definition import kappa


@dataclass(frozen=True, eq=False)
class FeatureRange:
    """Where the features of one potential lie, in the unit of the image, at smoothings sigma, ascending; (S,) each.

    Between them the bounds are linear in s = log(sigma), beyond them constant. Raises `InputError` unless low < high everywhere.

    >>> FeatureRange(np.array([0.01, 0.5]), np.array([-0.2, -1.0]), np.array([0.2, 1.0])).at(np.array([0.01, 1.0]))[1]
    array([0.2, 1. ])
    """

    sigma: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def __post_init__(self) -> None:
        arrays = [np.asarray(part, np.float64) for part in (self.sigma, self.low, self.high)]
        sigma, low, high = arrays
        if sigma.ndim != 1 or not sigma.size or any(part.shape != sigma.shape for part in arrays):
            raise InputError("A range of features needs as many lower and upper bounds as smoothings.")
        if not all(np.isfinite(part).all() for part in arrays) or sigma[0] <= 0 or (np.diff(sigma) <= 0).any():
            raise InputError("A range of features needs finite bounds, and positive smoothings in ascending order.")
        if (low >= high).any():
            raise InputError("A range of features needs lower bounds below the upper ones.")

    def at(self, sigma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The bounds at other smoothings: (K,) to (K,) and (K,)."""
        s, known = np.log(sigma), np.log(self.sigma)
        return np.interp(s, known, self.low), np.interp(s, known, self.high)


@torch.no_grad()
def without(prior: FieldsOfExperts, channels: Iterable[int]) -> FieldsOfExperts:
    """A copy of a prior whose potentials of these channels, counted from 0, are zero: their kernels count for nothing.

    Without all of them, the energy of every image is that of the constant c(s), and the score is zero. Raises `InputError` for
    a channel that is not there.

    >>> prior, image = FieldsOfExperts(channels=8, kernel_size=3), torch.rand(1, 1, 8, 8)
    >>> without(prior, range(8)).energy(image, -2.0).item()  # before any training c(s) = 0
    0.0
    >>> torch.equal(without(prior, []).energy(image, -2.0), prior.energy(image, -2.0))
    True
    """
    off = [_channel(prior, channel) for channel in channels]
    changed = copy.deepcopy(prior)
    changed.potential.increments[off] = 0
    return changed


@torch.no_grad()
def bent(prior: FieldsOfExperts, channel: int, offsets: Sequence[float], features: FeatureRange) -> FieldsOfExperts:
    """A copy of a prior whose potential phi of one channel, counted from 0, is bent by handles:

        phi(u, s) + h(s) sum_j o_j b(t_j(u, s)),   t_j the distance of u from handle j in units of that between two handles.

    offsets: o_j, of n >= 2 handles, which lie at equal distances from the lower to the upper bound of `features`, in units of
    h(s), the height of phi: its largest value on that range minus its smallest. b is a bump, 1 - 10 t^3 + 15 t^4 - 6 t^5 up to
    t = 1 and zero from there on, so that all bumps together are one. What is added to the weights is the spline through the sum
    at the knots in u and s: beyond the range it is constant, but for a ringing that falls to a third from knot to knot; bumps
    narrower than a knot's spacing are not seen. As of every potential, what is zero is the weight of the middle knot: a constant
    of a level changes no score, and equal offsets change nothing.

    Raises `InputError` for a channel that is not there, and for offsets that are not finite or fewer than two.

    >>> prior, image = FieldsOfExperts(channels=8, kernel_size=3), torch.rand(1, 1, 8, 8)
    >>> features = FeatureRange(np.array([0.1]), np.array([-1.0]), np.array([1.0]))
    >>> higher = bent(prior, 3, [0.5, 0, 0, 0, 0.5], features)
    >>> bool(higher.energy(image, -2.0) > prior.energy(image, -2.0))
    True
    """
    channel = _channel(prior, channel)
    handles = np.asarray(checks.numbers(list(offsets), "The offsets"), np.float64)
    if len(handles) < 2:
        raise InputError("A potential is bent by at least two handles.")
    changed = copy.deepcopy(prior)
    phi = changed.potential
    # Beyond the range of the prior as at its ends: knots there have a share in the last levels within.
    positions = phi.s.positions(dtype=torch.float64)
    s = positions.clamp(phi.s.low, phi.s.high)
    unit = prior.unit(s).numpy()
    low, high = (bound / unit for bound in features.at(s.exp().numpy()))
    u = phi.u.positions(dtype=torch.float64).numpy()
    place = np.clip((u[:, None] - low) / (high - low), 0, 1) * (len(handles) - 1)  # (weights_u, weights_s)
    distance = np.abs(place[..., None] - np.arange(len(handles))).clip(max=1)
    bumps = 1 - distance**3 * (10 - 15 * distance + 6 * distance**2)
    added = torch.from_numpy((bumps @ handles) * _heights(prior, channel, s, low, high))
    weights = _through(_through(added).T).T
    increments = weights.diff(dim=0).to(phi.increments.device) / (phi.scale.double() * phi.u.spacing)
    phi.increments[channel] += increments.to(phi.increments.dtype)
    return changed


def _through(values: Tensor) -> Tensor:
    """The weights of the spline that has these values at its knots, along the first dimension; constants stay constant."""
    offset = torch.arange(len(values), dtype=values.dtype)
    matrix = kappa(offset[:, None] - offset)
    return torch.linalg.solve(matrix / matrix.sum(1, keepdim=True), values)


def _heights(prior: FieldsOfExperts, channel: int, s: Tensor, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """h(s) of a potential between bounds in the unit of its layer: (K,), all of s, low and high."""
    phi, device = prior.potential, prior.c.device
    u = torch.from_numpy(np.linspace(low, high, 257, axis=1)).to(device)
    table = phi.table(s.to(device))[:, channel : channel + 1]
    values = splines.evaluate(table, u[:, None, None], phi.u)[:, 0, 0]
    return (values.amax(1) - values.amin(1)).cpu().numpy()


def _channel(prior: FieldsOfExperts, channel: int) -> int:
    """`channel` as an int; raises `InputError` if the prior has no such channel."""
    return checks.whole(channel, "channel", 0, prior.channels - 1)
