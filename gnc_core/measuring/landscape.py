"""A learned energy around an image: over a plane of images, over a line of images and all smoothings, and where schemes go."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter
from torch import Tensor

from gnc_core import checks
from gnc_core.errors import InputError
from gnc_core.prior import Prior

ROUNDING = 1e-6  # of an energy, relative: what float32 leaves of a sum over many pixels


def unit(difference: Tensor) -> Tensor:
    """d / |d|: the direction of a difference of images, (1, 1, H, W), Euclidean norm one.

    Distances along a direction are Euclidean norms of differences of images in [0, 1]. Raises `InputError` for a difference that
    is zero or not finite, and for what is no single image.

    >>> unit(torch.full((1, 1, 8, 8), 0.3)).norm().item()
    1.0
    """
    checks.check_single(difference, "The difference of two images")
    norm = float(difference.norm())
    if not (math.isfinite(norm) and norm > 0):
        raise InputError("There is no direction from an image to itself.")
    return difference / norm


def blurred(x: Tensor, std: float) -> Tensor:
    """An image blurred by a Gaussian of standard deviation `std` > 0 in pixels, continued by reflection: (1, 1, H, W).

    Raises `InputError` for another `std`, and for what is no single image.

    >>> flat = torch.full((1, 1, 8, 8), 0.5)
    >>> torch.allclose(blurred(flat, std=2.0), flat)
    True
    """
    checks.check_single(x)
    std = checks.number(std, "The standard deviation of a blur", positive=True)
    return torch.from_numpy(gaussian_filter(x[0, 0].cpu().numpy(), std)[None, None]).to(x)


def random_direction(x: Tensor, seed: int) -> Tensor:
    """A direction of norm one, uniform on the sphere, for images of the size of x, (1, 1, H, W); the same seed, the same
    direction, on every device.

    >>> random_direction(torch.rand(1, 1, 8, 8), seed=0).shape
    torch.Size([1, 1, 8, 8])
    """
    checks.check_single(x)
    generator = torch.Generator().manual_seed(checks.whole(seed, "The seed", 0))
    return unit(torch.randn(x.shape, generator=generator).to(x))


def orthogonal(direction: Tensor, other: Tensor) -> Tensor:
    """What of a direction is orthogonal to another one, (d - <d, e> e) / |...|, so that a plane of both is drawn undistorted:
    (1, 1, H, W).

    Raises `InputError` where nothing is left: where both are the same.

    >>> first, second = (random_direction(torch.rand(1, 1, 8, 8), seed) for seed in (0, 1))
    >>> abs((orthogonal(second, first) * first).sum().item()) < 1e-6
    True
    """
    rest = direction - (direction * other).sum() * other
    if rest.norm() < 1e-3 * direction.norm():
        raise InputError("The two directions are the same; a plane needs two that differ.")
    return unit(rest)


def places(images: Tensor, x: Tensor, directions: Sequence[Tensor]) -> Tensor:
    """Where images, (N, 1, H, W), lie in the plane or on the line of orthonormal directions through x: <images - x, d>, (N, D).

    >>> x, d = torch.zeros(1, 1, 8, 8), random_direction(torch.zeros(1, 1, 8, 8), seed=0)
    >>> places(torch.cat([x, 2 * d]), x, [d]).round().flatten().tolist()
    [0.0, 2.0]
    """
    return torch.stack([((images - x) * d).flatten(1).sum(1) for d in directions], 1)


@torch.no_grad()
def plane(
    prior: Prior,
    x: Tensor,
    directions: tuple[Tensor, Tensor],
    a: Sequence[float] | np.ndarray,
    b: Sequence[float] | np.ndarray,
    sigmas: Sequence[float] | np.ndarray,
) -> Iterator[tuple[int, int, np.ndarray]]:
    """R(x + a_j d_1 + b_i d_2, log sigma_k), a row of a level at a time: k, i and the energies over j, (A,), float64.

    x: the image, (1, 1, H, W). directions: d_1 and d_2, of its shape. a, b: distances. sigmas: levels, in the order in which they
    are wanted. Nothing is computed before it is asked for, so that whoever asks shows progress, and stops. A row is one batch.
    Raises `InputError` as the prior does, and for sigmas outside its range.

    >>> from gnc_core.prior import FieldsOfExperts
    >>> x = torch.rand(1, 1, 8, 8)
    >>> d, e = (random_direction(x, seed) for seed in (0, 1))
    >>> rows = list(plane(FieldsOfExperts(), x, (d, e), a=[-1, 0, 1], b=[0, 1], sigmas=[0.1]))
    >>> [(k, i, row.shape) for k, i, row in rows]
    [(0, 0, (3,)), (0, 1, (3,))]
    """
    checks.check_single(x)
    along = torch.as_tensor(np.asarray(a, np.float64)).to(x).view(-1, 1, 1, 1) * directions[0]
    for k, sigma in enumerate(sigmas):
        slack = 1 + 1e-6  # of numbers that went through float32
        if not prior.sigma_min / slack <= sigma <= prior.sigma_max * slack:
            raise InputError(f"The smoothing must lie in [{prior.sigma_min:g}, {prior.sigma_max:g}], not {sigma:g}.")
        for i, distance in enumerate(b):
            row = prior.energy(x + float(distance) * directions[1] + along, math.log(sigma))
            yield k, i, row.double().cpu().numpy()


def between(values: np.ndarray, parts: int) -> np.ndarray:
    """A grid (B, A) with `parts` intervals for each one of it, by cubic splines: ((B - 1) parts + 1, (A - 1) parts + 1), for four
    points a side or more, or one.

    >>> grid = np.add.outer(np.arange(4.0), np.arange(5.0) ** 3)
    >>> between(grid, 2).shape, np.allclose(between(grid, 2)[2], 1 + np.arange(0, 4.5, 0.5) ** 3)
    ((7, 9), True)
    """
    for axis, count in enumerate(values.shape):
        if count > 1:
            values = CubicSpline(np.arange(count), values, axis)(np.arange((count - 1) * parts + 1) / parts)
    return values


def line(
    prior: Prior,
    x: Tensor,
    direction: Tensor,
    a: Sequence[float] | np.ndarray,
    sigmas: Sequence[float] | np.ndarray,
) -> Iterator[tuple[int, np.ndarray]]:
    """R(x + a_j d, log sigma_k), a level at a time: k and the energies over j, (A,); the rest as in `plane`.

    >>> from gnc_core.prior import FieldsOfExperts
    >>> x = torch.rand(1, 1, 8, 8)
    >>> levels = line(FieldsOfExperts(), x, random_direction(x, seed=0), a=[-1, 0, 1], sigmas=[0.1, 0.2])
    >>> [(k, energies.shape) for k, energies in levels]
    [(0, (3,)), (1, (3,))]
    """
    for k, _, row in plane(prior, x, (direction, direction), a, [0.0], sigmas):
        yield k, row


def grid_minima(energy: np.ndarray) -> np.ndarray:
    """The local minima of values on a grid, (B, A) or (A,): their indices, (M, 2) or (M, 1), the lowest first.

    The grid is flooded from below; every point has 8 (or 2) neighbours. A minimum counts if the water in it has to rise by more
    than rounding (1e-6 of the largest value) before it runs over into a deeper one, and if it does not lie on the border, beyond
    which nothing is known.

    >>> grid_minima(np.array([3.0, 1.0, 2.0, 0.0, 5.0])).tolist()
    [[3], [1]]
    """
    values = np.asarray(energy, np.float64)
    least = ROUNDING * float(np.abs(values).max(initial=0.0))
    basin: dict[
        tuple[int, ...], tuple[int, ...]
    ] = {}  # of every point under water, a step towards the lowest one there
    found: list[tuple[int, ...]] = []

    def lowest(point: tuple[int, ...]) -> tuple[int, ...]:
        while basin[point] != point:
            point = basin[point]
        return point

    shifts = [tuple(k - 1 for k in shift) for shift in np.ndindex(*(3,) * values.ndim)]
    order = np.argsort(values, axis=None, kind="stable")
    for point in zip(*(index.tolist() for index in np.unravel_index(order, values.shape)), strict=True):
        around = {tuple(i + k for i, k in zip(point, shift, strict=True)) for shift in shifts}
        basins = sorted({lowest(p) for p in around & basin.keys()}, key=lambda p: (values[p], p))
        basin[point] = basins[0] if basins else point
        for other in basins[1:]:  # the water runs over from here into the deepest
            basin[other] = basins[0]
            if values[point] - values[other] > least:
                found.append(other)
    found += {lowest(point) for point in basin}
    inside = [p for p in found if all(0 < i < size - 1 for i, size in zip(p, values.shape, strict=True))]
    return np.array(sorted(inside, key=lambda p: (values[p], p)), int).reshape(-1, values.ndim)


@dataclass(frozen=True, eq=False)
class Path:
    """Where a scheme goes beside a line: after step i (0: before the first) along it, sigma_i, and how far from it.

    along, sigma, off: (S + 1,). sigma of step 0 is that of the first step.

    >>> Path.of(torch.zeros(2, 1, 4, 4), [0.1, 0.1], torch.zeros(1, 1, 4, 4), torch.full((1, 1, 4, 4), 0.25)).off.tolist()
    [0.0, 0.0]
    """

    along: np.ndarray
    sigma: np.ndarray
    off: np.ndarray

    @classmethod
    def of(cls, images: Tensor, sigmas: Sequence[float], x: Tensor, direction: Tensor) -> Path:
        """The path of images, (S + 1, 1, H, W), with the smoothings of their steps: a_i = <x_i - x, d> and |x_i - x - a_i d|."""
        along = places(images, x, [direction])
        rest = (images - x - along.view(-1, 1, 1, 1) * direction).flatten(1).norm(dim=1)
        return cls(along[:, 0].double().cpu().numpy(), np.asarray(sigmas, float), rest.double().cpu().numpy())
