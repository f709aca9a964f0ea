"""Stand-ins for the learned priors: one with everything in closed form, independent Gaussian pixels, and a quick one in files."""

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from gnc_core import zoo
from gnc_core.prior.fields_of_experts import FieldsOfExperts
from gnc_core.restoration import ScheduleFamily


@dataclass(frozen=True)
class GaussianPrior:
    """-log of the density N(mean, variance + sigma^2) of every pixel, without the 2 pi."""

    mean: float = 0.4
    variance: float = 0.04
    sigma_min: float = 0.01
    sigma_max: float = 0.5
    min_size: int = 2

    def total(self, x: Tensor, s: float | Tensor) -> Tensor:
        s = torch.as_tensor(s, dtype=x.dtype).expand(len(x))
        return torch.exp(2 * s) + self.variance

    def energy(self, x: Tensor, s: float | Tensor) -> Tensor:
        v, n = self.total(x, s), x[0].numel()
        return (x - self.mean).square().sum((1, 2, 3)) / (2 * v) + n / 2 * v.log()

    def score(self, x: Tensor, s: float | Tensor) -> Tensor:
        return (x - self.mean) / self.total(x, s).view(-1, 1, 1, 1)

    def slope(self, x: Tensor, s: float | Tensor) -> Tensor:
        v, n = self.total(x, s), x[0].numel()
        rise = 2 * (v - self.variance)  # dv/ds
        squared = (x - self.mean).square().sum((1, 2, 3))
        return (n / v - squared / v**2) * rise / 2

    def sample(self, count: int, size: int, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(count, 1, size, size, generator=generator)
        return self.mean + math.sqrt(self.variance) * noise

    def posterior_mean(self, z: Tensor, noise_std: float) -> Tensor:
        gain = self.variance / (self.variance + noise_std**2)
        return self.mean + gain * (z - self.mean)


def save_small(folder: Path, steps: tuple[int, int]) -> Path:
    """A prior that is quick and untrained, with schedules to denoise in these numbers of steps; returns the folder."""
    prior = FieldsOfExperts(1, channels=8, kernel_size=3, knots_u=15, knots_s=6)
    zoo.save(folder, prior, {})
    weights = torch.zeros(7, 9).tolist()
    zoo.save_family(
        folder, ScheduleFamily(weights, "denoise", folder.name, (0.02, 0.4), steps, prior.sigma_min, prior.sigma_max)
    )
    return folder
