"""What public functions take: numbers of Python, numpy and torch alike, and images; the rest is refused in one sentence."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnc_core.errors import InputError

if TYPE_CHECKING:  # numbers are checked without PyTorch: options of the command line are
    import torch
    from torch import Tensor


def number(value: Any, name: str, *, positive: bool = False, finite: bool = True) -> float:
    """`value` as a float: a number, or an array or tensor that holds one. `name` is what the message calls it.

    Raises `InputError` for everything else, texts and truth values included, and unless it is `finite` (and `positive`).

    >>> import torch
    >>> number(torch.tensor(0.5), "sigma")
    0.5
    >>> number("0.5", "sigma")
    Traceback (most recent call last):
    gnc_core.errors.InputError: sigma must be a number, not '0.5'.
    """
    try:
        result = None if isinstance(value, (str, bytes, bool)) else float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        result = None
    if result is None or (finite and not math.isfinite(result)) or (positive and result <= 0):
        raise InputError(f"{name} must be a {'positive ' * positive}number, not {_shown(value)}.")
    return result


def said(text: str, name: str) -> float:
    """The number that a text says, as it is, as a quotient or in per cent; raises `InputError` for any other text.

    >>> said("0.098", "Noise"), round(said("25/255", "Noise"), 3), said("80%", "Missing")
    (0.098, 0.098, 0.8)
    """
    try:
        return parsed(text)
    except ValueError as error:
        raise InputError(f"{name} must be a number, such as 0.098 or 25/255, not {_shown(text)}.") from error


def parsed(text: str) -> float:
    """As `said`, but raises `ValueError`, for whoever has a sentence of its own.

    >>> parsed("1/4")
    0.25
    """
    above, slash, below = text.strip().removesuffix("%").partition("/")
    divisor = float(below) if slash else 1.0
    if divisor == 0:
        raise ValueError("There is no quotient by 0.")
    return float(above) / divisor / (100 if text.strip().endswith("%") else 1)


def not_in_another_unit(
    value: float, name: str, unit: str = "the image's range", largest: float = 255, written: str = "/255"
) -> float:
    """`value`, which 1 bounds; raises `InputError`, with what was likely meant, if it is larger, but not than the `largest` of
    the unit that people take instead, such as 0 ... 255.

    >>> not_in_another_unit(25, "--noise-std")
    Traceback (most recent call last):
    gnc_core.errors.InputError: --noise-std 25 is 25 times the image's range; did you mean 25/255 (0.098)?
    """
    if 1 < value <= largest:
        meant = f"{value:g}{written} ({value / largest:.3g})"
        raise InputError(f"{name} {value:g} is {value:g} times {unit}; did you mean {meant}?")
    return value


def numbers(values: Any, name: str, *, positive: bool = False) -> tuple[float, ...]:
    """The elements of a list, an array or a tensor, as `number` takes them.

    >>> numbers(range(3), "The sigmas")
    (0.0, 1.0, 2.0)
    >>> numbers([0.1, None], "The sigmas")
    Traceback (most recent call last):
    gnc_core.errors.InputError: Each of the sigmas must be a number, not None.
    """
    each = f"Each of {name[0].lower()}{name[1:]}"
    return tuple(number(value, each, positive=positive) for value in listed(values, name))


def listed(values: Any, name: str, of: str = "numbers") -> list:
    """The elements of a list, an array or a tensor of one dimension; raises `InputError` for anything else. `of` is what the
    message says that they are.

    >>> listed((1, 2), "The numbers of steps")
    [1, 2]
    """
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable) or getattr(values, "ndim", 1) != 1:
        raise InputError(f"{name} must be a list of {of}, not {_shown(values)}.")
    return list(values)


def whole(value: Any, name: str, low: int | None = None, high: int | None = None) -> int:
    """`value` as an int. Raises `InputError` unless it is a whole number (of Python, numpy or torch) in `low` ... `high`.

    >>> whole(3.5, "The number of steps", 1, 1000)
    Traceback (most recent call last):
    gnc_core.errors.InputError: The number of steps must be a whole number in 1 ... 1000, not 3.5.
    """
    try:
        result = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        result = None
    if result is None or not (low is None or low <= result) or not (high is None or result <= high):
        span = "" if low is None else f", {low} or larger" if high is None else f" in {low} ... {high}"
        raise InputError(f"{name} must be a whole number{span}, not {_shown(value)}.")
    return result


def per_image(value: Any, count: int, name: str) -> float | Tensor:
    """A number, or a tensor of one element or one an image, (N,), as it multiplies images: a float, () or (N, 1, 1, 1).

    Raises `InputError` for everything else, such as tensors for another number of images than `count`.

    >>> import torch
    >>> per_image(0.1, 2, "tau"), per_image(torch.rand(2), 2, "tau").shape
    (0.1, torch.Size([2, 1, 1, 1]))
    """
    from torch import Tensor

    if not isinstance(value, Tensor):
        return number(value, name)
    shaped = value.reshape(-1, 1, 1, 1) if value.ndim == 1 else value
    if shaped.ndim and shaped.shape not in ((1, 1, 1, 1), (count, 1, 1, 1)):
        raise InputError(f"{name} is one number or one an image ({count}), not of the shape {tuple(value.shape)}.")
    return shaped


def check_tensor(value: Any, name: str, ndim: int | None = None) -> None:
    """Raises `InputError` unless `value` is a floating-point tensor, of `ndim` dimensions if that is given.

    >>> check_tensor([0.1, 0.2], "The smoothings s", ndim=1)
    Traceback (most recent call last):
    gnc_core.errors.InputError: The smoothings s must be a floating-point tensor of 1 dimension, not [0.1, 0.2].
    """
    from torch import Tensor

    if not isinstance(value, Tensor) or not value.is_floating_point() or ndim not in (None, value.ndim):
        size = "" if ndim is None else f" of {ndim} dimension{'s'[: ndim > 1]}"
        raise InputError(f"{name} must be a floating-point tensor{size}, not {_shown(value)}.")


def named_images(images: Any) -> list[tuple[str, Tensor]]:
    """A list of (name, image); raises `InputError` for anything else. What the images are like is not asked.

    >>> named_images(None)
    Traceback (most recent call last):
    gnc_core.errors.InputError: Images are listed as pairs (name, tensor), not as None.
    """
    from torch import Tensor

    pairs = images if isinstance(images, (list, tuple)) else [images]
    for pair in pairs:
        if not (isinstance(pair, (list, tuple)) and len(pair) == 2 and isinstance(pair[1], Tensor)):
            raise InputError(f"Images are listed as pairs (name, tensor), not as {_shown(pair)}.")
    return [(name, image) for name, image in pairs]


def path(value: Any, name: str) -> Path:
    """`value` as a path; raises `InputError` unless it is a text or a path.

    >>> path(None, "A prior")
    Traceback (most recent call last):
    gnc_core.errors.InputError: A prior must be a name or a path, not None.
    """
    if not isinstance(value, (str, os.PathLike)):
        raise InputError(f"{name} must be a name or a path, not {_shown(value)}.")
    return Path(value)


def check_image(x: Any, name: str = "Images", *, finite: bool = False) -> None:
    """Raises `InputError` unless `x` is a floating-point tensor (N, C, H, W) with pixels, all of them `finite`.

    >>> check_image([[0.5]])
    Traceback (most recent call last):
    gnc_core.errors.InputError: Images must be tensors (N, channels, height, width), not list.
    """
    from torch import Tensor

    if not isinstance(x, Tensor):
        raise InputError(f"{name} must be tensors (N, channels, height, width), not {type(x).__name__}.")
    if x.ndim != 4 or not x.numel():
        raise InputError(f"{name} must have the shape (N, channels, height, width), not {tuple(x.shape)}.")
    if not x.is_floating_point():
        raise InputError(f"{name} must be floating point, nominally in [0, 1], not {x.dtype}.")
    if finite and not x.isfinite().all():
        raise InputError(f"{name} must be finite, without NaN or infinite values.")


def check_single(x: Any, name: str = "The image") -> None:
    """`check_image`, and that there is only one.

    >>> import torch
    >>> check_single(torch.rand(2, 1, 8, 8))
    Traceback (most recent call last):
    gnc_core.errors.InputError: The image must be a single image (1, channels, height, width), not 2 of them.
    """
    check_image(x, name)
    if len(x) > 1:
        raise InputError(f"{name} must be a single image (1, channels, height, width), not {len(x)} of them.")


def check_size(image: Tensor, min_size: int, name: str = "The image") -> None:
    """Raises `InputError` if `image` (..., H, W) is smaller than `min_size` in either direction.

    >>> import torch
    >>> check_size(torch.rand(1, 1, 8, 3), min_size=4)
    Traceback (most recent call last):
    gnc_core.errors.InputError: The image is 3 x 8 pixels; this prior needs at least 4 x 4.
    """
    height, width = image.shape[-2:]
    if min(height, width) < min_size:
        raise InputError(f"{name} is {width} x {height} pixels; this prior needs at least {min_size} x {min_size}.")


def device(name: str | torch.device) -> torch.device:
    """The device of that name; raises `InputError` unless it is the CPU or a GPU that is there.

    >>> device("cpu")
    device(type='cpu')
    """
    import torch

    try:
        found = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise InputError(f'The device must be "cpu" or "cuda", not {_shown(name)}.') from error
    if found.type not in ("cpu", "cuda"):
        raise InputError(f'The device must be "cpu" or "cuda", not {_shown(name)}.')
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise InputError(f"There is no device {found} here; the CPU is always there.")
    return found


def _shown(value: Any) -> str:
    """The value as a sentence may show it: on one line, and short."""
    if isinstance(value, (int, float)):
        return f"{value:g}" if isinstance(value, float) else str(value)[:40]
    text = " ".join(repr(value).split())
    return text if len(text) <= 40 else f"a {type(value).__name__}"
