"""`train` as a whole process: killed at any moment, and shared by two processes."""

import json
import os
import random
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from gnc_core import zoo
from gnc_core.learning import convexity

ROOT = Path(__file__).parents[2]
SMALL = ["--channels", "6", "--knots-u", "15", "--knots-s", "5", "--patch", "16", "--device", "cpu"]


@pytest.fixture
def data(tmp_path):
    """A folder of three pictures of few edges."""
    folder = tmp_path / "data"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for index in range(3):
        spikes = (generator.random((48, 48)) < 0.01) * generator.standard_normal((48, 48))
        image = np.clip(0.5 + 0.05 * spikes.cumsum(0).cumsum(1), 0, 1)
        np.save(folder / f"{index}.npy", image.astype(np.float32))
    return folder


def environment(tmp_path):
    """One thread a process, and a checkpoint after every iteration: Python runs `sitecustomize` first."""
    (tmp_path / "sitecustomize.py").write_text(
        "from gnc_core.learning import training\ntraining.CHECKPOINT_SECONDS = 0\ntraining.CONSTANT_END = 100\n"
    )
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    return os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


def train(tmp_path, data, out, *options, launcher=("-m",), wait=True):
    command = [
        sys.executable,
        *launcher,
        "gnc_core",
        "train",
        "--data",
        data,
        "--out",
        tmp_path / out,
        *SMALL,
        *options,
    ]
    process = subprocess.Popen(
        [str(c) for c in command], env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    if not wait:
        return process
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return output


def log(tmp_path, out):
    return [json.loads(line) for line in (tmp_path / out / "log.jsonl").read_text().splitlines()]


def test_a_kill_at_any_moment_loses_nothing(tmp_path, data):
    options = ["--iterations", "150", "--validation", data]
    train(tmp_path, data, "straight", *options)
    checkpoint = tmp_path / "killed" / "checkpoint.pt"
    for moment in range(3):
        process = train(tmp_path, data, "killed", *options, *(["--resume"] if moment else []), wait=False)
        while process.poll() is None and not checkpoint.exists():
            time.sleep(0.01)
        time.sleep(random.uniform(0, 1.5) + 2 * (moment > 0))
        process.kill()  # SIGKILL
        process.wait()
        torch.load(checkpoint, weights_only=True)  # whole, whenever the kill came
    train(tmp_path, data, "killed", *options, "--resume")

    straight, killed = (load_file(tmp_path / out / "prior.safetensors") for out in ("straight", "killed"))
    assert all(torch.equal(value, killed[name]) for name, value in straight.items())
    timing = {"seconds", "images_per_second"}
    for one, other in zip(log(tmp_path, "straight"), log(tmp_path, "killed"), strict=True):
        assert {k: v for k, v in one.items() if k not in timing} == {k: v for k, v in other.items() if k not in timing}
    assert "validation" in log(tmp_path, "killed")[-1]


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch comes without distributed training here")
def test_a_run_starts_from_another_ones_prior(tmp_path, data):
    train(tmp_path, data, "first", "--iterations", "3", "--layers", "2")
    options = [
        "--start",
        tmp_path / "first",
        "--iterations",
        "1",
        "--ordering-weight",
        "0.1",
        "--learning-rate",
        "1e-9",
        "--convex-from",
        "0",
    ]
    train(tmp_path, data, "second", *options)
    first, second = (load_file(tmp_path / run / "prior.safetensors") for run in ("first", "second"))
    assert all(torch.allclose(first[name], second[name], atol=1e-6) for name in first if name != "c")
    card = json.loads((tmp_path / "second" / "card.json").read_text())
    assert card["architecture"]["layers"] == 2
    assert card["training"]["start"].startswith("first, weights ")


def test_a_start_without_input_scaling_gets_it_and_potentials_end_convex(tmp_path, data):
    train(tmp_path, data, "first", "--iterations", "3", "--layers", "2", "--input-scale", "0")
    train(tmp_path, data, "second", "--start", tmp_path / "first", "--iterations", "3", "--convex-from", "0.2")
    first, second = (json.loads((tmp_path / run / "card.json").read_text()) for run in ("first", "second"))
    assert "input_scale" not in first["architecture"]
    assert second["architecture"] == first["architecture"] | {"input_scale": 0.05, "knots_u": 15, "knots_hidden": 63}
    assert convexity.convex_from(zoo.load(tmp_path / "second")) <= 0.2


def test_two_processes_follow_the_curve_of_one(tmp_path, data):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--iterations", "100", "--batch", "8", "--layers", "2"]
    launcher = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", str(port), "-m")
    output = train(tmp_path, data, "two", *options, launcher=launcher)
    assert output.count("100 iterations") == 1  # one process speaks for both
    train(tmp_path, data, "one", *options)

    for one, two in zip(log(tmp_path, "one"), log(tmp_path, "two"), strict=True):
        for key in ("loss", "image", "smoothing"):
            assert two[key] == pytest.approx(one[key], rel=1e-3), key
    one, two = (load_file(tmp_path / out / "prior.safetensors") for out in ("one", "two"))
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-2, atol=1e-2, msg=name)
    card = json.loads((tmp_path / "two" / "card.json").read_text())["training"]
    assert card["command"].startswith("torchrun --nproc-per-node 2")
