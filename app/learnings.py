"""A score that is learned while it is watched: what it is learned from, and how far it has got."""

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from app.runs import Work
from gnc_core.learning.regression import (
    KernelRegression,
    Network,
    draw,
    gradient_descent,
    initial_network,
    inputs,
    loss,
    score,
    score_error,
)
from gnc_core.mixture.plane_examples import PLANE_PRESETS, plane_starts, two_dimensional

BLUR = 0.1  # of a preset's points: data is a mixture with a density
HELD_OUT, ITS_SEED = 1000, 2**31  # samples that the error is measured on; no other seed is as large
AN_OCTAVE = 4  # looks, while the iterations double
ARROWS, REACH = 13, 1.2  # a side, and where the last ones begin
FINE, EDGE = 61, 1.4  # points of the density a side, and where it ends
NOW, BEST, KERNEL = "Network now", "Network at its best", "Kernel regression"


@dataclass(frozen=True)
class Plan:
    """What is learned: from samples of a preset, with sigma in the range, by a network of so many units."""

    data: str = "Two clusters"
    samples: int = 100
    units: int = 256
    sigmas: tuple[float, float] = (0.2, 0.8)
    iterations: int = 4000
    seed: int = 0


@dataclass(frozen=True)
class Field:
    """At one sigma: density on a grid `line` x `line`, and scores at points (P, 2), exact and learned, (P, 2)."""

    line: np.ndarray
    density: np.ndarray
    points: np.ndarray
    exact: np.ndarray
    learned: np.ndarray


class Learning(Work):
    """A network that learns a score. Every step is an iteration of gradient descent, with a look at it now and then.

    It waits at first, until it is asked to go on. looks: iterations so far that were looked at; loss, errors: of the network
    then. all_looks, kernel_loss, kernel_errors: kernel regression's, all of them from the beginning. floor: the loss of the true
    posterior mean on the samples, which is their labels' noise.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.stopped = True
        self.plan, self.iteration = plan, 0
        self.mixture = two_dimensional(PLANE_PRESETS[plan.data]).smoothed(BLUR)
        self._samples = draw(self.mixture, plan.samples, plan.sigmas, plan.seed)
        self._held_out = draw(self.mixture, HELD_OUT, plan.sigmas, ITS_SEED)
        self._exact = -self.mixture.gradient(self._held_out.x, self._held_out.sigma)
        self._kernel = KernelRegression(self._samples)
        self.network = self.best = initial_network(plan.units, 2, plan.seed)
        self._networks = gradient_descent(self.network, self._samples, self._kernel.rate)
        next(self._networks)  # after no iteration
        octaves = math.log2(plan.iterations)
        self.all_looks = sorted(
            {round(2 ** (k / AN_OCTAVE)) for k in range(int(AN_OCTAVE * octaves) + 1)} | {plan.iterations}
        )
        self.looks: list[int] = []
        self.loss: list[float] = []
        self.errors: list[float] = []
        self.kernel_errors = [self._error(f) for f in self._kernel.path(self.all_looks, self._held_out.inputs)]
        self.kernel_loss = [loss(f, self._samples) for f in self._kernel.path(self.all_looks, self._samples.inputs)]
        self.floor = loss(self.mixture.posterior_mean(self._samples.x, self._samples.sigma), self._samples)

    @property
    def finished(self) -> bool:
        return self.iteration == self.plan.iterations

    def _step(self) -> None:
        self.network = next(self._networks)
        self.iteration += 1
        if self.iteration in self.all_looks:
            error, training = (
                self._error(self.network(self._held_out.inputs)),
                loss(self.network(self._samples.inputs), self._samples),
            )
            with self._lock:
                if error < min(self.errors, default=math.inf):
                    self.best = self.network
                self.looks.append(self.iteration)
                self.errors.append(error)
                self.loss.append(training)

    def field(self, sigma: float, of: str) -> Field:
        """What is drawn as arrows; of: `NOW`, `BEST`, or `KERNEL` after as many iterations as the network has done, all of them
        before it has begun."""
        points, fine = REACH * plane_starts(ARROWS), EDGE * plane_starts(FINE)
        u = inputs(points, sigma)
        network: Network = self.best if of == BEST else self.network
        f = self._kernel.after(self.iteration or self.plan.iterations, u) if of == KERNEL else network(u)
        return Field(
            fine[:FINE, 0].numpy(),
            (-self.mixture.energy(fine, sigma)).exp().reshape(FINE, FINE).numpy(),
            points.numpy(),
            -self.mixture.gradient(points, sigma).numpy(),
            score(f, points, sigma).numpy(),
        )

    def _error(self, f: Tensor) -> float:
        return score_error(f, self._held_out, self._exact)
