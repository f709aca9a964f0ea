"""Whose turn it is to compute, where many visitors want to: quick work never waits for long work."""

import heapq
import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st
import torch

LONG_SECONDS = 2.0  # of computing, from which on work is long
CORES = torch.get_num_threads()


class Account:
    """What one piece of work has computed so far, in seconds."""

    def __init__(self) -> None:
        self.spent = 0.0


class Turns:
    """At most two compute at a time: one piece of quick work and one of long work, between whom the machine divides its cores.

    Among those who wait for the same, turns are in the order of arrival, but whoever has computed for so many seconds already
    counts as having come that much later. So a few steps wait for the turn that is under way and no other one, and a
    long run waits at most for as long as it has had.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._numbers = itertools.count()
        self._waiting: dict[bool, list[tuple[float, int]]] = {False: [], True: []}
        self._at_work = {False: False, True: False}

    @property
    def waiting(self) -> int:
        """How many wait for a turn."""
        return sum(map(len, self._waiting.values()))

    @contextmanager
    def turn(self, account: Account) -> Iterator[None]:
        """Waits for a turn, which lasts as long as the context; what it takes goes to the account."""
        long = account.spent >= LONG_SECONDS
        with self._changed:
            ticket = (time.monotonic() + account.spent, next(self._numbers))
            waiting = self._waiting[long]
            heapq.heappush(waiting, ticket)
            self._changed.wait_for(lambda: not self._at_work[long] and waiting[0] == ticket)
            heapq.heappop(waiting)
            self._at_work[long] = True
            alone = not self._at_work[not long]
        begin = time.monotonic()
        # Who computes beside somebody else takes one thread: the library's threads would only wait for each other.
        torch.set_num_threads(CORES if alone else max(1, CORES // 2))
        try:
            yield
        finally:
            torch.set_num_threads(1)
            account.spent += time.monotonic() - begin
            with self._changed:
                self._at_work[long] = False
                self._changed.notify_all()


@st.cache_resource
def turns() -> Turns:
    """Those of all visitors."""
    return Turns()
