"""The joint energy R(x, s) of points and smoothings, of which priors and mixtures are two kinds.

Where R(x, s) = -log p_sigma(x), with its normalisation and s = log(sigma), exp(-R(x, s)) p(s) is the density of noisy points x
and of how noisy they are. Learned priors have R up to their calibration in s (method, section 3); mixtures have it exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from gnc_core import checks
from gnc_core.errors import InputError
from gnc_core.mixture import GaussianMixture


class JointEnergy(Protocol):
    """R(x, s) of points x, (N, ...), and of s = log(sigma), a number or (N,). Every `Prior` is one.

    >>> from gnc_core.mixture import PRESETS
    >>> from gnc_core.prior import FieldsOfExperts
    >>> energies: list[JointEnergy] = [FieldsOfExperts(), MixtureEnergy(PRESETS["Five components"])]
    >>> [energy.sigma_min for energy in energies]
    [0.01, 0.01]
    """

    @property
    def sigma_min(self) -> float: ...

    @property
    def sigma_max(self) -> float: ...

    def energy(self, x: Tensor, s: float | Tensor) -> Tensor:
        """R(x, s) of each point: (N,)."""

    def score(self, x: Tensor, s: float | Tensor) -> Tensor:
        """grad_x R(x, s), in the shape of x."""


@dataclass(frozen=True)
class MixtureEnergy:
    """A Gaussian mixture as a prior: R(x, s) = E(x, exp(s)) = -log p_sigma(x), normalised at every s (method, section 1).

    Points are (N, d), or images (N, C, H, W) of d pixels. sigma_min, sigma_max: the smoothings that chains and ODEs take, in the
    unit of the points. Raises `InputError` unless 0 < sigma_min < sigma_max.

    >>> two = MixtureEnergy(GaussianMixture([0.5, 0.5], [-1.0, 1.0], [0.01, 0.01]), sigma_max=5.0)
    >>> two.score(torch.zeros(3, 1, dtype=torch.float64), s=0.0).tolist()  # halfway
    [[0.0], [0.0], [0.0]]
    """

    mixture: GaussianMixture
    sigma_min: float = 0.01
    sigma_max: float = 0.5
    min_size: int = 1

    def __post_init__(self) -> None:
        low, high = (checks.number(v, "sigma", positive=True) for v in (self.sigma_min, self.sigma_max))
        if low >= high:
            raise InputError(f"Smoothings run from sigma_min up to sigma_max: {low:g} must be below {high:g}.")

    def energy(self, x: Tensor, s: float | Tensor) -> Tensor:
        """R(x, s) of each point: (N,)."""
        return self.mixture.energy(x.flatten(1), _sigma(s))

    def score(self, x: Tensor, s: float | Tensor) -> Tensor:
        """grad_x R(x, s), in the shape of x."""
        return self.mixture.gradient(x.flatten(1), _sigma(s)).view_as(x)

    def slope(self, x: Tensor, s: float | Tensor) -> Tensor:
        """dR/ds(x, s) of each point, (N,), by the heat equation: sigma^2 (tr hess R - |grad R|^2)."""
        trace = self.hessian(x, s).diagonal(dim1=-2, dim2=-1).sum(-1)
        return _sigma(s) ** 2 * (trace - self.score(x, s).flatten(1).square().sum(1))

    def hessian(self, x: Tensor, s: float | Tensor) -> Tensor:
        """hess_x R(x, s): (N, d, d)."""
        return self.mixture.hessian(x.flatten(1), _sigma(s))


class Counted:
    """The same energy, which counts how often each point's score (or its Hessian) was asked for: `scores`.

    >>> from gnc_core.mixture import PRESETS
    >>> counted = Counted(MixtureEnergy(PRESETS["Five components"]))
    >>> _ = counted.score(torch.zeros(8, 1), -1.0), counted.energy(torch.zeros(8, 1), -1.0)
    >>> counted.scores, counted.energies
    (1, 1)
    """

    def __init__(self, of: Any) -> None:
        self.of, self.scores, self.energies = of, 0, 0
        self.sigma_min, self.sigma_max = of.sigma_min, of.sigma_max

    def energy(self, x: Tensor, s: float | Tensor) -> Tensor:
        """As `JointEnergy.energy`."""
        self.energies += 1
        return self.of.energy(x, s)

    def score(self, x: Tensor, s: float | Tensor) -> Tensor:
        """As `JointEnergy.score`."""
        self.scores += 1
        return self.of.score(x, s)

    def hessian(self, x: Tensor, s: float | Tensor) -> Tensor:
        """As `MixtureEnergy.hessian`; not counted."""
        return self.of.hessian(x, s)


@dataclass(frozen=True, eq=False)
class State:
    """Where chains and ODEs are after `index` steps, counted from 1.

    sigma: the smoothing of each point, (N,); 0 after the last step of an ODE, whose points are denoised. x: (N, ...).

    >>> State(1, torch.tensor([0.5]), torch.zeros(1, 2)).s.exp().item()
    0.5
    """

    index: int
    sigma: Tensor
    x: Tensor

    @property
    def s(self) -> Tensor:
        """log(sigma), (N,)."""
        return self.sigma.log()


def noise_direction(energy: JointEnergy, x: Tensor, sigma: Tensor) -> Tensor:
    """e = sigma grad_x R(x, log(sigma)), in the shape of x: an estimate of the noise eta in x = clean + sigma eta, by Tweedie.

    sigma: (N,).

    >>> dirac = MixtureEnergy(GaussianMixture([1.0], [0.0], [0.0]))
    >>> noise_direction(dirac, torch.tensor([[0.3]]), torch.tensor([0.1])).numpy().round(3)  # what is not 0 is noise
    array([[3.]])
    """
    return each(sigma, x) * energy.score(x, sigma.log())


def tweedie(energy: JointEnergy, x: Tensor, sigma: Tensor) -> Tensor:
    """E[clean | x] = x - sigma^2 grad_x R(x, log(sigma)), in the shape of x (method, section 1). sigma: (N,).

    >>> dirac = MixtureEnergy(GaussianMixture([1.0], [0.5], [0.0]))
    >>> tweedie(dirac, torch.tensor([[0.7]]), torch.tensor([0.1])).numpy().round(3)
    array([[0.5]])
    """
    return x - each(sigma, x) * noise_direction(energy, x, sigma)


def each(value: Tensor, x: Tensor) -> Tensor:
    """One number a point, (N,), as it multiplies points x: (N, 1, ...), in their type.

    >>> each(torch.ones(2), torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 1, 1, 1])
    """
    return value.to(x).view(-1, *[1] * (x.ndim - 1))


def noise_like(x: Tensor, generator: torch.Generator) -> Tensor:
    """Gaussian noise in the shape and type of x, drawn on the CPU: the same on every device.

    >>> noise_like(torch.zeros(2, 3), torch.Generator().manual_seed(0)).shape
    torch.Size([2, 3])
    """
    return torch.randn(x.shape, generator=generator, dtype=x.dtype).to(x.device)


def last(states: Iterator[State]) -> State:
    """Runs a chain or an ODE to its end: its last state.

    >>> last(iter([State(1, torch.ones(1), torch.zeros(1, 1)), State(2, torch.zeros(1), torch.ones(1, 1))])).index
    2
    """
    *_, state = states
    return state


def _sigma(s: float | Tensor) -> float | Tensor:
    return s.exp() if isinstance(s, Tensor) else math.exp(s)
