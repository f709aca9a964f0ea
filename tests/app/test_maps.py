"""The page "Maps": its figures from plain arrays, a sweep of one's own, and the page without a browser."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from app import sweeping
from app.figures.maps import Map, maps_figure, trade_off_figure
from app.ranges import nearest
from app.scenes import Scene
from app.session import plain
from app.sweeping import OwnSweep, maps, settings_of_cell
from gnc_core import images, sweeps, zoo
from gnc_core.prior.fields_of_experts import FieldsOfExperts
from gnc_core.problems import Denoising
from gnc_core.sweeps import Plan, Result, Runs

PAGE = Path(__file__).resolve().parents[2] / "app" / "views" / "maps.py"
SIGMA0, STEPS = (0.05, 0.1, 0.5), (1, 5)
OWN = {"maps": "A sweep of your own", "grid": "Lists of your own", "sigmas": "0.1,0.5", "counts": "1,3"}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A pretrained/ folder with one quick prior, "small", and no sweep."""
    monkeypatch.setattr(zoo, "PRETRAINED", tmp_path)
    zoo.save(tmp_path / "small", FieldsOfExperts(1, channels=8, kernel_size=3, knots_u=15, knots_s=6), {})
    (tmp_path / zoo.SWEEPS).mkdir()
    return tmp_path / zoo.SWEEPS


def sweep_of(task="denoise", level=0.1, prior="small", schemes=sweeps.SCHEMES):
    """Two images; more steps and a larger sigma0 lower the energy of a flow by 1 % of what there is to gain, and cost PSNR."""
    names, sizes = ("a", "b"), ((8, 8), (8, 9))
    weights = zoo.weights_hash("small")
    result = Result.empty(Plan(task, level, prior, weights, schemes, SIGMA0, STEPS, names, sizes, "0" * 12))
    result.initial_energy[:], result.initial_psnr[:], result.initial_ssim[:] = 100, 20, 0.5
    place = np.arange(6, dtype=np.float32).reshape(3, 2, 1)
    result.energy[:], result.ssim[:] = 5 - place, 0.8
    result.energy[1:] += 4
    result.psnr[:] = 30 - place + np.array([-1, 1], np.float32)
    return result


def some_map(**changes):
    values = np.arange(6.0).reshape(3, 2)
    one = Map("GNC flow", values / 5, 25 + values, np.ones((3, 2)), 5 - values, np.zeros((3, 2), int), (2, 1))
    return replace(one, **changes)


def named(figure, kind, name=None):
    return [trace for trace in figure.data if trace.type == kind and (name is None or trace.name == name)]


# --- figures -----------------------------------------------------------------------------------------------------


def test_maps_share_scales_and_axes() -> None:
    figure = go.Figure(maps_figure([some_map(), some_map(name="Joint")], SIGMA0, STEPS, 2))
    heatmaps = named(figure, "heatmap")
    assert [(map.xaxis, map.yaxis) for map in heatmaps] == [("x", "y"), ("x", "y2"), ("x2", "y"), ("x2", "y2")]
    np.testing.assert_array_equal(heatmaps[0].z, 100 * some_map().attainment)
    np.testing.assert_array_equal(heatmaps[1].z, some_map().psnr)
    assert {(map.zmin, map.zmax) for map in heatmaps[::2]} == {(0, 100)}
    assert {(map.zmin, map.zmax) for map in heatmaps[1::2]} == {(26, 30)}  # the lowest quarter has one colour
    assert [list(figure.layout[axis].ticktext) for axis in ("xaxis2", "yaxis")] == [["1", "5"], ["0.05", "0.1", "0.5"]]
    assert "PSNR" in " ".join(note.text for note in figure.layout.annotations)


