"""The page "Inside the prior": its figures from plain arrays, and the page without a browser."""

import base64
import io
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import plotly.graph_objects as go
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.drawing import encoded
from app.figures.common import RED, Figure
from app.figures.curvature import convexity_figure
from app.figures.inside import (
    LONGEST_MAP,
    function_maps,
    kernel_figure,
    potentials_figure,
    section_figure,
    surface_figure,
    training_figure,
)
from app.figures.kernels import (
    NARROW,
    TILE,
    WIDE,
    Layer,
    height_of,
    kernels_figure,
    level_colours,
    place_of,
)
from app.figures.pictures import grey_png
from app.figures.restoration import comparison_figure
from app.following import RUNS
from app.lessons.inside import CONVEXITY, CURVATURE, EXPERIMENTS, HANDLES, KERNEL, RESPONSE, SURGERY, TRAINING
from app.operations import Change, Operation
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
    return Layer(number, numbers, kernels, u, u**2, texts, own_height=True)


def payload(figure: Figure) -> int:
    """What the browser is sent, in bytes."""
    return len(orjson.dumps(encoded(figure).to_dict()))


def checked(figure: Figure) -> go.Figure:
    """The figure, validated by plotly; its frames, too."""
    return go.Figure(figure)


def boxes(trace: go.Scatter) -> list[tuple[np.ndarray, np.ndarray]]:
    """The curves of a trace that are joined by gaps."""
    x, y = np.asarray(trace.x), np.asarray(trace.y)
    ends = np.flatnonzero(np.isnan(x))
    assert np.isnan(y[ends]).all()
    return [(x[a:b], y[a:b]) for a, b in zip([0, *(ends[:-1] + 1)], ends, strict=True)]


# --- all kernels -------------------------------------------------------------------------------------------------


def test_one_trace_with_gaps_holds_all_curves_and_a_frame_moves_them() -> None:
    figure = checked(kernels_figure(a_layer(), SIGMA, WIDE))
    assert len(figure.data) == 2
    assert [frame.name for frame in figure.frames] == [str(k) for k in range(24)]
    first, last = (boxes(figure.frames[k].data[0]) for k in (0, -1))
    assert len(first) == len(last) == 48
    widths = [[np.ptp(x) for x, _ in curves] for curves in (first, last)]
    np.testing.assert_allclose(widths[1], TILE, rtol=1e-4)  # the widest range fills the tile
    np.testing.assert_allclose(widths[0], TILE / 50, rtol=1e-2)
    heights = [np.ptp(y) for _, y in first]
    np.testing.assert_allclose(heights, heights[0], rtol=1e-4)
    assert all(list(frame.traces) == [0, 1] for frame in figure.frames)


def test_frames_hold_what_moves_and_nothing_else() -> None:
    for frame in kernels_figure(a_layer(), SIGMA, WIDE)["frames"]:
        assert [set(trace) for trace in frame["data"]] == [{"x", "y", "line"}, set()]


def test_curves_that_share_a_scale_grow_with_sigma() -> None:
    figure = checked(kernels_figure(replace(a_layer(), own_height=False), SIGMA, WIDE))
    heights = [np.ptp(boxes(figure.frames[k].data[0])[5][1]) for k in (0, 12, 23)]
    np.testing.assert_allclose(heights / heights[-1], (SIGMA[[0, 12, 23]] / 0.5) ** 2, rtol=1e-2, atol=1e-4)


def test_colours_run_from_blue_to_orange_and_the_slider_names_the_level() -> None:
    figure = checked(kernels_figure(a_layer(), SIGMA, WIDE))
    colours = [frame.data[0].line.color for frame in figure.frames]
    red, _, blue = zip(*map(rgb, colours), strict=True)
    assert red[0] < red[12] < red[23]
    assert blue[0] > blue[12] > blue[23]
    assert [step.label for step in figure.layout.sliders[0].steps][::23] == ["0.01", "0.5"]
    still = [shape for shape in figure.layout.shapes if shape.opacity]
    assert [shape.line.color for shape in still][:: len(still) - 1] == [colours[0], colours[-1]]


def rgb(colour: str) -> list[float]:
    return [float(v) for v in colour[4:-1].split(",")]


