"""The log of a training run: `log.jsonl`, one JSON object a line, written while the run goes on."""

from __future__ import annotations

import json
import os

from gnc_core import checks
from gnc_core.errors import InputError

LOG = "log.jsonl"


def read_log(folder: str | os.PathLike) -> list[dict[str, float]]:
    """The lines of a run's log, in their order: means since the line before.

    Every line has at least "iteration" and "loss", those of `training.run` also "image" and "smoothing" (the two terms of the
    loss), "step_size", "seconds" and, in some lines, "validation" (the loss of the averaged weights on other images). A last line
    that is still being written is left out.
    Raises `InputError` if the folder holds no log, or a file of that name that is none.

    >>> from gnc_core import zoo
    >>> sorted(read_log(zoo.folder_of("foe-l1"))[0])[:3]
    ['gradient', 'image', 'images_per_second']
    """
    path = checks.path(folder, "The folder of a run") / LOG
    try:
        *lines, last = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(f"There is no log of a training run in {folder}: it would be called {LOG}.") from error
    entries = [_entry(line) for line in lines]
    if None in entries:
        raise InputError(f"Line {1 + entries.index(None)} of {path} is not one of a training run's log.")
    return [entry for entry in [*entries, _entry(last)] if entry is not None]


def _entry(line: bytes) -> dict[str, float] | None:
    """The numbers of a line, or None."""
    try:
        content = json.loads(line)
        return {key: float(value) for key, value in content.items()} if {"iteration", "loss"} <= set(content) else None
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
