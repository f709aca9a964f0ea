"""Kernels of blur, (1, 1, k, k), odd sizes, sum one."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gnc_core import checks
from gnc_core.errors import InputError

if TYPE_CHECKING:  # what a task is, the command line says without PyTorch
    from torch import Tensor


LARGEST = 101  # pixels a side
HOW = (
    "gaussian:STD (in pixels), motion:LENGTH or motion:LENGTH:ANGLE (pixels, degrees), shake:SEED (the trembling of a hand, 31 "
    "pixels a side)"
)


def kernel(text: str) -> Tensor:
    """The kernel that a text says: "gaussian:1.6", "motion:15:30", "shake:3", or what `as_text` wrote. Raises
    `InputError` for any other text.

    >>> import torch
    >>> kernel("gaussian:1.6").shape
    torch.Size([1, 1, 15, 15])
    """
    import torch

    kind, *values = text.split(":")
    try:
        if kind == "values":
            rows = [[float(value) for value in row.split(",")] for row in values[0].split(";")]
            return check_kernel(torch.tensor(rows))
        numbers = [float(value) for value in values]
        if not all(map(math.isfinite, numbers)):
            raise ValueError
        kinds: dict[str, Callable[..., Tensor]] = {"gaussian": gaussian, "motion": motion, "shake": shake}
        return kinds[kind](*numbers)
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise InputError(f"A kernel is {HOW}; not {text[:60]!r}.") from error


def as_text(value: Tensor) -> str:
    """A kernel (1, 1, k, l) as a text that `kernel` reads: "values:0,1;2,0".

    >>> import torch
    >>> torch.allclose(kernel(as_text(motion(5, 30))), motion(5, 30))
    True
    """
    return "values:" + ";".join(",".join(f"{number:.6g}" for number in row) for row in value[0, 0].tolist())


def gaussian(std: float) -> Tensor:
    """A Gaussian of that standard deviation in pixels, cut off at four of them.

    >>> gaussian(1.0).shape
    torch.Size([1, 1, 9, 9])
    """
    import torch

    std = _between(std, "The standard deviation of the blur", 0.1, LARGEST / 8)
    reach = max(1, math.ceil(4 * std))
    line = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / std) ** 2)
    return _normalised(line[:, None] * line)


def motion(length: float, angle: float = 0.0) -> Tensor:
    """A straight line of that length in pixels, at an angle in degrees, anticlockwise from the right.

    >>> bool(motion(9)[0, 0].sum(1).max() > 0.9)  # in one row
    True
    """
    length = _between(length, "The length of the motion", 1, LARGEST - 2)
    turn = math.radians(angle)
    along = np.linspace(-0.5, 0.5, max(2, round(8 * length))) * (length - 1)
    return _drawn(np.stack([-math.sin(turn) * along, math.cos(turn) * along], 1))


def shake(seed: float) -> Tensor:
    """A hand's trembling while the shutter is open: a random walk whose velocity is smooth, within 31 x 31 pixels.

    >>> max(shake(0).shape) <= 31
    True
    """
    whole = int(seed) if float(seed).is_integer() else seed
    generator = np.random.default_rng(checks.whole(whole, "The seed of the shake", 0))
    velocity, path = np.zeros(2), [np.zeros(2)]
    for _ in range(400):
        velocity = 0.97 * velocity + generator.normal(size=2) - 0.002 * path[-1]
        path.append(path[-1] + velocity)
    places = np.array(path) - np.mean(path, 0)
    return _drawn(12.5 * places / np.abs(places).max())


def check_kernel(value: Tensor, name: str = "The kernel") -> Tensor:
    """`value`, (N, 1, k, l) or (k, l), as a kernel (N, 1, k, l) that sums to one; raises `InputError` for even or large sides,
    for values that are negative or not finite, and for a sum of zero.

    >>> import torch
    >>> check_kernel(torch.ones(3, 3)).shape
    torch.Size([1, 1, 3, 3])
    """
    checks.check_tensor(value, name)
    kernel = value[None, None] if value.ndim == 2 else value
    if kernel.ndim != 4 or kernel.shape[1] != 1 or not kernel.is_floating_point():
        raise InputError(
            f"{name} must be floating point, (k, k) or (N, 1, k, k), not {tuple(value.shape)}, {value.dtype}."
        )
    if any(side % 2 == 0 or side > LARGEST for side in kernel.shape[2:]):
        raise InputError(f"{name} must have odd sides of at most {LARGEST} pixels, not {tuple(kernel.shape[2:])}.")
    sums = kernel.sum((1, 2, 3), keepdim=True)
    if not kernel.isfinite().all() or (kernel < 0).any() or not (sums > 0).all():
        raise InputError(f"{name} must be finite and not negative, and must not vanish.")
    return kernel / sums


def read_kernel(path: Path) -> Tensor:
    """A measured kernel from an image file or a .npy file; sides that are even get a row or column of zeros. Raises `InputError`
    for what cannot be read, or is none.

    >>> import numpy as np
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/kernel.npy", np.ones((2, 3), np.float32))
    ...     read_kernel(Path(folder) / "kernel.npy").shape
    torch.Size([1, 1, 3, 3])
    """
    import torch

    from gnc_core.images import read

    [photo] = read(path)
    image = photo.image
    pad = [1 - side % 2 for side in image.shape[-2:]]
    return check_kernel(torch.nn.functional.pad(image, (0, pad[1], 0, pad[0])), str(path))


def _drawn(places: np.ndarray) -> Tensor:
    """A path, (P, 2) rows and columns from the middle, drawn with bilinear weights."""
    import torch

    reach = max(1, math.ceil(np.abs(places).max()))
    picture = np.zeros((2 * reach + 3, 2 * reach + 3))
    places = places + reach + 1
    corner = np.floor(places).astype(int)
    right = places - corner
    for i in (0, 1):
        for j in (0, 1):
            weight = np.abs(1 - i - right[:, 0]) * np.abs(1 - j - right[:, 1])
            np.add.at(picture, (corner[:, 0] + i, corner[:, 1] + j), weight)
    return _normalised(torch.from_numpy(picture[1:-1, 1:-1]).float())


def _normalised(kernel: Tensor) -> Tensor:
    return (kernel / kernel.sum())[None, None]


def _between(value: float, name: str, low: float, high: float) -> float:
    value = checks.number(value, name, positive=True)
    if not low <= value <= high:
        raise InputError(f"{name} must lie from {low:g} to {high:g} pixels, not {value:g}.")
    return value
