"""Threads that share the work on a CPU: the tiles of an image (`tiled`), the planes of a tensor (`splines.cpu`)."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import torch

_here = threading.local()


def available() -> int:
    """How many threads the caller may use: torch's number, and one on a thread of `pool`, which must not wait for its like."""
    return 1 if getattr(_here, "shares", False) else torch.get_num_threads()


@lru_cache(maxsize=1)
def pool(number: int) -> ThreadPoolExecutor:
    """Threads that each compute alone: within them the libraries' own pools have one thread. Any number of callers may share
    them at a time."""
    started = threading.Barrier(number + 1)

    def start() -> None:
        _here.shares = True
        torch.get_num_threads()  # or torch's first operation here would take the process's number, whatever is set before it
        torch.set_num_threads(1)
        started.wait()

    executor = ThreadPoolExecutor(number, "share", start)
    for _ in range(number):
        executor.submit(int)
    started.wait()
    torch.set_num_threads(number)  # it holds for the thread that calls it, and for those that start later
    return executor
