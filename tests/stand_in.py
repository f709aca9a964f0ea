"""A stand-in for the learned prior with everything in closed form: independent Gaussian pixels."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


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
