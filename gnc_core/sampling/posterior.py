"""Samples of all images that fit an observation, their mean, and a map of how uncertain they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from gnc_core import checks
from gnc_core.errors import InputError
from gnc_core.prior import Prior
from gnc_core.problems import Problem
from gnc_core.restoration import image_step

from .chains import AnnealedLangevin
from .joint import State, noise_like


@dataclass(frozen=True)
class Posterior:
    """`count` independent chains for one observation: Langevin steps on exp(-R(x, s) - D(x)) at falling smoothings, and the
    flow's step at the last one, which takes its smoothing away again: `chain.steps` + 1 states of (count, C, H, W).

    count: how many samples, 1 or more. chain: an `AnnealedLangevin`. They start from the problem's start (or `start`), each
    with noise of the first sigma.

    What is exact: with known pixels, small steps h and many of them at the last smoothing, the chains sample the posterior of a
    prior smoothed by the last sigma. What is not: with few steps, coarse structure is as the larger smoothings left it, where
    R meets known pixels without noise; for noisy data the last step pulls samples to the mode, by the share
    sigma_min^2 / noise^2 of their way to it. Raises `InputError` for another count and for observations of several images.

    >>> from gnc_core import images, problems, zoo
    >>> from gnc_core.restoration import logarithmic
    >>> problem = problems.Inpainting.degrade(images.load_sample("Cat")[..., :32, :32], 0.5, seed=0)
    >>> posterior = Posterior(4, AnnealedLangevin(logarithmic(0.1, 0.01, 5)))
    >>> *_, state = posterior.run(zoo.load("foe-l1"), problem, torch.Generator().manual_seed(0))
    >>> moments(state.x).deviation[problem.observed].max().item()  # what is known is certain
    0.0
    """

    count: int
    chain: AnnealedLangevin

    def __post_init__(self) -> None:
        checks.whole(self.count, "The number of samples", 1)

    @property
    def steps(self) -> int:
        return self.chain.steps + 1

    def run(
        self, prior: Prior, problem: Problem, generator: torch.Generator, start: Tensor | None = None
    ) -> Iterator[State]:
        if problem.shape[0] != 1:
            raise InputError(f"Samples are drawn for one observation at a time, not for {problem.shape[0]}.")
        start = problem.initial() if start is None else start
        x = start.expand(self.count, -1, -1, -1)
        sigma = self.chain.sigmas[0]
        x = problem.prox(x + sigma * noise_like(x, generator), sigma**2)
        return self._chain(self.chain.run(prior, x, generator, problem), prior, problem)

    @torch.no_grad()
    def _chain(self, states: Iterator[State], prior: Prior, problem: Problem) -> Iterator[State]:
        for state in states:
            yield state
        x = image_step(prior, problem, state.x, state.sigma, state.sigma**2)
        yield State(state.index + 1, torch.zeros_like(state.sigma), x)


class Moments(NamedTuple):
    """Mean and standard deviation of samples, pixel by pixel: (1, C, H, W).

    >>> Moments(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)).mean.shape
    torch.Size([1, 1, 2, 2])
    """

    mean: Tensor
    deviation: Tensor


def moments(samples: Tensor) -> Moments:
    """The mean of samples, (N, C, H, W), which estimates the image of the least mean squared error, and their standard
    deviation, a map of uncertainty (0 of a single sample). The mean of N has 1/N of their variance as an error of its own.

    >>> mean, deviation = moments(torch.tensor([0.0, 0.2]).view(2, 1, 1, 1))
    >>> round(mean.item(), 3), round(deviation.item(), 3)
    (0.1, 0.141)
    """
    checks.check_image(samples, "The samples")
    deviation = samples.std(0, keepdim=True) if len(samples) > 1 else torch.zeros_like(samples)
    return Moments(samples.mean(0, keepdim=True), deviation)
