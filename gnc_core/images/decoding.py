"""From the bytes of an image file to float32 values, or to one sentence about why not.

`images.read_image` is the function to call; this file knows what the formats get wrong: files that
claim to be huge, transparent pixels, sixteen bits a channel, and arrays that are not pictures.
"""

from __future__ import annotations

import io
import zlib
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

_MOST_SAMPLES = 8
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of ITU-R 601-2, the ones of Pillow's convert("L")."""

# The two halves of a 16-bit PNG's values, as raw modes of Pillow, which keeps the high byte only:
# read as little-endian, the byte that it keeps is the low one. Grey with alpha is four bytes.
_DEEP_PNG = {"RGB;16B": "RGB;16L", "RGBA;16B": "RGBA;16L", "LA;16B": "RGBA"}


def decode(data: bytes, name: str, color: bool, gaps: bool = False) -> np.ndarray:
    """The image in `data` as float32 (channels, H, W); `name` is what messages call it. gaps: an array may hold NaN.

    One channel for grey files and, with `color=False`, for all; three for colour files otherwise.
    Integers of 8 or 16 bits are divided by 255 or 65535; floats are returned as they are.
    Raises `InputError` for everything that is not one opaque, finite, two-dimensional picture.
    """
    try:
        is_array = data.startswith(b"\x93NUMPY")
        values = check_values(load_npy(data, name), name, gaps) if is_array else _decode_picture(data, name, color)
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


def load_npy(data: bytes, name: str, mask: bool = False) -> np.ndarray:
    """The array of a .npy file, (H, W) or (H, W, 3), of a `mask` (H, W), (H, W, 1) or (1, H, W) as (H, W); its header is
    checked before it is read."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise InputError(f"{name} is not a plain array of numbers; save a 2D float array.")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(stream)
    if dtype.hasobject or dtype.kind not in "fiub":
        raise InputError(f"{name} holds values of type {dtype}, not real numbers; save floats.")
    if mask:
        single = [place for place in (2, 0) if len(shape) == 3 and shape[place] == 1]
        size = tuple(n for place, n in enumerate(shape) if place not in single[:1])
        if len(size) != 2:
            raise InputError(f"{name} has shape {tuple(shape)}; a mask is (height, width).")
        check_pixels(size[1], size[0], name)
        stream.seek(0)
        return np.load(stream, allow_pickle=False).reshape(size)
    if not (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)):
        raise InputError(f"{name} has shape {tuple(shape)}; an image is (height, width) or (height, width, 3).")
    check_pixels(shape[1], shape[0], name)
    stream.seek(0)
    return np.load(stream, allow_pickle=False)


def decode_mask(data: bytes, name: str) -> np.ndarray:
    """The mask in `data` as bool (H, W), True where a pixel is observed.

    Arrays: bool, floats and integers, (H, W), (H, W, 1) or (1, H, W). Pictures with transparency: opaque is observed; others:
    white is. Two values, such as 0 and 1 or 0 and 255, stand for themselves; others are cut at half of white.
    """
    if data.startswith(b"\x93NUMPY"):
        try:
            values = load_npy(data, name, mask=True)
        except InputError:
            raise
        except Exception as error:  # damaged bytes
            raise InputError(f"{name} is damaged or cut off and cannot be decoded.") from error
        white = 1.0 if values.dtype.kind in "fb" else float(np.iinfo(values.dtype).max)
    else:
        alpha, white = _alpha(data), 1.0
        values = decode(data, name, color=False)[0] if alpha is None else alpha
    if not np.isfinite(values).all():
        raise InputError(f"{name} contains NaN or infinite values; a mask is 0 and 1, or black and white.")
    levels = np.unique(values)
    if len(levels) <= 2 and levels[0] == 0:
        return values > 0
    if values.dtype.kind in "iu":
        raise InputError(f"{name} holds other integers than two; a mask is 0 and 1, or 0 and 255.")
    return values >= white / 2


def _alpha(data: bytes) -> np.ndarray | None:
    """The opacity of a picture that has transparent pixels, in [0, 1]; None for any other."""
    try:
        image: Any = Image.open(io.BytesIO(data), formats=["PNG", "TIFF"])
        if image.width * image.height > MAX_PIXELS or not image.has_transparency_data:
            return None
        alpha = np.asarray(ImageOps.exif_transpose(image).convert("RGBA").getchannel("A")) / 255
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):  # `decode` says what is wrong
        return None
    return alpha if alpha.min() < 1 else None


def check_values(values: np.ndarray, name: str, gaps: bool = False) -> np.ndarray:
    """`values` themselves, if they can be brightness in units of the image range [0, 1]; with `gaps`, some may be NaN."""
    if values.dtype.kind != "f":
        raise InputError(
            f"{name} holds {values.dtype} values, whose range is unknown; "
            "save floats in [0, 1] (8-bit values divided by 255)."
        )
    finite = np.isfinite(values) | (np.isnan(values) if gaps else False)
    if not finite.all():
        raise InputError(f"{name} contains NaN or infinite values; replace them first.")
    largest = float(np.nanmax(np.abs(values), initial=0))
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
    if data.startswith(_TIFF):
        _check_tiff(data, name)
    try:
        image: Any = Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "TIFF"])
    except Image.UnidentifiedImageError:
        known = (b"\x89PNG", b"\xff\xd8\xff", *_TIFF)
        if data.startswith(_TIFF):  # some TIFFs are beyond Pillow, not beyond tifffile
            return _decode_tiff(data, name)
        state = "is a damaged image" if data.startswith(known) else "is not an image"
        raise InputError(f"{name} {state}; PNG, JPEG, TIFF and .npy can be read.") from None
    check_pixels(image.width, image.height, name)
    if image.format == "PNG" and getattr(image, "n_frames", 1) > 1:
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


def _check_tiff(data: bytes, name: str) -> None:
    """Raises `InputError` for what a decoder would have to allocate too much for: by the header, and for compressed data by
    unpacking no more than the header promises."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page: Any = file.pages[0]
        try:
            file.pages[1]
        except IndexError:
            pass
        else:
            raise InputError(f"{name} holds several pages; save the one you mean by itself.")
        check_pixels(page.imagewidth, page.imagelength, name)
        if page.imagedepth > 1 or page.tiledepth > 1:
            raise InputError(f"{name} is a volume of {page.imagedepth} slices; save the one you mean by itself.")
        if page.samplesperpixel > _MOST_SAMPLES or page.bitspersample > 64:
            raise InputError(
                f"{name} has {page.samplesperpixel} samples a pixel of {page.bitspersample} bits; at most "
                f"{_MOST_SAMPLES} of 64 are accepted, so convert it to grey or RGB first."
            )
        if page.is_tiled and page.tilewidth * page.tilelength > MAX_PIXELS:
            raise InputError(f"{name} has tiles of {page.tilewidth} x {page.tilelength} pixels, too many to unpack.")
        rows, columns = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)
        together = page.samplesperpixel if page.planarconfig == tifffile.PLANARCONFIG.CONTIG else 1
        promised = (
            min(rows, page.imagelength if not page.is_tiled else rows) * columns * together * page.bitspersample // 8
        )
        if page.compression in (8, 32946):  # deflate
            for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
                unpacked = zlib.decompressobj().decompress(data[offset : offset + count], promised + 4096)
                if len(unpacked) > promised + 4095:
                    raise InputError(f"{name} is damaged: its parts are larger than it says.")


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
