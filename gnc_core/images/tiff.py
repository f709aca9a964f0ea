"""TIFF: what its header promises, checked before anything is decoded, and pictures of more than 8 bits a channel.

`decoding` is the module to call. The header is read here, in a few lines and without unpacking more than is needed, because
libraries that read it hold every number of every tag as an object first.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import tifffile

from gnc_core.errors import InputError

from .limits import MAX_BYTES, check_pixels

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_MAX_VALUES = 2**18
"""Numbers in one tag: the offsets of 16 x 16 tiles of four separate channels of the largest image are no more."""

_SMALL_TILES = 2**22
"""Pixels of a tile that may be larger than the image which it holds."""

_BYTES = (1, 2, 6, 7)  # types of a tag's values that are kept as they are, and not unpacked
_NUMBERS = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8"}

_WIDTH, _LENGTH, _BITS, _COMPRESSION, _SAMPLES, _DEPTH = 256, 257, 258, 259, 277, 32997
_STRIP_BYTES, _TILE_WIDTH, _TILE_LENGTH, _TILE_BYTES, _TILE_DEPTH = 279, 322, 323, 325, 32998
_EXIF, _GPS = 34665, 34853
_LISTS = {_BITS, _STRIP_BYTES, _TILE_BYTES}  # of more than one number
_SINGLE = {_WIDTH, _LENGTH, _COMPRESSION, _SAMPLES, _DEPTH, _TILE_WIDTH, _TILE_LENGTH, _TILE_DEPTH, _EXIF, _GPS}

# None, LZW, ZIP (two numbers), PackBits, LZMA, Zstandard: their decoders stop at the size that they are told.
_BOUNDED = (1, 5, 8, 32946, 32773, 34925, 50000)


@dataclass(frozen=True)
class Header:
    """bits: the most in a channel. compression: the number in its tag."""

    bits: int
    compression: int


def read_header(data: bytes, name: str) -> Header:
    """What a TIFF holds, if that is one picture within the limits; nothing is decoded.

    Raises `InputError` for several pages, a volume, more than four channels, or more pixels than are accepted in the image, in
    a tile, or in the values of a tag. On damaged bytes it may raise anything.
    """
    order, big = "<" if data.startswith(b"II") else ">", 43 in data[2:4]
    (start,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    tags, another = _directory(data, start, order, big, name)

    def number(code: int, default: int) -> int:
        return int(tags[code].max()) if code in tags else default

    width, length = number(_WIDTH, 0), number(_LENGTH, 0)
    check_pixels(width, length, name)
    if another:
        raise InputError(f"{name} holds several pages; save the one you mean by itself.")
    if max(number(_DEPTH, 1), number(_TILE_DEPTH, 1)) > 1:
        raise InputError(f"{name} is a volume of depth {number(_DEPTH, 1)}; save the slice you mean by itself.")
    if number(_SAMPLES, 1) > 4:
        raise InputError(f"{name} has {number(_SAMPLES, 1)} channels; save it in grey or RGB.")
    tile_width, tile_length = number(_TILE_WIDTH, 1), number(_TILE_LENGTH, 1)
    if tile_width * tile_length > max(_SMALL_TILES, 2 * width * length):
        raise InputError(
            f"{name} is cut into tiles of {tile_width} x {tile_length} pixels, far larger than its {width} x {length}; "
            "save it without tiles."
        )
    if any(tags[code].sum(dtype=np.float64) > MAX_BYTES for code in (_STRIP_BYTES, _TILE_BYTES) if code in tags):
        raise InputError(f"{name} is damaged: it claims more data than an image of at most 16 megapixels has.")
    for code in (_EXIF, _GPS):
        if code in tags:
            _directory(data, number(code, 0), order, big, name)
    return Header(number(_BITS, 1), number(_COMPRESSION, 1))


def _directory(data: bytes, at: int, order: str, big: bool, name: str) -> tuple[dict[int, np.ndarray], int]:
    """The numbers behind the tags named above in the directory at `at`, and where the next directory is (0: there is none)."""
    wide, entry, field = ("Q", 20, 8) if big else ("I", 12, 4)
    (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, at)
    if count > 4096:
        raise InputError(f"{name} is damaged: it claims {count} tags.")
    at += 8 if big else 2
    tags: dict[int, np.ndarray] = {}
    for _ in range(count):
        code, kind, length = struct.unpack_from(f"{order}HH{wide}", data, at)
        at += entry
        if length > _MAX_VALUES and kind not in _BYTES:
            raise InputError(f"{name} is damaged: its tag {code} claims {length} values.")
        if code not in _LISTS | _SINGLE or not length:
            continue
        if code in tags or kind not in _NUMBERS or (length > 1 and code in _SINGLE):  # libraries disagree about these
            raise InputError(f"{name} is damaged: its tag {code} is not what the format asks for.")
        dtype = np.dtype(order + _NUMBERS[kind])
        where = at - field
        if length * dtype.itemsize > field:
            (where,) = struct.unpack_from(order + wide, data, where)
        tags[code] = np.frombuffer(data, dtype, length, where)
    return tags, struct.unpack_from(order + wide, data, at)[0] if at + field <= len(data) else 0


def decode(data: bytes, header: Header, name: str) -> tuple[np.ndarray, int, int]:
    """Pixels (H, W, channels) as they are stored, what white is (0 for floats, where it is 1), and the orientation 1 ... 8.

    Raises `InputError` for what is neither grey nor RGB of at most 16 bits or floats.
    """
    with tifffile.TiffFile(io.BytesIO(data), is_lsm=False, is_ndpi=False) as file:
        page: Any = file.pages[0]
        photometric, samples, bits = page.photometric.name, page.samplesperpixel, page.bitspersample
        if header.compression not in _BOUNDED:
            raise InputError(
                f"{name} is a TIFF of {header.bits} bits with {page.compression.name} compression, which is not read; "
                "save it uncompressed or with ZIP (deflate)."
            )
        if photometric not in ("MINISBLACK", "MINISWHITE", "RGB"):
            raise InputError(f"{name} is a TIFF in {photometric}; convert it to grey or RGB first.")
        floats = page.dtype is not None and page.dtype.kind == "f"
        if (not floats and page.dtype not in (np.uint8, np.uint16)) or not isinstance(bits, int):
            raise InputError(f"{name} holds {page.dtype} values; save 8 or 16 bits, or floats.")
        if floats and samples in (2, 4):
            raise InputError(f"{name} is a float TIFF with an extra channel; save it without.")
        if not all(page.databytecounts):
            raise InputError(f"{name} is damaged: some of its pixels are not in the file.")
        values = page.asarray(squeeze=False, maxworkers=1)[:, 0]  # (planes, H, W, channels)
        values = np.moveaxis(values[..., 0], 0, -1) if len(values) > 1 else values[0]
        orientation = page.tags.valueof(274, default=1)
    white = 0 if floats else 2**bits - 1
    if photometric == "MINISWHITE" and white:
        values = white - values
    return values, white, int(orientation)
