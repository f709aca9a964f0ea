"""Functions of (feature, smoothing) as two-variable quartic splines (method, section 2).

    phi(u, s) = sum_i sum_k w[i, k] kappa((u - m_i)/g_u) kappa((s - t_k)/g_s)

`definition` is the spline by its formulas in plain PyTorch. The functions here give the same numbers
faster where they can: in float32 on the CPU through numba, otherwise by the definition. Evaluation and
moments are each other's derivative, so the pair is closed under differentiation of any order.
"""

from __future__ import annotations

from math import perm
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from . import definition
from .definition import Grid, basis, polynomials

try:
    from . import cpu
except ImportError:  # without numba everything runs by the definition
    cpu = None  # type: ignore[assignment]

__all__ = ["Grid", "basis", "evaluate", "moments", "polynomials", "total", "value_and_derivative"]

_POWERS = 5


def evaluate(table: Tensor, u: Tensor, grid: Grid, order: int = 0) -> Tensor:
    """d^order phi / du^order at every pixel.

    table: (N or 1, C, knots + 2, 5) of `polynomials`; u: (N, C, H, W) in the grid's unit. Returns the shape of u.
    Differentiable in both, any number of times. Fast and plain agree to 1e-5 relative in float32."""
    if _fast(u):
        return _Evaluate.apply(table, u, grid, order)
    return definition.evaluate(table, u, grid, order)


def value_and_derivative(table: Tensor, u: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
    """(phi, dphi/du) at every pixel, in one pass where no gradient is asked for."""
    if _fast(u) and not torch.is_grad_enabled():
        u = u.contiguous()
        value, slope = torch.empty_like(u), torch.empty_like(u)
        cpu.values_and_derivatives(_table(table, u), _planes(u), *_rows(grid), _planes(value), _planes(slope))
        return value, slope
    return evaluate(table, u, grid), evaluate(table, u, grid, order=1)


def moments(g: Tensor, u: Tensor, grid: Grid) -> Tensor:
    """The adjoint of `evaluate` in the table: sum of g f^k over the pixels of each row.

    g, u: (N, C, H, W). Returns (N, C, knots + 2, 5), so that <moments(g, u), T> = <g, evaluate(T, u)>."""
    if _fast(u):
        return _Moments.apply(g, u, grid)
    n, c = u.shape[:2]
    row, f = definition.locate(u.flatten(2), grid)
    weights = torch.stack([g.flatten(2) * f**k for k in range(_POWERS)], dim=-1)
    index = row[..., None].expand(*row.shape, _POWERS)
    return weights.new_zeros(n, c, grid.knots + 2, _POWERS).scatter_add(2, index, weights)


def total(table: Tensor, u: Tensor, grid: Grid, weight: Tensor | None = None, order: int = 0) -> Tensor:
    """<weight, d^order phi / du^order (u)> summed over channels and pixels: (N,)."""
    sums = _moments_of_derivative(torch.ones_like(u) if weight is None else weight, u, grid, order)
    return (sums * table).flatten(1).sum(1)


def _moments_of_derivative(g: Tensor, u: Tensor, grid: Grid, order: int) -> Tensor:
    """The adjoint of `evaluate(..., order)` in the table."""
    sums = moments(g, u, grid)
    if order == 0:
        return sums
    factors = [perm(p, order) / grid.spacing**order for p in range(order, _POWERS)]
    sums = sums[..., : _POWERS - order] * sums.new_tensor(factors)
    return torch.nn.functional.pad(sums, (order, 0))


def _fast(u: Tensor) -> bool:
    return cpu is not None and u.dtype == torch.float32 and u.device.type == "cpu"


def _rows(grid: Grid) -> tuple[Any, Any]:
    return np.float32(1 / grid.spacing), np.float32(1 - grid.low / grid.spacing)


def _planes(u: Tensor) -> Any:
    return u.detach().view(u.shape[0] * u.shape[1], u[0, 0].numel() if u.numel() else 0).numpy()


def _table(table: Tensor, u: Tensor, order: int = 0, scale: float = 1.0) -> Any:
    """Coefficients of the derivative of an order, one array a power: (N C, 5, rows)."""
    table = table.detach().expand(u.shape[0], *table.shape[1:]).flatten(0, 1)
    result = table.new_zeros(table.shape[0], _POWERS, table.shape[1])
    for power in range(order, _POWERS):
        result[:, power - order] = table[..., power] * (perm(power, order) * scale**order)
    return result.numpy()


class _Evaluate(Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, u: Tensor, grid: Grid, order: int) -> Tensor:
        u = u.contiguous()
        ctx.save_for_backward(table, u)
        ctx.grid, ctx.order = grid, order
        out = torch.empty_like(u)
        cpu.values(_table(table, u, order, 1 / grid.spacing), _planes(u), *_rows(grid), _planes(out))
        return out

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        table, u = ctx.saved_tensors
        grid, order = ctx.grid, ctx.order
        grad_table = grad_u = None
        if ctx.needs_input_grad[0]:
            grad_table = _moments_of_derivative(g, u, grid, order)
            if table.shape[0] == 1:
                grad_table = grad_table.sum(0, keepdim=True)
        if ctx.needs_input_grad[1]:
            grad_u = g * evaluate(table, u, grid, order + 1)
        return grad_table, grad_u, None, None


class _Moments(Function):
    @staticmethod
    def forward(ctx: Any, g: Tensor, u: Tensor, grid: Grid) -> Tensor:
        g, u = g.contiguous(), u.contiguous()
        ctx.save_for_backward(g, u)
        ctx.grid = grid
        sums = u.new_empty(u.shape[0] * u.shape[1], _POWERS, grid.knots + 2)
        cpu.moments(_planes(g), _planes(u), *_rows(grid), sums.numpy())
        return sums.transpose(1, 2).reshape(*u.shape[:2], grid.knots + 2, _POWERS)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        g, u = ctx.saved_tensors
        grad_g = grad_u = None
        if ctx.needs_input_grad[0]:
            grad_g = evaluate(grad, u, ctx.grid)
        if ctx.needs_input_grad[1]:
            grad_u = g * evaluate(grad, u, ctx.grid, order=1)
        return grad_g, grad_u, None
