"""Processes beside the server's, for what consists of many small operations, while others compute as well.

PyTorch gives Python away for each operation and takes it back afterwards, and has to wait for it where other pages want it: a few
thousand small operations, half a second by themselves, take several then, and those pages wait for them, too.

What goes to and fro is pickled: functions of this program and their arguments, through pipes that nobody else has.
"""

import logging
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st
from torch import Tensor

from app.turns import PLACES, device_queue
from gnc_core.prior import FieldsOfExperts

COMMAND = [sys.executable, "-m", "app.helping"]
ROOT = Path(__file__).resolve().parents[1]
ENDED = (OSError, EOFError, pickle.PickleError)  # what is raised when a process has ended
log = logging.getLogger(__name__)


class Helper:
    """Another process, which computes one call after the other and keeps nothing between them. It ends with this one."""

    def __init__(self) -> None:
        # In a session of its own: an interrupt from the keyboard is for the server, at whose end it finds its input closed.
        self._process = subprocess.Popen(
            COMMAND, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        self.call(int)  # returns when it has loaded what it needs

    def call(self, function: Callable[..., Any], *arguments: Any) -> tuple[Any, Exception | None]:
        """What a function comes to and None, or None and what it raises. Raises one of `ENDED` when the process has ended."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(pickle.dumps((function, arguments)))
        stdin.flush()
        answer: tuple[Any, Exception | None] = pickle.load(stdout)
        return answer

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


class Helpers:
    """So many processes, which start when two compute at the same time for the first time: for one visitor they are of no use."""

    def __init__(self, processes: int) -> None:
        self._processes, self._asked = processes, False
        self._changed = threading.Condition()
        self._idle: list[Helper] = []
        self._here = 0  # how many compute in this process
        self.running = 0

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What the function comes to: in one of the processes, as soon as there are any; else, and where that has ended, here."""
        helper = self._take()
        if helper is not None:
            try:
                found, error = helper.call(function, *arguments)
            except BaseException as problem:  # whatever it is, its answer would be taken for that of the next call
                self._drop(helper)
                if not isinstance(problem, ENDED):
                    raise
                log.exception("A process beside the server's has ended; its work is done here")
            else:
                self._give_back(helper)
                if error is not None:
                    raise error
                return found
        self._enter()
        try:
            return function(*arguments)
        finally:
            with self._changed:
                self._here -= 1

    def _take(self) -> Helper | None:
        with self._changed:
            self._changed.wait_for(lambda: self._idle or not self.running)
            return self._idle.pop() if self._idle else None

    def _give_back(self, helper: Helper) -> None:
        with self._changed:
            self._idle.append(helper)
            self._changed.notify()

    def _drop(self, helper: Helper) -> None:
        helper.close()
        with self._changed:
            self.running -= 1
            self._changed.notify_all()

    def _enter(self) -> None:
        with self._changed:
            self._here += 1
            if self._here > 1 and not self._asked:
                self._asked = True
                threading.Thread(target=self._start, name="helpers", daemon=True).start()

    def _start(self) -> None:
        for _ in range(self._processes):
            try:
                helper = Helper()
            except ENDED:
                log.exception("No process can be started beside the server's; its work is done here")
                return
            with self._changed:
                self.running += 1
            self._give_back(helper)


@st.cache_resource(show_spinner=False)
def helpers() -> Helpers:
    """Those of all visitors: as many as can have a turn."""
    return Helpers(PLACES)


def computed(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function of `gnc_core` comes to, or raises, wherever it is computed; to be called by whoever has a turn."""
    return helpers().call(function, *arguments)


def computed_in_turn(function: Callable[..., Any], *arguments: Any) -> Any:
    """The same, after a turn has come."""
    with device_queue():
        return computed(function, *arguments)


class Elsewhere:
    """A prior on the CPU as far as energies go, which are `computed`."""

    def __init__(self, prior: FieldsOfExperts) -> None:
        self.sigma_min, self.sigma_max = prior.sigma_min, prior.sigma_max
        self._prior = prior

    def energy(self, x: Tensor, s: float) -> Tensor:
        """R(x, s), as that of the prior."""
        found: Tensor = computed(self._prior.energy, x, s)
        return found
