"""Energy, score and dR/ds without a graph: in place, and in tiles where memory is short.

The numbers are those of `FieldsOfExperts`; only what is kept in memory differs. R(x, s) = <1, h_L> is a sum over pixels of the
last layer, so tiles of that layer partition it exactly: each tile needs the extended image as far around it as the
layers reach, and adds its share to the energy, to dR/ds and, there, to the gradient.

Within a tile the features of layer l live in one buffer, first as u_l, then as phi_l(u_l); only u_2 ... u_{L-1} are kept for the
reverse pass, since u_1 is cheap to compute again from the image. No more than max(3, L) buffers are alive at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import EllipsisType
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from . import splines
from .convolutions import adjoint, convolve

if TYPE_CHECKING:
    from .prior import FieldsOfExperts

MEMORY = {"cpu": 2**30, "cuda": 2**34}  # bytes for features; larger images go in tiles
_BUFFERS = 3  # and never more features than this many of the size of the image


def energy(prior: FieldsOfExperts, x: Tensor, s: Tensor) -> Tensor:
    """R(x, s) an image: (N,)."""
    extended, kernels = prior.extend(x), prior.kernels()
    tables = [phi.table(s) for phi in prior.functions]
    result = x.new_zeros(len(x))
    for tile in _tiles(prior, x):
        u = convolve(extended[tile], kernels[0])
        h = splines.evaluate_in_place(tables[0], u, prior.functions[0].u)
        for phi, kernel, table in zip(prior.functions[1:], kernels[1:], tables[1:], strict=True):
            h = splines.evaluate_in_place(table, convolve(h, kernel), phi.u)
        result += _total(h)
    return result + prior.constant(s) * x[0].numel()


def score_and_slope(prior: FieldsOfExperts, x: Tensor, s: Tensor, with_slope: bool = True) -> tuple[Tensor, Tensor]:
    """grad_x R (N, 1, H, W) and dR/ds (N,), zero without `with_slope`."""
    extended, kernels = prior.extend(x), prior.kernels()
    gradient = torch.zeros_like(extended)
    tables = [phi.table(s) for phi in prior.functions]
    slopes = [phi.table(s, 1) for phi in prior.functions] if with_slope else None
    slope_s = prior.constant(s, order=1) * x[0].numel() if with_slope else torch.zeros_like(s)
    for tile in _tiles(prior, x):
        part, part_slope = _tile(prior, extended[tile], kernels, tables, slopes)
        gradient[tile] += part
        slope_s = slope_s + part_slope
    return prior.extend_adjoint(gradient), slope_s


def _tile(
    prior: FieldsOfExperts, x: Tensor, kernels: list[Tensor], tables: list[Tensor], slopes: list[Tensor] | None
) -> tuple[Tensor, Tensor]:
    """A tile's share of the gradient, on its piece x of the extended image, and of dR/ds."""
    functions, last = prior.functions, prior.layers - 1
    slope_s = x.new_zeros(len(x))
    kept: list[Tensor] = []  # u_2 ... u_{L-1}
    u = convolve(x, kernels[0])
    for layer in range(last):
        grid = functions[layer].u
        if layer == 0:
            h = splines.evaluate_in_place(tables[layer], u, grid)
        else:
            kept.append(u)
            h = splines.evaluate(tables[layer], u, grid)
        u = convolve(h, kernels[layer + 1])
        del h

    if slopes:
        slope_s += _total(splines.evaluate(slopes[last], u, functions[last].u))
    g = splines.evaluate_in_place(tables[last], u, functions[last].u, order=1)
    for layer in range(last - 1, -1, -1):
        g = adjoint(g, kernels[layer + 1])
        u = kept.pop() if layer else convolve(x, kernels[0])
        grid = functions[layer].u
        if slopes:
            slope_s += _total(splines.evaluate(slopes[layer], u, grid).mul_(g))
        g *= splines.evaluate_in_place(tables[layer], u, grid, order=1)
        del u
    return adjoint(g, kernels[0]), slope_s


def _total(features: Tensor) -> Tensor:
    """The sum over channels and pixels, (N,), row by row: the library adds a single long row in as many parts as there are
    threads, which would give an image other last bits for other numbers of threads, and alone others than in a batch."""
    return features.sum(3).sum(2).sum(1)


def _tiles(prior: FieldsOfExperts, x: Tensor) -> Iterator[tuple[slice | EllipsisType, ...]]:
    """Pieces of the extended image whose last-layer pixels partition those of the image."""
    n, _, height, width = x.shape

    def memory(rows: int, columns: int, buffers: int) -> int:
        reach = 2 * (prior.layers - 1)  # the first layer's features are the largest
        return buffers * n * prior.channels * (rows + reach) * (columns + reach) * x.element_size()

    budget = min(MEMORY.get(x.device.type, MEMORY["cpu"]), memory(height, width, _BUFFERS))
    rows, columns = height, width
    while memory(rows, columns, max(_BUFFERS, prior.layers)) > budget and max(rows, columns) > 16:
        rows, columns = (-(-rows // 2), columns) if rows >= columns else (rows, -(-columns // 2))
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            bottom, right = min(top + rows, height), min(left + columns, width)
            yield ..., slice(top, bottom + 2 * prior.padding), slice(left, right + 2 * prior.padding)
