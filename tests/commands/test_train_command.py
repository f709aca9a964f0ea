"""`train` as a command: stopped by Ctrl-C, killed as a whole process, and shared by two processes."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file

from gnc_core import zoo
from gnc_core.__main__ import main
from gnc_core.learning import convexity, runs
from gnc_core.learning.training import Trainer

ROOT = Path(__file__).parents[2]
SMALL = ["--channels", "6", "--knots-u", "15", "--knots-s", "5", "--patch", "16", "--device", "cpu"]
OFTEN = {
    "runs.LOG_EVERY": 5,
    "runs.VALIDATE_EVERY": 10,
    "runs.CHECKPOINT_SECONDS": 0,
    "training.CONSTANT_START": 20,
    "training.CONSTANT_END": 20,
}


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A folder of three pictures of few edges; a line of the log every five iterations, a checkpoint after each."""
    for name, value in OFTEN.items():
        monkeypatch.setattr(f"gnc_core.learning.{name}", value)
    folder = tmp_path / "data"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for index in range(3):
        spikes = (generator.random((48, 48)) < 0.01) * generator.standard_normal((48, 48))
        image = np.clip(0.5 + 0.05 * spikes.cumsum(0).cumsum(1), 0, 1)
        np.save(folder / f"{index}.npy", image.astype(np.float32))
    return folder


def arguments(out, data, *options):
    return [str(word) for word in ("train", "--data", data, "--out", out, *SMALL, *options)]


def train(out, data, *options):
    """The command to its end, in this process."""
    result = CliRunner().invoke(main, arguments(out, data, *options))
    assert result.exit_code == 0, result.output
    return result.stdout


def start(out, data, *options, launcher=("-m",), first=""):
    """The command as a process, on one thread; Python runs `sitecustomize`, and with it the code `first`, before it."""
    settings = "".join(f"{name} = {value}\n" for name, value in OFTEN.items())
    (data.parent / "sitecustomize.py").write_text(f"from gnc_core.learning import runs, training\n{settings}{first}")
    path = os.pathsep.join([str(data.parent), str(ROOT)])
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    command = [sys.executable, *launcher, "gnc_core", *arguments(out, data, *options)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def in_a_process(out, data, *options):
    """The command to its end, in a process of its own: to the last bit what another such process does, whatever tests
    before have done to this one."""
    process = start(out, data, *options)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors


def log(out):
    """The entries of the log, without those of the clock."""
    entries = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [{key: e[key] for key in e.keys() - {"seconds", "images_per_second"}} for e in entries]


def assert_same(one, other):
    first, second = (load_file(out / "prior.safetensors") for out in (one, other))
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert log(one) == log(other)


KILL_WHILE_SAVING = """
import os, signal, torch
save = torch.save
def killed(state, path):
    if state["iteration"] == 23:
        save(state, path)
        os.truncate(path, path.stat().st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)
    save(state, path)
torch.save = killed
"""


def test_a_process_killed_while_it_saves_goes_on_from_the_checkpoint_before(tmp_path, data):
    options = ["--iterations", "40", "--validation", data]
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    process = start(killed, data, *options, first=KILL_WHILE_SAVING)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL, errors
    in_a_process(straight, data, *options)
    assert torch.load(killed / "checkpoint.pt")["iteration"] == 22
    with (killed / "log.jsonl").open("a") as file:
        file.write('{"iteration": 25, "lo')  # as if the kill had come to the log
    in_a_process(killed, data, *options, "--resume")
    assert_same(straight, killed)
    assert "validation" in log(killed)[-1]


def test_ctrl_c_waits_for_the_end_of_an_iteration_and_a_second_one_does_not(tmp_path, data, monkeypatch):
    monkeypatch.setattr(runs, "CHECKPOINT_SECONDS", np.inf)  # none but the first, and those on the way out
    straight, options = tmp_path / "straight", ["--iterations", "20", "--validation", data]
    train(straight, data, *options)
    handler = signal.getsignal(signal.SIGINT)
    cases = [
        ("_batch", 9, 1, 10),
        ("_batch", 9, 2, 0),
        ("validate", 10, 1, 10),
        ("validate", 10, 2, 0),
        ("finish", 20, 1, 20),
    ]
    for name, iteration, times, saved in cases:
        out, method = tmp_path / f"{name}-{times}", getattr(Trainer, name)

        def press(trainer, iteration=iteration, times=times, method=method, **options):
            if trainer.iteration == iteration:
                for _ in range(times):
                    signal.raise_signal(signal.SIGINT)
            return method(trainer, **options)

        with monkeypatch.context() as patched:
            patched.setattr(Trainer, name, press)
            result = CliRunner().invoke(main, arguments(out, data, *options))
        assert result.exit_code == 130, result.output
        assert result.stderr.count("\n") == 1
        assert ("at iteration 10; go on with --resume" in result.stderr) == (saved == 10)
        assert ("--resume goes on from the last checkpoint" in result.stderr) == (saved != 10)
        assert signal.getsignal(signal.SIGINT) is handler
        assert torch.load(out / "checkpoint.pt")["iteration"] == saved
        train(out, data, *options, "--resume")
        assert_same(straight, out)


def test_a_run_starts_from_another_ones_prior(tmp_path, data):
    first, second = tmp_path / "first", tmp_path / "second"
    train(first, data, "--iterations", "3", "--layers", "2")
    options = ["--iterations", "1", "--ordering-weight", "0.1", "--learning-rate", "1e-9", "--convex-from", "0"]
    train(second, data, "--start", first, *options)
    one, two = (load_file(run / "prior.safetensors") for run in (first, second))
    assert all(torch.allclose(one[name], two[name], atol=1e-6) for name in one if name != "c")
    card = json.loads((second / "card.json").read_text())
    assert card["architecture"]["layers"] == 2
    assert card["training"]["start"].startswith("first, weights ")


def test_a_start_without_input_scaling_gets_it_and_potentials_end_convex(tmp_path, data):
    first, second = tmp_path / "first", tmp_path / "second"
    train(first, data, "--iterations", "3", "--layers", "2", "--input-scale", "0")
    train(second, data, "--start", first, "--iterations", "3", "--convex-from", "0.2")
    one, two = (json.loads((run / "card.json").read_text())["architecture"] for run in (first, second))
    assert "input_scale" not in one
    assert two == one | {"input_scale": 0.05, "knots_u": 15, "knots_hidden": 63}
    assert convexity.convex_from(zoo.load(second)) <= 0.2


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch comes without distributed training here")
def test_two_processes_follow_the_curve_of_one(tmp_path, data):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--iterations", "30", "--batch", "8", "--layers", "2"]
    launcher = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", str(port), "-m")
    process = start(tmp_path / "two", data, *options, launcher=launcher)
    train(tmp_path / "one", data, *options)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert output.count("30 iterations") == 1  # one process speaks for both

    for one, two in zip(log(tmp_path / "one"), log(tmp_path / "two"), strict=True):
        for key in ("loss", "image", "smoothing"):
            assert two[key] == pytest.approx(one[key], rel=1e-3), key
    one, two = (load_file(tmp_path / out / "prior.safetensors") for out in ("one", "two"))
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-2, atol=1e-2, msg=name)
    card = json.loads((tmp_path / "two" / "card.json").read_text())["training"]
    assert card["command"].startswith("torchrun --nproc-per-node 2")