def test_contours_of_attainment_and_the_best_psnr_are_in_all_maps() -> None:
    figure = go.Figure(maps_figure([some_map()], SIGMA0, STEPS, 2))
    assert sorted(line.contours.start for line in named(figure, "contour") if line.yaxis == "y2") == [
        50,
        50,
        90,
    ]  # and a light one
    assert len(named(figure, "contour")) == 6
    stars = named(figure, "scatter", "highest mean PSNR")
    assert [(star.x, star.y, star.yaxis) for star in stars] == [((1,), (2,), "y"), ((1,), (2,), "y2")]
    alone = go.Figure(maps_figure([some_map()], SIGMA0, STEPS, 1))
    assert {line.contours.start for line in named(alone, "contour")} == {50}


def test_hovering_tells_both_numbers_of_both_schemes_and_their_spread() -> None:
    joint = some_map(name="Joint", diverged=np.eye(3, 2, dtype=int))
    figure = go.Figure(maps_figure([some_map(), joint], SIGMA0, STEPS, 20))
    for points in (*named(figure, "scatter", "GNC flow"), *named(figure, "scatter", "Joint")):
        text = points.text[2 * 1 + 1]
        assert (points.x[3], points.y[3]) == (1, 1)
        assert text == (
            "<b>σ₀ = 0.1, 5 steps</b><br>GNC flow: 60% attain E*, 28.00 ± 1.00 dB<br>"
            "Joint: 60% attain E*, 28.00 ± 1.00 dB, 1 of 20 diverged"
        )
    alone = go.Figure(maps_figure([some_map(attainment=np.eye(3, 2))], SIGMA0, STEPS, 1))
    assert named(alone, "scatter", "GNC flow")[0].text[:2] == (
        "<b>σ₀ = 0.05, 1 step</b><br>GNC flow: 25.00 dB, attains E*",
        "<b>σ₀ = 0.05, 5 steps</b><br>GNC flow: 26.00 dB, misses E*",
    )


def test_maps_of_a_sweep_that_has_just_begun() -> None:
    nothing = np.full((3, 2), np.nan)
    empty = some_map(attainment=nothing, psnr=nothing, spread=nothing, excess=nothing, best=None)
    for shown in ([empty], [some_map(), empty]):
        figure = go.Figure(maps_figure(shown, SIGMA0, STEPS, 1))
        assert "not computed yet" in named(figure, "scatter", "GNC flow")[-1].text[0]
        json.loads(figure.to_json())
        json.loads(go.Figure(trade_off_figure(shown, SIGMA0, STEPS, 1)).to_json())


@pytest.mark.parametrize(
    ("by_steps", "shades"), [(True, [1, 5, 1, 5, 1, 5]), (False, [0.05, 0.05, 0.1, 0.1, 0.5, 0.5])]
)
def test_every_cell_is_a_point_of_the_trade_off(by_steps: bool, shades: list) -> None:
    figure = go.Figure(trade_off_figure([some_map(), some_map(name="Joint")], SIGMA0, STEPS, 2, by_steps))
    flow, joint = (named(figure, "scatter", name)[0] for name in ("GNC flow", "Joint"))
    assert list(flow.y) == [25, 26, 27, 28, 29, 30]
    assert list(flow.x) == [5, 4, 3, 2, 1, 0.5]  # E* itself has its place left of all others
    assert 10 ** np.array(flow.marker.color) == pytest.approx(shades)
    assert flow.marker.symbol != joint.marker.symbol
    assert figure.layout.xaxis.type == "log"


# --- from a sweep to the page, and back -----------------------------------------------------------------------------


def test_maps_are_those_of_the_library() -> None:
    result = sweep_of()
    flow, joint = maps(result, 0.02, sweeps.SCHEMES)
    np.testing.assert_array_equal([flow.attainment, joint.attainment], sweeps.attainment(result, 0.02))
    np.testing.assert_array_equal([flow.excess, joint.excess], sweeps.excess(result))
    assert flow.best == (0, 0)
    assert [one.name for one in maps(result, 0.02, ["joint"])] == ["Joint"]


