"""From the bytes of an image file to float32 values, or to one sentence about why not.

`images.read_image` and `images.read_mask` are the functions to call. What the formats get wrong stands in `pictures`, `tiff`
and `netpbm`; here are arrays that are not pictures, and what the numbers mean. Limits are asked before anything is decoded.
"""

from __future__ import annotations

import io
from typing import NamedTuple

import numpy as np
from PIL import Image

from gnc_core.errors import InputError

from . import netpbm, pictures, tiff
from .encoding import Encoding, Stored
from .limits import check_pixels

_LARGEST_VALUE = 50.0
"""Beyond this a float image is surely in 0 ... 255: 1 is white, noise stays within a few units."""

_LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of ITU-R 601-2, the ones of Pillow's convert("L")."""


class Levels(NamedTuple):
    """What counts as white and black, in the numbers of the file; None: what the file says, or else 1 and 0."""

    white: float | None = None
    black: float | None = None


def decode(
    data: bytes, name: str, color: bool, gaps: bool = False, levels: Levels | None = None, pages: bool = False
) -> list[tuple[np.ndarray, Encoding]]:
    """The image in `data` as float32 (channels, H, W), or those of all its `pages`; `name` is what messages call it.

    One channel for grey files and, with `color=False`, for all; three for colour files otherwise.
    Integers of n bits are divided by 2^n - 1; floats are returned as they are; `levels` say otherwise. With `gaps=True`, pixels
    may be marked as missing, by NaN in any channel or as more than half transparent: they are NaN in all channels.
    Raises `InputError` for everything that is not one finite, two-dimensional picture.
    """
    return [_image(stored, name, color, gaps, levels or Levels()) for stored in _load(data, name, pages)]


def _image(stored: Stored, name: str, color: bool, gaps: bool, levels: Levels) -> tuple[np.ndarray, Encoding]:
    values, alpha = _split(stored)
    told = levels.white is not None or levels.black is not None
    if not stored.white and levels.white is None:
        check_values(values, name, gaps)
    black, white = levels.black or 0.0, (stored.white or 1) if levels.white is None else levels.white
    _check_levels(black, white, stored.white, name)
    if not color:
        values = _grey(values)
    result = np.array(values if values.ndim == 2 else values.transpose(2, 0, 1), dtype=np.float32, order="C", ndmin=3)
    if black:
        result -= black
    if white - black != 1:
        result /= white - black
    if told and not stored.white:
        check_values(result, name, gaps, "times the white that was named; name a larger one")
    opacity = None if alpha is None else alpha.astype(np.float32) / np.float32(stored.white)
    if gaps:
        result[:, np.isnan(result).any(0) if opacity is None else opacity < 0.5] = np.nan
        opacity = None
    if stored.bits and not told:
        white = 2**stored.bits - 1  # the file may have named another one; what is written has that of its bits
    dpi = stored.dpi[::-1] if stored.dpi and stored.orientation > 4 else stored.dpi  # turned by a quarter
    return result, Encoding(stored.bits, white, black, dpi, stored.icc, opacity)


def _check_levels(black: float, white: float, largest: int, name: str) -> None:
    """Raises `InputError` unless black < white, both among the numbers that the file can hold."""
    if not np.isfinite([black, white]).all() or white <= black:
        raise InputError(f"White must be larger than black, but {white:g} is not larger than {black:g}.")
    if largest and not 0 <= black < white <= largest:
        raise InputError(
            f"White and black, {white:g} and {black:g}, must lie in 0 ... {largest}, the values of {name}."
        )


def decode_mask(data: bytes, name: str) -> np.ndarray:
    """The mask in `data` as bool (H, W), True where a pixel is observed.

    If pixels are transparent, those more than half so are missing. Otherwise, of two values the larger one is observed,
    and more values are cut at half of white: the format's, or else the first of 1, 255 and 65535 that none exceeds.
    Raises `InputError` as `decode`, and for values beyond these.
    """
    (stored,) = _load(data, name, pages=False)
    (values, alpha), white = _split(stored), stored.white
    if alpha is not None:
        return alpha >= white / 2
    values = _grey(values)
    low, high = values.min(), values.max()
    if not np.isfinite([low, high]).all():  # NaN is the extreme of an array that holds it
        raise InputError(f"{name} contains NaN or infinite values; white or True means observed.")
    if low == high:
        return values > 0
    if ((values == low) | (values == high)).all():
        return values == high
    if not white:
        limit = _LARGEST_VALUE if values.dtype.kind == "f" else 1  # interpolation may overshoot
        white = 1 if high <= limit else 255 if high <= 255 else 65535
        if high > 65535:
            raise InputError(f"{name} reaches {high:.6g}, but white is 1, 255 or 65535.")
    return values >= white / 2


