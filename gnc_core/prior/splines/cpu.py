"""The spline's passes over the pixels on the CPU, compiled by numba and cached on disk.

A plane is one channel of one image: u is (planes, pixels), a table (planes, 5, rows) with one array a power, so that a
plane's table stays in the first-level cache. t = u scale + offset counts the table's rows. Planes run in parallel; within one,
pixels go in blocks through three short loops (place in the table, look-up, arithmetic), of which the compiler vectorises
the first and the last. The passes take contiguous float32 tensors, and the sums as float64.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import wait
from functools import wraps
from itertools import pairwise
from typing import Any

import numpy as np
from numba import config, njit
from numba.core.compiler import Compiler, CompileResult
from torch import Tensor

from gnc_core.prior import threads


class _FourSums(Compiler):
    """numba's compiler, but it keeps four of a row's sums in one register. It asks the process for that, which is asked under
    numba's own lock and gets its setting back."""

    def compile_extra(self, func: Callable[..., None]) -> CompileResult:
        before, config.SLP_VECTORIZE = config.SLP_VECTORIZE, 1  # type: ignore[attr-defined]
        try:
            return super().compile_extra(func)
        finally:
            config.SLP_VECTORIZE = before  # type: ignore[attr-defined]


_ZERO, _HALF = np.float32(0), np.float32(0.5)
_BLOCK = 256
_WORTH_SHARING = 2**15  # elements of a tensor: for fewer, it takes longer to wake a thread
_CHUNK = 64 * _BLOCK  # pixels that moments are summed over in float32 before they go into a float64 sum
# NaN and infinity keep their meaning: a row that is computed from them must not lie outside the table.
_OPTIONS: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "fastmath": {"contract", "reassoc", "nsz", "arcp"},
    "error_model": "numpy",
    "pipeline_class": _FourSums,
}


