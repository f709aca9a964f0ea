"""The page "Restore an image": its figures from plain arrays, its runs, and the page without a browser."""

import base64
import csv
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from PIL import Image
from stand_in import save_small
from streamlit.testing.v1 import AppTest

from app.figures.restoration import Curve, box_figure, comparison_figure, curves_figure, difference_figure
from app.restoring import comparison
from app.results import TABS
from app.runs import FRAME_SIDE, MOST_FRAMES, BaselineChoice, BaselineRun, Choice, Restoration, Run
from app.scenes import Scene, Upload, prepare
from gnc_core import images, problems, zoo
from gnc_core.choices import SchemeChoice, choose_scheme
from gnc_core.errors import InputError
from gnc_core.measuring import baselines, calibration, metrics
from gnc_core.problems import Denoising, Inpainting
from gnc_core.restoration import Learned, LearnedSchedule
from gnc_core.restoration.schemes import energy

PAGE = Path(__file__).resolve().parents[2] / "app" / "views" / "restore.py"
SCENE = Scene("Cat", 64, color=False, level=0.1, seed=0)


@pytest.fixture(autouse=True)
def small_prior(tmp_path, monkeypatch):
    """A pretrained/ folder with one quick prior, "small", and schedules of 1 to 20 steps to denoise."""
    monkeypatch.setattr(zoo, "PRETRAINED", tmp_path)
    return save_small(tmp_path / "small", steps=(1, 20))


def png(width: int = 6, height: int = 4, value: int = 128) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (width, height), value).save(buffer, "PNG")
    return buffer.getvalue()


