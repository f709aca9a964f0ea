"""The page "GNC in one dimension": its figures from plain arrays, and the page without a browser."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from app.components.one_dimension import page_of
from app.figures.one_dimension import attainment_figure, curvature_figure
from app.session import plain
from gnc_core.mixture import PRESETS, gnc_flow
from gnc_core.restoration.schedules import logarithmic

MAIN = Path(__file__).resolve().parents[2] / "app" / "views" / "one_dimension.py"
SETTINGS = {"sigma0": 0.7, "steps": 64, "starts": 21, "view": "joint", "step": 3, "drops": [0.4], "fixed": 0.1, "probe": -0.2,
            "question": 5}  # fmt: skip
LINK = {"sigma0": "0.7", "steps": "64", "starts": "21", "plot": '"joint"', "reached": "3", "drops": "[0.4]", "fixed": "0.1",
        "probe": "-0.2", "question": "5"}  # fmt: skip


def test_attainment_figure_shows_percentages_and_the_setting() -> None:
    sigma0, steps = np.geomspace(0.1, 1, 3), [1, 2, 4, 8]
    rate = np.linspace(0, 1, 12).reshape(3, 4)
    figure = go.Figure(attainment_figure(sigma0, steps, rate, (0.5, 4), 0.386))
    np.testing.assert_allclose(figure.data[0].z, 100 * rate.T)
    ring = next(trace for trace in figure.data if trace.name == "setting of this page")
    assert (ring.x[0], ring.y[0]) == (0.5, 4)
    assert 10 ** figure.layout.annotations[0].x == pytest.approx(0.386)
    cells = next(trace for trace in figure.data if trace.name == "cells")  # what can be clicked
    assert set(zip(cells.x, cells.y, strict=True)) == {(s, n) for s in sigma0[::2] for n in steps[::2]}
    assert cells.text[-1] == f"{rate[2, 2]:.0%} attain"


def test_curvature_figure_marks_the_thresholds_and_what_is_not_convex() -> None:
    sigma, curvature = np.array([0.1, 0.2, 0.4, 0.8]), np.array([-1000.0, -10.0, 0.5, 1.0])
    figure = go.Figure(curvature_figure(sigma, curvature, 0.386, 0.8, 1.6))
    convex, bent = figure.data
    np.testing.assert_allclose(np.sinh(convex.y[2:]), curvature[2:])
    np.testing.assert_allclose(np.sinh(bent.y[:2]), curvature[:2])
    assert np.isfinite(bent.y).tolist() == [True, True, False, False]
    assert [a.text for a in figure.layout.annotations] == ["exact = 0.386", "D/2 = 0.8", "D = 1.6"]
    # The red line goes on to where the curve crosses zero, if that is one of its points.
    crossing = curvature_figure(np.array([0.1, 0.386, 0.8]), np.array([-1.0, 1e-12, 1.0]), 0.386, 0.8, 1.6)
    assert np.isfinite(crossing["data"][1]["y"]).tolist() == [True, True, False]
    # A single component is convex for every sigma: nothing to mark.
    assert not curvature_figure(sigma, np.ones(4), 0.0, 0.0, 0.0)["layout"]["annotations"]


def open_page(**settings: str) -> AppTest:
    app = AppTest.from_file(MAIN, default_timeout=300)
    app.query_params.update(settings)
    app.run()
    assert not app.exception
    return app


def reset(app: AppTest) -> Button:
    return app.button(key="reset-line")


def press(app: AppTest, label: str) -> None:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception


def numbers(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def told(app: AppTest) -> dict:
    """What the page tells its plot."""
    return dict(app.session_state["line_settings"])


def test_page_shows_the_numbers_of_the_default_mixture() -> None:
    app = open_page()
    shown = numbers(app)
    assert float(shown["Exact threshold"]) == pytest.approx(0.389, abs=0.005)
    assert (shown["D/2 (equal widths only)"], shown["Paper's bound D"]) == ("0.800", "1.600")
    assert set(app.query_params) <= {"mixture"}


def test_every_preset_works_and_says_what_it_shows() -> None:
    app, shown = open_page(), set()
    for preset in app.selectbox(key="mixture").options:
        app.selectbox(key="mixture").set_value(preset).run()
        assert not app.exception
        assert len(app.caption[0].value) > 40
        shown.add(numbers(app)["Exact threshold"])
    assert len(shown) == len(PRESETS)


def test_a_link_reproduces_the_settings() -> None:
    rows = [[0.5, -0.5, 0.1], [0.5, 0.5, 0.1]]
    app = open_page(mixture="GNC fails", components=json.dumps(rows), **LINK)
    assert app.selectbox(key="mixture").value == "GNC fails"
    assert told(app) == SETTINGS
    assert numbers(app)["Paper's bound D"] == "1.000"
    assert json.loads(app.query_params["components"]) == rows
    assert set(LINK) <= set(app.query_params)
    reset(app).click().run()
    assert numbers(app)["Paper's bound D"] == "1.100"
    assert (told(app)["sigma0"], told(app)["view"]) == (0.5, "flow")
    assert not {"components", *LINK} & set(app.query_params)


def test_an_experiment_sets_the_plot_and_forgets_edits() -> None:
    app = open_page(components="[[1, 0.2, 0.1]]", sigma0="0.7")
    press(app, "Schedules")
    assert app.selectbox(key="mixture").value == "Very many steps"
    assert {name: told(app)[name] for name in ("view", "sigma0", "steps", "step")} == {
        "view": "schedules", "sigma0": 1.0, "steps": 64, "step": 64}  # fmt: skip
    assert "components" not in app.query_params
    assert numbers(app)["Paper's bound D"] == "1.700"


@pytest.mark.parametrize(
    ("components", "message"),
    [
        ("[]", "at least one component"),
        ("[[-1, 0, 0.1], [2, 0.5, 0.1]]", "not be negative"),
        ("[[0, 0, 0.1]]", "one must be positive"),
        ("[[1, 3, 0.1]]", "domain [-1, 1]"),
        ("[[1, 0, -0.1]]", "Standard deviations"),
        ("[[1, 0, null]]", "finite"),
        ("[[1, 0, Infinity]]", "finite"),
        ("[[1, 0]]", "cannot be read"),
        ('[["a", 0, 1]]', "cannot be read"),
        ("7", "cannot be read"),
    ],
)
def test_unusable_components_get_one_sentence_and_no_figures(components: str, message: str) -> None:
    app = open_page(components=components)
    assert len(app.error) == 1
    assert plain(message) in app.error[0].value
    assert app.error[0].value.count(". ") == 0
    assert not app.metric
    reset(app).click().run()
    assert not app.error
    assert app.metric


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sigma0", "77"), ("sigma0", "NaN"), ("sigma0", "1e999"), ("sigma0", "true"), ("sigma0", "[0.5]"), ("steps", "0"),
        ("steps", "1.5"), ("steps", "9999999999"), ("starts", "7"), ("starts", "[5]"), ("starts", "true"), ("plot", '"hologram"'),
        ("plot", "{}"), ("reached", "-1"), ("drops", "[2]"), ("drops", '"many"'), ("drops", json.dumps([0] * 99)),
        ("fixed", "0"), ("probe", "null"), ("probe", "-3"), ("question", "-1"), ("drops", "[" * 100_000),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_get_one_sentence_and_no_figures(name: str, value: str) -> None:
    app = open_page(**{name: value})
    assert [name in error.value for error in app.error] == [True]
    assert app.error[0].value.count(". ") == 0
    assert not app.metric
    reset(app).click().run()
    assert not app.error
    assert app.metric


def test_links_that_are_no_json_fall_back_to_the_defaults() -> None:
    app = open_page(components="[[1, 0", steps="many", sigma0="")
    assert not app.error
    assert (told(app)["steps"], told(app)["sigma0"]) == (32, 0.5)


def test_fewer_steps_than_the_one_that_is_shown() -> None:
    assert told(open_page(reached="40", steps="8"))["step"] == 8


def test_dirac_components_and_a_single_one_work() -> None:
    assert numbers(open_page(components="[[1, 0.2, 0]]"))["Exact threshold"] == "0.000"


def test_small_thresholds_keep_their_digits() -> None:
    shown = numbers(open_page(components="[[1, 0, 0], [1, 0.001, 0]]"))
    assert [shown[name] for name in ("Exact threshold", "D/2", "Paper's bound D")] == ["0.0005", "0.0005", "0.001"]


def test_paths_of_the_flow_are_offered_as_numbers() -> None:
    app = open_page(**LINK)
    files, _ = app.session_state["figures"]["flow"]
    table = list(csv.DictReader(io.StringIO(files["csv"]())))
    paths = [row for row in table if row["what"] == "path"]
    assert len(paths) == 65 * 22  # those of the 21 starts, and of the one that was dropped
    end = gnc_flow(PRESETS["Five components"], [[0.4]], logarithmic(0.7, 1e-3, 64))[-1]
    assert float(paths[-1]["x"]) == pytest.approx(float(end))
    assert [row["mean"] for row in table if row["what"] == "component"] == ["-0.75", "-0.3", "0.2", "0.55", "0.85"]


def test_the_plot_stands_alone_too() -> None:
    page = page_of({"rows": [[1, 0, 0.1]], **SETTINGS}, 0.0, "A <plot>")
    assert "<title>A &lt;plot&gt;</title>" in page
    assert "export default" not in page
    assert "http" not in page
