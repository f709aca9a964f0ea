"""The spline's passes over the pixels on the CPU, compiled by numba and cached on disk.

Every kernel walks the planes (image, channel) in parallel; the table of a plane stays in the first-level cache.
Tables come as (planes, 5, rows): one array a power. t = u scale + offset counts its rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange

_F0, _HALF = np.float32(0), np.float32(0.5)
# NaN and infinity keep their meaning: a row that is computed from them must not lie outside the table.
_OPTIONS: dict[str, Any] = {
    "parallel": True,
    "cache": True,
    "fastmath": {"contract", "reassoc", "nsz", "arcp"},
    "error_model": "numpy",
}


@njit(**_OPTIONS)
def values(table, u, scale, offset, out):  # type: ignore[no-untyped-def]
    """out[p, i] = sum_k table[p, k, row] f^k"""
    top = np.float32(table.shape[2] - 1)
    for p in prange(u.shape[0]):
        c0, c1, c2, c3, c4 = table[p, 0], table[p, 1], table[p, 2], table[p, 3], table[p, 4]
        source, target = u[p], out[p]
        for i in range(u.shape[1]):
            t = source[i] * scale + offset
            row = np.floor(t + _HALF)
            row = row if row > _F0 else _F0  # NaN goes to row 0, and on in f
            row = row if row < top else top
            f = t - row
            j = np.uint32(np.int32(row))
            target[i] = (((c4[j] * f + c3[j]) * f + c2[j]) * f + c1[j]) * f + c0[j]


@njit(**_OPTIONS)
def values_and_derivatives(table, u, scale, offset, out, derivative):  # type: ignore[no-untyped-def]
    """`values`, and the derivative in u of the same polynomial, in one pass."""
    top = np.float32(table.shape[2] - 1)
    two, three, four = np.float32(2) * scale, np.float32(3) * scale, np.float32(4) * scale
    for p in prange(u.shape[0]):
        c0, c1, c2, c3, c4 = table[p, 0], table[p, 1], table[p, 2], table[p, 3], table[p, 4]
        source, target, slope = u[p], out[p], derivative[p]
        for i in range(u.shape[1]):
            t = source[i] * scale + offset
            row = np.floor(t + _HALF)
            row = row if row > _F0 else _F0  # NaN goes to row 0, and on in f
            row = row if row < top else top
            f = t - row
            j = np.uint32(np.int32(row))
            a1, a2, a3, a4 = c1[j], c2[j], c3[j], c4[j]
            target[i] = (((a4 * f + a3) * f + a2) * f + a1) * f + c0[j]
            slope[i] = ((four * a4 * f + three * a3) * f + two * a2) * f + scale * a1


@njit(**_OPTIONS)
def moments(g, u, scale, offset, out):  # type: ignore[no-untyped-def]
    """out[p, k, row] = sum of g f^k over the pixels of plane p that fall on the row."""
    rows = out.shape[2]
    top = np.float32(rows - 1)
    for p in prange(u.shape[0]):
        local = np.zeros((rows, 8), np.float32)
        source, weight = u[p], g[p]
        for i in range(u.shape[1]):
            t = source[i] * scale + offset
            row = np.floor(t + _HALF)
            row = row if row > _F0 else _F0  # NaN goes to row 0, and on in f
            row = row if row < top else top
            f = t - row
            j = np.uint32(np.int32(row))
            v = weight[i]
            local[j, 0] += v
            v *= f
            local[j, 1] += v
            v *= f
            local[j, 2] += v
            v *= f
            local[j, 3] += v
            v *= f
            local[j, 4] += v
        for k in range(5):
            for r in range(rows):
                out[p, k, r] = local[r, k]
