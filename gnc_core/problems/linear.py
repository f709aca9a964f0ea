"""Linear inverse problems: z = A x + noise, with any linear A that has an adjoint."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

from gnc_core import checks
from gnc_core.errors import InputError

from .base import Level, Problem, mixture

if TYPE_CHECKING:  # what a task is, the command line says without PyTorch
    from torch import Tensor


LEVEL = Level(
    name="noise level",
    short="noise",
    option="--noise-std",
    help="Noise level, a standard deviation in units of [0, 1].",
    low=0,
    high=1,
    example=0.01,
    usual=(0.002, 0.1, 0.01, 0.001),
    fitted=(0.004, 0.05),
)


@dataclass(frozen=True, eq=False)
class Linear(Problem):
    """z = A x + noise, A linear: `D(x) = |A x - z|^2 / (2 noise_std^2)`, and

        prox_{tau D}(v) = (I + w A^T A)^-1 (v + w A^T z),    w = tau / noise_std^2.

    Whoever knows no closed form of it leaves it to conjugate gradients, started from v, which is near where a scheme has got to;
    they end at a residual of 1e-6 of the right-hand side (or 1000 steps). Gradients are those of the exact map.

    observation: z, whatever its shape. noise_std: in units of [0, 1]. Raises `InputError` for values that are not finite and for
    a noise level outside (0, 1).

    >>> import torch
    >>> from gnc_core.problems import Deblurring
    >>> blurred = Deblurring.degrade(torch.full((1, 1, 32, 32), 0.5), 0.01, seed=0)
    >>> isinstance(blurred, Linear), blurred.adjoint(blurred.observation).shape
    (True, torch.Size([1, 1, 32, 32]))
    """

    noise_std: float
    kind_of_level = LEVEL
    steps = 20
    rate = 0.2

    def __post_init__(self) -> None:
        import torch

        z = self.observation
        if not isinstance(z, torch.Tensor) or not z.numel() or not (z.is_floating_point() or z.is_complex()):
            raise InputError("The observation must be a tensor of floating-point numbers.")
        if not z.isfinite().all():
            raise InputError("The observation must be finite, without NaN or infinite values.")
        object.__setattr__(self, "noise_std", self.kind_of_level.check(self.noise_std))

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """A x of images (N, C, H, W)."""

    @abstractmethod
    def adjoint(self, y: Tensor) -> Tensor:
        """A^T y: (N, C, H, W), with <A x, y> = <x, A^T y>."""

    @classmethod
    def first_sigma(cls, level: float, sigma_min: float, sigma_max: float, setting: str = "") -> float:
        """0.2 or twice the noise level: where A has lost much, what is filled in is uncertain by about so much. Measured from
        0.03 to 0.2, with 8 and 20 steps: best, or nearly, for deblurring, super-resolution and MRI."""
        return min(max(0.2, 2 * level, sigma_min), sigma_max)

    @classmethod
    def lowest_sigma(cls, level: float, sigma_min: float) -> float:
        """Twice the prior's smallest."""
        return 2 * sigma_min

    @property
    def level(self) -> float:
        return self.noise_std

    @property
    def shown(self) -> Tensor:
        return self.initial()

    def initial(self) -> Tensor:
        """The regularised inverse argmin |A x - z|^2 + 0.01 |x - 1/2|^2, with |A| of about one."""
        return self._initial

    @cached_property
    def _initial(self) -> Tensor:
        import torch

        grey = torch.full(self.shape, 0.5, dtype=self.observation.real.dtype, device=self.observation.device)
        return self.prox(grey, 100 * self.noise_std**2)

    @cached_property
    def back(self) -> Tensor:
        """A^T z."""
        return self.adjoint(self.observation)

    @property
    def white(self) -> bool:
        return True

    def mixed(self, weights: Sequence[float], offset: float) -> Self:
        """A is linear: A (sum_c w_c x_c + b) = sum_c w_c A x_c + b A 1."""
        import torch

        z = self.observation
        ones = torch.ones(1, 1, *self.shape[2:], dtype=z.real.dtype, device=z.device)
        noise_std = math.hypot(*weights) * self.noise_std
        return replace(self, observation=mixture(z, weights) + offset * self.forward(ones), noise_std=noise_std)

    def energy(self, x: Tensor) -> Tensor:
        self.images_for(x)
        return (self.forward(x) - self.observation).abs().square().flatten(1).sum(1) / (2 * self.noise_std**2)

    def prox(self, v: Tensor, tau: float | Tensor) -> Tensor:
        from .solving import Inverse

        return Inverse.apply(v, self.weight(v, tau), self)

    def near_inverse(self, r: Tensor, weight: Tensor) -> Tensor:
        """About (I + w A^T A)^-1 r, symmetric and positive: it makes conjugate gradients quick."""
        return r

    def weight(self, v: Tensor, tau: float | Tensor) -> Tensor:
        """w = tau / noise_std^2, for each image or for all."""
        import torch

        weight = checks.per_image(tau, self.images_for(v), "The step size tau") / self.noise_std**2
        return torch.as_tensor(weight, dtype=v.dtype, device=v.device)


