"""Denoising: z = x + noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from gnc_core import checks

from .base import Level, Problem

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Denoising(Problem):
    """z = x + noise: `D(x) = |x - z|^2 / (2 noise_std^2)`.

    observation: z, (N, C, H, W), floating point, finite, nominally in [0, 1]. noise_std: in units of [0, 1].
    Raises `InputError` for values that are not finite, for integers, for a noise level outside (0, 1), and for images of another
    size.

    >>> import torch
    >>> problem = Denoising(torch.full((1, 1, 2, 2), 0.6), noise_std=0.1)
    >>> problem.prox(torch.full((1, 1, 2, 2), 0.4), tau=0.01)[0, 0, 0, 0].item()  # halfway between
    0.5
    """

    noise_std: float
    name = "denoise"
    title = "Denoise"
    kind_of_level = Level(
        name="noise level",
        short="noise",
        option="--noise-std",
        help="Noise level, a standard deviation in units of [0, 1] (25/255 is 0.098).",
        low=0,
        high=1,
        example=0.1,
        usual=(0.01, 0.5, 0.1, 0.002),
        fitted=(5 / 255, 0.4),
    )
    steps = 4  # of 3 to 20 the best at 15, 25 and 50 of 255: more go on below the noise level
    rate = 0.9  # near the noise level that is close to a Newton step, and a few steps reach it
    blind = True

    def __post_init__(self) -> None:
        checks.check_image(self.observation, "The observation", finite=True)
        object.__setattr__(self, "noise_std", self.kind_of_level.check(self.noise_std))

    @classmethod
    def degrade(cls, truth: Tensor, level: float, seed: int) -> Self:
        """White Gaussian noise of standard deviation `level`, neither clipped nor quantised."""
        from .degradations import add_noise

        checks.check_image(truth, "The true images", finite=True)
        return cls(add_noise(truth, level, seed), level)

    @classmethod
    def of(cls, observation: Tensor, level: float) -> Self:
        return cls(observation, level)

    @classmethod
    def first_sigma(cls, level: float, sigma_min: float, sigma_max: float) -> float:
        """The noise level."""
        return min(max(level, sigma_min), sigma_max)

    @classmethod
    def lowest_sigma(cls, level: float, sigma_min: float) -> float:
        """Half the noise level."""
        return float(f"{level / 2:.3g}")

    @property
    def level(self) -> float:
        return self.noise_std

    def initial(self) -> Tensor:
        """z itself."""
        return self.observation

    def energy(self, x: Tensor) -> Tensor:
        self.images_for(x)
        squares = (x - self.observation).square().sum(3).sum(2).sum(1)  # the same bits with any number of threads
        return squares / (2 * self.noise_std**2)

    def prox(self, v: Tensor, tau: float | Tensor) -> Tensor:
        """`(v + tau z / noise_std^2) / (1 + tau / noise_std^2)`."""
        weight = checks.per_image(tau, self.images_for(v), "The step size tau") / self.noise_std**2
        return (v + weight * self.observation) / (1 + weight)