def npy(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


# --- figures -----------------------------------------------------------------------------------------------------


def shown(make: Callable[..., dict], *arguments: Any) -> go.Figure:
    """A figure as plotly takes it, if plotly finds nothing wrong with it."""
    return go.Figure(make(*arguments))


def test_panels_are_pictures_that_zoom_together() -> None:
    figure = shown(comparison_figure, [("Original", png()), ("Degraded", png()), ("Restored", png())], (6, 4))
    assert [note.text for note in figure.layout.annotations] == ["Original", "Degraded", "Restored"]
    assert [trace.type for trace in figure.data] == ["image"] * 3
    assert base64.b64decode(figure.data[1].source.partition(",")[2]) == png()
    assert [figure.layout[axis].matches for axis in ("xaxis2", "xaxis3", "yaxis2", "yaxis3")] == ["x", "x", "y", "y"]
    assert figure.layout.yaxis.range == (3.5, -0.5)  # row 0 at the top


def test_boxes_cover_whole_pixels() -> None:
    figure = shown(box_figure, png(), (6, 4), [(1, 2, 3, 1)])
    box = figure.layout.shapes[0]
    assert (box.x0, box.x1, box.y0, box.y1) == (0.5, 3.5, 1.5, 2.5)
    assert figure.layout.dragmode == "select"


def test_curves_have_a_line_a_run_and_psnr_where_it_is_known() -> None:
    known = Curve("flow", [0, 1, 2], [3.0, 2.0, 1.0], [0.1, 0.1, 0.05], [20.0, 25.0, 26.0])
    unknown = replace(known, name="other", psnr=None)
    figure = shown(curves_figure, [known, unknown])
    assert [(line.name, list(line.y)) for line in figure.data] == [
        ("flow", [3, 2, 1]),
        ("flow", [20, 25, 26]),
        ("other", [3, 2, 1]),
    ]
    assert figure.data[0].line.color == figure.data[1].line.color != figure.data[2].line.color
    assert [note.text for note in shown(curves_figure, [unknown]).layout.annotations] == ["Energy at σ_min"]


def test_axes_of_long_curves_fit_the_late_steps_and_lose_no_point() -> None:
    curve = Curve("flow", list(range(6)), [900.0, 500.0, 4.0, 3.0, 2.0, 1.0], [0.1] * 6, None)
    figure = shown(curves_figure, [curve])
    low, high = figure.layout.yaxis.range
    assert 0 < low < 1
    assert 4 < high < 5
    assert len(figure.data[0].y) == 6
    assert shown(curves_figure, [replace(curve, steps=[0, 1], energy=[9.0, 5.0])]).layout.yaxis.range is None


def test_a_method_without_steps_is_a_dotted_line_at_what_it_comes_to() -> None:
    steps = Curve("flow", [0, 1, 2], [3.0, 2.0, 1.0], [0.1, 0.1, 0.05], [20.0, 25.0, 26.0])
    figure = shown(curves_figure, [steps, Curve("wavelets", [1], [1.5], [float("nan")], [24.0])])
    dotted = [(list(line.x), list(line.y)) for line in figure.data if line.line.dash == "dot"]
    assert dotted == [([0, 2], [1.5, 1.5]), ([0, 2], [24, 24])]


def test_blind_runs_add_their_smoothing_with_the_estimate_and_the_true_level() -> None:
    blind = Curve("joint", [0, 1, 2], [3.0, 2.0, 1.0], [0.5, 0.2, 0.05], [20.0, 25.0, 26.0], 0.09, 0.1)
    figure = shown(curves_figure, [blind])
    assert [note.text for note in figure.layout.annotations] == ["Energy at σ_min", "PSNR (dB)", "Smoothing σ"]
    assert figure.layout.yaxis3.type == "log"
    assert [list(line.y) for line in figure.data if line.yaxis == "y3"] == [[0.5, 0.2, 0.05], [0.09] * 2, [0.1] * 2]
    figure = shown(curves_figure, [replace(blind, psnr=None, told=None)])
    assert [note.text for note in figure.layout.annotations] == ["Energy at σ_min", "Smoothing σ"]
    assert [list(line.y) for line in figure.data if line.yaxis == "y2"] == [[0.5, 0.2, 0.05], [0.09] * 2]


def test_differences_share_a_scale_that_is_zero_in_the_middle() -> None:
    error, residual = np.array([[0.1, -0.1], [0, 0]]), np.array([[2, -2], [0, 1 / 255]])
    figure = shown(difference_figure, [("Error", error), ("Residual", residual)])
    assert [note.text for note in figure.layout.annotations] == ["Error", "Residual"]
    np.testing.assert_array_equal(figure.data[0].z, [[26, -26], [0, 0]])
    np.testing.assert_array_equal(figure.data[1].z, [[510, -510], [0, 1]])
    scale = figure.layout.coloraxis
    assert scale.cmin == -scale.cmax < 0
    (_, dark), *_, (_, bright) = scale.colorscale  # as the page says: red is too bright, blue too dark
    assert [int(v) for v in dark[4:-1].split(",")] == [5, 48, 97]
    assert [int(v) for v in bright[4:-1].split(",")] == [103, 0, 31]
    assert {trace.coloraxis for trace in figure.data} == {"coloraxis"}
    assert shown(difference_figure, [("Error", np.zeros((2, 2)))]).layout.coloraxis.cmax == 1


# --- scenes and runs ---------------------------------------------------------------------------------------------


def test_scene_is_scaled_and_degraded_as_the_library_does() -> None:
    prepared = prepare(SCENE, None, None, 4)
    truth = images.shrink(images.load_sample("Cat"), 64)
    assert prepared.size == (64, 43)
    assert torch.equal(prepared.truth, truth)
    assert torch.equal(prepared.problem.initial(), problems.add_noise(truth, 0.1, 0))


def test_degraded_upload_is_restored_as_it_is_and_only_cropped() -> None:
    values = np.random.default_rng(0).normal(0.5, 0.3, (80, 90)).astype(np.float32)
    scene = Scene(Upload("a", "noisy.npy"), 64, color=False, degraded=True, level=0.3)
    prepared = prepare(scene, npy(values), None, 4)
    assert prepared.truth is None
    np.testing.assert_array_equal(prepared.problem.initial()[0, 0], values[8:72, 13:77])


def test_mask_has_the_size_of_the_file_and_follows_the_scaling() -> None:
    observed = np.ones((86, 128), bool)
    observed[:, :3] = False
    scene = Scene(Upload("b", "grey.png"), 64, color=False, mask=Upload("c", "mask.npy"))
    missing = ~prepare(scene, png(128, 86), npy(observed), 4).problem.observed
    assert missing[0, 0].any(0).nonzero().flatten().tolist() == [0, 1]
    with pytest.raises(InputError, match="must have the image's size"):
        prepare(replace(scene, mask=Upload("d", "mask.npy")), png(128, 86), npy(observed[:5]), 4)
    with pytest.raises(InputError, match="all pixels as missing"):
        prepare(replace(scene, mask=Upload("e", "mask.npy")), png(128, 86), npy(observed & False), 4)
    with pytest.raises(InputError, match="nothing to inpaint"):
        prepare(replace(scene, mask=Upload("f", "mask.npy")), png(128, 86), npy(observed | True), 4)


def test_a_degraded_upload_may_hold_nan_where_the_mask_says_missing() -> None:
    observed = np.random.default_rng(0).random((40, 60)) < 0.5
    marked = npy(np.where(observed, 0.25, np.nan))
    scene = Scene(Upload("g", "gaps.npy"), 64, color=False, degraded=True, mask=Upload("h", "mask.npy"))
    prepared = prepare(scene, marked, npy(observed), 4)
    assert prepared.problem.from_start("grey").initial().unique().tolist() == [0.25, 0.5]
    assert prepared.problem.initial().unique().tolist() == [0.25]
    with pytest.raises(InputError, match="NaN"):
        prepare(replace(scene, mask=Upload("i", "mask.npy")), marked, npy(~observed), 4)
    with pytest.raises(InputError, match="NaN"):
        prepare(replace(scene, mask=None, level=0.1), marked, None, 4)


def test_what_a_page_keeps_owns_no_more_than_it_shows() -> None:
    large, observed = npy(np.full((600, 500), 0.5, np.float32)), npy(np.eye(600, 500) == 0)
    denoise = Scene(Upload("j", "large.npy"), 64, color=False, degraded=True, level=0.1)
    inpaint = replace(denoise, level=None, task="inpaint", mask=Upload("k", "mask.npy"))
    clean = replace(denoise, degraded=False)
    for scene, mask in ((denoise, None), (inpaint, observed), (clean, None)):
        prepared = prepare(scene, large, mask, 4)
        kept = [prepared.problem.observation, getattr(prepared.problem, "observed", None), prepared.truth]
        for image in kept:
            if image is not None:
                assert image.untyped_storage().nbytes() == image.numel() * image.element_size() <= 4 * 64 * 64


def test_boxes_and_text_mark_missing_pixels() -> None:
    inpaint = Scene("Coins", 64, color=False)
    boxes = prepare(replace(inpaint, mask="boxes", boxes=((2, 3, 4, 5),)), None, None, 4).problem
    assert boxes.level == pytest.approx(20 / boxes.observed.numel())
    assert 0.05 < prepare(replace(inpaint, mask="text", text="Σ text"), None, None, 4).problem.level < 0.5
    with pytest.raises(InputError, match="no box yet"):
        prepare(replace(inpaint, mask="boxes"), None, None, 4)


def test_run_measures_every_step_and_the_start() -> None:
    prepared = prepare(replace(SCENE, source="Astronaut", color=True), None, None, 4)
    run = Run(SCENE, Choice("small", "joint", 3), prepared)
    while run.running:
        run.advance()
    rows = list(csv.DictReader(io.StringIO(run.trace.to_csv())))
    assert [row["step"] for row in rows] == ["0", "1", "2", "3"]
    assert [row["milliseconds"] == "" for row in rows] == [True, False, False, False]
    assert float(rows[0]["psnr"]) == pytest.approx(20, abs=1)
    whole = -10 * np.log10((run.image.clamp(0, 1) - prepared.truth).square().mean().item())
    assert float(rows[3]["psnr"]) == pytest.approx(whole, abs=1e-4)


def test_stopped_run_keeps_what_it_has_and_does_no_more() -> None:
    run = Run(SCENE, Choice("small", "flow", 5), prepare(SCENE, None, None, 4))
    run.advance()
    image = run.image
    run.stop()
    run.advance()
    assert not run.running
    assert run.done == 1
    assert run.image is image
    assert run.title == "GNC flow, 5 steps, small (stopped after 1)"


def test_diverging_run_ends_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    huge = LearnedSchedule((0.1,) * 3, (0.01, 3e38, 3e38), "denoise", 0.1, "small")
    monkeypatch.setattr("app.runs.scheme_for", lambda *_: Learned(huge))
    run = Run(SCENE, Choice("small", "learned", 3), prepare(SCENE, None, None, 4))
    while run.running:
        run.advance()
    assert "diverged" in run.error
    assert 1 <= run.done < 3
    assert torch.isfinite(run.image).all()


def test_run_that_fails_in_an_unforeseen_way_ends_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fail_in_step(2, monkeypatch)
    run = Run(SCENE, Choice("small", "flow", 5), prepare(SCENE, None, None, 4))
    for _ in range(3):
        run.advance()
    assert not run.running
    assert run.done == 1
    assert "not foreseen" in run.error
    assert "ZeroDivisionError: in step 2" in caplog.text


def fail_in_step(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes every restoration raise in one of its steps."""
    steps = 0
    prox = Denoising.prox

    def failing(*arguments: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps == number:
            raise ZeroDivisionError(f"in step {number}")
        return prox(*arguments)

    monkeypatch.setattr(Denoising, "prox", failing)


def ended(run: Restoration) -> Restoration:
    while run.running:
        run.advance()
    return run


@pytest.mark.parametrize("steps", [1, 4, MOST_FRAMES - 1, MOST_FRAMES, 60])
def test_of_many_steps_some_images_are_kept_small_among_them_the_first_and_the_last(steps: int) -> None:
    run = ended(Run(SCENE, Choice("small", "flow", steps), prepare(SCENE, None, None, 4)))
    kept = sorted(run.frames)
    assert (kept[0], kept[-1]) == (0, steps)
    assert len(kept) <= MOST_FRAMES + 1
    assert kept == list(range(steps + 1)) or steps >= MOST_FRAMES
    assert len({*np.diff(kept[1:])}) <= 1
    large = run._frame(torch.rand(1, 1, 700, 350))
    assert max(Image.open(io.BytesIO(large)).size) == FRAME_SIDE


@pytest.mark.parametrize("name", baselines.BASELINES["denoise"])
def test_a_baseline_is_measured_as_the_schemes_are(name: str) -> None:
    prepared = prepare(SCENE, None, None, 4)
    run = ended(BaselineRun(SCENE, BaselineChoice("small", name), prepared))
    expected = baselines.baseline(name, "denoise")(prepared.problem)
    assert torch.equal(run.image, expected)
    before, after = run.trace.rows
    assert after.psnr == pytest.approx(metrics.psnr(expected, prepared.truth).item())
    assert after.psnr > before.psnr + 1
    assert after.energy == pytest.approx(energy(zoo.load("small"), prepared.problem, expected).item(), rel=1e-4)
    assert after.milliseconds > 0
    assert run.curve.steps == [1]
    assert run.title == baselines.TITLES[name]


def test_a_stopped_baseline_is_dropped() -> None:
    run = BaselineRun(SCENE, BaselineChoice("small", "tv"), prepare(SCENE, None, None, 4))
    run.stop()
    run.advance()
    assert not run.trace.rows


def test_a_blind_run_is_told_what_the_prior_sees_and_nothing_else() -> None:
    scene = replace(SCENE, as_file=True)
    prepared = prepare(scene, None, None, 4)
    run = ended(Run(scene, Choice("small", "joint", 3, blind=True), prepared))
    prior = zoo.load("small")
    guess = calibration.blind(prior, prepared.problem.observation, clipped=True)
    assert run.estimate == pytest.approx(guess.level)
    assert run.trace.rows[0].sigma == pytest.approx(prior.sigma_max)
    *_, last = choose_scheme(SchemeChoice("joint", 3, blind=True), prior, "small", "denoise", guess.level).run(
        prior, guess
    )
    assert torch.allclose(run.image, last.image, atol=1e-6)
    assert (run.curve.estimate, run.curve.told) == (run.estimate, 0.1)
    told = ended(Run(scene, Choice("small", "joint", 3), prepared))
    assert (told.curve.estimate, told.suits, run.suits) == (None, False, False)


def test_a_blind_run_can_be_stopped_while_it_looks() -> None:
    run = Run(SCENE, Choice("small", "joint", 3, blind=True), prepare(SCENE, None, None, 4))
    for _ in range(3):
        run.advance()
    assert run.looks == 3
    assert run.running
    run.stop()
    run.advance()
    assert (run.looks, run.trace.rows) == (3, [])


def test_differences_are_of_the_result_and_means_of_colours() -> None:
    scene = replace(SCENE, source="Astronaut", color=True)
    prepared = prepare(scene, None, None, 4)
    run = ended(Run(scene, Choice("small", "flow", 2), prepared))
    (_, error), (_, residual) = run.differences
    np.testing.assert_allclose(error, (run.image - prepared.truth)[0].mean(0), atol=1e-6)
    np.testing.assert_allclose(residual, (prepared.problem.observation - run.image)[0].mean(0), atol=1e-6)


def test_a_comparison_has_the_schemes_and_the_baselines_of_the_task() -> None:
    choice = Choice("small", "joint", 3, 0.2, 0.5, blind=True)
    schemes, others = comparison(choice, SCENE, True)[:3], comparison(choice, SCENE, True)[3:]
    assert [(one.scheme, one.sigma0, one.rate) for one in schemes] == [
        ("flow", 0.2, None),
        ("joint", 0.2, 0.5),
        ("learned", None, None),
    ]
    assert all(one.blind for one in schemes)
    assert [one.baseline for one in others] == ["tv", "nl-means", "wavelets"]
    assert comparison(choice, SCENE, False) == schemes
    assert comparison(choice, replace(SCENE, task="inpaint"), True)[3:] == [BaselineChoice("small", "biharmonic")]


def test_no_path_is_opened_as_a_prior(small_prior: Path) -> None:
    for name in (str(small_prior), "../small", "nothing"):
        with pytest.raises(InputError, match="no prior"):
            Run(SCENE, Choice(name, "flow", 2), prepare(SCENE, None, None, 4))


# --- the page ----------------------------------------------------------------------------------------------------


def open_page(**settings: str) -> AppTest:
    app = AppTest.from_file(PAGE, default_timeout=300)
    app.query_params.update({"image": "Cat", "side": "64", "nsteps": "3", "scheme": "GNC flow"} | settings)
    return checked(app.run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception
    return app


def press(app: AppTest, label: str) -> AppTest:
    return checked(next(button for button in app.button if button.label == label).click().run())


def numbers(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


RESULT = {"Result (PNG)", "Trace (CSV)"}


def opened(app: AppTest, tab: str) -> AppTest:
    """The page with another of the result's tabs open."""
    app.session_state["views"] = tab
    return checked(app.run())


def downloads(app: AppTest) -> set[str]:
    return {button.label for button in app.get("download_button")}


def charts(app: AppTest) -> int:
    return len(app.get("plotly_chart"))


def sentences(app: AppTest) -> list[str]:
    return [element.value for element in (*app.error, *app.info, *app.warning)]


def test_page_waits_and_then_restores() -> None:
    app = open_page()
    assert not app.metric
    assert charts(app) == 0
    press(app, "Restore")
    assert float(numbers(app)["PSNR (dB)"]) > 20.5
    assert charts(app) == 1
    assert downloads(app) == RESULT
    assert not sentences(app)


def test_only_the_open_tab_of_a_result_is_drawn() -> None:
    app = press(open_page(), "Restore")
    seen = {tab: (charts(opened(app, tab)), downloads(app), len(app.dataframe)) for tab in TABS}
    assert seen == {
        "Curtain and curves": (1, RESULT, 0),
        "Side by side": (1, set(), 0),
        "Steps": (0, set(), 0),
        "Error and residual": (1, set(), 0),
        "All runs": (0, {"Table (CSV)"}, 1),
        "As code": (0, {"image.npy"}, 0),
    }
    assert charts(press(open_page(views="Side by side"), "Restore")) == 1
    assert downloads(press(open_page(views="nowhere"), "Restore")) == RESULT


def test_degraded_upload_has_no_psnr() -> None:
    app = open_page(image="Upload an image", file="degraded")
    checked(app.file_uploader[0].upload("noisy.png", png(32, 24)).run())
    press(app, "Restore")
    assert set(numbers(app)) == {"Energy", "ms a step"}
    assert downloads(app) == RESULT


def gaps_npy(missing: np.ndarray) -> bytes:
    """Floats 24 x 32, NaN where pixels are missing."""
    return npy(np.where(missing, np.nan, np.linspace(0, 1, 768).reshape(24, 32)))


def gaps_png(missing: np.ndarray) -> bytes:
    """The same in 8 bits, transparent where pixels are missing."""
    grey, opacity = np.linspace(0, 255, 768).reshape(24, 32), np.where(missing, 0, 255)
    buffer = io.BytesIO()
    Image.fromarray(np.stack([grey, opacity], 2).astype(np.uint8), "LA").save(buffer, "PNG")
    return buffer.getvalue()


MISSING = np.zeros((24, 32), bool)
MISSING[5:9, 10:20] = True


@pytest.mark.parametrize(("name", "write"), [("gaps.npy", gaps_npy), ("gaps.png", gaps_png)])
def test_a_degraded_upload_may_mark_its_missing_pixels_itself(name: str, write: Callable[[np.ndarray], bytes]) -> None:
    app = open_page(image="Upload an image", file="degraded", task="Inpaint", mask="As marked in the file")
    checked(app.file_uploader[0].upload(name, write(MISSING)).run())
    assert not app.error
    press(app, "Restore")
    run = app.session_state.runs[-1]
    assert isinstance(run.prepared.problem, Inpainting)
    assert np.array_equal(~run.prepared.problem.observed[0, 0].numpy(), MISSING)
    assert torch.isfinite(run.image).all()
    observed, given = run.prepared.problem.observed, run.prepared.problem.initial()
    assert torch.equal(run.image[observed], given[observed])
    assert "as marked in the file" in run.scene.title


@pytest.mark.parametrize(("missing", "sentence"), [(MISSING & False, "marks no pixel"), (MISSING | True, "all pixels")])
def test_a_file_that_marks_nothing_or_all_as_missing_is_one_sentence(missing: np.ndarray, sentence: str) -> None:
    app = open_page(image="Upload an image", file="degraded", task="Inpaint", mask="As marked in the file")
    checked(app.file_uploader[0].upload("gaps.npy", gaps_npy(missing)).run())
    assert len(app.error) == 1
    assert sentence in app.error[0].value


def test_clean_images_mark_nothing_as_missing() -> None:
    """The choice is not offered for them, and a link with it opens with the first one."""
    app = open_page(task="Inpaint", mask="As marked in the file")
    mask = app.selectbox(key="mask")
    assert mask.value == "Random pixels"
    assert "As marked in the file" not in mask.options


def deep_png(largest: int) -> bytes:
    """16 bits, 32 x 24, with values up to `largest`."""
    buffer = io.BytesIO()
    Image.fromarray(np.linspace(0, largest, 768).reshape(24, 32).astype(np.uint16)).save(buffer, "PNG")
    return buffer.getvalue()


def test_an_upload_of_16_bits_has_a_white_and_is_downloaded_in_16_bits() -> None:
    app = open_page(image="Upload an image", file="degraded", noise="0.01")
    checked(app.file_uploader[0].upload("scan.png", deep_png(4095)).run())
    assert any("No value in the file is above 4095" in caption.value for caption in app.caption)
    white = next(field for field in app.number_input if field.label == "White")
    assert (white.value, white.max) == (65535, 65535)
    checked(white.set_value(4095).run())
    assert not any("No value" in caption.value for caption in app.caption)
    press(app, "Restore")
    run = app.session_state.runs[-1]
    assert run.prepared.problem.observation.max() == 1
    result = images.read(run.result_files[".png"])[0]
    assert result.encoding.bits == 16
    torch.testing.assert_close(result.image[0, 0] * 65535 / 4095, run.image[0, 0].clamp(0, 16), atol=1e-3, rtol=0)
    assert downloads(app) == RESULT
    checked(app.file_uploader[0].upload("scan.png", deep_png(65535)).run())
    assert next(field for field in app.number_input if field.label == "White").value == 65535


def test_an_upload_of_8_bits_or_floats_has_no_white_and_floats_are_downloaded() -> None:
    app = open_page(image="Upload an image", file="degraded")
    for name, data in (("a.png", png(32, 24)), ("b.npy", npy(np.full((24, 32), 0.5)))):
        checked(app.file_uploader[0].upload(name, data).run())
        assert not [field for field in app.number_input if field.label in ("White", "Black")]
    press(app, "Restore")
    assert "Result (.npy)" in downloads(app)
    run = app.session_state.runs[-1]
    assert torch.equal(images.read_image(run.result_files[".npy"]), run.image)


def test_white_below_black_is_one_sentence() -> None:
    app = open_page(image="Upload an image", file="degraded")
    checked(app.file_uploader[0].upload("scan.png", deep_png(4095)).run())
    checked(next(field for field in app.number_input if field.label == "White").set_value(100).run())
    checked(next(field for field in app.number_input if field.label == "Black").set_value(200).run())
    assert "White must be larger than black" in app.error[0].value


def test_noise_is_cut_off_as_a_file_would_unless_the_link_says_otherwise() -> None:
    truth = images.shrink(images.load_sample("Cat"), 64)
    for link, as_file in (({}, True), ({"as-file": "false"}, False)):
        app = press(open_page(noise="0.3", **link), "Restore")
        assert app.toggle(key="as-file").value is as_file
        z = Denoising.degrade(truth, 0.3, 0, as_file=as_file)
        how = SchemeChoice("flow", 3)
        *_, last = choose_scheme(how, zoo.load("small"), "small", "denoise", 0.3).run(zoo.load("small"), z)
        assert app.metric[0].value == f"{metrics.psnr(last.image, truth).item():.2f}"


def test_page_says_when_the_result_is_of_other_settings() -> None:
    app = press(open_page(), "Restore")
    before = numbers(app)
    checked(app.number_input(key="nsteps").set_value(4).run())
    assert numbers(app) == before  # nothing runs by itself
    assert "controls say: GNC flow, 4 steps" in app.info[0].value
    checked(app.slider(key="noise").set_value(0.2).run())
    assert numbers(app) == before
    assert "noise 0.1; GNC flow, 3 steps" in app.warning[0].value
    press(app, "Restore")
    assert numbers(app) != before
    assert not sentences(app)


def test_schemes_are_compared_on_the_same_image() -> None:
    app = press(open_page(nsteps="2", baselines="false"), "Compare")
    picker = app.get_by_key("shown")
    assert list(picker.options) == [
        "GNC flow, 2 steps, small",
        "Joint, 2 steps, small",
        "Learned schedule, 2 steps, small",
    ]
    found = {}
    for title in picker.options:
        checked(app.get_by_key("shown").set_value(title).run())
        found[title] = numbers(app)["PSNR (dB)"]
    assert len(set(found.values())) > 1


def test_a_comparison_ends_with_its_best_result_on_show() -> None:
    app = press(press(open_page(nsteps="2"), "Restore"), "Compare")
    picker = app.get_by_key("shown")
    first, found = picker.value, {}
    for title in picker.options:
        checked(app.get_by_key("shown").set_value(title).run())
        found[title] = float(numbers(app)["PSNR (dB)"])
    assert found[first] == max(found.values()) > min(found.values())
    checked(app.number_input(key="nsteps").set_value(1).run())
    press(app, "Restore")  # whatever is run alone is shown, be it good or not
    assert app.get_by_key("shown").value == "GNC flow, 1 step, small"


def test_without_a_truth_a_comparison_ends_with_the_chosen_scheme_on_show() -> None:
    app = open_page(image="Upload an image", file="degraded", scheme="Joint", nsteps="2")
    app.file_uploader[0].upload("noisy.png", png(64, 48)).run()
    press(app, "Compare")
    picker = app.get_by_key("shown")
    assert len(picker.options) > 3
    assert picker.value == "Joint, 2 steps, small"


def test_the_rate_of_the_joint_scheme_is_that_of_the_task_unless_chosen() -> None:
    scene = Scene("Cat", 64, color=False, task="inpaint", mask="random", level=0.5, seed=0)
    runs = [
        Run(scene, Choice("small", "joint", 3, 0.3, rate), prepare(scene, None, None, 5)) for rate in (None, 0.1, 0.9)
    ]
    for run in runs:
        while run.running:
            run.advance()
    default, slow, fast = (run.curve.sigma for run in runs)
    assert default == slow != fast
    app = press(open_page(scheme="Joint", nsteps="2", rate="0.9", baselines="false"), "Compare")
    assert app.number_input(key="rate").value == 0.9
    assert "Joint, 2 steps, rate 0.9, small" in app.get_by_key("shown").options
    checked(app.selectbox(key="scheme").set_value("GNC flow").run())
    with pytest.raises(KeyError):
        app.number_input(key="rate")


def test_the_page_starts_with_what_suits_the_task() -> None:
    """Learned schedules where there are some, the flow otherwise, each with its own number of steps."""
    app = open_page(noise="0.2", nsteps="", scheme="")
    assert app.selectbox(key="scheme").value == "Learned schedule"
    assert "denoise, noise 0.02 to 0.4, 1 to 20 steps" in " ".join(caption.value for caption in app.caption)
    press(app, "Restore")
    best = float(numbers(app)["PSNR (dB)"])
    assert not sentences(app)  # what is shown is what the controls say
    press(checked(app.selectbox(key="scheme").set_value("GNC flow").run()), "Restore")
    told = next(caption.value for caption in app.caption if "against what suits" in caption.value)
    assert float(told.split()[0]) == pytest.approx(
        float(numbers(app)["PSNR (dB)"]) - best, abs=0.0151
    )  # of rounded numbers
    assert list(app.get_by_key("shown").options) == ["Learned schedule, 4 steps, small", "GNC flow, 4 steps, small"]
    assert open_page(task="Inpaint", nsteps="", scheme="").selectbox(key="scheme").value == "GNC flow"


def test_missing_pixels_start_from_the_fill_or_from_grey() -> None:
    app = press(open_page(task="Inpaint", mask="Boxes", boxes="[[20,20,20,20]]", nsteps="1"), "Restore")
    assert open_page(task="Inpaint", start="Grey").radio(key="start").value == "Grey"
    checked(app.radio(key="start").set_value("Grey").run())
    assert "controls say: GNC flow, 1 step, from grey" in app.info[0].value
    press(app, "Restore")
    filled, grey = app.session_state.runs
    assert list(app.get_by_key("shown").options) == ["GNC flow, 1 step, small", "GNC flow, 1 step, from grey, small"]
    assert filled.trace.rows[0].psnr > grey.trace.rows[0].psnr + 1
    middle = (0, 0, slice(28, 32), slice(28, 32))
    assert (grey.image[middle] - 0.5).abs().max() < 0.02 < (filled.image[middle] - 0.5).abs().min()
    assert filled.prepared.degraded_png == grey.prepared.degraded_png
    assert "start" not in [radio.key for radio in open_page(task="Denoise").radio]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"noise": "25"}, "25 is 25 times the image's range; did you mean 25/255"),
        ({"noise": "25/255"}, "is not between 0.01 and 0.5"),
        ({"noise": "0.8"}, "is not between 0.01 and 0.5"),
        ({"noise": "much"}, "must be a number"),
        ({"task": "Inpaint", "missing": "80"}, "80 is 80 times all pixels"),
        ({"own-start": "true", "smoothing": "25"}, "25 is 25 times the image's range"),
    ],
)
def test_a_link_with_a_level_in_another_unit_is_one_sentence(settings: dict[str, str], sentence: str) -> None:
    app = open_page(**settings)
    assert len(sentences(app)) == 1
    assert sentence in app.warning[0].value.replace("\\", "").replace("\u2060", "")
    press(app, "Restore")
    assert app.metric


