"""Degrading."""

from __future__ import annotations

import torch
from torch import Tensor

from gnc_core import checks

from .base import Problem
from .degradations import add_noise, random_mask
from .denoising import Denoising
from .inpainting import Inpainting


def degrade(truth: Tensor, task: str, level: float, seed: int) -> Problem:
    """The problem of a task made from `truth` (N, 1, H, W) by a generator seeded with `seed`.

    task "denoise": noise of standard deviation `level`, neither clipped nor quantised.
    task "inpaint": a share `level` of the pixels missing at random, the same in all N images.
    Raises `InputError` for another task, for levels that `add_noise`, `random_mask` reject, and for images that are not
    floating point and finite.
    """
    check_task(task)
    checks.check_image(truth, "The true images", finite=True)
    if task == "denoise":
        return Denoising(add_noise(truth, level, seed), level)
    observed = random_mask(truth.shape, level, seed).to(truth.device)
    return Inpainting(torch.where(observed, truth, 0.5), observed)
