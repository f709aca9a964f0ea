"""Processes beside the server's: the same results, wherever they are computed, and whatever becomes of a process."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from app import helpers as module
from app.helpers import ROOT, Elsewhere, Helper, Helpers
from gnc_core.errors import InputError
from gnc_core.mixture import PRESETS
from gnc_core.prior import FieldsOfExperts
from gnc_core.sampling import walk
from gnc_core.sampling.chains import check_size


def start(helpers: Helpers) -> None:
    """Two compute at the same time, here; returns when all processes run."""
    together = threading.Barrier(2)
    threads = [threading.Thread(target=helpers.call, args=(together.wait,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_for(lambda: helpers.running == helpers._processes)


def wait_for(condition) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def one():
    """One process that runs."""
    helpers = Helpers(1)
    start(helpers)
    yield helpers
    while helpers._idle:
        helpers._idle.pop().close()


def test_for_one_visitor_no_process_starts() -> None:
    helpers = Helpers(2)
    assert [helpers.call(os.getpid) for _ in range(3)] == [os.getpid()] * 3
    assert not helpers.running


def test_a_process_computes_the_same(one) -> None:
    assert one.call(os.getpid) != os.getpid()
    mixture = PRESETS["Five components"]
    here, there = walk(mixture, 3, 10, 0.5, 0), one.call(walk, mixture, 3, 10, 0.5, 0)
    assert all(
        (getattr(here, name) == getattr(there, name)).all() for name in ("x", "sigma", "shares", "error", "density")
    )


def test_errors_are_raised_and_what_is_printed_is_no_answer(one) -> None:
    pid = one.call(os.getpid)
    with pytest.raises(InputError, match="lies in"):
        one.call(check_size, 3.0)
    assert one.call(print, "no answer") is None
    assert one.call(os.getpid) == pid


def test_where_a_process_has_ended_work_is_done_here(one, caplog) -> None:
    os.kill(one.call(os.getpid), signal.SIGKILL)
    assert one.call(os.getpid) == os.getpid()
    assert "has ended" in caplog.text
    assert not one.running
    assert one.call(os.getpid) == os.getpid()


def test_where_no_process_can_start_work_is_done_here(monkeypatch, caplog) -> None:
    monkeypatch.setattr(module, "COMMAND", [sys.executable, "-c", "raise SystemExit(1)"])
    helpers, together = Helpers(1), threading.Barrier(2)
    other = threading.Thread(target=helpers.call, args=(together.wait,))
    other.start()
    helpers.call(together.wait)
    other.join()
    wait_for(lambda: "No process can be started" in caplog.text)
    assert helpers.call(os.getpid) == os.getpid()


def test_a_process_ends_with_the_server() -> None:
    script = "import os, time; from app.helpers import Helper; print(Helper().call(os.getpid)[0], flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        pid = int(server.stdout.readline())
        assert alive(pid)
        server.kill()
    wait_for(lambda: not alive(pid))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")  # where nobody asks what it ended with, its number stays
    return not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_energies_are_those_of_the_prior(monkeypatch) -> None:
    prior, x = FieldsOfExperts(channels=4, kernel_size=3), torch.rand(2, 1, 12, 12)
    helper = Helper()
    monkeypatch.setattr(module, "computed", lambda function, *arguments: helper.call(function, *arguments)[0])
    assert torch.equal(Elsewhere(prior).energy(x, -2.0), prior.energy(x, -2.0))
    helper.close()
