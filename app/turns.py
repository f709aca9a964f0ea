"""Whose turn it is to compute, where many visitors want to: quick work never waits for long work."""

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from app.precision import CORES
from gnc_core.prior import threads

LONG_SECONDS = 2.0  # of computing, from which on work is long
WEIGHT = 3.0
PLACES = min(max(CORES, 2), 4)  # each takes memory


class Account:
    """What one piece of work has computed so far, in seconds, and from when on it may go on before whoever comes then."""

    def __init__(self) -> None:
        self.spent = self.due = 0.0

    def enter(self, seconds: float) -> None:
        self.spent += seconds
        self.due += WEIGHT * seconds


class Turns:
    """A few places at which to compute, between which the machine divides its cores; long work never has the last one.

    Of those who wait, whoever came first goes first, but whoever has computed already counts as having come later, by `WEIGHT`
    times as long. So whoever begins waits for no long work, and gets the first steps, or a first figure, before others get
    more; and nobody waits for more than `WEIGHT` times as long as they have computed, or others who came before them.
    """

    def __init__(self, places: int = PLACES) -> None:
        self._changed = threading.Condition()
        self._numbers = itertools.count()
        self._waiting: list[tuple[float, int, bool]] = []
        self._places, self._taken, self._taken_for_long = places, 0, 0

    @property
    def waiting(self) -> int:
        """How many wait for a turn."""
        return len(self._waiting)

    @contextmanager
    def turn(self, account: Account) -> Iterator[None]:
        """Waits for a turn, which lasts as long as the context; what it takes goes to the account."""
        long = account.spent >= LONG_SECONDS
        with self._changed:
            account.due = max(account.due, time.monotonic())
            ticket = (account.due, next(self._numbers), long)
            self._waiting.append(ticket)
            self._changed.wait_for(lambda: self._next() == ticket)
            self._waiting.remove(ticket)
            self._taken += 1
            self._taken_for_long += long
            share = max(1, CORES // self._taken)
            self._changed.notify_all()
        begin = time.monotonic()
        try:
            with threads.sharing(share):
                yield
        finally:
            account.enter(time.monotonic() - begin)
            with self._changed:
                self._taken -= 1
                self._taken_for_long -= long
                self._changed.notify_all()

    def _next(self) -> tuple[float, int, bool] | None:
        """Whose turn it is, if there is a place."""
        last_for_quick = self._taken_for_long == self._places - 1
        able = [ticket for ticket in self._waiting if not (ticket[2] and last_for_quick)]
        return min(able, default=None) if self._taken < self._places else None


@st.cache_resource
def turns() -> Turns:
    """Those of all visitors."""
    return Turns()
