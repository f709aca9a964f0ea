"""Deblurring, super-resolution, MRI, tomography and photon counts on the command line: the same commands as for any task."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from gnc_core import images
from gnc_core.__main__ import main
from gnc_core.problems import kernels

LEVELS = {
    "deblur": "--noise-std",
    "superres": "--noise-std",
    "mri": "--noise-std",
    "ct": "--noise-std",
    "photons": "--shot-noise",
}
TASKS = {"deblur": ["--kernel", "motion:7:30"], "superres": ["--scale", "2"], "mri": ["--acceleration", "3"],
         "ct": ["--angles", "40"], "photons": []}  # fmt: skip


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cat = images.load_sample("Cat")[0, 0, 100:165, 100:164].numpy()
    (tmp_path / "data").mkdir()
    Image.fromarray(np.uint8(255 * cat)).save("data/cat.png")


def run(*words):
    result = CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def level(task):
    return [LEVELS[task], 0.001 if task == "ct" else 0.1 if task == "photons" else 0.01]


@pytest.mark.parametrize("task", TASKS)
def test_restore_makes_it_better(task):
    words = [
        "--input",
        "data/cat.png",
        "--output",
        "out.png",
        "--simulate",
        "--steps",
        8,
        "--prior",
        "foe-l1",
        "--json",
    ]
    report = json.loads(run("restore", task, *words, *level(task), *TASKS[task]))
    assert report["psnr"] > report["psnr_degraded"] + 0.3
    assert Image.open("out.png").size == ((64, 64) if task == "superres" else (64, 65))


@pytest.mark.parametrize("task", TASKS)
def test_evaluate_and_sweep(task):
    words = ["--data", "data", "--task", task, "--prior", "foe-l1", *level(task), *TASKS[task]]
    report = json.loads(run("evaluate", *words, "--steps", 8, "--json"))
    assert report["mean"]["psnr"] > report["mean"]["psnr_degraded"] + 0.3
    assert report["setting"] == (TASKS[task][1] if TASKS[task] else "")
    swept = json.loads(run("sweep", *words, "--steps", "1,4", "--sigma0", "0.1", "--out", "sweep.npz", "--json"))
    assert swept["plan"]["setting"] == report["setting"]
    assert all(np.isfinite(cell["psnr"]) for cell in swept["cells"])


@pytest.mark.parametrize("task", ["deblur", "superres"])
def test_schedules_are_fitted(task):
    words = ["--data", "data", "--task", task, "--prior", "foe-l1", "--patch-size", 32, "--patches", 2, "--rounds", 1]
    one = json.loads(
        run("fit-schedule", *words, *level(task), "--steps", 2, "--out", "one.json", *TASKS[task], "--json")
    )
    assert one["schedule"]["task"] == task
    run("fit-schedule", *words, "--steps", "2:3", "--out", "all.json")


def test_a_photograph_is_enlarged():
    run(
        "restore",
        "superres",
        "--input",
        "data/cat.png",
        "--output",
        "large.png",
        "--noise-std",
        0.01,
        "--scale",
        2,
        "--steps",
        2,
    )
    assert Image.open("large.png").size == (128, 130)


def test_a_measured_kernel_is_a_file():
    kernel = np.zeros((3, 3), np.float32)
    kernel[1] = 1
    np.save("kernel.npy", kernel)
    words = ["--input", "data/cat.png", "--output", "out.npy", "--simulate", "--noise-std", 0.01, "--steps", 2]
    run("restore", "deblur", *words, "--kernel", "kernel.npy")
    measured = np.load("out.npy")
    run("restore", "deblur", *words, "--kernel", "values:0,0,0;1,1,1;0,0,0")
    np.testing.assert_allclose(np.load("out.npy"), measured, atol=1e-6)


def test_missing_pixels_and_noise_together():
    words = ["--data", "data", "--task", "inpaint", "--prior", "foe-l1", "--missing", 0.5, "--known-noise", "0.1"]
    report = json.loads(run("evaluate", *words, "--json"))
    assert report["scheme"] == "flow"  # learned schedules are for exact pixels
    assert report["mean"]["psnr"] > report["mean"]["psnr_degraded"] + 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["deblur", "--noise-std", 0.1, "--kernel", "box:3"], "A kernel is gaussian"),
        (["deblur", "--noise-std", 0.1, "--scale", "2"], "--scale belongs to the task superres, not to deblur"),
        (["superres", "--noise-std", 0.1, "--scale", "2.5"], "must be one of 2, 3, 4"),
        (["deblur", "--missing", 0.1], "--missing belongs to the task inpaint; deblur takes --noise-std"),
        (["mri", "--noise-std", 0.1, "--acceleration", "0"], "between 1 and 20"),
        (["inpaint", "--missing", 0.1, "--known-noise", "loud"], "must be a number"),
    ],
)
def test_what_is_refused_is_one_line(words, message):
    task, *options = words
    common = ["--input", "data/cat.png", "--output", "out.png", "--simulate"]
    result = CliRunner().invoke(main, ["restore", task, *common, *map(str, options)])
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_kernels_of_files_are_measured_ones():
    Image.fromarray(np.uint8([[0, 255, 0], [0, 255, 0]])).save("kernel.png")
    kernel = kernels.read_kernel("kernel.png")
    assert kernel.shape == (1, 1, 3, 3)
    assert kernel.max() == pytest.approx(0.5)
