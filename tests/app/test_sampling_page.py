"""The page "Sampling": its figures from plain arrays, its work, and the page without a browser."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import plotly.graph_objects as go
import pytest
import torch
from stand_in import save_small
from streamlit.testing.v1 import AppTest

from app import samplings
from app.drawing import encoded
from app.figures.sampling import Looks, cost_figure, posterior_figure, walk_figure
from app.figures.wandering import Seen, wandering_figure
from app.lessons.sampling import COSTS, HOLE, IMAGES, POSTERIOR
from app.samplings import PLANE, Drawing, Gaps, Race, Racing, Walk, walked
from app.scenes import Upload
from app.wanderings import Wander, Wandering
from gnc_core import images, zoo
from gnc_core.errors import InputError

PAGE = Path(__file__).resolve().parents[2] / "app" / "views" / "sampling.py"
MOST_BYTES = 4_000_000
RACE = Race("Five components", 40, 0)
QUICK = {"image": "Cat", "part-side": "48", "inner": "1"}
GAPS = Gaps("small", "Cat", 48, 0.5, 24, 3, 1, 0)
WANDER = Wander("small", 16, 3, 2, 0.5, 0)


@pytest.fixture(autouse=True)
def small_prior(tmp_path, monkeypatch):
    """A pretrained/ folder with one quick prior, "small", and races of few scores."""
    monkeypatch.setattr(zoo, "PRETRAINED", tmp_path)
    monkeypatch.setattr(samplings, "BUDGETS", (5, 8))
    samplings.reached.clear()
    return save_small(tmp_path / "small", steps=(2, 10))


def done(work):
    while work.running:
        work.advance()
    return work


# --- figures -----------------------------------------------------------------------------------------------------


def test_walk_has_a_frame_a_step_with_chains_path_and_histogram() -> None:
    found = walked(Walk("Five components", 5, 20, 0.5, 0))
    figure = go.Figure(walk_figure(found))
    assert [trace.type for trace in figure.data] == ["heatmap", "scatter", "scatter", "bar", "scatter"]
    assert len(figure.frames) == 20
    for k, frame in enumerate(figure.frames):
        chains, path, bars = frame.data
        np.testing.assert_allclose(chains.x, found.x[k], rtol=1e-6)
        np.testing.assert_allclose(10 ** np.array(chains.y), found.sigma[k], rtol=1e-5)
        assert len(path.x) == min(k + 1, 15)
        assert path.x[-1] == pytest.approx(chains.x[0])
        np.testing.assert_allclose(bars.y, found.shares[k], rtol=1e-6)
    assert figure.layout.sliders[0].steps[-1].label.startswith("20: 100 samples")


def test_walk_is_of_the_density() -> None:
    found = walked(Walk("Dirac components", 20, 10, 0.5, 3))
    assert found.exact.sum() == pytest.approx(100)
    assert sorted(found.exact[found.exact > 0.1]) == pytest.approx([15, 20, 30, 35])
    spacing = found.grid_x[1] - found.grid_x[0]
    at = np.searchsorted(found.grid_sigma, 0.2)
    assert found.density[at].sum() * spacing == pytest.approx(1, abs=0.01)
    assert len(walked(Walk("Dirac components", 20, 200, 0.5, 3)).at) == 50


def test_the_largest_walk_fits_a_page() -> None:
    figure = encoded(walk_figure(walked(Walk("Five components", 200, 200, 0.5, 0)))).to_dict()
    assert len(orjson.dumps(figure)) < MOST_BYTES


def test_costs_are_lines_and_exact_samples_one_more() -> None:
    figure = go.Figure(cost_figure({"euler": [(5, 0.2), (10, 0.1)], "heun": [(9, 0.3)]}, 0.01, 500))
    assert [trace.name for trace in figure.data] == ["Euler", "Heun"]
    assert list(figure.data[0].y) == [0.2, 0.1]
    assert [shape.y0 for shape in figure.layout.shapes] == [0.01]
    assert figure.layout.annotations[0].text == "500 exact samples"


def looks(count: int, side: int) -> Looks:
    samples = np.random.default_rng(0).random((count, side, side)).astype(np.float32)
    return Looks(samples, samples, samples / 9, np.arange(count) + 20.0, np.arange(count) + 21.0)


def test_pictures_are_grey_and_missing_pixels_are_empty() -> None:
    truth = np.full((8, 8), 0.5, np.float32)
    hidden = np.zeros((8, 8), bool)
    hidden[2:4] = True
    figure = go.Figure(posterior_figure(truth, hidden, truth, 30.0, None, False))
    assert len(figure.data) == 3
    assert np.isnan(np.array(figure.data[1].z, float)[2:4]).all()
    figure = go.Figure(posterior_figure(truth, hidden, truth, 30.0, looks(3, 8), True))
    assert [trace.type for trace in figure.data] == ["heatmap"] * 6
    assert [len(frame.data) for frame in figure.frames] == [3, 3, 3]
    assert figure.layout.sliders[0].steps[1].label == "2 of 3: 21.00 dB; mean of the first 2: 22.00 dB"
    assert figure.data[5].zmax == pytest.approx(float(looks(3, 8).deviation[-1].max()))


def rectangles(figure: go.Figure) -> list[tuple[float, ...]]:
    """Where the panels of a figure are: left, right, bottom and top, in shares of it."""
    layout = figure.layout.to_plotly_json()
    names = [key.removeprefix("xaxis") for key in layout if key.startswith("xaxis")]
    return [(*layout[f"xaxis{name}"]["domain"], *layout[f"yaxis{name}"]["domain"]) for name in names]


def test_narrow_figures_have_fewer_panels_a_row_which_do_not_overlap() -> None:
    truth = np.full((8, 8), 0.5, np.float32)
    seen = [Seen(2, 0.4, truth, truth, truth), Seen(4, 0.3, truth, truth, truth)]
    pairs = [
        [walk_figure(walked(Walk("Five components", 5, 20, 0.5, 0)), narrow) for narrow in (False, True)],
        [posterior_figure(truth, truth > 1, truth, 30.0, looks(3, 8), True, narrow) for narrow in (False, True)],
        [wandering_figure(truth, [0.5, 0.4, 0.3, 0.3], seen, 4, True, narrow) for narrow in (False, True)],
    ]
    for wide, narrow in pairs:
        found = [rectangles(go.Figure(figure)) for figure in (wide, narrow)]
        assert [max(sum(abs(one[3] - each[3]) < 1e-9 for each in places) for one in places) for places in found] in (
            [2, 1], [3, 2],
        )  # fmt: skip
        for places in found:
            for k, (left, right, low, high) in enumerate(places):
                for a, b, c, d in places[:k]:
                    assert left >= b or right <= a or low >= d or high <= c
        assert narrow["layout"]["sliders"][0]["pad"].get("l", 0) == 0  # below the buttons, not beside


def test_a_chain_of_images_stands_above_its_sigma() -> None:
    grey = [np.full((8, 8), value, np.float32) for value in (0.25, 0.5, 0.75)]
    grey[1][:4] = 0.7
    seen = [Seen(2, 0.4, *grey), Seen(4, 0.3, *grey)]
    figure = go.Figure(wandering_figure(grey[0], [0.5, 0.4, 0.35, 0.3], seen, 4, True, False))
    assert [trace.type for trace in figure.data] == ["heatmap"] * 3 + ["scatter"] * 2
    assert list(figure.data[3].y) == pytest.approx([0.5, 0.4, 0.35, 0.3])
    assert figure.data[0].z[0][0] == round(255 * 0.375)  # of grey values from -0.5 to 1.5
    assert figure.frames[0].data[3].x == (2,)
    assert figure.layout.annotations[1].text == "from the chain,<br>mean contrast 0.10"
    assert len(go.Figure(wandering_figure(grey[0], [0.5], [], 4, False, False)).data) == 3


def test_the_most_samples_fit_a_page() -> None:
    truth = np.zeros((128, 128), np.float32)
    figure = encoded(posterior_figure(truth, truth > 1, truth, 30.0, looks(24, 128), True)).to_dict()
    assert len(orjson.dumps(figure)) < MOST_BYTES


# --- work --------------------------------------------------------------------------------------------------------


def test_a_race_goes_through_all_methods_and_is_known_afterwards() -> None:
    race = done(Racing(RACE))
    assert not race.error
    assert list(dict.fromkeys(cost.method for cost in race.costs)) == ["euler", "heun", "langevin", "denoising MCMC"]
    assert race.done == 1
    again = Racing(RACE)
    assert again.finished
    assert again.costs == race.costs
    assert len(done(Racing(replace(RACE, mixture=PLANE))).costs) == 16


def test_a_race_is_stopped_between_pieces_of_a_method_and_goes_on() -> None:
    race = Racing(RACE)
    while len(race.costs) < 6:
        race.advance()
    race.advance()  # a piece of the chains
    race.stop()
    race.advance()
    assert len(race.costs) == 6
    assert not race.running
    race.go_on()
    assert [cost.error for cost in done(race).costs] == [cost.error for cost in done(Racing(RACE)).costs]


def test_samples_fit_what_is_known_and_are_known_afterwards() -> None:
    work = done(Drawing(GAPS, None))
    assert not work.error
    assert work.done == 1
    assert len(work.samples) == 3
    known = work.problem.observed
    for sample in [*work.samples, work.flow]:
        assert torch.equal(sample[known], work.truth[known])
    assert not torch.equal(work.samples[0], work.samples[1])
    found = work.looks()
    assert found
    np.testing.assert_allclose(found.mean[1], torch.cat(work.samples[:2]).mean((0, 1)), atol=1e-6)
    assert (found.deviation[0] == 0).all()
    assert found.deviation[2].max() > 0
    assert Drawing(GAPS, None).finished
    assert len(work.figure()["frames"]) == 3


def test_samples_are_the_same_again_after_a_stop() -> None:
    whole = done(Drawing(GAPS, None))
    samplings.reached.clear()
    work = Drawing(GAPS, None)
    while not work.samples:
        work.advance()
    work.stop()
    assert len(work.figure()["data"]) == 6
    work.go_on()
    assert all(torch.equal(a, b) for a, b in zip(done(work).samples, whole.samples, strict=True))


def test_a_chain_of_images_and_noise_alone_come_to_samples() -> None:
    work = done(Wandering(WANDER))
    assert not work.error
    assert work.done == 1
    assert [one.step for one in work.samples] == [2, 4, 6]
    assert [one.sigma for one in work.samples] == work.sigma[1::2]
    shown = [part for one in work.samples for part in (one.x, one.sample, one.alone)]
    assert len({part.tobytes() for part in shown}) == 9
    assert Wandering(WANDER).finished
    assert len(work.figure()["frames"]) == 3


def test_a_chain_of_images_is_the_same_again_after_a_stop() -> None:
    whole = done(Wandering(WANDER))
    samplings.reached.clear()
    work = Wandering(WANDER)
    while not work.samples:
        work.advance()
    work.stop()
    work.advance()
    assert len(work.samples) == 1
    work.go_on()
    again = done(work).samples
    assert all(np.array_equal(a.sample, b.sample) for a, b in zip(again, whole.samples, strict=True))


def test_a_hole_is_in_the_middle_and_uploads_leave_nothing() -> None:
    data = images.to_png(torch.rand(1, 1, 64, 64))
    upload = Upload("id", "mine.png")
    work = done(Drawing(replace(GAPS, missing=None, hole=16, source=upload), data))
    hidden = ~work.problem.observed[0, 0]
    assert int(hidden.sum()) == 256
    assert hidden[16:32, 16:32].all()
    assert not Drawing(replace(GAPS, missing=None, hole=16, source=upload), data).finished


def test_other_priors_and_holes_without_a_border_are_refused() -> None:
    with pytest.raises(InputError, match="no prior"):
        Drawing(replace(GAPS, prior="../small"), None)
    data = images.to_png(torch.rand(1, 1, 20, 20))
    with pytest.raises(InputError, match="missing"):
        Drawing(replace(GAPS, missing=None, hole=24, source=Upload("id", "small.png")), data)


# --- the page ----------------------------------------------------------------------------------------------------


def open_page(**settings: str) -> AppTest:
    app = AppTest.from_file(PAGE, default_timeout=300)
    app.query_params.update(settings)
    app.run()
    assert not app.exception
    return app


def charts(app: AppTest) -> int:
    return len(app.get("plotly_chart"))


def test_page_begins_with_chains_on_a_mixture() -> None:
    app = open_page()
    assert not app.error
    assert charts(app) == 1
    app.select_slider(key="chains").set_value(5).run()
    assert not app.exception
    assert charts(app) == 1


def test_link_opens_the_race() -> None:
    app = open_page(part=COSTS, density="Five components", drawn="500")
    assert app.session_state.sampling.plan == Race("Five components", 500, 0)
    assert app.session_state.sampling.finished
    assert charts(app) == 1
    before = app.session_state.sampling
    app.run()
    assert app.session_state.sampling is before


def test_link_opens_the_posterior() -> None:
    link = {"part": POSTERIOR, "image": "Cat", "part-side": "48", "samples": "2", "inner": "1"}
    app = open_page(gaps=HOLE, hole="16", **link)
    assert not app.error
    work = app.session_state.sampling
    assert (work.plan, work.finished) == (Gaps("small", "Cat", 48, None, 16, 2, 1, 0), True)
    assert charts(app) == 1


def test_link_opens_a_chain_of_images() -> None:
    link = {"part": IMAGES, "chain-side": "48", "wander-samples": "2", "apart": "5"}
    app = open_page(**link, **{"wander-size": "1.0"})
    assert not app.error
    work = app.session_state.sampling
    assert (work.plan, work.finished) == (Wander("small", 48, 2, 5, 1.0, 0), True)
    assert charts(app) == 1


def test_experiments_set_the_controls() -> None:
    app = open_page()
    next(button for button in app.button if button.label == "The well that GNC misses").click().run()
    assert not app.exception
    assert app.selectbox(key="mixture").value == "GNC fails"
    assert app.select_slider(key="chains").value == 200


def test_stopped_work_can_go_on() -> None:
    app = open_page(part=COSTS, density="Five components", drawn="500")
    race = Racing(Race("Five components", 500, 7))
    while len(race.costs) < 2:
        race.advance()
    race.stop()
    app.session_state.sampling = race
    app.number_input(key="draw-seed").set_value(7).run()
    assert app.session_state.sampling is race
    assert charts(app) == 1
    next(button for button in app.button if button.label == "Go on").click().run()
    assert race.finished


@pytest.mark.parametrize(
    "settings",
    [
        {"part": "x"},
        {"mixture": "none"},
        {"chains": "7"},
        {"moves": "1e9"},
        {"langevin-size": "nan"},
        {"draw-seed": "inf"},
        {"part": COSTS, "density": "none", "drawn": "1"},
        {"part": IMAGES, "apart": "7e9", "wander-samples": "0", "prior": "/etc", "chain-side": "48"},
        {"part": POSTERIOR, "gaps": "none", "samples": "1e9", "prior": "/etc", **QUICK},
    ],
    ids=str,
)
def test_what_a_link_gets_wrong_leaves_the_default(settings: dict[str, str]) -> None:
    app = open_page(**settings)
    assert not app.error
    assert charts(app) == 1
    right = {"part", "chain-side", *QUICK} if len(settings) > 1 else set()
    assert not (set(settings) & set(app.query_params)) - right


def test_a_share_in_percent_is_one_sentence() -> None:
    app = open_page(part=POSTERIOR, missing="80", samples="2", **QUICK)
    assert ["80" in warning.value for warning in app.warning] == [True]


def test_posterior_without_a_prior_or_a_file_says_so(small_prior: Path) -> None:
    app = open_page(part=POSTERIOR, image="Upload an image")
    assert "Upload" in app.info[0].value
    (small_prior / zoo.WEIGHTS).unlink()
    assert ["no pretrained prior" in error.value for error in open_page(part=POSTERIOR).error] == [True]
