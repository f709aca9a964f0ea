"""How large an image may be, asked before anything of it is decoded, and what of its other contents can be used."""

from __future__ import annotations

import math
from typing import Any

from gnc_core.errors import InputError

MAX_PIXELS = 16_000_000
MAX_BYTES = 16 * MAX_PIXELS + 2**20
"""Four float32 or two double-size channels a pixel, and a header: the largest file that is read."""

MAX_STACK_PIXELS = 8 * MAX_PIXELS
"""Of all pages of a TIFF together: as many of 16 bits fill the largest file."""

_MAX_DPI = 5e7  # half a nanometre a pixel; more does not fit into a PNG or BMP
_MAX_ICC = 2**23  # bytes; more does not fit into a JPEG


def check_pixels(width: int, height: int, name: str) -> None:
    """Raises `InputError` for an empty image and for more than `MAX_PIXELS`.

    >>> check_pixels(5000, 4000, "The image")
    Traceback (most recent call last):
    gnc_core.errors.InputError: The image has 5000 x 4000 = 20.0 megapixels; at most 16 are accepted, so crop or shrink it.
    """
    if width < 1 or height < 1:
        raise InputError(f"{name} is empty ({width} x {height} pixels).")
    if width * height > MAX_PIXELS:
        raise InputError(
            f"{name} has {width} x {height} = {width * height / 1e6:.1f} megapixels; "
            "at most 16 are accepted, so crop or shrink it."
        )


def usable_dpi(dpi: Any) -> tuple[float, float] | None:
    """Pixels an inch, across and down, if they are that: files hold zeros and worse.

    >>> usable_dpi((300, 300)), usable_dpi((0, 0)), usable_dpi(None)
    ((300.0, 300.0), None, None)
    """
    try:
        across, down = map(float, dpi)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    possible = all(math.isfinite(value) and 1e-3 < value < _MAX_DPI for value in (across, down))
    return (across, down) if possible else None


def usable_icc(profile: Any) -> bytes | None:
    """A colour profile, if it has a header and fits into every format.

    >>> usable_icc(b"no profile") is None
    True
    """
    return profile if isinstance(profile, bytes) and 128 <= len(profile) <= _MAX_ICC else None
