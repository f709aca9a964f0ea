"""Photon counts: Poisson noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from gnc_core import checks
from gnc_core.errors import InputError

from .base import Level, Problem

if TYPE_CHECKING:  # what a task is, the command line says without PyTorch
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Poisson(Problem):
    """Photons are counted: z = count / photons, count ~ Poisson(photons x), with `photons` at white, 1 / shot_noise^2. Up to a
    constant,

        D(x) = photons sum(x - z log x),    prox(v) = (v - w + sqrt((v - w)^2 + 4 w z)) / 2,    w = tau photons.

    observation: z >= 0, (N, C, H, W). shot_noise: the standard deviation at white, 1/sqrt(photons), in (0, 1). Raises
    `InputError` for negative values, and for levels outside.

    >>> import torch
    >>> problem = Poisson(torch.full((1, 1, 2, 2), 0.25), shot_noise=0.1)
    >>> problem.prox(torch.full((1, 1, 2, 2), 0.25), tau=0.01)[0, 0, 0, 0].item()  # the minimum of D
    0.25
    """

    shot_noise: float
    name = "photons"
    title = "Photon counts"
    kind_of_level = Level(
        name="shot noise",
        short="shot",
        option="--shot-noise",
        help="Noise level at white, 1/sqrt(photons there): 0.1 is 100 photons.",
        low=0,
        high=1,
        example=0.1,
        usual=(0.02, 0.5, 0.1, 0.002),
        fitted=(0.02, 0.4),
    )
    steps = 4
    rate = 0.9

    def __post_init__(self) -> None:
        checks.check_image(self.observation, "The counts", finite=True)
        if (self.observation < 0).any():
            raise InputError("Counts of photons are not negative.")
        object.__setattr__(self, "shot_noise", self.kind_of_level.check(self.shot_noise))

    @classmethod
    def degrade(cls, truth: Tensor, level: float, seed: int, as_file: bool = False, setting: str = "") -> Self:
        """Counts drawn by numpy's generator, the same on every device; `as_file`, cut off at white and rounded."""
        import numpy as np
        import torch

        from .degradations import in_a_file

        cls.chosen(setting)
        checks.check_image(truth, "The true images", finite=True)
        photons = 1 / cls.kind_of_level.check(level) ** 2
        mean = photons * truth.clamp_min(0).double().cpu().numpy()
        counts = np.random.default_rng(checks.whole(seed, "The seed", 0)).poisson(mean) / photons
        z = torch.from_numpy(counts).to(truth)
        return cls(in_a_file(z) if as_file else z, level)

    @classmethod
    def of(cls, observation: Tensor, level: float, clipped: bool = False, setting: str = "") -> Self:
        cls.chosen(setting)
        return cls(observation, level)

    @classmethod
    def first_sigma(cls, level: float, sigma_min: float, sigma_max: float, setting: str = "") -> float:
        """The noise level of middle grey."""
        return min(max(level * 0.5**0.5, sigma_min), sigma_max)

    @classmethod
    def lowest_sigma(cls, level: float, sigma_min: float) -> float:
        """Half of it."""
        return float(f"{level / 2 * 0.5**0.5:.3g}")

    @property
    def level(self) -> float:
        return self.shot_noise

    def initial(self) -> Tensor:
        """z itself."""
        return self.observation

    def energy(self, x: Tensor) -> Tensor:
        """Infinite where x is not positive, but for x = 0 where nothing was counted."""
        import torch

        self.images_for(x)
        z = self.observation
        parts = torch.where(x < 0, torch.inf, x - torch.xlogy(z, x.clamp_min(0)))
        return (parts / self.shot_noise**2).sum(3).sum(2).sum(1)

    def prox(self, v: Tensor, tau: float | Tensor) -> Tensor:
        weight = checks.per_image(tau, self.images_for(v), "The step size tau") / self.shot_noise**2
        shifted = v - weight
        # Of the two forms of the root, the one without a difference of nearly equal numbers.
        root = (shifted.square() + 4 * weight * self.observation).sqrt()
        return ((shifted + root) / 2).where(shifted > 0, 2 * weight * self.observation / (root - shifted))
