"""The spline's passes over the pixels on the CPU, compiled by numba and cached on disk.

A plane is one channel of one image: u is (planes, pixels), a table (planes, 5, rows) with one array a power, so that a
plane's table stays in the first-level cache. t = u scale + offset counts the table's rows. Planes run in parallel; within one,
pixels go in blocks through three short loops (place in the table, look-up, arithmetic), of which the compiler vectorises
the first and the last. The passes take contiguous float32 tensors, and the sums as float64.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
from numba import njit, prange
from torch import Tensor

_ZERO, _HALF = np.float32(0), np.float32(0.5)
_BLOCK = 256
_CHUNK = 64 * _BLOCK  # pixels that moments are summed over in float32 before they go into a float64 sum
# NaN and infinity keep their meaning: a row that is computed from them must not lie outside the table.
_OPTIONS: dict[str, Any] = {
    "cache": True,
    "fastmath": {"contract", "reassoc", "nsz", "arcp"},
    "error_model": "numpy",
}


def _of_tensors(compiled: Callable[..., None]) -> Callable[..., None]:
    """A compiled pass, called with tensors and numbers."""

    @wraps(compiled)
    def run(*arguments: Tensor | float) -> None:
        compiled(*(a.numpy() if isinstance(a, Tensor) else np.float32(a) for a in arguments))

    return run


@njit(**_OPTIONS)
def _locate(u, scale, offset, top, row, f):  # type: ignore[no-untyped-def]
    """The row of every pixel of a block and its offset from the row's knot; NaN goes to row 0, and on in f."""
    for i in range(len(u)):
        t = u[i] * scale + offset
        r = np.floor(t + _HALF)
        r = r if r > _ZERO else _ZERO
        r = r if r < top else top
        f[i] = t - r
        row[i] = np.int32(r)


@njit(**_OPTIONS)
def _look_up(table, row, n, a):  # type: ignore[no-untyped-def]
    """The five coefficients of every pixel of a block: a[k, i] = table[k, row[i]]."""
    c0, c1, c2, c3, c4 = table[0], table[1], table[2], table[3], table[4]
    a0, a1, a2, a3, a4 = a[0], a[1], a[2], a[3], a[4]
    for i in range(n):
        j = np.uint32(row[i])
        a0[i], a1[i], a2[i], a3[i], a4[i] = c0[j], c1[j], c2[j], c3[j], c4[j]


@njit(**_OPTIONS)
def _values(a, f, out):  # type: ignore[no-untyped-def]
    a0, a1, a2, a3, a4 = a[0], a[1], a[2], a[3], a[4]
    for i in range(len(out)):
        x = f[i]
        out[i] = (((a4[i] * x + a3[i]) * x + a2[i]) * x + a1[i]) * x + a0[i]


@njit(**_OPTIONS)
def _derivatives(a, f, scale, out):  # type: ignore[no-untyped-def]
    a1, a2, a3, a4 = a[1], a[2], a[3], a[4]
    two, three, four = np.float32(2) * scale, np.float32(3) * scale, np.float32(4) * scale
    for i in range(len(out)):
        x = f[i]
        out[i] = ((four * a4[i] * x + three * a3[i]) * x + two * a2[i]) * x + scale * a1[i]


@njit(**_OPTIONS)
def _second_derivatives(a, f, scale, out):  # type: ignore[no-untyped-def]
    a2, a3, a4 = a[2], a[3], a[4]
    two, six, twelve = np.float32(2) * scale**2, np.float32(6) * scale**2, np.float32(12) * scale**2
    for i in range(len(out)):
        x = f[i]
        out[i] = (twelve * a4[i] * x + six * a3[i]) * x + two * a2[i]


