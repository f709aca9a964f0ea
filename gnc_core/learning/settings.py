"""What a training run depends on, known without PyTorch: the command line shows these defaults."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Settings:
    """What a run depends on, together with its images. All of it is in the checkpoint and in the card.

    >>> settings = Settings(iterations=1000, learning_rate=0.01)
    >>> settings.step_size(0), round(settings.step_size(500), 6), settings.step_size(1000)
    (0.0001, 0.005, 0.0)
    """

    architecture: dict = field(default_factory=dict)  # keyword arguments of FieldsOfExperts
    iterations: int = 20_000
    batch: int = 8
    patch: int = 64
    learning_rate: float = 1e-2
    smoothing_weight: float = 1e-4  # lambda of the loss
    smoothing_term: str = "denoising"  # or "implicit", the paper's; see score_matching
    ordering_weight: float = 0.0  # of score_matching.ordering, measured on every fourth patch
    convexity_weight: float = 0.0  # of score_matching.convexity
    linearity_weight: float = 0.0  # of score_matching.linearity
    roughness_weight: float = 0.0  # of score_matching.roughness
    convex_from: float = 0.0  # sigma from which on potentials are made convex in the end; 0: they are not
    clip: float = 0.03  # largest norm of the gradient; 0.005 to 0.015 are common after the first 200 iterations
    average: float = 0.999  # decay of the weights' moving average, which is the prior in the end
    seed: int = 0
    start: str = ""  # the prior that the weights are taken from, with their hash; "": the start of method, section 2

    def step_size(self, iteration: int) -> float:
        """Cosine annealing from `learning_rate` to zero, after a warm-up of 100 iterations."""
        warm_up = min(1.0, (iteration + 1) / 100)
        return warm_up * self.learning_rate / 2 * (1 + math.cos(math.pi * iteration / self.iterations))
