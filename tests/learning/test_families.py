"""Schedules as a function of level and steps, on a Gaussian prior, where the best possible error is known."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from stand_in import GaussianPrior

from gnc_core.errors import InputError
from gnc_core.learning.families import fit_family
from gnc_core.learning.fitting import fit_schedule
from gnc_core.problems import Denoising, image_seed
from gnc_core.restoration import Learned
from gnc_core.restoration.families import ScheduleFamily, unfold

PRIOR = GaussianPrior(variance=0.02)
LEVELS, STEPS = (0.03, 0.3), (2, 8)


def a_family(seed: int = 0) -> ScheduleFamily:
    weights = torch.randn(7, 9, generator=torch.Generator().manual_seed(seed)).tolist()
    return ScheduleFamily(weights, "denoise", "a", LEVELS, STEPS, 0.01, 0.5)


@pytest.fixture(scope="module")
def fitted() -> ScheduleFamily:
    images = list(PRIOR.sample(6, 40, 1))
    return fit_family(PRIOR, images, "denoise", LEVELS, STEPS, name="stand-in", patch=24)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("steps", [2, 3, 8])
def test_every_family_goes_down_and_no_step_is_idle_or_wild(seed, steps):
    for level in (0.01, 0.05, 0.2, 0.9):
        schedule = a_family(seed).at(level, steps)
        c = np.array(schedule.tau) / np.array(schedule.sigma) ** 2
        assert schedule.steps == steps
        assert schedule.level == level
        assert (np.diff(schedule.sigma) <= 0).all()
        assert min(schedule.sigma) >= 0.01 * (1 - 1e-12)
        assert max(schedule.sigma) <= 0.5 * (1 + 1e-12)
        assert 0.1 <= c.min() <= c.max() <= 2


def test_the_formula():
    """log sigma and c of a hand-made family, at the middle of both ranges."""
    rows = [[0.0] * 9 for _ in range(7)]
    rows[0][0], rows[1][0], rows[2][0], rows[3][0], rows[4][0], rows[6][0] = 1.0, -1.0, math.log(2), 0.5, -1.0, 0.7
    family = ScheduleFamily(rows, "denoise", "a", LEVELS, (2, 8), 0.01, 0.5)
    middle = 1 / (1 + math.exp(-sum(math.log(v / (1 - v)) for v in LEVELS) / 2))
    schedule = family.at(middle, 4)
    logistic = lambda t: 1 / (1 + math.exp(-t))  # noqa: E731
    s_min, s_max = math.log(0.01), math.log(0.5)
    first = s_min + (s_max - s_min) * logistic(1)
    last = s_min + (first - s_min) * logistic(-1)
    assert schedule.weight == pytest.approx(math.exp(0.7))
    d = 4 * math.log(5.5 / 4 / math.sqrt(0.2)) / math.log(20)
    for i in range(4):
        u = i / 3
        sigma = math.exp(last + (first - last) * (1 - u) ** 2)
        assert schedule.sigma[i] == pytest.approx(sigma)
        assert schedule.tau[i] == pytest.approx(0.1 * 20 ** logistic(d + 0.5 - (2 * u - 1)) * sigma**2)


def test_polynomials_reach_the_ends_and_stay_there():
    family = a_family()
    assert family.place(0.03, 8) == pytest.approx((-1, -1))
    assert family.place(0.3, 2) == pytest.approx((1, 1))
    assert family.place(0.3, 4)[1] == pytest.approx(-1 / 3)
    assert family.at(0.3, 4).sigma == family.at(0.7, 4).sigma
    assert family.at(0.01, 4).sigma == family.at(0.03, 4).sigma


@pytest.mark.parametrize("steps", [2, 5])
def test_unfold_differentiates(steps):
    family = a_family(2)
    weights = torch.tensor(family.weights, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(lambda w: unfold(w, family, 0.1, steps), (weights,))


def test_the_fit_is_as_good_as_one_for_the_level_and_near_the_mmse_estimate(fitted):
    """At levels that lie between, with numbers of steps that lie between."""
    for level in (0.045, 0.11, 0.22):
        truth = PRIOR.sample(4, 48, 9)
        problem = Denoising.degrade(truth, level, image_seed(3, 1))
        best = (PRIOR.posterior_mean(problem.observation, level) - truth).square().mean()
        for steps in (3, 6):
            own = fit_schedule(PRIOR, [(problem, truth)], steps, name="a")
            errors = []
            for schedule in (fitted.at(level, steps), own):
                *_, last = Learned(schedule).run(PRIOR, problem)
                errors.append((last.image - truth).square().mean().item())
            assert errors[0] < 1.0046 * errors[1]  # 0.02 dB
            assert errors[0] < 1.05 * best  # three steps within the bounds do not reach it


def test_the_same_bits_again(fitted):
    images = list(PRIOR.sample(6, 40, 1))
    arguments = {"name": "stand-in", "rounds": 1, "patches": 1, "patch": 24}
    one, other = (fit_family(PRIOR, images, "denoise", LEVELS, STEPS, **arguments) for _ in range(2))
    assert one == other


def test_a_fit_goes_on_from_the_schedules_of_another_prior(fitted):
    images = list(PRIOR.sample(6, 40, 1))
    few = {"name": "b", "rounds": 1, "patches": 1, "patch": 24}
    errors = []
    for start in (None, fitted):
        again = fit_family(
            PRIOR, images, "denoise", LEVELS, STEPS, start=start, progress=lambda _, error: errors.append(error), **few
        )
    assert errors[1] < errors[0]  # after one round of both
    assert again.prior == "b"
    with pytest.raises(InputError, match="to start from"):
        fit_family(PRIOR, images, "denoise", LEVELS, (3, 9), start=fitted, **few)


def test_saved_and_loaded(tmp_path):
    family = replace(a_family(), command="fit")
    family.save(tmp_path / "f.json")
    assert ScheduleFamily.load(tmp_path / "f.json") == family
    (tmp_path / "g.json").write_text('{"weights": 3}')
    for name in ("g.json", "h.json"):
        with pytest.raises(InputError):
            ScheduleFamily.load(tmp_path / name)


def test_bad_input_is_one_sentence():
    family = a_family()
    with pytest.raises(InputError, match="2 \\.\\.\\. 8"):
        family.at(0.1, 9)
    with pytest.raises(InputError, match="noise level"):
        family.at(-1, 4)
    for change in (
        {"weights": [[0.0] * 9] * 5},
        {"weights": [[0.0] * 8] * 7},
        {"weights": [[math.nan] * 9] * 7},
        {"levels": (0.3, 0.1)},
        {"steps": (4, 3)},
        {"task": "nothing"},
        {"sigma_min": 0.7},
    ):
        with pytest.raises(InputError):
            replace(family, **change)
    with pytest.raises(InputError, match="no images"):
        fit_family(PRIOR, [], "denoise", LEVELS, STEPS, name="a")


@pytest.mark.parametrize("other", [None, [0.1, 0.2, 0.3], 3.0], ids=str)
def test_what_is_no_list_of_images_or_no_family_is_refused(other):
    for images in (other, [other], []):
        with pytest.raises(InputError, match="no images"):
            fit_family(PRIOR, images, "denoise", LEVELS, STEPS, name="p")
    for changes in ({"weights": other}, {"weights": [other] * 7}, {"levels": other}, {"steps": other}):
        with pytest.raises(InputError):
            replace(a_family(), **changes)