def test_a_cell_sets_the_controls_of_the_other_page() -> None:
    scene = Scene("Cat", 96, color=False)
    settings = settings_of_cell(sweep_of("inpaint", 0.8).plan, "Joint", (1, 0), scene)
    assert settings == {
        "image": "Cat", "side": 96, "color": False, "task": "Inpaint", "mask": "Random pixels", "missing": 0.8,
        "prior": "small", "scheme": "Joint", "nsteps": 1, "own-start": True, "smoothing": 0.1,
        "rate": 0.9, "start": "Grey",
    }  # fmt: skip
    settings = settings_of_cell(sweep_of().plan, "GNC flow", (1, 0), scene)
    assert settings["noise"] == 0.1
    assert not {"rate", "start"} & set(settings)


@pytest.mark.parametrize(
    ("task", "level", "changes", "moved"),
    [
        ("denoise", 0.6, {}, {"noise": 0.5}),
        ("denoise", 0.1, {"sigma0": (0.005, 0.8), "rate": 1.995}, {"smoothing": 0.5, "rate": 1.99}),
        ("inpaint", 0.999, {"sigma0": (0.002, 0.1)}, {"missing": 0.99}),
        ("inpaint", 0.98, {}, {}),
    ],
)
def test_a_cell_beyond_the_controls_is_moved_to_the_nearest_and_said(
    task: str, level: float, changes: dict, moved: dict[str, float]
) -> None:
    plan = replace(sweep_of(task, level).plan, **changes)
    exact = settings_of_cell(plan, "Joint", (1, 0), Scene("Cat", 64, color=False))
    settings, notes = nearest(exact)
    assert settings == exact | moved
    assert len(notes) == len(moved)
    app = AppTest.from_file(PAGE.with_name("restore.py"), default_timeout=300)
    for key, value in settings.items():
        app.session_state[key] = value
    app.session_state["notes"] = notes
    app.session_state["restore_now"] = settings
    checked(app.run())
    assert {key: app.session_state[key] for key in moved} == moved
    assert [note for note in notes if note not in [info.value for info in app.info]] == []
    assert app.metric  # it has run


def test_a_sweep_that_fails_in_an_unforeseen_way_ends_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = open_page(**OWN)
    prox = Denoising.prox
    calls = []

    def failing(*arguments):
        calls.append(None)
        if len(calls) == 3:
            raise ZeroDivisionError("in the third step")
        return prox(*arguments)

    monkeypatch.setattr(Denoising, "prox", failing)
    checked(button(app, "Start").click().run())
    assert ["not foreseen" in error.value for error in app.error] == [True]
    assert not app.session_state.sweep.running
    assert "ZeroDivisionError: in the third step" in caplog.text
    assert app.metric  # of what it has reached
    checked(button(app, "Go on").click().run())
    assert not app.error
    assert app.session_state.sweep.finished


def test_a_stopped_sweep_goes_on_from_what_it_has() -> None:
    truth = ("Cat", images.shrink(images.load_sample("Cat"), 64))
    prior = zoo.load("small")
    plan = sweeps.make_plan(prior, [truth], "denoise", 0.1, Runs(sigma0=(0.1, 0.5), steps=(1, 3)), prior_name="small")
    whole = OwnSweep(plan, truth)
    while whole.running:
        whole.advance()
    assert whole.done == whole.total == sweeps.score_steps(sweeps.units_of_plan(plan))
    part = OwnSweep(plan, truth)
    for _ in range(7):
        part.advance()
    part.stop()
    part.advance()
    assert not part.running
    assert part.done == 6  # the first one measured the degraded image
    assert part.result.known.sum() == 3
    rest = OwnSweep(plan, truth, part.result)
    assert (rest.done, rest.total) == (
        sweeps.score_steps(sweeps.units_of_plan(plan)) - 3 - 2 * 5,
        sweeps.score_steps(sweeps.units_of_plan(plan)),
    )
    while rest.running:
        rest.advance()
    for array in sweeps.ARRAYS:
        np.testing.assert_array_equal(getattr(rest.result, array), getattr(whole.result, array))


