"""Deblurring: z = k * x + noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

from gnc_core import checks
from gnc_core.errors import InputError

from .base import Setting
from .kernels import HOW, check_kernel, kernel
from .linear import Linear

if TYPE_CHECKING:  # what a task is, the command line says without PyTorch
    from torch import Tensor


BOUNDARIES = ("circular", "reflect", "replicate")


@dataclass(frozen=True, eq=False)
class Deblurring(Linear):
    """z = k * x + noise, the convolution with a known kernel.

    With a circular boundary A is diagonal in Fourier space, and so is its proximal map: with K the kernel's spectrum,
    `prox(v) = F^-1 (F v + w conj(K) F z) / (1 + w |K|^2)`. With others (the image goes on as its mirror image, or as its border)
    it is had by conjugate gradients.

    observation: z, (N, C, H, W). noise_std: in units of [0, 1]. kernel: (N, 1, k, l) or (1, 1, k, l), odd sides, sum one; it is
    normalised. boundary: one of `BOUNDARIES`. Raises `InputError` for what is none of these, and for kernels larger than images.

    >>> import torch
    >>> from gnc_core.problems.kernels import gaussian
    >>> z = torch.full((1, 1, 32, 32), 0.5)
    >>> torch.allclose(Deblurring(z, 0.01, gaussian(1.6)).prox(z, 0.1), z)  # a constant image is its own blur
    True
    """

    kernel: Tensor
    boundary: str = "circular"
    name = "deblur"
    title = "Deblur"
    setting = Setting(
        "kernel", "--kernel", f"Kernel of the blur: {HOW}.", ("gaussian:1.6", "gaussian:3", "motion:15:30", "shake:1")
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.check_image(self.observation, "The observation")
        checked = check_kernel(self.kernel).to(self.observation)
        if len(checked) not in (1, len(self.observation)):
            raise InputError(
                f"There are {len(checked)} kernels for {len(self.observation)} images; give one, or as many."
            )
        if self.boundary not in BOUNDARIES:
            raise InputError(f"There is no boundary {self.boundary!r}; there are {', '.join(BOUNDARIES)}.")
        if any(k > side for k, side in zip(checked.shape[2:], self.shape[2:], strict=True)):
            raise InputError(f"The kernel, {tuple(checked.shape[2:])}, is larger than the image, {self.shape[2:]}.")
        object.__setattr__(self, "kernel", checked)

    @classmethod
    def degrade(cls, truth: Tensor, level: float, seed: int, as_file: bool = False, setting: str = "") -> Self:
        """The blur of `setting`, a kernel's text, with a circular boundary, and white Gaussian noise of deviation `level`."""
        from .degradations import add_noise, in_a_file

        checks.check_image(truth, "The true images", finite=True)
        sharp = cls(truth, level, kernel(cls.chosen(setting)))
        blurred = add_noise(sharp.forward(truth), level, seed)
        return cls(in_a_file(blurred) if as_file else blurred, level, sharp.kernel)

    @classmethod
    def of(cls, observation: Tensor, level: float, clipped: bool = False, setting: str = "") -> Self:
        """A photograph goes on beyond its border, nobody knows how: as its mirror image is the best guess of the three."""
        return cls(observation, level, kernel(cls.chosen(setting)), "reflect")

    @classmethod
    def learned_suit(cls, setting: str = "") -> bool:
        """Those fitted to a Gaussian kernel gain with other Gaussians and with motions, and lose with a hand's shake."""
        return cls.chosen(setting).startswith(("gaussian", "motion"))

    @property
    def shown(self) -> Tensor:
        return self.observation

    def initial(self) -> Tensor:
        """z itself."""
        return self.observation

    def pictures(self) -> dict[str, Tensor]:
        shown = self.kernel[0, 0]
        return {"kernel": shown / shown.max()}

    @cached_property
    def spectrum(self) -> Tensor:
        """K, (N, 1, H, W // 2 + 1): that of the kernel with its middle at (0, 0)."""
        return self._spectrum(*self.shape[2:])

    @cached_property
    def spectrum_beyond(self) -> Tensor:
        """That of the kernel in an image that goes on beyond its border."""
        return self._spectrum(*(side + k - 1 for side, k in zip(self.shape[2:], self.kernel.shape[2:], strict=True)))

    def _spectrum(self, height: int, width: int) -> Tensor:
        import torch

        rows, columns = self.kernel.shape[2:]
        padded = torch.nn.functional.pad(self.kernel, (0, width - columns, 0, height - rows))
        return torch.fft.rfft2(padded.roll((-(rows // 2), -(columns // 2)), (2, 3)))

    @property
    def _border(self) -> tuple[int, int, int, int]:
        rows, columns = self.kernel.shape[2:]
        return columns // 2, columns // 2, rows // 2, rows // 2

    def _beyond(self, x: Tensor) -> Tensor:
        import torch

        return torch.nn.functional.pad(x, self._border, mode=self.boundary)

    def forward(self, x: Tensor) -> Tensor:
        if self.boundary == "circular":
            return _filtered(x, self.spectrum)
        blurred = _filtered(self._beyond(x), self.spectrum_beyond)
        left, _, top, _ = self._border
        return blurred[..., top : top + x.shape[2], left : left + x.shape[3]]

    def adjoint(self, y: Tensor) -> Tensor:
        import torch

        if self.boundary == "circular":
            return _filtered(y, self.spectrum.conj())
        spread = _filtered(torch.nn.functional.pad(y, self._border), self.spectrum_beyond.conj())
        from .solving import transposed

        return transposed(self._beyond, spread, tuple(y.shape))

    def prox(self, v: Tensor, tau: float | Tensor) -> Tensor:
        if self.boundary != "circular":
            return super().prox(v, tau)
        weight = self.weight(v, tau)
        return self.near_inverse(v + weight * self.back, weight)

    def near_inverse(self, r: Tensor, weight: Tensor) -> Tensor:
        """The inverse itself where the boundary is circular."""
        return _filtered(r, 1 / (1 + weight * self.spectrum.abs().square()))


def _filtered(x: Tensor, spectrum: Tensor) -> Tensor:
    import torch

    return torch.fft.irfft2(torch.fft.rfft2(x) * spectrum, s=x.shape[2:])
