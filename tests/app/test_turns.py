"""Whose turn it is to compute: quick work beside long work, and what becomes of work whose visitor has left."""

import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.testing.v1 import AppTest

from app import turns as module
from app.runs import Run, Work
from app.turns import Account, Turns, in_turns
from gnc_core import zoo
from gnc_core.prior import threads
from gnc_core.prior.fields_of_experts import FieldsOfExperts

PAGE = Path(__file__).resolve().parents[2] / "app" / "views" / "restore.py"


def account(spent: float) -> Account:
    made = Account()
    made.due = time.monotonic()
    for _ in range(2):
        made.enter(spent / 2)
    return made


class Queue:
    """Threads that ask for a turn one after the other, and the order in which they got it."""

    def __init__(self, turns: Turns) -> None:
        self.turns, self.order, self.threads = turns, [], []

    def ask(self, name: str, who: float | Account) -> None:
        """who: what has been spent so far, or whose account it is."""
        before = self.turns.waiting

        def compute() -> None:
            with self.turns.turn(who if isinstance(who, Account) else account(who)):
                self.order.append(name)

        self.threads.append(threading.Thread(target=compute))
        self.threads[-1].start()
        while self.turns.waiting == before:
            pass

    def join(self) -> None:
        for thread in self.threads:
            thread.join()


def test_long_work_rests_after_its_turn_while_quick_work_waits():
    turns = Turns(places=2)
    queue, early = Queue(turns), account(60.0)
    early.due = 0.0  # by itself it would be the next
    with turns.turn(account(0.0)):
        with turns.turn(account(60.0)):
            queue.ask("long", early)
            queue.ask("quick", 0.0)
        queue.threads[1].join()
    queue.join()
    assert queue.order == ["quick", "long"]


def test_quick_work_does_not_wait_for_long_work():
    turns = Turns(places=2)
    queue = Queue(turns)
    with turns.turn(account(60.0)):
        queue.ask("long", 60.0)
        with turns.turn(account(0.0)):
            assert queue.order == []
    queue.join()
    assert queue.order == ["long"]


def test_no_more_compute_than_there_are_places():
    turns = Turns(places=2)
    queue = Queue(turns)
    with turns.turn(account(0.0)), turns.turn(account(0.0)):
        queue.ask("third", 0.0)
        assert queue.order == []
    queue.join()
    assert queue.order == ["third"]


def test_whoever_has_computed_less_goes_first_though_having_come_later():
    turns = Turns(places=2)
    queue = Queue(turns)
    with turns.turn(account(1000.0)):
        queue.ask("an hour", 3600.0)
        queue.ask("a quarter", 900.0)
    queue.join()
    assert queue.order == ["a quarter", "an hour"]


def test_equals_go_in_the_order_of_their_arrival():
    turns = Turns(places=2)
    queue = Queue(turns)
    with turns.turn(account(0.0)):
        with turns.turn(account(0.0)):
            for name in "abc":
                queue.ask(name, 0.0)
        queue.join()
    assert queue.order == ["a", "b", "c"]


def test_quick_work_keeps_its_place_from_turn_to_turn():
    turns, work = Turns(places=1), Account()
    queue = Queue(turns)
    with turns.turn(work):
        pass
    with turns.turn(account(0.0)):
        queue.ask("came later", 0.0)
        queue.ask("second turn", work)
    queue.join()
    assert queue.order == ["second turn", "came later"]


def test_long_work_comes_anew_with_every_turn():
    turns, work = Turns(places=2), account(0.0)
    queue = Queue(turns)
    with turns.turn(work):
        pass
    work.seen = True
    with turns.turn(account(0.0)):
        with turns.turn(account(0.0)):
            queue.ask("came later", 0.0)
            queue.ask("seen", work)
        queue.join()
    assert queue.order == ["came later", "seen"]


def test_long_work_that_nobody_has_seen_keeps_its_place():
    turns, work = Turns(places=2), account(0.0)
    queue = Queue(turns)
    with turns.turn(work):
        pass
    work.spent = 60.0
    with turns.turn(account(0.0)):
        with turns.turn(account(0.0)):
            queue.ask("came later", 0.0)
            queue.ask("unseen", work)
        queue.join()
    assert queue.order == ["unseen", "came later"]


def test_a_visitor_who_leaves_waits_no_longer(monkeypatch):
    """When the browser's connection ends, Streamlit asks the session's script to stop."""

    def page() -> None:
        import streamlit as st

        from app.turns import Account, turns

        with turns().turn(Account()):
            st.text("computed")

    real = Account.ask

    def leave(self: Account) -> None:
        real(self)
        get_script_run_ctx().script_requests.request_stop()

    with ExitStack() as places:
        for _ in range(module.PLACES):
            places.enter_context(module.turns().turn(Account()))
        monkeypatch.setattr(Account, "ask", leave)
        shown = AppTest.from_function(page, default_timeout=300).run()
        assert not shown.text
        assert module.turns().waiting == 0


def test_a_turn_that_fails_is_over():
    turns = Turns()
    with pytest.raises(ZeroDivisionError), turns.turn(account(0.0)):
        raise ZeroDivisionError
    with turns.turn(account(0.0)):
        pass


def test_those_at_work_divide_the_cores(monkeypatch):
    monkeypatch.setattr(module, "CORES", 4)
    turns = Turns(places=2)
    with turns.turn(account(60.0)):
        assert threads.available() == 4
        with turns.turn(account(0.0)):
            assert threads.available() == 2


def test_pieces_that_end_early_give_their_turn_back():
    with closing(in_turns([0.1, 0.2])) as pieces:
        assert next(pieces) == 0.1
    with ExitStack() as places:
        for _ in range(module.PLACES):
            places.enter_context(module.turns().turn(Account()))


class Count(Work):
    """Counts to a thousand; at `end` somebody stops it."""

    def __init__(self, end: int) -> None:
        super().__init__()
        self.count, self.end = 0, end

    @property
    def finished(self) -> bool:
        return self.count == 1000

    def _step(self) -> None:
        self.count += 1
        if self.count == self.end:
            self.stop()


def test_work_advances_by_a_step_or_for_a_while():
    work = Count(end=0)
    work.advance()
    assert work.count == 1
    work.advance(1000.0)
    assert work.finished


def test_a_stop_ends_the_while_after_the_present_step():
    work = Count(end=7)
    work.advance(1000.0)
    assert work.count == 7


def test_restoration_of_a_visitor_who_has_left_goes_no_further(tmp_path, monkeypatch):
    """When the browser's connection ends, Streamlit asks the session's script to stop: here, during the third step."""
    monkeypatch.setattr(zoo, "PRETRAINED", tmp_path)
    zoo.save(tmp_path / "small", FieldsOfExperts(1, channels=8, kernel_size=3, knots_u=15, knots_s=6), {})
    page = AppTest.from_file(str(PAGE), default_timeout=300)
    page.query_params.update({"side": "64", "nsteps": "1000", "scheme": "GNC flow"})
    page.run()
    steps = []
    step = Run._step

    def leave(self):
        steps.append(self)
        if len(steps) == 3:
            get_script_run_ctx().script_requests.request_stop()
        step(self)

    monkeypatch.setattr(Run, "_step", leave)
    next(button for button in page.button if button.label == "Restore").click().run()
    (run,) = page.session_state.runs
    assert 3 <= len(steps) < 1000
    assert not run.finished
    assert len(steps) == run.done
