"""What a sweep came to: energy, PSNR and SSIM of every run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from gnc_core.errors import InputError

from .plan import Place, Plan

ARRAYS = ("energy", "psnr", "ssim", "initial_energy", "initial_psnr", "initial_ssim")


@dataclass(frozen=True)
class Cell:
    """The outcome of one (scheme, sigma0, steps) on some images.

    place: positions in the plan's schemes, sigma0 and steps; None for the degraded images themselves.
    images: positions in the plan. energy, psnr (dB), ssim: one number each an image, of float32.

    >>> cell = Cell(place=(0, 1, 2), images=(0, 3), energy=(-10.0, -12.0), psnr=(30.0, 31.0), ssim=(0.8, 0.9))
    >>> dict(zip(cell.images, cell.psnr))
    {0: 30.0, 3: 31.0}
    """

    place: Place | None
    images: tuple[int, ...]
    energy: tuple[float, ...]
    psnr: tuple[float, ...]
    ssim: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Result:
    """The numbers of a sweep, complete or not: NaN where nothing has been computed yet.

    energy, psnr, ssim: float32 (schemes, sigma0, steps, images). energy is D(x) + R(x, log sigma_min) at the end of the
    run, and infinite where the run diverged (psnr and ssim are NaN there); PSNR in dB and SSIM are those of
    `evaluation.evaluate`.
    initial_energy, initial_psnr, initial_ssim: float32 (images,), of the degraded images, where all runs start.
    Raises `InputError` for arrays of another shape or type.

    >>> plan = Plan("denoise", 0.1, "foe-l1", "", ("flow",), (0.1,), (1, 3), ("a",), ((8, 8),), images="")
    >>> result = Result.empty(plan)
    >>> result.put(Cell((0, 0, 1), (0,), (-10.0,), (30.0,), (0.8,)))  # from 0.1 in three steps
    >>> result.known[..., 0].tolist(), result.complete
    ([[[False, True]]], False)
    """

    plan: Plan
    energy: np.ndarray
    psnr: np.ndarray
    ssim: np.ndarray
    initial_energy: np.ndarray
    initial_psnr: np.ndarray
    initial_ssim: np.ndarray

    def __post_init__(self) -> None:
        for name in ARRAYS:
            array, shape = getattr(self, name), _shape(self.plan, name)
            if array.shape != shape or array.dtype != np.float32:
                raise InputError(f"{name} is {array.dtype} {array.shape}; a sweep like this has float32 {shape}.")

    @classmethod
    def empty(cls, plan: Plan) -> Result:
        """Nothing is known yet."""
        return cls(plan, **{name: np.full(_shape(plan, name), np.nan, np.float32) for name in ARRAYS})

    def put(self, cell: Cell) -> None:
        """Enters what is known of a cell."""
        images = list(cell.images)
        if cell.place is None:
            self.initial_energy[images] = cell.energy
            self.initial_psnr[images] = cell.psnr
            self.initial_ssim[images] = cell.ssim
            return
        self.energy[cell.place][images] = cell.energy
        self.psnr[cell.place][images] = cell.psnr
        self.ssim[cell.place][images] = cell.ssim

    def knows(self, place: Place | None, images: Sequence[int]) -> bool:
        """Whether a cell (None: that of the degraded images) has been computed on all these images."""
        energy = self.initial_energy if place is None else self.energy[place]
        return not np.isnan(energy[list(images)]).any()

    @property
    def known(self) -> np.ndarray:
        """Which runs have been computed, diverged ones included: bool (schemes, sigma0, steps, images)."""
        return ~np.isnan(self.energy)

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return bool(self.known.all()) and not np.isnan(self.initial_energy).any()


def transfer(known: Result, plan: Plan) -> list[Cell]:
    """The cells of `plan` that an earlier sweep knows already, on all images; the two may differ in their grids and schemes. With
    another rate of s, joint runs are others, and left out.

    Raises `InputError` if they differ in anything else: then the numbers would be others.

    >>> from gnc_core import zoo
    >>> from gnc_core.sweeps import load
    >>> known = load(zoo.sweep_files()["denoise-0.1-foe-l1"])
    >>> schemes, sigmas, steps, _ = known.plan.shape
    >>> len(transfer(known, known.plan)) == 1 + schemes * sigmas * steps  # the degraded images, and all runs
    True
    """
    earlier = known.plan
    free = ("schemes", "sigma0", "steps", "rate", "version")
    other = [f.name for f in fields(Plan) if f.name not in free and getattr(earlier, f.name) != getattr(plan, f.name)]
    if other:
        raise InputError(f"The earlier sweep has another {', '.join(other)}; only the grid and the schemes may differ.")
    images = tuple(range(len(plan.names)))
    cells = []
    if known.knows(None, images):
        start = known.initial_energy, known.initial_psnr, known.initial_ssim
        cells.append(Cell(None, images, *(tuple(values.tolist()) for values in start)))
    for i, scheme in enumerate(plan.schemes):
        if scheme == "joint" and earlier.rate != plan.rate:
            continue
        for j, sigma0 in enumerate(plan.sigma0):
            for k, number in enumerate(plan.steps):
                if scheme in earlier.schemes and sigma0 in earlier.sigma0 and number in earlier.steps:
                    place = earlier.schemes.index(scheme), earlier.sigma0.index(sigma0), earlier.steps.index(number)
                    if known.knows(place, images):
                        run = (values[place] for values in (known.energy, known.psnr, known.ssim))
                        cells.append(Cell((i, j, k), images, *(tuple(values.tolist()) for values in run)))
    return cells


def _shape(plan: Plan, name: str) -> tuple[int, ...]:
    return plan.shape[-1:] if name.startswith("initial") else plan.shape
