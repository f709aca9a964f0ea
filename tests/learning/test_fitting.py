"""Fitted schedules on a Gaussian prior, where the best possible error is known."""

import numpy as np
import pytest
import torch
from stand_in import GaussianPrior

from gnc_core.errors import InputError
from gnc_core.learning import fitting
from gnc_core.learning.fitting import fit_schedule
from gnc_core.prior.fields_of_experts import FieldsOfExperts
from gnc_core.problems import Denoising, Inpainting
from gnc_core.restoration import schedules
from gnc_core.restoration.schedules import LearnedSchedule
from gnc_core.restoration.schemes import Flow, Learned

PRIOR = GaussianPrior(variance=0.02)
NOISE = 0.1


def pairs(count=3, noise_std=NOISE):
    result = []
    for seed in range(count):
        truth = PRIOR.sample(2, 24, seed)
        generator = torch.Generator().manual_seed(100 + seed)
        noisy = truth + noise_std * torch.randn(truth.shape, generator=generator)
        result.append((Denoising(noisy, noise_std), truth))
    return result


def mean_error(scheme, given):
    errors = []
    for problem, truth in given:
        *_, last = scheme.run(PRIOR, problem)
        errors.append((last.image - truth).square().mean())
    return torch.stack(errors).mean().item()


def test_denoising_reaches_the_mmse_estimate():
    given = pairs()
    schedule = fit_schedule(PRIOR, given, 4, name="stand-in")
    fitted = mean_error(Learned(schedule), given)
    initial = mean_error(Flow(schedules.logarithmic(NOISE, PRIOR.sigma_min, 4)), given)
    best = torch.stack([(PRIOR.posterior_mean(p.observation, NOISE) - t).square().mean() for p, t in given]).mean()
    assert fitted < initial
    # The best gain for these very samples is at most a little better than the posterior mean.
    assert 0.98 * best < fitted < 1.002 * best


def test_the_error_differentiates_in_all_numbers_of_a_schedule():
    given = [
        (Denoising(p.observation[..., :8, :8].double(), NOISE), truth[..., :8, :8].double()) for p, truth in pairs(1)
    ]
    prior = FieldsOfExperts(layers=1, channels=4, kernel_size=3).double()

    def error(*schedule):
        return torch.nn.functional.mse_loss(fitting.unrolled(prior, given[0][0], *schedule), given[0][1])

    numbers = ([0.1, 0.04], [0.008, 0.001], 1.4)
    schedule = tuple(torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in numbers)
    torch.autograd.gradcheck(error, schedule)
    value = fitting.mean_error(prior, given, schedule, backward=True)
    assert value == pytest.approx(error(*schedule).item())
    for leaf, gradient in zip(schedule, torch.autograd.grad(error(*schedule), schedule), strict=True):
        torch.testing.assert_close(leaf.grad, gradient)


def test_a_weight_of_the_data_term_is_as_less_noise():
    """w |x - z|^2 / (2 sigma_n^2) is the data term of the noise level sigma_n / sqrt(w)."""
    [(problem, _)] = pairs(1)
    sigma, tau = (0.1, 0.03), (0.01, 0.0009)
    weighted = LearnedSchedule(sigma, tau, "denoise", NOISE, "a", weight=4.0)
    *_, one = Learned(weighted).run(PRIOR, problem)
    *_, other = Learned(LearnedSchedule(sigma, tau, "denoise", NOISE, "a")).run(
        PRIOR, Denoising(problem.observation, NOISE / 2)
    )
    torch.testing.assert_close(one.image, other.image)
    assert LearnedSchedule.from_json(weighted.to_json()) == weighted


def test_inpainting_reaches_the_mean():
    truth = PRIOR.sample(4, 24, 7)
    observed = torch.rand(1, 1, 24, 24, generator=torch.Generator().manual_seed(1)) < 0.5
    given = [(Inpainting(truth, observed), truth)]
    schedule = fit_schedule(PRIOR, given, 2, name="stand-in")
    best = torch.where(observed, 0, truth - truth[~observed.expand_as(truth)].mean())
    assert mean_error(Learned(schedule), given) < 1.002 * best.square().mean()
    assert schedule.task == "inpaint"
    assert schedule.level == pytest.approx((~observed).float().mean().item())


def test_the_schedule_respects_its_bounds_and_says_what_it_is_for():
    schedule = fit_schedule(PRIOR, pairs(1), 3, name="stand-in", sigma0=0.5)
    assert all(PRIOR.sigma_min <= sigma <= PRIOR.sigma_max for sigma in schedule.sigma)
    assert all(tau >= 0 for tau in schedule.tau)
    assert (schedule.task, schedule.level, schedule.prior) == ("denoise", NOISE, "stand-in")


def test_fitting_is_deterministic_and_reports_its_progress():
    seen: list[tuple[int, float]] = []
    first = fit_schedule(PRIOR, pairs(), 3, name="a", rounds=4, progress=lambda *state: seen.append(state))
    assert first == fit_schedule(PRIOR, pairs(), 3, name="a", rounds=4)
    assert [number for number, _ in seen] == list(range(1, len(seen) + 1))
    errors = [error for _, error in seen]
    assert errors == sorted(errors, reverse=True)


def test_a_schedule_that_diverges_is_refused():
    class Exploding(GaussianPrior):
        def score(self, x, s):
            return super().score(x, s) * torch.nan

    with pytest.raises(InputError, match="diverge"):
        fit_schedule(Exploding(), pairs(1), 2, name="a")


