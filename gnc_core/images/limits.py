"""How large an image may be, asked before anything of it is decoded."""

from gnc_core.errors import InputError

MAX_PIXELS = 16_000_000
MAX_BYTES = 16 * MAX_PIXELS + 2**20
"""Four float32 or two double-size channels a pixel, and a header: the largest file that is read."""


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