# --- the page ----------------------------------------------------------------------------------------------------


def open_page(**settings: str) -> AppTest:
    app = AppTest.from_file(PAGE, default_timeout=300)
    app.query_params.update({"image": "Cat", "side": "64"} | settings)
    return checked(app.run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception
    return app


def button(app: AppTest, *labels: str):
    return next(button for button in app.button if button.label in labels)


def numbers(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def figures(app: AppTest) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def downloads(app: AppTest) -> list[str]:
    return [button.label for button in app.get("download_button")]


def test_sweeps_are_listed_and_shown(folder: Path) -> None:
    sweeps.save(sweep_of(), folder / "a.npz")
    sweeps.save(sweep_of(level=0.2), folder / "b.npz")
    sweeps.save(sweep_of("inpaint", 0.8, schemes=("joint",)), folder / "c.npz")
    app = open_page()
    task = app.selectbox(key="maps")
    assert task.options[:3] == ["Denoise, noise 0.1", "Denoise, noise 0.2", "Inpaint, missing 0.8"]
    assert numbers(app)["GNC flow: highest PSNR"] == "30.00 dB"
    assert "before" in " ".join(text.value for text in app.markdown)
    assert len(figures(app)) == 2
    assert downloads(app) == ["Table (CSV)", "Sweep (.npz)"]
    checked(task.set_value("Inpaint, missing 0.8").run())
    assert "enough of both" in " ".join(text.value for text in app.markdown)
    assert [label.partition(":")[0] for label in numbers(app)] == ["Joint", "Joint"]
    assert not app.error


def test_two_sweeps_of_one_task_and_prior_are_told_apart_by_their_files(folder: Path) -> None:
    sweeps.save(sweep_of(), folder / "coarse.npz")
    sweeps.save(sweep_of(), folder / "fine.npz")
    assert open_page().selectbox(key="map-prior").options == ["small", "small (fine)"]


def test_the_tolerance_changes_the_attainment(folder: Path) -> None:
    sweeps.save(sweep_of(), folder / "a.npz")
    app = open_page()
    assert numbers(app)["Joint: highest attainment"] == "0%"
    before = figures(app)[0]["data"][0]["z"]
    checked(app.slider(key="tolerance").set_value(10.0).run())
    assert numbers(app)["Joint: highest attainment"] == "100%"
    assert "within 10.0%" in " ".join(text.value for text in app.caption)
    assert figures(app)[0]["data"][0]["z"] != before
    linked = open_page(tolerance="10", schemes="Joint")
    assert numbers(linked) == {label: value for label, value in numbers(app).items() if label.startswith("Joint")}


def test_damaged_files_are_a_sentence_each_and_the_others_still_work(folder: Path) -> None:
    sweeps.save(sweep_of(), folder / "good.npz")
    (folder / "bad.npz").write_bytes((folder / "good.npz").read_bytes()[:-40])
    (folder / "notes.npz").write_text("hello")
    (folder / "gone.npz").symlink_to(folder / "nowhere.npz")
    (folder / "inner.npz").mkdir()
    app = open_page()
    names = ("bad.npz", "gone.npz", "inner.npz", "notes.npz")
    assert [name in error.value for name, error in zip(names, app.error, strict=True)] == [True] * 4
    assert len(figures(app)) == 2


def test_without_sweeps_the_page_says_what_to_do() -> None:
    app = open_page()
    assert "gnc_core sweep" in app.info[0].value
    assert app.selectbox(key="maps").value == OWN["maps"]
    assert not app.metric
    assert not button(app, "Start").disabled


def test_a_sweep_file_is_read_back(tmp_path: Path) -> None:
    app = open_page(maps="A sweep file (.npz)")
    assert not app.metric
    data = sweeps.to_bytes(sweep_of(prior="elsewhere"))
    checked(app.file_uploader[0].upload("mine.npz", data).run())
    assert len(app.metric) == 4
    assert "elsewhere" in " ".join(text.value for text in app.markdown)
    checked(app.file_uploader[0].upload("cut.npz", data[:-40]).run())
    assert app.error[0].value == plain("cut.npz is damaged, or not a sweep; `sweep` writes them (.npz).")
    assert not app.metric


def test_names_in_a_sweep_file_are_shown_as_text() -> None:
    app = open_page(maps="A sweep file (.npz)")
    named = sweep_of(prior="![p](http://elsewhere/p.png) <b>")
    checked(app.file_uploader[0].upload("mine.npz", sweeps.to_bytes(named)).run())
    told = next(text.value for text in app.markdown if "is not in pretrained" in text.value)
    assert plain(named.plan.prior) in told
    assert named.plan.prior not in told


def test_a_sweep_of_too_many_cells_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "MOST_CELLS", 5)
    app = open_page(maps="A sweep file (.npz)")
    checked(app.file_uploader[0].upload("mine.npz", sweeps.to_bytes(sweep_of())).run())
    assert app.error[0].value == "mine.npz has 6 cells; this page draws at most 5."


def test_a_sweep_of_ones_own_runs_and_can_be_downloaded() -> None:
    app = open_page(**OWN)
    assert "2 × 2 cells of GNC flow and Joint: 18 score steps on 64 × 43 pixels, about" in app.caption[-1].value
    assert not app.metric
    checked(button(app, "Start").click().run())
    assert len(app.metric) == 4
    assert len(figures(app)) == 2
    assert "attains E*" in str(figures(app)[0])
    assert "not computed yet" not in str(figures(app)[0])
    assert downloads(app) == ["Table (CSV)", "Sweep (.npz)"]
    rows = list(csv.DictReader(io.StringIO(sweeps.to_csv(app.session_state.sweep.result))))
    assert [(row["scheme"], row["steps"]) for row in rows[:3]] == [("degraded", "0"), ("flow", "1"), ("flow", "3")]
    before = numbers(app)
    checked(app.slider(key="noise").set_value(0.2).run())
    assert numbers(app) == before  # nothing runs by itself
    assert "other settings than the controls: Cat, denoise, noise 0.1" in app.info[-1].value


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"sigmas": "0.1,loud"}, "list of numbers"),
        ({"sigmas": "0.1:0.5"}, "FIRST:LAST:COUNT"),
        ({"sigmas": "0.1:0.5:41"}, "at most 40"),
        ({"sigmas": "0.1,0.7"}, "[0.01, 0.5]"),
        ({"counts": ""}, "list of numbers"),
        ({"counts": "0,2"}, "1 ... 1000"),
    ],
)
def test_grids_that_cannot_be_are_one_sentence(settings: dict[str, str], sentence: str) -> None:
    app = open_page(**OWN | settings)
    assert len(app.error) == 1
    assert plain(sentence) in app.error[0].value
    assert button(app, "Start").disabled


def test_bad_settings_leave_the_maps_as_they_are() -> None:
    app = open_page(**OWN)
    checked(button(app, "Start").click().run())
    before = numbers(app)
    checked(app.text_input(key="counts").set_value("many").run())
    assert len(app.error) == 1
    assert numbers(app) == before


def test_a_sweep_waits_for_the_uploaded_image() -> None:
    app = open_page(**OWN | {"image": "Upload an image"})
    assert "Upload the image file" in app.info[-1].value
    assert button(app, "Start").disabled
    checked(app.file_uploader[0].upload("not.png", b"nothing").run())
    assert "is not an image" in app.error[0].value


def test_page_without_a_prior_says_so(folder: Path) -> None:
    (folder.parent / "small" / zoo.WEIGHTS).unlink()
    app = open_page(**OWN)
    assert "no pretrained prior" in app.error[0].value
    assert button(app, "Start").disabled
