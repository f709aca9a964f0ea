"""`train --noisy` and `restore denoise` with what it has learned: no clean image is needed on the way."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from gnc_core import zoo
from gnc_core.__main__ import main

SMALL = ["--channels", "6", "--knots-u", "15", "--patch", "16", "--device", "cpu", "--batch", "4", "--iterations", "2"]


def run(*words: object) -> str:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*words: object) -> str:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 2, result.output
    return result.output


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    for name in ("CONSTANT_START", "CONSTANT_END"):
        monkeypatch.setattr(f"gnc_core.learning.training.{name}", 2)


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    noise = np.random.default_rng(0)
    for index in range(2):
        stripes = 0.5 + 0.2 * np.sin(np.arange(32) / 4) + 0.05 * noise.standard_normal((32, 32))
        np.save(folder / f"{index}.npy", stripes.astype(np.float32))
    return folder


@pytest.mark.parametrize(
    ("kind", "noise"), [("gaussian", "gaussian:0.1"), ("poisson", "poisson:0.02"), ("gamma", "gamma:9")]
)
def test_a_prior_is_learned_from_noisy_images_and_restores_them(kind, noise, tmp_path, data) -> None:
    out, image = tmp_path / "run", tmp_path / "x.npy"
    run("train", "--data", data, "--out", out, "--noisy", noise, *SMALL)
    training = zoo.card(out)["training"]
    assert (training["noisy"], training["smoothing_weight"]) == (noise, 0)
    assert zoo.learned_from(out) == noise
    assert noise in zoo.card(out)["what"]
    assert noise in json.loads(run("info", out, "--json"))[str(out)]["purpose"]
    restore = ("restore", "denoise", "--prior", out, "--input", data / "0.npy", "--output", image, "--json")
    told = json.loads(run(*restore, "--noisy", noise, "--simulate"))
    assert (told["noise"], told["blind"], told["scheme"]) == (noise, False, "tweedie")
    assert {"psnr", "psnr_degraded"} <= told.keys()
    first = np.load(image)
    estimated = json.loads(run(*restore))
    assert estimated["blind"]
    assert estimated["noise"].startswith(kind)
    assert first.shape == np.load(image).shape == (32, 32)
    refused(*restore, "--simulate")  # by what noise?
    other = next(name for name in ("gaussian:0.1", "gamma:9") if not name.startswith(kind))
    assert "was learned from" in refused(*restore, "--noisy", other)


def test_files_may_be_noisy_already(tmp_path, data) -> None:
    run("train", "--data", data, "--out", tmp_path / "run", "--noisy", "gaussian", *SMALL)
    assert zoo.learned_from(tmp_path / "run") == "gaussian"


def test_such_a_prior_is_for_nothing_else_and_others_are_not_for_this(tmp_path, data) -> None:
    out, image = tmp_path / "run", tmp_path / "x.npy"
    run("train", "--data", data, "--out", out, "--noisy", "gaussian:0.1", *SMALL)
    restore = ("restore", "denoise", "--input", data / "0.npy", "--output", image)
    assert "noisy images" in refused(*restore, "--prior", out, "--scheme", "flow")
    assert "noisy images" in refused(*restore, "--prior", out, "--posterior", "2")
    assert "noisy images" in refused(
        "evaluate", "--data", data, "--task", "denoise", "--noise-std", "0.1", "--prior", out
    )
    assert "too many" in refused(*restore, "--prior", out, "--missing", "0.5")
    assert "too many" in refused(*restore, "--prior", out, "--noise-std", "0.1", "--noisy", "gaussian:0.1")
    assert "foe-l1 was not" in refused(*restore, "--prior", "foe-l1", "--noisy", "gaussian:0.1")
    assert "was not learned" in refused("train", "--data", data, "--out", tmp_path / "other", "--start", out, *SMALL)
    assert "gaussian:SIGMA" in refused("train", "--data", data, "--out", tmp_path / "other", "--noisy", "salt", *SMALL)
    assert not image.exists()
    assert not (tmp_path / "other").exists()
    told = json.loads(run(*restore, "--prior", out, "--noise-std", "25/255", "--json"))
    assert told["noise"] == "gaussian:0.0980392"