def test_levels_are_seen_on_white_and_on_black_and_by_colour_blind_people() -> None:
    """Contrasts as WCAG 2 has them, 3 for graphics; deuteranopia and protanopia as Machado et al. (2009) simulate them."""
    linear = (np.array([rgb(colour) for colour in level_colours(24)]) / 255) ** 2.2
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    assert (1.05 / (luminance + 0.05)).min() > 3
    assert ((luminance + 0.05) / (((14 / 255) ** 2.2) + 0.05)).min() > 3  # Streamlit's dark background
    deutan = [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]
    protan = [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]
    for seen in (deutan, protan):
        found = (linear @ np.transpose(seen)).clip(0) ** (1 / 2.2)
        assert np.linalg.norm(found[-1] - found[0]) > 0.5
        assert np.linalg.norm(found[12] - found[[0, -1]], axis=1).min() > 0.2


@pytest.mark.parametrize("columns", [WIDE, NARROW])
def test_tiles_are_grey_pictures_that_can_be_clicked_where_they_are(columns: int) -> None:
    layer = a_layer()
    figure = checked(kernels_figure(layer, SIGMA, columns))
    picture = Image.open(io.BytesIO(base64.b64decode(figure.layout.images[0].source.partition(",")[2])))
    cell = picture.width / figure.layout.images[0].sizex
    grey, alpha = (np.asarray(picture)[..., i] for i in (0, 1))
    kernel = layer.kernels[17]
    row, column = divmod(17, columns)
    top = round(row * height_of(columns, columns) * cell)
    left = round(column * cell)
    centre = [
        np.s_[top + int((i + 0.5) * TILE * cell / 7), left + int((j + 0.5) * TILE * cell / 7)]
        for i, j in ((0, 0), (3, 5))
    ]
    for place, element in zip(centre, (kernel[0, 0], kernel[3, 5]), strict=True):
        assert grey[place] == pytest.approx(127.5 * (1 + element / np.abs(kernel).max()), abs=1)
        assert alpha[place] == 255
    targets = figure.data[1]
    assert targets.customdata[17] == 48 - 17
    assert targets.text[17] == f"kernel {48 - 17}"
    x, y, width, _ = place_of(layer, 48 - 17, columns)
    assert targets.x[17] == pytest.approx(x + width / 2)
    assert targets.y[17] == pytest.approx(-y - width / 2)


@pytest.mark.parametrize("columns", [WIDE, NARROW])
def test_no_tile_and_no_curve_lies_over_another(columns: int) -> None:
    layer = a_layer()
    places = [place_of(layer, number, columns) for number in layer.numbers]
    height = height_of(48, columns)
    for left, top, width, tall in places:
        assert 0 <= left < left + width <= columns
        assert 0 <= top < top + tall <= height
        others = [p for p in places if p[:2] != (left, top)]
        assert all(abs(x - left) >= width or abs(y - top) >= tall for x, y, *_ in others)


def test_page_is_sent_in_less_than_four_megabytes() -> None:
    overview = kernels_figure(a_layer(3, size=11), SIGMA, WIDE)
    u, concave = SIGMA[:, None] * np.linspace(-3, 3, 65), np.zeros((24, 65), bool)
    surface = surface_figure(u, SIGMA, u**2, concave, 3, "φ")
    noise = np.random.default_rng(0).random((LONGEST_MAP, LONGEST_MAP))  # what PNG compresses least
    maps = [("", grey_png(noise, 0, 1, noise < noise.T)), ("", grey_png(noise, 0, 1)), ("", grey_png(noise.T, 0, 1))]
    assert payload(overview) < MOST_BYTES / 4
    assert payload(overview) + 3 * payload(surface) < MOST_BYTES
    assert payload(overview) + payload(comparison_figure(maps, noise.shape)) < MOST_BYTES


# --- one kernel --------------------------------------------------------------------------------------------------


def test_kernel_is_grey_around_zero_and_the_spectrum_has_its_frequencies() -> None:
    figure = checked(kernel_figure(np.diag([1.0, 0.0, -3.0]), np.ones((8, 8))))
    kernel, spectrum = figure.data
    assert (kernel.zmin, kernel.zmax) == (-3, 3)
    assert list(kernel.x) == [-1, 0, 1]
    assert (spectrum.x[0], spectrum.x[4]) == (-0.5, 0)
    assert {axis.title.text for axis in (figure.layout.xaxis, figure.layout.xaxis2)} == {"pixels", "cycles a pixel"}


