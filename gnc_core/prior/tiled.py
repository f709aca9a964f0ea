"""Energy, score and dR/ds without a graph: in place, in tiles, and on a CPU with a tile a thread.

The numbers are those of `FieldsOfExperts`; only what is kept in memory differs. R(x, s) = <1, h_L> is a sum over pixels of the
last layer, so tiles of that layer partition it exactly: each tile needs the extended image as far around it as the
layers reach, and adds its share to the energy, to dR/ds and, there, to the gradient.

Energies and dR/ds are computed in float32. The score's hidden convolutions are rounded to bfloat16 on CPUs that multiply that
several times faster (AVX-512 BF16, AMX): on BSDS68 it changes the PSNR by less than 0.01 dB. `BFLOAT16 = False`, or the
environment variable GNC_BFLOAT16=0, keeps float32.

Within a tile the features of layer l live in one buffer, first as u_l, then as phi_l(u_l); only u_2 ... u_{L-1} are kept for the
reverse pass, since u_1 is cheap to compute again from the image. No more than max(3, L) buffers are alive at once. On a CPU
tiles are so small that these stay in the caches, and threads work on tiles side by side: none waits within a tile. Tiles depend
on the image's size and on nothing else, and their shares are added in order: the bits are the same for any number of threads,
for an image alone and in a batch.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor

from . import convolutions, splines, threads
from .convolutions import adjoint, convolve

try:
    from .splines import layer as one_pass
except ImportError:  # without numba
    one_pass = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from .fields_of_experts import FieldsOfExperts

MEMORY = {"cpu": 2**22, "cuda": 2**34}  # bytes for one buffer of a tile's features (times the layers, on a CPU)
_CPU: dict = getattr(torch.cpu, "get_capabilities", dict)()
BFLOAT16 = os.environ.get("GNC_BFLOAT16") != "0" and bool(_CPU.get("avx512_bf16") or _CPU.get("amx_bf16"))
Tile = tuple[slice, slice, slice, slice]  # images, channels, rows and columns of the extended image
Share = TypeVar("Share")


def energy(prior: FieldsOfExperts, x: Tensor, s: Tensor) -> Tensor:
    """R(x, s) an image: (N,)."""
    tables = [phi.table(s) for phi in prior.functions]
    return _sum_of_features(prior, prior.scaled(x, s), tables) + prior.constant(s) * x[0].numel()


def slope(prior: FieldsOfExperts, x: Tensor, s: Tensor) -> Tensor:
    """dR/ds an image, (N,). With one layer it is a sum over features as the energy is, and needs no way back."""
    if prior.layers > 1:
        return score_and_slope(prior, x, s)[1]
    return (
        _sum_of_features(prior, prior.scaled(x, s), [prior.potential.table(s, 1)])
        + prior.constant(s, order=1) * x[0].numel()
    )


def _sum_of_features(prior: FieldsOfExperts, x: Tensor, tables: list[Tensor]) -> Tensor:
    """The sum of the last layer's features, with these tables for the functions, of each image: (N,)."""
    extended, kernels = prior.extend(x), prior.kernels()

    def share(tile: Tile) -> Tensor:
        own = [table[tile[0]] for table in tables]
        if prior.layers == 1:
            return _first_back(prior, extended[tile], kernels[0], None, own[0])[1]
        h = _first(prior, extended[tile], kernels[0], own[0])
        for phi, kernel, table in zip(prior.functions[1:], kernels[1:], own[1:], strict=True):
            h = splines.evaluate_in_place(table, convolve(h, kernel), phi.u)
        return _total(h)

    result = x.new_zeros(len(x))
    tiles = list(_tiles(prior, x))
    for tile, part in zip(tiles, _side_by_side(share, tiles, x), strict=True):
        result[tile[0]] += part
    return result


def score_and_slope(prior: FieldsOfExperts, x: Tensor, s: Tensor, with_slope: bool = True) -> tuple[Tensor, Tensor]:
    """grad_x R (N, 1, H, W) and dR/ds (N,), zero without `with_slope`."""
    extended, kernels = prior.extend(prior.scaled(x, s)), prior.kernels()
    tables = [phi.table(s) for phi in prior.functions]
    slopes = [phi.table(s, 1) if with_slope else None for phi in prior.functions]

    def share(tile: Tile) -> tuple[Tensor, Tensor]:
        own = [table[tile[0]] for table in tables]
        return _share(prior, extended[tile], kernels, own, [None if t is None else t[tile[0]] for t in slopes])

    gradient = torch.zeros_like(extended)
    slope_s = prior.constant(s, order=1) * x[0].numel() if with_slope else torch.zeros_like(s)
    tiles = list(_tiles(prior, x))
    for tile, (part, part_slope) in zip(tiles, _side_by_side(share, tiles, x), strict=True):
        gradient[tile] += part
        slope_s[tile[0]] += part_slope
    return prior.scaled(prior.extend_adjoint(gradient), s), slope_s


