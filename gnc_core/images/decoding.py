"""From the bytes of an image file to float32 values, or to one sentence about why not.

`images.read_image` is the function to call; this file knows what the formats get wrong: files that
claim to be huge, transparent pixels, sixteen bits a channel, and arrays that are not pictures.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import tifffile
from PIL import Image, ImageOps

from gnc_core.errors import InputError

MAX_PIXELS = 16_000_000
MAX_BYTES = 16 * MAX_PIXELS + 2**20
"""Four float32 or four double-size channels a pixel, and a header: no valid file is larger."""

_LARGEST_VALUE = 50.0
"""Beyond this a float image is surely in 0 ... 255: 1 is white, noise stays within a few units."""

_LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of ITU-R 601-2, the ones of Pillow's convert("L")."""

# The two halves of a 16-bit PNG's values, as raw modes of Pillow, which keeps the high byte only:
# read as little-endian, the byte that it keeps is the low one. Grey with alpha is four bytes.
_DEEP_PNG = {"RGB;16B": "RGB;16L", "RGBA;16B": "RGBA;16L", "LA;16B": "RGBA"}


def decode(data: bytes, name: str, color: bool) -> np.ndarray:
    """The image in `data` as float32 (channels, H, W); `name` is what messages call it.

    One channel for grey files and, with `color=False`, for all; three for colour files otherwise.
    Integers of 8 or 16 bits are divided by 255 or 65535; floats are returned as they are.
    Raises `InputError` for everything that is not one opaque, finite, two-dimensional picture.
    """
    try:
        is_array = data.startswith(b"\x93NUMPY")
        values = check_values(load_npy(data, name), name) if is_array else _decode_picture(data, name, color)
    except InputError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):  # the warning, where it is made an error
        raise InputError(f"{name} is larger than 16 megapixels, the limit; crop it.") from None
    except Exception as error:  # on damaged bytes a decoder may raise anything
        raise InputError(f"{name} is damaged or cut off and cannot be decoded.") from error
    if values.ndim == 2:
        values = values[..., None]
    if values.shape[2] == 3 and not color:
        values = (values.astype(np.float64) @ _LUMA)[..., None]
    return np.array(values.transpose(2, 0, 1), dtype=np.float32, order="C")


def load_npy(data: bytes, name: str) -> np.ndarray:
    """The array of a .npy file, (H, W) or (H, W, 3); its header is checked before it is read."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise InputError(f"{name} is not a plain array of numbers; save a 2D float array.")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(stream)
    if dtype.hasobject or dtype.kind not in "fiub":
        raise InputError(f"{name} holds values of type {dtype}, not real numbers; save floats.")
    if not (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)):
        raise InputError(f"{name} has shape {tuple(shape)}; an image is (height, width) or (height, width, 3).")
    check_pixels(shape[1], shape[0], name)
    stream.seek(0)
    return np.load(stream, allow_pickle=False)


def check_values(values: np.ndarray, name: str) -> np.ndarray:
    """`values` themselves, if they can be brightness in units of the image range [0, 1]."""
    if values.dtype.kind != "f":
        raise InputError(
            f"{name} holds {values.dtype} values, whose range is unknown; "
            "save floats in [0, 1] (8-bit values divided by 255)."
        )
    if not np.isfinite(values).all():
        raise InputError(f"{name} contains NaN or infinite values; replace them first.")
    largest = float(np.abs(values).max())
    if largest > _LARGEST_VALUE:
        raise InputError(f"{name} reaches {largest:.4g}, but 1 is white; divide it by its range.")
    return values


def check_pixels(width: int, height: int, name: str) -> None:
    """Raises `InputError` for an empty image and for more than `MAX_PIXELS`."""
    if width < 1 or height < 1:
        raise InputError(f"{name} is empty ({width} x {height} pixels).")
    if width * height > MAX_PIXELS:
        raise InputError(
            f"{name} has {width} x {height} = {width * height / 1e6:.1f} megapixels; "
            "at most 16 are accepted, so crop or shrink it."
        )


def _decode_picture(data: bytes, name: str, color: bool) -> np.ndarray:
    """PNG, JPEG or TIFF -> (H, W) or (H, W, 3); 8-bit colour becomes grey by Pillow's own rule."""
    try:
        image: Any = Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "TIFF"])
    except Image.UnidentifiedImageError:
        known = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
        if data.startswith(known[2:]):  # some TIFFs are beyond Pillow, not beyond tifffile
            return _decode_tiff(data, name)
        state = "is a damaged image" if data.startswith(known) else "is not an image"
        raise InputError(f"{name} {state}; PNG, JPEG, TIFF and .npy can be read.") from None
    check_pixels(image.width, image.height, name)
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        raise InputError(f"{name} holds {image.n_frames} pages; save the one you mean by itself.")
    if image.format == "TIFF" and max(image.tag_v2.get(258, (1,))) > 8:
        white_is_zero = image.tag_v2.get(262) == 0
        if image.mode == "F":
            return check_values(np.asarray(ImageOps.exif_transpose(image)), name)
        if not image.mode.startswith("I;16") or white_is_zero:
            return _decode_tiff(data, name)
    raw_mode = image.tile[0][3] if image.format == "PNG" else None
    if raw_mode in _DEEP_PNG:
        return _decode_deep_png(data, image, name)
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):
        if "transparency" in image.info:
            raise _transparent(name)
        return np.asarray(ImageOps.exif_transpose(image)).astype(np.float32) / 65535
    if image.mode not in ("1", "L", "P", "LA", "PA", "RGB", "RGBA"):
        kind = "print colours (CMYK)" if image.mode == "CMYK" else f"Pillow's mode {image.mode}"
        raise InputError(f"{name} is in {kind}; convert it to grey or RGB first.")
    grey = image.mode in ("1", "L", "LA")
    if image.has_transparency_data:
        image = ImageOps.exif_transpose(image).convert("RGBA")
        if image.getchannel("A").getextrema()[0] != 255:
            raise _transparent(name)
    image = ImageOps.exif_transpose(image).convert("L" if grey or not color else "RGB")
    return np.asarray(image).astype(np.float32) / 255