def test_surface_is_red_where_the_function_is_concave() -> None:
    u = np.linspace(-1, 1, 5) * np.array([[1.0], [2.0]])
    concave = u > 0.6
    figure = checked(surface_figure(u, np.array([0.1, 0.3]), u**3, concave, 1, "φ(u, σ)"))
    surface, line = figure.data
    np.testing.assert_array_equal(surface.surfacecolor, concave)
    assert surface.colorscale[0][1] != surface.colorscale[-1][1] == RED
    np.testing.assert_allclose(surface.y[:, 0], [-1, np.log10(0.3)], rtol=1e-6)
    np.testing.assert_allclose(line.z, u[1] ** 3)
    assert figure.layout.scene.yaxis.ticktext == ("0.1", "0.3")


def test_maps_show_every_level_on_its_own_range_and_lines_where_the_function_is_concave() -> None:
    u = np.linspace(-1, 1, 49) * np.array([[1.0], [2.0]])
    parts, titles = [u**3, 3 * u**2, 6 * u], ["φ", "φ′", "φ″"]
    figure = checked(function_maps(u, np.array([0.1, 0.3]), parts, 1, titles))
    first = figure.data[0]
    x, z = np.array(first.x), np.array(first.z)
    assert (x[0], x[-1]) == (-2, 2)
    assert np.isnan(z[0][np.abs(x) > 1.01]).all()
    inside = np.abs(x) < 0.99
    np.testing.assert_allclose(z[0][inside], x[inside] ** 3, atol=0.01)
    np.testing.assert_allclose(z[1], x**3, atol=0.03)
    assert first.zmin == -first.zmax
    *cuts, red, _, _ = figure.layout.shapes
    assert [cut.y0 for cut in cuts] == [0.3] * 3
    ends = [[tuple(map(float, end.split(","))) for end in piece.split("L")] for piece in red.path.split("M")[1:]]
    assert ends == [
        [(-1.021, 0.1), (-0.02083, 0.1)],
        [(-2.042, 0.3), (-0.04167, 0.3)],
    ]  # half of a cell beyond the points
    narrow = checked(function_maps(u, np.array([0.1, 0.3]), parts, 1, titles, narrow=True))
    assert narrow.layout.xaxis.domain == narrow.layout.xaxis3.domain == (0, 1)


def test_section_marks_the_same_places_in_all_three_panels() -> None:
    u = np.linspace(-2, 2, 41)
    figure = checked(section_figure(u, [u**3, 3 * u**2, 6 * u], ["φ", "φ′", "φ″"]))
    red = [trace for trace in figure.data if trace.line.color == RED]
    assert len(red) == 3
    for trace in red:
        np.testing.assert_array_equal(np.isnan(trace.y), u >= 0)
    assert figure.layout.xaxis.title.text == "feature u"


def test_handles_lie_on_the_changed_potential() -> None:
    u = np.linspace(-2, 2, 41)
    figure = checked(potentials_figure(u, u**2, u**2 + 1, np.array([-2.0, 0.0, 2.0]), "φ"))
    before, after, handles = figure.data
    assert [trace.name for trace in figure.data] == ["untouched", "changed", "handles"]
    np.testing.assert_allclose(after.y - before.y, 1)
    np.testing.assert_allclose(handles.y, [5, 1, 5])
    assert before.line.dash != after.line.dash  # told apart without colour


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
    figure = checked(convexity_figure(SIGMA, curvature, ["kernel 4", "kernel 1", "kernel 2"], 0.07))
    heat = figure.data[0]
    assert heat.zmin == -heat.zmax
    middle = [colour for place, colour in heat.colorscale if place == 0.5]
    assert len(middle) == 2
    assert heat.customdata[0][0] == "kernel 4"
    assert figure.layout.shapes[0].x0 == 0.07
    rounded = convexity_figure(SIGMA, np.full((24, 1), -1e-9), ["a"], float("nan"))
    assert (rounded["data"][0]["z"] > 0).all()  # what is zero but for rounding counts as convex
    assert not convexity_figure(SIGMA, curvature, ["a", "b", "c"], float("nan"))["layout"]["shapes"]


def test_training_curve_shows_validation_only_where_it_is_known() -> None:
    nan = float("nan")
    log = {
        "iteration": [50, 100, 150],
        "image": [3.0, 2.0, 1.0],
        "smoothing": [1.0, 1.0, 0.5],
        "validation": [nan, 2.5, nan],
    }
    figure = checked(training_figure(log))
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
    app = AppTest.from_file(PAGE, default_timeout=300)
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


