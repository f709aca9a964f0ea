"""The page "Energy landscape": its figures from plain arrays, its work, and the page without a browser."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import plotly.graph_objects as go
import pytest
import torch
from streamlit.testing.v1 import AppTest

from app import kept, landscapes
from app.drawing import csv_of, encoded
from app.figures.landscape import TALL, UP, Mark, Track, descent_figure, plane_figure
from app.landscapes import BENDING, BLURRED, CLEAN, MIRROR, RANDOM, Landscape, View, figure_of, known
from app.scenes import Upload
from gnc_core import images, zoo
from gnc_core.errors import InputError
from gnc_core.measuring.landscape import grid_minima
from gnc_core.prior.fields_of_experts import FieldsOfExperts

PAGE = Path(__file__).resolve().parents[2] / "app" / "views" / "landscape.py"
SIGMA = np.geomspace(0.01, 0.5, 5)
MOST_BYTES = 4_000_000


@pytest.fixture(autouse=True)
def small_prior(tmp_path, monkeypatch):
    """A pretrained/ folder with one quick prior, "small"."""
    monkeypatch.setattr(zoo, "PRETRAINED", tmp_path)
    zoo.save(tmp_path / "small", FieldsOfExperts(1, channels=8, kernel_size=3, knots_u=15, knots_s=6), {})
    known.clear()
    kept.planes.clear()
    return tmp_path / "small"


# --- figures -----------------------------------------------------------------------------------------------------


def wells(points: int = 17) -> tuple[np.ndarray, np.ndarray]:
    """(a^2 - 1)^2 at the smallest sigma, which melts into a^2 at the largest, plus b^2 and a height that rises with sigma."""
    a = np.linspace(-2, 2, points)
    shares = np.linspace(0, 1, len(SIGMA))[:, None, None]
    return a, (1 - shares) * (a**2 - 1) ** 2 + shares * a**2 + a[:, None] ** 2 + 1000 * shares


def a_plane_figure(points: int = 17) -> dict:
    a, energy = wells(points)
    return plane_figure(a, a, SIGMA, energy, [grid_minima(e) for e in energy], ("first", "second"), [Mark("x", 0, 0)])


def test_a_frame_a_level_holds_the_map_its_minima_and_the_relief() -> None:
    figure = go.Figure(a_plane_figure())
    assert [frame.name for frame in figure.frames] == [str(k) for k in range(5)]
    assert [trace.type for trace in figure.frames[0].data] == [
        "contour",
        *["scatter"] * 18,
    ]  # 16 strips, and minima on both
    _, energy = wells()
    for k, frame in enumerate(figure.frames):
        np.testing.assert_allclose(frame.data[0].z, energy[k] - energy[k].min(), atol=1e-3)
    assert sorted(figure.frames[0].data[1].x) == [-1, 1]
    assert list(figure.frames[-1].data[1].x) == [0]
    assert list(figure.data[1].y) == [0, 0]
    assert figure.data[-1].text == ("x",)
    assert "surface" not in {trace.type for trace in figure.data}  # whose WebGL would hold the page up


def test_the_relief_is_as_high_as_the_energy_and_its_minima_lie_on_it() -> None:
    figure, (_, energy) = go.Figure(a_plane_figure()), wells()
    for k, frame in enumerate(figure.frames):
        share = (energy[k] - energy[k].min()) / np.ptp(energy[k])
        *strips, dots = frame.data[2:]
        farthest, nearest = np.array(strips[0].y), np.array(strips[-1].y)
        np.testing.assert_allclose(nearest[:17], TALL * share[0], atol=1e-6)  # from left to right, and back behind it
        np.testing.assert_allclose(farthest[17:], UP + TALL * share[-1][::-1], atol=1e-6)
        middle, across = np.array(strips[7].y)[:17], np.array(figure.data[2 + 7].x)[:17]  # b = 0
        for x, y in zip(dots.x, dots.y, strict=True):
            assert y == pytest.approx(middle[np.abs(across - x).argmin()], abs=1e-6)


def test_where_there_is_little_room_the_map_stands_below_the_relief() -> None:
    a, energy = wells()
    plane = a, a, SIGMA, energy, [grid_minima(e) for e in energy], ("first", "second"), [Mark("x", 0, 0)]
    wide, narrow = (go.Figure(plane_figure(*plane, narrow=small)).layout for small in (False, True))
    assert wide.xaxis2.domain[1] < wide.xaxis.domain[0]
    assert narrow.xaxis.domain == narrow.xaxis2.domain == (0, 1)
    assert narrow.yaxis.domain[1] < narrow.yaxis2.domain[0]


def test_the_file_of_numbers_holds_the_map_alone() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_of(encoded(a_plane_figure())))))
    assert {row["trace"] for row in rows} == {"R", "local minimum", "images"}
    assert sum(row["trace"] == "R" for row in rows) == 6 * 17 * 17  # what is seen at first, and five frames


def test_the_slider_counts_the_minima_and_frames_are_drawn_anew() -> None:
    steps = go.Figure(a_plane_figure()).layout.sliders[0].steps
    assert steps[0].label == "0.01: 2 local minima"
    assert steps[-1].label == "0.5: 1 local minimum"
    assert steps[0].args[1]["frame"]["redraw"]  # plotly moves maps in no other way


def test_frames_hold_only_what_moves() -> None:
    for frame in a_plane_figure()["frames"]:
        moves = [set(trace) - {"type"} for trace in frame["data"]]
        assert moves == [{"z"}, {"x", "y"}, *[{"y"}] * 16, {"x", "y"}]


def test_the_largest_plane_fits_a_page() -> None:
    figure = encoded(a_plane_figure(33)).to_dict()
    assert len(orjson.dumps(figure)) * 8 / 5 < MOST_BYTES


def test_the_line_shows_the_valley_and_the_paths() -> None:
    a = np.linspace(0, 1, 11)
    energy = (np.log(SIGMA)[:, None] - np.log(SIGMA[[0]]) - np.log(50) * (1 - a)) ** 2
    track = Track("flow", np.array([0.0, 0.5]), np.array([0.5, 0.1]), np.array([0.0, 2.0]))
    marks = [Mark("noisy", 0, 0), Mark("clean", 1, 1)]
    figure = go.Figure(descent_figure(a, SIGMA, energy, "first", marks, [track]))
    contour, valley, path = figure.data
    np.testing.assert_allclose(contour.y, np.log10(SIGMA), rtol=1e-6)
    assert valley.customdata[0] == pytest.approx(0.5)
    assert valley.customdata[-1] == pytest.approx(0.01)
    np.testing.assert_allclose(path.y, np.log10([0.5, 0.1]))
    assert path.customdata[1].tolist() == [1, 0.1, 2]
    assert [note.text for note in figure.layout.annotations] == ["noisy", "clean"]


# --- work --------------------------------------------------------------------------------------------------------

VIEW = View("small", "Cat", 0.0, MIRROR, RANDOM, crop=32, points=9)


def done(work: Landscape) -> Landscape:
    while work.running:
        work.advance()
    return work


def test_work_fills_the_grid_from_the_largest_sigma_down() -> None:
    work = Landscape(VIEW, None)
    while not len(work.levels):
        work.advance()
    assert work.levels.tolist() == [7]
    done(work)
    assert work.energy.shape == (8, 9, 9)
    assert np.isfinite(work.energy).all()
    assert work.finished
    assert not work.error


def test_the_middle_of_the_grid_is_the_image_and_the_mark_its_mirror_image() -> None:
    view = View("small", "Cat", 0.0, MIRROR, RANDOM, crop=32, points=9)
    work = done(Landscape(view, None))
    prior = zoo.load("small")
    j, i = np.abs(work.a).argmin(), np.abs(work.b).argmin()
    assert (work.a[j], work.b[i]) == (pytest.approx(0, abs=1e-6), 0)
    energy = prior.energy(work.x, float(np.log(work.sigma[3]))).item()
    assert work.energy[3, i, j] == pytest.approx(energy, rel=1e-5)
    assert [mark.name for mark in work.marks] == ["clean", "mirrored"]
    assert work.marks[1].a == pytest.approx((work.x - work.x.flip(3)).norm().item(), rel=1e-4)


@pytest.mark.parametrize("first", [CLEAN, BLURRED, BENDING, RANDOM, MIRROR])
def test_every_direction_can_be_the_one_of_the_line(first: str) -> None:
    work = done(Landscape(View("small", "Cat", 0.1, first, None, crop=32, steps=2), None))
    assert not work.error
    assert [track.name for track in work.tracks] == ["GNC flow", "Joint"]  # no learned schedule of this prior
    assert [len(track.a) for track in work.tracks] == [3, 3]
    assert work.tracks[0].sigma.tolist() == pytest.approx([0.3, 0.3, 0.01])
    assert (work.tracks[0].a[0], work.tracks[0].off[0]) == (0, 0)
    assert figure_of(work) is not None


def test_stopped_work_keeps_its_levels_and_can_go_on() -> None:
    work = Landscape(VIEW, None)
    while not len(work.levels):
        work.advance()
    work.stop()
    work.advance()
    assert len(work.levels) == 1
    figure = figure_of(work)
    assert figure is not None
    assert len(figure["frames"]) == 8  # all but one are sketches
    work.go_on()
    assert len(done(work).levels) == 8


def test_a_sketch_of_every_level_comes_before_the_whole_of_any() -> None:
    work = Landscape(View("small", "Cat", 0.0, MIRROR, RANDOM, crop=32, points=17), None)
    while not work.complete:
        assert figure_of(work) is None
        work.advance()
    figure = figure_of(work)
    assert figure is not None
    assert figure["data"][0]["z"].shape == (17, 17)
    while not len(work.levels):
        work.advance()
    assert np.isfinite(work.sketch).all()
    done(work)
    assert np.allclose(work.sketch[:, ::4, ::4], work.energy[:, ::4, ::4], rtol=1e-6)


def test_what_a_view_of_a_sample_has_come_to_is_known_to_the_next_visitor() -> None:
    first = Landscape(VIEW, None)
    assert not first.finished
    done(first)
    second = Landscape(VIEW, None)
    assert second.finished
    assert np.array_equal(second.energy, first.energy)
    assert orjson.dumps(encoded(figure_of(second)).to_dict()) == orjson.dumps(encoded(figure_of(first)).to_dict())
    assert not Landscape(replace(VIEW, seed=1), None).finished


def test_whoever_comes_next_goes_on_from_what_is_known() -> None:
    first = Landscape(VIEW, None)
    while len(first.levels) < 3:
        first.advance()
    second = Landscape(VIEW, None)
    while not len(second.levels):
        second.advance()
    assert len(second.levels) == 3
    assert np.array_equal(done(second).energy, done(Landscape(VIEW, None, anew=True)).energy)


def test_a_seed_makes_no_other_view_where_nothing_is_random() -> None:
    plain = View("small", "Cat", 0.0, MIRROR, BENDING)
    assert replace(plain, seed=7) == plain
    assert replace(plain, seed=7, noise=0.1) != replace(plain, noise=0.1)
    assert replace(plain, seed=7, second=RANDOM) != replace(plain, second=RANDOM)


def test_other_steps_along_a_line_are_other_paths_over_the_same_energies(monkeypatch: pytest.MonkeyPatch) -> None:
    line = View("small", "Cat", 0.1, CLEAN, None, crop=32, steps=2)
    first = done(Landscape(line, None))
    monkeypatch.setattr(landscapes.landscape, "plane", None)  # nothing is left to be computed with it
    second = done(Landscape(replace(line, steps=5, sigma0=0.2), None))
    assert not second.error
    assert np.array_equal(second.energy, first.energy)
    assert [len(track.sigma) for track in first.tracks][:2] == [3, 3]
    assert [len(track.sigma) for track in second.tracks][:2] == [6, 6]


def test_the_first_view_of_a_sample_is_kept_with_the_prior(small_prior: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landscapes.images, "sample_images", lambda: {"Cat": Path()})
    monkeypatch.setattr(landscapes, "first_view", lambda prior, source: replace(VIEW, source=source))
    landscapes.keep("small")
    fresh, shown = done(Landscape(VIEW, None, anew=True)), Landscape(VIEW, None)
    assert shown.finished
    assert np.array_equal(shown.energy, fresh.energy)
    assert shown.marks == fresh.marks
    assert not Landscape(replace(VIEW, source="Moon"), None).finished
    zoo.save(small_prior, FieldsOfExperts(1, channels=7, kernel_size=3, knots_u=15, knots_s=6), {})
    assert not Landscape(VIEW, None).finished  # kept for other weights


def test_what_a_visitor_has_uploaded_is_known_to_nobody_else() -> None:
    data = images.to_png(images.shrink(images.load_sample("Cat"), 64))
    view = replace(VIEW, source=Upload("1", "cat.png"))
    done(Landscape(view, data))
    assert not Landscape(view, data).finished


def test_noise_and_random_directions_belong_to_the_seed() -> None:
    noisy = [Landscape(View("small", "Cat", 0.1, RANDOM, RANDOM, 32, seed=seed), None) for seed in (0, 0, 1)]
    assert torch.equal(noisy[0].x, noisy[1].x)
    assert not torch.equal(noisy[0].x, noisy[2].x)


def test_what_cannot_be_shown_is_a_sentence() -> None:
    with pytest.raises(InputError, match="is the clean one"):
        Landscape(View("small", "Cat", 0.0, CLEAN, RANDOM, 32), None)
    with pytest.raises(InputError, match="no prior"):
        Landscape(View("../small", "Cat", 0.0, RANDOM, RANDOM, 32), None)
    assert "are the same" in done(Landscape(View("small", "Cat", 0.1, CLEAN, CLEAN, 32), None)).error


# --- the page ----------------------------------------------------------------------------------------------------


def open_page(**settings: str) -> AppTest:
    app = AppTest.from_file(PAGE, default_timeout=300)
    app.query_params.update({"image": "Cat", "crop": "32", "grid": "9", "second": RANDOM} | settings)
    app.run()
    assert not app.exception
    return app


def charts(app: AppTest) -> int:
    return len(app.get("plotly_chart"))


def test_page_computes_at_once_and_draws() -> None:
    app = open_page()
    assert charts(app) == 1
    assert not app.error
    assert app.session_state.landscape.view == View("small", "Cat", 0.0, MIRROR, RANDOM, 32, points=9)


def test_a_control_computes_anew_and_the_same_settings_do_not() -> None:
    app = open_page()
    before = app.session_state.landscape
    app.run()
    assert app.session_state.landscape is before
    app.selectbox(key="first").set_value(RANDOM).run()
    assert app.session_state.landscape is not before
    assert charts(app) == 1


def test_experiments_set_the_controls() -> None:
    app = open_page()
    next(button for button in app.button if button.label == "Ways down").click().run()
    assert not app.exception
    view = app.session_state.landscape.view
    assert (view.first, view.second, view.noise, view.steps, view.source) == (CLEAN, None, 0.1, 10, "Cameraman")
    assert charts(app) == 1


def test_directions_that_are_the_same_and_a_clean_image_without_noise_are_one_sentence() -> None:
    app = open_page(second=MIRROR)
    assert ["are the same" in error.value for error in app.error] == [True]
    app = open_page(first=CLEAN)
    assert ["is the clean one" in error.value for error in app.error] == [True]
    assert charts(app) == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"first": "up"},
        {"crop": "7"},
        {"grid": "1e9"},
        {"reach": "nan"},
        {"seed": "inf"},
        {"view": "x"},
        {"prior": "/etc"},
    ],
    ids=str,
)
def test_what_a_link_gets_wrong_leaves_the_default(settings: dict[str, str]) -> None:
    app = open_page(**settings)
    assert not app.error
    assert charts(app) == 1
    assert next(iter(settings)) not in app.query_params


def test_a_level_in_another_unit_is_one_sentence() -> None:
    app = open_page(centre="Noisy image", noise="25")
    assert ["25/255" in warning.value for warning in app.warning] == [True]


def test_page_without_a_prior_says_so(small_prior: Path) -> None:
    (small_prior / zoo.WEIGHTS).unlink()
    assert ["no pretrained prior" in error.value for error in open_page().error] == [True]


def test_bad_uploads_are_one_sentence() -> None:
    app = open_page(image="Upload an image")
    assert "Upload" in app.info[0].value
    app.file_uploader[0].upload("bad.png", b"nothing").run()
    assert ["is not an image" in error.value for error in app.error] == [True]
