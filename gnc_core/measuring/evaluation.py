"""How good a method is on a set of images: seeded degradations, PSNR and SSIM, one image at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from skimage.restoration import inpaint_biharmonic
from torch import Tensor

from gnc_core import checks
from gnc_core.errors import InputError
from gnc_core.prior.base import Prior
from gnc_core.problems import Inpainting, Problem, degrade, image_seed
from gnc_core.restoration.schemes import DIVERGED, Scheme, Step

from .metrics import psnr, ssim

Method = Callable[[Problem], Tensor]
"""Restores an observation: a problem with images (N, 1, H, W) to images of that shape."""


@dataclass(frozen=True)
class Result:
    """One image: PSNR in dB and SSIM before (`degraded`) and after restoration, the energy `D(x) + R(x, log sigma_min)` that it
    ends with, and its seconds."""

    name: str
    psnr: float
    ssim: float
    psnr_degraded: float
    ssim_degraded: float
    energy: float
    seconds: float


def evaluate(
    method: Method,
    prior: Prior,
    images: Iterable[tuple[str, Tensor]],
    task: str,
    level: float,
    seed: int = 0,
    device: str | torch.device = "cpu",
) -> Iterator[Result]:
    """Degrades, restores and measures every image; yields its `Result` as soon as it is known.

    prior: measures the energy, whatever the method is. images: names and true images, (1, 1, H, W) in [0, 1]. task,
    level: see `degrade`; image i is degraded with `image_seed(seed, i)`. PSNR and SSIM are those of the result clipped to
    [0, 1], the energy that of the result as it is. Raises `InputError` for an image whose restoration diverged
    (`restoration.Step.diverged`): that has no PSNR.
    """
    place = checks.device(device)
    for index, (name, image) in enumerate(images):
        checks.check_single(image, name)
        image = image.cpu()
        truth = image.to(place)
        problem = degrade(truth, task, level, image_seed(seed, index))
        begin = time.perf_counter()
        result = Step(0, prior.sigma_min, method(problem), prior, problem)
        restored = result.image.cpu()
        seconds = time.perf_counter() - begin
        if result.diverged.any():
            raise InputError(f"{name}: {DIVERGED}")
        degraded = problem.initial().cpu()
        yield Result(
            name=name,
            psnr=psnr(restored, image).item(),
            ssim=ssim(restored, image).item(),
            psnr_degraded=psnr(degraded, image).item(),
            ssim_degraded=ssim(degraded, image).item(),
            energy=result.energy.item(),
            seconds=seconds,
        )


def with_scheme(prior: Prior, scheme: Scheme) -> Method:
    """The method that runs a scheme and returns the image of its last step."""

    def restore(problem: Problem) -> Tensor:
        *_, last = scheme.run(prior, problem)
        return last.image

    return restore


def biharmonic(problem: Problem) -> Tensor:
    """Biharmonic inpainting from scikit-image (Damelin & Hoang, 2018), the baseline without learning.

    Raises `InputError` for other problems than inpainting.
    """
    if not isinstance(problem, Inpainting):
        raise InputError("Biharmonic inpainting is a baseline for inpainting only.")
    missing = ~problem.observed.expand_as(problem.observation)
    images = [
        inpaint_biharmonic(z[0].double().cpu().numpy(), m[0].cpu().numpy(), split_into_regions=True)
        for z, m in zip(problem.initial(), missing, strict=True)
    ]
    return torch.from_numpy(np.stack(images))[:, None].to(problem.observation)


def mean(results: Iterable[Result]) -> dict[str, float]:
    """The mean over images of every number in the results; raises `InputError` if there are none."""
    listed = list(results)
    if not listed:
        raise InputError("There are no results to take the mean of.")
    numbers = ("psnr", "ssim", "psnr_degraded", "ssim_degraded", "energy", "seconds")
    return {key: float(np.mean([getattr(result, key) for result in listed])) for key in numbers}
