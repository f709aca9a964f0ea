"""How noisy an image is, told by the prior alone, and how well (method, section 3).

A prior that is learned jointly in image and smoothing is the energy of both: R(y, s) is lowest where y is most likely, and for a
clean image with noise of standard deviation sigma that is near s = log(sigma). Joint minimisation rests on this.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from gnc_core.evaluation import image_seed
from gnc_core.images import add_noise
from gnc_core.problems import Denoising
from gnc_core.restoration import Prior

LEVELS = 33  # of s, tried on the way to the minimum


@torch.no_grad()
def estimate_sigma(prior: Prior, y: Tensor) -> Tensor:
    """exp( argmin_s R(y, s) ) of each image: y (N, 1, H, W) to (N,), in units of [0, 1], within the prior's range.

    The lowest of `LEVELS` energies at equidistant s, and the vertex of the parabola through it and its neighbours.
    """
    low, high = math.log(prior.sigma_min), math.log(prior.sigma_max)
    s = torch.linspace(low, high, LEVELS, dtype=torch.float64)
    energies = torch.stack([prior.energy(y, level).double().cpu() for level in s.tolist()])
    best = energies.argmin(0).clamp(1, LEVELS - 2)
    left, middle, right = (energies.gather(0, best[None] + k)[0] for k in (-1, 0, 1))
    bend = left - 2 * middle + right
    shift = torch.where(bend > 0, (left - right) / (2 * bend), torch.sign(left - right)).clamp(-1, 1)
    return torch.exp(s[best] + (s[1] - s[0]) * shift).to(y)


def blind(prior: Prior, observation: Tensor) -> Denoising:
    """Denoising with the noise level that the prior sees in the observation, the geometric mean over its images."""
    return Denoising(observation, estimate_sigma(prior, observation).log().mean().exp().item())


def ratios(prior: Prior, images: Iterable[Tensor], sigma: float, seed: int = 0) -> Iterator[float]:
    """Estimated over true noise level of clean images, (1, 1, H, W), with noise of standard deviation `sigma`.

    Image i has the noise that `evaluation` would give it: neither clipped nor quantised, of `image_seed(seed, i)`.
    """
    for index, image in enumerate(images):
        noisy = add_noise(image, sigma, image_seed(seed, index))
        yield estimate_sigma(prior, noisy).item() / sigma
