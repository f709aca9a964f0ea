"""The page "Inside the prior": its figures from plain arrays, and the page without a browser."""

import base64
import io
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.figures.curvature import convexity_figure
from app.figures.inside import (
    COLUMNS,
    LONGEST_MAP,
    TILE,
    Layer,
    grey_png,
    height_of,
    kernel_figure,
    kernels_figure,
    place_of,
    section_figure,
    surface_figure,
    training_figure,
)
from app.figures.restoration import comparison_figure
from app.following import RUNS
from gnc_core import images, zoo
from gnc_core.learning.logs import LOG
from gnc_core.measuring import curvature, inspection, inspections
from gnc_core.mixture import PRESETS, smallest_curvature
from gnc_core.prior.fields_of_experts import FieldsOfExperts

PAGE = Path(__file__).resolve().parents[2] / "app" / "views" / "inside.py"
MOST_BYTES = 4_000_000
SIGMA = np.geomspace(0.01, 0.5, 24)


def a_layer(number: int = 1, channels: int = 48, points: int = 33, size: int = 7) -> Layer:
    """Parabolas of width sigma, in reverse order."""
    u = (SIGMA[:, None, None] * np.linspace(-3, 3, points)).repeat(channels, 1)
    kernels = np.random.default_rng(0).normal(size=(channels, size, size))
    numbers = np.arange(channels, 0, -1)
    texts = [f"kernel {n}" for n in numbers]
    return Layer(f"Layer {number}", number, numbers, kernels, u, u**2, texts, own_height=True)


def payload(figure: go.Figure) -> int:
    """What the browser is sent, in bytes."""
    return len(figure.to_json().encode())


def boxes(trace: go.Scatter) -> list[tuple[np.ndarray, np.ndarray]]:
    """The curves of a trace that are joined by gaps."""
    x, y = np.asarray(trace.x), np.asarray(trace.y)
    ends = np.flatnonzero(np.isnan(x))
    assert np.isnan(y[ends]).all()
    return [(x[a:b], y[a:b]) for a, b in zip([0, *(ends[:-1] + 1)], ends, strict=True)]


# --- all kernels -------------------------------------------------------------------------------------------------


def test_one_trace_with_gaps_holds_all_curves_and_a_frame_moves_them() -> None:
    layers = [a_layer(3), a_layer(2), a_layer(1)]
    figure = kernels_figure(layers, SIGMA)
    assert len(figure.data) == 2
    assert [frame.name for frame in figure.frames] == [str(k) for k in range(24)]
    first, last = (boxes(figure.frames[k].data[0]) for k in (0, -1))
    assert len(first) == len(last) == 144
    widths = [[np.ptp(x) for x, _ in curves] for curves in (first, last)]
    np.testing.assert_allclose(widths[1], TILE, rtol=1e-4)  # the widest range fills the tile
    np.testing.assert_allclose(widths[0], TILE / 50, rtol=1e-2)
    heights = [np.ptp(y) for _, y in first]
    np.testing.assert_allclose(heights, heights[0], rtol=1e-4)
    assert all(list(frame.traces) == [0, 1] for frame in figure.frames)


def test_curves_that_share_a_scale_grow_with_sigma() -> None:
    figure = kernels_figure([replace(a_layer(), own_height=False)], SIGMA)
    heights = [np.ptp(boxes(figure.frames[k].data[0])[5][1]) for k in (0, 12, 23)]
    np.testing.assert_allclose(heights / heights[-1], (SIGMA[[0, 12, 23]] / 0.5) ** 2, rtol=1e-2, atol=1e-4)


def test_colours_run_from_blue_to_red_and_the_slider_names_the_level() -> None:
    figure = kernels_figure([a_layer()], SIGMA)
    colours = [frame.data[0].line.color for frame in figure.frames]
    red, _, blue = zip(*([float(v) for v in c[4:-1].split(",")] for c in colours), strict=True)
    assert red[0] < red[12] < red[23]
    assert blue[0] > blue[12] > blue[23]
    assert [step.label for step in figure.layout.sliders[0].steps][::23] == ["0.01", "0.5"]
    still = [shape for shape in figure.layout.shapes if shape.opacity]
    assert [shape.line.color for shape in still][:: len(still) - 1] == [colours[0], colours[-1]]


