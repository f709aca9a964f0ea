"""The page "Schedules": its figure from plain arrays, its fit, and the page without a browser."""

import json
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from stand_in import save_small
from streamlit.testing.v1 import AppTest

from app.figures.schedules import Line, schedules_figure
from app.fits import LEARNED, LINEAR, LOGARITHMIC, OWN, Fit, Goal, family_of, figure_of, known, line
from app.runs import Choice, Run
from app.scenes import Scene, prepare
from gnc_core import zoo
from gnc_core.errors import InputError
from gnc_core.restoration import LearnedSchedule, linear

VIEWS = Path(__file__).resolve().parents[2] / "app" / "views"
GOAL = Goal("small", "denoise", 0.1, 3)


@pytest.fixture(autouse=True)
def small_prior(tmp_path, monkeypatch):
    """A pretrained/ folder with one quick prior, "small", and schedules of 2 to 10 steps to denoise."""
    monkeypatch.setattr(zoo, "PRETRAINED", tmp_path)
    return save_small(tmp_path / "small", steps=(2, 10))


# --- schedules and figures ---------------------------------------------------------------------------------------


def test_known_schedules_are_the_learned_one_and_two_rules() -> None:
    family = family_of("small", "denoise")
    found = known(GOAL, family)
    assert list(found) == [LEARNED, LOGARITHMIC, LINEAR]
    assert found[LINEAR].sigma == tuple(linear(0.1, 0.01, 3))
    np.testing.assert_allclose(line(LINEAR, found[LINEAR]).c, 1)
    assert found[LEARNED] == family.at(0.1, 3)
    assert list(known(Goal("small", "denoise", 0.1, 11), family)) == [LOGARITHMIC, LINEAR]
    assert list(known(Goal("small", "inpaint", 0.8, 3), family_of("small", "inpaint"))) == [LOGARITHMIC, LINEAR]


def test_figure_has_sigma_and_c_and_the_fit_its_psnr() -> None:
    lines = [Line(name, np.array([0.1, 0.01]), np.array([1.0, 2.0])) for name in (LEARNED, OWN)]
    figure = go.Figure(schedules_figure(lines))
    assert [(trace.name, list(trace.y)) for trace in figure.data] == [
        (LEARNED, [0.1, 0.01]), (LEARNED, [1, 2]), (OWN, [0.1, 0.01]), (OWN, [1, 2]),
    ]  # fmt: skip
    assert list(figure.data[0].x) == [1, 2]
    moved = go.Figure(schedules_figure(lines, lines[1:], [27.0, 28.0], {LEARNED: 27.5}))
    assert [trace.opacity for trace in moved.data] == [0.25] * 2 + [None] * 5
    assert list(moved.data[-1].y) == [27, 28]
    assert sum(shape.y0 == 27.5 for shape in moved.layout.shapes) == 1
    styles = {(trace.line.dash, trace.marker.symbol) for trace in figure.data}
    assert len(styles) == 2  # also told apart without colours


# --- fits --------------------------------------------------------------------------------------------------------


def done(fit: Fit) -> Fit:
    while fit.running:
        fit.advance()
    return fit


def test_a_fit_measures_the_others_and_gets_better() -> None:
    others = known(GOAL, family_of("small", "denoise"))
    fit = done(Fit(GOAL, others, ["Cat"], None))
    assert not fit.error
    assert set(fit.psnr) == {LEARNED, LOGARITHMIC, LINEAR, OWN}
    assert fit.psnr[OWN] == pytest.approx(fit.rounds_psnr[-1])
    assert fit.psnr[OWN] >= fit.psnr[LOGARITHMIC]
    assert (np.diff(fit.rounds_psnr) >= 0).all()
    assert fit.schedule is not None
    assert (fit.schedule.task, fit.schedule.level, fit.schedule.prior) == ("denoise", 0.1, "small")
    assert len(figure_of(fit, others)["data"]) > 8


def test_a_stopped_fit_keeps_its_best_schedule() -> None:
    fit = Fit(GOAL, {}, ["Cat"], None)
    fit.advance()
    fit.stop()
    fit.advance()
    assert len(fit.history) == 1
    assert not fit.running


def test_a_fit_needs_images_and_a_prior() -> None:
    with pytest.raises(InputError, match="no images"):
        Fit(GOAL, {}, [], None)
    with pytest.raises(InputError, match="no prior"):
        known(Goal("../small", "denoise", 0.1, 3), None)


# --- the page ----------------------------------------------------------------------------------------------------


