"""Denoising: z = x + noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from gnc_core import checks

from .base import Level, Problem, mixture

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Denoising(Problem):
    """z = x + noise: `D(x) = |x - z|^2 / (2 noise_std^2)`.

    Image files hold nothing below 0 and above 1: with `clipped`, z = 0 says only that x + noise was 0 or less, z = 1 that it was
    1 or more (censored observations). D is `-log Phi(-x / noise_std)` and `-log Phi((x - 1) / noise_std)` there.

    observation: z, (N, C, H, W), floating point, finite, nominally in [0, 1]. noise_std: in units of [0, 1].
    Raises `InputError` for values that are not finite, for integers, for a noise level outside (0, 1), and for images of another
    size.

    >>> import torch
    >>> problem = Denoising(torch.full((1, 1, 2, 2), 0.6), noise_std=0.1)
    >>> problem.prox(torch.full((1, 1, 2, 2), 0.4), tau=0.01)[0, 0, 0, 0].item()  # halfway between
    0.5
    """

    noise_std: float
    clipped: bool = False
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
    def degrade(cls, truth: Tensor, level: float, seed: int, as_file: bool = False, setting: str = "") -> Self:
        """White Gaussian noise of standard deviation `level`, neither clipped nor quantised, or both, `as_file`."""
        from .degradations import add_noise, in_a_file

        cls.chosen(setting)
        checks.check_image(truth, "The true images", finite=True)
        noisy = add_noise(truth, level, seed)
        return cls(in_a_file(noisy), level, clipped=True) if as_file else cls(noisy, level)

    @classmethod
    def of(cls, observation: Tensor, level: float, clipped: bool = False, setting: str = "") -> Self:
        return cls(observation, level, clipped)

    @classmethod
    def first_sigma(cls, level: float, sigma_min: float, sigma_max: float, setting: str = "") -> float:
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
        """z itself; where it is clipped, what it is expected to have been if x = z."""
        return self.completed(self.observation)

    def completed(self, x: Tensor) -> Tensor:
        """What the noisy image, before it was clipped, is expected to have been if the truth is x (one step of EM):

        z~ = x - noise_std h(-x / noise_std) where z is 0 or less, x + noise_std h((x - 1) / noise_std) where it is 1 or more,
        with the hazard h = phi / Phi; z elsewhere."""
        if not self.clipped:
            return self.observation
        import torch

        sigma, (dark, bright) = self.noise_std, self._censored()
        below, above = x - sigma * _hazard(-x / sigma), x + sigma * _hazard((x - 1) / sigma)
        return torch.where(dark, below, torch.where(bright, above, self.observation))

    def _censored(self) -> tuple[Tensor, Tensor]:
        return self.observation <= 0, self.observation >= 1

    def energy(self, x: Tensor) -> Tensor:
        self.images_for(x)
        return self.parts(x).sum(3).sum(2).sum(1)  # the same bits with any number of threads

    def parts(self, x: Tensor) -> Tensor:
        """What each pixel adds to the energy: (N, C, H, W)."""
        parts = (x - self.observation).square() / (2 * self.noise_std**2)
        if self.clipped:
            import torch
            from torch.special import log_ndtr

            dark, bright = self._censored()
            parts = torch.where(dark, -log_ndtr(-x / self.noise_std), parts)
            parts = torch.where(bright, -log_ndtr((x - 1) / self.noise_std), parts)
        return parts

    @property
    def white(self) -> bool:
        return True

    def mixed(self, weights: Sequence[float], offset: float) -> Self:
        """Noise that was cut off is completed once, at the start."""
        return replace(
            self,
            observation=mixture(self.initial(), weights) + offset,
            noise_std=math.hypot(*weights) * self.noise_std,
            clipped=False,
        )

    def prox(self, v: Tensor, tau: float | Tensor) -> Tensor:
        """`(v + tau z / noise_std^2) / (1 + tau / noise_std^2)`, with `completed(v)` for z: of clipped z, a step of EM."""
        weight = checks.per_image(tau, self.images_for(v), "The step size tau") / self.noise_std**2
        return (v + weight * self.completed(v)) / (1 + weight)


def _hazard(t: Tensor) -> Tensor:
    """phi(t) / Phi(t) of the standard normal distribution, stable for all t."""
    from torch.special import log_ndtr

    return (-t.square() / 2 - math.log(2 * math.pi) / 2 - log_ndtr(t)).exp()
