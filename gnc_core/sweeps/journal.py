"""The cells of a sweep that is running, on disk: what `kill -9` leaves behind can be gone on with."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from .plan import Plan
from .results import Cell, Result


class Journal:
    """One file a process, `OUT.RANK.journal` beside the result `OUT`: a line with the plan, then a line a cell.

    Lines are only ever added; one that was cut off is dropped when the file is opened again.
    """

    def __init__(self, out: Path, plan: Plan, rank: int = 0) -> None: ...

    def write(self, cell: Cell) -> None:
        """Adds a cell; from here on it is not lost."""

    def __enter__(self) -> Journal: ...

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    @staticmethod
    def read(out: Path, plan: Plan) -> Result:
        """What all journals beside `out` know. Raises `InputError` if one belongs to another plan."""

    @staticmethod
    def remove(out: Path) -> None:
        """Removes all journals beside `out`, whose numbers are in it by now."""
