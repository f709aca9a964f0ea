"""Sweeps: the numbers are those of single runs, whatever the order and the interruptions; maps and files."""

import io
import math
from dataclasses import asdict, replace
from itertools import islice

import numpy as np
import pytest
import torch
from stand_in import GaussianPrior

from gnc_core import problems, sweeps
from gnc_core.errors import InputError
from gnc_core.measuring import evaluation
from gnc_core.prior.fields_of_experts import FieldsOfExperts
from gnc_core.restoration.schedules import linear
from gnc_core.restoration.schemes import Flow, Joint
from gnc_core.sweeps import Cell, Plan, Result, Runs

PRIOR = GaussianPrior()
IMAGES = [(f"image {i}", PRIOR.sample(1, 16 + 4 * (i % 2), i).clamp(0, 1)) for i in range(5)]  # of two sizes
SIGMA0, STEPS = (0.05, 0.1, 0.5), (1, 3, 8)


def tiny_prior():
    torch.manual_seed(0)
    prior = FieldsOfExperts(layers=2, channels=4, kernel_size=3, knots_u=31, knots_s=6)
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter += 0.01 * torch.randn_like(parameter)
    return prior.eval().requires_grad_(False)


def make_plan(prior=PRIOR, task="denoise", level=0.1, **changes):
    named = {key: changes.pop(key) for key in ("seed", "weights") if key in changes}
    runs = Runs(**{"sigma0": SIGMA0, "steps": STEPS} | changes)
    return sweeps.make_plan(prior, IMAGES, task, level, runs, **{"prior_name": "stand-in", "weights": "0123"} | named)


def compute(plan, prior=PRIOR, result=None, steps=None):
    """`result` (default: empty) with what the first so many steps of the sweep add to it."""
    result = result or Result.empty(plan)
    for progress in islice(sweeps.run(plan, prior, IMAGES, sweeps.units_of_plan(plan, result)), steps):
        if progress.cell:
            result.put(progress.cell)
    return result


def same(one, other):
    return all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in sweeps.ARRAYS)


@pytest.fixture(scope="module")
def result():
    return compute(make_plan())


# --- the runs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("task", "level", "rate"), [("denoise", 0.1, 0.9), ("inpaint", 0.6, 0.1)])
@pytest.mark.parametrize("prior", [PRIOR, tiny_prior()], ids=["Gaussian", "fields of experts"])
def test_a_sweep_is_its_runs_done_one_by_one(prior, task, level, rate):
    images, grid = IMAGES[:3], ((0.05, 0.5), (1, 4))
    plan = sweeps.make_plan(prior, images, task, level, Runs(sigma0=grid[0], steps=grid[1]), seed=3)
    result = compute(plan, prior)
    assert result.complete
    start = "grey" if task == "inpaint" else None  # as in the paper
    for j, sigma0 in enumerate(grid[0]):
        for k, steps in enumerate(grid[1]):
            for i, scheme in enumerate((Flow(linear(sigma0, prior.sigma_min, steps)), Joint(sigma0, steps, rate))):
                method = evaluation.with_scheme(prior, scheme)
                single = list(evaluation.evaluate(method, prior, images, task, level, seed=3, start=start))
                assert result.energy[i, j, k] == pytest.approx([one.energy for one in single], rel=1e-5)
                assert result.psnr[i, j, k] == pytest.approx([one.psnr for one in single], abs=1e-3)
                assert result.ssim[i, j, k] == pytest.approx([one.ssim for one in single], abs=1e-4)
    assert result.initial_psnr == pytest.approx([one.psnr_degraded for one in single], abs=1e-4)
    assert result.initial_ssim == pytest.approx([one.ssim_degraded for one in single], abs=1e-5)
    for index, (_, truth) in enumerate(images):
        problem = problems.task(task).degrade(truth, level, problems.image_seed(3, index)).from_start(start)
        energy = prior.energy(problem.initial(), math.log(prior.sigma_min)) + problem.energy(problem.initial())
        assert result.initial_energy[index] == pytest.approx(energy.item(), rel=1e-5)


