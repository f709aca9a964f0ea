"""The reverse ODE from noisy points to clean ones, in sigma (Karras et al., Elucidating the Design Space of Diffusion-Based
Generative Models, 2022).

dx/dsigma = sigma grad_x R(x, log(sigma)) = e carries samples of p_sigma to samples of p_sigma' for any other sigma'. Euler's
method takes e where it is, Heun's the mean of e there and where Euler's step leads. At sigma_min, Tweedie's step ends at 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from gnc_core import checks
from gnc_core.errors import InputError
from gnc_core.restoration.schedules import check_steps

from .directions import PLAIN, Direction
from .joint import JointEnergy, State, each, noise_direction, tweedie

ORDERS = {"euler": 1, "heun": 2}
"""The methods, and how many scores a step takes."""


@dataclass(frozen=True)
class ReverseODE:
    """`steps` steps of Euler's or Heun's method down to sigma_min, and Tweedie's from there: `steps` + 1 states.

    method: "euler" or "heun"; scores: how many it takes a point. rho: how much the steps shorten on the way down (see `spaced`).
    direction: see `directions`; of Heun's method, the first of its two. The flow is exact, steps are not: the error
    falls with their number, for Heun's method with its square. Raises `InputError` for another method, steps outside 1 ... 1000
    and rho that is not positive.

    >>> from gnc_core.mixture import GaussianMixture
    >>> from gnc_core.sampling import MixtureEnergy, last
    >>> two = MixtureEnergy(GaussianMixture([0.5, 0.5], [-1.0, 1.0], [0.0, 0.0]), sigma_max=10.0)
    >>> x = torch.tensor([[-9.0], [4.0]], dtype=torch.float64)
    >>> last(ReverseODE(steps=8).run(two, x, two.sigma_max)).x.round(decimals=3).tolist()
    [[-1.0], [1.0]]
    """

    steps: int
    method: str = "heun"
    rho: float = 7.0
    direction: Direction = PLAIN

    def __post_init__(self) -> None:
        check_steps(self.steps)
        checks.number(self.rho, "rho", positive=True)
        if self.method not in ORDERS:
            raise InputError(f"There is no method {self.method!r}; there are {', '.join(ORDERS)}.")

    @property
    def scores(self) -> int:
        return ORDERS[self.method] * self.steps + 1

    @torch.no_grad()
    def run(self, energy: JointEnergy, x: Tensor, sigma: float | Tensor) -> Iterator[State]:
        """From points x, (N, ...), of the smoothings sigma, a number or (N,), none below the energy's smallest."""
        start = torch.as_tensor(sigma, dtype=torch.float64).to(x.device).expand(len(x))
        sigmas = spaced(start, energy.sigma_min, self.steps, self.rho)
        bend = self.direction.start(self.steps)
        for index, (now, then) in enumerate(pairwise(sigmas), start=1):
            e = noise_direction(energy, x, now)
            v = bend(e, x, now)
            ahead = x + each(then - now, x) * v
            if self.method == "heun":
                ahead = x + each(then - now, x) * (v + noise_direction(energy, ahead, then)) / 2
            x = ahead
            yield State(index, then, x)
        yield State(self.steps + 1, torch.zeros_like(start), tweedie(energy, x, sigmas[-1]))


def spaced(sigma: Tensor, sigma_min: float, steps: int, rho: float = 7.0) -> Tensor:
    """Smoothings from sigma, (N,), to sigma_min, equally spaced in sigma^(1/rho): (steps + 1, N). Karras et al. take rho = 7;
    1 is a linear schedule, and large ones approach a logarithmic one.

    >>> spaced(torch.tensor([0.5, 0.3]), 0.1, steps=2, rho=1.0)
    tensor([[0.5000, 0.3000],
            [0.3000, 0.2000],
            [0.1000, 0.1000]])
    """
    first, end = sigma ** (1 / rho), sigma_min ** (1 / rho)
    share = torch.linspace(0, 1, steps + 1, dtype=sigma.dtype, device=sigma.device)[:, None]
    return (first + share * (end - first)) ** rho
