"""Whose turn it is to compute, where many visitors want to: quick work never waits for long work."""

import itertools
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import streamlit as st

from app.precision import CORES
from gnc_core.prior import threads

LONG_SECONDS = 2.0  # of computing, from which on work is long in any case
WEIGHT = 10.0  # of a second of computing by long work
PLACES = min(max(CORES, 2), 4)  # each takes memory


class Account:
    """What one piece of work has computed so far, in seconds, since when it counts as waiting, and whether there is something
    to be seen of it."""

    def __init__(self) -> None:
        self.spent = self.due = 0.0
        self.seen = False

    @property
    def long(self) -> bool:
        return self.seen or self.spent >= LONG_SECONDS

    def enter(self, seconds: float) -> None:
        """Computing counts as having come later by as long, and by `WEIGHT` times as long when work is long already."""
        self.due += seconds * (WEIGHT if self.long else 1)
        self.spent += seconds


class Turns:
    """A few places at which to compute, between which the machine divides its cores; long work never has the last one.

    Of those who wait, whoever counts as having come first goes first (`Account.enter`). So whoever begins waits for no long work,
    and gets a first figure before others get a better one; and nobody waits for ever.
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
        long = account.long
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


def in_turns(pieces: Iterable[float]) -> Iterator[float]:
    """Hands on the pieces of work that is no `Work`, each in a turn of its own, so that others pass between them. To be closed
    when the work is over, however it ends."""
    for piece in pieces:
        with turns().turn(Account()):
            yield piece
