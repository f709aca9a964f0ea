"""Whose turn it is to compute, where many visitors want to: quick work never waits for long work."""

import itertools
import math
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import streamlit as st

from app.precision import CORES
from gnc_core.prior import threads

LONG_SECONDS = 6.0  # of computing, from which on work is long in any case: among many, one second takes several
WEIGHT = 10.0  # of a second of computing by long work
REST = 3.0  # for so many times as long as its turn was, long work lets all quick work pass
LOOK_SECONDS = 0.5  # after so long, whoever waits looks whether the visitor is still there, and again
PLACES = min(max(CORES, 2), 4)  # each takes memory


class Account:
    """What one piece of work has computed so far, in seconds, since when it counts as waiting, and whether there is something
    to be seen of it."""

    def __init__(self) -> None:
        self.spent, self.due = 0.0, -math.inf
        self.seen = False

    @property
    def long(self) -> bool:
        return self.seen or self.spent >= LONG_SECONDS

    def ask(self) -> None:
        """Work of which there is nothing to be seen yet has waited since it first asked for a turn, and goes through the queue
        once, in however many turns; what has been seen comes anew."""
        if self.seen or self.due < 0:
            self.due = max(self.due, time.monotonic())

    def come_anew(self) -> None:
        """It has not been waiting until now."""
        self.due = -math.inf

    def enter(self, seconds: float) -> None:
        """Computing counts as having come later by as long, and by `WEIGHT` times as long when work is long already."""
        self.due += seconds * (WEIGHT if self.long else 1)
        self.spent += seconds


@dataclass(order=True)
class Ticket:
    """Somebody who waits: the least is the next. share: of the cores, when called."""

    due: float
    number: int
    long: bool = field(compare=False)
    called: threading.Event = field(compare=False, default_factory=threading.Event)
    share: int = field(compare=False, default=1)


class Turns:
    """A few places at which to compute, between which the machine divides its cores; long work never has the last one, and rests
    between its turns while quick work waits.

    Of those who wait, whoever counts as having come first goes first (`Account`). So whoever begins waits for no long work,
    and gets a first figure before others get a better one; and nobody waits for ever.
    """

    def __init__(self, places: int = PLACES) -> None:
        self._lock = threading.RLock()  # a turn may end wherever Python collects its garbage, here too
        self._numbers = itertools.count()
        self._waiting: list[Ticket] = []
        self._places, self._taken, self._taken_for_long = places, 0, 0
        self._rested = -math.inf  # when long work will have rested

    @property
    def waiting(self) -> int:
        """How many wait for a turn."""
        return len(self._waiting)

    @contextmanager
    def turn(self, account: Account, patient: bool = False) -> Iterator[None]:
        """Waits for a turn, which lasts as long as the context; what it takes goes to the account. A visitor who leaves or clicks
        meanwhile waits no longer: Streamlit ends the page's script, unless it is `patient`."""
        account.ask()
        ticket = Ticket(account.due, next(self._numbers), account.long)
        with self._lock:
            self._waiting.append(ticket)
            self._call()
        try:
            while not ticket.called.wait(None if patient else LOOK_SECONDS):
                "page" in st.session_state  # noqa: B015  (here, as wherever a script asks Streamlit for something, it is ended)
        except BaseException:
            self._leave(ticket)
            raise
        begin = time.monotonic()
        try:
            with threads.sharing(ticket.share):
                yield
        finally:
            now = time.monotonic()
            account.enter(now - begin)
            if ticket.long:
                self._rested = now + REST * (now - begin)
            self._leave(ticket)

    def _leave(self, ticket: Ticket) -> None:
        with self._lock:
            if ticket.called.is_set():
                self._taken -= 1
                self._taken_for_long -= ticket.long
            else:
                self._waiting.remove(ticket)
            self._call()

    def _call(self) -> None:
        """Calls those whose turn it is, as long as there are places."""
        while self._taken < self._places:
            quick = [ticket for ticket in self._waiting if not ticket.long]
            resting = quick and time.monotonic() < self._rested
            able = quick if resting or self._taken_for_long == self._places - 1 else self._waiting
            if not able:
                return
            ticket = min(able)
            self._waiting.remove(ticket)
            self._taken += 1
            self._taken_for_long += ticket.long
            ticket.share = max(1, CORES // self._taken)
            ticket.called.set()


@st.cache_resource
def turns() -> Turns:
    """Those of all visitors."""
    return Turns()


def device_queue() -> AbstractContextManager[None]:
    """A turn on the device for what is no `Work`: all visitors take turns."""
    return turns().turn(Account())


def in_turns(pieces: Iterable[float]) -> Iterator[float]:
    """Hands on the pieces of work that is no `Work`, each in a turn of its own, so that others pass between them. To be closed
    when the work is over, however it ends."""
    for piece in pieces:
        with turns().turn(Account(), patient=True):  # what has been done would be lost
            yield piece
