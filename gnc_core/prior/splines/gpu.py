"""The spline's passes over the pixels on an NVIDIA GPU, in Triton: those of `cpu`, with the same names and arguments.

A plane is one channel of one image: u is (planes, pixels), a table (planes, 5, rows) with one array a power. t = u scale + offset
counts the table's rows. A pixel's five coefficients are gathered from the first-level cache: neighbouring rows lie in
different banks, and features concentrate on few rows.

The sums of g f^k a row are a matrix product, one_hot(row) (rows, pixels) times g f^k (pixels, powers), on the tensor cores.
Zeros and ones are exact in bfloat16, and g f^k is the sum of three bfloat16 numbers, so that the sums are those of float32.
Only the windows of 16 rows that a block of pixels meets are multiplied. Nothing is added atomically: every program has sums
of its own, which are added in one order, so that the same input gives the same bits. (What is not finite spoils the sums of the
window that it falls into.)
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

_BLOCK = 1024  # pixels a program of `_evaluate`
_PART = 128  # pixels that a program of `_sum`, one warp, takes at a time,
_PARTS = 128  # and so many times at most, in float32: programs are then added in float64
_PROGRAMS = 2048  # are enough to keep a GPU busy
_OPERANDS = (
    tl.float32 if triton.knobs.runtime.interpret else tl.bfloat16
)  # Triton's interpreter cannot multiply the latter


def values(table: Tensor, u: Tensor, scale: float, offset: float, out: Tensor) -> None:
    """out = phi(u), where a row's polynomial is sum_k table[k, row] f^k; out may be u."""
    _launch_evaluate(table, u, scale, offset, out, None)


def values_and_derivatives(
    table: Tensor, u: Tensor, scale: float, offset: float, out: Tensor, derivative: Tensor
) -> None:
    """out = phi(u) and derivative = phi'(u), in one pass."""
    _launch_evaluate(table, u, scale, offset, out, derivative)


def moments(g: Tensor, u: Tensor, scale: float, offset: float, out: Tensor) -> None:
    """out[k, row] = sum of g f^k over the pixels of the plane that fall on the row; float64 (planes, 5, rows)."""
    _launch_sum(None, u, scale, offset, g, None, None, out)


def adjoint_of_values(
    table: Tensor, u: Tensor, scale: float, offset: float, g: Tensor | None, grad_u: Tensor, sums_out: Tensor
) -> None:
    """What <g, phi(u)> passes back: grad_u = g phi'(u), and the moments of g for the table, in one pass; g None: ones."""
    _launch_sum(table, u, scale, offset, g, None, grad_u, sums_out)


def adjoint_of_values_and_derivatives(
    table: Tensor, u: Tensor, scale: float, offset: float, g: Tensor, g_slope: Tensor, grad_u: Tensor, sums_out: Tensor
) -> None:
    """What <g, phi(u)> + <g_slope, phi'(u)> passes back: grad_u = g phi' + g_slope phi'', and the moments of both for
    the table, in one pass."""
    _launch_sum(table, u, scale, offset, g, g_slope, grad_u, sums_out)


def _launch_evaluate(
    table: Tensor, u: Tensor, scale: float, offset: float, out: Tensor, derivative: Tensor | None
) -> None:
    if not u.numel():
        return
    planes, pixels = u.shape
    blocks = triton.cdiv(pixels, _BLOCK)
    with torch.cuda.device_of(u):
        _evaluate[(planes * blocks,)](
            table, u, scale, offset, out, derivative, pixels, blocks, table.shape[2], _BLOCK, num_warps=4
        )


