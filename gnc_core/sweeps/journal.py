"""The cells of a sweep that is running, on disk: what `kill -9` leaves behind can be gone on with."""

from __future__ import annotations

import glob
import json
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from types import TracebackType
from typing import Any

from gnc_core.errors import InputError

from .plan import Plan
from .results import Cell, Result

try:
    import fcntl
except ImportError:  # not Unix: there, nobody notices that two commands work on one sweep
    fcntl = None  # type: ignore[assignment]


class Journal:
    """One file a process, `OUT.RANK.journal` beside the result `OUT`: a line with the plan, then a line a cell, in JSON.

    Lines are only ever added; one that was cut off is dropped when the file is opened again. All numbers are read back as
    they were, to the last bit. Raises `InputError` if the file cannot be written, or another process is writing it.

    >>> from tempfile import TemporaryDirectory
    >>> plan = Plan("denoise", 0.1, "foe-l1", "", ("flow",), (0.1,), (1, 3), ("a",), ((8, 8),), images="")
    >>> with TemporaryDirectory() as folder:
    ...     with Journal(Path(folder) / "sweep.npz", plan) as journal:
    ...         journal.write(Cell((0, 0, 1), (0,), (-10.0,), (30.0,), (0.8,)))
    ...     Journal.read(Path(folder) / "sweep.npz", plan).psnr[0, 0, 1].tolist()
    [30.0]
    """

    def __init__(self, out: Path, plan: Plan, rank: int = 0) -> None:
        self.path = out.with_name(f"{out.name}.{rank}.journal")
        try:
            self._file = self.path.open("ab+")
            if fcntl:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # until the process ends, however it does
            self._file.seek(0)
            whole = self._file.read().rfind(b"\n") + 1
            self._file.truncate(whole)
        except BlockingIOError as error:
            raise InputError(f"Another process is at work on this sweep: it holds {self.path}.") from error
        except OSError as error:
            raise self._unwritable(error) from error
        if not whole:
            self._add(asdict(plan))

    def write(self, cell: Cell) -> None:
        """Adds a cell; once this has returned, a kill does not lose it."""
        self._add(asdict(cell))

    def _add(self, content: dict[str, Any]) -> None:
        try:
            self._file.write(json.dumps(content).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> InputError:
        return InputError(f"Cannot write {self.path}: {error.strerror or error}.")

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with suppress(OSError):  # a full disk has been reported by `write`
            self._file.close()

    @staticmethod
    def read(out: Path, plan: Plan) -> Result:
        """What all journals beside `out` know. Raises `InputError` if one belongs to another plan."""
        result = Result.empty(plan)
        for path in _journals(out):
            _read(path, result)
        return result

    @staticmethod
    def remove(out: Path) -> None:
        """Removes all journals beside `out`, whose numbers are in it by now."""
        for path in _journals(out):
            path.unlink(missing_ok=True)


def _journals(out: Path) -> list[Path]:
    return sorted(out.parent.glob(f"{glob.escape(out.name)}.*.journal"))


def _read(path: Path, result: Result) -> None:
    """Puts the cells of a journal into `result`."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]  # without what was cut off
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror or error}.") from error
    if not lines:
        return
    try:
        plan = Plan.from_dict(json.loads(lines[0]))
    except ValueError as error:
        raise InputError(f"{path} is not the journal of a sweep; remove it, or choose another --out.") from error
    other = [field.name for field in fields(Plan) if getattr(plan, field.name) != getattr(result.plan, field.name)]
    if other:
        raise InputError(
            f"{path} belongs to a sweep with another {', '.join(other)}; give the same options to go on with it, choose "
            "another --out, or remove it."
        )
    for line in lines[1:]:
        try:
            result.put(_cell(json.loads(line)))
        except (ValueError, TypeError, LookupError):  # a damaged line: its cell will be computed again
            continue


def _cell(content: dict[str, Any]) -> Cell:
    place = content["place"] and tuple(content["place"])
    lists = [tuple(content[name]) for name in ("images", "energy", "psnr", "ssim")]
    if len({len(values) for values in lists}) > 1:
        raise ValueError("not as many numbers as images")
    return Cell(place, *lists)
