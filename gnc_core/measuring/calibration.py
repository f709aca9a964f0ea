"""How noisy an image is, told by the prior alone, and how well (method, section 3).

A prior that is learned jointly in image and smoothing is the energy of both: R(y, s) is lowest where y is most likely, and for a
clean image with noise of standard deviation sigma that is near s = log(sigma). Joint minimisation rests on this.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Iterator
from typing import TypeVar

import torch
from torch import Tensor

from gnc_core import checks
from gnc_core.prior.base import Prior
from gnc_core.problems import Denoising, image_seed
from gnc_core.problems.degradations import add_noise, in_a_file

T = TypeVar("T")
TRIED = 33  # of s, tried on the way to the minimum
ROUNDS, SETTLED = 10, 0.01  # of the noise level of clipped images


def estimate_sigma(prior: Prior, y: Tensor) -> Tensor:
    """The sigma at which R(y, log(sigma)) has the first minimum below sigma_max, of each image: y (N, C, H, W) to (N,), in units
    of [0, 1], within the prior's range. It is what joint minimisation in s alone would find.

    Raises `InputError` for images that are not finite, and for those that the prior cannot take.

    >>> from gnc_core import images, zoo
    >>> noisy = add_noise(images.load_sample("Cat")[..., 100:164, 100:164], 0.1, seed=0)
    >>> abs(estimate_sigma(zoo.load("foe-l1"), noisy).item() - 0.1) < 0.01
    True
    """
    return minima(prior, y)[0]


def minima(prior: Prior, y: Tensor) -> tuple[Tensor, Tensor]:
    """Two sigmas of each image, (N,): at the first minimum of R(y, s) below s_max, and at the lowest over the whole range.

    They differ where a prior has a second minimum far below the noise level: training shows it no image as noisy as y there, so
    that its energy means little. Each is the best of `TRIED` equidistant s, and then the vertex of the parabola through that
    energy and its neighbours. Raises `InputError` as `estimate_sigma`.

    >>> from gnc_core import images, zoo
    >>> noisy = add_noise(images.load_sample("Cat")[..., 100:164, 100:164], 0.1, seed=0)
    >>> first, lowest = minima(zoo.load("foe-l1"), noisy)
    >>> first.shape, bool(lowest <= first)
    (torch.Size([1]), True)
    """
    return _result(_minima_in_pieces(prior, y))


@torch.no_grad()
def _minima_in_pieces(prior: Prior, y: Tensor) -> Generator[None, None, tuple[Tensor, Tensor]]:
    """`minima`, and a pause after every energy."""
    checks.check_image(y, finite=True)
    s = torch.linspace(math.log(prior.sigma_min), math.log(prior.sigma_max), TRIED, dtype=torch.float64)
    listed = []
    for level in s.tolist():
        listed.append(prior.energy(y, level).double().cpu())
        yield
    energies = torch.stack(listed)
    rising = energies[:-1] > energies[1:]  # on the way down from s[k + 1] to s[k]
    first = (rising * torch.arange(1, TRIED)[:, None]).amax(0)
    return _vertex(s, energies, first).to(y), _vertex(s, energies, energies.argmin(0)).to(y)


def _vertex(s: Tensor, energies: Tensor, lowest: Tensor) -> Tensor:
    """exp(s) at the vertex of the parabola about the level number `lowest` of each image: (N,)."""
    middle = lowest.clamp(1, TRIED - 2)
    left, at, right = (energies.gather(0, middle[None] + k)[0] for k in (-1, 0, 1))
    bend = left - 2 * at + right
    shift = torch.where(bend > 0, (left - right) / (2 * bend), torch.sign(left - right)).clamp(-1, 1)
    return torch.exp(s[middle] + (s[1] - s[0]) * shift)


def blind(prior: Prior, observation: Tensor, clipped: bool = False) -> Denoising:
    """Denoising with the noise level that the prior sees in the observation, the geometric mean over its images.

    >>> from gnc_core import images, zoo
    >>> noisy = add_noise(images.load_sample("Cat")[..., 100:164, 100:164], 0.1, seed=0)
    >>> abs(blind(zoo.load("foe-l1"), noisy).noise_std - 0.1) < 0.01
    True
    """
    return _result(blind_in_pieces(prior, observation, clipped))


def blind_in_pieces(prior: Prior, observation: Tensor, clipped: bool = False) -> Generator[None, None, Denoising]:
    """`blind` for whoever shows progress, or may stop: pauses after every energy, `TRIED` an estimate, and returns the problem.
    Of clipped images there are up to `ROUNDS` estimates more than the one.

    >>> from gnc_core import images, zoo
    >>> noisy = add_noise(images.load_sample("Cat")[..., 100:164, 100:164], 0.1, seed=0)
    >>> sum(1 for _ in blind_in_pieces(zoo.load("foe-l1"), noisy)) == TRIED
    True
    """
    y = (yield from _uncensored_in_pieces(prior, observation, seed=0)) if clipped else observation
    first, _ = yield from _minima_in_pieces(prior, y)
    return Denoising(observation, first.log().mean().exp().item(), clipped)


def uncensored(prior: Prior, observation: Tensor, seed: int = 0) -> Tensor:
    """Images (N, C, H, W), clipped to [0, 1], with noise beyond that in the clipped pixels, drawn with `seed`.

    Black pixels: x + sigma xi, xi ~ N(0, 1) given that it is 0 or less, with x the posterior mean by Tweedie's formula,
    x = y - sigma^2 grad R(y, log sigma); white ones likewise. sigma is estimated again of what results, until it changes by less
    than `SETTLED`, `ROUNDS` times at most.

    >>> from gnc_core import zoo
    >>> black = in_a_file(add_noise(torch.zeros(1, 1, 64, 64), 0.1, seed=0))
    >>> y = uncensored(zoo.load("foe-l1"), black)
    >>> black.min().item(), 0.07 < y.std().item() < 0.13
    (0.0, True)
    """
    return _result(_uncensored_in_pieces(prior, observation, seed))


@torch.no_grad()
def _uncensored_in_pieces(prior: Prior, observation: Tensor, seed: int) -> Generator[None, None, Tensor]:
    """`uncensored`, and a pause after every energy."""
    dark, bright = observation <= 0, observation >= 1
    uniform = torch.rand(observation.shape, generator=torch.Generator().manual_seed(seed)).to(observation)
    y, sigma = observation, observation.new_zeros(len(observation))
    for _ in range(ROUNDS):
        before = sigma
        sigma, _ = yield from _minima_in_pieces(prior, y)
        if ((sigma - before).abs() < SETTLED * sigma).all():
            break
        level = sigma.view(-1, 1, 1, 1)
        x = y - level**2 * prior.score(y, sigma.log())
        below, above = (level * _tail(end / level, uniform) for end in (x, 1 - x))
        y = torch.where(dark, x - below, torch.where(bright, x + above, observation))
    return y


def _result(pieces: Generator[None, None, T]) -> T:
    """What a generator returns in the end."""
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            found: T = end.value
            return found


def _tail(end: Tensor, uniform: Tensor) -> Tensor:
    """|xi| of standard normal numbers given that xi is `end` or more, from uniform ones."""
    chance = torch.special.ndtr(-end.double()).clamp(min=1e-30)
    return -torch.special.ndtri((uniform.double() * chance).clamp(min=1e-300)).to(end)


def ratios(
    prior: Prior, images: Iterable[Tensor], sigma: float, seed: int = 0, as_file: bool = False
) -> Iterator[tuple[float, float]]:
    """Estimated over true noise level of clean images, (1, C, H, W), with noise of standard deviation `sigma`: from sigma_max
    down, and over the whole range of s.

    Image i has the noise that `evaluation` would give it, of `image_seed(seed, i)`; `as_file`, it is clipped and rounded.

    >>> from gnc_core import images, zoo
    >>> truth = images.load_sample("Cat")[..., 100:164, 100:164]
    >>> [(first, lowest)] = ratios(zoo.load("foe-l1"), [truth], sigma=0.1)
    >>> 0.9 < first < 1.1
    True
    """
    sigma = checks.number(sigma, "The noise level", positive=True)
    for index, image in enumerate(images):
        checks.check_single(image)
        noisy = add_noise(image, sigma, image_seed(seed, index))
        first, lowest = minima(prior, uncensored(prior, in_a_file(noisy)) if as_file else noisy)
        yield first.item() / sigma, lowest.item() / sigma
