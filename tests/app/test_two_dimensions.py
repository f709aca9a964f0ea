"""The page "Two dimensions" without a browser: its numbers, its presets and its links."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.lessons import two_dimensions as lessons
from app.session import plain
from gnc_core.mixture import PLANE_PRESETS

MAIN = Path(__file__).resolve().parents[2] / "app" / "main.py"


def open_page(**settings: str) -> AppTest:
    app = AppTest.from_file(MAIN, default_timeout=300)
    app.query_params.update(settings)
    app.run()
    app.switch_page("views/two_dimensions.py")
    app.query_params.update(settings)
    app.run()
    assert not app.exception
    return app


def numbers(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_page_shows_the_numbers_of_the_default_points() -> None:
    app = open_page()
    assert app.title[0].value == "Two dimensions"
    shown = {"Exact threshold": "0.596", "D/2": "0.817", "Paper's bound D": "1.635", "Deepest well": "100%"}
    assert numbers(app) == shown
    assert set(app.query_params) <= {"density", "length"}


def test_every_preset_works_and_says_what_it_shows() -> None:
    assert set(lessons.PRESETS) == set(PLANE_PRESETS)
    app = open_page()
    thresholds = {}
    for preset in app.selectbox(key="density").options:
        app.selectbox(key="density").set_value(preset).run()
        assert not app.exception
        assert not app.error
        assert lessons.PRESETS[preset] in [caption.value for caption in app.caption]
        thresholds[preset] = numbers(app)["Exact threshold"]
    assert thresholds["Square"] == thresholds["Two points"] == thresholds["Triangle"] == "0.600"
    assert len(set(thresholds.values())) == 4


def test_a_link_reproduces_the_settings_and_reset_forgets_them() -> None:
    points = [[-0.5, 0.0], [0.5, 0.0], [0.0, 0.25]]
    app = open_page(points=json.dumps(points), blur="0.3", at="5", length="16", density="Ring")
    assert app.selectbox(key="density").value == "Ring"
    assert app.slider(key="length").value == 16
    assert (numbers(app)["Exact threshold"], numbers(app)["D/2"]) == ("0.500", "0.500")
    assert app.session_state["plane_settings"] == {"points": points, "blur": 0.3, "at": 5, "view": "contours"}
    assert json.loads(app.query_params["points"]) == points
    app.button(key="reset-points").click().run()
    assert numbers(app)["Exact threshold"] == "0.568"
    assert not {"points", "blur", "at"} & set(app.query_params)


def test_steps_change_where_the_flow_ends() -> None:
    app = open_page(blur="0.8")
    app.slider(key="length").set_value(12).run()
    assert numbers(app)["Deepest well"] != "100%"


def test_fewer_steps_than_the_one_that_is_shown() -> None:
    app = open_page(at="20")
    app.slider(key="length").set_value(8).run()
    assert app.session_state["plane_settings"]["at"] == 8


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"points": "[]"}, "at least one point"),
        ({"points": "[[0,0,1]]"}, "pairs of finite numbers"),
        ({"points": '[["a",0]]'}, "pairs of numbers"),
        ({"points": "[[0,Infinity]]"}, "pairs of finite numbers"),
        ({"points": "[[0,2]]"}, "square"),
        ({"points": json.dumps([[0, 0]] * 151)}, "at most 150"),
        ({"points": '{"a":1}'}, "pairs"),
        ({"points": "7"}, "pairs"),
        ({"points": "null"}, "pairs"),
        ({"points": "[" * 100_000}, "cannot be read"),
        ({"blur": "0"}, "σ₀ in this link"),
        ({"blur": "NaN"}, "σ₀ in this link"),
        ({"blur": "1e999"}, "σ₀ in this link"),
        ({"blur": '"<b>"'}, "σ₀ in this link"),
        ({"blur": "1" + 400 * "0"}, "σ₀ in this link"),
        ({"blur": "true"}, "σ₀ in this link"),
        ({"at": "-1"}, "step in this link"),
        ({"at": "1.5"}, "step in this link"),
        ({"at": "true"}, "step in this link"),
        ({"view": '"hologram"'}, "view in this link"),
        ({"view": "[1]"}, "view in this link"),
    ],
)
def test_unusable_links_get_one_sentence_and_no_figure(settings: dict[str, str], message: str) -> None:
    app = open_page(**settings)
    assert len(app.error) == 1
    assert plain(message) in app.error[0].value
    assert not app.metric
    app.button(key="reset-points").click().run()
    assert not app.error
    assert numbers(app)["Exact threshold"] == "0.596"


def test_links_that_are_no_json_fall_back_to_the_defaults() -> None:
    app = open_page(points="[[1, 0", blur="many", at="", length="77777", density="Hexagon")
    assert not app.error
    assert numbers(app)["Exact threshold"] == "0.596"