def _pass(function: Callable[..., None]) -> Callable[..., None]:
    """Compiles a pass; called with tensors and numbers, it shares the planes out among as many threads as the caller has.

    Not by numba's own threads: some of its pools, the only ones on some machines, end the process when two threads of a server
    call them at a time."""
    compiled = njit(**_OPTIONS)(function)

    @wraps(function)
    def run(*arguments: Tensor | float | None) -> None:
        converted = [convert(a) for a in arguments]
        planes = len(converted[0])
        number = threads.available()
        if min(number, planes) <= 1 or max(a.numel() for a in arguments if isinstance(a, Tensor)) < _WORTH_SHARING:
            return compiled(*converted)
        ends = [planes * k // min(number, planes) for k in range(min(number, planes) + 1)]
        shares = [[of(a, slice(*pair)) for a in converted] for pair in pairwise(ends)]
        others = [threads.pool(number).submit(compiled, *share) for share in shares[1:]]
        try:
            compiled(*shares[0])
        finally:
            wait(others)
        for other in others:
            other.result()

    def convert(a: Tensor | float | None) -> Any:
        return a.numpy() if isinstance(a, Tensor) else None if a is None else np.float32(a)

    def of(a: Any, share: slice) -> Any:
        return a[share] if isinstance(a, np.ndarray) else a

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
def _by_row(table):  # type: ignore[no-untyped-def]
    """The coefficients of powers 1 to 4 of a plane's table, row after row: (4 rows,). A look-up waits for its loads and stores;
    this way one of 16 bytes fetches all four."""
    quads = np.empty(4 * table.shape[1], np.float32)
    for k in range(4):
        quads[k::4] = table[k + 1]
    return quads


@njit(**_OPTIONS)
def _look_up(quads, row, n, a):  # type: ignore[no-untyped-def]
    """The coefficients of powers 1 to 4 of every pixel of a block: a[4 i + k] = quads[4 row[i] + k]."""
    for i in range(n):
        j, k = 4 * np.uint32(row[i]), 4 * i
        a[k], a[k + 1], a[k + 2], a[k + 3] = quads[j], quads[j + 1], quads[j + 2], quads[j + 3]


@njit(**_OPTIONS)
def _values(constants, row, a, f, out):  # type: ignore[no-untyped-def]
    for i in range(len(out)):
        out[i] = constants[np.uint32(row[i])]
    for i in range(len(out)):
        x, k = f[i], 4 * i
        out[i] += (((a[k + 3] * x + a[k + 2]) * x + a[k + 1]) * x + a[k]) * x


@njit(**_OPTIONS)
def _derivatives(a, f, scale, out):  # type: ignore[no-untyped-def]
    two, three, four = np.float32(2) * scale, np.float32(3) * scale, np.float32(4) * scale
    for i in range(len(out)):
        x, k = f[i], 4 * i
        out[i] = ((four * a[k + 3] * x + three * a[k + 2]) * x + two * a[k + 1]) * x + scale * a[k]


@njit(**_OPTIONS)
def _second_derivatives(a, f, scale, out):  # type: ignore[no-untyped-def]
    two, six, twelve = np.float32(2) * scale**2, np.float32(6) * scale**2, np.float32(12) * scale**2
    for i in range(len(out)):
        x, k = f[i], 4 * i
        out[i] = (twelve * a[k + 3] * x + six * a[k + 2]) * x + two * a[k + 1]


@njit(**_OPTIONS)
def _add(sums, j, v, w, x):  # type: ignore[no-untyped-def]
    """sums[j, k] += v x^k + w k x^(k-1)."""
    xx = x * x
    sums[j, 0] += v
    sums[j, 1] += v * x + w
    sums[j, 2] += v * xx + np.float32(2) * w * x
    sums[j, 3] += (v * x + np.float32(3) * w) * xx
    sums[j, 4] += (v * x + np.float32(4) * w) * (x * xx)


@njit(**_OPTIONS)
def _add_moments(g, row, f, n, sums):  # type: ignore[no-untyped-def]
    """sums[row, k] += g f^k. Neighbours often share a row, so four copies take turns: none waits for another."""
    rest = n - n % 4
    for i in range(0, rest, 4):
        for c in range(4):
            _add(sums[c], np.uint32(row[i + c]), g[i + c], _ZERO, f[i + c])
    for i in range(rest, n):
        _add(sums[0], np.uint32(row[i]), g[i], _ZERO, f[i])


@njit(**_OPTIONS)
def _add_joint_moments(g, h, row, f, n, sums):  # type: ignore[no-untyped-def]
    """sums[row, k] += g f^k + h k f^(k-1): the moments of g, and those of h for a derivative in f."""
    rest = n - n % 4
    for i in range(0, rest, 4):
        for c in range(4):
            _add(sums[c], np.uint32(row[i + c]), g[i + c], h[i + c], f[i + c])
    for i in range(rest, n):
        _add(sums[0], np.uint32(row[i]), g[i], h[i], f[i])


@njit(**_OPTIONS)
def _flush(sums, out):  # type: ignore[no-untyped-def]
    """Moves the sums of a chunk, (4, rows, 8), into those of the plane, (5, rows) in float64."""
    for k in range(5):
        for j in range(sums.shape[1]):
            for c in range(4):
                out[k, j] += np.float64(sums[c, j, k])
    sums[:] = _ZERO


@_pass
def values(table, u, scale, offset, out):  # type: ignore[no-untyped-def]
    """out = phi(u), where a row's polynomial is sum_k table[k, row] f^k."""
    top = np.float32(table.shape[2] - 1)
    for p in range(u.shape[0]):
        row, f, a = np.empty(_BLOCK, np.int32), np.empty(_BLOCK, np.float32), np.empty(4 * _BLOCK, np.float32)
        quads = _by_row(table[p])
        for start in range(0, u.shape[1], _BLOCK):
            part = u[p, start : start + _BLOCK]
            _locate(part, scale, offset, top, row, f)
            _look_up(quads, row, len(part), a)
            _values(table[p, 0], row, a, f, out[p, start : start + _BLOCK])


@_pass
def values_and_derivatives(table, u, scale, offset, out, derivative):  # type: ignore[no-untyped-def]
    """out = phi(u) and derivative = phi'(u), in one pass."""
    top = np.float32(table.shape[2] - 1)
    for p in range(u.shape[0]):
        row, f, a = np.empty(_BLOCK, np.int32), np.empty(_BLOCK, np.float32), np.empty(4 * _BLOCK, np.float32)
        quads = _by_row(table[p])
        for start in range(0, u.shape[1], _BLOCK):
            part = u[p, start : start + _BLOCK]
            _locate(part, scale, offset, top, row, f)
            _look_up(quads, row, len(part), a)
            _values(table[p, 0], row, a, f, out[p, start : start + _BLOCK])
            _derivatives(a, f, scale, derivative[p, start : start + _BLOCK])


@_pass
def moments(g, u, scale, offset, out):  # type: ignore[no-untyped-def]
    """out[k, row] = sum of g f^k over the pixels of the plane that fall on the row; float64 (planes, 5, rows), zero at entry."""
    rows = out.shape[2]
    top = np.float32(rows - 1)
    for p in range(u.shape[0]):
        row, f = np.empty(_BLOCK, np.int32), np.empty(_BLOCK, np.float32)
        sums = np.zeros((4, rows, 8), np.float32)
        for start in range(0, u.shape[1], _BLOCK):
            part = u[p, start : start + _BLOCK]
            _locate(part, scale, offset, top, row, f)
            _add_moments(g[p, start : start + _BLOCK], row, f, len(part), sums)
            if (start + _BLOCK) % _CHUNK == 0:
                _flush(sums, out[p])
        _flush(sums, out[p])


@_pass
def adjoint_of_values(table, u, scale, offset, g, grad_u, sums_out):  # type: ignore[no-untyped-def]
    """What <g, phi(u)> passes back: grad_u = g phi'(u), and the moments of g for the table, in one pass; g None: ones."""
    rows = table.shape[2]
    top = np.float32(rows - 1)
    for p in range(u.shape[0]):
        row, f, a = np.empty(_BLOCK, np.int32), np.empty(_BLOCK, np.float32), np.empty(4 * _BLOCK, np.float32)
        quads = _by_row(table[p])
        sums = np.zeros((4, rows, 8), np.float32)
        ones = np.ones(_BLOCK, np.float32)
        for start in range(0, u.shape[1], _BLOCK):
            part = u[p, start : start + _BLOCK]
            weight = ones if g is None else g[p, start : start + _BLOCK]
            target = grad_u[p, start : start + _BLOCK]
            _locate(part, scale, offset, top, row, f)
            _look_up(quads, row, len(part), a)
            _derivatives(a, f, scale, target)
            if g is not None:
                for i in range(len(part)):
                    target[i] *= weight[i]
            _add_moments(weight, row, f, len(part), sums)
            if (start + _BLOCK) % _CHUNK == 0:
                _flush(sums, sums_out[p])
        _flush(sums, sums_out[p])


@_pass
def adjoint_of_pull_back(table, d_table, u, scale, offset, g, d, grad_g, grad_u, sums_out):  # type: ignore[no-untyped-def]
    """What <d, g phi'(u)> + <g, psi(u)> passes back, where psi has the table `d_table`: grad_g = d phi' + psi,
    grad_u = g (d phi'' + psi'), and the moments of d g, in one pass; g and grad_g None: g = 1."""
    rows = table.shape[2]
    top = np.float32(rows - 1)
    for p in range(u.shape[0]):
        row, f = np.empty(_BLOCK, np.int32), np.empty(_BLOCK, np.float32)
        a, b = np.empty(4 * _BLOCK, np.float32), np.empty(4 * _BLOCK, np.float32)
        quads, d_quads = _by_row(table[p]), _by_row(d_table[p])
        first, second = np.empty(_BLOCK, np.float32), np.empty(_BLOCK, np.float32)
        sums = np.zeros((4, rows, 8), np.float32)
        for start in range(0, u.shape[1], _BLOCK):
            part, weight = u[p, start : start + _BLOCK], d[p, start : start + _BLOCK]
            target, n = grad_u[p, start : start + _BLOCK], len(part)
            _locate(part, scale, offset, top, row, f)
            _look_up(quads, row, n, a)
            _look_up(d_quads, row, n, b)
            _second_derivatives(a, f, scale, second[:n])
            _derivatives(b, f, scale, target)
            for i in range(n):
                target[i] += weight[i] * second[i]
            if g is None:
                _add_moments(weight, row, f, n, sums)
            else:
                factor, target_g = g[p, start : start + _BLOCK], grad_g[p, start : start + _BLOCK]
                _derivatives(a, f, scale, first[:n])
                _values(d_table[p, 0], row, b, f, target_g)
                for i in range(n):
                    target[i] *= factor[i]
                    target_g[i] += weight[i] * first[i]
                    second[i] = weight[i] * factor[i]
                _add_moments(second, row, f, n, sums)
            if (start + _BLOCK) % _CHUNK == 0:
                _flush(sums, sums_out[p])
        _flush(sums, sums_out[p])


@_pass
def adjoint_of_values_and_derivatives(table, u, scale, offset, g, g_slope, grad_u, sums_out):  # type: ignore[no-untyped-def]
    """What <g, phi(u)> + <g_slope, phi'(u)> passes back: grad_u = g phi' + g_slope phi'', and the moments of both for
    the table, in one pass."""
    rows = table.shape[2]
    top = np.float32(rows - 1)
    for p in range(u.shape[0]):
        row, f, a = np.empty(_BLOCK, np.int32), np.empty(_BLOCK, np.float32), np.empty(4 * _BLOCK, np.float32)
        quads = _by_row(table[p])
        second = np.empty(_BLOCK, np.float32)
        sums = np.zeros((4, rows, 8), np.float32)
        for start in range(0, u.shape[1], _BLOCK):
            part = u[p, start : start + _BLOCK]
            weight, slope_weight = g[p, start : start + _BLOCK], g_slope[p, start : start + _BLOCK]
            target = grad_u[p, start : start + _BLOCK]
            _locate(part, scale, offset, top, row, f)
            _look_up(quads, row, len(part), a)
            _derivatives(a, f, scale, target)
            _second_derivatives(a, f, scale, second[: len(part)])
            for i in range(len(part)):
                target[i] = weight[i] * target[i] + slope_weight[i] * second[i]
                second[i] = slope_weight[i] * scale
            _add_joint_moments(weight, second, row, f, len(part), sums)
            if (start + _BLOCK) % _CHUNK == 0:
                _flush(sums, sums_out[p])
        _flush(sums, sums_out[p])
