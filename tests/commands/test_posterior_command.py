"""`gnc restore ... --posterior N`: samples that agree with what is known, their mean and their standard deviation."""

import json

import pytest
import torch
from click.testing import CliRunner

from gnc_core import images, problems, zoo
from gnc_core.__main__ import main
from gnc_core.prior.fields_of_experts import FieldsOfExperts


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    zoo.save(tmp_path / "small", FieldsOfExperts(1, channels=8, kernel_size=3, knots_u=31, knots_s=6), {})
    clean = images.load_sample("Cat", color=True)[..., 100:124, 100:132]
    images.write_image("clean.npy", clean)
    images.write_image("mask.png", problems.random_mask(clean.shape, 0.5, 0).float())
    return tmp_path


def restore(task, *more):
    said = [
        "--input",
        "clean.npy",
        "--output",
        "out.npy",
        "--prior",
        "small",
        "--device",
        "cpu",
        "--steps",
        "4",
        "--json",
    ]
    return CliRunner().invoke(main, ["restore", task, *said, *more])


@pytest.mark.parametrize("color", [[], ["--color"]])
def test_samples_agree_with_the_known_pixels_and_differ_elsewhere(work, color):
    result = restore("inpaint", "--mask", "mask.png", "--truth", "clean.npy", "--posterior", "5", *color)
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert len(report["samples"]) == 5
    assert report["scores"] == 4 * 5 + 1
    mean, deviation, *samples = (
        images.read_image(file, color=bool(color)) for file in ("out.npy", report["deviation"], *report["samples"])
    )
    truth, known = images.read_image("clean.npy", color=bool(color)), images.read_mask("mask.png", mean.shape)
    stacked = torch.cat(samples)
    torch.testing.assert_close(stacked.mean(0, keepdim=True), mean)
    torch.testing.assert_close(stacked.std(0, keepdim=True), deviation)
    known = known.expand(mean.shape)
    assert torch.equal(mean[known], truth[known])
    assert (deviation[known] == 0).all()
    assert (deviation[~known] > 0).all()
    assert report["psnr"] > report["psnr_of_a_sample"]


def test_of_noise_in_colours(work):
    report = restore("denoise", "--simulate", "--noise-std", "0.1", "--posterior", "2", "--color")
    assert report.exit_code == 0, report.stderr
    assert images.read_image("out.npy", color=True).shape[1] == 3


def test_samples_do_not_know_the_noise_that_is_simulated(work):
    """What two samples differ in has nothing to do with the noise that was added; seen after a single smoothing."""
    truth = images.load_sample("Cat")[..., 60:188, 100:228]
    images.write_image("clean.npy", truth)
    assert restore("denoise", "--simulate", "--noise-std", "0.1", "--posterior", "2", "--steps", "1").exit_code == 0
    added = problems.Denoising.degrade(truth, 0.1, 0).observation - truth
    first, second = (images.read_image(f"out-sample-000{k}.npy") for k in (1, 2))
    difference = first - second
    assert abs((added * difference).mean() / (added.std() * difference.std())) < 4 / truth.numel() ** 0.5


def test_of_noise_too(work):
    report = json.loads(restore("denoise", "--simulate", "--noise-std", "0.1", "--posterior", "3").stdout)
    assert report["mean_deviation"] > 0.005
    assert len(list(work.glob("out*.npy"))) == 5


def test_evaluate_measures_the_mean_of_samples_beside_the_scheme(work):
    (work / "photographs").mkdir()
    for number in range(2):
        images.write_image(
            f"photographs/{number}.png", images.load_sample("Cat")[..., 60:84, 100 + number : 132 + number]
        )
    said = ["--data", "photographs", "--task", "inpaint", "--missing", "0.5", "--prior", "small", "--steps", "4"]
    said += ["--scheme", "flow", "--device", "cpu", "--posterior", "3", "--json"]
    first, again = (CliRunner().invoke(main, ["evaluate", *said]) for _ in range(2))
    assert first.exit_code == 0, first.stderr
    report = json.loads(first.stdout)
    found = report["posterior"]
    assert (found["samples"], len(found["results"])) == (3, 2)
    assert all(-1 <= result["correlation"] <= 1 for result in found["results"])
    assert [result["correlation"] for result in report["results"]] == [None, None]
    assert found["mean"]["psnr"] != report["mean"]["psnr"]
    psnr = [[result["psnr"] for result in json.loads(run.stdout)["posterior"]["results"]] for run in (first, again)]
    assert psnr[0] == psnr[1]


@pytest.mark.parametrize(
    "more",
    [
        ["--scheme", "joint"], ["--blind"], ["--save-trace", "a.csv"], ["--rate", "0.5"], ["--pages"], ["--sigma0", "0.9"],
    ],
)  # fmt: skip
def test_what_does_not_go_with_samples_is_one_line(work, more):
    result = restore("denoise", "--noise-std", "0.1", "--posterior", "3", *more)
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1
    assert not list(work.glob("out*"))
