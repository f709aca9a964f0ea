"""How good a method is on a set of images: seeded degradations, PSNR and SSIM, one image at a time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gnc_core import checks, problems
from gnc_core.errors import InputError
from gnc_core.prior.base import Prior
from gnc_core.problems import Problem, image_seed
from gnc_core.restoration.schemes import DIVERGED, Scheme, diverged, energy
from gnc_core.sampling import Moments

from .metrics import psnr, ssim

Method = Callable[[Problem], Tensor | Moments]
"""Restores an observation: a problem with images (N, C, H, W) to images of that shape, or to the mean and the standard deviation
of its samples."""


@dataclass(frozen=True)
class Measurement:
    """One image: PSNR in dB and SSIM before (`degraded`: of the image that schemes start from) and after restoration, the energy
    `D(x) + R(x, log sigma_min)` that it ends with, and its seconds. correlation: of a mean of samples, see `deviation_and_error`.

    >>> one = Measurement("cat", psnr=30.0, ssim=0.8, psnr_degraded=20.0, ssim_degraded=0.3, energy=-1000.0, seconds=0.5)
    >>> one.psnr - one.psnr_degraded
    10.0
    """

    name: str
    psnr: float
    ssim: float
    psnr_degraded: float
    ssim_degraded: float
    energy: float
    seconds: float
    correlation: float | None = None


def evaluate(
    method: Method,
    prior: Prior,
    images: Iterable[tuple[str, Tensor]],
    task: str,
    level: float,
    seed: int = 0,
    device: str | torch.device = "cpu",
    as_file: bool = False,
    start: str | None = None,
    setting: str = "",
) -> Iterator[Measurement]:
    """Degrades, restores and measures every image; yields its `Measurement` as soon as it is known.

    prior: measures the energy, whatever the method is. images: names and true images, (1, C, H, W) in [0, 1]. task,
    level: see `problems.TASKS`; image i is degraded with `image_seed(seed, i)`, `as_file` or not. start: see
    `Problem.from_start`. setting: see `Problem.degrade`. PSNR and SSIM are those of the result clipped to [0, 1], the energy that
    of the result as it is. Raises
    `InputError` for an image whose restoration diverged (`restoration.diverged`): that has no PSNR.

    >>> from gnc_core import images, zoo
    >>> from gnc_core.restoration import Flow
    >>> prior, cat = zoo.load("foe-l1"), images.load_sample("Cat")[..., 100:164, 100:164]
    >>> [found] = evaluate(with_scheme(prior, Flow([0.1, 0.03, 0.01])), prior, [("cat", cat)], "denoise", 0.1)
    >>> found.psnr > found.psnr_degraded + 5
    True
    """
    kind, place = problems.task(task), checks.device(device)
    for index, (name, image) in enumerate(images):
        checks.check_single(image, name)
        image = kind.part(image.cpu(), setting)
        truth = image.to(place)
        problem = kind.degrade(truth, level, image_seed(seed, index), as_file, setting).from_start(start)
        begin = time.perf_counter()
        found = method(problem)
        result = found.mean if isinstance(found, Moments) else found
        restored = result.cpu()
        seconds = time.perf_counter() - begin
        if diverged(problem, result).any():
            raise InputError(f"{name}: {DIVERGED}")
        degraded = problem.initial().cpu()
        yield Measurement(
            name=name,
            psnr=psnr(restored, image).item(),
            ssim=ssim(restored, image).item(),
            psnr_degraded=psnr(degraded, image).item(),
            ssim_degraded=ssim(degraded, image).item(),
            energy=energy(prior, problem, result).item(),
            seconds=seconds,
            correlation=deviation_and_error(found, truth) if isinstance(found, Moments) else None,
        )


def deviation_and_error(found: Moments, truth: Tensor) -> float | None:
    """How well the standard deviation of samples says where their mean is wrong: its correlation with |mean - truth|, in [-1, 1],
    over the pixels that samples differ in; None if there are none, or no differences. truth: as the mean.

    >>> found = Moments(torch.tensor([[[[0.5, 0.5, 0.5]]]]), torch.tensor([[[[0.0, 0.1, 0.2]]]]))
    >>> round(deviation_and_error(found, torch.tensor([[[[0.5, 0.4, 0.7]]]])), 3)
    1.0
    """
    unsure = found.deviation > 0
    pair = torch.stack([found.deviation[unsure], (found.mean - truth)[unsure].abs()]).double()
    correlation = torch.corrcoef(pair)[0, 1].item() if pair.shape[1] > 1 else math.nan
    return None if math.isnan(correlation) else correlation


def with_scheme(prior: Prior, scheme: Scheme) -> Callable[[Problem], Tensor]:
    """The method that runs a scheme and returns the image of its last step.

    >>> from gnc_core import images, zoo
    >>> from gnc_core.restoration import Flow
    >>> method = with_scheme(zoo.load("foe-l1"), Flow([0.1, 0.03, 0.01]))
    >>> method(problems.Denoising.degrade(images.load_sample("Cat")[..., :32, :32], 0.1, seed=0)).shape
    torch.Size([1, 1, 32, 32])
    """

    def restore(problem: Problem) -> Tensor:
        *_, last = scheme.run(prior, problem)
        return last.image

    return restore


def mean(results: Iterable[Measurement]) -> dict[str, float]:
    """The mean over images of every number in the results; raises `InputError` if there are none.

    >>> results = [Measurement(name, psnr, 0.8, 20.0, 0.3, -1000.0, 0.5) for name, psnr in (("a", 29.0), ("b", 31.0))]
    >>> mean(results)["psnr"]
    30.0
    """
    listed = list(results)
    if not listed:
        raise InputError("There are no results to take the mean of.")
    numbers = ("psnr", "ssim", "psnr_degraded", "ssim_degraded", "energy", "seconds")
    return {key: float(np.mean([getattr(result, key) for result in listed])) for key in numbers}
