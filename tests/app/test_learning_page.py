"""The page "Learning a score": its figures from plain arrays, its runs, and the page without a browser."""

import io
from pathlib import Path
from typing import TypeVar

import numpy as np
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from app.figures.learning import arrows_figure, curves_figure, noisy_figure
from app.learnings import BEST, KERNEL, NOW, Learning, Plan
from app.lessons.learning import EXPERIMENTS, NOISY
from app.noisy_learnings import NoisyLearning, NoisyPlan
from app.scenes import Upload
from gnc_core.errors import InputError

Run = TypeVar("Run", Learning, NoisyLearning)
VIEW = Path(__file__).resolve().parents[2] / "app" / "views" / "learning.py"
SMALL = Plan(samples=25, units=32, iterations=500)
NOISY_LINK = {"learn-from": NOISY, "image": "Cat", "noisy-side": "96", "noisy-descent": "100"}
LINK = {"samples": "25", "units": "32", "descent": "500"}


def done(run: Run) -> Run:
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


def test_pictures_stand_side_by_side_above_the_curves() -> None:
    square = np.tile([0.0, 1.0], (2, 1))
    pictures = [("noisy", square), ("restored", square), ("clean", square)]
    figure = go.Figure(noisy_figure(pictures, [10, 20], [25.0, 26.0], [0.12, 0.1], 20.0, 0.11, "σ", 40))
    assert [trace.name for trace in figure.data] == ["noisy", "restored", "clean", "PSNR (dB)", "σ"]
    np.testing.assert_array_equal(np.reshape(figure.data[0].z, (2, 2)), 255 * square)
    assert [shape.y0 for shape in figure.layout.shapes] == [20, 0.11]
    unknown = go.Figure(noisy_figure(pictures[:2], [10], [], [0.12], None, None, "σ", 40))
    assert not unknown.layout.shapes
    assert not len(unknown.data[2].y)


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
    np.testing.assert_allclose(start.learned, -start.points / 0.25, atol=1e-5)  # f = 0, but for rounding
    done(run)
    now, best, kernel = (run.field(0.5, of) for of in (NOW, BEST, KERNEL))
    np.testing.assert_allclose(now.exact, start.exact)

    def away(field):
        return np.abs(field.learned - field.exact).mean()

    assert away(best) < min(away(now), away(start))
    assert not np.allclose(kernel.learned, now.learned)
    sharp = run.field(0.1, NOW)
    assert sharp.density.sum() * (sharp.line[1] - sharp.line[0]) ** 2 == pytest.approx(1, abs=0.01)


def test_a_prior_learns_from_a_noisy_image_alone_stops_and_goes_on() -> None:
    plan = NoisyPlan("Cat", "gaussian:0.1", side=96, iterations=20)
    whole, stopped = done(NoisyLearning(plan)), NoisyLearning(plan)
    stopped.go_on()
    while stopped.iteration < 8:
        stopped.advance()
    stopped.stop()
    stopped.advance()
    assert stopped.iteration == 8
    assert done(stopped).psnr == whole.psnr
    assert whole.looks[-1] == 20
    assert whole.noisy_psnr
    assert whole.psnr[-1] > whole.noisy_psnr + 2


def test_an_image_that_is_noisy_already_gets_no_more_noise_and_has_no_truth() -> None:
    truth = np.full((40, 40), 0.5, np.float32)
    noisy = truth + np.random.default_rng(0).normal(0, 0.1, truth.shape).astype(np.float32)
    run = NoisyLearning(NoisyPlan(Upload("a", "a.npy"), "gaussian", side=96, iterations=10), _saved(noisy))
    np.testing.assert_array_equal(run.noisy[0, 0], noisy)
    done(run)
    assert run.truth is None
    assert not run.psnr
    assert run.levels[-1] == pytest.approx(0.1, rel=0.3)
    with pytest.raises(InputError, match="not negative"):
        NoisyLearning(NoisyPlan(Upload("b", "b.npy"), "gamma"), _saved(-noisy))


def _saved(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, image)
    return file.getvalue()


# --- the page ----------------------------------------------------------------------------------------------------


def open_page(**settings: str | list[str]) -> AppTest:
    app = AppTest.from_file(VIEW, default_timeout=300)
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
        app = AppTest.from_file(VIEW, default_timeout=300)
        for key, value in settings.items():
            app.session_state[key] = value
        app.run()
        assert not app.exception
        plan = app.session_state.learning.plan
        if isinstance(plan, NoisyPlan):
            kind = settings["noise-kind"].lower()
            assert (plan.source, plan.noise) == (settings["image"], f"{kind}:{settings[f'{kind}-level']}")
            assert (plan.side, plan.iterations) == (settings["noisy-side"], settings["noisy-descent"])
            continue
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


@pytest.mark.parametrize(
    "settings",
    [
        {"noise-kind": "salt"},
        {"gaussian-level": "9"},
        {"noisy-side": "1e9"},
        {"noisy-seed": "inf"},
        {"noisy-descent": "0"},
    ],
)
def test_bad_settings_of_a_noisy_image_are_the_default(settings: dict[str, str]) -> None:
    app = open_page(**{"learn-from": NOISY, "image": "Cat"} | settings)
    assert not app.error
    assert app.session_state.learning.plan == NoisyPlan("Cat")


def test_a_noisy_image_is_restored_on_the_page() -> None:
    app = open_page(**NOISY_LINK)
    assert numbers(app)["Restored, dB"] == "–"
    assert len(app.get("plotly_chart")) == 1
    press(app, "Start")
    first = numbers(app)
    assert first["Iterations"] == "100"
    assert float(first["Restored, dB"]) > float(first["Noisy, dB"]) + 5
    assert float(first["Estimated σ"]) == pytest.approx(0.1, rel=0.1)
    app.selectbox(key="noise-kind").set_value("Gamma").run()
    assert numbers(app)["Iterations"] == "0"
    assert numbers(app)["Estimated k"] == "–"
    app.selectbox(key="image").set_value("Upload an image").run()
    assert "Upload the file" in app.info[0].value
    app.segmented_control(key="learn-from").set_value("A mixture").run()
    assert "Least error" in numbers(app)
    assert not app.exception
