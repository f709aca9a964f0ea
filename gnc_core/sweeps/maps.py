"""Maps over (schemes, sigma0, steps): means over the images of a sweep, and who attains the lowest energy (method, section 5)."""

from __future__ import annotations

import math

import numpy as np

from gnc_core.errors import InputError

from .results import Result


def lowest_energy(result: Result) -> np.ndarray:
    """E* of each image, the lowest final energy of any run of any scheme on the whole grid: (images,). Infinite where none
    is known, or all have diverged.

    >>> from gnc_core import zoo
    >>> from gnc_core.sweeps import load
    >>> result = load(zoo.sweep_files()["denoise-0.1-foe-l1"])
    >>> lowest_energy(result).shape == (len(result.plan.names),), bool((lowest_energy(result) <= result.energy).all())
    (True, True)
    """
    return np.where(result.known, result.energy, np.inf).min((0, 1, 2)).astype(np.float64)


def attainment(result: Result, tolerance: float = 0.01) -> np.ndarray:
    """The share of images whose run attains E*: (schemes, sigma0, steps), in [0, 1] (method, section 5).

    A run attains E* when its final energy E has E - E* <= tolerance (E(initial) - E*). Runs that diverged do not.
    The share is one of the images that have been computed; NaN where there is none.

    >>> from gnc_core import zoo
    >>> from gnc_core.sweeps import load
    >>> result = load(zoo.sweep_files()["denoise-0.1-foe-l1"])
    >>> attainment(result).shape == result.plan.shape[:3], attainment(result, tolerance=1.0).min().item()
    (True, 1.0)
    """
    lowest, initial = lowest_energy(result), result.initial_energy.astype(np.float64)
    known = result.known & ~np.isnan(initial)
    with np.errstate(invalid="ignore"):  # infinity - infinity, where all runs have diverged
        attained = result.energy - lowest <= tolerance * np.maximum(initial - lowest, 0)
    return _mean(attained.astype(np.float64), known)


def mean(values: np.ndarray) -> np.ndarray:
    """The mean over images (the last axis) of `result.psnr` or `result.ssim`, of what is known and did not diverge; NaN where
    there is nothing.

    >>> mean(np.array([[30.0, 32.0, np.nan], [np.nan, np.nan, np.nan]])).tolist()
    [31.0, nan]
    """
    values = _array(values)
    return _mean(values, ~np.isnan(values))


def spread(values: np.ndarray) -> np.ndarray:
    """The standard deviation over images (the last axis), as `mean`.

    >>> spread(np.array([[30.0, 32.0, np.nan]])).tolist()
    [1.0]
    """
    values = _array(values)
    with np.errstate(invalid="ignore"):  # a PSNR may be infinite
        squares = (values - mean(values)[..., None]) ** 2
    return np.sqrt(_mean(squares, ~np.isnan(values)))


def diverged(result: Result) -> np.ndarray:
    """How many runs ended with numbers that are not finite: (schemes, sigma0, steps).

    >>> from gnc_core import zoo
    >>> from gnc_core.sweeps import load
    >>> diverged(load(zoo.sweep_files()["denoise-0.1-foe-l1"])).sum().item()
    0
    """
    return np.isinf(result.energy).sum(-1)


def excess(result: Result) -> np.ndarray:
    """How far the final energies lie above E*, per pixel, mean over images: (schemes, sigma0, steps), >= 0. Of what is known
    and did not diverge; NaN where there is nothing.

    >>> from gnc_core import zoo
    >>> from gnc_core.sweeps import load
    >>> bool((excess(load(zoo.sweep_files()["denoise-0.1-foe-l1"])) >= 0).all())
    True
    """
    pixels = np.array([math.prod(size) for size in result.plan.sizes], np.float64)
    with np.errstate(invalid="ignore"):  # infinity - infinity, where all runs have diverged
        above = (result.energy - lowest_energy(result)) / pixels
    return _mean(above, np.isfinite(result.energy))


def highest(values: np.ndarray) -> tuple[int, int] | None:
    """The position of the highest value of one scheme's map, (sigma0, steps); of equal ones that with the fewest steps, then
    the smallest sigma0. None if all are NaN.

    >>> highest(np.array([[20.0, 25.0, 30.0], [21.0, 30.0, np.nan]]))  # of the two, that with fewer steps
    (1, 1)
    """
    values = _array(values, ndim=2)
    if np.isnan(values).all():
        return None
    k, j = np.unravel_index(np.nanargmax(values.T), values.T.shape)
    return int(j), int(k)


def _array(values: np.ndarray, ndim: int | None = None) -> np.ndarray:
    """The values as float64; raises `InputError` unless they are an array (or lists) of `ndim` dimensions, of one at least."""
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        array = np.array(np.nan)
    if array.ndim != (ndim or max(array.ndim, 1)):
        raise InputError(
            f"The values of a sweep are an array of {ndim or 'some'} dimensions, not {type(values).__name__}."
        )
    return array


def _mean(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The mean over the last axis of what is known; NaN where nothing is."""
    count = known.sum(-1)
    total = np.where(known, values, 0).sum(-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
