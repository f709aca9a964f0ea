"""From the bytes of an image file to float32 values, or to one sentence about why not.

`images.read_image` and `images.read_mask` are the functions to call; this file knows what the formats get wrong: files that
claim to be huge, transparent pixels, sixteen bits a channel, and arrays that are not pictures. Limits are asked before
anything is decoded.
"""

from __future__ import annotations

import io
import re
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
from PIL import Image

from gnc_core.errors import InputError

from . import tiff
from .limits import check_pixels

_LARGEST_VALUE = 50.0
"""Beyond this a float image is surely in 0 ... 255: 1 is white, noise stays within a few units."""

_LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of ITU-R 601-2, the ones of Pillow's convert("L")."""

_SCAN = re.compile(rb"\xff\xda\x00(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")  # a JPEG's start of a scan
_MAX_SCANS = 100  # a progressive JPEG has about ten; every one takes time for all pixels, even if it is empty
_MAX_EXIF = 2**20


class _Pixels(NamedTuple):
    """values: (H, W) or (H, W, 3), as they are stored. alpha: (H, W), or None if every pixel is opaque. white: the integer
    that white is, or 0 if the file does not say."""

    values: np.ndarray
    alpha: np.ndarray | None
    white: int


def decode(data: bytes, name: str, color: bool, gaps: bool = False) -> np.ndarray:
    """The image in `data` as float32 (channels, H, W); `name` is what messages call it.

    One channel for grey files and, with `color=False`, for all; three for colour files otherwise.
    Integers of n bits are divided by 2^n - 1; floats are returned as they are. With `gaps=True`, pixels may be marked as
    missing, by NaN in any channel or as more than half transparent: they are NaN in all channels.
    Raises `InputError` for everything that is not one opaque, finite, two-dimensional picture.
    """
    values, alpha, white = _load(data, name)
    if not white:
        check_values(values, name, gaps)
    if alpha is not None and not gaps:
        raise InputError(f"{name} has transparent pixels; save it without transparency.")
    if not color:
        values = _grey(values)
    result = np.array(values if values.ndim == 2 else values.transpose(2, 0, 1), dtype=np.float32, order="C", ndmin=3)
    if white:
        result /= white
    if gaps:
        gone = np.isnan(result).any(0) if alpha is None else alpha < white / 2
        result[:, gone] = np.nan
    return result


def decode_mask(data: bytes, name: str) -> np.ndarray:
    """The mask in `data` as bool (H, W), True where a pixel is observed.

    If pixels are transparent, those more than half so are missing. Otherwise, of two values the larger one is observed,
    and more values are cut at half of white: the format's, or else the first of 1, 255 and 65535 that none exceeds.
    Raises `InputError` as `decode`, and for values beyond these.
    """
    values, alpha, white = _load(data, name)
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


def check_values(values: np.ndarray, name: str, gaps: bool = False) -> np.ndarray:
    """`values` themselves, if they can be brightness in units of the image range [0, 1]; with `gaps`, some may be NaN."""
    if values.dtype.kind != "f":
        raise InputError(
            f"{name} holds {values.dtype} values, whose range is unknown; "
            "save floats in [0, 1] (8-bit values divided by 255)."
        )
    low, high = (float(extreme.reduce(values, None)) for extreme in (np.fmin, np.fmax))  # of all that is not NaN
    if np.isinf([low, high]).any() or (not gaps and np.isnan(values.min())):
        kind = "infinite" if gaps else "NaN or infinite"
        raise InputError(f"{name} contains {kind} values; replace them first.")
    largest = max(high, -low)
    if largest > _LARGEST_VALUE:
        raise InputError(f"{name} reaches {largest:.4g}, but 1 is white; divide it by its range.")
    return values


def _load(data: bytes, name: str) -> _Pixels:
    """Whatever file it is: its pixels, upright."""
    try:
        if data.startswith(b"\x93NUMPY"):
            return _Pixels(_load_npy(data, name), None, 0)
        values, white, orientation = _decode_picture(data, name)
        values, alpha = _upright(values, orientation), None
        if values.shape[2] in (2, 4):
            values, alpha = values[..., :-1], values[..., -1]
            if alpha.min() == white:
                alpha = None
        return _Pixels(values[..., 0] if values.shape[2] == 1 else values, alpha, white)
    except InputError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):  # the warning, where it is made an error
        raise InputError(f"{name} is larger than 16 megapixels, the limit; crop it.") from None
    except Exception as error:  # on damaged bytes a decoder may raise anything
        raise InputError(f"{name} is damaged or cut off and cannot be decoded.") from error


def _load_npy(data: bytes, name: str) -> np.ndarray:
    """The array of a .npy file, (H, W) or (H, W, 3), as a view of `data`; its header is checked before it is read.

    Of (1, H, W), (H, W, 1) and the like, the axes of length one are dropped.
    """
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise InputError(f"{name} is not a plain array of numbers; save a 2D float array.")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    stored, by_columns, dtype = read_header(stream)
    if dtype.hasobject or dtype.kind not in "fiub":
        raise InputError(f"{name} holds values of type {dtype}, not real numbers; save floats.")
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


def _decode_picture(data: bytes, name: str) -> tuple[np.ndarray, int, int]:
    """PNG, JPEG or TIFF: pixels (H, W, channels) with alpha last, what white is, and the orientation 1 ... 8."""
    header = tiff.read_header(data, name) if data.startswith(tiff.MAGIC) else None
    if header and header.bits > 8:  # Pillow would cut them to 8
        return tiff.decode(data, header, name)
    try:
        image: Any = Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "TIFF"])
    except Image.UnidentifiedImageError:
        if header:  # some TIFFs are beyond Pillow, not beyond tifffile
            return tiff.decode(data, header, name)
        state = "is a damaged image" if data.startswith((b"\x89PNG", b"\xff\xd8\xff")) else "is not an image"
        raise InputError(f"{name} {state}; PNG, JPEG, TIFF and .npy can be read.") from None
    check_pixels(image.width, image.height, name)
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        raise InputError(f"{name} holds {image.n_frames} pages; save the one you mean by itself.")
    if len(image.info.get("exif", b"")) > _MAX_EXIF:
        raise InputError(f"{name} has more than a megabyte of EXIF data; save it without.")
    if image.format in ("JPEG", "MPO") and sum(1 for _ in _SCAN.finditer(data)) > _MAX_SCANS:
        raise InputError(f"{name} has more than {_MAX_SCANS} scans, so it would take minutes to decode; save it again.")
    if image.format == "PNG" and data[24] == 16:  # bits a channel, of which Pillow keeps eight
        values = imagecodecs.png_decode(data)
        return (values if values.ndim == 3 else values[..., None]), 65535, _orientation(image)
    if image.mode not in ("1", "L", "P", "LA", "PA", "RGB", "RGBA"):
        kind = "print colours (CMYK)" if image.mode == "CMYK" else f"Pillow's mode {image.mode}"
        raise InputError(f"{name} is in {kind}; convert it to grey or RGB first.")
    image.load()
    kind = ("L" if image.mode in ("1", "L", "LA") else "RGB") + "A" * image.has_transparency_data
    values = np.asarray(image if image.mode == kind else image.convert(kind))
    return (values if values.ndim == 3 else values[..., None]), 255, _orientation(image)


def _orientation(image: Any) -> int:
    return int(image.getexif().get(0x0112, 1))


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
