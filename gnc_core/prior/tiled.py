"""Sums of a network's last features, and what they pull back, without a graph: in place, in tiles, on a CPU with a tile a thread.

The numbers are those of `FieldsOfExperts`; only what is kept in memory differs. <1, h_L> is a sum over pixels of the
last layer, so tiles of that layer partition it exactly: each tile needs the continued image as far around it as the
layers reach, and adds its part to the sum, to the sum along s and, there, to the gradient.

Energies and dR/ds are computed in float32. The score's hidden convolutions are rounded to bfloat16 on CPUs that multiply that
several times faster (AVX-512 BF16, AMX): on BSDS68 it changes the PSNR by less than 0.01 dB. `BFLOAT16 = False`, or the
environment variable GNC_BFLOAT16=0, keeps float32.

Within a tile the features of layer l live in one buffer, first as u_l, then as phi_l(u_l); only u_2 ... u_{L-1} are kept for the
reverse pass, since u_1 is cheap to compute again from the image. No more than max(3, L) buffers are alive at once. On a CPU
tiles are so small that these stay in the caches, and threads work on tiles side by side: none waits within a tile. Tiles depend
on the image's size and on nothing else, and their parts are added in order: the bits are the same for any number of threads,
for an image alone and in a batch.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from . import convolutions, splines, threads
from .convolutions import adjoint, convolve

try:
    from .splines import layer as one_pass
except ImportError:  # without numba
    one_pass = None  # type: ignore[assignment]

MEMORY = {"cpu": 2**22, "cuda": 2**34}  # bytes for one buffer of a tile's features (times the layers, on a CPU)
_CPU: dict = getattr(torch.cpu, "get_capabilities", dict)()
BFLOAT16 = os.environ.get("GNC_BFLOAT16") != "0" and bool(_CPU.get("avx512_bf16") or _CPU.get("amx_bf16"))
Tile = tuple[slice, slice, slice, slice]  # images, channels, rows and columns of the extended image
Part = TypeVar("Part")


class Layers(NamedTuple):
    """What is computed with: L layers phi_l(K_l .) at the smoothings of N images.

    kernels: K_1, ..., K_L. grids: of the functions, in u. phi: their tables, (N, C, rows, 5) each (`splines.polynomials`).
    phi_s: the tables of dphi/ds, None where they are not asked for. padding: how far the image is continued beyond each edge.
    """

    kernels: list[Tensor]
    grids: list[splines.Grid]
    phi: list[Tensor]
    phi_s: list[Tensor | None]
    padding: int

    def of(self, images: slice) -> Layers:
        """The same for some of the images."""
        phi_s = [None if table is None else table[images] for table in self.phi_s]
        return self._replace(phi=[table[images] for table in self.phi], phi_s=phi_s)


def total(layers: Layers, x: Tensor) -> Tensor:
    """<1, h_L> of each image, (N,): the sum of the last features. x: the continued images, (N, 1, H + 2p, W + 2p)."""

    def part(tile: Tile) -> Tensor:
        own = layers.of(tile[0])
        if len(own.kernels) == 1:
            return _first_back(own, x[tile], None, own.phi[0])[1]
        h = _first(own, x[tile])
        for grid, kernel, table in zip(own.grids[1:], own.kernels[1:], own.phi[1:], strict=True):
            h = splines.evaluate_in_place(table, convolve(h, kernel), grid)
        return _total(h)

    result = x.new_zeros(len(x))
    tiles = list(_tiles(layers, x))
    for tile, summand in zip(tiles, _side_by_side(part, tiles, x), strict=True):
        result[tile[0]] += summand
    return result


def pull_back(layers: Layers, x: Tensor) -> tuple[Tensor, Tensor]:
    """The gradient of <1, h_L> in the continued images x, of their shape, and sum_l <dR/dh_l, dphi_l/ds>, (N,), of those
    layers that have a table of dphi/ds."""
    gradient, along_s = torch.zeros_like(x), x.new_zeros(len(x))
    tiles = list(_tiles(layers, x))
    parts = _side_by_side(lambda tile: _pull_back_tile(layers.of(tile[0]), x[tile]), tiles, x)
    for tile, (part, part_along_s) in zip(tiles, parts, strict=True):
        gradient[tile] += part
        along_s[tile[0]] += part_along_s
    return gradient, along_s


def _pull_back_tile(layers: Layers, x: Tensor) -> tuple[Tensor, Tensor]:
    """What a tile adds to the gradient, on its piece x of the continued image, and to the sum along s."""
    kernels, grids, phi, phi_s, _ = layers
    last = len(kernels) - 1
    if not last:
        return _first_back(layers, x, phi[0], phi_s[0])
    roughly = BFLOAT16 and phi_s[0] is None and x.device.type == "cpu" and x.dtype == torch.float32
    up, down = (convolutions.rounded, convolutions.rounded_adjoint) if roughly else (convolve, adjoint)
    h = _first(layers, x)
    kept: list[Tensor] = []  # u_2 ... u_{L-1}
    for layer in range(1, last):
        kept.append(up(h, kernels[layer]))
        h = splines.evaluate(phi[layer], kept[-1], grids[layer])
    g = up(h, kernels[last])
    del h
    along_s = _sum(phi_s[last], g, grids[last])
    g = splines.evaluate_in_place(phi[last], g, grids[last], order=1)
    for layer in range(last - 1, 0, -1):
        g = down(g, kernels[layer + 1])
        u = kept.pop()
        along_s += _sum(phi_s[layer], u, grids[layer], g)
        g *= splines.evaluate_in_place(phi[layer], u, grids[layer], order=1)
        del u
    gradient, part = _first_back(layers, x, phi[0], phi_s[0], down(g, kernels[1]))
    return gradient, along_s + part


def _first(layers: Layers, x: Tensor) -> Tensor:
    """phi_1(K_1 x)."""
    kernel, grid, table = layers.kernels[0], layers.grids[0], layers.phi[0]
    if _in_one_pass(x, kernel):
        return one_pass.features(x[0, 0], kernel, grid, table[0])[None]
    return splines.evaluate_in_place(table, convolve(x, kernel), grid)


def _first_back(
    layers: Layers, x: Tensor, table: Tensor | None, value: Tensor | None, g: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """K_1^T (g phi_1'(K_1 x)), for phi_1 of this table, and the sum of g psi(K_1 x), (N,), where psi has the table `value`; zero
    for a table None; without g, g = 1."""
    kernel, grid = layers.kernels[0], layers.grids[0]
    if _in_one_pass(x, kernel):
        phi, psi, weight = (None if a is None else a[0] for a in (table, value, g))
        gradient, total = one_pass.pull_back(x[0, 0], kernel, grid, phi, psi, weight)
        return gradient[None, None], x.new_tensor([total])
    u = convolve(x, kernel)
    sums = _sum(value, u, grid, g)
    if table is None:
        return torch.zeros_like(x), sums
    u = splines.evaluate_in_place(table, u, grid, order=1)
    return adjoint(u if g is None else u.mul_(g), kernel), sums


def _in_one_pass(x: Tensor, kernel: Tensor) -> bool:
    """Whether convolution, function and adjoint are one pass: on a CPU, in float32, with kernels of 7 x 7 and numba."""
    on_cpu = x.device.type == "cpu" and x.dtype == torch.float32
    return on_cpu and one_pass is not None and kernel.shape[-1] == one_pass.SIZE


def _sum(table: Tensor | None, u: Tensor, grid: splines.Grid, weight: Tensor | None = None) -> Tensor:
    """<weight, psi(u)> an image, (N,); zero without a table."""
    if table is None:
        return u.new_zeros(len(u))
    values = splines.evaluate(table, u, grid)
    return _total(values if weight is None else values.mul_(weight))


def _total(features: Tensor) -> Tensor:
    """The sum over channels and pixels, (N,), row by row: the library adds a single long row in as many parts as there are
    threads, which would give an image other last bits for other numbers of threads, and alone others than in a batch."""
    return features.sum(3).sum(2).sum(1)


def _tiles(layers: Layers, x: Tensor) -> Iterator[Tile]:
    """Pieces of the continued image x whose last-layer pixels partition those of the image; on a CPU, of one image each."""
    n, channels, beyond = len(x), len(layers.kernels[0]), 2 * layers.padding
    height, width = x.shape[2] - beyond, x.shape[3] - beyond
    on_gpu = x.device.type == "cuda"
    together = n if on_gpu else 1
    budget = (
        MEMORY["cuda"] if on_gpu else MEMORY["cpu"] * len(layers.kernels)
    )  # a layer more, and more is computed twice
    reach = 2 * (len(layers.kernels) - 1)  # the first layer's features are the largest

    def memory(rows: int, columns: int) -> int:
        return together * channels * (rows + reach) * (columns + reach) * x.element_size()

    rows, columns = height, width
    while memory(rows, columns) > budget and max(rows, columns) > 16:  # long rows are fast
        halve_rows = rows >= min(columns, 32)
        rows, columns = (-(-rows // 2), columns) if halve_rows else (rows, -(-columns // 2))
    for first in range(0, n, max(1, together)):
        for top in range(0, height, rows):
            for left in range(0, width, columns):
                bottom, right = min(top + rows, height), min(left + columns, width)
                pixels = slice(top, bottom + beyond), slice(left, right + beyond)
                yield slice(first, first + together), slice(None), *pixels


def _side_by_side(function: Callable[[Tile], Part], tiles: list[Tile], x: Tensor) -> Iterable[Part]:
    """The function of every tile, in order; on a CPU with as many threads as the caller has, each on a tile of its own."""
    number = threads.available()
    if x.device.type != "cpu" or number == 1 or len(tiles) == 1:
        return map(function, tiles)
    return threads.pool(number).map(torch.no_grad()(function), tiles)
