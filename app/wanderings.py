"""Chains of images on the page "Sampling": from noise through (x, sigma), and what the reverse ODE makes of their states."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from app.figures.common import Figure
from app.figures.wandering import Seen, wandering_figure
from app.runs import Work, load_prior
from app.samplings import finite, reached
from gnc_core import checks, zoo
from gnc_core.problems import image_seed
from gnc_core.problems.degradations import generator
from gnc_core.sampling import LangevinGibbs, ReverseODE

NEAR = 8  # values that s is drawn among: each costs an energy
DENOISING_STEPS = 12  # of Heun's method


@dataclass(frozen=True)
class Wander:
    """A chain of images of `side` pixels a side, from which `count` samples are taken, `apart` steps from each other.

    h: size of a Langevin step, in units of sigma^2."""

    prior: str
    side: int
    count: int
    apart: int
    h: float
    seed: int

    @property
    def steps(self) -> int:
        return self.count * self.apart


class Wandering(Work):
    """A chain at work; every `advance` is a step, of it or of an ODE.

    sigma: after each of its steps so far. samples: those so far. What a prior of the zoo has come to is known to all
    visitors."""

    def __init__(self, plan: Wander) -> None:
        super().__init__()
        self.plan, self._prior = plan, load_prior(plan.prior)
        self._noise, self._alone = generator(plan.seed), generator(image_seed(plan.seed, 1))
        self._down = ReverseODE(DENOISING_STEPS)
        start = self._start(self._noise)
        checks.check_size(start, self._prior.min_size)
        self.x, self.sigma = start[0, 0].numpy(), list[float]()
        self.samples: list[Seen] = []
        self._advanced, self._total = 0, plan.steps + plan.count * (2 * DENOISING_STEPS + 1)
        self._public = plan.prior in zoo.names()
        if self._public and (found := reached(plan, zoo.weights_hash(plan.prior))):
            self.x, self.sigma, self.samples = found["all"]
        self._work = self._all(start)

    @property
    def finished(self) -> bool:
        return len(self.samples) == self.plan.count

    @property
    def done(self) -> float:
        return self._advanced / self._total

    @property
    def doing(self) -> str:
        return f"step {len(self.sigma)} of {self.plan.steps}, {len(self.samples)} of {self.plan.count} samples"

    @property
    def complete(self) -> int:
        """How much there is to be seen."""
        return len(self.sigma)

    def _start(self, noise: torch.Generator) -> Tensor:
        """Grey, with noise of the largest sigma."""
        return 0.5 + self._prior.sigma_max * torch.randn(1, 1, self.plan.side, self.plan.side, generator=noise)

    def _step(self) -> None:
        next(self._work)
        self._advanced += 1
        if self.finished and self._public:
            reached(self.plan, zoo.weights_hash(self.plan.prior))["all"] = self.x, self.sigma, self.samples

    def _all(self, start: Tensor) -> Iterator[None]:
        plan = self.plan
        chain = LangevinGibbs(plan.steps, plan.h, near=NEAR, exponential=True)
        for state in chain.run(self._prior, start.to(self.device), self._prior.sigma_max, self._noise):
            with self._lock:
                self.x, self.sigma = finite(state.x)[0, 0].numpy(), [*self.sigma, float(state.sigma)]
            yield
            if state.index % plan.apart == 0:
                sample = yield from self._denoised(state.x, float(state.sigma))
                alone = yield from self._denoised(self._start(self._alone).to(self.device), self._prior.sigma_max)
                with self._lock:
                    self.samples = [*self.samples, Seen(state.index, self.sigma[-1], self.x, sample, alone)]
                yield

    def _denoised(self, x: Tensor, sigma: float) -> Generator[None, None, np.ndarray]:
        for state in self._down.run(self._prior, x, sigma):
            x = state.x
            if state.index <= DENOISING_STEPS:
                yield
        return finite(x)[0, 0].numpy()

    def figure(self, narrow: bool = False) -> Figure | None:
        """What is known so far, with a slider over the samples once it ends; None before the first step. narrow: for a phone."""
        if not self.sigma:
            return None
        slider = not self.running and len(self.samples) > 1
        return wandering_figure(self.x, self.sigma, self.samples, self.plan.steps, slider, narrow)
