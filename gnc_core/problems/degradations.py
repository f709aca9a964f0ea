"""What is done to clean images: noise, and masks of missing pixels (True where observed)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gnc_core import checks
from gnc_core.errors import InputError
from gnc_core.images import check_mask


def add_noise(x: Tensor, noise_std: float, seed: int) -> Tensor:
    """`x + noise_std * N(0, I)`, neither clipped nor quantised; `noise_std` in units of [0, 1].

    The noise is drawn on the CPU from a generator seeded by `seed`: the same on every device.
    Raises `InputError` unless `noise_std` is finite and positive, and for images that are not floating point.

    >>> x = torch.full((1, 1, 4, 5), 0.5)
    >>> add_noise(x, 0.1, seed=0).shape
    torch.Size([1, 1, 4, 5])
    """
    noise_std = checks.number(noise_std, "The noise level", positive=True)
    if not isinstance(x, Tensor) or not x.is_floating_point():
        raise InputError("Noise is added to a floating-point tensor, nominally in [0, 1].")
    noise = torch.randn(x.shape, generator=generator(seed), dtype=torch.float32)
    return x + noise_std * noise.to(x)


def in_a_file(x: Tensor) -> Tensor:
    """What an image file of 8 bits holds of `x`: clipped to [0, 1] and rounded to multiples of 1/255.

    >>> in_a_file(torch.tensor([-0.2, 0.25, 1.1])).tolist()
    [0.0, 0.250980406999588, 1.0]
    """
    return (255 * x.clamp(0, 1)).round() / 255


def random_mask(shape: Sequence[int], missing: float, seed: int) -> Tensor:
    """A bool mask (1, 1, H, W), False (missing) at exactly round(missing * H * W) random pixels.

    `shape` ends with (H, W); `missing` is the share of missing pixels, in (0, 1).
    Raises `InputError` for a share outside, or one that leaves no observed pixel.

    >>> (~random_mask((10, 10), 0.3, seed=0)).sum().item()
    30
    """
    missing = checks.number(missing, "The share of missing pixels, between 0 and 1,")
    if not 0 < missing < 1:
        raise InputError(f"The share of missing pixels must lie between 0 and 1, not {missing:g}.")
    height, width = _size(shape)
    observed = torch.ones(height * width, dtype=torch.bool)
    order = torch.randperm(height * width, generator=generator(seed))
    observed[order[: round(missing * height * width)]] = False
    return check_mask(observed.reshape(1, 1, height, width), "The random mask")


def text_mask(shape: Sequence[int], text: str, size: int | None = None) -> Tensor:
    """A bool mask (1, 1, H, W) with `text`, repeated line by line over the image, missing.

    `size` is the font's height in pixels (default: a fourteenth of H, at least 10).
    Raises `InputError` for an empty text and for one that leaves no mark on the image.

    >>> text_mask((64, 64), "old photograph").shape
    torch.Size([1, 1, 64, 64])
    """
    if not isinstance(text, str) or not text.strip():
        raise InputError("The text to overlay is empty, or no text.")
    if len(text) > 1000:
        raise InputError(f"The text to overlay has {len(text)} letters; at most 1000 are accepted.")
    height, width = _size(shape)
    size = checks.whole(max(10, height // 14) if size is None else size, "The text's size in pixels", 4, 1000)
    font = ImageFont.load_default(size)
    picture = Image.new("1", (width, height), 1)
    draw = ImageDraw.Draw(picture)
    words = text.split()
    next_word = 0
    for top in range(size // 4, height, round(1.6 * size)):
        line = ""
        while font.getlength(line) < width:  # the last word runs over the edge
            line += words[next_word % len(words)] + "  "
            next_word += 1
        draw.text((size // 3, top), line, font=font, fill=0)
    observed = torch.from_numpy(np.array(picture))[None, None]
    if observed.all():
        raise InputError("The text leaves no mark on the image; choose other letters or a size.")
    return check_mask(observed, "The text's mask")


def box_mask(shape: Sequence[int], boxes: Iterable[Sequence[int]]) -> Tensor:
    """A bool mask (1, 1, H, W) with the pixels of all `boxes` missing.

    A box is (left, top, width, height) in pixels; parts beyond the image are ignored.
    Raises `InputError` for a box without pixels in the image, and if all pixels are missing.

    >>> (~box_mask((10, 10), [(2, 3, 4, 5)])).sum().item()
    20
    """
    height, width = _size(shape)
    observed = torch.ones(1, 1, height, width, dtype=torch.bool)
    if not isinstance(boxes, Iterable):
        raise InputError(f"Boxes are a list of (left, top, width, height), not {boxes!r}.")
    for box in boxes:
        left, top, box_width, box_height = _box(box)
        rows = slice(max(top, 0), max(top + box_height, 0))
        columns = slice(max(left, 0), max(left + box_width, 0))
        if box_width < 1 or box_height < 1 or observed[..., rows, columns].numel() == 0:
            raise InputError(
                f"The box {(left, top, box_width, box_height)} (left, top, width, height) covers "
                f"no pixel of the {width} x {height} image."
            )
        observed[..., rows, columns] = False
    return check_mask(observed, "The mask of boxes")


def _size(shape: Sequence[int]) -> tuple[int, int]:
    """The (H, W) that `shape` ends with; raises `InputError` if it does not."""
    sides = checks.listed(shape, "The shape of an image")[-2:]
    if len(sides) < 2:
        raise InputError(f"A mask needs a shape that ends with (H, W), not {tuple(shape)}.")
    height, width = (checks.whole(side, "A side of an image", 1) for side in sides)
    return height, width


def _box(box: Sequence[int]) -> tuple[int, ...]:
    """The four whole numbers of a box; raises `InputError` for anything else."""
    listed = tuple(box) if isinstance(box, Iterable) else ()
    if len(listed) != 4:
        raise InputError(f"A box is four whole numbers: left, top, width, height; not {box!r}.")
    return tuple(checks.whole(value, "Each number of a box") for value in listed)


def generator(seed: int) -> torch.Generator:
    """A generator on the CPU, so that a seed means the same numbers on every device.

    >>> generator(3).initial_seed()
    3
    """
    return torch.Generator().manual_seed(checks.whole(seed, "The seed"))
