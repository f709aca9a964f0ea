"""Linear equations of proximal maps, by conjugate gradients, and adjoints by backpropagation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

TOLERANCE = 1e-6  # of the proximal map: the residual's norm over that of the right-hand side
MOST_ITERATIONS = 1000


class Equation(Protocol):
    """What is to be known of a linear problem, see `Linear`.

    >>> sorted(name for name in vars(Equation) if not name.startswith("_"))
    ['adjoint', 'forward', 'near_inverse']
    """

    back: Tensor

    def forward(self, x: Tensor) -> Tensor: ...
    def adjoint(self, y: Tensor) -> Tensor: ...
    def near_inverse(self, r: Tensor, weight: Tensor) -> Tensor: ...


class Inverse(torch.autograd.Function):
    """x = (I + w A^T A)^-1 (v + w A^T z). Its derivatives are those of the equation, not of the iterations that solve it.

    >>> from gnc_core.problems import LinearOperator
    >>> z = torch.ones(1, 1, 2, 2)
    >>> double = LinearOperator(z, 0.5, operator=lambda x: 2 * x, size=(1, 2, 2))
    >>> Inverse.apply(torch.zeros(1, 1, 2, 2), torch.tensor(1.0), double).flatten().tolist()  # 2 / (1 + 4)
    [0.4000000059604645, 0.4000000059604645, 0.4000000059604645, 0.4000000059604645]
    """

    @staticmethod
    def forward(ctx: Any, v: Tensor, weight: Tensor, problem: Equation) -> Tensor:
        right = v + weight * problem.back
        x = _solved(problem, weight, right, v.expand_as(right))
        ctx.problem, ctx.shape = problem, v.shape
        ctx.save_for_backward(weight, x)
        return x

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        [gradient], (weight, x), problem = gradients, ctx.saved_tensors, ctx.problem
        back = _solved(problem, weight, gradient, gradient)
        in_weight = back * (problem.back - problem.adjoint(problem.forward(x)))
        return back.sum_to_size(ctx.shape), in_weight.sum((1, 2, 3), keepdim=True).sum_to_size(weight.shape), None


def _solved(problem: Equation, weight: Tensor, right: Tensor, start: Tensor) -> Tensor:
    return conjugate_gradients(
        lambda p: p + weight * problem.adjoint(problem.forward(p)),
        right,
        start,
        lambda r: problem.near_inverse(r, weight),
    )


def conjugate_gradients(
    normal: Callable[[Tensor], Tensor],
    right: Tensor,
    start: Tensor,
    near_inverse: Callable[[Tensor], Tensor] = lambda r: r,
    tolerance: float = TOLERANCE,
    most: int = MOST_ITERATIONS,
) -> Tensor:
    """The solution of `normal(x) = right` for a symmetric positive definite map, of each image (N, C, H, W) on its own.

    near_inverse: another such map, near the inverse of `normal`: the nearer, the fewer steps. It ends when every residual's norm
    is below `tolerance` times that of its right-hand side, or after `most` steps. In float64 the tolerance is taken 1e-4 smaller,
    as its rounding allows.

    >>> right = torch.rand(2, 1, 4, 4)
    >>> torch.allclose(conjugate_gradients(lambda x: 3 * x, right, right), right / 3)
    True
    """

    def dot(a: Tensor, b: Tensor) -> Tensor:
        return (a * b).sum((1, 2, 3), keepdim=True)

    tolerance = tolerance * 1e-4 if right.dtype == torch.float64 else tolerance
    x, goal = start, tolerance**2 * dot(right, right)
    residual = right - normal(x)
    direction = near_inverse(residual)
    size = dot(residual, direction)
    for _ in range(most):
        going = dot(residual, residual) > goal
        if not going.any():
            break
        moved = normal(direction)
        length = torch.where(going, size / dot(direction, moved), 0.0)
        x, residual = x + length * direction, residual - length * moved
        preconditioned, before = near_inverse(residual), size
        size = dot(residual, preconditioned)
        direction = preconditioned + torch.where(going, size / before, 0.0) * direction
    return x


def transposed(operator: Callable[[Tensor], Tensor], y: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A^T y by backpropagation through a linear `operator` on tensors of that shape.

    >>> transposed(lambda x: 2 * x[..., 1:], torch.ones(1, 1, 1, 2), (1, 1, 1, 3)).tolist()
    [[[[0.0, 2.0, 2.0]]]]
    """
    with torch.enable_grad():
        x = torch.zeros(shape, dtype=y.real.dtype, device=y.device, requires_grad=True)
        (back,) = torch.autograd.grad(operator(x), x, y)
    return back
