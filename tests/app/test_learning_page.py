"""The page "Learning a score": its figures from plain arrays, its runs, and the page without a browser."""

from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from app.figures.learning import arrows_figure, curves_figure
from app.learnings import BEST, KERNEL, NOW, Learning, Plan
from app.lessons.learning import EXPERIMENTS

VIEW = Path(__file__).resolve().parents[2] / "app" / "views" / "learning.py"
SMALL = Plan(samples=25, units=32, iterations=500)
LINK = {"samples": "25", "units": "32", "descent": "500"}


def done(run: Learning) -> Learning:
    run.go_on()
    while run.running:
        run.advance(0.1)
    assert not run.error
    return run


# --- figures -----------------------------------------------------------------------------------------------------


def test_arrows_of_both_fields_have_one_scale() -> None:
    line = np.linspace(-1, 1, 3)
    points = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    exact, learned = np.tile([0.0, 2.0], (9, 1)), np.tile([4.0, 0.0], (9, 1))
    figure = go.Figure(arrows_figure(line, np.ones((3, 3)), points, exact, learned, "network"))
    density, grey, red = figure.data
    assert density.z.shape == (3, 3)
    assert (grey.name, red.name) == ("exact score", "network")
    for trace, vectors in ((grey, exact), (red, learned)):
        x, y = (np.reshape(values, (9, -1)) for values in (trace.x, trace.y))
        np.testing.assert_allclose(np.stack([x[:, 0], y[:, 0]], -1), points)
        along = np.stack([x[:, 1] - x[:, 0], y[:, 1] - y[:, 0]], -1)
        np.testing.assert_allclose(along / vectors.max(), vectors / vectors.max() * along.max() / vectors.max())
        assert np.isnan(x[:, -1]).all()
    assert np.nanmax(red.x - np.repeat(points[:, 0], 6)) == pytest.approx(
        2 * np.nanmax(grey.y - np.repeat(points[:, 1], 6))
    )


def test_curves_mark_where_the_error_is_least() -> None:
    figure = go.Figure(
        curves_figure([1, 2, 4], [3.0, 1.0, 2.0], [0.9, 0.5, 0.2], [1, 2, 4, 8, 16], [3.0, 2.0, 0.5, 1.0, 2.0],
                      [0.9, 0.6, 0.3, 0.2, 0.1], 0.4)
    )  # fmt: skip
    traces = {(trace.name, trace.yaxis): (list(trace.x), list(trace.y)) for trace in figure.data}
    assert traces["network, least", "y"] == ([2], [1])
    assert traces["kernel regression, least", "y"] == ([4], [0.5])
    assert traces["network", "y2"] == ([1, 2, 4], [0.9, 0.5, 0.2])
    assert [shape.y0 for shape in figure.layout.shapes if shape.type == "line" and shape.y0 == shape.y1] == [0.4]
    before = go.Figure(curves_figure([], [], [], [1, 2], [3.0, 2.0], [0.9, 0.6], 0.4))
    assert "network, least" not in [trace.name for trace in before.data]


# --- runs --------------------------------------------------------------------------------------------------------


def test_a_run_waits_learns_and_is_the_same_again_after_a_stop() -> None:
    run = Learning(SMALL)
    assert not run.running
    assert not run.errors
    assert len(run.kernel_errors) == len(run.all_looks)
    whole = done(run)
    assert whole.looks == whole.all_looks
    assert whole.looks[-1] == 500
    stopped = Learning(SMALL)
    stopped.go_on()
    while stopped.iteration < 100:
        stopped.advance()
    stopped.stop()
    stopped.advance()
    assert stopped.iteration == 100
    assert done(stopped).errors == whole.errors
    assert done(Learning(Plan(samples=25, units=32, iterations=500, seed=1))).errors != whole.errors


def test_arrows_are_of_the_network_now_at_its_best_or_of_kernel_regression() -> None:
    run = Learning(SMALL)
    start = run.field(0.5, NOW)
    np.testing.assert_allclose(start.learned, -start.points / 0.25)  # f = 0
    done(run)
    now, best, kernel = (run.field(0.5, of) for of in (NOW, BEST, KERNEL))
    np.testing.assert_allclose(now.exact, start.exact)

    def away(field):
        return np.abs(field.learned - field.exact).mean()

    assert away(best) < min(away(now), away(start))
    assert not np.allclose(kernel.learned, now.learned)
    sharp = run.field(0.1, NOW)
    assert sharp.density.sum() * (sharp.line[1] - sharp.line[0]) ** 2 == pytest.approx(1, abs=0.01)


# --- the page ----------------------------------------------------------------------------------------------------


def open_page(**settings: str | list[str]) -> AppTest:
    app = AppTest.from_file(VIEW, default_timeout=60)
    app.query_params.update(settings)
    app.run()
    assert not app.exception
    return app


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    return app


def numbers(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_the_page_shows_the_exact_score_and_kernel_regression_before_it_begins() -> None:
    app = open_page()
    assert app.title[0].value == "Learning a score"
    assert len(app.get("plotly_chart")) == 2
    assert numbers(app)["Iterations"] == "0"
    assert numbers(app)["Least error"] == "–"
    assert float(numbers(app)["Least error, kernel"]) < 0.3
    assert not app.error


def test_a_run_goes_to_its_end_and_begins_anew() -> None:
    app = press(open_page(**LINK), "Start")
    first = numbers(app)
    assert first["Iterations"] == "500"
    assert float(first["Least error"]) < float(first["Error now"])
    assert int(first["Reached after"]) < 500
    press(app, "Start")
    assert numbers(app) == first
    app.select_slider(key="samples").set_value(50).run()
    assert numbers(app)["Iterations"] == "0"
    app.selectbox(key="arrows-of").set_value(KERNEL).run()
    assert not app.exception


def test_every_experiment_sets_the_controls() -> None:
    for settings, _ in EXPERIMENTS.values():
        app = AppTest.from_file(VIEW, default_timeout=60)
        for key, value in settings.items():
            app.session_state[key] = value
        app.run()
        assert not app.exception
        plan = app.session_state.learning.plan
        assert (plan.samples, plan.units, plan.iterations) == tuple(
            settings[key] for key in ("samples", "units", "descent")
        )
        assert (plan.data, plan.sigmas, plan.seed) == tuple(settings[key] for key in ("data", "noises", "learn-seed"))


def test_a_link_holds_the_settings() -> None:
    assert open_page(noises=["0.8", "0.2"]).session_state.learning.plan == Plan()
    app = open_page(
        **LINK, data="Ring", noises=["0.3", "0.5"], **{"learn-seed": "7", "arrows-at": "0.4", "arrows-of": BEST}
    )
    assert app.session_state.learning.plan == Plan("Ring", 25, 32, (0.3, 0.5), 500, 7)
    assert app.slider(key="arrows-at").value == 0.4
    assert app.selectbox(key="arrows-of").value == BEST


@pytest.mark.parametrize(
    "settings",
    [
        {"samples": "1000000"},
        {"units": "-2"},
        {"units": "many"},
        {"noises": ["0", "5"]},
        {"noises": "loud"},
        {"noises": ["nan", "nan"]},
        {"descent": "inf"},
        {"learn-seed": "inf"},
        {"data": "../etc"},
        {"arrows-of": "nobody"},
        {"arrows-at": "0"},
    ],
)
def test_bad_settings_in_a_link_are_the_default(settings: dict[str, str | list[str]]) -> None:
    app = open_page(**settings)
    assert not app.error
    assert app.session_state.learning.plan == Plan()
    assert app.slider(key="arrows-at").value == 0.3
