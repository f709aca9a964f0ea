"""What public functions take: numbers of Python, numpy and torch alike, and images; the rest is refused in one sentence."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from gnc_core.errors import InputError

if TYPE_CHECKING:  # numbers are checked without PyTorch: options of the command line are
    import torch
    from torch import Tensor


def number(value: Any, name: str, *, positive: bool = False, finite: bool = True) -> float:
    """`value` as a float: a number, or an array or tensor that holds one. `name` is what the message calls it.

    Raises `InputError` for everything else, texts and truth values included, and unless it is `finite` (and `positive`)."""
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
    """As `said`, but raises `ValueError`, for whoever has a sentence of its own."""
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
    """The elements of a list, an array or a tensor, as `number` takes them."""
    each = f"Each of {name[0].lower()}{name[1:]}"
    return tuple(number(value, each, positive=positive) for value in listed(values, name))


def listed(values: Any, name: str) -> list:
    """The elements of a list, an array or a tensor of one dimension; raises `InputError` for anything else."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable) or getattr(values, "ndim", 1) != 1:
        raise InputError(f"{name} must be a list of numbers, not {_shown(values)}.")
    return list(values)


def whole(value: Any, name: str, low: int | None = None, high: int | None = None) -> int:
    """`value` as an int. Raises `InputError` unless it is a whole number (of Python, numpy or torch) in `low` ... `high`."""
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

    Raises `InputError` for everything else, such as tensors for another number of images than `count`."""
    from torch import Tensor

    if not isinstance(value, Tensor):
        return number(value, name)
    shaped = value.reshape(-1, 1, 1, 1) if value.ndim == 1 else value
    if shaped.ndim and shaped.shape not in ((1, 1, 1, 1), (count, 1, 1, 1)):
        raise InputError(f"{name} is one number or one an image ({count}), not of the shape {tuple(value.shape)}.")
    return shaped


def check_image(x: Any, name: str = "Images", *, finite: bool = False) -> None:
    """Raises `InputError` unless `x` is a floating-point tensor (N, C, H, W) with pixels, all of them `finite`."""
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
    """`check_image`, and that there is only one."""
    check_image(x, name)
    if len(x) > 1:
        raise InputError(f"{name} must be a single image (1, channels, height, width), not {len(x)} of them.")


def check_size(image: Tensor, min_size: int, name: str = "The image") -> None:
    """Raises `InputError` if `image` (..., H, W) is smaller than `min_size` in either direction."""
    height, width = image.shape[-2:]
    if min(height, width) < min_size:
        raise InputError(f"{name} is {width} x {height} pixels; this prior needs at least {min_size} x {min_size}.")


def device(name: str | torch.device) -> torch.device:
    """The device of that name; raises `InputError` unless it is the CPU or a GPU that is there."""
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
