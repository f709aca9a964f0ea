"""Priors survive being saved; damaged or foreign files are one sentence."""

import json
import math

import pytest
import torch
from safetensors.torch import load_file, save_file

from gnc_core import zoo
from gnc_core.errors import InputError
from gnc_core.prior.fields_of_experts import FieldsOfExperts
from gnc_core.restoration import ScheduleFamily

SMALL = {"layers": 2, "channels": 4, "kernel_size": 5, "knots_u": 15, "knots_hidden": 7, "knots_s": 6}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A pretrained/ folder with one small prior, "small"."""
    monkeypatch.setattr(zoo, "PRETRAINED", tmp_path)
    torch.manual_seed(0)
    prior = FieldsOfExperts(**SMALL)
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter += 0.01 * torch.randn_like(parameter)
    zoo.save(tmp_path / "small", prior, {"iterations": 7})
    return tmp_path / "small"


def test_saved_prior_is_loaded_again(folder):
    assert zoo.names() == ["small"]
    x = torch.rand(2, 1, 12, 13)
    s = math.log(0.1)
    by_name, by_folder = zoo.load("small"), zoo.load(folder)
    assert torch.equal(by_name.score(x, s), by_folder.score(x, s))
    again = FieldsOfExperts(**by_name.architecture)
    again.load_state_dict(load_file(folder / "prior.safetensors"))
    assert torch.equal(by_name.energy(x, s), again.energy(x, s))
    assert not any(parameter.requires_grad for parameter in by_name.parameters())
    card = zoo.card("small")
    assert card["iterations"] == 7
    assert card["architecture"] == by_name.architecture
    assert sorted(p.name for p in folder.iterdir()) == ["card.json", "prior.safetensors"]


def test_hash_follows_the_weights(folder):
    before = zoo.weights_hash("small")
    assert before == zoo.weights_hash(folder)
    assert len(before) == 12
    zoo.save(folder, FieldsOfExperts(**SMALL), {})
    assert zoo.weights_hash("small") != before


def test_unknown_names_list_the_known(folder, tmp_path):
    for name in ("nothing", "", tmp_path / "nowhere"):
        with pytest.raises(InputError, match="there are small"):
            zoo.load(name)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no prior"):
        zoo.load(tmp_path / "empty")


def test_damaged_weights(folder):
    path = folder / "prior.safetensors"
    data = path.read_bytes()
    for damaged in (b"", b"hello", data[:100], data[:-10], b"\xff" * 200, data[8:]):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="damaged"):
            zoo.load("small")


def test_weights_of_another_architecture(folder):
    path = folder / "prior.safetensors"
    weights = load_file(path)
    stated = FieldsOfExperts(**SMALL).architecture
    card = json.loads((folder / "card.json").read_text())

    def state(architecture: object, in_card: object) -> None:
        save_file(weights, path, {"architecture": json.dumps(architecture)})
        (folder / "card.json").write_text(json.dumps(card | {"architecture": in_card}))

    state(stated | {"layers": 1}, stated)
    with pytest.raises(InputError, match="another architecture"):
        zoo.load("small")
    for change in ({"layers": 1}, {"channels": 5}, {"knots_s": 9}, {"colours": 3}, {"layers": 1.5}):
        state(stated | change, stated | change)
        with pytest.raises(InputError, match="do not fit"):
            zoo.load("small")
    for architecture in (None, [], {"layers": "two"}, {"channels": 10**9}, {"layers": float("nan")}):
        state(architecture, architecture)
        with pytest.raises(InputError, match="do not state their architecture"):
            zoo.load("small")
    save_file(weights, path)
    with pytest.raises(InputError, match="do not state their architecture"):
        zoo.load("small")


def test_weights_that_are_not_finite(folder):
    path = folder / "prior.safetensors"
    weights = load_file(path)
    weights["kernel"][0, 0, 0, 0] = torch.nan
    save_file(weights, path, {"architecture": json.dumps(FieldsOfExperts(**SMALL).architecture)})
    with pytest.raises(InputError, match="NaN"):
        zoo.load("small")


def test_damaged_cards(folder):
    for text in ("", "{", "[]"):
        (folder / "card.json").write_text(text)
        with pytest.raises(InputError, match="card"):
            zoo.card("small")


def a_family(task="denoise", **changes):
    weights = torch.randn(7, 9, generator=torch.Generator().manual_seed(0)).tolist()
    values = {"levels": (0.03, 0.3), "steps": (2, 8), "sigma_min": 0.01, "sigma_max": 0.5} | changes
    return ScheduleFamily(weights, task, "small", **values)


def test_learned_schedules_are_found_by_task(folder):
    assert zoo.families("small") == ([], [])
    with pytest.raises(InputError, match="there are: none"):
        zoo.find_family("small", "denoise")
    denoise, inpaint = a_family(), a_family("inpaint")
    for family in (inpaint, denoise, denoise):  # the last one takes the place of the one before
        zoo.save_family(folder, family)
    assert zoo.families("small") == ([denoise, inpaint], [])
    assert zoo.find_family("small", "inpaint") == inpaint
    with pytest.raises(InputError, match="task"):
        zoo.find_family("small", "sharpen")


def test_damaged_schedules_are_named_and_the_others_are_found(folder):
    zoo.save_family(folder, a_family())
    huge = a_family().to_json().replace('"sigma_max": 0.5', f'"sigma_max": {"9" * 400}')
    for number, text in enumerate(("", "{}", "[" * 9000, huge)):
        (folder / "schedules" / f"bad{number}.json").write_text(text)
    (folder / "schedules" / "bad4.json").mkdir()
    found, problems = zoo.families("small")
    assert found == [a_family()] == [zoo.find_family("small", "denoise")]
    assert [f"bad{number}.json" in problem for number, problem in enumerate(problems)] == [True] * 5
    with pytest.raises(InputError, match=r"there are: denoise, noise 0\.03 to 0\.3, 2 to 8 steps\. .*bad0\.json"):
        zoo.find_family("small", "inpaint")


def test_sweeps_are_named_after_their_files(folder, tmp_path):
    assert zoo.sweep_files() == {}
    (tmp_path / "sweeps").mkdir()
    for name in ("b.npz", "a.npz", "a.npz.0.journal", "notes.txt"):
        (tmp_path / "sweeps" / name).touch()
    assert zoo.sweep_files() == {name: tmp_path / "sweeps" / f"{name}.npz" for name in ("a", "b")}
    assert zoo.names() == ["small"]


def test_priors_that_cannot_be_loaded_are_named_and_the_others_listed(folder, tmp_path):
    for name in ("a-cut", "b-card", "c-folder", "d-deep", "z-no-card"):
        zoo.save(tmp_path / name, FieldsOfExperts(**SMALL), {})
    weights = tmp_path / "a-cut" / "prior.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    (tmp_path / "b-card" / "card.json").write_text("{")
    (tmp_path / "c-folder" / "prior.safetensors").unlink()
    (tmp_path / "c-folder" / "prior.safetensors").mkdir()
    deep = tmp_path / "d-deep" / "prior.safetensors"
    save_file(load_file(deep), deep, {"architecture": "[" * 9000})
    (tmp_path / "z-no-card" / "card.json").unlink()
    (tmp_path / "notes.txt").touch()
    (tmp_path / "empty").mkdir()
    found, problems = zoo.usable()
    assert found == ["small", "z-no-card"]
    assert [name in problem for name, problem in zip("abcd", problems, strict=True)] == [True] * 4
    assert all(word in problem for word, problem in zip(("damaged", "card", "damaged", "state"), problems, strict=True))
    with pytest.raises(InputError, match="Cannot read the weights"):
        zoo.weights_hash("c-folder")


@pytest.mark.parametrize("other", [None, ["small"], 3.0], ids=str)
def test_what_is_no_name_no_prior_or_no_card_is_refused(folder, other):
    family = ScheduleFamily(((0.0,) * 9,) * 7, "denoise", "small", (0.02, 0.4), (3, 20), 0.01, 0.5)
    before = sorted(folder.parent.rglob("*"))
    for refused in (zoo.load, zoo.check, zoo.card, zoo.folder_of, zoo.families, zoo.weights_hash):
        with pytest.raises(InputError, match="a name or a path"):
            refused(other)
    for refused in (
        lambda: zoo.load("small", other),
        lambda: zoo.save(other, zoo.load("small"), {}),
        lambda: zoo.save(folder / "new", other, {}),
        lambda: zoo.save(folder / "new", zoo.load("small"), other),
        lambda: zoo.find_family("small", other),
        lambda: zoo.save_family(other, family),
        lambda: zoo.save_family(folder, other),
    ):
        with pytest.raises(InputError):
            refused()
    assert sorted(folder.parent.rglob("*")) == before
