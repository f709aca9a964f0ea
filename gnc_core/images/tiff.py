"""TIFF: what its header promises, checked before anything is decoded; stacks, and pictures of more than 8 bits a channel.

`decoding` and `writing` are the modules to call. The header is read here, in a few lines and without unpacking more than is
needed, because libraries that read it hold every number of every tag as an object first.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tifffile

from gnc_core.errors import InputError

from .encoding import Encoding, Stored
from .limits import MAX_BYTES, MAX_STACK_PIXELS, check_pixels, usable_dpi, usable_icc

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

_PREMULTIPLIED = 1  # an extra channel is opacity, and colours are multiplied by it

# None, LZW, ZIP (two numbers), PackBits, LZMA, Zstandard: their decoders stop at the size that they are told.
_BOUNDED = (1, 5, 8, 32946, 32773, 34925, 50000)


@dataclass(frozen=True)
class Header:
    """bits: the most in a channel. compression: the number in its tag."""

    bits: int
    compression: int


def read_headers(data: bytes, name: str, pages: bool = False) -> list[Header]:
    """What a TIFF holds, if that is one picture within the limits, or all its `pages`; nothing is decoded.

    Raises `InputError` for several pages that are not asked for, a volume, more than four channels, or more pixels than are
    accepted in an image, in all of them, in a tile, or in the values of a tag. On damaged bytes it may raise anything.
    """
    order, big = "<" if data.startswith(b"II") else ">", 43 in data[2:4]
    (at,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    seen, headers, pixels = set[int](), list[Header](), 0
    while at or not seen:
        seen.add(at)
        tags, at = _directory(data, at, order, big, name)
        width, length = _number(tags, _WIDTH, 0), _number(tags, _LENGTH, 0)
        check_pixels(width, length, name)
        pixels += width * length
        if at and not pages:
            raise InputError(
                f"{name} holds several pages; save the one you mean by itself, or `restore` all by --pages."
            )
        if at in seen:
            raise InputError(f"{name} is damaged: its pages go round in a circle.")
        if pixels > MAX_STACK_PIXELS:
            raise InputError(
                f"{name} has pages of more than {MAX_STACK_PIXELS / 1e6:.0f} megapixels together; split it."
            )
        headers.append(_header(data, tags, order, big, name))
    return headers


def _header(data: bytes, tags: dict[int, np.ndarray], order: str, big: bool, name: str) -> Header:
    """What the tags of one page promise, if that is within the limits."""
    width, length, depth = _number(tags, _WIDTH, 0), _number(tags, _LENGTH, 0), _number(tags, _DEPTH, 1)
    if max(depth, _number(tags, _TILE_DEPTH, 1)) > 1:
        raise InputError(f"{name} is a volume of depth {depth}; save the slice you mean by itself.")
    samples = _number(tags, _SAMPLES, 1)
    if samples > 4:
        raise InputError(f"{name} has {samples} channels; save it in grey or RGB.")
    tile_width, tile_length = _number(tags, _TILE_WIDTH, 1), _number(tags, _TILE_LENGTH, 1)
    if tile_width * tile_length > max(_SMALL_TILES, 2 * width * length):
        raise InputError(
            f"{name} is cut into tiles of {tile_width} x {tile_length} pixels, far larger than its {width} x {length}; "
            "save it without tiles."
        )
    if any(tags[code].sum(dtype=np.float64) > MAX_BYTES for code in (_STRIP_BYTES, _TILE_BYTES) if code in tags):
        raise InputError(f"{name} is damaged: it claims more data than an image of at most 16 megapixels has.")
    for code in (_EXIF, _GPS):
        if code in tags:
            _directory(data, _number(tags, code, 0), order, big, name)
    return Header(_number(tags, _BITS, 1), _number(tags, _COMPRESSION, 1))


def _number(tags: dict[int, np.ndarray], code: int, default: int) -> int:
    return int(tags[code].max()) if code in tags else default


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


def decode(data: bytes, headers: Sequence[Header], name: str) -> list[Stored]:
    """The pages that the headers tell of, as they are stored.

    Raises `InputError` for what is neither grey nor RGB of at most 16 bits or floats.
    """
    with tifffile.TiffFile(io.BytesIO(data), is_lsm=False, is_ndpi=False) as file:
        return [_page(file.pages[index], header, name) for index, header in enumerate(headers)]


def _page(page: Any, header: Header, name: str) -> Stored:
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
    white = 0 if floats else 2**bits - 1
    colors = 1 if samples < 3 else 3
    if photometric == "MINISWHITE" or _PREMULTIPLIED in page.extrasamples:
        values = values.copy()
    if photometric == "MINISWHITE" and white:
        values[..., :colors] = white - values[..., :colors]
    if _PREMULTIPLIED in page.extrasamples and samples > colors:
        opacity = np.maximum(values[..., colors:], 1) / white
        values[..., :colors] = np.rint(np.minimum(values[..., :colors] / opacity, white))
    tags = page.tags
    return Stored(
        values,
        0 if floats else max(8, bits),
        white,
        int(tags.valueof(274, default=1)),
        _dpi(tags),
        usable_icc(page.iccprofile),
    )


def _dpi(tags: Any) -> tuple[float, float] | None:
    """Pixels an inch, if the file says how large a pixel is: two fractions and a unit, inches or centimetres."""
    inch = {2: 1.0, 3: 2.54}.get(tags.valueof(296, default=2))
    try:
        across, down = (tags.valueof(code) for code in (282, 283))
        return usable_dpi((inch * across[0] / across[1], inch * down[0] / down[1]))
    except (TypeError, IndexError, ZeroDivisionError):  # a tag is missing, or holds something else
        return None


def encode(pages: Sequence[tuple[np.ndarray, Encoding]]) -> bytes:
    """A TIFF with one page for each array, (H, W) or (H, W, 2 to 4) of 8 or 16 bits or floats; without compression."""
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        for values, encoding in pages:
            channels = 1 if values.ndim == 2 else values.shape[2]
            resolution: Any = {} if encoding.dpi is None else {"resolution": encoding.dpi, "resolutionunit": "INCH"}
            file.write(
                values,
                photometric="rgb" if channels > 2 else "minisblack",
                planarconfig="contig" if channels > 1 else None,
                extrasamples=["unassalpha"] if channels in (2, 4) else None,
                bitspersample=encoding.bits if 8 < encoding.bits < 16 else None,  # packed tightly
                iccprofile=encoding.icc,
                metadata=None,
                software=False,
                **resolution,
            )
    return buffer.getvalue()