def _launch_sum(
    table: Tensor | None,
    u: Tensor,
    scale: float,
    offset: float,
    g: Tensor | None,
    g_slope: Tensor | None,
    grad_u: Tensor | None,
    out: Tensor,
) -> None:
    if not u.numel():
        out.zero_()
        return
    (planes, pixels), rows = u.shape, out.shape[2]
    blocks = triton.cdiv(pixels, _PART)
    steps = min(max(planes * blocks // _PROGRAMS, 1), _PARTS)
    programs = triton.cdiv(blocks, steps)  # a plane
    sums = u.new_zeros(planes, programs, *out.shape[1:])
    with torch.cuda.device_of(u):
        _sum[(planes * programs,)](
            *(table, u, scale, offset, g, g_slope, grad_u, sums, pixels, programs, steps),
            *(rows, _PART, _OPERANDS),
            num_warps=1,
        )
    torch.sum(sums, 1, dtype=out.dtype, out=out)


# --- the kernels ------------------------------------------------------------------------------------------------------


@triton.jit
def _evaluate(  # type: ignore[no-untyped-def]
    table, u, scale, offset, out, derivative, pixels, blocks, ROWS: tl.constexpr, BLOCK: tl.constexpr
):
    """One block of pixels of one plane."""
    plane, start = (tl.program_id(0) // blocks).to(tl.int64), (tl.program_id(0) % blocks).to(tl.int64) * BLOCK
    index = tl.arange(0, BLOCK)
    inside = index < pixels - start
    here = plane * pixels + start + index
    row, f = _locate(tl.load(u + here, inside, 0.0), scale, offset, ROWS)
    a0, a1, a2, a3, a4 = _look_up(table + plane * (5 * ROWS), row, ROWS)
    tl.store(out + here, (((a4 * f + a3) * f + a2) * f + a1) * f + a0, inside)
    if derivative is not None:
        tl.store(derivative + here, scale * (((4 * a4 * f + 3 * a3) * f + 2 * a2) * f + a1), inside)


@triton.jit
def _sum(  # type: ignore[no-untyped-def]
    table,
    u,
    scale,
    offset,
    g,
    g_slope,
    grad_u,
    sums,
    pixels,
    programs,
    steps,
    ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
    OPERANDS: tl.constexpr,
):
    """`steps` blocks of pixels of one plane: their moments go to this program's sums (5, ROWS), zero at entry."""
    plane, part = (tl.program_id(0) // programs).to(tl.int64), (tl.program_id(0) % programs).to(tl.int64)
    sums += tl.program_id(0).to(tl.int64) * (5 * ROWS)
    index, k = tl.arange(0, BLOCK), tl.arange(0, 8)[None, :]
    for step in range(steps):
        start = (part * steps + step) * BLOCK
        inside = index < pixels - start
        here = plane * pixels + start + index
        row, f = _locate(tl.load(u + here, inside, 0.0), scale, offset, ROWS)
        weight = tl.where(inside, 1.0, 0.0) if g is None else tl.load(g + here, inside, 0.0)
        m1, m2, m3, m4 = weight * f, weight * f, weight * f, weight * f
        if g_slope is not None:  # g f^k + (g_slope scale) k f^(k-1)
            slope_weight = scale * tl.load(g_slope + here, inside, 0.0)
            m1, m2, m3, m4 = m1 + slope_weight, m2 + 2 * slope_weight, m3 + 3 * slope_weight, m4 + 4 * slope_weight
        moments = _side_by_side(weight, m1, m2 * f, m3 * (f * f), m4 * (f * f * f))
        if grad_u is not None:
            _, a1, a2, a3, a4 = _look_up(table + plane * (5 * ROWS), row, ROWS)
            grad = weight * scale * (((4 * a4 * f + 3 * a3) * f + 2 * a2) * f + a1)
            if g_slope is not None:
                grad += slope_weight * scale * ((12 * a4 * f + 6 * a3) * f + 2 * a2)
            tl.store(grad_u + here, grad, inside)

        high, rest = _split(moments)
        middle, rest = _split(rest)
        low, _ = _split(rest)
        high, middle, low = high.to(OPERANDS), middle.to(OPERANDS), low.to(OPERANDS)
        for window in range(tl.min(row) // 16, tl.max(row) // 16 + 1):
            one_hot = tl.trans(_one_hot(row - 16 * window, OPERANDS))
            added = tl.dot(one_hot, high, tl.dot(one_hot, middle, tl.dot(one_hot, low)))
            rows = 16 * window + tl.arange(0, 16)
            target = sums + k * ROWS + rows[:, None]
            stored = (k < 5) & (rows[:, None] < ROWS)
            tl.store(target, tl.load(target, stored, 0.0) + added, stored)


@triton.jit
def _one_hot(row, OPERANDS: tl.constexpr):  # type: ignore[no-untyped-def]
    """(n,) to (n, 16): one in the column of the row, none if that is not among 0 ... 15. One binary digit after another, the
    highest first, so that a thread has a whole row of the result."""
    n: tl.constexpr = row.shape[0]
    one = tl.where((row & -16) == 0, 1.0, 0.0).to(OPERANDS)
    two = tl.reshape(_by_digit(one, row >> 3), (n, 2))
    four = tl.reshape(_by_digit(two, (row >> 2)[:, None]), (n, 4))
    eight = tl.reshape(_by_digit(four, (row >> 1)[:, None]), (n, 8))
    return tl.reshape(_by_digit(eight, row[:, None]), (n, 16))


@triton.jit
def _by_digit(x, bits):  # type: ignore[no-untyped-def]
    """x and zero where the last digit is 0, zero and x where it is 1, side by side."""
    zero = tl.zeros_like(x)
    return tl.join(tl.where((bits & 1) == 0, x, zero), tl.where((bits & 1) == 0, zero, x))


@triton.jit
def _side_by_side(m0, m1, m2, m3, m4):  # type: ignore[no-untyped-def]
    """Five vectors (n,) as the first columns of (n, 8)."""
    zero = tl.zeros_like(m0)
    even = tl.join(tl.join(m0, m4), tl.join(m2, zero))
    odd = tl.join(tl.join(m1, zero), tl.join(m3, zero))
    return tl.reshape(tl.join(even, odd), (m0.shape[0], 8))


@triton.jit
def _split(x):  # type: ignore[no-untyped-def]
    """The first eight binary digits of x, all that bfloat16 has, and the rest."""
    first = (x.to(tl.int32, bitcast=True) & -65536).to(tl.float32, bitcast=True)
    return first, x - first


@triton.jit
def _locate(u, scale, offset, ROWS: tl.constexpr):  # type: ignore[no-untyped-def]
    """The row of every pixel and its offset from the row's knot; NaN goes to row 0, and on in f."""
    t = u * scale + offset
    r = tl.floor(t + 0.5)
    r = tl.where(r > 0, r, 0.0)
    r = tl.where(r < ROWS - 1, r, ROWS - 1.0)
    return r.to(tl.int32), t - r


@triton.jit
def _look_up(table, row, ROWS: tl.constexpr):  # type: ignore[no-untyped-def]
    """The five coefficients of every pixel from the table of its plane."""
    a = table + row
    return tl.load(a), tl.load(a + ROWS), tl.load(a + 2 * ROWS), tl.load(a + 3 * ROWS), tl.load(a + 4 * ROWS)