def test_tiles_are_grey_pictures_that_can_be_clicked_where_they_are() -> None:
    layers = [a_layer(2, size=9), a_layer(1)]
    figure = kernels_figure(layers, SIGMA)
    picture = Image.open(io.BytesIO(base64.b64decode(figure.layout.images[1].source.partition(",")[2])))
    cell = picture.width / figure.layout.images[1].sizex
    grey, alpha = (np.asarray(picture)[..., i] for i in (0, 1))
    kernel = layers[1].kernels[17]
    row, column = divmod(17, COLUMNS)
    top = round(row * (height_of(layers[:1]) - height_of([a_layer(channels=1)])) / 2 * cell) if row else 0
    left = round(column * cell)
    centre = [
        np.s_[top + int((i + 0.5) * TILE * cell / 7), left + int((j + 0.5) * TILE * cell / 7)]
        for i, j in ((0, 0), (3, 5))
    ]
    for place, element in zip(centre, (kernel[0, 0], kernel[3, 5]), strict=True):
        assert grey[place] == pytest.approx(127.5 * (1 + element / np.abs(kernel).max()), abs=1)
        assert alpha[place] == 255
    targets = figure.data[1]
    assert list(targets.customdata[48 + 17]) == [1, 48 - 17]
    assert targets.text[48 + 17] == f"kernel {48 - 17}"
    x, y, width, _ = place_of(layers, 1, 48 - 17)
    assert targets.x[48 + 17] == pytest.approx(x + width / 2)
    assert targets.y[48 + 17] == pytest.approx(-y - width / 2)


def test_page_of_three_layers_is_sent_in_less_than_four_megabytes() -> None:
    overview = kernels_figure([a_layer(3, size=11), a_layer(2, size=9), a_layer(1)], SIGMA)
    u, concave = SIGMA[:, None] * np.linspace(-3, 3, 65), np.zeros((24, 65), bool)
    surface = surface_figure(u, SIGMA, u**2, concave, 3, "φ")
    noise = np.random.default_rng(0).random((LONGEST_MAP, LONGEST_MAP))  # what PNG compresses least
    maps = [("", grey_png(noise, 0, 1, noise < noise.T)), ("", grey_png(noise, 0, 1)), ("", grey_png(noise.T, 0, 1))]
    whole = payload(overview) + 3 * payload(surface) + payload(go.Figure(comparison_figure(maps, noise.shape)))
    assert whole < MOST_BYTES
    assert payload(kernels_figure([a_layer()], SIGMA)) < MOST_BYTES / 4


# --- one kernel --------------------------------------------------------------------------------------------------


def test_kernel_is_grey_around_zero_and_the_spectrum_has_its_frequencies() -> None:
    figure = kernel_figure(np.diag([1.0, 0.0, -3.0]), np.ones((8, 8)))
    kernel, spectrum = figure.data
    assert (kernel.zmin, kernel.zmax) == (-3, 3)
    assert list(kernel.x) == [-1, 0, 1]
    assert (spectrum.x[0], spectrum.x[4]) == (-0.5, 0)
    assert {axis.title.text for axis in (figure.layout.xaxis, figure.layout.xaxis2)} == {"pixels", "cycles a pixel"}


def test_surface_is_red_where_the_function_is_concave() -> None:
    u = np.linspace(-1, 1, 5) * np.array([[1.0], [2.0]])
    concave = u > 0.6
    figure = surface_figure(u, np.array([0.1, 0.3]), u**3, concave, 1, "φ(u, σ)")
    surface, line = figure.data
    np.testing.assert_array_equal(surface.surfacecolor, concave)
    assert surface.colorscale[0][1] != surface.colorscale[-1][1] == "rgb(215, 25, 40)"
    np.testing.assert_allclose(surface.y[:, 0], [-1, np.log10(0.3)])
    np.testing.assert_array_equal(line.z, u[1] ** 3)
    assert figure.layout.scene.yaxis.ticktext == ("0.1", "0.3")


def test_section_marks_the_same_places_in_all_three_panels() -> None:
    u = np.linspace(-2, 2, 41)
    figure = section_figure(u, [u**3, 3 * u**2, 6 * u], ["φ", "φ′", "φ″"])
    red = [trace for trace in figure.data if trace.line.color == "rgb(215, 25, 40)"]
    assert len(red) == 3
    for trace in red:
        np.testing.assert_array_equal(np.isnan(trace.y), u >= 0)
    assert figure.layout.xaxis.title.text == "feature u"


def test_marked_pixels_are_red() -> None:
    values = np.array([[0.0, 0.5], [1.0, 2.0]])
    grey = np.asarray(Image.open(io.BytesIO(grey_png(values, 0, 1))))
    assert grey.tolist() == [[0, 128], [255, 255]]
    tinted = np.asarray(Image.open(io.BytesIO(grey_png(values, 0, 1, values == 0.5))))
    assert tinted.shape == (2, 2, 3)
    assert tinted[0, 1, 0] > 150 > tinted[0, 1, 1]
    assert (tinted[1, 1] == 255).all()


