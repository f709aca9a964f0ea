"""PBM, PGM and PPM, plain and raw, of up to 16 bits: few libraries read more than 8 of them.

`decoding` and `writing` are the modules to call.
"""

from __future__ import annotations

import re

import numpy as np

from gnc_core.errors import InputError

from .encoding import Stored
from .limits import check_pixels

MAGIC = tuple(b"P%d" % kind for kind in range(1, 7))

_BLANK = rb"(?:\s|#[^\n\r]*[\n\r])+"
_HEADERS = {
    count: re.compile(rb"P[1-6]" + count * (_BLANK + rb"(\d{1,9})") + rb"(?:\s|#[^\n\r]*[\n\r])") for count in (2, 3)
}


def decode(data: bytes, name: str) -> Stored:
    """The first picture of a file. Raises `InputError` for what is damaged or too large; nothing is decoded before."""
    kind = int(data[1:2])
    bitmap, raw, channels = kind in (1, 4), kind > 3, 3 if kind in (3, 6) else 1
    header = _HEADERS[2 if bitmap else 3].match(data)
    if header is None:
        raise InputError(f"{name} is damaged: its header is not that of a PBM, PGM or PPM file.")
    width, height, *rest = map(int, header.groups())
    check_pixels(width, height, name)
    white = rest[0] if rest else 1
    if not 1 <= white <= 65535:
        raise InputError(f"{name} is damaged: its white is {white}, not 1 to 65535.")
    count = width * height * channels
    values: np.ndarray
    if bitmap and raw:
        rows = np.frombuffer(data, np.uint8, height * (-(-width // 8)), header.end())
        values = 1 - np.unpackbits(rows.reshape(height, -1), axis=1, count=width)  # 1 is black
    elif raw:
        values = np.frombuffer(data, ">u2" if white > 255 else np.uint8, count, header.end())
    else:
        text = re.sub(rb"#[^\n\r]*", b"", data[header.end() - 1 :])
        if bitmap:  # digits need no blanks between them
            digits = np.frombuffer(text, np.uint8)
            values = 49 - digits[(digits == 48) | (digits == 49)][:count]
        else:
            values = np.fromstring(text[: 16 * count], np.int64, sep=" ")[:count]  # 5 digits and a few blanks each
        if values.size < count:
            raise InputError(f"{name} is damaged or cut off and cannot be decoded.")
    if values.min() < 0 or values.max() > white:
        raise InputError(f"{name} is damaged: it has values beyond its white, {white}.")
    values = values.astype(np.uint8 if white == 255 else np.uint16).reshape(height, width, channels)
    return Stored(values, max(8, white.bit_length()), white)


def encode(values: np.ndarray, bits: int) -> bytes:
    """A raw PGM or PPM of `values`, (H, W) or (H, W, 3), whose white is 2^bits - 1."""
    kind, order = 5 if values.ndim == 2 else 6, np.uint8 if bits == 8 else ">u2"
    return b"P%d\n%d %d\n%d\n" % (kind, values.shape[1], values.shape[0], 2**bits - 1) + values.astype(order).tobytes()
