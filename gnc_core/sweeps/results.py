"""What a sweep came to: energy, PSNR and SSIM of every run; from these the maps; files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .plan import Plan


@dataclass(frozen=True)
class Cell:
    """The outcome of one (scheme, sigma0, steps) on some images.

    place: positions in the plan's schemes, sigma0 and steps; None for the degraded images themselves.
    images: positions in the plan. energy, psnr (dB), ssim: one number each an image.
    """

    place: tuple[int, int, int] | None
    images: tuple[int, ...]
    energy: tuple[float, ...]
    psnr: tuple[float, ...]
    ssim: tuple[float, ...]


@dataclass(frozen=True)
class Result:
    """The numbers of a sweep, complete or not: NaN where nothing has been computed yet.

    energy, psnr, ssim: float32 (schemes, sigma0, steps, images). energy is D(x) + R(x, log sigma_min) at the end of the
    run, and infinite where the run diverged (psnr and ssim are NaN there); PSNR in dB and SSIM are those of
    `evaluation.evaluate`.
    initial_energy, initial_psnr, initial_ssim: float32 (images,), of the degraded images, where all runs start.
    """

    plan: Plan
    energy: np.ndarray
    psnr: np.ndarray
    ssim: np.ndarray
    initial_energy: np.ndarray
    initial_psnr: np.ndarray
    initial_ssim: np.ndarray

    @classmethod
    def empty(cls, plan: Plan) -> Result:
        """Nothing is known yet."""

    def put(self, cell: Cell) -> None:
        """Enters what is known of a cell."""

    @property
    def known(self) -> np.ndarray:
        """Which runs have been computed, diverged ones included: bool (schemes, sigma0, steps, images)."""

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""


def lowest_energy(result: Result) -> np.ndarray:
    """E* of each image, the lowest final energy of any run of any scheme on the whole grid: (images,). NaN without a run."""


def attainment(result: Result, tolerance: float = 0.01) -> np.ndarray:
    """The share of images whose run attains E*: (schemes, sigma0, steps), in [0, 1] (method, section 5).

    A run attains E* when its final energy E has E - E* <= tolerance (E(initial) - E*). Runs that diverged do not.
    The share is one of the images that have been computed; NaN where there is none.
    """


def mean(values: np.ndarray) -> np.ndarray:
    """The mean over images (the last axis) of `result.psnr` or `result.ssim`, of what is known and did not diverge; NaN where
    there is nothing."""


def spread(values: np.ndarray) -> np.ndarray:
    """The standard deviation over images (the last axis), as `mean`."""


def diverged(result: Result) -> np.ndarray:
    """How many runs ended with numbers that are not finite: (schemes, sigma0, steps)."""


def to_csv(result: Result) -> str:
    """The runs that are known as a table: image, scheme, sigma0, steps, energy, psnr, ssim. The degraded images have
    scheme "degraded" and 0 steps."""


def save(result: Result, path: str | os.PathLike) -> None:
    """Writes `result` as one .npz file, which appears complete or not at all; the same numbers make the same bytes.

    In it: the six arrays of `Result` by their names, and `metadata`, a JSON text with "format" (1) and the fields of
    `Plan`. Raises `InputError` if it cannot be written.
    """


def load(source: str | os.PathLike | bytes, name: str | None = None) -> Result:
    """Reads what `save` wrote, from a path or from the file's bytes. `name` is what messages call it (default: the path).

    Raises `InputError` if there is no such file, and for one that is damaged or something else.
    """


def merge(plan: Plan, cells: Sequence[Cell]) -> Result:
    """A result with these cells."""