def test_bad_pairs():
    good = pairs(1)
    truth = good[0][1]
    for bad, message in (
        ([], "no images"),
        (good + pairs(1, noise_std=0.2), "one level"),
        ([*good, (Inpainting(truth, truth > 0.4), truth)], "one task"),
        ([(good[0][0], truth[:, :, 1:])], "differ in shape"),
    ):
        with pytest.raises(InputError, match=message):
            fit_schedule(PRIOR, bad, 3, name="a")
    with pytest.raises(InputError, match="steps"):
        fit_schedule(PRIOR, good, 0, name="a")
    with pytest.raises(InputError, match="sigma"):
        fit_schedule(PRIOR, good, 2, name="a", sigma0=0.9)


@pytest.mark.parametrize("steps", [2, 4, 7])
def test_a_fit_goes_on_from_another_schedule(steps):
    """One round from a fitted schedule is better than one from the flow, and no worse than where it started."""
    given = pairs(1)
    fitted = fit_schedule(PRIOR, given, 4, name="stand-in")
    warm, cold = (fit_schedule(PRIOR, given, steps, name="other", start=s, rounds=1) for s in (fitted, None))
    assert mean_error(Learned(warm), given) <= 1.0001 * mean_error(Learned(cold), given)
    assert warm.steps == steps
    if steps == 4:
        assert mean_error(Learned(warm), given) <= 1.0001 * mean_error(Learned(fitted), given)


def test_one_step_is_the_best_within_the_bounds():
    """sigma in [0.01, 0.5] and c in [0.1, 2] of a single step, against all of a fine grid."""
    given = pairs(1)
    fitted = mean_error(Learned(fit_schedule(PRIOR, given, 1, name="stand-in")), given)
    grid = [
        LearnedSchedule((sigma,), (c * sigma**2,), "denoise", NOISE, "a")
        for sigma in np.geomspace(0.01, 0.5, 40)
        for c in np.linspace(0.1, 2, 20)
    ]
    assert fitted < 1.002 * min(mean_error(Learned(schedule), given) for schedule in grid)


def test_a_fitted_schedule_goes_down_and_no_step_is_idle_or_wild():
    """Also from a start that does neither (method, section 7)."""
    given = pairs(1)
    wild = LearnedSchedule((0.02, 0.5, 0.1, 0.3), (1e8, 0.0, 1e-4, 1.0), "denoise", NOISE, "a")
    for start in (wild, None):
        schedule = fit_schedule(PRIOR, given, 4, name="a", start=start, rounds=4)
        c = np.array(schedule.tau) / np.array(schedule.sigma) ** 2
        assert (np.diff(schedule.sigma) <= 0).all()
        assert c.min() >= 0.1 - 1e-6
        assert c.max() <= 2 + 1e-6


def test_steps_that_diverge_are_no_result():
    """Finite errors far beyond the range of images are divergence, too."""

    class Steep(GaussianPrior):
        def score(self, x, s):
            return 1e5 * super().score(x, s)

    truth = PRIOR.sample(1, 24, 0)
    observed = torch.rand(1, 1, 24, 24, generator=torch.Generator().manual_seed(1)) < 0.5
    with pytest.raises(InputError, match="diverge"):
        fit_schedule(Steep(), [(Inpainting(truth, observed), truth)], 2, name="a", rounds=1)


def test_pairs_of_float64_and_numbers_of_numpy():
    prior = FieldsOfExperts(1, channels=3, kernel_size=3).requires_grad_(False)
    expected = fit_schedule(prior, pairs(1), 2, name="a", rounds=1)
    double = (
        (Denoising(problem.observation.double(), problem.noise_std), truth.double()) for problem, truth in pairs(1)
    )
    fitted = fit_schedule(prior, double, np.int64(2), name="a", rounds=np.int64(1), sigma0=np.float64(NOISE))
    assert fitted.sigma == pytest.approx(expected.sigma, rel=1e-3)
    for changes, message in (
        ({"rounds": 0}, "1 or larger"),
        ({"rounds": "1"}, "whole number"),
        ({"steps": 2.0}, "whole"),
    ):
        with pytest.raises(InputError, match=message):
            fit_schedule(prior, pairs(1), **{"steps": 2, "name": "a"} | changes)


@pytest.mark.parametrize("other", [None, [0.1, 0.2], 3.0, "pairs"], ids=str)
def test_what_is_no_list_of_pairs_is_refused(other):
    [(problem, truth)] = pairs(1)
    for given in (other, [other], [(problem, other)], [(other, truth)]):
        with pytest.raises(InputError, match=r"pairs|The true images"):
            fit_schedule(PRIOR, given, 2, name="p")
    for sigma, tau in ((other, torch.ones(1)), (torch.ones(1), other)):
        with pytest.raises(InputError, match="tensor"):
            fitting.mean_error(PRIOR, [(problem, truth)], (sigma, tau, torch.ones(())))
    if other is not None:  # the default
        with pytest.raises(InputError, match="learned schedule"):
            fit_schedule(PRIOR, [(problem, truth)], 2, name="p", start=other)


def test_rounds_are_the_fit_as_it_goes_on():
    given = pairs(1)
    rounds = fitting.fitting_rounds(PRIOR, given, 3, name="a", rounds=3)
    first, error = next(rounds)
    assert mean_error(Learned(first), given) == pytest.approx(error, rel=1e-4)
    with torch.no_grad():  # what is on outside a round stays as it is
        *_, (last, better) = rounds
        assert not torch.is_grad_enabled()
    assert better <= error < mean_error(Flow(schedules.logarithmic(NOISE, PRIOR.sigma_min, 3)), given)
    assert last == fit_schedule(PRIOR, given, 3, name="a", rounds=3)
