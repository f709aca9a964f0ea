"""PNG, JPEG, WebP, BMP, GIF and TIFFs of 8 bits, by Pillow, and what it gets wrong: files that claim to be huge, and 16 bits.

`decoding` and `writing` are the modules to call.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image

from gnc_core.errors import InputError

from .encoding import Encoding, Stored
from .limits import check_pixels, usable_dpi, usable_icc

_SCAN = re.compile(rb"\xff\xda\x00(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")  # a JPEG's start of a scan
_MAX_SCANS = 100  # a progressive JPEG has about ten; every one takes time for all pixels, even if it is empty
_MAX_EXIF = 2**20
_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"GIF8")
_PNG_HEADER = 33  # bytes up to the end of its first chunk
_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True, "exact": True},  # exact: colours below transparent pixels are kept
}


def decode(data: bytes, name: str) -> Stored | None:
    """The picture in `data`, of a GIF the first; None if Pillow does not know what it is.

    Raises `InputError` for what is too large, in print colours, or moves; on damaged bytes it may raise anything.
    """
    try:
        image: Any = Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF"])
    except Image.UnidentifiedImageError:
        if data.startswith(_MAGIC):
            raise InputError(f"{name} is a damaged image and cannot be decoded.") from None
        return None
    check_pixels(image.width, image.height, name)
    if image.format not in ("MPO", "GIF") and getattr(image, "n_frames", 1) > 1:
        raise InputError(f"{name} holds {image.n_frames} pages; save the one you mean by itself.")
    if len(image.info.get("exif", b"")) > _MAX_EXIF:
        raise InputError(f"{name} has more than a megabyte of EXIF data; save it without.")
    if image.format in ("JPEG", "MPO") and sum(1 for _ in _SCAN.finditer(data)) > _MAX_SCANS:
        raise InputError(f"{name} has more than {_MAX_SCANS} scans, so it would take minutes to decode; save it again.")
    if image.format == "BMP" and image.tile[0][0] == "bmp_rle":  # its jumps may ask for any amount of memory
        raise InputError(f"{name} is a BMP with run-length compression, which is not read; save it as PNG.")
    if image.format == "PNG" and data[24] == 16:  # bits a channel, of which Pillow keeps eight
        return _stored(image, imagecodecs.png_decode(data), 16)
    if image.mode not in ("1", "L", "P", "LA", "PA", "RGB", "RGBA"):
        kind = "print colours (CMYK)" if image.mode == "CMYK" else f"Pillow's mode {image.mode}"
        raise InputError(f"{name} is in {kind}; convert it to grey or RGB first.")
    image.load()
    kind = ("L" if image.mode in ("1", "L", "LA") else "RGB") + "A" * image.has_transparency_data
    return _stored(image, np.asarray(image if image.mode == kind else image.convert(kind)), 8)


def _stored(image: Any, values: np.ndarray, bits: int) -> Stored:
    orientation = int(image.getexif().get(0x0112, 1))
    dpi, icc = usable_dpi(image.info.get("dpi")), usable_icc(image.info.get("icc_profile"))
    return Stored(values, bits, 2**bits - 1, orientation, dpi, icc)


def encode(values: np.ndarray, encoding: Encoding, kind: str) -> bytes:
    """A file of Pillow's format `kind` with `values`, (H, W) or (H, W, 2 to 4), and with resolution and profile of `encoding`.

    Values of 16 bits become a PNG, whatever `kind` is.
    """
    dpi, icc = encoding.dpi, encoding.icc
    if values.dtype == np.uint16:
        data = bytes(imagecodecs.png_encode(np.ascontiguousarray(values)))
        chunks = b"" if icc is None else _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(icc))
        if dpi is not None:
            across, down = (round(value / 0.0254) for value in dpi)  # pixels a metre
            chunks += _chunk(b"pHYs", struct.pack(">IIB", across, down, 1))
        return data[:_PNG_HEADER] + chunks + data[_PNG_HEADER:]
    options = dict(_OPTIONS.get(kind, {}))
    if dpi is not None and (kind != "JPEG" or all(1 <= round(value) <= 65535 for value in dpi)):
        options["dpi"] = tuple(map(round, dpi)) if kind == "JPEG" else dpi
    if icc is not None:
        options["icc_profile"] = icc
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, kind, **options)
    return buffer.getvalue()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
