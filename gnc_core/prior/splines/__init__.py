"""Functions of (feature, smoothing) as two-variable quartic splines (method, section 2).

    phi(u, s) = sum_i sum_k w[i, k] kappa((u - m_i)/g_u) kappa((s - t_k)/g_s)

`definition` is the spline by its formulas in plain PyTorch. The functions here give the same numbers faster where they can, in
float32: on the CPU by the passes of `cpu` (numba), on an NVIDIA GPU by those of `gpu` (Triton); otherwise by the definition.
Evaluation and moments are each other's derivative, so the pair is closed under differentiation of any order.
"""

from __future__ import annotations

import warnings
from functools import cache, lru_cache
from math import perm
from subprocess import SubprocessError
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from . import definition
from .definition import Grid, basis, polynomials

try:
    from . import cpu
except ImportError:  # without numba everything runs by the definition
    cpu = None  # type: ignore[assignment]

__all__ = [
    "Grid",
    "basis",
    "evaluate",
    "evaluate_in_place",
    "moments",
    "polynomials",
    "pull_back",
    "times_derivative",
    "total",
    "value_and_derivative",
]

_POWERS = 5


def evaluate(table: Tensor, u: Tensor, grid: Grid, order: int = 0) -> Tensor:
    """d^order phi / du^order at every pixel.

    table: (N or 1, C, knots + 2, 5) of `polynomials`; u: (N, C, H, W) in the grid's unit. Returns the shape of u.
    Differentiable in both, any number of times. Fast and plain agree to 1e-5 relative in float32.

    >>> grid = Grid(-1, 1, knots=3)
    >>> table = polynomials(grid.positions(), continuation=1)[None, None]  # phi(u) = u
    >>> evaluate(table, torch.full((2, 1, 1, 1), 0.5), grid).flatten().tolist()
    [0.5, 0.5]
    """
    if _fast(u):
        return _Evaluate.apply(_derivative(table, grid, order), u, grid)
    return definition.evaluate(table, u, grid, order)


def evaluate_in_place(table: Tensor, u: Tensor, grid: Grid, order: int = 0) -> Tensor:
    """`evaluate` without a graph, written over u, which must be contiguous.

    >>> grid, u = Grid(-1, 1, knots=3), torch.full((2, 1, 1, 1), 0.5)
    >>> table = polynomials(grid.positions(), continuation=1)[None, None]  # phi(u) = u
    >>> evaluate_in_place(table, u, grid, order=1) is u, u.flatten().tolist()
    (True, [1.0, 1.0])
    """
    if passes := _fast(u):
        table = _derivative(table, grid, order)
        passes.values(_powers_first(table, len(u)), _planes(u), *_rows(grid), _planes(u))
        return u
    return u.copy_(definition.evaluate(table, u, grid, order))


