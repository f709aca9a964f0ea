"""Files that promise more than they hold: each is refused in a sentence, before memory is taken for it."""

import json
import shlex
import struct
import subprocess
import sys
import zlib
from functools import cache

import numpy as np
import pytest
from image_files import GREY, encoded, handmade_tiff, npy, picture, png, tiff
from PIL import Image

MEGABYTES = 40  # what refusing a file may take beyond a small image of its kind, its own bytes included


def strip(data: bytes) -> dict[str, tuple[int, object]]:
    return {"t273": (4, 16), "t278": (4, 64), "t279": (4, len(data))}


@cache
def zeros(count: int) -> bytes:
    """Many zeros, in a thousandth of their bytes."""
    packer = zlib.compressobj(9)
    million = bytes(2**20)
    return b"".join([packer.compress(million) for _ in range(count // 2**20)] + [packer.flush()])


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def volume() -> bytes:
    tile = zlib.compress(bytes(2 * 512 * 512))
    places = {"t322": (3, 512), "t323": (3, 512), "t32997": (4, 20), "t32998": (4, 1)}
    listed = {"t324": (4, [16] * 1280), "t325": (4, [len(tile)] * 1280)}
    return handmade_tiff(picture(4000, 4000, bits=16, **places, **listed), tile)


def tiles(width: int, height: int) -> bytes:
    data = zeros(2**27)
    places = {"t322": (4, width), "t323": (4, height), "t324": (4, 16), "t325": (4, len(data))}
    return handmade_tiff(picture(**places), data)


def large_strip(bits: int, **more) -> bytes:
    data = zeros(2**27)
    return handmade_tiff(picture(bits=bits, **strip(data), **more), data)


def jpeg(scans: int = 0, size: tuple[int, int] | None = None) -> bytes:
    """A progressive JPEG with so many more empty scans, or one that claims another size."""
    data = encoded(Image.fromarray(np.zeros((64, 64), np.uint8)), "JPEG", progressive=True)
    if size:
        start = data.index(b"\xff\xc2") + 5
        data = data[:start] + struct.pack(">HH", *size) + data[start + 4 :]
    first = data.index(b"\xff\xda")
    empty = b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x10\x00"
    return data[:first] + scans * empty + data[first:]


def gif(width: int, height: int, across: int, down: int) -> bytes:
    """A GIF of one size, with a picture that says to have another."""
    data = encoded(Image.new("L", (1, 1)), "GIF")
    place = data.index(b",\0\0\0\0")
    data = data[:6] + struct.pack("<HH", width, height) + data[10:]
    return data[: place + 5] + struct.pack("<HH", across, down) + data[place + 9 :]


def webp(width: int, height: int) -> bytes:
    """A small picture on a canvas that is not."""
    data = encoded(Image.new("RGBA", (16, 16), (1, 2, 3, 4)), "WEBP", lossless=True)
    body = data[12:]
    canvas = (
        b"VP8X" + struct.pack("<IB3x", 10, 16) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    )
    return b"RIFF" + struct.pack("<I", 4 + len(canvas) + len(body)) + b"WEBP" + canvas + body


def bmp(width: int, height: int, bits: int = 24, compression: int = 0) -> bytes:
    """The header of a BMP alone."""
    start = 54 + 1024 * (bits == 8)
    header = struct.pack("<2sIII", b"BM", start, 0, start)
    return header + struct.pack("<IiiHHIIIIII", 40, width, height, 1, bits, compression, 0, 0, 0, 0, 0)


SAMPLE = np.zeros((64, 64), np.uint8)
PNG = encoded(Image.fromarray(SAMPLE), "PNG")
AFTER_HEADER = 33  # where a PNG's first chunk after its header begins
LONG_DIRECTORY = struct.pack("<2sHIHHHII", b"II", 42, 8, 1, 274, 3, 2**21, 26) + bytes(2**22)

# What to write, and what the sentence says ("": it may also be read, as the image that it says it is).
BOMBS = {
    "volume": (volume, "volume of depth 20"),
    "depth in a BigTIFF": (lambda: handmade_tiff(picture(t32997=(16, 2**40)), big=True), "volume"),
    "huge tiles": (lambda: tiles(65536, 65536), "tiles of 65536 x 65536"),
    "long tiles": (lambda: tiles(2**31, 16), "tiles of 2147483648 x 16"),
    "channels": (lambda: handmade_tiff(picture(t277=(3, 60000), t284=(3, 2), **strip(b""))), "60000 channels"),
    "size in a BigTIFF": (lambda: handmade_tiff(picture(t256=(16, 2**63)), big=True), "megapixels"),
    "no size": (lambda: handmade_tiff({258: (3, 8)}), "empty"),
    "count of a tag": (lambda: handmade_tiff(picture(t273=(16, {"count": 2**60, "offset": 16})), big=True), "values"),
    "long tag": (lambda: handmade_tiff(picture(t273=(3, {"count": 2**22, "offset": 16})), bytes(2**23)), "values"),
    "long tag of fractions": (
        lambda: handmade_tiff(picture(t999=(5, {"count": 2**20, "offset": 16})), bytes(2**23)),
        "values",
    ),
    "long tag of a camera": (
        lambda: handmade_tiff(
            picture(t34665=(4, 16), **strip(b"")), struct.pack("<HHHII", 1, 999, 3, 2**22, 16) + bytes(2**23)
        ),
        "values",
    ),
    "many tags": (
        lambda: handmade_tiff(picture(), big=True).replace(struct.pack("<Q", 6), struct.pack("<Q", 2**50)),
        "tags",
    ),
    "a tag twice": (
        lambda: handmade_tiff(picture(t32997=(3, 1))).replace(struct.pack("<H", 32997), struct.pack("<H", 256)),
        "damaged",
    ),
    "tags that are missing": (lambda: handmade_tiff(picture())[:40], "damaged"),
    "shared strips": (
        lambda: handmade_tiff(
            picture(4000, 4000, t273=(4, [16] * 4000), t278=(4, 1), t279=(4, [2**20] * 4000)), bytes(2**20)
        ),
        "more data",
    ),
    "pages in a circle": (lambda: handmade_tiff(picture(**strip(b"")), next_page=16), "several pages"),
    "a strip of more than it says": (lambda: large_strip(8), ""),
    "a deep strip of more than it says": (lambda: large_strip(16), "damaged"),
    "an LZW strip of nothing": (
        lambda: handmade_tiff(picture(bits=16, compression=5, **strip(b"\x80\x0b")), b"\x80\x0b"),
        "damaged",
    ),
    "a strip that is not there": (lambda: handmade_tiff(picture(bits=16, **strip(b""))), "not in the file"),
    "32-bit integers": (lambda: tiff(np.zeros((4000, 4000), np.uint32), compression="zlib"), "uint32"),
    "float with alpha": (
        lambda: tiff(np.zeros((2000, 2000, 4)), photometric="rgb", extrasamples=["unassalpha"], compression="zlib"),
        "extra channel",
    ),
    "complex": (lambda: tiff(np.zeros((2000, 2000), complex), compression="zlib"), "complex128|64 bits|128"),
    "another compression": (lambda: tiff(np.zeros((64, 64), np.uint16), compression="jpegxl"), "JPEGXL"),
    "png": (lambda: png(np.zeros((1, 1), np.uint8), 0, size=(60000, 60000)), "megapixels"),
    "deep png": (lambda: png(np.zeros((1, 1), np.uint16), 2, size=(9000, 9000)), "81.0 megapixels"),
    "deep png that is cut": (lambda: png(np.zeros((1, 1), np.uint16), 2, size=(64, 64)), "damaged"),
    "png with long text": (
        lambda: PNG[:AFTER_HEADER] + chunk(b"zTXt", b"a\0\0" + zeros(2**27)) + PNG[AFTER_HEADER:],
        "damaged",
    ),
    "png with a long profile": (
        lambda: PNG[:AFTER_HEADER] + chunk(b"iCCP", b"a\0\0" + zeros(2**27)) + PNG[AFTER_HEADER:],
        "",
    ),
    "png with a long EXIF": (lambda: PNG[:AFTER_HEADER] + chunk(b"eXIf", LONG_DIRECTORY) + PNG[AFTER_HEADER:], "EXIF"),
    "png with frames": (
        lambda: PNG[:AFTER_HEADER] + chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)) + PNG[AFTER_HEADER:],
        "pages",
    ),
    "jpeg": (lambda: jpeg(size=(65500, 65500)), "megapixels"),
    "jpeg of many scans": (lambda: jpeg(scans=30000), "scans"),
    "gif": (lambda: encoded(Image.new("L", (4100, 4000)), "GIF"), "megapixels"),
    "gif whose picture is larger": (lambda: gif(1, 1, 65535, 65535), "megapixels"),
    "gif of nothing": (lambda: gif(4000, 4000, 1, 1)[:-3], "damaged"),
    "webp": (lambda: encoded(Image.new("L", (4100, 4000)), "WEBP", method=0), "megapixels"),
    "webp of a large canvas": (lambda: webp(16000, 16000), "megapixels|damaged"),
    "bmp": (lambda: bmp(60000, 60000), "megapixels"),
    "bmp of many rows": (lambda: bmp(1, -(2**31 - 1)), "megapixels"),
    "bmp that is cut": (lambda: bmp(4000, 4000), "damaged"),
    "bmp that jumps": (lambda: bmp(16_000_000, 1, 8, 1) + bytes(1024) + 20 * b"\0\2\0\xff", "run-length"),
    "ppm": (lambda: b"P6 60000 60000 65535\n", "megapixels"),
    "ppm that is cut": (lambda: b"P6 4000 4000 65535\n0", "damaged"),
    "plain ppm that is cut": (lambda: b"P3 4000 4000 65535\n" + 2000 * b"12345 ", "damaged"),
    "pbm that is cut": (lambda: b"P4 4000 4000\n0", "damaged"),
    "pgm with a long comment": (lambda: b"P5 #" + bytes(2**24) + b"\n1 1 255\n1", ""),
    "npy": (lambda: npy(np.zeros((1, 1), np.float16)).replace(b"(1, 1)", b"(4e9,)"), "damaged"),
    "npy that is cut": (
        lambda: npy(np.zeros((1, 1), np.longdouble)).replace(b"(1, 1), }  ", b"(4000, 4000), }"),
        "damaged",
    ),
    "npy of many axes": (
        lambda: npy(np.zeros((1, 1))).replace(b"(1, 1), }" + 40 * b" ", b"(1, 9**9, 1, 9**9, 1), }".ljust(49)),
        "shape|damaged",
    ),
}

READ_ALL = """
import json, resource, sys
from pathlib import Path
from gnc_core import images
from gnc_core.errors import InputError
unit = 2**20 if sys.platform == "darwin" else 2**10  # of ru_maxrss: bytes, or kilobytes
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
for good in sorted(Path(sys.argv[1]).glob("good *")):
    images.read_image(good)
start, found = peak(), {}
for bomb in sorted(Path(sys.argv[1]).glob("bomb *")):
    text = ""
    try:
        images.read_image(bomb, name="picture")
    except InputError as error:
        text = str(error)
    found[bomb.name[5:]] = text, peak() - start
seen = peak()
bytearray(b"1") * (200 * 2**20)
print(json.dumps([found, peak() - seen]))
"""


@pytest.fixture(scope="module")
def refusals(tmp_path_factory):
    """Of every bomb: what reading it says, and by how many megabytes the process' peak memory has grown up to then."""
    folder = tmp_path_factory.mktemp("bombs")
    for name, (write, _) in BOMBS.items():
        (folder / f"bomb {name}").write_bytes(write())
    deep = GREY.astype(np.uint16)
    good = [PNG, jpeg(), png(deep, 0), tiff(deep, compression="zlib"), tiff(deep, compression="lzw"), npy(GREY / 255)]
    good.append(encoded(Image.fromarray(GREY), "TIFF", compression="tiff_adobe_deflate"))
    good += [encoded(Image.fromarray(GREY), kind) for kind in ("GIF", "WEBP", "BMP", "PPM")]
    for number, data in enumerate(good):
        (folder / f"good {number}").write_bytes(data)
    # By way of a shell: a process that Python starts itself begins with Python's own peak as its peak.
    command = f"{shlex.join([sys.executable, '-W', 'ignore', '-c', READ_ALL, str(folder)])}; exit $?"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found, control = json.loads(done.stdout.splitlines()[-1])
    assert control > 100  # what the process takes does show
    return found


@pytest.mark.parametrize("name", BOMBS)
def test_what_claims_to_be_huge_is_refused_before_memory_is_taken(refusals, name):
    text, megabytes = refusals[name]
    message = BOMBS[name][1]
    assert megabytes < MEGABYTES
    if message:
        assert any(part in text for part in message.split("|")), text
        assert text.startswith("picture")
        assert text.endswith(".")
        assert "\n" not in text
