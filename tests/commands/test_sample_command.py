"""`gnc sample`: files of samples, the same for the same seed; one line for what cannot be."""

import json

import pytest
from click.testing import CliRunner

from gnc_core import images, sampling, zoo
from gnc_core.__main__ import main
from gnc_core.prior.fields_of_experts import FieldsOfExperts


@pytest.fixture
def small(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    zoo.save(tmp_path / "small", FieldsOfExperts(1, channels=8, kernel_size=3, knots_u=31, knots_s=6), {})
    return tmp_path


def sample(**given):
    arguments = {
        "prior": "small",
        "size": 16,
        "count": 2,
        "steps": 3,
        "denoising-steps": 2,
        "out": "out",
        "device": "cpu",
    }
    arguments |= given
    said = [part for name, value in arguments.items() for part in (f"--{name}", str(value))]
    return CliRunner().invoke(main, ["sample", *said, "--json"])


def read(folder):
    return [images.read_image(file) for file in sorted(folder.iterdir())]


def test_samples_are_files_of_the_size_and_number_asked_for(small):
    report = json.loads(sample().stdout)
    assert [entry["file"] for entry in report["samples"]] == ["out/sample-0001.png", "out/sample-0002.png"]
    assert all(0.01 <= entry["sigma"] <= 0.5 for entry in report["samples"])
    assert report["scores"] == 3 + 2 * 2 + 1
    first, second = read(small / "out")
    assert first.shape == (1, 1, 16, 16)
    assert not first.equal(second)


def test_a_seed_says_which_samples_and_the_first_ones_stay(small):
    for folder, given in (("a", {}), ("b", {"count": 1}), ("c", {"seed": 1})):
        assert sample(out=folder, **given).exit_code == 0
    a, b, c = (read(small / folder) for folder in "abc")
    assert a[0].equal(b[0])
    assert not a[0].equal(c[0])


def test_an_interruption_keeps_whole_samples_and_leaves_nothing_else(small, monkeypatch):
    run, calls = sampling.ReverseODE.run, []

    def stopped(self, *arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return run(self, *arguments)

    monkeypatch.setattr(sampling.ReverseODE, "run", stopped)
    assert sample(count=3).exit_code == 130
    assert [file.name for file in (small / "out").iterdir()] == ["sample-0001.png"]


@pytest.mark.parametrize(
    "given", [{"prior": "none"}, {"size": 1}, {"count": 0}, {"steps": 0}, {"out": "small/prior.safetensors"}]
)
def test_bad_input_is_one_line(small, given):
    result = sample(**given)
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (small / "out").exists()