@njit(**_OPTIONS)
def _add_moments(g, row, f, n, sums):  # type: ignore[no-untyped-def]
    """sums[row, k] += g f^k. Neighbours often share a row, so two copies take turns: neither waits for the other."""
    even, odd = sums[0], sums[1]
    for i in range(0, n - 1, 2):
        j, v, x = np.uint32(row[i]), g[i], f[i]
        jj, vv, xx = np.uint32(row[i + 1]), g[i + 1], f[i + 1]
        even[j, 0] += v
        odd[jj, 0] += vv
        even[j, 1] += v * x
        odd[jj, 1] += vv * xx
        even[j, 2] += v * (x * x)
        odd[jj, 2] += vv * (xx * xx)
        even[j, 3] += v * (x * x * x)
        odd[jj, 3] += vv * (xx * xx * xx)
        even[j, 4] += v * (x * x) * (x * x)
        odd[jj, 4] += vv * (xx * xx) * (xx * xx)
    if n % 2:
        j, v, x = np.uint32(row[n - 1]), g[n - 1], f[n - 1]
        for k in range(5):
            even[j, k] += v
            v *= x


@njit(**_OPTIONS)
def _add_joint_moments(g, h, row, f, n, sums):  # type: ignore[no-untyped-def]
    """sums[row, k] += g f^k + h k f^(k-1): the moments of g, and those of h for a derivative in f."""
    two, three, four = np.float32(2), np.float32(3), np.float32(4)
    even, odd = sums[0], sums[1]
    for i in range(0, n - 1, 2):
        j, v, w, x = np.uint32(row[i]), g[i], h[i], f[i]
        jj, vv, ww, xx = np.uint32(row[i + 1]), g[i + 1], h[i + 1], f[i + 1]
        even[j, 0] += v
        odd[jj, 0] += vv
        even[j, 1] += v * x + w
        odd[jj, 1] += vv * xx + ww
        even[j, 2] += (v * x + two * w) * x
        odd[jj, 2] += (vv * xx + two * ww) * xx
        even[j, 3] += (v * x + three * w) * (x * x)
        odd[jj, 3] += (vv * xx + three * ww) * (xx * xx)
        even[j, 4] += (v * x + four * w) * (x * x * x)
        odd[jj, 4] += (vv * xx + four * ww) * (xx * xx * xx)
    if n % 2:
        j, v, w, x = np.uint32(row[n - 1]), g[n - 1], h[n - 1], f[n - 1]
        even[j, 0] += v
        even[j, 1] += v * x + w
        even[j, 2] += (v * x + two * w) * x
        even[j, 3] += (v * x + three * w) * (x * x)
        even[j, 4] += (v * x + four * w) * (x * x * x)


@njit(**_OPTIONS)
def _flush(sums, out):  # type: ignore[no-untyped-def]
    """Moves the sums of a chunk, (2, rows, 8), into those of the plane, (5, rows) in float64."""
    for k in range(5):
        for j in range(sums.shape[1]):
            out[k, j] += np.float64(sums[0, j, k]) + np.float64(sums[1, j, k])
    sums[:] = _ZERO


@_of_tensors
@njit(parallel=True, **_OPTIONS)
def values(table, u, scale, offset, out):  # type: ignore[no-untyped-def]
    """out = phi(u), where a row's polynomial is sum_k table[k, row] f^k."""
    top = np.float32(table.shape[2] - 1)
    for p in prange(u.shape[0]):
        row, f, a = np.empty(_BLOCK, np.int32), np.empty(_BLOCK, np.float32), np.empty((5, _BLOCK), np.float32)
        for start in range(0, u.shape[1], _BLOCK):
            part = u[p, start : start + _BLOCK]
            _locate(part, scale, offset, top, row, f)
            _look_up(table[p], row, len(part), a)
            _values(a, f, out[p, start : start + _BLOCK])


@_of_tensors
@njit(parallel=True, **_OPTIONS)
def values_and_derivatives(table, u, scale, offset, out, derivative):  # type: ignore[no-untyped-def]
    """out = phi(u) and derivative = phi'(u), in one pass."""
    top = np.float32(table.shape[2] - 1)
    for p in prange(u.shape[0]):
        row, f, a = np.empty(_BLOCK, np.int32), np.empty(_BLOCK, np.float32), np.empty((5, _BLOCK), np.float32)
        for start in range(0, u.shape[1], _BLOCK):
            part = u[p, start : start + _BLOCK]
            _locate(part, scale, offset, top, row, f)
            _look_up(table[p], row, len(part), a)
            _values(a, f, out[p, start : start + _BLOCK])
            _derivatives(a, f, scale, derivative[p, start : start + _BLOCK])


