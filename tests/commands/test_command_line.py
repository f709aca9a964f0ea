"""The command line: what it prints and writes, and one line with exit code 2 for bad input."""

import csv
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from gnc_core import images, problems, zoo
from gnc_core.__main__ import main
from gnc_core.measuring import baselines
from gnc_core.measuring.metrics import psnr
from gnc_core.prior.fields_of_experts import FieldsOfExperts
from gnc_core.restoration.schedules import LearnedSchedule

SMALL = {"layers": 1, "channels": 8, "kernel_size": 3, "knots_u": 31, "knots_s": 6}


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A folder with a clean and a noisy image, a mask, and a pretrained/ with the prior "small"."""
    monkeypatch.setattr(zoo, "PRETRAINED", tmp_path / "pretrained")
    monkeypatch.chdir(tmp_path)
    zoo.save(tmp_path / "pretrained" / "small", FieldsOfExperts(**SMALL), {"iterations": 0})
    clean = images.load_sample("Cameraman")[..., 200:232, 200:240]
    (tmp_path / "data").mkdir()
    images.write_image("data/clean.png", clean)
    images.write_image("data/other.png", clean.flip(3))
    images.write_image("noisy.npy", problems.add_noise(clean, 0.1, 0))
    images.write_image("mask.png", problems.random_mask(clean.shape, 0.3, 0).float())
    color = images.load_sample("Astronaut", color=True)[..., 100:132, 100:140]
    images.write_image("color.png", color)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def restore(task="denoise", **options):
    """`restore` with defaults; options by name, None leaves one out, True is a flag."""
    given = {"input": "noisy.npy", "output": "out.npy", "prior": "small", "device": "cpu"}
    given |= {"noise_std": 0.1} if task == "denoise" else {"mask": "mask.png"}
    arguments = []
    for name, value in (given | options).items():
        if value is not None:
            option = "--" + name.replace("_", "-")
            arguments += [option] if value is True else [option, value]
    return run("restore", task, *arguments)


# --- what works ------------------------------------------------------------------------------


def sigmas(trace):
    with Path(trace).open() as file:
        return [row["sigma"] for row in csv.DictReader(file)]


def test_the_rate_of_the_joint_scheme_is_that_of_the_task_unless_given(work):
    for task, rate in (("denoise", 0.9), ("inpaint", 0.1)):
        for name, given in (("default", None), ("same", rate), ("other", 0.5)):
            result = restore(
                task, scheme="joint", steps=3, sigma0=0.3, rate=given, output="out.png", save_trace=f"{name}.csv"
            )
            assert result.exit_code == 0, result.output
        default, same, other = (sigmas(f"{name}.csv") for name in ("default", "same", "other"))
        assert default == same != other


@pytest.mark.parametrize("scheme", ["flow", "joint"])
def test_denoising_with_truth_prints_one_json_object(work, scheme):
    result = restore(truth="data/clean.png", scheme=scheme, steps=5, json=True)
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    truth = images.read_image("data/clean.png")
    assert report["psnr"] == pytest.approx(psnr(images.read_image("out.npy"), truth).item(), abs=1e-4)
    assert report["psnr_degraded"] == pytest.approx(20, abs=0.5)
    assert (report["steps"], report["scheme"]) == (5, scheme)
    assert report["weights"] == zoo.weights_hash("small")


def test_text_output_says_what_was_done(work):
    result = restore(truth="data/clean.png", output="out.png")
    assert result.exit_code == 0
    assert "PSNR" in result.stdout
    assert "GNC flow, 4 steps" in result.stdout
    assert images.read_image("out.png").shape == (1, 1, 32, 40)


def test_inpainting_keeps_the_known_pixels(work):
    result = restore("inpaint", input="data/clean.png", json=True)
    assert result.exit_code == 0
    clean, out = images.read_image("data/clean.png"), images.read_image("out.npy")
    observed = images.read_mask("mask.png", clean.shape)
    assert torch.equal(out[observed], clean[observed])
    assert not torch.equal(out[~observed], clean[~observed])
    assert json.loads(result.stdout)["level"] == pytest.approx(0.3, abs=1e-3)


def test_gaps_start_from_the_fill_or_from_grey(work):
    options = {"input": "data/clean.png", "truth": "data/clean.png", "scheme": "flow", "steps": 1, "json": True}
    reports = {
        start: json.loads(restore("inpaint", **options, start=start).stdout) for start in (None, "harmonic", "grey")
    }
    assert reports[None]["psnr"] == reports["harmonic"]["psnr"]
    assert reports["harmonic"]["psnr_degraded"] > reports["grey"]["psnr_degraded"] + 3
    assert_one_line(restore(start="grey"), "denoise has no choice of a start")
    on_all = ["evaluate", "--data", "data", "--prior", "small", "--scheme", "flow", "--steps", 1, "--json"]
    means = {}
    for start in ("harmonic", "grey"):
        report = json.loads(run(*on_all, "--task", "inpaint", "--missing", 0.5, "--start", start).stdout)
        assert report["start"] == start
        means[start] = report["mean"]["psnr_degraded"]
    assert means["harmonic"] > means["grey"] + 3
    assert_one_line(run(*on_all, "--task", "denoise", "--noise-std", 0.1, "--start", "grey"), "no choice of a start")


def test_intensities_are_shares_of_the_range_or_quotients(work):
    assert json.loads(restore(noise_std="25/255", json=True).stdout)["level"] == pytest.approx(25 / 255)
    assert restore(sigma0="25/255", steps=2).exit_code == 0
    likely = "25 is 25 times the image's range; did you mean 25/255 (0.098)?"
    Path("out.npy").unlink()
    assert_one_line(restore(noise_std=25), f"--noise-std {likely}")
    assert_one_line(restore(sigma0=25, steps=2), f"--sigma0 {likely}")
    assert not Path("out.npy").exists()
    on_all = ["--data", "data", "--prior", "small"]
    assert_one_line(
        run("sweep", *on_all, "--task", "denoise", "--noise-std", 25, "--out", "a.npz"), f"--noise-std {likely}"
    )
    with_sigmas = ["--task", "denoise", "--noise-std", 0.1, "--sigma0", "0.1,25", "--out", "a.npz"]
    assert_one_line(run("sweep", *on_all, *with_sigmas), f"--sigma0 {likely}")
    assert_one_line(run("calibrate", *on_all, "--noise-std", 25), f"--noise-std {likely}")
    tuned = ["finetune", "--data", "data", "--start", "small", "--task", "denoise", "--out", "tuned"]
    assert_one_line(run(*tuned, "--lowest", 25), f"--lowest {likely}")
    assert_one_line(run(*tuned, "--highest", 25), f"--highest {likely}")
    assert_one_line(
        restore(noise_std="25 of 255"), "--noise-std must be a number, such as 0.098 or 25/255, not '25 of 255'."
    )


def test_shares_of_missing_pixels_may_be_in_per_cent(work):
    options = {"input": "data/clean.png", "simulate": True, "mask": None}
    result = restore("inpaint", **options, missing="50%", json=True)
    assert json.loads(result.stdout)["level"] == 0.5
    assert_one_line(
        restore("inpaint", **options, missing=80), "--missing 80 is 80 times all pixels; did you mean 80% (0.8)?"
    )


def test_a_hole_too_deep_for_the_steps_is_said_on_standard_error(work):
    observed = np.ones((32, 40), bool)
    observed[4:28, 4:36] = False
    np.save("hole.npy", observed)
    few = restore("inpaint", input="data/clean.png", mask="hole.npy", scheme="flow", steps=20, json=True)
    assert few.exit_code == 0
    assert "12 from the nearest known one, too deep for 20 steps" in few.stderr
    assert "too deep" in json.loads(few.stdout)["note"]
    assert "too deep" not in restore("inpaint", input="data/clean.png", mask="hole.npy", scheme="flow", steps=36).stderr


def test_the_input_may_mark_its_missing_pixels(work):
    clean = images.read_image("data/clean.png")
    observed = images.read_mask("mask.png", clean.shape)
    assert restore("inpaint", input="data/clean.png", output="by_mask.npy").exit_code == 0
    expected = images.read_image("by_mask.npy")
    np.save("marked.npy", torch.where(observed, clean, torch.nan)[0, 0].numpy())
    alpha = Image.fromarray(np.uint8(255) * observed[0, 0].numpy())
    painted = Image.open("data/clean.png").convert("RGBA")
    painted.putalpha(alpha)
    painted.save("marked.png")
    for options in (
        {"input": "marked.npy", "mask": None},
        {"input": "marked.npy"},
        {"input": "marked.png", "mask": None},
        {"input": "marked.png", "mask": "marked.png"},
        {"input": "data/clean.png", "mask": "marked.png"},
    ):
        result = restore("inpaint", **options, truth="data/clean.png", json=True)
        assert result.exit_code == 0, result.output
        assert torch.equal(images.read_image("out.npy"), expected)
        assert math.isfinite(json.loads(result.stdout)["psnr_degraded"])
    colors = images.read_image("color.png", color=True)
    np.save("marked.npy", torch.where(observed, colors, torch.nan)[0].permute(1, 2, 0).numpy())
    assert restore("inpaint", input="marked.npy", mask=None, color=True).exit_code == 0
    out = images.read_image("out.npy", color=True)
    assert torch.equal(out[observed.expand_as(out)], colors[observed.expand_as(out)])


def test_simulate_takes_a_clean_image_and_reports_against_it(work):
    options = {"input": "data/clean.png", "simulate": True, "json": True}
    first, again = (json.loads(restore(**options).stdout) for _ in range(2))
    assert first["psnr"] == again["psnr"]
    assert json.loads(restore(**options, seed=1).stdout)["psnr"] != first["psnr"]
    result = restore("inpaint", **options, mask=None, missing=0.5)
    assert json.loads(result.stdout)["level"] == 0.5


def test_colour_restores_three_channels(work):
    result = restore(input="color.png", simulate=True, color=True, output="out.png", json=True)
    assert result.exit_code == 0
    assert images.read_image("out.png", color=True).shape == (1, 3, 32, 40)
    assert restore(input="color.png", simulate=True, scheme="joint", color=True).exit_code == 0


@pytest.mark.parametrize("scheme", ["flow", "joint"])
def test_trace_has_a_row_for_the_start_and_for_every_step(work, scheme):
    result = restore(truth="data/clean.png", steps=4, scheme=scheme, save_trace="trace.csv", json=True)
    with Path("trace.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["0", "1", "2", "3", "4"]
    report = json.loads(result.stdout)
    assert float(rows[-1]["psnr"]) == pytest.approx(report["psnr"])
    assert float(rows[-1]["energy"]) == pytest.approx(report["energy"])
    assert float(rows[-1]["ssim"]) == pytest.approx(report["ssim"])
    assert float(rows[0]["psnr"]) == pytest.approx(report["psnr_degraded"])


def test_fit_schedule_then_restore_with_it(work):
    folder = Path("pretrained/small/schedules")
    folder.mkdir()
    options = ["--data", "data", "--prior", "small", "--task", "denoise", "--noise-std", 0.1]
    fit = ["--steps", 3, "--patches", 4, "--patch-size", 24, "--rounds", 3, "--device", "cpu"]
    result = run("fit-schedule", *options, *fit, "--out", folder / "a.json")
    assert result.exit_code == 0
    schedule = LearnedSchedule.load(folder / "a.json")
    assert schedule.title in result.stdout
    learned = restore(truth="data/clean.png", schedule=folder / "a.json", json=True)
    flow = restore(truth="data/clean.png", scheme="flow", steps=3, json=True)
    assert json.loads(learned.stdout)["psnr"] > json.loads(flow.stdout)["psnr"]
    by_file = restore(truth="data/clean.png", scheme="learned", schedule=folder / "a.json", noise_std=0.12)
    assert by_file.exit_code == 0
    (folder / "a.json").rename("a.json")
    assert_one_line(restore(scheme="learned"), "no learned schedules")
    longer = ["--start", "a.json", "--steps", 6, *fit[2:]]
    result = run("fit-schedule", *options, *longer, "--out", folder / "b.json")
    assert result.exit_code == 0
    assert LearnedSchedule.load(folder / "b.json").steps == 6


def test_schedules_for_all_levels_are_the_default_then(work):
    before = json.loads(restore(json=True).stdout)
    assert (before["scheme"], before["steps"]) == ("flow", 4)
    fit = ["--data", "data", "--prior", "small", "--task", "denoise", "--patch-size", 24, "--rounds", 1, "--patches", 1]
    folder = Path("pretrained/small/schedules")
    folder.mkdir()
    result = run("fit-schedule", *fit, "--steps", "3:6", "--device", "cpu", "--out", folder / "denoise.json")
    assert result.exit_code == 0, result.output
    assert "denoise, noise 0.0196 to 0.4, 3 to 6 steps" in result.stdout
    assert "fit-schedule" in zoo.find_family("small", "denoise").command
    for level in (0.03, 0.25):
        after = json.loads(restore(noise_std=level, json=True).stdout)
        assert (after["scheme"], after["steps"]) == ("learned", 4)
    assert "Learned schedule, 5 steps" in restore(steps=5).stdout
    assert_one_line(restore(scheme="learned", steps=8), "3 ... 6")
    wrong = ["--steps", "3:6", "--noise-std", 0.1, "--out", "a.json"], ["--steps", "3", "--out", "a.json"]
    for options in (*wrong, ["--sigma0", 0.1, "--out", "a.json"]):
        assert_one_line(run("fit-schedule", *fit, *options), "--")
        assert not Path("a.json").exists()


def test_finetune_makes_a_prior_of_its_own(work):
    fit = ["--data", "data", "--prior", "small", "--task", "denoise", "--patch-size", 24, "--rounds", 1, "--patches", 1]
    Path("pretrained/small/schedules").mkdir()
    run("fit-schedule", *fit, "--device", "cpu", "--out", "pretrained/small/schedules/denoise.json")
    options = ["--start", "small", "--task", "denoise", "--data", "data", "--validation", "data", "--steps", 3]
    small = ["--patch", 24, "--margin", 4, "--batch", 2, "--device", "cpu"]
    result = run("finetune", *options, *small, "--iterations", 50, "--out", "pretrained/tuned")
    assert result.exit_code == 0, result.output
    card = zoo.card("tuned")
    assert "finetune" in card["training"]["command"]
    assert card["training"]["start"].startswith("small, weights")
    report = json.loads(restore(prior="tuned", json=True).stdout)
    assert (report["scheme"], report["steps"]) == ("learned", 3)
    assert_one_line(run("finetune", *options, *small, "--out", "pretrained/tuned"), "already holds a run")
    assert_one_line(run("finetune", *options[:3], "inpaint", *options[4:], "--out", "b"), "no learned schedules")
    assert_one_line(run("finetune", *options, *small, "--highest", 0.9, "--out", "b"), "do not serve")


@pytest.mark.parametrize("scheme", ["flow", "joint"])
def test_blind_denoising_finds_the_noise_level_by_itself(work, scheme):
    blind = restore(noise_std=None, blind=True, scheme=scheme, json=True)
    level = json.loads(blind.stdout)["level"]
    assert 0.01 <= level <= 0.5
    options = {"sigma0": 0.5} if scheme == "joint" else {}
    told = restore(noise_std=level, output="told.npy", scheme=scheme, json=True, **options)
    assert told.exit_code == 0
    torch.testing.assert_close(images.read_image("told.npy"), images.read_image("out.npy"), rtol=1e-5, atol=1e-5)
    assert "Estimated noise level" in restore(noise_std=None, blind=True).stdout
    assert_one_line(restore(blind=True), "leave out --noise-std")
    on_all = ["evaluate", "--data", "data", "--prior", "small", "--blind", "--scheme", scheme, "--steps", 3, "--json"]
    result = run(*on_all, "--task", "denoise", "--noise-std", 0.1)
    assert json.loads(result.stdout)["blind"]
    assert_one_line(run(*on_all, "--task", "inpaint", "--missing", 0.5), "only the task denoise can do without")


def test_calibrate_reports_mean_and_spread(work):
    result = run("calibrate", "--data", "data", "--prior", "small", "--noise-std", 0.1, "--noise-std", 0.2, "--json")
    rows = json.loads(result.stdout)["calibration"]
    assert [row["noise_std"] for row in rows] == [0.1, 0.2]
    assert all(row["mean"] > 0 and row["spread"] >= 0 for row in rows)
    assert_one_line(run("calibrate", "--data", "data", "--prior", "small", "--noise-std", 0.6), "0.01 to 0.5")


def test_evaluate(work):
    options = ["--data", "data", "--prior", "small", "--device", "cpu", "--steps", 3, "--json"]
    result = run("evaluate", *options, "--task", "denoise", "--noise-std", 0.1)
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert [item["name"] for item in report["results"]] == ["clean.png", "other.png"]
    values = [item["psnr"] for item in report["results"]]
    assert report["mean"]["psnr"] == pytest.approx(sum(values) / 2)
    inpaint = ["--task", "inpaint", "--missing", 0.5, "--baseline", "biharmonic", "--limit", 1]
    report = json.loads(run("evaluate", *options, *inpaint).stdout)
    assert report["images"] == 1
    assert report["baseline"]["mean"]["psnr"] > report["mean"]["psnr_degraded"]
    assert math.isfinite(report["mean"]["energy"])
    text = run("evaluate", *options[:-1], *inpaint).stdout
    assert "biharmonic" in text


@pytest.mark.parametrize("name", baselines.NAMES)
def test_evaluate_takes_every_baseline_and_refuses_those_of_other_tasks(work, name):
    options = ["--data", "data", "--prior", "small", "--device", "cpu", "--limit", 1, "--json", "--baseline", name]
    tasks = {"denoise": ["--noise-std", 0.1], "inpaint": ["--missing", 0.5]}
    for task, level in tasks.items():
        result = run("evaluate", *options, "--task", task, *level)
        if name in baselines.BASELINES[task]:
            report = json.loads(result.stdout)["baseline"]
            assert report["name"] == name
            assert report["mean"]["psnr"] > report["mean"]["psnr_degraded"]
        else:
            assert_one_line(result, f"no baseline '{name}'")


def test_info(work):
    assert "small" in run("info").stdout
    assert "kernel_size" in run("info", "small").stdout
    report = json.loads(run("info", "--json").stdout)
    assert report["small"]["card"]["architecture"]["layers"] == 1


def test_info_lists_all_priors_and_says_what_is_wrong_with_one(work):
    for name in ("bare", "cut", "torn", "worn"):
        zoo.save(work / "pretrained" / name, FieldsOfExperts(**SMALL), {})
    (work / "pretrained" / "bare" / "card.json").unlink()
    weights = work / "pretrained" / "cut" / "prior.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    (work / "pretrained" / "torn" / "card.json").write_text("{")
    (work / "pretrained" / "worn" / "schedules").mkdir()
    (work / "pretrained" / "worn" / "schedules" / "bad.json").write_text("{}")
    (work / "pretrained" / "worn" / "inspection.safetensors").write_bytes(b"x")
    (work / "pretrained" / "notes.txt").touch()
    result = run("info")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines() if line[0] != " "] == [
        "bare", "cut", "small", "torn", "worn",
    ]  # fmt: skip
    report = json.loads(run("info", "--json").stdout)
    assert {name: len(content["problems"]) for name, content in report.items()} == {
        "bare": 1, "cut": 1, "small": 0, "torn": 1, "worn": 2,
    }  # fmt: skip
    assert "missing or damaged" in report["bare"]["problems"][0]
    assert report["cut"]["weights"] is None
    assert report["bare"]["weights"]
    assert "problem: " in run("info", "bare").stdout


@pytest.mark.parametrize("command", ["restore", "evaluate", "fit-schedule", "info"])
def test_help_gives_units_and_defaults(command):
    result = run(command, "--help")
    assert result.exit_code == 0
    if command != "info":
        for words in ("units of [0, 1]", "default: foe-l1", "--json"):
            assert words in " ".join(result.stdout.split())
    assert command in run().stdout


# --- bad input -------------------------------------------------------------------------------


def assert_one_line(result, message, code=2):
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert "Traceback" not in result.stderr


BAD_IMAGES = {
    "not an image": (b"hello", "not an image"),
    "empty": (b"", "empty"),
    "nan": (np.full((32, 40), np.nan), "NaN"),
    "infinite": (np.full((32, 40), np.inf), "infinite"),
    "four dimensions": (np.zeros((2, 1, 32, 40)), "shape"),
    "zero-sized": (np.zeros((0, 40)), "empty"),
    "1 x 1": (np.zeros((1, 1)), "at least"),
    "too large": (np.zeros((4001, 4000), np.float16), "megapixels"),
}


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_bad_images(work, name):
    content, message = BAD_IMAGES[name]
    if isinstance(content, bytes):
        Path("bad.npy").write_bytes(content)
    else:
        np.save("bad.npy", content)
    before = sorted(work.rglob("*"))
    assert_one_line(restore(input="bad.npy"), message)
    assert_one_line(restore(truth="bad.npy"), "differ in size" if name == "1 x 1" else message)
    assert sorted(work.rglob("*")) == before


def test_truncated_images(work):
    data = Path("data/clean.png").read_bytes()
    Path("bad.png").write_bytes(data[: len(data) // 2])
    assert_one_line(restore(input="bad.png"), "damaged")
    assert not Path("out.npy").exists()


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        ("denoise", {"input": "nowhere.png"}, "no file nowhere.png"),
        ("denoise", {"input": "data"}, "folder"),
        ("denoise", {"noise_std": 0}, "positive"),
        ("denoise", {"noise_std": -0.1}, "positive"),
        ("denoise", {"noise_std": "nan"}, "positive"),
        ("denoise", {"noise_std": "loud"}, "must be a number, such as 0.098"),
        ("denoise", {"noise_std": None}, "needs the noise level"),
        ("denoise", {"mask": "mask.png"}, "belongs to inpainting"),
        ("denoise", {"missing": 0.5}, "--missing belongs to the task inpaint; denoise takes --noise-std"),
        ("denoise", {"steps": 0}, "1 ... 1000"),
        ("denoise", {"steps": 1001}, "1 ... 1000"),
        ("denoise", {"steps": 0, "scheme": "learned"}, "1 ... 1000"),
        ("denoise", {"sigma0": 0.9}, "[0.01, 0.5]"),
        ("denoise", {"sigma0": "nan"}, "[0.01, 0.5]"),
        ("denoise", {"sigma0": 0.2, "scheme": "learned"}, "does not apply"),
        ("denoise", {"rate": 0.5, "scheme": "flow"}, "belongs to the scheme joint"),
        ("denoise", {"rate": 0, "scheme": "joint"}, "positive"),
        ("denoise", {"rate": 2, "scheme": "joint"}, "below 2"),
        ("denoise", {"rate": 1e300, "scheme": "joint"}, "below 2"),
        ("denoise", {"rate": "inf", "scheme": "joint"}, "number"),
        ("denoise", {"scheme": "learned"}, "there are: none"),
        ("denoise", {"scheme": "fastest"}, "flow"),
        ("denoise", {"schedule": "a.json"}, "Cannot read"),
        ("denoise", {"schedule": "a.json", "scheme": "learned"}, "Cannot read"),
        ("denoise", {"prior": "unknown"}, "there are small"),
        ("denoise", {"prior": "data"}, "holds no prior"),
        ("denoise", {"output": "out.gif"}, "must end with"),
        ("denoise", {"output": "no/out.png"}, "no folder"),
        ("denoise", {"save_trace": "no/trace.csv"}, "no folder"),
        ("denoise", {"save_trace": "trace.txt"}, ".csv"),
        ("denoise", {"truth": "color.png", "color": True}, "differ"),
        ("denoise", {"seed": -1}, "seed"),
        ("denoise", {"input": None}, "--input"),
        ("denoise", {"bogus": 1}, "--bogus"),
        ("sharpen", {}, "denoise"),
        ("inpaint", {"mask": None}, "needs --mask"),
        ("inpaint", {"mask": None, "simulate": True}, "--missing"),
        ("inpaint", {"mask": None, "simulate": True, "missing": 1}, "between 0 and 1"),
        ("inpaint", {"mask": "small.npy"}, "3 x 2 pixels, but the image is 40 x 32"),
        ("inpaint", {"mask": "nothing.npy"}, "all pixels"),
        ("inpaint", {"mask": "everything.npy"}, "nothing to inpaint"),
        ("inpaint", {"missing": 0.5}, "already says"),
        ("inpaint", {"missing": 0.5, "mask": None}, "belongs to --simulate"),
        ("inpaint", {"input": "gaps.npy", "mask": "other.npy"}, "NaN or transparent, but observed by other.npy"),
        ("inpaint", {"input": "gaps.npy", "simulate": True}, "NaN"),
        ("inpaint", {"input": "gone.npy", "mask": None}, "All pixels are missing"),
        ("denoise", {"input": "gaps.npy"}, "NaN"),
    ],
)
def test_bad_options(work, task, options, message):
    np.save("small.npy", np.ones((2, 3)))
    np.save("nothing.npy", np.zeros((32, 40)))
    np.save("everything.npy", np.ones((32, 40)))
    np.save("gaps.npy", np.where(np.arange(1280).reshape(32, 40) % 3, 0.5, np.nan))
    np.save("other.npy", np.arange(1280).reshape(32, 40) % 3 == 0)
    np.save("gone.npy", np.full((32, 40), np.nan))
    before = sorted(work.rglob("*"))
    assert_one_line(restore(task, **options), message)
    assert sorted(work.rglob("*")) == before


def test_damaged_and_foreign_weights(work):
    weights = Path("pretrained/small/prior.safetensors")
    data = weights.read_bytes()
    weights.write_bytes(data[:-100])
    assert_one_line(restore(), "damaged")
    assert_one_line(run("info", "small"), "damaged")
    weights.write_bytes(data)
    zoo.save("other", FieldsOfExperts(**(SMALL | {"channels": 7})), {})
    Path("other/prior.safetensors").replace(weights)
    assert_one_line(restore(), "another architecture")
    assert not Path("out.npy").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "--data", "nowhere", "--task", "denoise", "--noise-std", 0.1], "no folder"),
        (["evaluate", "--data", "pretrained", "--task", "denoise", "--noise-std", 0.1], "no images"),
        (["evaluate", "--data", "data", "--task", "inpaint"], "--missing"),
        (["evaluate", "--data", "data", "--task", "inpaint", "--noise-std", 0.1], "belongs to the task denoise"),
        (["evaluate", "--data", "data", "--task", "denoise"], "--noise-std"),
        (["evaluate", "--data", "data", "--list", "x.txt", "--task", "denoise", "--noise-std", 0.1], "x"),
        (["fit-schedule", "--data", "data", "--task", "denoise", "--noise-std", 0.1], "--out"),
        (["train", "--data", "data", "--out", "mask.png", "--patch", 16, "--device", "cpu"], "Cannot write the run"),
        (["train", "--data", "data", "--out", "new", "--batch", 3], "even"),
        (["info", "unknown"], "there are small"),
        (["unknown"], "unknown"),
    ],
)
def test_bad_input_of_the_other_commands(work, arguments, message):
    if arguments[0] == "evaluate":
        arguments = [*arguments, "--prior", "small"]
    assert_one_line(run(*arguments), message)


def test_fit_schedule_refuses_before_it_computes(work):
    good = ["fit-schedule", "--data", "data", "--task", "denoise", "--noise-std", 0.1]
    good += ["--prior", "small", "--out", "a.json"]
    assert_one_line(run(*good, "--steps", 1001), "1 ... 1000")
    assert_one_line(run(*good, "--patch-size", 500), "at least 500 x 500 are needed")
    assert_one_line(run(*good[:-1], "no/a.json"), "no folder")
    assert_one_line(run(*good[:-1], "a.txt"), ".json")
    assert not Path("a.json").exists()


@pytest.mark.parametrize(
    ("error", "message", "code"),
    [
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 64000000 bytes."),
            "memory",
            2,
        ),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."), "use --device cpu", 2),
        (MemoryError(), "take smaller images", 2),
        (KeyboardInterrupt(), "Stopped.", 130),
    ],
)
def test_too_little_memory_and_an_interrupt_are_one_line(work, monkeypatch, error, message, code):
    def fail(*_):
        raise error

    monkeypatch.setattr(FieldsOfExperts, "score", fail)
    before = sorted(work.rglob("*"))
    assert_one_line(restore(), message, code)
    assert sorted(work.rglob("*")) == before


def test_other_faults_are_not_hidden(work, monkeypatch):
    def fail(*_):
        raise RuntimeError("a fault of the program")

    monkeypatch.setattr(FieldsOfExperts, "score", fail)
    assert "a fault of the program" in str(restore().exception)


def test_a_real_process(work):
    root = Path(zoo.__file__).parents[1]
    command = [sys.executable, "-m", "gnc_core", "restore", "denoise", "--noise-std", "0.1"]
    command += ["--input", work / "noisy.npy", "--output", work / "out.png"]
    command += ["--prior", work / "pretrained" / "small", "--steps", "2", "--device", "cpu"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    good = subprocess.Popen([*command, "--json"], cwd=root, **pipes)
    bad = subprocess.Popen([*command, "--sigma0", "7", "--output", work / "none.png"], cwd=root, **pipes)
    stdout, stderr = good.communicate(timeout=300)
    assert good.returncode == 0, stderr
    assert json.loads(stdout)["steps"] == 2
    assert (work / "out.png").exists()
    stdout, stderr = bad.communicate(timeout=300)
    assert bad.returncode == 2
    assert stdout == ""
    assert stderr.count("\n") == 1
    assert not (work / "none.png").exists()


def test_diverged_restorations_are_no_results(work):
    """A schedule with one step far too long ends `restore` and `evaluate`; nothing is written."""
    LearnedSchedule((0.1, 0.1), (1e12, 0.01), "inpaint", 0.5, "small").save("wild.json")
    wild = {"scheme": "learned", "schedule": "wild.json"}
    before = sorted(work.rglob("*"))
    assert_one_line(restore("inpaint", save_trace="trace.csv", **wild), "diverged")
    options = [part for name, value in wild.items() for part in (f"--{name}", value)]
    data = ["--data", "data", "--prior", "small", "--device", "cpu"]
    assert_one_line(run("evaluate", *data, "--task", "inpaint", "--missing", 0.5, *options), "diverged")
    joint = ["--task", "denoise", "--noise-std", 0.1, "--scheme", "joint", "--rate", 1e300]
    assert_one_line(run("evaluate", *data, *joint), "below 2")
    assert sorted(work.rglob("*")) == before