def test_nothing_is_computed_twice_and_the_plan_knows_how_much():
    class Counting(GaussianPrior):
        images = 0

        def score(self, x, s):
            Counting.images += len(x)
            return super().score(x, s)

        def slope(self, x, s):
            Counting.images += len(x)
            return super().slope(x, s)

    plan = make_plan()
    seen, score_steps = [], 0
    for progress in sweeps.run(plan, Counting(), IMAGES):
        score_steps += progress.score_steps
        if progress.cell:
            seen += [(progress.cell.place, image) for image in progress.cell.images]
    # Five images and three initial smoothings; a joint run of 8 steps serves all numbers of steps.
    assert (
        sweeps.score_steps(sweeps.units_of_plan(plan))
        == score_steps
        == Counting.images
        == 5 * 3 * (1 + 3 + 8 + 2 * 8 - 1)
    )
    assert len(seen) == len(set(seen)) == 5 * (1 + 2 * 3 * 3)


@pytest.mark.parametrize("steps", [1, 4, 57, 10**6])
def test_a_sweep_goes_on_where_it_was_stopped(result, steps):
    plan = result.plan
    begun = compute(plan, steps=steps)
    known = begun.known.copy()
    assert begun.complete == (steps == 10**6)
    rest = sweeps.units_of_plan(plan, begun)
    assert not any(known[place][list(unit.images)].any() for unit in rest for place in unit.ends.values() if place)
    assert same(compute(plan, result=begun), result)


def test_processes_divide_everything_once_and_evenly():
    plan = make_plan(steps=range(1, 30))
    units = sweeps.units_of_plan(plan)
    portions = [sweeps.units_of_process(units, rank, 3) for rank in range(3)]
    assert sum(map(len, portions)) == len(units)
    assert all(any(unit in portion for portion in portions) for unit in units)
    costs = [sweeps.score_steps(portion) for portion in portions]
    assert max(costs) < 1.3 * min(costs)
    assert sweeps.units_of_process(units, 0, 1) == units


def test_the_estimate_adds_up_what_the_units_take():
    plan = make_plan()
    seconds = sweeps.measure_seconds(plan, PRIOR, IMAGES)
    assert set(seconds) == {(16, 16), (20, 20)}
    fixed = {size: sweeps.Seconds({"flow": 1.0, "joint": 2.0}, end=10.0) for size in seconds}
    # five images and three initial smoothings: 12 steps of the flow, 7.5 of the joint scheme, six ends; and the start
    assert sweeps.estimate(sweeps.units_of_plan(plan), fixed) == pytest.approx(5 * 3 * (12 + 2 * 7.5 + 60) + 5 * 10)


def test_a_run_that_diverges_is_noted_and_attains_nothing():
    class Unstable(GaussianPrior):
        def score(self, x, s):
            return super().score(x, s) * (1e30 if torch.as_tensor(s).exp().max() > 0.3 else 1)

    result = compute(make_plan(schemes=["flow"]), Unstable())
    assert result.complete
    assert sweeps.diverged(result).tolist() == [[[0, 0, 0], [0, 0, 0], [5, 5, 5]]]
    assert np.isposinf(result.energy[0, 2]).all()
    assert np.isnan(sweeps.mean(result.psnr)[0, 2]).all()
    assert np.isfinite(sweeps.mean(result.psnr)[0, :2]).all()
    assert (sweeps.attainment(result, 1.0)[0, 2] == 0).all()


def test_a_finite_image_far_outside_its_range_has_diverged_too():
    class Overshooting(GaussianPrior):
        def score(self, x, s):
            return super().score(x, s) * (1e5 if torch.as_tensor(s).exp().max() > 0.3 else 1)

    result = compute(make_plan(task="inpaint", level=0.5, schemes=["flow"]), Overshooting())
    assert sweeps.diverged(result).tolist() == [[[0, 0, 0], [0, 0, 0], [5, 5, 5]]]
    assert np.isnan(result.psnr[0, 2]).all()
    assert np.isnan(result.ssim[0, 2]).all()


# --- plans -------------------------------------------------------------------------------------------------------------


def test_the_grid_is_sorted_and_has_defaults():
    plan = make_plan(sigma0=[0.5, 0.1, 0.5], steps=[8, 1], schemes=["joint", "flow"])
    assert (plan.sigma0, plan.steps, plan.schemes) == ((0.1, 0.5), (1, 8), ("flow", "joint"))
    for task, level in (("denoise", 0.1), ("inpaint", 0.8), ("denoise", 0.9)):
        sigma0 = make_plan(task=task, level=level, sigma0=None).sigma0
        assert len(sigma0) == 11
        assert sigma0[-1] == PRIOR.sigma_max
        assert sigma0[0] < 0.1 or level == 0.9


