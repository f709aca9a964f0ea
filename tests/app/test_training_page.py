"""The page "Training": its figures from plain arrays, its runs, whose turn it is, and the page without a browser."""

import io
import zipfile
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from stand_in import save_small
from streamlit.testing.v1 import AppTest

from app import trainings
from app.figures.training import progress_figure, tiles_figure
from app.lessons.training import EXPERIMENTS
from app.own import MOST, OwnPrior
from app.runs import load_prior
from app.trainings import SAMPLES, Plan, Training, Turn, allowed_folders
from gnc_core import images, zoo
from gnc_core.errors import InputError
from gnc_core.prior import FieldsOfExperts

VIEWS = Path(__file__).resolve().parents[2] / "app" / "views"
SMALL = Plan(kernels=4, size=3, iterations=6, batch=2, patch=16, knots=31)


@pytest.fixture(autouse=True)
def small_prior(tmp_path, monkeypatch):
    """A pretrained/ folder with one quick prior, "small", and nobody who trains."""
    monkeypatch.setattr(zoo, "PRETRAINED", tmp_path)
    trainings.turn.clear()
    return save_small(tmp_path / "small", steps=(2, 10))


def done(run: Training) -> Training:
    while run.running:
        run.advance()
    return run


# --- figures -----------------------------------------------------------------------------------------------------