def sent(app: AppTest) -> int:
    return sum(len(chart.proto.spec) for chart in app.get("plotly_chart"))


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_page_shows_all_kernels_and_one_in_detail() -> None:
    app = open_page(kernel="3", sigma="0.055")
    overview, kernel, section, maps = figures(app)
    assert len(overview["frames"]) == 24
    assert kernel["data"][0]["type"] == "heatmap"
    assert len(section["data"]) == 6
    assert [trace["type"] for trace in maps["data"]] == ["heatmap"] * 3
    assert "Layer 1, kernel 3" in text(app)
    assert "middle of this page's image" in text(app)
    numbers = metrics(app)
    assert numbers["All potentials convex above"] == "σ = 0.01"  # an untrained prior: quadratic
    assert numbers["Convex at σ = 0.055"] == "8 of 8"
    assert numbers["Features with φ″ < 0 at σ = 0.055"] == "0%"
    assert sent(app) < MOST_BYTES


def test_surfaces_are_drawn_when_they_are_asked_for() -> None:
    app = open_page(space="true")
    surfaces = figures(app)[3:]
    assert [surface["data"][0]["type"] for surface in surfaces] == ["surface"] * 3
    assert sent(app) < MOST_BYTES
    app.toggle(key="space").set_value(False).run()
    assert len(figures(app)) == 4


@pytest.mark.parametrize(
    ("part", "kinds"),
    [
        (RESPONSE, [["image"] * 3]),
        (CONVEXITY, [["heatmap"]]),
        (CURVATURE, []),
        (SURGERY, [["scatter"] * 3, ["image"] * 3]),
        (TRAINING, []),
    ],
)
def test_every_part_has_an_address_and_is_drawn_alone(part: str, kinds: list) -> None:
    app = open_page(part=part)
    assert app.segmented_control(key="part").value == part
    assert [[trace["type"] for trace in figure["data"]] for figure in figures(app)[1:]] == kinds
    assert sent(app) < MOST_BYTES


def test_values_that_a_link_gets_wrong_are_the_defaults() -> None:
    bad = {
        "part": "nothing",
        "kernel": "-3",
        "sigma": "seven",
        "off": "many",
        "bend1": "inf",
        "noise": "25",
        "layer": "x",
    }
    app = open_page(**bad)
    assert app.segmented_control(key="part").value == KERNEL
    assert "Layer 1, kernel 1" in text(app)
    app = open_page(**bad | {"part": SURGERY})
    assert app.multiselect(key="off").value == []
    assert app.slider(key="bend1").value == 0
    assert "PSNR changed, dB" in metrics(app)


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
    assert figures(app)[0] != before[0]  # the kernels of the other layer


def test_saved_inspection_is_used_and_needs_no_image() -> None:
    prior = zoo.load("flat")
    measured = inspection.measure(prior, [images.load_sample("Coins")[..., :40, :40]] * 3, levels=24)
    inspections.save("flat", measured)
    app = open_page(image="Upload an image")
    assert "measured on 3 images" in text(app)
    assert len(figures(app)) == 4
    inspections.save("flat", replace(measured, curvature=-measured.curvature))
    app.run()
    assert app.metric[0].value == "no σ"
    for part in (RESPONSE, SURGERY):
        app.segmented_control(key="part").set_value(part).run()
        assert "needs an image" in app.info[0].value


def test_eigenvalues_that_were_measured_are_shown_with_sigma_c() -> None:
    measured = inspection.measure(zoo.load("flat"), [images.load_sample("Coins")[..., :40, :40]], levels=24)
    levels = np.array([0.1, 0.2, 0.4], np.float32)
    below = np.array([-0.4, -0.1, -5e-4], np.float32)
    eigenvalues = np.broadcast_to(below[:, None, None], (3, 5, 2))
    inspections.save("flat", replace(measured, levels=levels, eigenvalues=eigenvalues, proved=0.45))
    app = open_page(part=CURVATURE)
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
    app = open_page(side="96", part=CURVATURE)
    app.toggle(key="direction").set_value(True).run()
    sigma = float(app.select_slider(key="sigma").value)
    x = images.crop_center(images.shrink(images.load_sample("Cat"), 96), curvature.CROP)
    level = min(inspections.load("flat").sigma if inspections.load("flat") else SIGMA, key=lambda s: abs(s - sigma))
    value, _ = curvature.smallest_eigenvalue(zoo.load("flat"), x, float(np.log(level)))
    assert f"Smallest eigenvalue × σ²: {value:.4f}" in text(app)


