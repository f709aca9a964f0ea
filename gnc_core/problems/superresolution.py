"""Super-resolution: z is smaller than x."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

from gnc_core import checks
from gnc_core.errors import InputError

from .base import Setting
from .linear import Linear

if TYPE_CHECKING:  # what a task is, the command line says without PyTorch
    from torch import Tensor


SCALES = ("2", "3", "4")


@dataclass(frozen=True, eq=False)
class SuperResolution(Linear):
    """z = S B x + noise: blurred by the anti-aliasing kernel of bicubic reduction (Keys' cubic, as wide as the scale), then every
    scale-th pixel taken; circular boundary.

    A A^T is a convolution of the small image, whose spectrum is the mean of |K|^2 over the frequencies that fall together. By the
    Woodbury identity, with b = v + w A^T z,

        prox(v) = b - w A^T (I + w A A^T)^-1 A b.

    observation: z, (N, C, h, w). noise_std: in units of [0, 1]. scale: 2, 3 or 4. Raises `InputError` for others.

    >>> import torch
    >>> SuperResolution.degrade(torch.rand(1, 1, 32, 48), 0.01, seed=0, setting="4").observation.shape
    torch.Size([1, 1, 8, 12])
    """

    scale: int = 2
    name = "superres"
    title = "Super-resolution"
    setting = Setting("scale", "--scale", "How many times larger: 2, 3 or 4.", SCALES)

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.check_image(self.observation, "The observation")
        if str(self.scale) not in SCALES:
            raise InputError(f"The scale must be one of {', '.join(SCALES)}, not {self.scale!r}.")

    @classmethod
    def chosen(cls, setting: str = "") -> str:
        text = super().chosen(setting)
        if text not in SCALES:
            raise InputError(f"The scale must be one of {', '.join(SCALES)}, not {text!r}.")
        return text

    @classmethod
    def part(cls, truth: Tensor, setting: str = "") -> Tensor:
        """As many rows and columns as are multiples of the scale."""
        scale = int(cls.chosen(setting))
        height, width = (side - side % scale for side in truth.shape[-2:])
        return truth[..., :height, :width]

    @classmethod
    def degrade(cls, truth: Tensor, level: float, seed: int, as_file: bool = False, setting: str = "") -> Self:
        """Reduced by the scale, `setting`, with white Gaussian noise of deviation `level`; sides are multiples of the scale."""
        from .degradations import add_noise, in_a_file

        checks.check_image(truth, "The true images", finite=True)
        scale = int(cls.chosen(setting))
        if any(side % scale for side in truth.shape[2:]):
            raise InputError(
                f"The sides of a true image must be multiples of the scale {scale}, not {tuple(truth.shape[2:])}."
            )
        small = cls(truth[..., ::scale, ::scale], level, scale).forward(truth)
        noisy = add_noise(small, level, seed)
        return cls(in_a_file(noisy) if as_file else noisy, level, scale)

    @classmethod
    def of(cls, observation: Tensor, level: float, clipped: bool = False, setting: str = "") -> Self:
        return cls(observation, level, int(cls.chosen(setting)))

    @property
    def shape(self) -> tuple[int, ...]:
        count, channels, height, width = self.observation.shape
        return count, channels, height * self.scale, width * self.scale

    def initial(self) -> Tensor:
        """Bicubic interpolation."""
        return self._initial

    @cached_property
    def _initial(self) -> Tensor:
        import torch

        return torch.nn.functional.interpolate(
            self.observation, scale_factor=self.scale, mode="bicubic", align_corners=False
        )

    @cached_property
    def spectrum(self) -> Tensor:
        """K, (1, 1, H, W // 2 + 1), of the kernel whose values lie around the middle of a small pixel."""
        import torch

        height, width = self.shape[2:]
        rows, columns = (_reduction(side, self.scale) for side in (height, width))
        return torch.fft.rfft2((rows[:, None] * columns).to(self.observation))[None, None]

    @cached_property
    def folded(self) -> Tensor:
        """The spectrum of A A^T, (1, 1, h, w // 2 + 1): the mean of |K|^2 over what falls together."""
        import torch

        count = self.scale
        _, _, height, width = self.observation.shape
        power = torch.fft.fft2(torch.fft.irfft2(self.spectrum, s=self.shape[2:])).abs().square()
        folds = power.reshape(1, 1, count, height, count, width)
        return folds.mean((2, 4))[..., : width // 2 + 1]

    def forward(self, x: Tensor) -> Tensor:
        import torch

        blurred = torch.fft.irfft2(torch.fft.rfft2(x) * self.spectrum, s=self.shape[2:])
        return blurred[..., :: self.scale, :: self.scale]

    def adjoint(self, y: Tensor) -> Tensor:
        import torch

        spread = y.new_zeros(len(y), *self.shape[1:])
        spread[..., :: self.scale, :: self.scale] = y
        return torch.fft.irfft2(torch.fft.rfft2(spread) * self.spectrum.conj(), s=self.shape[2:])

    def prox(self, v: Tensor, tau: float | Tensor) -> Tensor:
        import torch

        weight = self.weight(v, tau)
        b = v + weight * self.back
        small = torch.fft.rfft2(self.forward(b)) / (1 + weight * self.folded)
        return b - weight * self.adjoint(torch.fft.irfft2(small, s=self.observation.shape[2:]))


def _reduction(side: int, scale: int) -> Tensor:
    """The kernel along one axis, (side,), circular: a small pixel's weights of the large ones, as a convolution has them. The
    middle of small pixel 0 lies at (scale - 1) / 2."""
    import torch

    place = torch.arange(side, dtype=torch.float64)
    place = torch.where(place > side / 2, place - side, place)
    t = ((-place - (scale - 1) / 2) / scale).abs()  # a convolution reads its kernel backwards
    near = 1.5 * t**3 - 2.5 * t**2 + 1
    far = -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    kernel = torch.where(t < 1, near, torch.where(t < 2, far, 0.0))
    return kernel / kernel.sum()
