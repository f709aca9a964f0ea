"""Inpainting: some pixels are known, the others missing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

from gnc_core import checks
from gnc_core.errors import InputError

from .base import Level, Problem

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Inpainting(Problem):
    """Known and missing pixels: D is 0 if x equals z at the observed pixels, and infinite otherwise.

    observation: z, (N, C, H, W); what it holds at missing pixels does not matter.
    observed: bool, True where a pixel is known; broadcast over images and channels, e.g. (1, 1, H, W).
    start: what schemes start from at the missing pixels, "harmonic" (Laplace's equation, see `filling.harmonic_fill`) or "grey"
    (0.5, as in the paper): a step reaches a kernel's width, and from grey the middle of a hole stays grey for long.
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

    @classmethod
    def degrade(cls, truth: Tensor, level: float, seed: int, as_file: bool = False, setting: str = "") -> Self:
        """A share `level` of the pixels is missing at random, the same in all N images and their channels."""
        from .degradations import in_a_file, random_mask

        cls.chosen(setting)
        checks.check_image(truth, "The true images", finite=True)
        observed = random_mask(truth.shape, level, seed).to(truth.device)
        return cls((in_a_file(truth) if as_file else truth).where(observed, 0.5), observed)

    @classmethod
    def of(cls, observation: Tensor, level: float, clipped: bool = False, setting: str = "") -> Self:
        raise InputError("A share of missing pixels does not say which: inpainting needs a mask.")

    @classmethod
    def first_sigma(cls, level: float, sigma_min: float, sigma_max: float) -> float:
        """0.05: the harmonic start is smooth, and larger smoothings take away from it. From grey, the prior's largest is better,
        which reaches across the gaps."""
        return min(max(0.05, sigma_min), sigma_max)

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
            return self.observation.where(self.observed, 0.5)
        return harmonic_fill(self.observation, self.observed)

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

    def energy(self, x: Tensor) -> Tensor:
        import torch

        self.images_for(x)
        differs = (self.observed & (x != self.observation)).flatten(1).any(1)
        return torch.where(differs, torch.inf, 0.0).to(x.dtype)

    def prox(self, v: Tensor, tau: float | Tensor) -> Tensor:
        """z at the observed pixels, v elsewhere; `tau` does not matter."""
        checks.per_image(tau, self.images_for(v), "The step size tau")
        return self.observation.where(self.observed, v)
