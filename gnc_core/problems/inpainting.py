"""Inpainting: some pixels are known, the others missing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

from gnc_core import checks
from gnc_core.errors import InputError

from .base import Level, Problem, Setting, mixture
from .denoising import Denoising

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Inpainting(Problem):
    """Known and missing pixels: D is 0 if x equals z at the observed pixels, and infinite otherwise; where the known pixels are
    noisy, D is that of `Denoising`, at the known pixels alone.

    observation: z, (N, C, H, W); what it holds at missing pixels does not matter.
    observed: bool, True where a pixel is known; broadcast over images and channels, e.g. (1, 1, H, W).
    start: what schemes start from at the missing pixels, "harmonic" (Laplace's equation, see `filling.harmonic_fill`) or "grey"
    (0.5, as in the paper): a step reaches a kernel's width, and from grey the middle of a hole stays grey for long.
    noise_std: of the known pixels, in units of [0, 1]; 0 takes them as exact. clipped: whether a file cut that noise off.
    Raises `InputError` for another mask size, if all pixels are missing, for known pixels that are not finite, and for another
    start.

    >>> import torch
    >>> observed = torch.tensor([[[[True, False]]]])
    >>> problem = Inpainting(torch.tensor([[[[0.25, 0.0]]]]), observed)
    >>> problem.level, problem.prox(torch.ones(1, 1, 1, 2), tau=0.1).tolist()
    (0.5, [[[[0.25, 1.0]]]])
    """

    observed: Tensor
    start: str = "harmonic"
    noise_std: float = 0.0
    clipped: bool = False
    name = "inpaint"
    title = "Inpaint"
    kind_of_level = Level(
        name="share of missing pixels",
        short="missing",
        option="--missing",
        help="Share of the pixels that are missing, in (0, 1).",
        low=0,
        high=1,
        example=0.5,
        usual=(0.01, 0.99, 0.5, 0.01),
        fitted=(0.2, 0.95),
        unit="all pixels",
        other=(100, "%"),
    )
    steps = 20
    # Gaps are filled from their borders, a kernel's width a step: s has to wait for x, or it is at its smallest with empty gaps.
    rate = 0.1
    takes_mask = True
    starts = ("harmonic", "grey")
    setting = Setting(
        "noise of known pixels",
        "--known-noise",
        "Noise level of the known pixels, a standard deviation in units of [0, 1].",
        ("0", "0.02", "0.05", "0.1"),
    )

    def __post_init__(self) -> None:
        import torch

        super().__post_init__()
        shape, mask = self.observation.shape, self.observed
        if not isinstance(mask, torch.Tensor) or mask.device != self.observation.device:
            raise InputError(f"The mask must be a tensor on {self.observation.device}, where the observation is.")
        channels = mask.shape[1] if mask.ndim == 4 else 0
        if mask.dtype != torch.bool or mask.shape[2:] != shape[2:] or channels not in (1, shape[1]):
            raise InputError(f"The mask {tuple(mask.shape)} must be bool and of the image's size {tuple(shape)}.")
        if len(mask) not in (1, shape[0]):
            raise InputError(f"There are {len(mask)} masks for {shape[0]} images; give one, or as many.")
        if not mask.flatten(1).any(1).all():
            raise InputError("All pixels are missing; at least one must be observed.")
        if not torch.isfinite(self.observation[mask.expand(shape)]).all():
            raise InputError("The observed pixels contain NaN or infinite values.")
        self.check_start(self.start)
        if self.noise_std != 0:
            object.__setattr__(self, "noise_std", Denoising.kind_of_level.check(self.noise_std))

    @classmethod
    def chosen(cls, setting: str = "") -> str:
        """The noise level, as a number's text."""
        text = super().chosen(setting)
        value = checks.said(text, "The noise of the known pixels")
        return text if value == 0 else f"{Denoising.kind_of_level.check(value):g}"

    @classmethod
    def _noise(cls, setting: str) -> float:
        return checks.said(cls.chosen(setting), "The noise of the known pixels")

    @classmethod
    def degrade(cls, truth: Tensor, level: float, seed: int, as_file: bool = False, setting: str = "") -> Self:
        """A share `level` of the pixels is missing at random, the same in all N images and their channels; `setting` is the noise
        level of the others."""
        from .degradations import random_mask

        checks.check_image(truth, "The true images", finite=True)
        return cls.hidden(truth, random_mask(truth.shape, level, seed).to(truth.device), seed, setting, as_file)

    @classmethod
    def hidden(cls, truth: Tensor, observed: Tensor, seed: int = 0, setting: str = "", as_file: bool = False) -> Self:
        """The problem made of true images by a mask; the known pixels have noise of the level `setting`."""
        from .degradations import add_noise, in_a_file

        noise_std = cls._noise(setting)
        z = add_noise(truth, noise_std, seed) if noise_std else truth
        z = in_a_file(z) if as_file else z
        return cls(z.where(observed, 0.5), observed, noise_std=noise_std, clipped=as_file and noise_std > 0)

    @classmethod
    def of(cls, observation: Tensor, level: float, clipped: bool = False, setting: str = "") -> Self:
        raise InputError("A share of missing pixels does not say which: inpainting needs a mask.")

    @classmethod
    def known(cls, observation: Tensor, observed: Tensor, clipped: bool = False, setting: str = "") -> Self:
        """The problem of an image whose known pixels have the noise that `setting` says, cut off by a file (`clipped`) or not."""
        noise_std = cls._noise(setting)
        return cls(observation, observed, noise_std=noise_std, clipped=clipped and noise_std > 0)

    @classmethod
    def first_sigma(cls, level: float, sigma_min: float, sigma_max: float, setting: str = "") -> float:
        """0.05: the harmonic start is smooth, and larger smoothings take away from it. From grey, the prior's largest is better,
        which reaches across the gaps. Not below the noise of the known pixels."""
        return min(max(0.05, cls._noise(setting), sigma_min), sigma_max)

    @classmethod
    def words(cls, level: float, setting: str = "") -> str:
        """The level, and the noise of known pixels if they have any: "inpaint, missing 0.8, noise 0.05"."""
        noise = cls._noise(setting)
        return super().words(level) + f", noise {noise:.4g}" * (noise > 0)

    @classmethod
    def learned_suit(cls, setting: str = "") -> bool:
        """Those for exact pixels end below the noise of others."""
        return cls._noise(setting) == 0

    @classmethod
    def lowest_sigma(cls, level: float, sigma_min: float) -> float:
        """Twice the prior's smallest."""
        return 2 * sigma_min

    @property
    def level(self) -> float:
        return float((~self.observed).float().mean())

    def initial(self) -> Tensor:
        """z, with its harmonic fill (computed once) or 0.5 at the missing pixels, see `start`."""
        return self._initial

    @cached_property
    def _initial(self) -> Tensor:
        from .filling import harmonic_fill

        if self.start == "grey":
            return self._noisy.initial().where(self.observed, 0.5)
        return harmonic_fill(self._noisy.initial(), self.observed)

    @cached_property
    def _noisy(self) -> Denoising:
        """The denoising of the known pixels."""
        return Denoising(self.observation.where(self.observed, 0.5), self.noise_std or 0.5, self.clipped)

    @cached_property
    def depth(self) -> float:
        """How far missing pixels are from the nearest known one, at most, in pixels; 0 if none is missing."""
        from scipy.ndimage import distance_transform_edt

        masks = [mask for mask in self.observed.cpu().numpy().reshape(-1, *self.observed.shape[2:]) if mask.any()]
        return max(float(distance_transform_edt(~mask).max()) for mask in masks)

    def note(self, steps: int) -> str:
        """What is known spreads as by diffusion. Measured on square holes with the flow of foe-l1: where steps < (depth / 2)^2,
        about half of what 300 steps change is still ahead."""
        needed = math.ceil((self.depth / 2) ** 2)
        if steps >= needed:
            return ""
        return (
            f"Some missing pixels are {self.depth:.0f} from the nearest known one, too deep for {steps} step{'s'[: steps > 1]}: "
            f"the result stays near the start there. About {needed} would reach them."
        )

    @property
    def white(self) -> bool:
        return self.noise_std > 0

    def mixed(self, weights: Sequence[float], offset: float) -> Self:
        """Noise that was cut off is completed once, at the start. Raises `InputError` if each channel has a mask of its own."""
        if self.observed.shape[1] != 1:
            raise InputError("Channels with masks of their own are restored one by one.")
        known = self._noisy.initial() if self.noise_std else self.observation.where(self.observed, 0.5)
        return replace(
            self,
            observation=mixture(known, weights) + offset,
            noise_std=math.hypot(*weights) * self.noise_std,
            clipped=False,
        )

    def energy(self, x: Tensor) -> Tensor:
        import torch

        self.images_for(x)
        if self.noise_std:
            return torch.where(self.observed, self._noisy.parts(x), 0.0).sum(3).sum(2).sum(1)
        differs = (self.observed & (x != self.observation)).flatten(1).any(1)
        return torch.where(differs, torch.inf, 0.0).to(x.dtype)

    def prox(self, v: Tensor, tau: float | Tensor) -> Tensor:
        """v at the missing pixels, z at the observed ones, whatever `tau` is; if they are noisy, what `Denoising` has there."""
        checks.per_image(tau, self.images_for(v), "The step size tau")
        known = self._noisy.prox(v, tau) if self.noise_std else self.observation
        return known.where(self.observed, v)
