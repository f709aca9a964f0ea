"""Several threads of one process, as a server has them, that load a prior and compute at the same time."""

import os
import subprocess
import sys
from pathlib import Path

import torch

from gnc_core import zoo
from gnc_core.prior import threads

ROOT = Path(__file__).parents[1]
SCRIPT = """
import threading
import torch
from gnc_core import zoo
from gnc_core.prior import splines, tiled

tiled.MEMORY["cpu"] = 2**18  # several tiles

NUMBER = 4
together = threading.Barrier(NUMBER)
x = torch.rand(1, 1, 61, 83, generator=torch.manual_seed(0))
found, failures = [[] for _ in range(NUMBER)], []

def work(mine, threads):
    torch.set_num_threads(threads)
    together.wait()
    prior = zoo.load("foe-l3")
    s = torch.tensor([-2.0])
    last = prior.potential
    u = torch.linspace(-4, 4, 48 * 1000).view(48, 1000).T.reshape(1, 48, 25, 40)
    for _ in range(2):
        u.requires_grad_()
        value, slope = splines.value_and_derivative(last.table(s).detach(), u, last.u)
        (gradient,) = torch.autograd.grad((value * slope).sum(), u)
        with torch.no_grad():
            mine.append([value, slope, gradient, prior.energy(x, s), *prior.score_and_slope(x, s), prior.score(x, s)])

def guarded(mine):
    try:
        work(mine, threads=2)
    except BaseException as error:
        together.abort()
        failures.append(error)

workers = [threading.Thread(target=guarded, args=(mine,)) for mine in found]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
if failures:
    raise failures[0]
together, alone = threading.Barrier(1), []
work(alone, threads=1)
for mine in found:
    for results in mine:
        for a, b in zip(results, alone[0], strict=True):
            assert (a - b).norm() <= 1e-6 * b.norm()
print("the same numbers")
"""


def test_threads_compute_at_the_same_time():
    """With numba's own threads in the form that allows one caller at a time, the only one that it has on some machines."""
    environment = {"NUMBA_THREADING_LAYER": "workqueue", "NUMBA_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "the same numbers" in done.stdout


def test_within_a_share_there_is_one_thread():
    """A share must not wait for others of its pool; and torch's operations do not start threads in every share."""
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        pool = threads.pool(2)
        assert threads.available() == 2
        for _ in range(4):
            assert pool.submit(threads.available).result() == 1
            assert pool.submit(torch.get_num_threads).result() == 1
    finally:
        torch.set_num_threads(before)


def test_who_shares_takes_so_many_threads_and_torch_one():
    before = threads.available(), torch.get_num_threads()
    with threads.sharing(3):
        assert (threads.available(), torch.get_num_threads()) == (3, 1)
        pool = threads.pool(3)
        assert pool.submit(threads.available).result() == 1
        with threads.sharing(2):
            assert threads.available() == 2
        assert (threads.available(), torch.get_num_threads()) == (3, 1)
    assert (threads.available(), torch.get_num_threads()) == before


def test_shared_work_has_the_same_bits():
    prior, x = zoo.load("foe-l1"), torch.rand(1, 1, 200, 180, generator=torch.manual_seed(0))
    found = []
    for number in (1, 3):
        with threads.sharing(number), torch.no_grad():
            found.append(prior.score(x, -2.0))
    assert torch.equal(*found)
