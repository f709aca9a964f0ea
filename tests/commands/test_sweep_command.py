"""`sweep` as a command: killed at any moment, shared by two processes, and one line for bad input."""

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from gnc_core import images, sweeps, zoo
from gnc_core.__main__ import main
from gnc_core.prior.fields_of_experts import FieldsOfExperts
from gnc_core.sweeps import Journal, Runs

ROOT = Path(__file__).parents[2]
SMALL = {"layers": 1, "channels": 8, "kernel_size": 3, "knots_u": 31, "knots_s": 6}
SIGMA0, STEPS = (0.05, 0.1, 0.5), (1, 2, 5, 12)
RUNS = 2 * len(SIGMA0) * len(STEPS)


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A folder with three images of two sizes, and a prior."""
    monkeypatch.chdir(tmp_path)
    zoo.save("small", FieldsOfExperts(**SMALL), {"iterations": 0})
    clean = images.load_sample("Cameraman")[..., 200:224, 200:232]
    Path("data").mkdir()
    for name, image in (("a", clean), ("b", clean.flip(3)), ("c", clean[..., :20])):
        images.write_image(f"data/{name}.png", image)
    return tmp_path


def arguments(out="out.npz", **changes):
    given = {
        "data": "data",
        "task": "denoise",
        "noise_std": 0.1,
        "prior": "small",
        "sigma0": ",".join(map(str, SIGMA0)),
        "steps": ",".join(map(str, STEPS)),
        "device": "cpu",
        "out": out,
    }
    listed = ["sweep"]
    for name, value in (given | changes).items():
        if value is not None:
            option = "--" + name.replace("_", "-")
            listed += [option] if value is True else [option, str(value)]
    return listed


def run(out="out.npz", **changes):
    return CliRunner().invoke(main, arguments(out, **changes))


def start(out, launcher=("-m", "gnc_core"), first="", **changes):
    """The command as a process; Python runs `sitecustomize`, which holds the code `first`, before it."""
    Path("sitecustomize.py").write_text(first)
    path = os.pathsep.join([str(Path.cwd()), str(ROOT)])
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    command = [sys.executable, *launcher, *arguments(out, **changes)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@cache
def straight():
    """The bytes of the file that a sweep leaves when nothing happens: the same in all tests, whose folders are alike."""
    result = run("straight.npz")
    assert result.exit_code == 0, result.output
    return Path("straight.npz").read_bytes()


def begin(out="out.npz", rank=0, processes=1, stop=40, seed=0):
    """Leaves the journal of a process that was stopped after so many steps; returns the plan."""
    prior = zoo.load("small")
    truths = [(file.name, images.read_image(file)) for file in images.image_files("data")]
    named = {"prior_name": "small", "weights": zoo.weights_hash("small")}
    plan = sweeps.make_plan(prior, truths, "denoise", 0.1, Runs(sigma0=SIGMA0, steps=STEPS), seed=seed, **named)
    units = sweeps.units_of_process(sweeps.units_of_plan(plan), rank, processes)
    with Journal(Path(out), plan, rank) as journal:
        for progress in islice(sweeps.run(plan, prior, truths, units), stop):
            if progress.cell:
                journal.write(progress.cell)
    return plan


# --- what works --------------------------------------------------------------------------------------------------------


def test_it_announces_computes_and_reports(work):
    result = run(json=True)
    assert result.exit_code == 0, result.output
    found = sweeps.load("out.npz")
    assert found.complete
    announced = re.search(r"3 images: ([\d,]+) score steps, about .* on cpu", result.stderr)
    assert announced
    assert int(announced[1].replace(",", "")) == sweeps.score_steps(sweeps.units_of_plan(found.plan))
    assert found.plan.weights == zoo.weights_hash("small")
    report = json.loads(result.stdout)
    assert len(report["cells"]) == RUNS
    cell = report["cells"][-1]
    assert (cell["scheme"], cell["sigma0"], cell["steps"]) == ("joint", 0.5, 12)
    assert cell["psnr"] == pytest.approx(sweeps.mean(found.psnr)[-1, -1, -1])
    assert cell["attainment"] == pytest.approx(sweeps.attainment(found)[-1, -1, -1])
    assert not list(Path().glob("*.journal"))

    text = run("text.npz", limit=2, scheme="joint", sigma0="0.05:0.5:4").stdout
    assert "joint: mean PSNR" in text
    assert "flow" not in text
    assert sweeps.load("text.npz").plan.shape == (1, 4, len(STEPS), 2)


def test_inpainting_with_the_default_grid(work):
    changes = {"task": "inpaint", "noise_std": None, "missing": 0.8, "sigma0": None, "steps": "1,2", "limit": 1}
    assert run(**changes).exit_code == 0
    plan = sweeps.load("out.npz").plan
    assert (plan.task, plan.level, len(plan.sigma0)) == ("inpaint", 0.8, 11)


def test_it_goes_on_from_whatever_is_left_of_the_journals(work):
    whole = straight()
    begin(stop=0)
    journal = Path("out.npz.0.journal")
    plan_alone = journal.stat().st_size
    journal.unlink()
    begin(stop=60)
    data = journal.read_bytes()
    for cut in (10, plan_alone - 1, plan_alone + 1, len(data) - 1, random.Random(0).randint(plan_alone, len(data))):
        journal.write_bytes(data[:cut])
        result = run()
        assert result.exit_code == 0, result.output
        assert ("Going on" in result.stderr) == (data[:cut].count(b"\n") > 2)  # the plan, the degraded images, a run
        assert Path("out.npz").read_bytes() == whole
        assert not journal.exists()
        Path("out.npz").unlink()


def test_a_larger_grid_takes_what_a_smaller_one_knows(work):
    assert run("small.npz", sigma0="0.1,0.5", steps="2,5,7").exit_code == 0
    result = run(extend="small.npz")
    assert result.exit_code == 0, result.output
    assert Path("out.npz").read_bytes() == straight()
    known = 2 * 2 * 2 * 3  # schemes, sigma0, steps, images
    assert f"Going on: {known} of {3 * RUNS} runs are already there" in result.stderr
    assert_one_line(run("other.npz", extend="small.npz", seed=1), "another seed;")
    assert_one_line(run("other.npz", extend="data/a.png"), "not a sweep")


def test_damage_within_a_journal_is_computed_again(work):
    whole = straight()
    begin(stop=60)
    journal = Path("out.npz.0.journal")
    lines = journal.read_bytes().split(b"\n")
    lines[2], lines[3], lines[4] = b"\x00" * 20, b'{"place": [0, 0, 99]}', lines[4][:-9]
    lines[5] = lines[5].replace(b"[0, 0,", b"[9, 0,")
    journal.write_bytes(b"\n".join(lines))
    assert run().exit_code == 0
    assert Path("out.npz").read_bytes() == whole


def test_one_process_goes_on_where_two_were_stopped(work):
    whole = straight()
    for rank in range(2):
        begin(rank=rank, processes=2, stop=50)
    result = run()
    assert "Going on" in result.stderr
    assert Path("out.npz").read_bytes() == whole
    assert not list(Path().glob("*.journal"))


KILL_WITHIN_A_LINE = """
import os, signal
from gnc_core.sweeps import Journal
write, left = Journal.write, 10
def killed(journal, cell):
    global left
    write(journal, cell)
    left -= 1
    if not left:
        os.truncate(journal.path, journal.path.stat().st_size - 9)
        os.kill(os.getpid(), signal.SIGKILL)