def check_values(values: np.ndarray, name: str, gaps: bool = False, excess: str = "") -> np.ndarray:
    """`values` themselves, if they can be brightness in units of the image range [0, 1]; with `gaps`, some may be NaN.

    excess: what is said about values that are far beyond.
    """
    if values.dtype.kind != "f":
        raise InputError(
            f"{name} holds {values.dtype} values, whose range is unknown; "
            "save floats in [0, 1] (8-bit values divided by 255), or let `restore` know what white is, by --white."
        )
    low, high = (float(extreme.reduce(values, None)) for extreme in (np.fmin, np.fmax))  # of all that is not NaN
    if np.isinf([low, high]).any() or (not gaps and np.isnan(values.min())):
        kind = "infinite" if gaps else "NaN or infinite"
        raise InputError(f"{name} contains {kind} values; replace them first.")
    largest = max(high, -low)
    if largest > _LARGEST_VALUE:
        raise InputError(
            f"{name} reaches {largest:.4g}{' ' + excess if excess else ', but 1 is white; divide it by its range'}."
        )
    return values


def _load(data: bytes, name: str, pages: bool) -> list[Stored]:
    """Whatever file it is: its pictures as they are stored, one unless all `pages` are asked for."""
    try:
        if data.startswith(b"\x93NUMPY"):
            return [Stored(_load_npy(data, name), 0, 0)]
        if data.startswith(netpbm.MAGIC):
            return [netpbm.decode(data, name)]
        headers = tiff.read_headers(data, name, pages) if data.startswith(tiff.MAGIC) else []
        if len(headers) > 1 or (headers and headers[0].bits > 8):  # Pillow would cut them to 8
            return tiff.decode(data, headers, name)
        picture = pictures.decode(data, name)
        if picture is not None:
            return [picture]
        if headers:  # some TIFFs are beyond Pillow, not beyond tifffile
            return tiff.decode(data, headers, name)
    except InputError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):  # the warning, where it is made an error
        raise InputError(f"{name} is larger than 16 megapixels, the limit; crop it.") from None
    except Exception as error:  # on damaged bytes a decoder may raise anything
        raise InputError(f"{name} is damaged or cut off and cannot be decoded.") from error
    raise InputError(f"{name} is not an image; PNG, JPEG, TIFF, WebP, BMP, GIF, PPM, PGM and .npy can be read.")


def _split(stored: Stored) -> tuple[np.ndarray, np.ndarray | None]:
    """Upright values, (H, W) or (H, W, 3), and the opacity (H, W), or None if every pixel is opaque."""
    values, alpha = stored.values, None
    if values.ndim == 2:
        values = values[..., None]
    values = _upright(values, stored.orientation)
    if values.shape[2] in (2, 4):
        values, alpha = values[..., :-1], values[..., -1]
        if alpha.min() == stored.white:
            alpha = None
    return values[..., 0] if values.shape[2] == 1 else values, alpha


def decode_measurement(data: bytes, name: str) -> np.ndarray:
    """The array of numbers in `data`, a .npy file, (H, W), as float32 or complex64; raises `InputError` for others, and unless
    they are finite."""
    if not data.startswith(b"\x93NUMPY"):
        raise InputError(f"{name} is no .npy file, which a measurement has to be in (or say --simulate for an image).")
    try:
        values = _load_npy(data, name, "fc")
    except InputError:
        raise
    except ValueError as error:  # a header that is damaged, or more said than there is
        raise InputError(f"{name} is damaged or cut off and cannot be decoded.") from error
    if values.ndim != 2:
        raise InputError(f"{name} has shape {values.shape}; a measurement is one array of two dimensions.")
    if not np.isfinite(values).all():
        raise InputError(f"{name} contains NaN or infinite values; replace them first.")
    return values.astype(np.complex64 if values.dtype.kind == "c" else np.float32)


def _load_npy(data: bytes, name: str, kinds: str = "fiub") -> np.ndarray:
    """The array of a .npy file, (H, W) or (H, W, 3), as a view of `data`; its header is checked before it is read.

    Of (1, H, W), (H, W, 1) and the like, the axes of length one are dropped.
    """
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise InputError(f"{name} is not a plain array of numbers; save a 2D float array.")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    stored, by_columns, dtype = read_header(stream)
    if dtype.hasobject or dtype.kind not in kinds:
        wanted = "floats or complex numbers" if "c" in kinds else "real numbers"
        raise InputError(f"{name} holds values of type {dtype}, not {wanted}; save floats.")
    shape = tuple(stored)
    while len(shape) > 2 and shape[0] == 1:
        shape = shape[1:]
    while len(shape) > 2 and shape[-1] == 1:
        shape = shape[:-1]
    if not (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)):
        raise InputError(f"{name} has shape {tuple(stored)}; an image is (height, width) or (height, width, 3).")
    check_pixels(shape[1], shape[0], name)
    values = np.frombuffer(data, dtype, int(np.prod(shape)), stream.tell())
    return values.reshape(shape, order="F" if by_columns else "C")


def _grey(values: np.ndarray) -> np.ndarray:
    """(H, W) or (H, W, 3) as (H, W); 8-bit colours by Pillow's own rule."""
    if values.ndim == 2:
        return values
    if values.dtype == np.uint8:
        return np.asarray(Image.fromarray(values).convert("L"))
    return sum(weight * values[..., channel] for channel, weight in enumerate(_LUMA))


def _upright(values: np.ndarray, orientation: int) -> np.ndarray:
    """`values` (H, W, channels) turned as the TIFF or EXIF orientation 1 ... 8 asks."""
    if orientation in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return values
