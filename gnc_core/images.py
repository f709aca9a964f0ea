"""Images as the method sees them: float32 tensors (N, 1, H, W), grey in [0, 1], colour as N = 3.

Reading and writing files, patches for training, sample pictures; noise and masks come from
`degradations` and can be used from here.
"""

from __future__ import annotations

import importlib.util
import io
import os
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from gnc_core import decoding
from gnc_core.decoding import MAX_PIXELS
from gnc_core.degradations import add_noise, box_mask, check_mask, random_mask, text_mask
from gnc_core.errors import InputError

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "add_noise",
    "box_mask",
    "check_output",
    "check_size",
    "crop_center",
    "image_files",
    "load_images",
    "load_sample",
    "random_mask",
    "random_patches",
    "read_image",
    "read_mask",
    "sample_images",
    "shrink",
    "text_mask",
    "to_float",
    "to_png",
    "write_bytes",
    "write_image",
]

Source = str | os.PathLike | bytes | BinaryIO

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".npy")
"""The file names that are taken for images, in either case."""

_PILLOW_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF"}

_SAMPLES = {
    "Cameraman": "camera.png",
    "Astronaut": "astronaut.png",
    "Cat": "chelsea.png",
    "Coffee cup": "coffee.png",
    "Rocket": "rocket.jpg",
    "Coins": "coins.png",
    "Motorcycle": "motorcycle_left.png",
    "Moon": "moon.png",
    "Printed page": "page.png",
    "Brick wall": "brick.png",
    "Gravel": "gravel.png",
    "Grass": "grass.png",
}


# --- reading and writing ---------------------------------------------------------------------


def read_image(source: Source, *, color: bool = False, name: str | None = None) -> Tensor:
    """An image file as float32 (1, 1, H, W), or (3, 1, H, W) with `color=True` if it has colours.

    PNG, JPEG and TIFF of 8 or 16 bits a channel (scaled to [0, 1], EXIF orientation applied), float
    TIFF, and .npy (float, (H, W) or (H, W, 3), nominally in [0, 1], not clipped). Grey from 8-bit
    colours is Pillow's `convert("L")`. `name` is what messages call the image (default: the path).

    Raises `InputError` if there is no such file, or if it is no image, damaged, empty, of more than
    16 megapixels (by its header, before anything is decoded), not finite, of other dimensions, in
    CMYK, partly transparent, or an array of integers.
    """
    data, name = _read(source, name)
    values = decoding.decode(data, name, color)
    return torch.from_numpy(values)[:, None]


def read_mask(source: Source, shape: Sequence[int], *, name: str | None = None) -> Tensor:
    """A mask as bool (1, 1, H, W), True where a pixel is observed: white observed, black missing.

    `shape` ends with the (H, W) of the image. Pictures are cut at half brightness; .npy may also
    hold bool, or integers 0 and 1, or 0 and 255.
    Raises `InputError` as `read_image`, and for another size or if all pixels are missing.
    """
    data, name = _read(source, name or "The mask" if isinstance(source, bytes) else name)
    if data.startswith(b"\x93NUMPY"):
        observed = torch.from_numpy(_mask_array(data, name))[None, None]
    else:
        observed = torch.from_numpy(decoding.decode(data, name, color=False))[None] >= 0.5
    height, width = shape[-2:]
    if observed.shape[-2:] != (height, width):
        raise InputError(
            f"{name} is {observed.shape[-1]} x {observed.shape[-2]} pixels, but the image is "
            f"{width} x {height}; the mask must have the image's size."
        )
    return check_mask(observed, name)


def check_size(image: Tensor, min_size: int, name: str = "The image") -> None:
    """Raises `InputError` if `image` (..., H, W) is smaller than `min_size` in either direction."""
    height, width = image.shape[-2:]
    if min(height, width) < min_size:
        raise InputError(f"{name} is {width} x {height} pixels; this prior needs at least {min_size} x {min_size}.")


def shrink(image: Tensor, longest: int) -> Tensor:
    """`image` (N, 1, H, W) scaled down, its longer side to `longest` pixels; smaller ones stay as they are.

    Images: bicubic with antialiasing, clipped to [0, 1]. Bool masks: a pixel is observed if all that it covers are.
    """
    height, width = image.shape[-2:]
    if max(height, width) <= longest:
        return image
    scale = longest / max(height, width)
    size = [max(1, round(height * scale)), max(1, round(width * scale))]
    if image.dtype == torch.bool:
        return F.adaptive_max_pool2d((~image).float(), size) == 0
    return F.interpolate(image, size, mode="bicubic", antialias=True).clamp(0, 1)


