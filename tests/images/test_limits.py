"""Small files that claim to be large are refused by their headers, before anything is allocated for them."""

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from gnc_core import images
from gnc_core.errors import InputError

ROOT = Path(__file__).parents[2]
MEASURE = """
import resource, sys
from gnc_core import images
from gnc_core.errors import InputError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    images.read_image(open(sys.argv[1], "rb").read())
except InputError as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def tiff(array, **options) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, **options)
    return buffer.getvalue()


def with_tag(data: bytes, code: int, value: int) -> bytes:
    """A little-endian TIFF with another number in a tag of its first page."""
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    result = bytearray(data)
    for entry in range(count):
        at = start + 2 + 12 * entry
        if struct.unpack_from("<H", data, at)[0] == code:
            struct.pack_into("<HII", result, at + 2, 4, 1, value)
            return bytes(result)
    raise AssertionError(f"no tag {code}")


def volume() -> bytes:
    slices = (np.zeros((512, 512), np.uint16) for _ in range(20 * 64))
    return tiff(
        slices, shape=(20, 4000, 4000), dtype=np.uint16, volumetric=True, tile=(1, 512, 512), compression="zlib"
    )


def huge_tiles() -> bytes:
    small = tiff(np.zeros((32, 32), np.uint16), tile=(16, 16))
    return with_tag(with_tag(small, 322, 65536), 323, 65536)


def bomb() -> bytes:
    """One strip that unpacks to 300 MB, of an image of 16 x 16 pixels with 16 bits."""
    plain = tiff(np.zeros((16, 16), np.float64), compression="zlib")
    packed = zlib.compress(bytes(300_000_000), 9)
    at = len(plain)
    return with_tag(with_tag(plain + packed, 273, at), 279, len(packed))


FILES = {
    "a volume": (volume, "volume of 20 slices"),
    "huge tiles": (
        lambda: with_tag(with_tag(tiff(np.zeros((32, 32), np.uint16), tile=(16, 16)), 322, 65536), 323, 65536),
        "tiles",
    ),
    "many samples": (
        lambda: with_tag(tiff(np.zeros((16, 16, 3), np.uint16), photometric="rgb"), 277, 5000),
        "samples|damaged",
    ),
    "many pages": (lambda: tiff(np.zeros((300, 16, 16), np.uint16), photometric="minisblack"), "several pages"),
    "wide": (lambda: with_tag(tiff(np.zeros((16, 16), np.uint16)), 256, 10_000_000), "megapixels"),
    "a bomb": (bomb, "larger than it says"),
}


@pytest.mark.parametrize("name", FILES)
def test_what_would_take_too_much_is_refused_by_its_header(name, tmp_path):
    make, message = FILES[name]
    path = tmp_path / "bad.tif"
    path.write_bytes(make())
    with pytest.raises(InputError, match=message):
        images.read_image(path)
    process = subprocess.run(
        [sys.executable, "-c", MEASURE, path], cwd=ROOT, capture_output=True, text=True, check=True
    )
    *sentence, megabytes = process.stdout.splitlines()
    assert len(sentence) == 1
    assert int(megabytes) < 60  # the file itself, and what reading its header takes


def test_a_crop_owns_no_more_than_it_shows():
    photograph = torch.rand(1, 1, 800, 900)
    crop = images.crop_center(photograph, 64)
    assert crop.untyped_storage().nbytes() == 64 * 64 * 4
    assert torch.equal(crop, photograph[..., 368:432, 418:482])
    assert images.crop_center(photograph, 1000) is photograph or images.crop_center(photograph, 1000).equal(photograph)