def test_plans_are_equal_for_equal_work_only():
    assert make_plan() == make_plan()
    others = [
        {"seed": 1},
        {"sigma0": (0.05,)},
        {"steps": (1,)},
        {"weights": "4567"},
        {"schemes": ["flow"]},
        {"level": 0.2},
        {"rate": 0.5},
    ]
    assert all(make_plan(**other) != make_plan() for other in others)
    flipped = [(name, image.flip(3)) for name, image in IMAGES]
    assert (
        sweeps.make_plan(PRIOR, flipped, "denoise", 0.1, Runs(sigma0=SIGMA0, steps=STEPS)).images != make_plan().images
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "sharpen"}, "task"),
        ({"level": 0.0}, "positive"),
        ({"task": "inpaint", "level": 1.0}, "between 0 and 1"),
        ({"schemes": ["flow", "learned"]}, "learned"),
        ({"schemes": []}, "schemes"),
        ({"sigma0": [0.1, 0.9]}, "range"),
        ({"sigma0": [math.nan]}, "range"),
        ({"sigma0": []}, "at least one"),
        ({"steps": [0, 1]}, r"1 \.\.\. 1000"),
        ({"steps": []}, "at least one"),
        ({"rate": 0.0}, "rate"),
        ({"rate": math.inf}, "rate"),
        ({"rate": 2.0}, "below 2"),
        ({"rate": "0.5"}, "rate"),
        ({"level": "0.1"}, "level"),
        ({"sigma0": 0.1}, "list of numbers"),
        ({"sigma0": ["0.1"]}, "sigma must be a number"),
        ({"steps": [1.0]}, "whole number"),
        ({"seed": -1}, "seed"),
    ],
)
def test_plans_that_cannot_be(changes, message):
    with pytest.raises(InputError, match=message):
        make_plan(**changes)


def test_plans_of_numpy_numbers_are_plans():
    """They are equal to those of Python's numbers, and can be written."""
    sigma0, steps, rate = np.array([0.25, 0.125], np.float32), np.array([2, 1]), np.float32(0.5)
    plan = make_plan(sigma0=sigma0, steps=steps, level=np.float64(0.5), rate=rate)
    assert plan == make_plan(sigma0=[0.125, 0.25], steps=[1, 2], level=0.5, rate=0.5)
    assert sweeps.load(sweeps.to_bytes(Result.empty(plan))).plan == plan


def test_runs_that_cannot_be():
    plan = make_plan()
    for images, device, message in (
        (IMAGES[:2], "cpu", "images of its plan"),
        (IMAGES[::-1], "cpu", "images of its plan"),
        (IMAGES, "gpu", "device"),
        (IMAGES, "mps", "device"),
    ):
        with pytest.raises(InputError, match=message):
            next(sweeps.run(plan, PRIOR, images, device=device))
    with pytest.raises(InputError, match="int16"):
        sweeps.make_plan(PRIOR, [("a", IMAGES[0][1].short())], "denoise", 0.1)


@pytest.mark.parametrize("other", [None, [0.1, 0.2], 3.0, "images"], ids=str)
def test_what_is_no_list_of_images_or_no_array_is_refused(other):
    plan = make_plan()
    for images in (other, [other], [("image 0", other)]):
        for refused in (
            lambda images=images: sweeps.make_plan(PRIOR, images, "denoise", 0.1),
            lambda images=images: next(sweeps.run(plan, PRIOR, images)),
            lambda images=images: sweeps.measure_seconds(plan, PRIOR, images),
        ):
            with pytest.raises(InputError, match=r"pairs \(name, tensor\)"):
                refused()
    with pytest.raises(InputError, match="schemes"):
        make_plan(schemes=other)
    with pytest.raises(InputError, match="array of 2 dimensions"):
        sweeps.highest(other)
    if not isinstance(other, (list, str)):
        for refused in (sweeps.mean, sweeps.spread):
            with pytest.raises(InputError, match="array"):
                refused(other)
        with pytest.raises(InputError, match="path"):
            sweeps.load(other)


def test_images_too_small_for_the_prior():
    with pytest.raises(InputError, match="at least"):
        make_plan(GaussianPrior(min_size=17))


