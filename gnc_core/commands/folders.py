"""Many images in one run of `restore`: what is read and written, and how the run goes on."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

from gnc_core import images, problems
from gnc_core.commands import options
from gnc_core.errors import InputError, out_of_memory

from .restoring import Paths, tell, tell_notes, tell_white

if TYPE_CHECKING:
    from .restoring import Restoration


def is_many(inputs: Sequence[Path], output: Path) -> bool:
    """Whether a folder is to be filled, rather than one file written."""
    return len(inputs) > 1 or output.is_dir() or inputs[0].is_dir()


def plan(inputs: Iterable[Path], folder: Path, truth: Path | None, mask: Path | None) -> list[Paths]:
    """What is read and written if all images of the inputs, files and folders, are restored into `folder`.

    The names stay, and the formats, if they can be written (a .gif becomes a .png). `truth` and `mask` may be folders with files
    of the same names, or `mask` one file for all. Raises `InputError` for outputs that would overwrite inputs or each other, and
    for a folder that cannot be made.
    """
    fresh = not folder.exists() and folder.absolute().parent.is_dir() and folder.suffix.lower() not in images.SUFFIXES
    if not (folder.is_dir() or fresh):
        raise InputError(
            f"Cannot write several images to {folder}; let --output be a folder, or a new one in a folder."
        )
    if truth is not None and not truth.is_dir():
        raise InputError(f"{truth} is not a folder; the truth of several images is one with files of the same names.")
    found = [file for path in inputs for file in (images.image_files(path) if path.is_dir() else [path])]
    plans = []
    for file in found:
        writable = file.suffix.lower() in images.WRITABLE
        output = folder / (file.name if writable else f"{file.stem}.png")
        plans.append(Paths(file, output, _partner(truth, file), _partner(mask, file)))
    output, times = Counter(paths.output for paths in plans).most_common(1)[0]
    if times > 1:
        raise InputError(f"{times} of the images would be written to {output}; restore them into folders of their own.")
    originals = {paths.input.resolve() for paths in plans}
    if any(paths.output.resolve() in originals for paths in plans):
        raise InputError(f"The results would overwrite the images in {folder}; name another folder for --output.")
    return plans


def _partner(path: Path | None, file: Path) -> Path | None:
    """`path` itself, or of a folder the file with the name of `file`, if need be with another ending."""
    if path is None or not path.is_dir():
        return path
    same = sorted(
        other for other in path.glob("*") if other.stem == file.stem and other.suffix.lower() in images.SUFFIXES
    )
    return path / file.name if path / file.name in same or not same else same[0]


def restore_all(job: Restoration, plans: Sequence[Paths], overwrite: bool, as_json: bool) -> None:
    """Restores one file after the other; ends with exit code 1 if some could not be.

    Image i has noise (or a mask) of its own, as in `evaluate`. Results that are there already are kept, unless `overwrite`.
    """
    plans[0].output.parent.mkdir(exist_ok=True)
    kept, failed, guesses = 0, dict[Path, str](), set[int | None]()
    for index, paths in enumerate(tqdm(plans, unit="image", disable=None)):
        report: dict[str, Any] = {"input": str(paths.input), "output": str(paths.output)}
        try:
            if paths.output.exists() and not overwrite:
                kept += 1
                report["skipped"] = True
            else:
                report = job.restore(paths, problems.image_seed(job.seed, index), bar=False)
        except KeyboardInterrupt:
            onward = "" if overwrite else "; the same command goes on with the others"
            done = f"{index - len(failed)} of {len(plans)} images are restored"
            raise KeyboardInterrupt(f"Stopped. {done}{onward}.") from None
        except (InputError, MemoryError, RuntimeError) as error:
            if not isinstance(error, InputError) and not out_of_memory(error):
                raise
            report["error"] = str(error) if isinstance(error, InputError) else "This does not fit into memory."
            failed[paths.input] = report["error"]
        with tqdm.external_write_mode():
            if "steps" in report or "pages" in report:
                tell_notes(report)
                if report.get("likely_white") not in guesses:  # once for all that are alike
                    tell_white(report)
                    guesses.add(report.get("likely_white"))
                tell(report, as_json, brief=True)
            elif as_json:
                options.echo_json(report)
            elif "skipped" in report:
                click.echo(f"Skipped {paths.input}: there is {paths.output}")
    if not as_json:
        there = f", {kept} were there already (--overwrite restores them anew)" if kept else ""
        click.echo(f"Restored {len(plans) - kept - len(failed)} of {len(plans)} images{there}")
    if failed:
        click.echo(f"{len(failed)} of {len(plans)} images could not be restored:", err=True)
        for file, reason in failed.items():
            click.echo(f"  {file}: {reason}", err=True)
        sys.exit(1)