def crop_center(image: Tensor, longest: int) -> Tensor:
    """The middle of `image` (N, 1, H, W), of at most `longest` pixels a side: keeps the statistics of its noise."""
    height, width = image.shape[-2:]
    top, left = max(0, (height - longest) // 2), max(0, (width - longest) // 2)
    return image[..., top : top + longest, left : left + longest]


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
    """Writes `image` (1, 1, H, W) or (3, 1, H, W); the format follows the ending of `path`.

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
    """`image` (1, 1, H, W) or (3, 1, H, W), clipped to [0, 1], as an 8-bit PNG file."""
    buffer = io.BytesIO()
    _picture(image).save(buffer, "PNG")
    return buffer.getvalue()


def write_bytes(path: str | os.PathLike, data: bytes) -> None:
    """Writes a file that appears complete or not at all: under another name first, then renamed."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        try:
            temporary.write_bytes(data)
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InputError(f"Cannot write {path}: {error.strerror or error}.") from error


# --- collections -----------------------------------------------------------------------------


def image_files(folder: str | os.PathLike, list_file: str | os.PathLike | None = None) -> list[Path]:
    """The image files directly in `folder`, sorted by name; or those that `list_file` names.

    A list has one name a line, with or without the ending; its order is kept.
    Raises `InputError` if the folder, the list, a listed image, or any image is missing.
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
    """
    loaded = []
    for file in files:
        image = read_image(file)
        levels = (255 * image).round().clamp(0, 255).to(torch.uint8)
        loaded.append(levels if torch.equal(to_float(levels), image) else image)
    return loaded


def to_float(image: Tensor) -> Tensor:
    """`image` as float32 in [0, 1]: uint8 divided by 255, floats as they are."""
    return image.to(torch.float32) / 255 if image.dtype == torch.uint8 else image.float()


def random_patches(images: Sequence[Tensor], size: int, count: int, generator: torch.Generator) -> Tensor:
    """`count` random patches, randomly flipped and turned, as float32 (count, 1, size, size).

    `images` are (..., H, W), uint8 or float; all random numbers come from `generator` (on the
    CPU).
    Raises `InputError` if an image is smaller than a patch.
    """
    for image in images:
        if min(image.shape[-2:]) < size:
            raise InputError(
                f"An image of {image.shape[-1]} x {image.shape[-2]} pixels is smaller than the "
                f"patches ({size} x {size}); leave it out or choose smaller patches."
            )
    chosen = torch.randint(len(images), (count,), generator=generator).tolist()
    places = torch.rand(count, 2, generator=generator, dtype=torch.float64).tolist()
    turns = torch.randint(8, (count,), generator=generator).tolist()
    patches = []
    for index, (down, right), turn in zip(chosen, places, turns, strict=True):
        height, width = images[index].shape[-2:]
        top, left = int(down * (height - size + 1)), int(right * (width - size + 1))
        patch = images[index][..., top : top + size, left : left + size].reshape(1, size, size)
        patch = torch.rot90(patch, turn % 4, (1, 2))
        patches.append(patch.flip(2) if turn >= 4 else patch)
    if len({patch.dtype for patch in patches}) > 1:
        patches = [to_float(patch) for patch in patches]
    return to_float(torch.stack(patches))


def sample_images() -> dict[str, Path]:
    """The sample photographs by name: freely licensed ones that scikit-image brings along."""
    package = importlib.util.find_spec("skimage")
    if package is None or package.origin is None:
        raise InputError("scikit-image, which brings the sample images, is not installed.")
    folder = Path(package.origin).parent / "data"
    files = {name: folder / file for name, file in _SAMPLES.items()}
    return {name: file for name, file in files.items() if file.is_file()}


def load_sample(name: str, *, color: bool = False) -> Tensor:
    """The sample `name` (see `sample_images`) as `read_image` returns it."""
    samples = sample_images()
    if name not in samples:
        raise InputError(f"There is no sample {name!r}; there are {', '.join(samples)}.")
    return read_image(samples[name], color=color, name=name)


# --- helpers ---------------------------------------------------------------------------------


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
                data = file.read(decoding.MAX_BYTES + 1)
        except OSError as error:
            raise InputError(f"Cannot read {name}: {error.strerror or error}.") from error
    else:
        name = name or str(getattr(source, "name", "The image"))
        data = source.read(decoding.MAX_BYTES + 1)
    if not data:
        raise InputError(f"{name} is an empty file.")
    if len(data) > decoding.MAX_BYTES:
        raise InputError(f"{name} is too large a file for an image of at most 16 megapixels.")
    return data, name


def _mask_array(data: bytes, name: str) -> np.ndarray:
    """A .npy mask as a bool array (H, W)."""
    try:
        values = decoding.load_npy(data, name)
    except InputError:
        raise
    except Exception as error:  # damaged bytes
        raise InputError(f"{name} is damaged or cut off and cannot be decoded.") from error
    if values.ndim != 2:
        raise InputError(f"{name} has shape {values.shape}; a mask is (height, width).")
    if values.dtype == bool:
        return values
    if values.dtype.kind == "f":
        return decoding.check_values(values, name) >= 0.5
    if not set(np.unique(values).tolist()) <= {0, 1} and not set(np.unique(values)) <= {0, 255}:
        raise InputError(f"{name} holds other integers than 0 and 1, or 0 and 255.")
    return values != 0


def _array(image: Tensor) -> np.ndarray:
    """(1, 1, H, W) -> (H, W) and (3, 1, H, W) -> (H, W, 3)."""
    values = image.detach().cpu().numpy()[:, 0]
    if len(values) not in (1, 3):
        raise InputError(f"One grey image or three channels can be written, not {len(values)}.")
    return values[0] if len(values) == 1 else np.moveaxis(values, 0, 2)


def _picture(image: Tensor) -> Image.Image:
    """The 8-bit picture of `image`, grey or RGB."""
    levels = np.rint(np.clip(_array(image), 0, 1) * 255)
    return Image.fromarray(levels.astype(np.uint8))