def value_and_derivative(table: Tensor, u: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
    """(phi, dphi/du) at every pixel, in one pass; arguments as in `evaluate`.

    >>> grid = Grid(-1, 1, knots=3)
    >>> table = polynomials(grid.positions(), continuation=1)[None, None]  # phi(u) = u
    >>> [part.item() for part in value_and_derivative(table, torch.full((1, 1, 1, 1), 0.5), grid)]
    [0.5, 1.0]
    """
    if _fast(u):
        return _ValueAndDerivative.apply(table, u, grid)
    return definition.evaluate(table, u, grid), definition.evaluate(table, u, grid, order=1)


def moments(g: Tensor, u: Tensor, grid: Grid) -> Tensor:
    """The adjoint of `evaluate` in the table: sum of g f^k over the pixels of each row.

    g, u: (N, C, H, W). Returns (N, C, knots + 2, 5), so that <moments(g, u), T> = <g, evaluate(T, u)>.

    >>> grid, u = Grid(-1, 1, knots=3), torch.full((1, 1, 2, 2), 0.25)  # four pixels, at f = 1/4 in the row of the knot 0
    >>> moments(torch.ones_like(u), u, grid)[0, 0, 2].tolist()
    [4.0, 1.0, 0.25, 0.0625, 0.015625]
    """
    if _fast(u):
        return _Moments.apply(g, u, grid)
    row, f = definition.locate(u.flatten(2), grid)
    weights = torch.stack([g.flatten(2) * f**k for k in range(_POWERS)], dim=-1)
    index = row[..., None].expand(*row.shape, _POWERS)
    return weights.new_zeros(*u.shape[:2], grid.knots + 2, _POWERS).scatter_add(2, index, weights)


def pull_back(table: Tensor, u: Tensor, grid: Grid, g: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """What <g, phi(u)> passes back, g phi'(u) and moments(g, u), in one pass; without g, that of the sum of phi(u).

    >>> grid, u = Grid(-1, 1, knots=3), torch.full((1, 1, 2, 2), 0.25)
    >>> table = polynomials(grid.positions(), continuation=1)[None, None]  # phi(u) = u
    >>> derivative, sums = pull_back(table, u, grid)
    >>> derivative.sum().item(), torch.equal(sums, moments(torch.ones_like(u), u, grid))
    (4.0, True)
    """
    if _fast(u):
        return _PullBack.apply(table, u, g, grid)
    derivative = definition.evaluate(table, u, grid, order=1)
    return (derivative, moments(torch.ones_like(u), u, grid)) if g is None else (g * derivative, moments(g, u, grid))


def total(table: Tensor, u: Tensor, grid: Grid, weight: Tensor | None = None, order: int = 0) -> Tensor:
    """<weight, d^order phi / du^order (u)> summed over channels and pixels: (N,).

    >>> grid = Grid(-1, 1, knots=3)
    >>> table = polynomials(grid.positions(), continuation=1)[None, None]  # phi(u) = u
    >>> total(table, torch.full((1, 1, 2, 2), 0.25), grid).tolist()
    [1.0]
    """
    sums = moments(torch.ones_like(u) if weight is None else weight, u, grid)
    return (sums * _derivative(table, grid, order)).flatten(1).sum(1)


def times_derivative(table: Tensor, grid: Grid) -> Tensor:
    """The table of u dphi/du: (..., knots + 2, 5) as `polynomials` has them. It has the degrees of the function itself.

    >>> grid = Grid(-1, 1, knots=3)
    >>> table = polynomials(grid.positions(), continuation=1)  # phi(u) = u, and so is u phi'(u)
    >>> torch.allclose(times_derivative(table, grid), table, atol=1e-6)
    True
    """
    knots = torch.arange(-1, grid.knots + 1, dtype=table.dtype, device=table.device) + grid.low / grid.spacing
    powers = torch.arange(_POWERS, dtype=table.dtype, device=table.device)
    risen = powers * table
    return risen + knots[:, None] * F.pad(risen[..., 1:], (0, 1))


def _derivative(table: Tensor, grid: Grid, order: int) -> Tensor:
    """The table of d^order phi / du^order."""
    if order == 0:
        return table
    factors = _factors(grid, order, table.dtype, table.device)
    return F.pad(table[..., order:] * factors, (0, min(order, _POWERS)))


def _derivative_adjoint(sums: Tensor, grid: Grid) -> Tensor:
    """The adjoint of `_derivative` of order 1."""
    return F.pad(sums[..., :-1] * _factors(grid, 1, sums.dtype, sums.device), (1, 0))


@lru_cache(maxsize=64)
def _factors(grid: Grid, order: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """What the derivative of an order multiplies the coefficients by; on the device once and for all."""
    factors = [perm(p, order) / grid.spacing**order for p in range(order, _POWERS)]
    return torch.tensor(factors, dtype=dtype, device=device)


# --- the fast passes as autograd functions ------------------------------------------------------------------------------


def _fast(u: Tensor) -> Any:
    """The module with the fast passes for u; None where the definition has to do."""
    if u.dtype != torch.float32:
        return None
    if u.device.type == "cpu":
        return cpu
    return _gpu(u.device) if u.device.type == "cuda" else None


@cache
def _gpu(device: torch.device) -> Any:
    """The passes for a GPU; None without Triton, without the C compiler that Triton needs, and before Ampere, whose tensor
    cores were the first with bfloat16."""
    if torch.cuda.get_device_capability(device) < (8, 0):
        return None
    try:
        from . import gpu

        pixel = torch.zeros(1, 1, device=device)
        gpu.values(torch.zeros(1, _POWERS, 3, device=device), pixel, 1.0, 0.0, pixel)
    except ImportError:
        return None
    except (RuntimeError, OSError, SubprocessError) as error:
        warnings.warn(f"Triton does not run here, the splines are slower without it: {error}", stacklevel=2)
        return None
    return gpu


def _rows(grid: Grid) -> tuple[float, float]:
    """scale and offset: t = u scale + offset counts the rows of a table."""
    return 1 / grid.spacing, 1 - grid.low / grid.spacing


def _planes(u: Tensor) -> Tensor:
    """(N, C, H, W) as (N C, H W), without a copy."""
    return u.detach().view(u.shape[0] * u.shape[1], u[0, 0].numel() if u.numel() else 0)


def _powers_first(table: Tensor, n: int) -> Tensor:
    """A table as the passes read it, one array a power: (N C, 5, rows)."""
    return table.detach().expand(n, *table.shape[1:]).flatten(0, 1).transpose(1, 2).contiguous()


def _to_table(sums: Tensor, like: Tensor, images: int) -> Tensor:
    """Moments, float64 (N C, 5, rows), in the shape of the table that they belong to."""
    sums = sums.transpose(1, 2).reshape(images, *like.shape[1:])
    return (sums.sum(0, keepdim=True) if like.shape[0] == 1 else sums).to(like.dtype)


def _to_moments(sums: Tensor, u: Tensor) -> Tensor:
    """Moments, float64 (N C, 5, rows), as (N, C, rows, 5)."""
    return sums.transpose(1, 2).reshape(*u.shape[:2], sums.shape[2], _POWERS).to(u.dtype)


def _no_sums(u: Tensor, grid: Grid) -> Tensor:
    return torch.zeros(u.shape[0] * u.shape[1], _POWERS, grid.knots + 2, dtype=torch.float64, device=u.device)


class _Evaluate(Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, u: Tensor, grid: Grid) -> Tensor:
        u = u.contiguous()
        ctx.save_for_backward(table, u)
        ctx.grid = grid
        out = torch.empty_like(u)
        _fast(u).values(_powers_first(table, len(u)), _planes(u), *_rows(grid), _planes(out))
        return out

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        (table, u), grid = ctx.saved_tensors, ctx.grid
        if torch.is_grad_enabled() or not all(ctx.needs_input_grad[:2]):  # to be differentiated again, or half of it
            grad_u = g * evaluate(table, u, grid, order=1) if ctx.needs_input_grad[1] else None
            if not ctx.needs_input_grad[0]:
                return None, grad_u, None
            sums = moments(g, u, grid)
            return sums.sum(0, keepdim=True) if len(table) == 1 else sums, grad_u, None
        grad_u, sums = torch.empty_like(u), _no_sums(u, grid)
        arguments = _powers_first(table, len(u)), _planes(u), *_rows(grid), _planes(g.contiguous())
        _fast(u).adjoint_of_values(*arguments, _planes(grad_u), sums)
        return _to_table(sums, table, len(u)), grad_u, None


class _ValueAndDerivative(Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, u: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
        u = u.contiguous()
        ctx.save_for_backward(table, u)
        ctx.grid = grid
        value, derivative = torch.empty_like(u), torch.empty_like(u)
        out = _planes(value), _planes(derivative)
        _fast(u).values_and_derivatives(_powers_first(table, len(u)), _planes(u), *_rows(grid), *out)
        return value, derivative

    @staticmethod
    def backward(ctx: Any, g: Tensor, g_slope: Tensor) -> tuple[Tensor | None, ...]:
        (table, u), grid = ctx.saved_tensors, ctx.grid
        if torch.is_grad_enabled():  # to be differentiated again
            grad_u = g * evaluate(table, u, grid, order=1) + g_slope * evaluate(table, u, grid, order=2)
            sums = moments(g, u, grid) + _derivative_adjoint(moments(g_slope, u, grid), grid)
            return sums.sum(0, keepdim=True) if len(table) == 1 else sums, grad_u, None
        grad_u, sums = torch.empty_like(u), _no_sums(u, grid)
        weights = _planes(g.contiguous()), _planes(g_slope.contiguous())
        arguments = _powers_first(table, len(u)), _planes(u), *_rows(grid), *weights
        _fast(u).adjoint_of_values_and_derivatives(*arguments, _planes(grad_u), sums)
        return _to_table(sums, table, len(u)), grad_u, None


class _Moments(Function):
    @staticmethod
    def forward(ctx: Any, g: Tensor, u: Tensor, grid: Grid) -> Tensor:
        g, u = g.contiguous(), u.contiguous()
        ctx.save_for_backward(g, u)
        ctx.grid = grid
        sums = _no_sums(u, grid)
        _fast(u).moments(_planes(g), _planes(u), *_rows(grid), sums)
        return _to_moments(sums, u)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (g, u), grid = ctx.saved_tensors, ctx.grid
        if not ctx.needs_input_grad[0]:
            return None, g * evaluate(grad, u, grid, order=1), None
        value, derivative = value_and_derivative(grad, u, grid)
        return value, g * derivative, None


class _PullBack(Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, u: Tensor, g: Tensor | None, grid: Grid) -> tuple[Tensor, Tensor]:
        u, g = u.contiguous(), None if g is None else g.contiguous()
        ctx.save_for_backward(table, u, g)
        ctx.grid = grid
        out, sums = torch.empty_like(u), _no_sums(u, grid)
        weight = None if g is None else _planes(g)
        _fast(u).adjoint_of_values(_powers_first(table, len(u)), _planes(u), *_rows(grid), weight, _planes(out), sums)
        return out, _to_moments(sums, u)

    @staticmethod
    def backward(ctx: Any, d: Tensor, d_sums: Tensor) -> tuple[Tensor | None, ...]:
        (table, u, g), grid = ctx.saved_tensors, ctx.grid
        fused = getattr(_fast(u), "adjoint_of_pull_back", None)
        if torch.is_grad_enabled() or fused is None:  # to be differentiated again, or on a GPU
            value, derivative = value_and_derivative(d_sums, u, grid)
            grad_u, sums = pull_back(_derivative(table, grid, 1), u, grid, d if g is None else d * g)
            grad_u = grad_u + (derivative if g is None else g * derivative)
            grad_g = None if g is None else d * evaluate(table, u, grid, order=1) + value
            sums = sums.sum(0, keepdim=True) if len(table) == 1 else sums
        else:
            grad_u, sums = torch.empty_like(u), _no_sums(u, grid)
            grad_g = None if g is None else torch.empty_like(g)
            tables = _powers_first(table, len(u)), _powers_first(d_sums, len(u))
            weights = (None if w is None else _planes(w) for w in (g, d.contiguous(), grad_g))
            fused(*tables, _planes(u), *_rows(grid), *weights, _planes(grad_u), sums)
            sums = _to_table(sums, table, len(u))
        return _derivative_adjoint(sums, grid), grad_u, grad_g, None