def test_a_hole_too_deep_for_the_steps_is_said() -> None:
    app = press(open_page(task="Inpaint", mask="Boxes", boxes="[[10,10,40,40]]", nsteps="2"), "Restore")
    assert "too deep for 2 steps" in app.info[0].value


def test_a_link_reproduces_the_settings() -> None:
    app = open_page(task="Inpaint", mask="Boxes", boxes="[[1,2,30,4]]", color="true", scheme="Joint")
    assert app.selectbox(key="task").value == "Inpaint"
    assert app.toggle(key="color").value
    assert app.data_editor[0].value.values.tolist() == [[1, 2, 30, 4]]
    press(app, "Restore")
    assert app.metric
    assert app.query_params["boxes"] == "[[1,2,30,4]]"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"mask": "Boxes"}, "no box yet"),
        ({"mask": "Boxes", "boxes": "[[900,2,3,4]]"}, "covers no pixel"),
        ({"mask": "Boxes", "boxes": "[[0,0,64,64]]"}, "all pixels as missing"),
        ({"mask": "Boxes", "boxes": '[["x",2]]'}, "boxes in this link cannot be read"),
        ({"mask": "Text overlay", "text": "  "}, "empty"),
    ],
)
def test_bad_masks_are_one_sentence(settings: dict[str, str], sentence: str) -> None:
    app = open_page(task="Inpaint", **settings)
    assert len(app.error) == 1
    assert sentence in app.error[0].value
    assert next(button for button in app.button if button.label == "Restore").disabled


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"not an image", "is not an image"),
        (b"", "empty file"),
        (png(64, 64)[:-30], "damaged or cut off"),
        (png(1, 1), "at least"),
        (npy(np.full((8, 8), np.nan)), "NaN or infinite"),
        (npy(np.full((8, 8), np.inf)), "infinite"),
        (npy(np.zeros((1, 2, 3, 4))), "has shape"),
        (npy(np.zeros((0, 8))), ""),
        (png(4100, 4100), "16.8 megapixels"),
    ],
    ids=["text", "empty", "cut", "1x1", "nan", "inf", "4d", "zero-sized", "too large"],
)
def test_bad_uploads_are_one_sentence_and_the_last_result_stays(data: bytes, sentence: str) -> None:
    app = press(open_page(), "Restore")
    before = numbers(app)
    checked(app.selectbox(key="image").set_value("Upload an image").run())
    assert "Upload" in app.info[0].value
    checked(app.file_uploader[0].upload("bad.png", data).run())
    assert len(app.error) == 1
    assert sentence in app.error[0].value
    assert numbers(app) == before