def open_page(view: str = "schedules", **settings: str) -> AppTest:
    app = AppTest.from_file(VIEWS / f"{view}.py", default_timeout=300)
    app.query_params.update({"nsteps": "3"} | settings)
    return checked(app.run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception
    return app


def press(app: AppTest, label: str) -> AppTest:
    return checked(next(button for button in app.button if button.label == label).click().run())


def test_page_shows_schedules_and_fits_one() -> None:
    app = open_page()
    assert len(app.get("plotly_chart")) == 1
    assert not app.metric
    press(app, "Fit one now")
    assert [metric.label for metric in app.metric] == [f"{name}, dB" for name in (OWN, LEARNED, LOGARITHMIC, LINEAR)]
    assert [button.label for button in app.get("download_button")] == ["Download (JSON)"]
    assert not app.error
    fitted = app.session_state.fit.schedule
    assert LearnedSchedule.from_json(fitted.to_json()) == fitted
    assert json.loads(fitted.to_json())["task"] == "denoise"


def test_a_fit_of_other_settings_is_named_and_not_drawn() -> None:
    app = press(open_page(), "Fit one now")
    checked(app.number_input(key="nsteps").set_value(5).run())
    assert any("denoise, noise 0.1, 3 steps, small" in caption.value for caption in app.caption)
    assert OWN not in {trace["name"] for trace in json.loads(app.get("plotly_chart")[0].proto.spec)["data"]}


def test_experiments_set_the_controls() -> None:
    app = press(open_page(), "More steps")
    assert app.number_input(key="nsteps").value == 20
    assert any("No learned schedules" in caption.value for caption in app.caption)


@pytest.mark.parametrize(
    "settings", [{"nsteps": "inf"}, {"nsteps": "500"}, {"fit-images": "x"}, {"task": "?"}], ids=str
)
def test_what_a_link_gets_wrong_leaves_the_default(settings: dict[str, str]) -> None:
    app = open_page(**settings)
    assert not app.error
    assert len(app.get("plotly_chart")) == 1


def test_without_images_there_is_nothing_to_fit() -> None:
    app = open_page()
    checked(app.multiselect(key="fit-images").set_value([]).run())
    assert next(button for button in app.button if button.label == "Fit one now").disabled


def test_bad_uploads_are_one_sentence() -> None:
    app = open_page()
    checked(app.file_uploader[0].upload("bad.png", b"nothing").run())
    press(app, "Fit one now")
    assert ["is not an image" in error.value for error in app.error] == [True]


def test_page_without_a_prior_says_so(small_prior: Path) -> None:
    (small_prior / zoo.WEIGHTS).unlink()
    assert ["no pretrained prior" in error.value for error in open_page().error] == [True]


# --- on Restore --------------------------------------------------------------------------------------------------

OWN_SCHEDULE = LearnedSchedule((0.1, 0.02), (0.01, 0.0004), "denoise", 0.1, "small")


def test_restore_runs_an_own_schedule() -> None:
    scene = Scene("Cat", 64, color=False, level=0.1, seed=0)
    run = Run(scene, Choice("small", "learned", schedule=OWN_SCHEDULE), prepare(scene, None, None, 4))
    assert run.steps == 2
    while run.running:
        run.advance()
    assert run.trace.column("sigma")[1:] == pytest.approx([0.1, 0.02])
    assert "fitted to denoise, noise 0.1, 2 steps" in run.title


def test_restore_offers_an_own_schedule_for_its_prior_and_task() -> None:
    app = AppTest.from_file(VIEWS / "restore.py", default_timeout=300)
    app.query_params.update({"image": "Cat", "side": "64", "scheme": "Learned schedule"})
    app.session_state.own_schedule = OWN_SCHEDULE
    app.session_state["own-schedule"] = True
    checked(app.run())
    assert "nsteps" not in [number.key for number in app.number_input]
    press(app, "Restore")
    assert app.session_state.runs[-1].choice.schedule == OWN_SCHEDULE
    press(app, "Compare")
    schemes = [run.choice for run in app.session_state.runs if isinstance(run.choice, Choice)]
    assert {choice.scheme: choice.schedule for choice in schemes} == {
        "flow": None,
        "joint": None,
        "learned": OWN_SCHEDULE,
    }
    checked(app.toggle(key="own-schedule").set_value(False).run())
    press(app, "Restore")
    assert app.session_state.runs[-1].choice.schedule is None
    checked(app.selectbox(key="task").set_value("Inpaint").run())
    assert "own-schedule" not in [toggle.key for toggle in app.toggle]


def test_steps_that_are_not_chosen_are_what_suits_the_task() -> None:
    app = open_page(nsteps="")
    axis = json.loads(app.get("plotly_chart")[0].proto.spec)["data"][0]["x"]
    checked(app.selectbox(key="task").set_value("Inpaint").run())
    other = json.loads(app.get("plotly_chart")[0].proto.spec)["data"][0]["x"]
    assert other != axis
    assert app.number_input(key="nsteps").value is None