@_of_tensors
@njit(parallel=True, **_OPTIONS)
def moments(g, u, scale, offset, out):  # type: ignore[no-untyped-def]
    """out[k, row] = sum of g f^k over the pixels of the plane that fall on the row; float64 (planes, 5, rows), zero at entry."""
    rows = out.shape[2]
    top = np.float32(rows - 1)
    for p in prange(u.shape[0]):
        row, f = np.empty(_BLOCK, np.int32), np.empty(_BLOCK, np.float32)
        sums = np.zeros((2, rows, 8), np.float32)
        for start in range(0, u.shape[1], _BLOCK):
            part = u[p, start : start + _BLOCK]
            _locate(part, scale, offset, top, row, f)
            _add_moments(g[p, start : start + _BLOCK], row, f, len(part), sums)
            if (start + _BLOCK) % _CHUNK == 0:
                _flush(sums, out[p])
        _flush(sums, out[p])


@_of_tensors
@njit(parallel=True, **_OPTIONS)
def adjoint_of_values(table, u, scale, offset, g, grad_u, sums_out):  # type: ignore[no-untyped-def]
    """What <g, phi(u)> passes back: grad_u = g phi'(u), and the moments of g for the table, in one pass."""
    rows = table.shape[2]
    top = np.float32(rows - 1)
    for p in prange(u.shape[0]):
        row, f, a = np.empty(_BLOCK, np.int32), np.empty(_BLOCK, np.float32), np.empty((5, _BLOCK), np.float32)
        sums = np.zeros((2, rows, 8), np.float32)
        for start in range(0, u.shape[1], _BLOCK):
            part, weight = u[p, start : start + _BLOCK], g[p, start : start + _BLOCK]
            target = grad_u[p, start : start + _BLOCK]
            _locate(part, scale, offset, top, row, f)
            _look_up(table[p], row, len(part), a)
            _derivatives(a, f, scale, target)
            for i in range(len(part)):
                target[i] *= weight[i]
            _add_moments(weight, row, f, len(part), sums)
            if (start + _BLOCK) % _CHUNK == 0:
                _flush(sums, sums_out[p])
        _flush(sums, sums_out[p])


@_of_tensors
@njit(parallel=True, **_OPTIONS)
def adjoint_of_values_and_derivatives(table, u, scale, offset, g, g_slope, grad_u, sums_out):  # type: ignore[no-untyped-def]
    """What <g, phi(u)> + <g_slope, phi'(u)> passes back: grad_u = g phi' + g_slope phi'', and the moments of both for
    the table, in one pass."""
    rows = table.shape[2]
    top = np.float32(rows - 1)
    for p in prange(u.shape[0]):
        row, f, a = np.empty(_BLOCK, np.int32), np.empty(_BLOCK, np.float32), np.empty((5, _BLOCK), np.float32)
        second = np.empty(_BLOCK, np.float32)
        sums = np.zeros((2, rows, 8), np.float32)
        for start in range(0, u.shape[1], _BLOCK):
            part = u[p, start : start + _BLOCK]
            weight, slope_weight = g[p, start : start + _BLOCK], g_slope[p, start : start + _BLOCK]
            target = grad_u[p, start : start + _BLOCK]
            _locate(part, scale, offset, top, row, f)
            _look_up(table[p], row, len(part), a)
            _derivatives(a, f, scale, target)
            _second_derivatives(a, f, scale, second[: len(part)])
            for i in range(len(part)):
                target[i] = weight[i] * target[i] + slope_weight[i] * second[i]
                second[i] = slope_weight[i] * scale
            _add_joint_moments(weight, second, row, f, len(part), sums)
            if (start + _BLOCK) % _CHUNK == 0:
                _flush(sums, sums_out[p])
        _flush(sums, sums_out[p])
