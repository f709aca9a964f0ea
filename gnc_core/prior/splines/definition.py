"""The quartic spline by its definition, in plain PyTorch: what the tests trust.

A function of one variable on a grid of equidistant knots m_i with spacing g (method, section 2)

    phi(u) = sum_i w_i kappa((u - m_i)/g)

is a polynomial of degree 4 on each interval [m_j - g/2, m_j + g/2]. `polynomials` turns weights into
the coefficients of these polynomials, one row a knot, in powers of f = (u - m_j)/g in [-1/2, 1/2]; `evaluate`
looks the row up and sums the powers. A function of (u, s) is contracted to that form first: `basis` gives the
weights of its knots in s.

Outside the grid the function continues as its own Taylor polynomial at the end of the last interval: of
degree 2 (C^2 there) or 1 (C^1). It is one more row at each end of the table, so evaluation has no special case.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import comb, perm

import torch
from torch import Tensor

# kappa(f - d) on [-1/2, 1/2], d = -2 .. 2 (rows), in powers f^0 .. f^4 (columns).
_PIECES = (
    (1 / 384, -1 / 48, 1 / 16, -1 / 12, 1 / 24),
    (19 / 96, -11 / 24, 1 / 4, 1 / 6, -1 / 6),
    (115 / 192, 0.0, -5 / 8, 0.0, 1 / 4),
    (19 / 96, 11 / 24, 1 / 4, -1 / 6, -1 / 6),
    (1 / 384, 1 / 48, 1 / 16, 1 / 12, 1 / 24),
)
_DEGREE = 4
_MARGIN = 2  # knots beyond each end, so that the bases sum to one on the whole of [low, high]


def kappa(t: Tensor) -> Tensor:
    """The centred quartic B-spline, method section 2; any shape, support (-5/2, 5/2).

    >>> kappa(torch.tensor([-1.0, 0.0, 1.0])).sum().item()  # with kappa(-2) = kappa(2) = 1/384 that is one
    0.9947916865348816
    """
    a = t.abs()
    inner = 115 / 192 - 5 / 8 * a**2 + a**4 / 4
    middle = (55 + 20 * a - 120 * a**2 + 80 * a**3 - 16 * a**4) / 96
    outer = (5 / 2 - a).clamp(min=0) ** 4 / 24
    return torch.where(a <= 1 / 2, inner, torch.where(a <= 3 / 2, middle, outer))


@dataclass(frozen=True)
class Grid:
    """Equidistant knots on [low, high]; `weights` counts two more beyond each end.

    >>> grid = Grid(-1, 1, knots=3)
    >>> grid.spacing, grid.weights, grid.positions().tolist()
    (1.0, 7, [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0])
    """

    low: float
    high: float
    knots: int

    def __post_init__(self) -> None:
        if self.knots < 2 or not self.low < self.high:
            raise ValueError("A grid needs at least two knots and low < high.")

    @property
    def spacing(self) -> float:
        return (self.high - self.low) / (self.knots - 1)

    @property
    def weights(self) -> int:
        return self.knots + 2 * _MARGIN

    def positions(self, **options) -> Tensor:  # type: ignore[no-untyped-def]
        """Where the weights sit: (weights,), from low - 2 spacings to high + 2 spacings."""
        index = torch.arange(-_MARGIN, self.knots + _MARGIN, **options)
        return self.low + index * self.spacing


def polynomials(weights: Tensor, continuation: int) -> Tensor:
    """Weights (..., knots + 4) to the table of polynomial coefficients (..., knots + 2, 5).

    `continuation` is the degree (1 or 2) with which the function goes on outside the grid: the first and
    the last row of the table. Linear in the weights.

    >>> polynomials(Grid(-1, 1, knots=3).positions(), continuation=1).shape  # the weights of phi(u) = u
    torch.Size([5, 5])
    """
    pieces, to_left, to_right = _maps(continuation, weights.dtype, weights.device)
    windows = weights.unfold(-1, 5, 1)
    inside = (windows.reshape(-1, 5) @ pieces).view(windows.shape)  # one product, not one for every row of a batch
    return torch.cat([inside[..., :1, :] @ to_left, inside, inside[..., -1:, :] @ to_right], dim=-2)


@lru_cache(maxsize=32)
def _maps(continuation: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, ...]:
    """From five weights to the coefficients of a row, and from a row at either end to its continuation; kept on the device,
    which a copy from the host would keep waiting."""
    maps = _PIECES, _taylor(-1, continuation), _taylor(+1, continuation)
    return tuple(torch.tensor(m, dtype=dtype, device=device) for m in maps)


def _taylor(side: int, degree: int) -> list[list[float]]:
    """The map from a row's coefficients, in powers of f, to those of its Taylor polynomial at
    f = side/2, in powers of the neighbouring row's f' = f - side, as a 5 x 5 matrix."""
    matrix = [[0.0] * (_DEGREE + 1) for _ in range(_DEGREE + 1)]
    for power in range(_DEGREE + 1):  # f^power around side/2: derivative of each order / order!
        at_end = [comb(power, k) * (side / 2) ** (power - k) for k in range(power + 1)]
        for k in range(min(power, degree) + 1):  # (f - side/2)^k = (f' + side/2)^k
            for q in range(k + 1):
                matrix[power][q] += at_end[k] * comb(k, q) * (side / 2) ** (k - q)
    return matrix


def locate(u: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
    """The row of the table for every element of u, and f, its offset from that row's knot.

    >>> row, f = locate(torch.tensor([0.9]), Grid(-1, 1, knots=3))
    >>> row.item(), round(f.item(), 4)  # below the knot at 1; row 0 is the continuation below -1
    (3, -0.1)
    """
    t = (u - grid.low) / grid.spacing
    row = t.detach().nan_to_num().round().clamp(-1, grid.knots)  # NaN goes on in the offset
    return row.long() + 1, t - row


def evaluate(table: Tensor, u: Tensor, grid: Grid, order: int = 0) -> Tensor:
    """d^order phi / du^order at u.

    table: (N or 1, C, knots + 2, 5) of `polynomials`; u: (N, C, ...), any unit that the grid is in.
    Differentiable in both, any number of times.

    >>> grid = Grid(-1, 1, knots=3)
    >>> table = polynomials(grid.positions(), continuation=1)[None, None]  # phi(u) = u
    >>> [round(evaluate(table, torch.tensor([[[0.7, 5.0]]]), grid, order).sum().item(), 4) for order in (0, 1)]
    [5.7, 2.0]
    """
    n = len(u)
    row, f = locate(u.flatten(2), grid)
    rows = table.expand(n, *table.shape[1:])
    result = torch.zeros_like(f)
    for power in range(_DEGREE, order - 1, -1):
        factor = perm(power, order) / grid.spacing**order
        result = result * f + factor * rows[..., power].gather(2, row)
    return result.view_as(u)


def basis(s: Tensor, grid: Grid, order: int = 0) -> Tensor:
    """The weight of every knot in a spline at s, or its derivative: (N,) to (N, knots + 4).

    On the grid that is kappa((s - t_k)/g_s); outside, the quadratic continuation.

    >>> weights = basis(torch.tensor([-0.3, 0.8]), Grid(-1, 1, knots=3))
    >>> weights.shape, [round(total, 4) for total in weights.sum(1).tolist()]
    (torch.Size([2, 7]), [1.0, 1.0])
    """
    table = _identity_table(grid, s.dtype, s.device)
    return evaluate(table, s.expand(1, grid.weights, *s.shape), grid, order)[0].T


@lru_cache(maxsize=16)
def _identity_table(grid: Grid, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The tables of the basis functions themselves: (1, knots + 4, knots + 2, 5)."""
    return polynomials(torch.eye(grid.weights, dtype=dtype, device=device), continuation=2)[None]