@dataclass(frozen=True, eq=False)
class LinearOperator(Linear):
    """A linear problem of one's own: A as a function, and its adjoint.

    operator: A, from images (N, C, H, W) to a measurement with N first, differentiable by PyTorch. size: (C, H, W) of the images.
    transpose: A^T; without it, it is had from `operator` by backpropagation. It is checked: <A x, y> = <x, A^T y>.
    Scale A so that its norm is about one. Raises `InputError` for an adjoint that is none, and for sizes that do not fit.

    >>> import torch
    >>> x = torch.rand(1, 1, 8, 8)
    >>> problem = LinearOperator(x[..., ::2], noise_std=0.01, operator=lambda x: x[..., ::2], size=(1, 8, 8))
    >>> problem.adjoint(problem.observation).shape  # every second column is known
    torch.Size([1, 1, 8, 8])
    """

    operator: Callable[[Tensor], Tensor]
    size: tuple[int, int, int]
    transpose: Callable[[Tensor], Tensor] | None = None
    name = "linear"
    title = "Linear"

    def __post_init__(self) -> None:
        import torch

        super().__post_init__()
        z = self.observation
        x = torch.rand(self.shape, generator=torch.Generator().manual_seed(0)).to(z.device, z.real.dtype)
        y = self.forward(x)
        if y.shape != z.shape:
            raise InputError(f"The operator makes {tuple(y.shape)} of images {self.shape}, but z is {tuple(z.shape)}.")
        back = self.adjoint(z)
        if back.shape != x.shape:
            raise InputError(f"The adjoint makes {tuple(back.shape)} of z, not images {self.shape}.")
        left, right = (y * z.conj()).real.sum().item(), (x * back).sum().item()
        if abs(left - right) > 1e-3 * (y.norm() * z.norm()).item():
            raise InputError(f"The adjoint is none: <A x, z> = {left:.6g}, but <x, A^T z> = {right:.6g}.")

    @classmethod
    def degrade(cls, truth: Tensor, level: float, seed: int, as_file: bool = False, setting: str = "") -> Self:
        raise InputError("A linear problem of one's own is made of its observation and its operator.")

    @classmethod
    def of(cls, observation: Tensor, level: float, clipped: bool = False, setting: str = "") -> Self:
        raise InputError("A linear problem of one's own is made of its observation and its operator.")

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self.observation), *self.size

    def forward(self, x: Tensor) -> Tensor:
        return self.operator(x)

    def adjoint(self, y: Tensor) -> Tensor:
        from .solving import transposed

        return self.transpose(y) if self.transpose else transposed(self.operator, y, (len(y), *self.size))
