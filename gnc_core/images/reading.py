"""Image files and folders of them as tensors; masks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from gnc_core.errors import InputError

from . import decoding
from .encoding import Photo
from .limits import MAX_BYTES
from .patches import to_float

Source = str | os.PathLike | bytes | BinaryIO


SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".ppm", ".pgm", ".pbm", ".pnm", ".npy")
"""The file names that are taken for images, in either case."""


def read(
    source: Source,
    *,
    color: bool = False,
    name: str | None = None,
    gaps: bool = False,
    white: float | None = None,
    black: float | None = None,
    pages: bool = False,
) -> list[Photo]:
    """An image file with all that `write` needs to give back one of its kind; of a TIFF stack all `pages`, if they are asked for.

    The images are those of `read_image`, with one difference: `white` and `black` are the numbers of the file that 1 and 0 stand
    for, such as 4095 for 12 bits in a file of 16 (for .npy, integers too, and float TIFF in their own units).
    Raises `InputError` as `read_image`, and unless black < white, both within what the file can hold.

    >>> import numpy, io
    >>> buffer = io.BytesIO()
    >>> numpy.save(buffer, numpy.array([[0, 1000], [4000, 4095]]))
    >>> [photo] = read(buffer.getvalue(), white=4095)
    >>> photo.image[0, 0, 1, 1].item(), photo.encoding.white
    (1.0, 4095)
    """
    data, name = _read(source, name)
    decoded = decoding.decode(data, name, color, gaps, decoding.Levels(white, black), pages)
    return [Photo(torch.from_numpy(values)[None], encoding) for values, encoding in decoded]


def read_image(source: Source, *, color: bool = False, name: str | None = None, gaps: bool = False) -> Tensor:
    """An image file as float32 (1, 1, H, W), or (1, 3, H, W) with `color=True` if it has colours.

    PNG, TIFF, PGM and PPM of up to 16 bits a channel, JPEG, WebP, BMP and GIF (its first picture), scaled to [0, 1] and
    turned as their EXIF orientation says; float TIFF and .npy (float, (H, W) or (H, W, 3), nominally in [0, 1]), not clipped.
    Grey from 8-bit colours is Pillow's `convert("L")`. `name` is what messages call the image (default: the path).
    Of transparent pixels the colours are taken. With `gaps=True`, pixels may be marked as missing: by NaN, or by transparency
    of more than a half. They are NaN in the result, in all channels.

    Raises `InputError` if there is no such file, or if it is no image, damaged, empty, of more than
    16 megapixels (by its header, before anything is decoded), of several pages or with depth, not
    finite, of other dimensions, in CMYK, or an array of integers.

    >>> from gnc_core.images import sample_images
    >>> read_image(sample_images()["Cat"]).shape, read_image(sample_images()["Cat"], color=True).shape
    (torch.Size([1, 1, 300, 451]), torch.Size([1, 3, 300, 451]))
    """
    return read(source, color=color, name=name, gaps=gaps)[0].image


def read_measurement(source: Source, *, name: str | None = None) -> Tensor:
    """What was measured in place of an image, such as k-space or a sinogram: the numbers of a .npy file, of two dimensions, as
    float32 or complex64 (1, 1, H, W). Raises `InputError` for other files, and for NaN and infinite values.

    >>> import numpy, io
    >>> buffer = io.BytesIO()
    >>> numpy.save(buffer, numpy.ones((4, 6), complex))
    >>> read_measurement(buffer.getvalue()).shape
    torch.Size([1, 1, 4, 6])
    """
    data, name = _read(source, name)
    return torch.from_numpy(decoding.decode_measurement(data, name))[None, None]


def read_mask(source: Source, shape: Sequence[int], *, name: str | None = None) -> Tensor:
    """A mask as bool (1, 1, H, W), True where a pixel is observed: white observed, black missing.

    `shape` ends with the (H, W) of the image. In a picture with transparent pixels, those are missing
    (if more than half transparent) and colours do not matter. Of two values, such as 0 and 1, or 0 and 255, the
    larger one is observed; of more, those from half of white on are. .npy may hold bool, integers or
    floats, with axes of length one before or after (H, W).
    Raises `InputError` as `read_image`, and for another size or if all pixels are missing.

    >>> from gnc_core.images import to_png
    >>> file = to_png(torch.tensor([[[[1.0, 1.0, 0.0]]]]))
    >>> read_mask(file, (1, 3)).tolist()
    [[[[True, True, False]]]]
    """
    data, name = _read(source, name or "The mask" if isinstance(source, bytes) else name)
    observed = torch.from_numpy(decoding.decode_mask(data, name))[None, None]
    height, width = shape[-2:]
    if observed.shape[-2:] != (height, width):
        raise InputError(
            f"{name} is {observed.shape[-1]} x {observed.shape[-2]} pixels, but the image is "
            f"{width} x {height}; the mask must have the image's size."
        )
    return check_mask(observed, name)


def image_files(folder: str | os.PathLike, list_file: str | os.PathLike | None = None) -> list[Path]:
    """The image files directly in `folder`, sorted by name; or those that `list_file` names.

    A list has one name a line, with or without the ending; its order is kept.
    Raises `InputError` if the folder, the list, a listed image, or any image is missing.

    >>> from gnc_core.images import sample_images
    >>> sample_images()["Cat"] in image_files(sample_images()["Cat"].parent)
    True
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}.")
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
    if list_file is not None:
        try:
            names = Path(list_file).read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"Cannot read the list {list_file} as a text file.") from error
        by_name = {p.stem: p for p in reversed(found)} | {p.name: p for p in found}
        wanted = [name.strip() for name in names if name.strip()]
        missing = [name for name in wanted if name not in by_name]
        if missing:
            raise InputError(
                f"{len(missing)} of the {len(wanted)} images in {list_file} are not in {folder}; "
                f"the first is {missing[0][:80]}."
            )
        found = [by_name[name] for name in wanted]
    if not found:
        raise InputError(f"There are no images ({', '.join(SUFFIXES)}) in {list_file or folder}.")
    return found