def _share(
    prior: FieldsOfExperts, x: Tensor, kernels: list[Tensor], tables: list[Tensor], slopes: list[Tensor | None]
) -> tuple[Tensor, Tensor]:
    """A tile's share of the gradient, on its piece x of the extended image, and of dR/ds."""
    functions, last = prior.functions, prior.layers - 1
    if not last:
        return _first_back(prior, x, kernels[0], tables[0], slopes[0])
    roughly = BFLOAT16 and slopes[0] is None and x.device.type == "cpu" and x.dtype == torch.float32
    up, down = (convolutions.rounded, convolutions.rounded_adjoint) if roughly else (convolve, adjoint)
    h = _first(prior, x, kernels[0], tables[0])
    kept: list[Tensor] = []  # u_2 ... u_{L-1}
    for layer in range(1, last):
        kept.append(up(h, kernels[layer]))
        h = splines.evaluate(tables[layer], kept[-1], functions[layer].u)
    g = up(h, kernels[last])
    del h
    slope_s = _sum(slopes[last], g, functions[last].u)
    g = splines.evaluate_in_place(tables[last], g, functions[last].u, order=1)
    for layer in range(last - 1, 0, -1):
        g = down(g, kernels[layer + 1])
        u = kept.pop()
        slope_s += _sum(slopes[layer], u, functions[layer].u, g)
        g *= splines.evaluate_in_place(tables[layer], u, functions[layer].u, order=1)
        del u
    gradient, part = _first_back(prior, x, kernels[0], tables[0], slopes[0], down(g, kernels[1]))
    return gradient, slope_s + part


def _first(prior: FieldsOfExperts, x: Tensor, kernel: Tensor, table: Tensor) -> Tensor:
    """phi_1(K_1 x)."""
    grid = prior.functions[0].u
    if _in_one_pass(x, kernel):
        return one_pass.features(x[0, 0], kernel, grid, table[0])[None]
    return splines.evaluate_in_place(table, convolve(x, kernel), grid)


def _first_back(
    prior: FieldsOfExperts,
    x: Tensor,
    kernel: Tensor,
    table: Tensor | None,
    value: Tensor | None,
    g: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """K_1^T (g phi_1'(K_1 x)) and the sum of g psi(K_1 x), (N,), where psi has the table `value`; zero for a table None;
    without g, g = 1."""
    grid = prior.functions[0].u
    if _in_one_pass(x, kernel):
        slope, psi, weight = (None if a is None else a[0] for a in (table, value, g))
        gradient, total = one_pass.pull_back(x[0, 0], kernel, grid, slope, psi, weight)
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


def _tiles(prior: FieldsOfExperts, x: Tensor) -> Iterator[Tile]:
    """Pieces of the extended image whose last-layer pixels partition those of the image; on a CPU, of one image each."""
    n, _, height, width = x.shape
    on_gpu = x.device.type == "cuda"
    together = n if on_gpu else 1
    budget = MEMORY["cuda"] if on_gpu else MEMORY["cpu"] * prior.layers  # a layer more, and more is computed twice
    reach = 2 * (prior.layers - 1)  # the first layer's features are the largest

    def memory(rows: int, columns: int) -> int:
        return together * prior.channels * (rows + reach) * (columns + reach) * x.element_size()

    rows, columns = height, width
    while memory(rows, columns) > budget and max(rows, columns) > 16:  # long rows are fast
        halve_rows = rows >= min(columns, 32)
        rows, columns = (-(-rows // 2), columns) if halve_rows else (rows, -(-columns // 2))
    for first in range(0, n, max(1, together)):
        for top in range(0, height, rows):
            for left in range(0, width, columns):
                bottom, right = min(top + rows, height), min(left + columns, width)
                pixels = slice(top, bottom + 2 * prior.padding), slice(left, right + 2 * prior.padding)
                yield slice(first, first + together), slice(None), *pixels


def _side_by_side(function: Callable[[Tile], Share], tiles: list[Tile], x: Tensor) -> Iterable[Share]:
    """The function of every tile, in order; on a CPU with as many threads as the caller has, each on a tile of its own."""
    number = threads.available()
    if x.device.type != "cpu" or number == 1 or len(tiles) == 1:
        return map(function, tiles)
    return threads.pool(number).map(torch.no_grad()(function), tiles)
