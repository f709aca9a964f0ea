"""What a sweep computes: a grid of (scheme, sigma0, steps) on a set of images, and the units that it is done in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from gnc_core import __version__
from gnc_core.restoration import Prior

if TYPE_CHECKING:
    from .results import Result

SCHEMES = ("flow", "joint")
STEPS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100)


@dataclass(frozen=True)
class Plan:
    """A sweep, as its file states it: two plans are equal if and only if they have the same numbers.

    task: "denoise" or "inpaint". level: the noise level in units of [0, 1], or the share of missing pixels.
    prior, weights: the name of the prior, and the hash of its weights (`zoo.weights_hash`).
    schemes: of "flow" (linear schedule from sigma0 to sigma_min) and "joint". sigma0: initial smoothings in units of [0, 1],
    increasing. steps: numbers of steps, increasing.
    names, sizes, images: of every image its name and (height, width), and a hash of all their pixels.
    seed: image i is degraded with `evaluation.image_seed(seed, i)`.
    Raises `InputError` if the numbers cannot be a sweep.
    """

    task: str
    level: float
    prior: str
    weights: str
    schemes: tuple[str, ...]
    sigma0: tuple[float, ...]
    steps: tuple[int, ...]
    names: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]
    images: str
    seed: int = 0
    version: str = __version__

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(schemes, sigma0, steps, images): that of the results."""

    @property
    def title(self) -> str:
        """What it is, in words: "denoise, noise 0.1, foe-l1, 68 images"."""

    @property
    def score_steps(self) -> int:
        """How often the prior's score will be evaluated, each time on one image: S times for a flow of S steps, 2 S - 1
        times for a joint run, whose steps in s need the score's derivative in s. A joint run serves all numbers of steps."""

    def units(self, result: Result | None = None, device: str = "cpu") -> list[Unit]:
        """The work in the order in which it is done, without that whose cells `result` already has.

        Images of one size are batched, as many as the device takes at once; which ones depends on nothing else.
        """

    def to_dict(self) -> dict[str, Any]:
        """The fields, as JSON has them."""

    @classmethod
    def from_dict(cls, fields: Any) -> Plan:
        """The inverse of `to_dict`; raises `InputError` for anything else."""


@dataclass(frozen=True)
class Unit:
    """A run of one scheme from one sigma0 on a batch of images of one size, noting the cells that it passes.

    images: positions in the plan. size: (height, width). scheme, sigma0: positions in the plan's `schemes` and `sigma0`.
    steps: position in the plan's `steps` of every cell, by the number of steps at which it ends: {10: 3, 20: 4}. One for the
    flow. A unit without a scheme (None) measures the degraded images themselves.
    """

    images: tuple[int, ...]
    size: tuple[int, int]
    scheme: int | None
    sigma0: int
    steps: dict[int, int]
    joint: bool

    @property
    def score_steps(self) -> int:
        """As `Plan.score_steps`."""


def make_plan(
    prior: Prior,
    images: Sequence[tuple[str, Tensor]],
    task: str,
    level: float,
    schemes: Sequence[str] = SCHEMES,
    sigma0: Sequence[float] | None = None,
    steps: Sequence[int] = STEPS,
    seed: int = 0,
    prior_name: str = "",
    weights: str = "",
) -> Plan:
    """The plan of a sweep; its grid is sorted, and values that are given twice count once.

    images: names and true images, (1, 1, H, W), float in [0, 1] or uint8. sigma0: default `default_sigmas`. The rest: `Plan`.
    Raises `InputError` for sigmas outside the prior's range, steps outside 1 ... 1000, images that are too small for
    the prior, and levels that do not suit the task.
    """


def default_sigmas(task: str, level: float, sigma_min: float, sigma_max: float, count: int = 10) -> list[float]:
    """`count` initial smoothings up to sigma_max with equal ratios, rounded to three digits: from half the noise level for
    denoising, from twice sigma_min for inpainting; all within the prior's range."""


def share(units: Sequence[Unit], rank: int, processes: int) -> list[Unit]:
    """The units of process number `rank`: all processes together have every unit once, and about the same to compute."""
