"""The first layer in one pass on the CPU, phi(K x) and K^T (g phi'(K x)), compiled by numba and cached on disk.

A layer of 48 kernels, computed map by map, writes and reads 48 times the image over and over. Here a row of a feature lives in
the first-level cache from the convolution through the spline to the adjoint: what remains is arithmetic. Two channels share
what the convolution loads, two rows of the result what the adjoint loads, so that the multiplications are what takes time.
"""

from __future__ import annotations

import numpy as np
import torch
from numba import njit
from torch import Tensor

from .cpu import _BLOCK, _OPTIONS, _by_row, _derivatives, _locate, _look_up, _values
from .definition import Grid

SIZE = 7  # of the kernels; the sums over a kernel's row are written out


def features(x: Tensor, kernel: Tensor, grid: Grid, table: Tensor) -> Tensor:
    """phi(K x) of one image: x (H + 6, W + 6), float32; kernel (C, 1, 7, 7); table of phi, (C, knots + 2, 5). (C, H, W)."""
    out = torch.empty(len(kernel), x.shape[0] - SIZE + 1, x.shape[1] - SIZE + 1)
    _features(*_arrays(x, kernel), *_rows(grid), _powers_first(table), out.numpy())
    return out


def pull_back(
    x: Tensor,
    kernel: Tensor,
    grid: Grid,
    derivative: Tensor | None = None,
    value: Tensor | None = None,
    g: Tensor | None = None,
) -> tuple[Tensor, float]:
    """K^T (g phi'(K x)), (H + 6, W + 6), and the sum of g psi(K x) over channels and pixels, of one image.

    x, kernel, grid: as `features`; derivative, value: tables of phi and of psi, None where that result is not wanted (it is zero
    then); g: (C, H, W), or None for ones."""
    out = torch.zeros(x.shape)
    weight = None if g is None else g.contiguous().numpy()
    total = _pull_back(
        *_arrays(x, kernel), *_rows(grid), _powers_first(derivative), _powers_first(value), weight, out.numpy()
    )
    return out, total


def _arrays(x: Tensor, kernel: Tensor) -> tuple[np.ndarray, np.ndarray]:
    return x.contiguous().numpy(), kernel.contiguous().numpy()[:, 0]


def _rows(grid: Grid) -> tuple[np.float32, np.float32]:
    """scale and offset: t = u scale + offset counts the rows of a table."""
    return np.float32(1 / grid.spacing), np.float32(1 - grid.low / grid.spacing)


def _powers_first(table: Tensor | None) -> np.ndarray | None:
    return None if table is None else table.transpose(1, 2).contiguous().numpy()


@njit(**_OPTIONS)
def _convolve_row(x, k, m, u, v):  # type: ignore[no-untyped-def]
    """u += k * x and v += m * x along a row, for a row of two kernels."""
    k0, k1, k2, k3, k4, k5, k6 = k[0], k[1], k[2], k[3], k[4], k[5], k[6]
    m0, m1, m2, m3, m4, m5, m6 = m[0], m[1], m[2], m[3], m[4], m[5], m[6]
    for i in range(len(x) - 6):
        x0, x1, x2, x3, x4, x5, x6 = x[i], x[i + 1], x[i + 2], x[i + 3], x[i + 4], x[i + 5], x[i + 6]
        u[i] += k0 * x0 + k1 * x1 + k2 * x2 + k3 * x3 + k4 * x4 + k5 * x5 + k6 * x6
        v[i] += m0 * x0 + m1 * x1 + m2 * x2 + m3 * x3 + m4 * x4 + m5 * x5 + m6 * x6


@njit(**_OPTIONS)
def _convolve_rows(x, kernel, y, first, u):  # type: ignore[no-untyped-def]
    """u = row y of the features `first` and, if there is one, the next: (2, W)."""
    u[:] = np.float32(0)
    second = min(first + 1, len(kernel) - 1)
    for dy in range(7):
        _convolve_row(x[y + dy], kernel[first, dy], kernel[second, dy], u[0], u[1])


@njit(**_OPTIONS)
def _all_by_row(table):  # type: ignore[no-untyped-def]
    quads = np.empty((len(table), 4 * table.shape[2]), np.float32)
    for c in range(len(table)):
        quads[c] = _by_row(table[c])
    return quads


