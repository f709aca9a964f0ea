"""What a training run depends on, known without PyTorch: the command line shows these defaults."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Annealed:
    """What every run depends on. average: decay of the weights' moving average, which is the result. clip: largest norm of the
    gradient.

    >>> settings = Annealed(iterations=1000, learning_rate=0.01)
    >>> settings.step_size(0), round(settings.step_size(500), 6), settings.step_size(1000)
    (0.0001, 0.005, 0.0)
    """

    iterations: int = 20_000
    batch: int = 8
    patch: int = 64
    learning_rate: float = 1e-2
    clip: float = 0.03  # 0.005 to 0.015 are common after the first 200 iterations of score matching
    average: float = 0.999
    seed: int = 0
    start: str = ""  # the prior that the weights are taken from, with their hash; "": the start of method, section 2

    def step_size(self, iteration: int) -> float:
        """Cosine annealing from `learning_rate` to zero, after a warm-up of 100 iterations."""
        warm_up = min(1.0, (iteration + 1) / 100)
        return warm_up * self.learning_rate / 2 * (1 + math.cos(math.pi * iteration / self.iterations))


@dataclass(frozen=True)
class Settings(Annealed):
    """What training by score matching depends on, with its images. All of it is in the checkpoint and in the card.

    >>> Settings(architecture={"layers": 2}).smoothing_weight
    0.0001
    """

    architecture: dict = field(default_factory=dict)  # keyword arguments of FieldsOfExperts
    smoothing_weight: float = 1e-4  # lambda of the loss
    smoothing_term: str = "denoising"  # or "implicit", the paper's; see score_matching
    ordering_weight: float = 0.0  # of score_matching.ordering, measured on every fourth patch
    convexity_weight: float = 0.0  # of score_matching.convexity
    linearity_weight: float = 0.0  # of score_matching.linearity
    roughness_weight: float = 0.0  # of score_matching.roughness
    learn_from: float = (
        0.0  # sigma from which on the functions are learned; kernels and all below stay as in `start`; 0: all
    )
    convex_from: float = 0.0  # sigma from which on the energy is kept convex (learning.convexity); 0: it is not
    noisy: str = (
        ""  # the noise of the images, in words of learning.noise2score, whose score is learned; "": they are clean
    )


@dataclass(frozen=True)
class FinetuneSettings(Annealed):
    """What fine-tuning depends on, with its images and the prior that it starts from.

    >>> FinetuneSettings().steps
    5
    """

    iterations: int = 2_000
    batch: int = 4
    patch: int = 96
    learning_rate: float = 3e-3  # of the prior's weights
    clip: float = 1.0
    average: float = 0.995
    task: str = "denoise"
    levels: tuple[float, float] = (5 / 255, 50 / 255)  # their logits are drawn uniformly
    steps: int = 5
    margin: int = 16  # pixels of a patch on every side that do not count
    schedule_rate: float = 0.01  # step size of the schedules' weights
