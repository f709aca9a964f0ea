"""What a sweep came to: energy, PSNR and SSIM of every run; from these the maps; files."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np

from gnc_core import checks
from gnc_core.errors import InputError
from gnc_core.files import write_bytes

from .plan import Place, Plan

FORMAT = 1
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_MAX_BYTES = 2**28  # of a file's arrays: four million runs


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


ARRAYS = ("energy", "psnr", "ssim", "initial_energy", "initial_psnr", "initial_ssim")


def _shape(plan: Plan, name: str) -> tuple[int, ...]:
    return plan.shape[-1:] if name.startswith("initial") else plan.shape


# --- maps --------------------------------------------------------------------------------------------------------------


def lowest_energy(result: Result) -> np.ndarray:
    """E* of each image, the lowest final energy of any run of any scheme on the whole grid: (images,). Infinite where none
    is known, or all have diverged.

    >>> from gnc_core import zoo
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
    >>> diverged(load(zoo.sweep_files()["denoise-0.1-foe-l1"])).sum().item()
    0
    """
    return np.isinf(result.energy).sum(-1)


def excess(result: Result) -> np.ndarray:
    """How far the final energies lie above E*, per pixel, mean over images: (schemes, sigma0, steps), >= 0. Of what is known
    and did not diverge; NaN where there is nothing.

    >>> from gnc_core import zoo
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


def to_csv(result: Result) -> str:
    """The runs that are known as a table with a header: image, scheme, sigma0, steps, energy, psnr, ssim. The degraded
    images come first, with the scheme "degraded" and 0 steps. A name that a spreadsheet would take for a formula has an
    apostrophe before it.

    >>> from gnc_core import zoo
    >>> to_csv(load(zoo.sweep_files()["denoise-0.1-foe-l1"])).splitlines()[0]
    'image,scheme,sigma0,steps,energy,psnr,ssim'
    """
    plan, buffer = result.plan, io.StringIO()
    names = [_text_cell(name) for name in plan.names]
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["image", "scheme", "sigma0", "steps", "energy", "psnr", "ssim"])
    start = zip(result.initial_energy, result.initial_psnr, result.initial_ssim, strict=True)
    for name, (energy, psnr, ssim) in zip(names, start, strict=True):
        if not np.isnan(energy):
            writer.writerow([name, "degraded", "", 0, energy, psnr, ssim])
    for i, j, k, image in np.argwhere(result.known):
        numbers = (values[i, j, k, image] for values in (result.energy, result.psnr, result.ssim))
        writer.writerow([names[image], plan.schemes[i], plan.sigma0[j], plan.steps[k], *numbers])
    return buffer.getvalue()


def _text_cell(text: str) -> str:
    """`text` on one line, with an apostrophe before what a spreadsheet would take for a formula."""
    text = re.sub(r"[\x00-\x1f\x7f]", " ", text)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


# --- files -------------------------------------------------------------------------------------------------------------


def save(result: Result, path: str | os.PathLike) -> None:
    """Writes `to_bytes` as a file, which appears complete or not at all. Raises `InputError` if it cannot be written.

    >>> from tempfile import TemporaryDirectory
    >>> from gnc_core import zoo
    >>> result = load(zoo.sweep_files()["denoise-0.1-foe-l1"])
    >>> with TemporaryDirectory() as folder:
    ...     save(result, f"{folder}/sweep.npz")
    ...     load(f"{folder}/sweep.npz").plan == result.plan
    True
    """
    write_bytes(path, to_bytes(result))


def to_bytes(result: Result) -> bytes:
    """The result, complete or not, as one .npz file; the same numbers make the same bytes.

    In it: the six arrays of `Result` by their names, and `metadata`, a JSON text with "format" (1) and the fields of `Plan`.

    >>> from gnc_core import zoo
    >>> result = load(zoo.sweep_files()["denoise-0.1-foe-l1"])
    >>> np.array_equal(load(to_bytes(result)).energy, result.energy)
    True
    """
    metadata = json.dumps({"format": FORMAT} | asdict(result.plan))
    buffer = io.BytesIO()
    arrays = {name: getattr(result, name) for name in ARRAYS}
    np.savez_compressed(buffer, allow_pickle=False, metadata=np.array(metadata), **arrays)
    return buffer.getvalue()


def load(source: str | os.PathLike | bytes, name: str | None = None) -> Result:
    """Reads what `save` wrote, from a path or from the file's bytes. `name` is what messages call it (default: the path).

    Raises `InputError` if there is no such file, and for one that is damaged or something else.

    >>> from gnc_core import zoo
    >>> load(zoo.sweep_files()["denoise-0.1-foe-l1"]).plan.title
    'denoise, noise 0.1, prior foe-l1, 68 images'
    """
    if isinstance(source, bytes):
        data, name = source, name or "The file"
    else:
        name = name or str(source)
        try:
            data = checks.path(source, "A sweep").read_bytes()
        except OSError as error:
            raise InputError(f"Cannot read the sweep {name}: {error.strerror or error}.") from error
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(member.file_size for member in archive.infolist()) > _MAX_BYTES:
                raise InputError(f"{name} is too large for a sweep.")
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            metadata = json.loads(str(file["metadata"]))
            arrays = {array: file[array] for array in ARRAYS}
        number = metadata["format"]
    except InputError:
        raise
    except Exception as error:  # damaged bytes, or another kind of file
        raise InputError(f"{name} is damaged, or not a sweep; `sweep` writes them (.npz).") from error
    if number != FORMAT:
        raise InputError(f"{name} has format {number} of sweeps; this version of the program reads format {FORMAT}.")
    try:
        return Result(Plan.from_dict(metadata), **arrays)
    except InputError as error:
        raise InputError(f"{name} is not a sweep that can be read: {error}") from error
