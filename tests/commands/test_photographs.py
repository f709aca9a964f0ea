"""Folders that hold more than photographs: the rest is left out, which is said, and the numbers are those without it."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gnc_core import choices, images, problems, zoo
from gnc_core.__main__ import main
from gnc_core.measuring.metrics import psnr
from gnc_core.prior import ByChannel
from gnc_core.prior.fields_of_experts import FieldsOfExperts

SMALL = {"layers": 1, "channels": 6, "kernel_size": 3, "knots_u": 15, "knots_s": 5}
LEFT_OUT = ["a mask.npy", "b mask.png", "damaged.png", "tiny.png"]
DENOISE = ["--task", "denoise", "--noise-std", 0.1]


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A folder with two photographs, one with more than these, one without any, and a prior."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(zoo, "PRETRAINED", tmp_path / "pretrained")
    zoo.save("pretrained/small", FieldsOfExperts(**SMALL), {"iterations": 0})
    clean = images.load_sample("Cameraman")[..., 200:232, 200:240]
    for folder in ("good", "mixed", "bad"):
        Path(folder).mkdir()
        if folder != "bad":
            images.write_image(f"{folder}/clean.png", clean)
            images.write_image(f"{folder}/other.png", clean.flip(3))
        if folder != "good":
            np.save(f"{folder}/a mask.npy", np.ones((32, 40), bool))
            images.write_image(f"{folder}/b mask.png", problems.random_mask((32, 40), 0.5, 0).float())
            Path(folder, "damaged.png").write_bytes(Path("good/clean.png").read_bytes()[:200])
            images.write_image(f"{folder}/tiny.png", clean[..., :1, :])
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


MEASURING = {
    "evaluate": [*DENOISE, "--steps", 2],
    "calibrate": ["--noise-std", 0.1, "--noise-std", 0.2],
    "inspect": [],
    "sweep": [*DENOISE, "--sigma0", "0.1,0.5", "--steps", "1,2"],
}


@pytest.mark.parametrize("command", MEASURING)
def test_measuring_goes_on_without_what_is_no_photograph_and_ends_with_1(work, command):
    reports, numbers = {}, ("mean", "calibration", "convex", "cells", "images", "left_out")
    options = ["--prior", "small", "--device", "cpu", *MEASURING[command]]
    for folder, limit in (("good", []), ("mixed", []), ("mixed", ["--limit", 2])):
        out = ["--out", f"{folder} {len(limit)}.npz"] if command == "sweep" else []
        result = run(command, "--data", folder, *options, *out, *limit, "--json")
        complete = folder == "good"
        assert result.exit_code == (0 if complete else 1), result.output
        reports[folder, len(limit)] = {key: value for key, value in json.loads(result.stdout).items() if key in numbers}
        assert ("Left out" in result.stderr) is not complete
        text = run(command, "--data", folder, *options, *[o.replace(" ", "-") for o in out], *limit)
        assert text.exit_code == result.exit_code
    good, mixed, limited = (without_seconds(reports[key]) for key in (("good", 0), ("mixed", 0), ("mixed", 2)))
    assert good.pop("left_out") == []
    assert mixed.pop("left_out") == LEFT_OUT
    assert set(limited.pop("left_out")) <= set(LEFT_OUT)
    assert good == mixed == limited


def test_the_middles_of_photographs_are_as_good_as_files_that_hold_them(work):
    """--crop; a photograph that is smaller is taken as it is."""
    Path("middles").mkdir()
    for file in Path("good").iterdir():
        images.write_image(f"middles/{file.name}", images.read_image(file)[..., 2:30, 6:34])
    options = ["--prior", "small", "--device", "cpu", *MEASURING["evaluate"], "--json"]
    cropped, files, whole, larger = (
        run("evaluate", "--data", folder, *options, *crop)
        for folder, crop in (("good", ["--crop", 28]), ("middles", []), ("good", []), ("good", ["--crop", 99]))
    )
    means = [json.loads(result.stdout)["mean"]["psnr"] for result in (cropped, files, whole, larger)]
    assert means[0] == means[1] != means[2] == means[3]


def test_colours_are_measured_with_the_noise_of_luminance_and_chrominance(work):
    """--color, against the same by hand."""
    Path("colours").mkdir()
    images.write_image("colours/cat.png", images.load_sample("Cat", color=True)[..., 100:148, 100:148])
    truth = images.read_image("colours/cat.png", color=True)
    prior = ByChannel(zoo.load("small"))
    problem = problems.Denoising.degrade(truth, 0.1, problems.image_seed(0, 0))
    scheme = choices.scheme_for(choices.SchemeChoice(steps=3), prior, "small", problem)
    *_, last = scheme.run(prior, problem)
    options = ["--prior", "small", "--device", "cpu", "--task", "denoise", "--noise-std", 0.1, "--steps", 3, "--json"]
    colour, grey = (json.loads(run("evaluate", "--data", "colours", *options, *c).stdout) for c in (["--color"], []))
    assert colour["results"][0]["psnr"] == pytest.approx(psnr(last.image, truth).item(), abs=1e-4)
    assert colour["color"]
    assert not grey["color"]
    assert colour["mean"]["psnr"] != grey["mean"]["psnr"]


def without_seconds(report):
    report.get("mean", {}) and report["mean"].pop("seconds", None)
    return report


@pytest.mark.parametrize("command", [*MEASURING, "fit-schedule", "train"])
def test_a_folder_without_any_photograph_is_one_sentence(work, command):
    options = MEASURING.get(command, [])
    options = options + (["--prior", "small"] if command != "train" else [])
    options = options + (["--out", "out.json", *DENOISE] if command == "fit-schedule" else [])
    options = options + (["--out", "out.npz"] if command in ("sweep", "train") else [])
    before = sorted(work.rglob("*"))
    result = run(command, "--data", "bad", "--device", "cpu", *options)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "None of the 4 images" in result.stderr
    assert "a mask.npy" in result.stderr
    assert sorted(work.rglob("*")) == before


def test_baselines_are_measured_on_the_same_photographs(work):
    options = ["--prior", "small", "--device", "cpu", "--task", "inpaint", "--missing", 0.5, "--baseline", "biharmonic"]
    result = run("evaluate", "--data", "mixed", *options, "--json")
    report = json.loads(result.stdout)
    names = [[row["name"] for row in listed] for listed in (report["results"], report["baseline"]["results"])]
    assert names == [["clean.png", "other.png"]] * 2
    assert result.stderr.count("Left out") == len(LEFT_OUT)


def test_a_picture_of_two_values_is_a_photograph_if_it_is_named(work):
    Path("list.txt").write_text("b mask.png\n")
    result = run("evaluate", "--data", "mixed", "--list", "list.txt", "--prior", "small", *DENOISE, "--json")
    assert result.exit_code == 0
    assert [row["name"] for row in json.loads(result.stdout)["results"]] == ["b mask.png"]


def test_learning_goes_on_with_the_photographs_that_there_are(work):
    schedules = []
    for folder in ("good", "mixed"):
        fit = ["--prior", "small", "--device", "cpu", *DENOISE, "--steps", 1, "--patches", 2, "--patch-size", 16]
        result = run("fit-schedule", "--data", folder, *fit, "--rounds", 1, "--out", f"{folder}.json", "--json")
        assert result.exit_code == 0, result.output
        assert result.stderr.count("Left out") == (len(LEFT_OUT) if folder == "mixed" else 0)
        schedules.append(json.loads(result.stdout)["schedule"]["sigma"])
        small = ["--channels", 6, "--knots-u", 15, "--knots-s", 5, "--patch", 16, "--batch", 2, "--iterations", 1]
        result = run(
            "train", "--data", folder, "--validation", folder, *small, "--device", "cpu", "--out", f"{folder} run"
        )
        assert result.exit_code == 0, result.output
        card = zoo.card(f"{folder} run")["training"]
        assert card["data"].startswith("2 images")
        assert card["validation"]["images"] == 2
    assert schedules[0] == schedules[1]