@njit(**_OPTIONS)
def _features(x, kernel, scale, offset, table, out):  # type: ignore[no-untyped-def]
    row, f, a = np.empty(_BLOCK, np.int32), np.empty(_BLOCK, np.float32), np.empty(4 * _BLOCK, np.float32)
    u = np.empty((2, out.shape[2]), np.float32)
    top = np.float32(table.shape[2] - 1)
    quads = _all_by_row(table)
    for y in range(out.shape[1]):
        for first in range(0, len(kernel), 2):
            _convolve_rows(x, kernel, y, first, u)
            for c in range(first, min(first + 2, len(kernel))):
                for start in range(0, out.shape[2], _BLOCK):
                    part = u[c - first, start : start + _BLOCK]
                    _locate(part, scale, offset, top, row, f)
                    _look_up(quads[c], row, len(part), a)
                    _values(table[c, 0], row, a, f, out[c, y, start : start + _BLOCK])


@njit(**_OPTIONS)
def _pull_back_row(u, scale, offset, top, derivatives, constants, values, weight, row, f, a, g):  # type: ignore[no-untyped-def]
    """g = weight phi'(u), and the sum of weight psi(u), of a row of features."""
    total = np.float64(0)
    for start in range(0, len(u), _BLOCK):
        part, target = u[start : start + _BLOCK], g[start : start + _BLOCK]
        n = len(part)
        _locate(part, scale, offset, top, row, f)
        if values is not None:
            _look_up(values, row, n, a)
            _values(constants, row, a, f, target)
            block = np.float32(0)
            for i in range(n):
                block += target[i] if weight is None else target[i] * weight[start + i]
            total += np.float64(block)
        if derivatives is not None:
            _look_up(derivatives, row, n, a)
            _derivatives(a, f, scale, target)
            if weight is not None:
                for i in range(n):
                    target[i] *= weight[start + i]
    return total


@njit(**_OPTIONS)
def _pull_back(x, kernel, scale, offset, derivative, value, weight, out):  # type: ignore[no-untyped-def]
    channels, height, width = len(kernel), x.shape[0] - 6, x.shape[1] - 6
    row, f, a = np.empty(_BLOCK, np.int32), np.empty(_BLOCK, np.float32), np.empty(4 * _BLOCK, np.float32)
    u = np.empty((2, width), np.float32)
    g = np.zeros(width + 12, np.float32)  # a row of the features' gradient, with six zeros at either end
    mirrored = kernel[:, :, ::-1].copy()
    top = np.float32((derivative if derivative is not None else value).shape[2] - 1)
    derivatives = None if derivative is None else _all_by_row(derivative)
    values = None if value is None else _all_by_row(value)
    total = np.float64(0)
    for y in range(height):
        for first in range(0, channels, 2):
            _convolve_rows(x, kernel, y, first, u)
            for c in range(first, min(first + 2, channels)):
                phi = None if derivatives is None else derivatives[c]
                psi = None if values is None else values[c]
                psi_0 = None if value is None else value[c, 0]
                w = None if weight is None else weight[c, y]
                total += _pull_back_row(
                    u[c - first], scale, offset, top, phi, psi_0, psi, w, row, f, a, g[6 : 6 + width]
                )
                if derivatives is not None:
                    for dy in range(0, 6, 2):
                        _adjoint_rows(g, mirrored[c, dy], mirrored[c, dy + 1], out[y + dy], out[y + dy + 1])
                    _adjoint_row(g, mirrored[c, 6], out[y + 6])
    return total


@njit(**_OPTIONS)
def _adjoint_rows(g, k, m, out, below):  # type: ignore[no-untyped-def]
    """out += k * g and below += m * g along a row, k and m backwards: for two rows of a kernel."""
    k0, k1, k2, k3, k4, k5, k6 = k[0], k[1], k[2], k[3], k[4], k[5], k[6]
    m0, m1, m2, m3, m4, m5, m6 = m[0], m[1], m[2], m[3], m[4], m[5], m[6]
    for i in range(len(out)):
        g0, g1, g2, g3, g4, g5, g6 = g[i], g[i + 1], g[i + 2], g[i + 3], g[i + 4], g[i + 5], g[i + 6]
        out[i] += k0 * g0 + k1 * g1 + k2 * g2 + k3 * g3 + k4 * g4 + k5 * g5 + k6 * g6
        below[i] += m0 * g0 + m1 * g1 + m2 * g2 + m3 * g3 + m4 * g4 + m5 * g5 + m6 * g6


@njit(**_OPTIONS)
def _adjoint_row(g, k, out):  # type: ignore[no-untyped-def]
    for i in range(len(out)):
        out[i] += (
            k[0] * g[i]
            + k[1] * g[i + 1]
            + k[2] * g[i + 2]
            + k[3] * g[i + 3]
            + k[4] * g[i + 4]
            + k[5] * g[i + 5]
            + k[6] * g[i + 6]
        )