def _decode_deep_png(data: bytes, high: Any, name: str) -> np.ndarray:
    """A PNG with 16 bits in several channels: decoded twice, once for each half of the values."""
    (codec, extents, offset, raw_mode) = high.tile[0]
    low: Any = Image.open(io.BytesIO(data), formats=["PNG"])
    low.tile = [type(low.tile[0])(codec, extents, offset, _DEEP_PNG[raw_mode])]
    if "transparency" in low.info:
        raise _transparent(name)
    low_bytes = np.asarray(ImageOps.exif_transpose(low)).astype(np.uint16)
    if raw_mode == "LA;16B":  # the four bytes of a pixel, in order
        values = 256 * low_bytes[..., 0::2] + low_bytes[..., 1::2]
    else:
        values = 256 * np.asarray(ImageOps.exif_transpose(high)).astype(np.uint16) + low_bytes
    return _opaque(values, name).astype(np.float32) / 65535


def _decode_tiff(data: bytes, name: str) -> np.ndarray:
    """A TIFF with more than 8 bits a channel, which Pillow would cut to 8, through tifffile."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        if len(file.pages) != 1:
            raise InputError(f"{name} holds {len(file.pages)} pages; save the one you mean.")
        page: Any = file.pages[0]
        check_pixels(page.imagewidth, page.imagelength, name)
        photometric = page.photometric.name
        if photometric not in ("MINISBLACK", "MINISWHITE", "RGB") or page.samplesperpixel > 4:
            raise InputError(f"{name} is a TIFF in {photometric}; convert it to grey or RGB first.")
        try:
            values = page.asarray()
        except ValueError as error:
            if "imagecodecs" not in str(error):
                raise
            raise InputError(
                f"{name} is a TIFF with {page.compression.name} compression and more than 8 bits "
                "a channel; save it uncompressed or with ZIP (deflate)."
            ) from error
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and page.samplesperpixel > 1:
            values = np.moveaxis(values, 0, -1)
        orientation = page.tags.valueof(274, default=1)
    if values.ndim == 2:
        values = values[..., None]
    if values.dtype.kind == "f":
        values = check_values(values, name)
        if values.shape[2] in (2, 4):
            raise InputError(f"{name} is a float TIFF with an extra channel; save it without.")
    elif values.dtype == np.uint16:
        values = _opaque(values, name).astype(np.float32) / 65535
        values = 1 - values if photometric == "MINISWHITE" else values
    else:
        raise InputError(f"{name} holds {values.dtype} values; save 8 or 16 bits, or floats.")
    return _upright(values, int(orientation))


def _opaque(values: np.ndarray, name: str) -> np.ndarray:
    """`values` (H, W, channels) without their alpha channel, if nothing is transparent."""
    channels = values.shape[2]
    if channels in (2, 4):
        if (values[..., -1] != 65535).any():
            raise _transparent(name)
        return values[..., :-1]
    return values


def _upright(values: np.ndarray, orientation: int) -> np.ndarray:
    """`values` (H, W, channels) turned as the TIFF or EXIF orientation 1 ... 8 asks."""
    if orientation in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return values


def _transparent(name: str) -> InputError:
    return InputError(f"{name} has transparent pixels; save it without transparency.")
