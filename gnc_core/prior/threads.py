"""Threads that share the work on a CPU: the tiles of an image (`tiled`), the planes of a tensor (`splines.cpu`)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache

import torch

_here = threading.local()


def available() -> int:
    """How many threads the caller may use: those of `sharing`, else torch's number; and one on a thread of `pool`, which must not
    wait for its like."""
    return 1 if getattr(_here, "shares", False) else getattr(_here, "number", None) or torch.get_num_threads()


@contextmanager
def sharing(number: int) -> Iterator[None]:
    """Within it the caller's tiles and planes are shared by so many threads, and torch's own operations stay on the caller's: for
    processes that compute for several at a time. Torch's threads wait for each other by keeping the processor busy, which takes
    ten times as long as the work where others want it, too.

    >>> with sharing(3):
    ...     print(available(), torch.get_num_threads())
    3 1
    """
    before, torch_before = getattr(_here, "number", None), torch.get_num_threads()
    _here.number = number
    torch.set_num_threads(1)
    try:
        yield
    finally:
        _here.number = before
        torch.set_num_threads(torch_before)


@lru_cache(maxsize=4)
def pool(number: int) -> ThreadPoolExecutor:
    """Threads that each compute alone: within them the libraries' own pools have one thread. Any number of callers may share
    them at a time."""
    started, before = threading.Barrier(number + 1), torch.get_num_threads()

    def start() -> None:
        _here.shares = True
        torch.get_num_threads()  # or torch's first operation here would take the process's number, whatever is set before it
        torch.set_num_threads(1)
        started.wait()

    executor = ThreadPoolExecutor(number, "share", start)
    for _ in range(number):
        executor.submit(int)
    started.wait()
    torch.set_num_threads(before)  # it holds for the thread that calls it, and for those that start later
    return executor