def test_damaged_weights_are_one_sentence(small_prior: Path) -> None:
    weights = small_prior / zoo.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-100])
    app = open_page()
    assert "damaged" in app.warning[0].value
    assert "no pretrained prior" in app.error[0].value


def test_page_without_a_prior_says_so(small_prior: Path) -> None:
    (small_prior / zoo.WEIGHTS).unlink()
    app = open_page()
    assert "no pretrained prior" in app.error[0].value
    assert len(app.image) == 2


def test_page_ends_a_run_that_fails_and_can_start_another(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_in_step(2, monkeypatch)
    app = press(open_page(), "Restore")
    assert ["not foreseen" in error.value for error in app.error] == [True]
    assert downloads(app) == RESULT  # of the first step
    press(app, "Restore")
    assert not app.error


def test_damaged_schedules_are_named_and_the_others_used(small_prior: Path) -> None:
    (small_prior / zoo.SCHEDULES / "bad.json").write_text("{}")
    app = open_page(scheme="Learned schedule")
    assert ["bad.json" in warning.value for warning in app.warning] == [True]
    press(app, "Restore")
    assert app.metric


def test_names_of_uploads_are_shown_as_text() -> None:
    app = open_page(image="Upload an image")
    checked(app.file_uploader[0].upload("![a](b).png", b"nothing").run())
    assert r"\!\[a\](b).png" in app.error[0].value


def test_baselines_are_compared_in_the_same_table_and_curves() -> None:
    app = press(open_page(nsteps="2"), "Compare")
    names = list(app.get_by_key("shown").options)
    assert names[3:] == ["Total variation", "Non-local means", "Wavelets"]
    table = opened(app, "All runs").dataframe[0].value
    assert list(table.method) == [
        "Wavelets",
        "Non-local means",
        "Total variation",
        "Learned schedule",
        "Joint",
        "GNC flow",
    ]
    assert table.psnr.notna().all()
    assert table.energy.notna().all()
    assert (table.seconds > 0).all()
    assert numbers(app)["PSNR (dB)"] == f"{table.psnr.max():.2f}"
    checked(app.get_by_key("shown").set_value("Total variation").run())
    assert numbers(app)["PSNR (dB)"] == f"{table.psnr[2]:.2f}"


def test_the_table_keeps_all_runs_of_the_visit_once_each() -> None:
    app = press(press(open_page(), "Restore"), "Restore")
    checked(app.slider(key="noise").set_value(0.2).run())
    press(app, "Restore")
    checked(app.run())
    table = opened(app, "All runs").dataframe[0].value
    assert list(table.level) == [0.2, 0.1, 0.1]
    assert list(table.image) == ["Cat"] * 3
    assert table.psnr[0] < table.psnr[1] == table.psnr[2]
    assert list(table.settings) == ["GNC flow, 3 steps, small"] * 3


def test_the_name_of_an_upload_stands_in_the_table_as_it_is() -> None:
    app = open_page(image="Upload an image", file="degraded")
    name = "<b>=1+1.png"
    checked(app.file_uploader[0].upload(name, png(32, 24)).run())
    table = opened(press(app, "Restore"), "All runs").dataframe[0].value
    assert list(table.image) == [name]
    assert table.psnr.isna().all()


def test_blind_mode_shows_the_estimate_beside_the_true_level() -> None:
    app = press(open_page(scheme="Joint", blind="true"), "Restore")
    run = app.session_state.runs[-1]
    assert run.choice.blind
    estimate = next(metric for metric in app.metric if metric.label == "Noise level, estimated")
    assert estimate.value == f"{run.estimate:.4f}"
    assert estimate.delta == "true 0.1"
    assert not sentences(app)
    assert "blind" not in [toggle.key for toggle in open_page(task="Inpaint", blind="true").toggle]
    app = open_page(image="Upload an image", file="degraded", blind="true")
    checked(app.file_uploader[0].upload("noisy.png", png(32, 24)).run())
    press(app, "Restore")
    assert next(metric for metric in app.metric if metric.label == "Noise level, estimated").delta == ""


@pytest.mark.parametrize(("name", "default"), [("blind", False), ("baselines", True)])
@pytest.mark.parametrize("value", ["maybe", "", "7", "![x](y)"])
def test_switches_that_a_link_spells_wrongly_leave_the_default(name: str, default: bool, value: str) -> None:
    app = open_page(**{name: value})
    assert app.toggle(key=name).value is default
    assert not app.error


def test_the_page_shows_the_settings_as_code_before_and_after_a_run() -> None:
    app = open_page()
    before = [code.value for code in app.code]
    assert before[0].startswith("gnc restore denoise --input image.npy")
    assert before[1].count("\n") == 4
    assert [code.value for code in opened(press(app, "Restore"), "As code").code] == before
