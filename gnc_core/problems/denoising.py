"""Denoising: z = x + noise."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gnc_core import checks
from gnc_core.errors import InputError


@dataclass(frozen=True, eq=False)
class Denoising:
    """z = x + noise: `D(x) = |x - z|^2 / (2 noise_std^2)`.

    observation: z, (N, 1, H, W), floating point, finite, nominally in [0, 1]. noise_std: in units of [0, 1].
    Two problems are equal only if they are the same object. Raises `InputError` for values that are not finite, for integers,
    for a noise level that is not positive, and for images of another size.
    """

    observation: Tensor
    noise_std: float
    name = "denoise"

    def __post_init__(self) -> None:
        checks.check_image(self.observation, "The observation", finite=True)
        object.__setattr__(self, "noise_std", checks.number(self.noise_std, "The noise level", positive=True))

    @property
    def level(self) -> float:
        return self.noise_std

    def initial(self) -> Tensor:
        """z itself."""
        return self.observation

    def energy(self, x: Tensor) -> Tensor:
        _count(x, self.observation)
        squares = (x - self.observation).square().sum(3).sum(2).sum(1)  # the same bits with any number of threads
        return squares / (2 * self.noise_std**2)

    def prox(self, v: Tensor, tau: float | Tensor) -> Tensor:
        """`(v + tau z / noise_std^2) / (1 + tau / noise_std^2)`."""
        weight = checks.per_image(tau, _count(v, self.observation), "The step size tau") / self.noise_std**2
        return (v + weight * self.observation) / (1 + weight)


def _count(x: Tensor, observation: Tensor) -> int:
    """How many images there are; raises `InputError` unless x are images of the observation's size, on its device, and as many
    (or one of the two is a single one)."""
    checks.check_image(x)
    if x.shape[2:] != observation.shape[2:] or len({len(x), len(observation)} - {1}) > 1:
        raise InputError(f"Images {tuple(x.shape)} do not fit an observation {tuple(observation.shape)}.")
    if x.device != observation.device:
        raise InputError(f"The images are on {x.device}, but the observation is on {observation.device}.")
    return max(len(x), len(observation))