def test_grids_are_read_from_a_text():
    assert sweeps.read_sigmas("0.05, 0.1,0.5", "σ₀") == [0.05, 0.1, 0.5]
    assert sweeps.read_sigmas("0.05:0.5:11", "σ₀") == sweeps.spaced_sigmas(0.05, 0.5, 11)
    assert sweeps.read_sigmas("5/255,0.1", "σ₀") == [5 / 255, 0.1]
    assert sweeps.read_sigmas("5/255:0.5:3", "σ₀") == sweeps.spaced_sigmas(5 / 255, 0.5, 3)
    for text in ("0.1,25", "0.05:25:3"):
        with pytest.raises(InputError, match=r"^σ₀ 25 is 25 times the image's range; did you mean 25/255"):
            sweeps.read_sigmas(text, "σ₀")
    assert sweeps.read_numbers("1,20", "Steps", int) == [1, 20]
    for text, message in (("", "list of numbers"), ("0.1;0.2", "list of numbers"), ("0.1:0.2", "FIRST:LAST:COUNT")):
        with pytest.raises(InputError, match=f"^σ₀ is .*{message}"):
            sweeps.read_sigmas(text, "σ₀")
    with pytest.raises(InputError, match=r"not '2\.5'"):
        sweeps.read_numbers("2.5", "Steps", int)


def test_durations_in_words():
    assert [sweeps.in_words(seconds) for seconds in (0.2, 99.5, 700, 12600)] == ["1 s", "100 s", "12 min", "3.5 h"]


# --- maps --------------------------------------------------------------------------------------------------------------


def by_hand():
    """Two schemes, one initial smoothing, two numbers of steps and three images, the third of which has all that can be."""
    plan = replace(make_plan(), sigma0=(0.1,), steps=(1, 2), names=("a", "b", "c"), sizes=((9, 9),) * 3)
    result = Result.empty(plan)
    result.put(Cell(None, (0, 1, 2), (1000.0, 100.0, 50.0), (20.0,) * 3, (0.5,) * 3))
    energies = {(0, 0, 0): (10, 2, 9), (0, 0, 1): (0, 1, math.inf), (1, 0, 0): (9.9, 0, math.inf), (1, 0, 1): (11,)}
    for place, energy in energies.items():
        images = tuple(range(len(energy)))  # the last cell is known of one image alone
        psnr = tuple(30.0 + i if e < math.inf else math.nan for i, e in enumerate(energy))
        result.put(Cell(place, images, energy, psnr, (0.9,) * len(energy)))
    return result


def test_the_attainment_rate_by_hand():
    result = by_hand()
    assert sweeps.lowest_energy(result).tolist() == [0, 0, 9]
    assert sweeps.attainment(result)[:, 0].tolist() == pytest.approx(np.array([[2 / 3, 2 / 3], [2 / 3, 0]]))
    assert sweeps.attainment(result, 0)[:, 0].tolist() == pytest.approx(np.array([[1 / 3, 1 / 3], [1 / 3, 0]]))
    assert sweeps.attainment(result, 0.02)[:, 0].tolist() == pytest.approx(np.array([[1, 2 / 3], [2 / 3, 1]]))
    assert sweeps.diverged(result)[:, 0].tolist() == [[0, 1], [1, 0]]


def test_the_best_run_attains_even_where_all_ended_above_the_start():
    result = by_hand()
    result.initial_energy[:] = -1000
    assert sweeps.attainment(result)[:, 0].tolist() == pytest.approx(np.array([[1 / 3, 1 / 3], [1 / 3, 0]]))


def test_the_energy_above_the_lowest_is_a_mean_over_images_per_pixel():
    above = sweeps.excess(by_hand())[:, 0]
    assert 81 * above == pytest.approx(np.array([[(10 + 2 + 0) / 3, (0 + 1) / 2], [(9.9 + 0) / 2, 11]]), rel=1e-6)
    assert np.isnan(sweeps.excess(Result.empty(make_plan()))).all()


def test_of_equal_cells_the_one_with_the_fewest_steps_is_the_highest():
    values = np.array([[1, 2, 3], [math.nan, 3, 3], [0, 3, 1]])  # (sigma0, steps)
    assert sweeps.highest(values) == (1, 1)
    assert sweeps.highest(np.full((2, 3), math.nan)) is None


def test_means_are_over_what_is_known():
    result = by_hand()
    assert sweeps.mean(result.psnr)[:, 0].tolist() == [[31, 30.5], [30.5, 30]]
    assert sweeps.spread(result.psnr)[:, 0].tolist() == [[pytest.approx(math.sqrt(2 / 3)), 0.5], [0.5, 0]]
    assert sweeps.mean(result.initial_psnr) == 20
    nothing = Result.empty(result.plan)
    for values in (sweeps.attainment(nothing), sweeps.mean(nothing.psnr), sweeps.spread(nothing.psnr)):
        assert np.isnan(values).all()
    assert sweeps.to_csv(nothing).count("\n") == 1


