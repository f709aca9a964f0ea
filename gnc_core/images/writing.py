"""Tensors as image files."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from gnc_core.errors import InputError
from gnc_core.files import write_bytes

from . import netpbm, pictures, tiff
from .encoding import PLAIN, Encoding, Photo

_FORMATS = {
    ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WEBP", ".bmp": "BMP",
    ".ppm": "PPM", ".pgm": "PGM", ".pnm": "PNM", ".npy": "NPY",
}  # fmt: skip
_LONGEST = {"JPEG": 65500, "WEBP": 16383}  # pixels a side
_TRANSPARENT = ("PNG", "TIFF", "WEBP")

WRITABLE = tuple(_FORMATS)
"""The endings of the files that can be written."""


def check_output(path: str | os.PathLike, suffixes: Sequence[str] = WRITABLE) -> Path:
    """`path`, if a file with one of these endings can be written there; to be asked before a long computation.

    Raises `InputError` for another ending, a missing folder, or a folder in place of a file.

    >>> check_output("cat.xyz")
    Traceback (most recent call last):
    gnc_core.errors.InputError: Cannot write cat.xyz: its name must end with .png, .jpg, ...
    """
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        raise InputError(f"Cannot write {path}: its name must end with {', '.join(suffixes)}.")
    if not path.parent.is_dir():
        raise InputError(f"Cannot write {path}: there is no folder {path.parent}.")
    if path.is_dir():
        raise InputError(f"Cannot write {path}: it is a folder.")
    return path


def check_fits(path: str | os.PathLike, photos: Sequence[Photo]) -> None:
    """Raises `InputError` if files with the ending of `path` cannot hold these images, to be asked before they are restored.

    >>> import torch
    >>> check_fits("cat.pgm", [Photo(torch.rand(1, 3, 8, 8), PLAIN)])
    Traceback (most recent call last):
    gnc_core.errors.InputError: Cannot write cat.pgm: PGM holds no colours; let its name end with .ppm.
    """
    kind = _kind(path)
    if len(photos) != 1 and kind != "TIFF":
        raise InputError(f"Cannot write {path}: only TIFF holds {len(photos)} pages; let its name end with .tif.")
    for photo in photos:
        image, alpha = photo.image, photo.encoding.alpha
        if image.ndim != 4 or len(image) != 1 or image.shape[1] not in (1, 3):
            raise InputError(f"One image is written, (1, 1 or 3, height, width), not {tuple(image.shape)}.")
        if alpha is not None and alpha.shape != image.shape[-2:]:
            raise InputError(f"The opacity, {alpha.shape}, has another size than the image, {tuple(image.shape[-2:])}.")
        if kind == "PGM" and image.shape[1] == 3:
            raise InputError(f"Cannot write {path}: PGM holds no colours; let its name end with .ppm.")
        if max(image.shape[-2:]) > _LONGEST.get(kind, max(image.shape)):
            raise InputError(f"Cannot write {path}: {kind} holds at most {_LONGEST[kind]} pixels a side; take PNG.")


def written_bits(path: str | os.PathLike, encoding: Encoding) -> int:
    """Bits of the numbers in a file of this name, 0 for floats: those of `encoding` where the format has them.

    PNG has 8 or 16, PGM and PPM 8 to 16; TIFF these and floats; .npy floats only; the rest 8.

    >>> written_bits("a.png", Encoding(12, 4095)), written_bits("a.jpg", Encoding(16, 65535))
    (16, 8)
    """
    kind, bits = _kind(path), encoding.bits
    if kind == "NPY":
        return 0
    if kind == "TIFF":
        return bits
    if kind in ("PPM", "PGM", "PNM"):
        return bits or 8
    return 16 if kind == "PNG" and bits > 8 else 8


def write(path: str | os.PathLike, photos: Sequence[Photo]) -> None:
    """Writes an image, or the pages of a TIFF; the format follows the ending of `path`. What is read is written alike.

    Where the file has the bits of the encoding (`written_bits`), 1 becomes its `white` and 0 its `black`; otherwise 1
    becomes the largest number, or 1.0. Integers are rounded, and clipped at 0 and at the largest; floats are neither.
    Resolution and profile are kept by PNG, JPEG, TIFF (and one of them by BMP and WebP), opacity by PNG, TIFF and WebP.
    The file appears complete or not at all. Raises `InputError` as `check_output` and `check_fits`.

    >>> from tempfile import TemporaryDirectory
    >>> import torch
    >>> from gnc_core.images import read
    >>> with TemporaryDirectory() as folder:
    ...     write(f"{folder}/cat.png", [Photo(torch.rand(1, 1, 8, 8), Encoding(16, 65535))])
    ...     read(f"{folder}/cat.png")[0].encoding.bits
    16
    """
    path = check_output(path)
    write_bytes(path, encode(path, photos))


def write_image(path: str | os.PathLike, image: Tensor, encoding: Encoding = PLAIN) -> None:
    """Writes `image` (1, 1, H, W) or (1, 3, H, W), in 8 bits or as `encoding` says; see `write`.

    .npy holds float32, (H, W) or (H, W, 3), not clipped.
    Raises `InputError` as `check_output` and `check_fits`.

    >>> from tempfile import TemporaryDirectory
    >>> import torch
    >>> from gnc_core.images import read_image
    >>> with TemporaryDirectory() as folder:
    ...     write_image(f"{folder}/cat.npy", torch.full((1, 1, 2, 3), 1.25))
    ...     read_image(f"{folder}/cat.npy")[0, 0].tolist()
    [[1.25, 1.25, 1.25], [1.25, 1.25, 1.25]]
    """
    write(path, [Photo(image, encoding)])


def to_png(image: Tensor) -> bytes:
    """`image` (1, 1, H, W) or (1, 3, H, W), clipped to [0, 1], as an 8-bit PNG file.

    >>> import torch
    >>> to_png(torch.rand(1, 3, 8, 8))[1:4]
    b'PNG'
    """
    return encode(".png", [Photo(image, PLAIN)])


def encode(path: str | os.PathLike, photos: Sequence[Photo]) -> bytes:
    """The bytes that `write` writes to a file of this name (or ending); raises `InputError` as `check_fits`.

    >>> import torch
    >>> encode("cat.pgm", [Photo(torch.ones(1, 1, 1, 2), PLAIN)]).split()
    [b'P5', b'2', b'1', b'255', b'\\xff\\xff']
    """
    check_fits(path, photos)
    kind = _kind(path)
    pages = [_numbers(photo, kind, written_bits(path, photo.encoding)) for photo in photos]
    if kind == "TIFF":
        return tiff.encode(pages)
    ((values, encoding),) = pages
    if kind == "NPY":
        buffer = io.BytesIO()
        np.save(buffer, values, allow_pickle=False)
        return buffer.getvalue()
    if kind in ("PPM", "PGM", "PNM"):
        return netpbm.encode(values, encoding.bits)
    return pictures.encode(values, encoding, kind)


def _kind(path: str | os.PathLike) -> str:
    name = os.fspath(path)
    kind = _FORMATS.get((Path(name).suffix or name).lower())
    if kind is None:
        raise InputError(f"Cannot write {name}: its name must end with {', '.join(WRITABLE)}.")
    return kind


def _numbers(photo: Photo, kind: str, bits: int) -> tuple[np.ndarray, Encoding]:
    """What a file of `bits` holds, (H, W) or (H, W, 2 to 4), and the encoding with what the format can carry of it."""
    encoding, largest = photo.encoding, 2**bits - 1 if bits else 1
    white, black = (encoding.white, encoding.black) if bits == encoding.bits else (largest, 0)
    image = photo.image.detach().cpu().numpy()[0].astype(np.float32)
    if len(image) == 1 and kind in ("PPM", "WEBP"):  # which have no grey
        image = image.repeat(3, axis=0)
    values = image[0] if len(image) == 1 else np.moveaxis(image, 0, 2)
    if (white, black) != (1, 0):
        values = values * np.float32(white - black) + np.float32(black)
    alpha = encoding.alpha if bits and kind in _TRANSPARENT else None
    if alpha is not None:
        values = np.dstack([values, alpha * np.float32(largest)])
    if bits:
        values = np.rint(np.clip(values, 0, largest)).astype(np.uint8 if bits == 8 else np.uint16)
    space = (encoding.icc or b"")[16:20]
    icc = (
        encoding.icc if space == (b"GRAY" if len(image) == 1 else b"RGB ") else None
    )  # made grey: no longer its colours
    return values, Encoding(bits, white, black, encoding.dpi, icc)