def test_order_of_the_kernels_follows_the_choice() -> None:
    app = open_page(prior="deep", order="Share of the energy")
    shown = figures(app)[0]["data"][1]["customdata"]
    assert sorted(shown) == list(range(1, 9))
    app.selectbox(key="order").set_value("As learned").run()
    assert figures(app)[0]["data"][1]["customdata"] == list(range(1, 9)) != shown


def test_experiments_set_controls_that_are_there() -> None:
    known = {"prior", "order", "image", "side", "kernel", "sigma", "noise", "noisy", "part", "off", *HANDLES}
    for settings, expected in EXPERIMENTS.values():
        assert set(settings) <= known
        assert expected


# --- surgery -----------------------------------------------------------------------------------------------------


def test_without_a_change_both_restorations_are_the_same() -> None:
    numbers = metrics(open_page(part=SURGERY))
    assert numbers["PSNR changed, dB"] == numbers["PSNR untouched, dB"]
    assert numbers["Energy changed"] == numbers["Energy untouched"] == numbers["… by the untouched prior"]


def test_kernels_that_are_off_change_the_restoration_and_stay_in_the_session() -> None:
    app = open_page(part=SURGERY, prior="flat")
    before = metrics(app)
    app.multiselect(key="off").set_value([1, 2, 3, 4, 5, 6, 7, 8]).run()
    after = metrics(app)
    assert after["PSNR untouched, dB"] == before["PSNR untouched, dB"]
    assert after["PSNR changed, dB"] != before["PSNR changed, dB"]
    assert after["PSNR changed, dB"] == after["PSNR noisy, dB"]  # nothing is left that would remove it
    app.segmented_control(key="part").set_value(KERNEL).run()
    app.segmented_control(key="part").set_value(SURGERY).run()
    assert app.multiselect(key="off").value == list(range(1, 9))
    assert metrics(app) == after


def test_a_link_bends_a_potential() -> None:
    app = open_page(part=SURGERY, kernel="2", bend3="0.5")
    before, after, handles = figures(app)[1]["data"]
    middle = len(values(before["y"])) // 2
    height = np.ptp(values(before["y"]))
    raised = (values(after["y"]) - values(before["y"]))[[0, middle]]
    assert np.diff(raised) == pytest.approx(0.5 * height, rel=0.1)
    assert len(values(handles["x"])) == 5
    numbers = metrics(app)
    assert numbers["PSNR changed, dB"] != numbers["PSNR untouched, dB"]
    untouched = metrics(open_page(part=SURGERY, kernel="2"))
    assert numbers["PSNR untouched, dB"] == untouched["PSNR changed, dB"]


def test_surgery_is_on_potentials_of_deep_priors() -> None:
    app = open_page(prior="deep", part=SURGERY, layer="1", off="3")
    assert not [widget for widget in app.number_input if widget.key == "layer"]
    assert app.multiselect(key="off").value == [3]
    assert "PSNR changed, dB" in metrics(app)


def test_an_operation_goes_on_after_a_stop_and_borrows_what_is_the_same() -> None:
    measured = inspection.measure(zoo.load("flat"), [images.load_sample("Coins")[..., :40, :40]], levels=4)
    image = images.shrink(images.load_sample("Cat"), 64)
    work = Operation(Change("flat", (), 0.1, off=(2,)), image, measured)
    work.advance()
    work.stop()
    work.advance()
    assert 0 < work.done < 1
    assert not work.running
    assert work.after is None
    work.go_on()
    while work.running:
        work.advance()
    assert work.done == 1
    other = Operation(Change("flat", (), 0.1, channel=1, handles=(0.5, 0.0)), image, measured, work)
    assert other.before is work.before
    assert Operation(Change("flat", (), 0.2), image, measured, work).before is None


def test_degraded_uploads_are_restored_as_they_are_without_a_psnr() -> None:
    measured = inspection.measure(zoo.load("flat"), [images.load_sample("Coins")[..., :40, :40]], levels=4)
    image = images.crop_center(images.load_sample("Cat"), 64)
    work = Operation(Change("flat", (), 0.1, degraded=True, off=(2,)), image, measured)
    while work.running:
        work.advance()
    assert torch.equal(work.observation, image)
    assert work.noisy_psnr is None
    assert work.after is not None
    assert work.after.psnr is None


# --- priors and images -------------------------------------------------------------------------------------------


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
    app = open_page(part=TRAINING)
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
    app = open_page(run=str(tmp_path), part=TRAINING)
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
