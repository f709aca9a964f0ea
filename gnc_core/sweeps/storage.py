"""Results as files: .npz, whole or not at all, and tables for spreadsheets."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import zipfile
from dataclasses import asdict

import numpy as np

from gnc_core import checks
from gnc_core.errors import InputError
from gnc_core.files import write_bytes

from .plan import Plan
from .results import ARRAYS, Result

FORMAT = 1
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_MAX_BYTES = 2**28  # of a file's arrays: four million runs


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
    'denoise, noise 0.1, prior foe-l1, 32 images'
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
