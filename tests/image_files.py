"""Image files for tests, some of a kind that no library writes."""

import io
import struct
import zlib

import numpy as np
import tifffile
from PIL import Image

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (12, 17), dtype=np.uint8)
COLOR = RNG.integers(0, 256, (12, 17, 3), dtype=np.uint8)
GREY16 = RNG.integers(0, 65536, (12, 17), dtype=np.uint16)
COLOR16 = RNG.integers(0, 65536, (12, 17, 3), dtype=np.uint16)


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def png(array: np.ndarray, color_type: int, extra: bytes = b"", size=None) -> bytes:
    """A PNG written by hand, for kinds that Pillow reads but does not write."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width = size or array.shape[:2]
    depth = 8 * array.dtype.itemsize
    big_endian = array.astype(array.dtype.newbyteorder(">"))
    rows = b"".join(b"\0" + row.tobytes() for row in big_endian)
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
    parts = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + parts + chunk(b"IEND", b"")


def tiff(array: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, **options)
    return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


NUMBERS = {1: "B", 3: "H", 4: "I", 16: "Q"}


def handmade_tiff(
    tags: dict[int, tuple[int, object]], data: bytes = b"", big: bool = False, next_page: int = 0
) -> bytes:
    """A TIFF with these tags, {code: (type, number, or numbers, or a count and an offset as a dict)}; `data` is at byte 16."""
    wide, field = ("Q", 8) if big else ("I", 4)
    body = data + bytes(-len(data) % 8)
    directory = 16 + len(body)
    outside = directory + (8 if big else 2) + len(tags) * (20 if big else 12) + field
    entries, values = b"", b""
    for code, (kind, value) in sorted(tags.items()):
        if isinstance(value, dict):
            count, packed = value["count"], struct.pack("<" + wide, value["offset"])
        else:
            numbers = np.atleast_1d(np.asarray(value))
            count, packed = len(numbers), numbers.astype("<" + NUMBERS[kind]).tobytes()
        if len(packed) > field:
            where = struct.pack("<" + wide, outside + len(values))
            values, packed = values + packed + bytes(-len(packed) % 8), where
        entries += struct.pack("<HH" + wide, code, kind, count) + packed.ljust(field, b"\0")
    head = struct.pack("<2sHHHQ", b"II", 43, 8, 0, directory) if big else struct.pack("<2sHI8x", b"II", 42, directory)
    count = struct.pack("<Q" if big else "<H", len(tags))
    return head + body + count + entries + struct.pack("<" + wide, next_page) + values


def picture(width=64, height=64, bits=8, compression=8, **more) -> dict[int, tuple[int, object]]:
    """The tags that every TIFF has."""
    return {
        256: (4, width),
        257: (4, height),
        258: (3, bits),
        259: (3, compression),
        262: (3, 1),
        277: (3, 1),
    } | {int(code[1:]): value for code, value in more.items()}
