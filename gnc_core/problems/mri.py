"""Magnetic resonance imaging, one coil: some lines of the Fourier transform are measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from gnc_core import checks
from gnc_core.errors import InputError

from .base import Setting
from .linear import Linear

if TYPE_CHECKING:  # what a task is, the command line says without PyTorch
    import torch
    from torch import Tensor


CENTRE = 0.08  # the share of columns around zero frequency that are always measured


@dataclass(frozen=True, eq=False)
class MRI(Linear):
    """z = M F x + noise: a mask of the unitary Fourier transform of a real image. For real images M counts only by its even part
    m(k) = (M(k) + M(-k)) / 2, and the proximal map is `F^-1 (F v + w F A^T z) / (1 + w m)`.

    observation: z, (N, C, H, W), complex, zero frequency at (0, 0); what it holds where nothing is measured does not matter.
    noise_std: of the real and of the imaginary part, in units of an image in [0, 1]. measured: M, (N, 1, H, W) or (1, 1, H, W),
    bool. Raises `InputError` for others.

    >>> import torch
    >>> problem = MRI.degrade(torch.rand(1, 1, 32, 32), 0.01, seed=0, setting="4")
    >>> problem.measured.float().mean().item()
    0.25
    """

    measured: Tensor
    name = "mri"
    title = "MRI"
    in_files = False
    setting = Setting(
        "acceleration", "--acceleration", "One in so many columns of k-space is measured.", ("4", "6", "8", "2")
    )

    def __post_init__(self) -> None:
        import torch

        super().__post_init__()
        z, mask = self.observation, self.measured
        if z.ndim != 4 or not z.is_complex():
            raise InputError(f"k-space must be complex, (N, C, H, W), not {tuple(z.shape)}, {z.dtype}.")
        if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool or mask.ndim != 4:
            raise InputError("The mask of k-space must be a bool tensor (N, 1, H, W).")
        if mask.shape[1:] != (1, *z.shape[2:]) or len(mask) not in (1, len(z)):
            raise InputError(f"The mask {tuple(mask.shape)} does not fit k-space {tuple(z.shape)}.")
        if not mask.flatten(1).any(1).all():
            raise InputError("Nothing is measured; at least one value of k-space must be.")

    @classmethod
    def degrade(cls, truth: Tensor, level: float, seed: int, as_file: bool = False, setting: str = "") -> Self:
        """A random mask of columns, denser in the middle, one in `setting`, and complex Gaussian noise. k-space is in no image
        file: `as_file` does not matter."""
        import torch

        from .degradations import generator

        checks.check_image(truth, "The true images", finite=True)
        level = cls.kind_of_level.check(level)
        random = generator(seed)
        measured = columns(truth.shape[-1], cls._acceleration(setting), random)
        mask = measured.expand(1, 1, truth.shape[-2], -1).clone().to(truth.device)
        noise = torch.complex(*torch.randn(2, *truth.shape, generator=random)).to(truth.device)
        noisy = torch.fft.fft2(truth, norm="ortho") + level * noise.to(truth.dtype.to_complex())
        return cls(torch.where(mask, noisy, 0), level, mask)

    @classmethod
    def of(cls, observation: Tensor, level: float, clipped: bool = False, setting: str = "") -> Self:
        """Of k-space, complex (N, C, H, W), zero frequency at (0, 0), that is 0 where nothing was measured, in all channels."""
        if not observation.is_complex():
            raise InputError(
                "k-space is complex: save a complex array, its zero frequency first, 0 where nothing was measured."
            )
        return cls(observation, cls.kind_of_level.check(level), (observation != 0).any(1, keepdim=True))

    @classmethod
    def _acceleration(cls, setting: str) -> float:
        text = cls.chosen(setting)
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not 1 <= value <= 20:
            raise InputError(f"The acceleration must lie between 1 and 20, not {text!r}.")
        return value

    def initial(self) -> Tensor:
        """The zero-filled image."""
        return self.back

    def pictures(self) -> dict[str, Tensor]:
        import torch

        magnitude = torch.where(self.measured, self.observation.abs(), 0.0)[0, 0].add(1e-3).log()
        shown = (magnitude - magnitude.min()) / (magnitude.max() - magnitude.min())
        return {"k-space, log": torch.fft.fftshift(shown)}

    def forward(self, x: Tensor) -> Tensor:
        import torch

        return torch.where(self.measured, torch.fft.fft2(x, norm="ortho"), 0)

    def adjoint(self, y: Tensor) -> Tensor:
        import torch

        return torch.fft.ifft2(torch.where(self.measured, y, 0), norm="ortho").real

    def energy(self, x: Tensor) -> Tensor:
        import torch

        self.images_for(x)
        differences = torch.where(self.measured, torch.fft.fft2(x, norm="ortho") - self.observation, 0)
        return differences.abs().square().flatten(1).sum(1) / (2 * self.noise_std**2)

    def prox(self, v: Tensor, tau: float | Tensor) -> Tensor:
        import torch

        weight = self.weight(v, tau)
        mirrored = self.measured.flip((2, 3)).roll((1, 1), (2, 3))  # M(-k)
        even = (self.measured.to(v.dtype) + mirrored.to(v.dtype)) / 2
        return torch.fft.ifft2(torch.fft.fft2(v + weight * self.back) / (1 + weight * even)).real


def columns(width: int, acceleration: float, random: torch.Generator) -> Tensor:
    """Which columns are measured, (width,) bool, zero frequency at 0: the lowest always, the others at random with a density that
    falls as (1 - |k| / k_max)^2.

    >>> import torch
    >>> columns(64, 4, torch.Generator().manual_seed(0)).sum().item()
    16
    """
    import torch

    count = max(1, round(width / acceleration))
    frequency = torch.fft.fftfreq(width).abs()
    always = frequency.argsort(stable=True)[: min(count, max(1, round(CENTRE * width)))]
    density = (1 - frequency / 0.5).clamp_min(0) ** 2 + 1e-3
    density[always] = 0
    chosen = torch.zeros(width, dtype=torch.bool)
    chosen[always] = True
    if count > len(always):
        chosen[torch.multinomial(density, count - len(always), generator=random)] = True
    return chosen