Journal.write = killed
"""


def test_a_kill_while_a_line_is_written_loses_that_line(work):
    process = start("out.npz", first=KILL_WITHIN_A_LINE)
    whole = straight()
    _, errors = process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL, errors
    left = Path("out.npz.0.journal").read_bytes()
    assert left.count(b"\n") == 10  # the plan and nine cells
    assert not left.endswith(b"\n")
    assert not Path("out.npz").exists()
    assert "Going on" in run().stderr
    assert Path("out.npz").read_bytes() == whole


def test_ctrl_c_says_that_it_can_go_on(work, monkeypatch):
    whole = straight()
    score, calls = FieldsOfExperts.score, 0

    def stop(*arguments):
        nonlocal calls
        calls += 1
        if calls > 60:
            raise KeyboardInterrupt
        return score(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(FieldsOfExperts, "score", stop)
        result = run()
    assert result.exit_code == 130
    assert "the same command goes on" in result.stderr
    assert "Going on" in run().stderr
    assert Path("out.npz").read_bytes() == whole


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch comes without distributed training here")
def test_two_processes_make_the_same_file(work):
    begin(stop=20)  # what one process has left
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launcher = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", str(port), "-m", "gnc_core")
    process = start("out.npz", launcher, json=True)
    whole = straight()
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert json.loads(output)["out"] == "out.npz"  # one process speaks for both
    assert "in 2 processes" in errors
    assert Path("out.npz").read_bytes() == whole
    assert not list(Path().glob("*.journal"))


def test_help_gives_units_and_defaults():
    result = CliRunner().invoke(main, ["sweep", "--help"])
    words = " ".join(result.stdout.split())
    for expected in ("units of [0, 1]", "FIRST:LAST:COUNT", "1,2,3,5", "torchrun", "--json"):
        assert expected in words


# --- bad input ---------------------------------------------------------------------------------------------------------


def assert_one_line(result, message):
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert message in result.stderr


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"out": "out.csv"}, ".npz"),
        ({"out": "no/out.npz"}, "no folder"),
        ({"out": "old.npz"}, "already exists"),
        ({"data": "nowhere"}, "no folder"),
        ({"prior": "unknown"}, "no prior"),
        ({"noise_std": None}, "--noise-std"),
        ({"missing": 0.5}, "belongs to the task inpaint"),
        ({"sigma0": "0.1,loud"}, "--sigma0"),
        ({"sigma0": "0.1:0.5"}, "FIRST:LAST:COUNT"),
        ({"sigma0": "0.5:0.1:4"}, "go up"),
        ({"sigma0": "0.1:0.5:1000000000"}, "2 to 1000"),
        ({"sigma0": "0.1,0.7"}, "[0.01, 0.5]"),
        ({"sigma0": "nan"}, "[0.01, 0.5]"),
        ({"rate": 0}, "rate"),
        ({"rate": 1e300}, "below 2"),
        ({"steps": ""}, "--steps"),
        ({"steps": "1.5"}, "--steps"),
        ({"steps": "1,1001"}, "1 ... 1000"),
        ({"scheme": "learned"}, "joint"),
        ({"tolerance": 2}, "tolerance"),
        ({"limit": 0}, "limit"),
    ],
)
def test_bad_options(work, changes, message):
    Path("old.npz").write_bytes(b"something")
    before = sorted(work.rglob("*"))
    assert_one_line(run(**changes), message)
    assert sorted(work.rglob("*")) == before
    assert Path("old.npz").read_bytes() == b"something"


def test_a_journal_of_another_sweep_is_left_alone(work):
    begin(seed=7, stop=20)
    journal = Path("out.npz.0.journal")
    before = journal.read_bytes()
    assert_one_line(run(), "another seed;")
    assert_one_line(run(steps="1,2"), "another steps, seed;")
    assert journal.read_bytes() == before
    for foreign in (b"hello\n", b"[1]\n", b"{}\n"):
        journal.write_bytes(foreign)
        assert_one_line(run(), "not the journal of a sweep")
        assert journal.read_bytes() == foreign


def test_two_commands_do_not_work_on_one_sweep(work):
    pytest.importorskip("fcntl")
    plan = begin(stop=10)
    with Journal(Path("out.npz"), plan):
        result = run()
    assert result.exit_code == 2
    assert "Another process" in result.stderr
    assert not Path("out.npz").exists()


def test_numbers_survive_the_journal(work):
    plan = begin(stop=0)
    numbers = np.random.default_rng(0).standard_normal((3, 3)).astype(np.float32) * 1e5
    numbers[1, 2] = np.inf
    with Journal(Path("out.npz"), plan) as journal:
        journal.write(sweeps.Cell((1, 2, 3), (0, 1, 2), *(tuple(row.tolist()) for row in numbers)))
    again = Journal.read(Path("out.npz"), plan)
    found = np.stack([values[1, 2, 3] for values in (again.energy, again.psnr, again.ssim)])
    assert np.array_equal(found, numbers)