def load_images(files: Iterable[str | os.PathLike]) -> list[Tensor]:
    """All images in grey, (1, 1, H, W) each: uint8 where that loses nothing, float32 otherwise.

    Raises `InputError` as `read_image`.

    >>> from gnc_core.images import sample_images
    >>> [(image.shape, image.dtype) for image in load_images([sample_images()["Cat"]])]
    [(torch.Size([1, 1, 300, 451]), torch.uint8)]
    """
    return [compact(read_image(file)) for file in files]


def compact(image: Tensor) -> Tensor:
    """`image` as uint8 where that loses nothing, as it is otherwise: what `to_float` undoes.

    >>> compact(torch.tensor([0.0, 1.0])), compact(torch.tensor([0.5]))
    (tensor([  0, 255], dtype=torch.uint8), tensor([0.5000]))
    """
    levels = (255 * image).round().clamp(0, 255).to(torch.uint8)
    return levels if torch.equal(to_float(levels), image) else image


def _read(source: Source, name: str | None) -> tuple[bytes, str]:
    """The bytes of `source` and the name for messages."""
    if isinstance(source, bytes):
        data, name = source, name or "The image"
    elif isinstance(source, (str, os.PathLike)):
        path = Path(source)
        name = name or str(path)
        if path.is_dir():
            raise InputError(f"{name} is a folder; name an image file.")
        if not path.is_file():
            raise InputError(f"There is no file {name}.")
        try:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise InputError(f"Cannot read {name}: {error.strerror or error}.") from error
    else:
        name = name or str(getattr(source, "name", "The image"))
        data = source.read(MAX_BYTES + 1)
    if not data:
        raise InputError(f"{name} is an empty file.")
    if len(data) > MAX_BYTES:
        raise InputError(f"{name} is too large a file for an image of at most 16 megapixels.")
    return data, name


def check_mask(observed: Tensor, name: str) -> Tensor:
    """`observed` itself; raises `InputError` if no pixel is observed.

    >>> check_mask(torch.zeros(1, 1, 2, 2, dtype=torch.bool), "mask.png")
    Traceback (most recent call last):
    gnc_core.errors.InputError: mask.png marks all pixels as missing; white or True means observed.
    """
    if not observed.any():
        raise InputError(f"{name} marks all pixels as missing; white or True means observed.")
    return observed