# --- the whole prior ---------------------------------------------------------------------------------------------


def test_convexity_map_changes_colour_at_zero_and_marks_the_threshold() -> None:
    curvature = np.linspace(-1, 1, 24)[:, None] * np.ones(3)
    figure = convexity_figure(SIGMA, curvature, ["kernel 4", "kernel 1", "kernel 2"], 0.07)
    heat = figure.data[0]
    assert heat.zmin == -heat.zmax
    middle = [colour for place, colour in heat.colorscale if place == 0.5]
    assert len(middle) == 2
    assert heat.customdata[0][0] == "kernel 4"
    assert figure.layout.shapes[0].x0 == 0.07
    assert not convexity_figure(SIGMA, curvature, ["a", "b", "c"], float("nan")).layout.shapes


def test_training_curve_shows_validation_only_where_it_is_known() -> None:
    nan = float("nan")
    log = {
        "iteration": [50, 100, 150],
        "image": [3.0, 2.0, 1.0],
        "smoothing": [1.0, 1.0, 0.5],
        "validation": [nan, 2.5, nan],
    }
    figure = training_figure(log)
    assert [(list(t.x), list(t.y)) for t in figure.data if len(t.x)] == [
        ([50, 100, 150], [3, 2, 1]),
        ([100], [2.5]),
        ([50, 100, 150], [1, 1, 0.5]),
    ]
    assert figure.layout.xaxis.title.text == "iteration"


# --- the page ----------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def priors(tmp_path, monkeypatch) -> Path:
    """A pretrained/ folder with a prior of one layer, "flat", and one of two, "deep"."""
    monkeypatch.setattr(zoo, "PRETRAINED", tmp_path)
    small = {"channels": 8, "kernel_size": 3, "knots_u": 15, "knots_s": 6}
    zoo.save(tmp_path / "flat", FieldsOfExperts(1, **small), {})
    torch.manual_seed(0)
    zoo.save(tmp_path / "deep", FieldsOfExperts(2, knots_hidden=9, **small), {})
    return tmp_path


def open_page(**settings: str) -> AppTest:
    app = AppTest.from_file(PAGE, default_timeout=120)
    app.query_params.update({"image": "Cat", "side": "64", "prior": "flat"} | settings)
    app.run()
    assert not app.exception
    return app


def figures(app: AppTest) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def values(array: object) -> np.ndarray:
    """The numbers of an array in a figure's JSON, where plotly may have packed them."""
    if isinstance(array, dict):
        return np.frombuffer(base64.b64decode(array["bdata"]), array["dtype"]).copy()
    return np.array(array, float)


def text(app: AppTest) -> str:
    return "\n".join(element.value for element in (*app.markdown, *app.caption))


def test_page_shows_all_kernels_and_one_in_detail() -> None:
    app = open_page(kernel="3", sigma="0.055")
    overview, kernel, section, *surfaces, response, convexity = figures(app)
    assert len(overview["frames"]) == 24
    assert kernel["data"][0]["type"] == "heatmap"
    assert len(section["data"]) == 6
    assert [surface["data"][0]["type"] for surface in surfaces] == ["surface"] * 3
    assert [trace["type"] for trace in response["data"]] == ["image"] * 3
    assert convexity["data"][0]["type"] == "heatmap"
    assert "Layer 1, kernel 3" in text(app)
    assert "middle of this page's image" in text(app)
    numbers = {metric.label: metric.value for metric in app.metric}
    assert numbers["All potentials convex above"] == "σ = 0.01"  # an untrained prior: quadratic
    assert numbers["Convex at σ = 0.055"] == "8 of 8"
    assert numbers["Features with φ″ < 0 at σ = 0.055"] == "0%"
    assert sum(len(chart.proto.spec) for chart in app.get("plotly_chart")) < MOST_BYTES


def test_another_kernel_changes_the_detail_and_not_the_overview() -> None:
    app = open_page(prior="deep", layer="1", kernel="2")
    before = figures(app)
    assert "Layer 1, kernel 2" in text(app)
    app.number_input(key="kernel").set_value(5).run()
    after = figures(app)
    assert "Layer 1, kernel 5" in text(app)
    assert after[0] == before[0]
    assert all(a != b for a, b in zip(after[1:3], before[1:3], strict=True))
    app.number_input(key="layer").set_value(2).run()
    assert "Layer 2, kernel 5" in text(app)
    assert "of the energy" in text(app)


