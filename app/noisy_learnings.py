"""A score that is learned from one noisy image alone while it is watched, and what Tweedie's formula makes of the image."""

import time
from dataclasses import dataclass

import torch
from torch import Tensor

from app.runs import Work
from app.scenes import Upload, picture
from gnc_core import checks
from gnc_core.errors import InputError
from gnc_core.learning import Settings, Trainer, noise2score
from gnc_core.measuring import psnr
from gnc_core.prior import FieldsOfExperts

NETWORK = {"channels": 24, "kernel_size": 5, "knots_u": 63, "input_scale": 0.05} | noise2score.ARCHITECTURE
BATCH, PATCH, RATE, AVERAGE = 4, 24, 0.02, 0.98
LEVELS: dict[str, list[float]] = {  # of noise, by its kind
    "gaussian": [0.04, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2],
    "poisson": [0.002, 0.005, 0.01, 0.02, 0.04],
    "gamma": [5, 7, 10, 15, 20, 30, 50],
}
USUAL_LEVELS: dict[str, float] = {"gaussian": 0.1, "poisson": 0.01, "gamma": 10}
LOOKS = 10  # while all iterations are done
CONSTANT_BATCHES = 5  # of what no score depends on


@dataclass(frozen=True)
class NoisyPlan:
    """What is learned from. noise: in words of learning.noise2score; the kind alone if the image is noisy already. side: the
    longest one, in pixels."""

    source: str | Upload
    noise: str = "gaussian:0.1"
    side: int = 192
    iterations: int = 200
    seed: int = 0


class NoisyLearning(Work):
    """A prior of one layer that learns the score of noisy images from one of them. Every step is an iteration.

    It waits at first, until it is asked to go on. truth: (1, 1, H, W), None if nobody knows it; noisy: the only thing that is
    learned from, in the coordinate `flat`. At every one of the `looks`, counted in iterations: psnr of the restoration in dB, and
    the levels of noise that the prior estimates, with which `restored` is made, the newest one.
    """

    def __init__(self, plan: NoisyPlan, data: bytes | None = None) -> None:
        super().__init__()
        self.stopped = True
        self.plan, self.iteration, self.seconds = plan, 0, 0.0
        self.kind = noise2score.kind(plan.noise)
        self.told = None if plan.noise in noise2score.KINDS else noise2score.noise(plan.noise)
        image, _ = picture(plan.source, plan.side, False, self.told is None, data)
        checks.check_size(image, PATCH, "The image")
        self.truth = image if self.told else None
        self.noisy = self.told.degrade(image, plan.seed) if self.told else image
        self.flat = self.kind.flat(self.noisy)
        self.restored: Tensor | None = None
        self.looks: list[int] = []
        self.psnr: list[float] = []
        self.levels: list[float] = []
        self._trainer: Trainer | None = None

    @property
    def finished(self) -> bool:
        return self.iteration == self.plan.iterations

    @property
    def prior(self) -> FieldsOfExperts:
        """What has been learned, once an iteration is done."""
        assert self._trainer is not None
        return self._trainer.result

    @property
    def noisy_psnr(self) -> float | None:
        return None if self.truth is None else psnr(self.noisy, self.truth).item()

    def _step(self) -> None:
        begin = time.perf_counter()
        if self._trainer is None:
            settings = Settings(
                architecture=NETWORK, iterations=self.plan.iterations, batch=BATCH, patch=PATCH, learning_rate=RATE,
                average=AVERAGE, seed=self.plan.seed, smoothing_weight=0, noisy=self.plan.noise,
            )  # fmt: skip
            self._trainer = Trainer(settings, [self.flat], self.device, constant_start=CONSTANT_BATCHES)
        try:
            self._trainer.step()
        except FloatingPointError:
            raise InputError("The loss is not finite any more; another seed usually helps.") from None
        self.iteration += 1
        self.seconds += time.perf_counter() - begin
        if self.iteration % max(1, self.plan.iterations // LOOKS) == 0 or self.finished:
            self._look()

    def _look(self) -> None:
        prior, y = self.prior, self.noisy.to(self.device)
        try:
            noise = noise2score.estimate(prior, self.kind, y)
        except InputError:  # too early to see it
            return
        restored = noise2score.restore(prior, noise, y).cpu()
        if not torch.isfinite(restored).all():
            return
        with self._lock:
            self.restored = restored
            self.looks.append(self.iteration)
            self.levels.append(noise.level)
            if self.truth is not None:
                self.psnr.append(psnr(restored, self.truth).item())
