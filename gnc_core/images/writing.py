"""Tensors as image files."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from gnc_core.errors import InputError
from gnc_core.files import write_bytes

from .reading import SUFFIXES

_PILLOW_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF"}


def check_output(path: str | os.PathLike, suffixes: Sequence[str] = SUFFIXES) -> Path:
    """`path`, if a file with one of these endings can be written there; to be asked before a long computation.

    Raises `InputError` for another ending, a missing folder, or a folder in place of a file.
    """
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        raise InputError(f"Cannot write {path}: its name must end with {', '.join(suffixes)}.")
    if not path.parent.is_dir():
        raise InputError(f"Cannot write {path}: there is no folder {path.parent}.")
    if path.is_dir():
        raise InputError(f"Cannot write {path}: it is a folder.")
    return path


def write_image(path: str | os.PathLike, image: Tensor) -> None:
    """Writes `image` (1, 1, H, W) or (1, 3, H, W); the format follows the ending of `path`.

    PNG, JPEG and TIFF are clipped to [0, 1] and rounded to 8 bits; .npy holds float32, not
    clipped, (H, W) or (H, W, 3). The file appears complete or not at all.
    Raises `InputError` as `check_output`.
    """
    path = check_output(path)
    buffer = io.BytesIO()
    suffix = path.suffix.lower()
    if suffix == ".npy":
        np.save(buffer, _array(image).astype(np.float32), allow_pickle=False)
    else:
        options = {"quality": 95, "subsampling": 0} if _PILLOW_FORMATS[suffix] == "JPEG" else {}
        _picture(image).save(buffer, _PILLOW_FORMATS[suffix], **options)
    write_bytes(path, buffer.getvalue())


def to_png(image: Tensor) -> bytes:
    """`image` (1, 1, H, W) or (1, 3, H, W), clipped to [0, 1], as an 8-bit PNG file."""
    buffer = io.BytesIO()
    _picture(image).save(buffer, "PNG")
    return buffer.getvalue()


def _array(image: Tensor) -> np.ndarray:
    """(1, 1, H, W) -> (H, W) and (1, 3, H, W) -> (H, W, 3)."""
    if image.ndim != 4 or len(image) != 1 or image.shape[1] not in (1, 3):
        raise InputError(f"One image is written, (1, 1 or 3, height, width), not {tuple(image.shape)}.")
    values = image.detach().cpu().numpy()[0]
    return values[0] if len(values) == 1 else np.moveaxis(values, 0, 2)


def _picture(image: Tensor) -> Image.Image:
    """The 8-bit picture of `image`, grey or RGB."""
    levels = np.rint(np.clip(_array(image), 0, 1) * 255)
    return Image.fromarray(levels.astype(np.uint8))