def test_saved_inspection_is_used_and_needs_no_image() -> None:
    prior = zoo.load("flat")
    measured = inspection.measure(prior, [images.load_sample("Coins")[..., :40, :40]] * 3, levels=24)
    inspections.save("flat", measured)
    app = open_page(image="Upload an image")
    assert "measured on 3 images" in text(app)
    assert len(figures(app)) == 7  # no response without an image
    inspections.save("flat", replace(measured, curvature=-measured.curvature))
    app.run()
    assert app.metric[0].value == "no σ"


def test_eigenvalues_that_were_measured_are_shown_with_sigma_c() -> None:
    measured = inspection.measure(zoo.load("flat"), [images.load_sample("Coins")[..., :40, :40]], levels=24)
    levels = np.array([0.1, 0.2, 0.4], np.float32)
    below = np.array([-0.4, -0.1, -5e-4], np.float32)
    eigenvalues = np.broadcast_to(below[:, None, None], (3, 5, 2))
    inspections.save("flat", replace(measured, levels=levels, eigenvalues=eigenvalues, proved=0.45))
    app = open_page()
    assert app.metric[0].value == "σ_c = 0.4"
    note = figures(app)[-1]["layout"]["annotations"][0]
    assert note["x"] == pytest.approx(np.log10(0.4))
    drawn = figures(app)[-1]["data"]
    assert len(drawn) == 2 * 5 + 1
    np.testing.assert_allclose(values(drawn[3]["y"]), below)
    mixture = next(iter(PRESETS.values()))
    sigmas = values(drawn[-1]["x"])
    np.testing.assert_allclose(values(drawn[-1]["y"]), sigmas**2 * smallest_curvature(mixture, sigmas), rtol=1e-5)


def test_the_direction_of_bending_is_an_eigenvector() -> None:
    """Of the Hessian at the middle of the image; the page says its eigenvalue."""
    app = open_page(side="96")
    app.toggle(key="bend").set_value(True).run()
    sigma = float(app.select_slider(key="sigma").value)
    x = images.crop_center(images.shrink(images.load_sample("Cat"), 96), curvature.CROP)
    level = min(inspections.load("flat").sigma if inspections.load("flat") else SIGMA, key=lambda s: abs(s - sigma))
    value, _ = curvature.smallest_eigenvalue(zoo.load("flat"), x, float(np.log(level)))
    assert f"Smallest eigenvalue × σ²: {value:.4f}" in text(app)


def test_order_of_the_kernels_follows_the_choice() -> None:
    app = open_page(prior="deep", order="Share of the energy")
    shown = [point[1] for point in figures(app)[0]["data"][1]["customdata"]][:8]
    assert sorted(shown) == list(range(1, 9))
    app.selectbox(key="order").set_value("As learned").run()
    assert [point[1] for point in figures(app)[0]["data"][1]["customdata"]][:8] == list(range(1, 9)) != shown


def test_smaller_prior_after_a_deeper_one_shows_its_own_layer() -> None:
    app = open_page(prior="deep", layer="2", kernel="8")
    app.selectbox(key="prior").set_value("flat").run()
    assert not app.exception
    assert "Layer 1, kernel 8" in text(app)


def test_training_log_is_drawn_and_a_run_can_be_followed(
    priors: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, nowhere = tmp_path / "run", tmp_path / "nowhere"
    monkeypatch.setenv(RUNS, f"{run}{os.pathsep}{nowhere}")
    app = open_page()
    assert "no log of a training run" in text(app)
    line = {"iteration": 50, "loss": 0.5, "image": 0.4, "smoothing": 2.0, "seconds": 7200}
    (priors / "flat" / LOG).write_text(json.dumps(line) + "\n")
    app.run()
    assert "Iteration 50, 2.0 hours; loss 0.5" in text(app)
    run.mkdir()
    (run / LOG).write_text("")
    app.selectbox(key="run").set_value(str(run)).run()
    assert "no line yet" in text(app)
    app.selectbox(key="run").set_value(str(nowhere)).run()
    assert "no log of a training run" in app.error[0].value


def test_no_run_can_be_followed_that_the_owner_has_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RUNS, raising=False)
    (tmp_path / LOG).write_text(json.dumps({"iteration": 7, "loss": 0.5}) + "\n")
    app = open_page(run=str(tmp_path))
    assert app.selectbox(key="run").options == ["Saved with the prior"]
    assert "Iteration 7" not in text(app)


def test_an_image_that_is_missing_is_one_sentence() -> None:
    app = open_page(image="Upload an image")
    assert ["Upload the file" in element.value for element in (*app.error, *app.info)] == [True]
    assert not figures(app)


def test_page_without_a_prior_says_so(priors: Path) -> None:
    for name in ("flat", "deep"):
        (priors / name / zoo.WEIGHTS).unlink()
    assert "no pretrained prior" in open_page().error[0].value