def test_progress_has_both_losses_the_psnr_and_the_photograph() -> None:
    pictures = np.linspace(-0.5, 1.5, 4 * 8).reshape(4, 8)
    figure = go.Figure(progress_figure(np.array([0.3, 0.2]), [0, 2], [0.3, 0.25], [22.0, 25.0], 20.0, pictures, 10))
    training, validation, denoised, picture = figure.data
    assert (list(training.x), list(training.y)) == ([1, 2], [0.3, 0.2])
    assert (list(validation.x), list(denoised.y)) == ([0, 2], [22, 25]) or list(validation.x) == [0, 2]
    assert list(denoised.y) == [22, 25]
    assert (picture.z.min(), picture.z.max()) == (0, 255)
    assert [shape.y0 for shape in figure.layout.shapes] == [20]
    assert tuple(figure.layout.xaxis.range) == (0, 10)


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize(("count", "side"), [(4, 3), (24, 5), (25, 7)])
def test_every_kernel_is_a_tile_with_its_potential_below(count: int, side: int, narrow: bool) -> None:
    kernels = np.random.default_rng(0).normal(size=(count, side, side))
    u = np.tile(np.linspace(-1, 1, 9), (3, count, 1))
    figure = go.Figure(tiles_figure(kernels, np.array([0.01, 0.07, 0.5]), u, u**2, narrow))
    maps = [trace for trace in figure.data if trace.type == "heatmap"]
    assert max(trace.z.shape[1] // (side + 1) for trace in maps) == min(count, 6 if narrow else 12)
    assert figure.layout.yaxis.scaleanchor == "x"  # square
    shown = np.concatenate([trace.z.reshape(side, -1, side + 1).transpose(1, 0, 2) for trace in maps])[:count, :, :side]
    np.testing.assert_allclose(shown, kernels / np.abs(kernels).max((1, 2), keepdims=True))
    lines = [trace for trace in figure.data if trace.type == "scatter"]
    assert [line.name for line in lines] == ["σ = 0.01", "σ = 0.07", "σ = 0.5"]
    assert len({line.line.color for line in lines}) == 3
    for line in lines:
        assert len(line.x) == count * 10
        x, y = (values.reshape(count, 10)[:, :9] for values in (line.x, line.y))
        assert (y.argmax(1) == 4).all()  # the bottom of the bowl: y points down
        assert x.max(1) - x.min(1) == pytest.approx(side)


# --- runs --------------------------------------------------------------------------------------------------------


def test_a_run_learns_and_is_looked_at() -> None:
    run = done(Training(SMALL))
    assert not run.error
    assert len(run.loss) == len(run.recent) == 6
    assert run.looks == [0, 1, 2, 3, 4, 5, 6]
    assert len(run.validation) == len(run.psnr) == 7
    assert run.count == len(images.sample_images()) - 2
    assert run.shown
    assert run.shown.kernels.shape == (4, 3, 3)
    np.testing.assert_allclose(run.shown.kernels.sum((1, 2)), 0, atol=1e-5)
    assert run.recent[-1] == pytest.approx(np.mean(run.loss))


def test_a_run_is_the_same_again_and_after_a_stop() -> None:
    whole, stopped = done(Training(SMALL)), Training(SMALL)
    while len(stopped.loss) < 3:
        stopped.advance()
    stopped.stop()
    stopped.advance()
    assert len(stopped.loss) == 3
    assert not stopped.running
    stopped.go_on()
    assert done(stopped).loss == whole.loss
    assert Training(Plan()).plan != whole.plan
    other = done(Training(Plan(kernels=4, size=3, iterations=6, batch=2, patch=16, knots=31, seed=1)))
    assert other.loss != whole.loss


def test_the_result_is_a_prior_of_its_own_with_a_card(tmp_path: Path) -> None:
    run = done(Training(SMALL))
    own = run.result()
    before = own.prior.kernel.clone()
    assert run.trainer
    with torch.no_grad():
        run.trainer.result.kernel.add_(1)
    assert torch.equal(own.prior.kernel, before)
    with zipfile.ZipFile(io.BytesIO(own.zipped("mine"))) as archive:
        assert sorted(archive.namelist()) == ["mine/card.json", "mine/prior.safetensors"]
        archive.extractall(tmp_path)
    loaded = zoo.load(tmp_path / "mine")
    assert torch.equal(loaded.kernel, before)
    training = zoo.card(tmp_path / "mine")["training"]
    assert (training["iterations done"], training["smoothing_weight"], training["seed"]) == (6, 1e-4, 0)


def test_a_run_that_diverges_ends_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Training(SMALL)
    while not run.loss:
        run.advance()
    assert run.trainer
    with torch.no_grad():
        run.trainer.prior.kernel.fill_(float("nan"))
    done(run)
    assert "smaller step size" in run.error


# --- folders -----------------------------------------------------------------------------------------------------


def test_only_allowed_folders_are_read_by_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for parent in ("a", "b"):
        (tmp_path / parent / "birds").mkdir(parents=True)
        images.write_image(tmp_path / parent / "birds" / "one.png", torch.rand(1, 1, 40, 40))
    (tmp_path / "a" / "birds" / "small.png").write_bytes((tmp_path / "a" / "birds" / "one.png").read_bytes()[:50])
    with pytest.raises(InputError, match="Nobody allowed"):
        Training(Plan(photographs=str(tmp_path / "a" / "birds")))
    monkeypatch.setenv("GNC_TRAINING_DATA", f"{tmp_path / 'a' / 'birds'}:{tmp_path / 'b' / 'birds'}/")
    assert list(allowed_folders()) == ["birds", "birds (2)"]
    run = done(Training(Plan("birds", 4, 3, 3, 2, 16, knots=31)))
    assert (run.error, run.count) == ("", 1)  # the damaged one is left out
    none = done(Training(Plan("birds (2)", 4, 3, 3, 2, 48, knots=31)))
    assert "holds a patch of 48" in none.error


# --- whose turn it is --------------------------------------------------------------------------------------------


def test_one_run_at_a_time() -> None:
    turn, first, second = Turn(), Training(SMALL), Training(SMALL)
    assert turn.other(None) is None
    assert turn.take(first)
    assert not turn.take(second)
    assert (turn.other(first), turn.other(second), turn.other(None)) == (None, 0, 0)
    turn.give(second)  # not its own
    assert not turn.take(second)
    turn.give(first)
    assert turn.take(second)


def test_a_run_that_nobody_advances_or_that_has_ended_loses_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    turn, first, second, third = Turn(), *(Training(SMALL) for _ in range(3))
    assert turn.take(first)
    monkeypatch.setattr(trainings, "LEASE", -1.0)
    assert turn.take(second)
    monkeypatch.undo()
    assert not turn.take(third)
    second.stop()
    assert turn.take(third)


# --- the page ----------------------------------------------------------------------------------------------------

LINK = {"kernels": "8", "kernel-size": "3", "iterations": "50", "batch": "2", "patch": "16", "knots": "31"}


def open_page(view: str = "training", **settings: str) -> AppTest:
    app = AppTest.from_file(VIEWS / f"{view}.py", default_timeout=300)
    app.query_params.update(settings)
    return checked(app.run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception
    return app


def press(app: AppTest, label: str) -> AppTest:
    return checked(next(button for button in app.button if button.label == label).click().run())


def test_page_trains_and_keeps_the_prior_for_the_visit() -> None:
    app = open_page(**LINK)
    assert not app.get("plotly_chart")
    press(app, "Train")
    assert len(app.get("plotly_chart")) == 2
    assert {metric.label: metric.value for metric in app.metric}["Iterations"] == "50"
    assert "own_priors" not in app.session_state
    press(app, "Use on other pages")
    assert list(app.session_state.own_priors) == ["own-1"]
    assert app.session_state.prior == "own-1"
    checked(app.slider(key="kernels").set_value(4).run())
    assert "other settings" in " ".join(text.value for text in app.caption)
    assert not app.error


def test_every_experiment_sets_controls_that_exist() -> None:
    for settings, _ in EXPERIMENTS.values():
        app = AppTest.from_file(VIEWS / "training.py", default_timeout=300)
        for key, value in settings.items():
            app.session_state[key] = value
        checked(app.run())
        assert [widget.value for widget in app.slider if widget.key == "kernels"] == [settings["kernels"]]
        assert not app.error


@pytest.mark.parametrize(
    "settings",
    [{"kernels": "99"}, {"iterations": "-5"}, {"lambda": "loud"}, {"train-seed": "inf"}, {"photos": "../etc"}],
)
def test_bad_settings_in_a_link_are_the_default(settings: dict[str, str]) -> None:
    app = open_page(**settings)
    assert not app.error
    assert app.slider(key="kernels").value == 24
    assert app.slider(key="iterations").value == 400


def test_a_second_visitor_is_told_how_far_it_is_and_nothing_else() -> None:
    run = Training(SMALL)
    while len(run.loss) < 3:
        run.advance()
    assert trainings.turn().take(run)
    app = open_page(**LINK)
    assert "50% are done" in app.info[0].value
    assert next(button for button in app.button if button.label == "Train").disabled
    assert not app.get("plotly_chart")
    assert "own_priors" not in app.session_state


@pytest.mark.parametrize("view", ["restore", "inside", "landscape"])
def test_own_priors_are_there_for_their_visitor_alone(view: str) -> None:
    own = OwnPrior(FieldsOfExperts(channels=8, kernel_size=3, knots_u=15, knots_s=4).requires_grad_(False), {})
    app = AppTest.from_file(VIEWS / f"{view}.py", default_timeout=300)
    app.session_state["own_priors"] = {"own-1": own}
    app.query_params.update({"image": "Cat", "side": "64", "prior": "own-1"})
    checked(app.run())
    assert app.selectbox(key="prior").value == "own-1"
    assert app.selectbox(key="prior").options == ["small", "own-1"]
    assert not app.error
    if view == "restore":
        press(app, "Restore")
        app.session_state["views"] = "As code"  # tabs that are not open are not drawn
        checked(app.run())
        assert "own-1" in app.session_state.runs[0].title
        assert any("own-1.zip" in button.label for button in app.get("download_button"))
        assert not app.error
    other = open_page(view, prior="own-1", image="Cat", side="64")
    assert other.selectbox(key="prior").options == ["small"]
    assert other.selectbox(key="prior").value == "small"


def test_own_priors_are_not_found_outside_their_visit_and_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no prior"):
        load_prior("own-1")
    app = open_page(**LINK)
    press(app, "Train")
    for _ in range(MOST + 1):
        press(app, "Use on other pages")
    assert list(app.session_state.own_priors) == ["own-2", "own-3", "own-4"]


def test_photographs_are_samples_unless_a_folder_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not [box for box in open_page().selectbox if box.key == "photos"]
    monkeypatch.setenv("GNC_TRAINING_DATA", str(tmp_path / "birds"))
    box = open_page().selectbox(key="photos")
    assert box.options == [SAMPLES, "birds"]
