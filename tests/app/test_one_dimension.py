"""The page "GNC in one dimension": its figures from plain arrays, and the page without a browser."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from app.figures.one_dimension import (
    MOST_FRAMES,
    attainment_figure,
    curvature_figure,
    flow_figure,
    sigma_colour,
)
from app.session import plain

MAIN = Path(__file__).resolve().parents[2] / "app" / "views" / "one_dimension.py"
STEPS, STARTS, POINTS = 8, 5, 11


def a_flow_figure(steps: int = STEPS, minimisers: Sequence[float] = (0.0,)) -> go.Figure:
    x = np.linspace(-1, 1, POINTS)
    paths = np.linspace(-1, 1, STARTS) * np.linspace(1, 0, steps + 1)[:, None]
    schedule = np.geomspace(1, 0.01, steps + 1)
    return flow_figure(
        x=x,
        levels=(0.1, 0.5),
        energies=np.array([x**2, x**4]),
        schedule=schedule.tolist(),
        running=x**2 / schedule[:, None],
        paths=paths,
        path_energies=paths**2,
        attained=np.array([True, True, True, False, False]),
        minimisers=minimisers,
    )


def test_colours_go_from_blue_to_red() -> None:
    def channels(sigma: float) -> list[float]:
        return [float(v) for v in sigma_colour(sigma).removeprefix("rgb(").removesuffix(")").split(",")]

    red, _, blue = zip(*map(channels, (0.01, 0.1, 1.0)), strict=True)
    assert red[0] < red[1] < red[2]
    assert blue[0] > blue[1] > blue[2]
    assert sigma_colour(1e-6) == sigma_colour(0.01)


def test_flow_figure_has_a_frame_a_step_and_moves_the_points() -> None:
    figure = a_flow_figure()
    assert [frame.name for frame in figure.frames] == [str(i) for i in range(STEPS + 1)]
    last = figure.frames[-1]
    np.testing.assert_allclose(last.data[1].x, np.zeros(STARTS))
    np.testing.assert_allclose(last.data[2].y, np.full(STARTS, STEPS))
    moving = [figure.data[i] for i in last.traces]
    np.testing.assert_allclose(moving[1].x, np.linspace(-1, 1, STARTS))
    labels = [step.label for step in figure.layout.sliders[0].steps]
    assert labels[0] == "step 0 of 8, σ = 1"
    assert {button.label for button in figure.layout.updatemenus[0].buttons} == {"▶ Play", "❚❚ Pause"}
    named = {trace.name for trace in figure.data}
    assert {"σ = 0.1", "σ = 0.5", "attains the global minimum", "misses the minimum"} <= named


def test_every_global_minimum_is_marked() -> None:
    def marks(minimisers: list[float]) -> tuple[list[float], list[str]]:
        figure = a_flow_figure(minimisers=minimisers)
        upper = [line.x0 for line in figure.layout.shapes if line.yref == "y domain"]
        return upper, [a.text for a in figure.layout.annotations]

    assert marks([0.25]) == ([0.25], ["global minimum"])
    assert marks([-0.5, 0.5]) == ([-0.5, 0.5], ["global minima"])


def test_long_flows_keep_few_frames_with_the_first_and_the_last_step() -> None:
    names = [int(frame.name) for frame in a_flow_figure(steps=256).frames]
    assert len(names) <= MOST_FRAMES
    assert (names[0], names[-1]) == (0, 256)


def test_attainment_figure_shows_percentages_and_the_setting() -> None:
    sigma0, steps = np.geomspace(0.1, 1, 3), [1, 2, 4, 8]
    rate = np.linspace(0, 1, 12).reshape(3, 4)
    figure = attainment_figure(sigma0, steps, rate, (0.5, 4), 0.386)
    np.testing.assert_allclose(figure.data[0].z, 100 * rate.T)
    assert (figure.data[1].x[0], figure.data[1].y[0]) == (0.5, 4)
    assert 10 ** figure.layout.annotations[0].x == pytest.approx(0.386)


def test_curvature_figure_marks_the_thresholds_and_what_is_not_convex() -> None:
    sigma, curvature = np.array([0.1, 0.2, 0.4, 0.8]), np.array([-1000.0, -10.0, 0.5, 1.0])
    figure = curvature_figure(sigma, curvature, 0.386, 0.8, 1.6)
    np.testing.assert_allclose(np.sinh(figure.data[0].y), curvature)
    assert np.isfinite(figure.data[1].y).tolist() == [True, True, False, False]
    assert [a.text for a in figure.layout.annotations] == ["exact = 0.386", "D/2 = 0.8", "D = 1.6"]
    # The red line goes on to where the curve crosses zero, if that is one of its points.
    crossing = curvature_figure(np.array([0.1, 0.386, 0.8]), np.array([-1.0, 1e-12, 1.0]), 0.386, 0.8, 1.6)
    assert np.isfinite(crossing.data[1].y).tolist() == [True, True, False]
    # A single component is convex for every sigma: nothing to mark.
    assert not curvature_figure(sigma, np.ones(4), 0.0, 0.0, 0.0).layout.annotations


def open_page(**settings: str) -> AppTest:
    app = AppTest.from_file(MAIN, default_timeout=60)
    app.query_params.update(settings)
    app.run()
    assert not app.exception
    return app


def reset(app: AppTest) -> Button:
    return next(button for button in app.button if button.label == "Reset components")


def numbers(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_page_shows_the_numbers_of_the_default_mixture() -> None:
    shown = numbers(open_page())
    assert shown["Attainment here"] == "100%"
    assert float(shown["Exact threshold"]) == pytest.approx(0.389, abs=0.005)
    assert (shown["D/2 (equal widths only)"], shown["Paper's bound D"]) == ("0.800", "1.600")


def test_sliders_change_the_attainment() -> None:
    app = open_page()
    app.slider(key="sigma0").set_value(0.1)
    app.slider(key="steps").set_value(128).run()
    assert numbers(app)["Attainment here"] == "24%"


def test_every_preset_works_and_says_what_it_shows() -> None:
    app = open_page(sigma0="1.0")
    shown = {}
    for preset in app.selectbox(key="mixture").options:
        app.selectbox(key="mixture").set_value(preset).run()
        assert not app.exception
        assert len(app.caption[0].value) > 40
        shown[preset] = numbers(app)["Attainment here"]
    assert shown["Five components"] == "100%"
    assert shown["GNC fails"] == "0%"
    assert shown["Very many steps"] != "100%"


def test_a_link_reproduces_the_settings() -> None:
    rows = [[0.5, -0.5, 0.1], [0.5, 0.5, 0.1]]
    app = open_page(mixture="GNC fails", sigma0="0.7", steps="64", starts="21", components=json.dumps(rows))
    assert app.selectbox(key="mixture").value == "GNC fails"
    assert [app.slider(key=key).value for key in ("sigma0", "steps", "starts")] == [0.7, 64, 21]
    assert numbers(app)["Paper's bound D"] == "1.000"
    assert json.loads(app.query_params["components"]) == rows
    reset(app).click().run()  # Reset components
    assert numbers(app)["Paper's bound D"] == "1.100"
    assert "components" not in app.query_params


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


def test_a_broken_link_falls_back_to_the_preset() -> None:
    app = open_page(components="[[1, 0", steps="many", sigma0="77")
    assert not app.error
    assert numbers(app)["Attainment here"] == "100%"


def test_dirac_components_and_a_single_one_work() -> None:
    app = open_page(components="[[1, 0.2, 0]]")
    assert numbers(app)["Exact threshold"] == "0.000"
    assert numbers(app)["Attainment here"] == "100%"


def test_small_thresholds_keep_their_digits() -> None:
    shown = numbers(open_page(components="[[1, 0, 0], [1, 0.001, 0]]"))
    assert [shown[name] for name in ("Exact threshold", "D/2", "Paper's bound D")] == ["0.0005", "0.0005", "0.001"]


def test_each_of_several_equally_low_minima_counts_as_attained() -> None:
    shown = numbers(open_page(components="[[1, -0.8, 0], [1, 0, 0], [1, 0.8, 0]]", sigma0="0.3", steps="128"))
    assert shown["Attainment here"] == "100%"