# --- files -------------------------------------------------------------------------------------------------------------


def test_with_another_rate_only_the_flow_is_taken_over(result):
    plan = make_plan(rate=0.3)
    cells = sweeps.transfer(result, plan)
    assert {cell.place and cell.place[0] for cell in cells} == {None, 0}
    slower = Result.empty(plan)
    for cell in cells:
        slower.put(cell)
    assert np.array_equal(slower.energy[0], result.energy[0])
    slower = compute(plan, result=slower)
    assert not np.array_equal(slower.energy[1], result.energy[1])
    assert same(slower, compute(plan))


def test_a_plan_without_a_rate_is_of_the_first_one():
    fields = asdict(make_plan(task="inpaint", level=0.6))
    assert fields.pop("rate") == 0.1
    assert Plan.from_dict(fields) == make_plan(task="inpaint", level=0.6, rate=0.9)


@pytest.mark.parametrize("unfinished", [False, True])
def test_a_file_is_read_back_as_it_was(tmp_path, result, unfinished):
    if unfinished:
        result = compute(result.plan, steps=30)
    sweeps.save(result, tmp_path / "a.npz")
    sweeps.save(result, tmp_path / "b.npz")
    again = sweeps.load(tmp_path / "a.npz")
    assert again.plan == result.plan
    assert same(again, result)
    data = (tmp_path / "a.npz").read_bytes()
    assert (tmp_path / "b.npz").read_bytes() == data
    assert data == sweeps.to_bytes(result)
    assert same(sweeps.load(data), result)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "b.npz"]


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def test_damaged_and_foreign_files_are_one_sentence(tmp_path, result, monkeypatch):
    path = tmp_path / "a.npz"
    sweeps.save(result, path)
    good = path.read_bytes()
    with np.load(path) as file:
        content = dict(file)
    metadata = str(content["metadata"])
    array = io.BytesIO()
    np.save(array, np.zeros(3))
    cases = {
        b"": "damaged",
        b"hello": "damaged",
        good[:-30]: "damaged",
        good[: len(good) // 2]: "damaged",
        good[:500] + bytes(200) + good[700:]: "damaged",
        array.getvalue(): "damaged",
        npz(x=np.zeros(3)): "not a sweep",
        npz(**content | {"metadata": np.array("{")}): "not a sweep",
        npz(**content | {"metadata": np.array("[]")}): "not a sweep",
        npz(**content | {"metadata": np.array(metadata.replace('"format": 1', '"format": 2'))}): "format 2",
        npz(**content | {"metadata": np.array(metadata.replace('"seed"', '"seeds"'))}): "not all the fields",
        npz(**content | {"metadata": np.array(metadata.replace("denoise", "sharpen"))}): "sharpen",
        npz(**content | {"psnr": content["psnr"][..., :-1]}): "psnr",
        npz(**content | {"psnr": content["psnr"].astype(np.float64)}): "float64",
        npz(**content | {"psnr": np.array([None, "a"])}): "damaged",  # pickled: never opened
    }
    for data, message in cases.items():
        path.write_bytes(data)
        with pytest.raises(InputError, match=message) as caught:
            sweeps.load(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    monkeypatch.setattr(sweeps.storage, "_MAX_BYTES", len(good) // 2)
    with pytest.raises(InputError, match="too large"):
        sweeps.load(good)
    with pytest.raises(InputError, match="No such file"):
        sweeps.load(tmp_path / "nowhere.npz")


def test_the_table_has_a_line_a_run(result):
    header, *lines = sweeps.to_csv(result).splitlines()
    assert header == "image,scheme,sigma0,steps,energy,psnr,ssim"
    assert len(lines) == 5 * (1 + 2 * 3 * 3)
    table = {tuple(line.split(",")[:4]): [float(part) for part in line.split(",")[4:]] for line in lines}
    expected = [values[1, 2, 0, 3] for values in (result.energy, result.psnr, result.ssim)]
    assert table["image 3", "joint", "0.5", "1"] == pytest.approx(expected)
    assert table["image 3", "degraded", "", "0"][1] == pytest.approx(result.initial_psnr[3])
