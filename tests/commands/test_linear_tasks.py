"""Deblurring, super-resolution, MRI, tomography and photon counts on the command line: the same commands as for any task."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from gnc_core import images, problems
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
         "ct": ["--angles", "20"], "photons": []}  # fmt: skip


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cat = images.load_sample("Cat")[0, 0, 100:165, 100:164].numpy()
    for folder, image in (
        ("data", cat),
        ("few", cat[:33, :32]),
    ):  # "few" pixels are enough for tomography, which is slow
        (tmp_path / folder).mkdir()
        Image.fromarray(np.uint8(255 * image)).save(f"{folder}/cat.png")


def run(*words):
    result = CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def folder(task):
    return "few" if task == "ct" else "data"


def level(task):
    return [LEVELS[task], 0.001 if task == "ct" else 0.1 if task == "photons" else 0.01]


@pytest.mark.parametrize("task", TASKS)
def test_restore_makes_it_better(task):
    words = [
        "--input",
        f"{folder(task)}/cat.png",
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
    assert Image.open("out.png").size == {"superres": (64, 64), "ct": (32, 33)}.get(task, (64, 65))


@pytest.mark.parametrize("task", TASKS)
def test_evaluate_and_sweep(task):
    words = ["--data", folder(task), "--task", task, "--prior", "foe-l1", *level(task), *TASKS[task]]
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


@pytest.mark.parametrize("task", ["mri", "ct"])
def test_a_measurement_in_a_file_is_restored_as_its_simulation(task):
    """Of the same k-space (sinogram) as --simulate makes; NumPy measures nothing but what is there."""
    truth = images.read_image("few/cat.png")[..., :32, :32]
    images.write_image("square.png", truth)
    problem = problems.task(task).degrade(
        images.read_image("square.png"), level(task)[1], seed=0, setting=TASKS[task][1]
    )
    np.save("measured.npy", problem.observation[0, 0].numpy())
    words = ["restore", task, *level(task), "--steps", 3, "--truth", "square.png", "--json"]
    measured = json.loads(run(*words, "--input", "measured.npy", "--output", "measured.png"))
    simulated = ["restore", task, *level(task), *TASKS[task], "--steps", 3, "--simulate", "--json"]
    assert measured["psnr"] == json.loads(run(*simulated, "--input", "square.png", "--output", "out.png"))["psnr"]
    assert Image.open("measured.png").size == (32, 32)


@pytest.mark.parametrize(
    ("task", "array", "message"),
    [
        ("mri", np.ones((32, 32)), "k-space is complex"),
        ("mri", np.zeros((32, 32), complex), "Nothing is measured"),
        ("mri", np.full((32, 32), np.nan + 0j), "contains NaN"),
        ("mri", np.ones((2, 32, 32), complex), "has shape (2, 32, 32)"),
        ("ct", np.ones((20, 49)), "Square images have 48 or 50 detectors"),
        ("ct", np.ones((20, 47), complex), "The sinogram"),
        ("ct", np.ones((20, 47), int), "save floats"),
        ("ct", None, "is no .npy file"),
    ],
)
def test_measurements_that_are_none_are_refused_in_a_sentence(task, array, message):
    file = "data/cat.png" if array is None else "measured.npy"
    if array is not None:
        np.save(file, array)
    words = ["restore", task, "--input", file, "--output", "out.png", *map(str, level(task))]
    result = CliRunner().invoke(main, words)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.stderr
    assert message in result.stderr
    assert not Path("out.png").exists()


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
