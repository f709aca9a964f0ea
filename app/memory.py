"""Gives memory back that has been freed: the C library keeps it, a little in the pool of every thread, for what may come next."""

import contextlib
import ctypes
import time

EVERY = 30.0  # seconds: it takes a hundredth of one
_last = time.monotonic()


def give_back() -> None:
    """To be called when a page or a call is over; now and then it has something to do."""
    global _last
    if time.monotonic() - _last > EVERY:
        _last = time.monotonic()
        with contextlib.suppress(AttributeError, OSError, TypeError):  # another C library than glibc
            ctypes.CDLL(None).malloc_trim(0)
