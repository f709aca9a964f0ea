"""Pieces and sizes of images: crops, random patches for training, smaller copies."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from gnc_core.errors import InputError


def shrink(image: Tensor, longest: int) -> Tensor:
    """`image` (N, C, H, W) scaled down, its longer side to `longest` pixels; smaller ones stay as they are.

    Images: bicubic with antialiasing, clipped to [0, 1]. Bool masks: a pixel is observed if all that it covers are.

    >>> shrink(torch.rand(1, 3, 100, 50), longest=20).shape
    torch.Size([1, 3, 20, 10])
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
    """The middle of `image` (N, C, H, W), of at most `longest` pixels a side: keeps the statistics of its noise.

    A crop has memory of its own, so that to keep it is not to keep all of the image.

    >>> crop_center(torch.rand(1, 1, 100, 50), longest=64).shape
    torch.Size([1, 1, 64, 50])
    """
    height, width = image.shape[-2:]
    if max(height, width) <= longest:
        return image
    top, left = max(0, (height - longest) // 2), max(0, (width - longest) // 2)
    return image[..., top : top + longest, left : left + longest].clone()


def to_float(image: Tensor) -> Tensor:
    """`image` as float32 in [0, 1]: uint8 divided by 255, floats as they are. Raises `InputError` for anything else.

    >>> to_float(torch.tensor([0, 51, 255], dtype=torch.uint8)).tolist()
    [0.0, 0.20000000298023224, 1.0]
    """
    if not isinstance(image, Tensor):
        raise InputError(f"Images are tensors, not {type(image).__name__}.")
    if image.dtype != torch.uint8 and not image.is_floating_point():
        raise InputError(f"Images are uint8, or floating point in [0, 1], not {image.dtype}.")
    return image.to(torch.float32) / 255 if image.dtype == torch.uint8 else image.float()


def random_patches(images: Sequence[Tensor], size: int, count: int, generator: torch.Generator) -> Tensor:
    """`count` random patches, randomly flipped and turned, as float32 (count, 1, size, size).

    `images` are (..., H, W), uint8 or float; all random numbers come from `generator` (on the
    CPU).
    Raises `InputError` if an image is smaller than a patch.

    >>> random_patches([torch.rand(1, 1, 40, 60)], 16, count=5, generator=torch.manual_seed(0)).shape
    torch.Size([5, 1, 16, 16])
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
