"""What pages say of names and errors, and what links may hold."""

import json
import logging
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.session import MOST_CHARACTERS, plain, sentence
from gnc_core import sweeps, zoo
from gnc_core.errors import InputError
from gnc_core.prior.fields_of_experts import FieldsOfExperts
from gnc_core.sweeps import Plan, Result

VIEWS = Path(__file__).resolve().parents[2] / "app" / "views"
DEEP = "[" * 5000
OWN = {"maps": "A sweep of your own", "grid": "Lists of your own"}


@pytest.fixture(autouse=True)
def prior(tmp_path, monkeypatch) -> Path:
    """A pretrained/ folder with one quick prior, "small"."""
    monkeypatch.setattr(zoo, "PRETRAINED", tmp_path)
    sizes = {"channels": 8, "kernel_size": 3, "knots_u": 15, "knots_hidden": 9, "knots_s": 6}
    zoo.save(tmp_path / "small", FieldsOfExperts(2, **sizes), {})
    return tmp_path / "small"


def opened(view: str, **settings: str) -> AppTest:
    app = AppTest.from_file(VIEWS / f"{view}.py", default_timeout=300)
    app.query_params.update({"image": "Cat", "side": "64"} | settings)
    app.run()
    assert not app.exception
    return app


# --- texts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("foe-l1, noise 0.1", "foe-l1, noise 0.1"),
        ("![x](y)", r"\!\[x\](y)"),
        ("<img src=x>", r"\<img src=x\>"),
        ("**a** `b` $c$", r"\*\*a\*\* \`b\` \$c\$"),
        ("# a\n# b", r"\# a \# b"),
        ("1. a", r"1\. a"),
        ("- a", r"\- a"),
        ("a: b", "a: b"),
        (":red[a]", ":\u2060red\\[a\\]"),
        ("http://a", "http:\u2060//a"),
        ("www.a", "www\u2060.a"),
        ("a@b.c", "a@\u2060b.c"),
        ("\ud800", "?"),
    ],
)
def test_names_are_shown_as_text(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_very_long_texts_lose_their_middle() -> None:
    shown = plain("a" * 10**6 + "b")
    assert len(shown) < MOST_CHARACTERS + 10
    assert (shown[0], shown[-1]) == ("a", "b")


def test_what_nobody_foresaw_is_a_sentence_and_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    assert sentence(InputError("Wrong.")) == "Wrong."
    assert "not enough memory" in sentence(MemoryError())
    assert not caplog.records
    with caplog.at_level(logging.ERROR):
        try:
            [].pop()
        except IndexError as error:
            shown = sentence(error)
    assert "pop" not in shown
    assert "pop from empty list" in caplog.text
    assert "Traceback" in caplog.text


def test_a_page_that_fails_says_so() -> None:
    def script() -> None:
        import streamlit as st

        from app.session import errors_told

        with errors_told():
            st.button("Fail")
            {}["nothing"]

    app = AppTest.from_function(script).run()
    assert not app.exception
    assert ["not foreseen" in error.value for error in app.error] == [True]
    assert app.button


# --- links -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [DEEP, DEEP + "]" * 5000, '{"a":' * 5000])
@pytest.mark.parametrize(
    ("view", "settings", "name"),
    [("one_dimension", {}, "components"), ("restore", {"task": "Inpaint", "mask": "Boxes"}, "boxes")],
)
def test_deep_json_in_a_link_is_one_sentence(view: str, settings: dict[str, str], name: str, value: str) -> None:
    app = opened(view, **settings, **{name: value})
    assert [error.value for error in app.error] == [f"What this link says about {name} cannot be read."]


def test_numbers_beyond_all_floats_in_a_table_are_one_sentence() -> None:
    app = opened("one_dimension", components=json.dumps([[10**400, 0, 1]]))
    assert ["cannot be read" in error.value for error in app.error] == [True]


@pytest.mark.parametrize("value", ["inf", "-inf", "1e309", "9" * 400, "nan", "many", "", "1e300", "-3"])
@pytest.mark.parametrize(
    ("view", "name", "default"), [("restore", "nsteps", None), ("restore", "seed", 0), ("inside", "kernel", 1)]
)
def test_whole_numbers_that_cannot_be_leave_the_default(view: str, name: str, default: int | None, value: str) -> None:
    app = opened(view, **{name: value})
    assert app.number_input(key=name).value == default
    assert name not in app.query_params
    assert not app.error


@pytest.mark.parametrize("name", ["../small", "/etc", "![x](y)"])
@pytest.mark.parametrize("view", ["restore", "inside"])
def test_priors_in_links_are_names_and_no_paths(view: str, name: str) -> None:
    app = opened(view, prior=name)
    assert app.selectbox(key="prior").value == "small"
    assert not app.error


@pytest.mark.parametrize("counts", ["1," * 5000 + "x", "9" * 5000, "nan", "1e3", "![x](y)"])
def test_long_and_strange_lists_are_a_short_sentence(counts: str) -> None:
    app = opened("maps", **OWN, counts=counts)
    assert len(app.error) == 1
    assert len(app.error[0].value) < 2 * MOST_CHARACTERS
    assert "![" not in app.error[0].value


@pytest.mark.parametrize("name", ["schemes", "colour", "maps", "map-prior", "tolerance"])
def test_empty_choices_in_a_link_leave_the_default(name: str, prior: Path) -> None:
    plan = Plan("denoise", 0.1, "small", "", ("flow",), (0.1,), (1,), ("a",), ((8, 8),), "0" * 12)
    (prior.parent / zoo.SWEEPS).mkdir()
    result = Result.empty(plan)
    result.initial_energy[:], result.energy[:], result.psnr[:] = 2, 1, 20
    sweeps.save(result, prior.parent / zoo.SWEEPS / "a.npz")
    app = opened("maps", **{name: ""})
    assert app.metric
    assert not app.error


# --- folders -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("view", ["restore", "inside"])
def test_priors_that_cannot_be_used_are_named_and_the_others_offered(view: str, prior: Path) -> None:
    for name in ("a-cut", "b-card", "c-bare"):
        zoo.save(prior.parent / name, FieldsOfExperts(1, channels=8, kernel_size=3, knots_u=15, knots_s=6), {})
    weights = prior.parent / "a-cut" / zoo.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-10])
    (prior.parent / "b-card" / zoo.CARD).write_text("[")
    (prior.parent / "c-bare" / zoo.CARD).unlink()
    (prior.parent / "notes.txt").touch()
    app = opened(view, prior="a-cut")
    assert app.selectbox(key="prior").options == ["c-bare", "small"]
    assert [name in warning.value for name, warning in zip(("a-cut", "b-card"), app.warning, strict=True)] == [True] * 2
    assert not app.error
    (prior.parent / "a-cut" / zoo.WEIGHTS).write_bytes((prior.parent / "c-bare" / zoo.WEIGHTS).read_bytes())
    assert app.run().selectbox(key="prior").options == ["a-cut", "c-bare", "small"]
