"""What the page Restore an image teaches, computed: a test a claim, named by it."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from gnc_core import images, problems, zoo
from gnc_core.choices import SchemeChoice, choose_scheme
from gnc_core.measuring import baselines, calibration, psnr
from gnc_core.problems import Denoising, Inpainting

# --- Restore an image --------------------------------------------------------------------------------------------


def restored(problem: problems.Problem, choice: SchemeChoice) -> list:
    """The steps that the page takes with the prior foe-l1."""
    prior = zoo.load("foe-l1")
    return list(choose_scheme(choice, prior, "foe-l1", problem.name, problem.level).run(prior, problem))


def sample(name: str = "Cat") -> torch.Tensor:
    return images.shrink(images.load_sample(name), 128)


@pytest.mark.parametrize("problem", [Denoising.degrade(sample(), 0.1, 0, True), Inpainting.degrade(sample(), 0.5, 0)])
def test_smoothing_runs_down_while_the_image_descends_the_energy(problem: problems.Problem) -> None:
    """Restore an image: the title's question mark."""
    prior = zoo.load("foe-l1")

    def energy(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return problem.energy(x) + prior.energy(x, math.log(sigma))

    for scheme in (None, "flow"):
        steps = restored(problem, SchemeChoice(scheme))
        assert all(later.sigma <= earlier.sigma for earlier, later in pairwise(steps))
        images_of = [problem.initial(), *(step.image for step in steps)]
        assert energy(images_of[-1], steps[-1].sigma) < energy(images_of[0], steps[-1].sigma)
    for before, step in zip(images_of, steps, strict=False):  # of the flow
        assert energy(step.image, step.sigma) < energy(before, step.sigma)


def test_blind_joint_minimisation_starts_at_the_largest_smoothing_and_only_the_energy_leads_it_down() -> None:
    """Restore an image: "Blind", and "Choose the initial smoothing"."""
    prior = zoo.load("foe-l1")
    problem = Denoising.degrade(sample(), 0.1, 0)
    choice = SchemeChoice("joint", steps=8, blind=True)
    steps = restored(calibration.blind(prior, problem.observation), choice)
    assert steps[0].sigma.item() == pytest.approx(prior.sigma_max)
    assert all(later.sigma < earlier.sigma for earlier, later in pairwise(steps[1:]))
    assert steps[-1].sigma < problem.level / 3
    rate, n = problem.rate, problem.observation.numel()
    for earlier, later in pairwise(steps):  # s moves down the slope of R, and by nothing else
        s = math.log(earlier.sigma) - rate / n * prior.slope(earlier.image, earlier.sigma.log()).item()
        s = min(max(s, math.log(prior.sigma_min)), math.log(prior.sigma_max))
        assert math.log(later.sigma) == pytest.approx(s, abs=1e-4)


def test_the_estimated_noise_level_is_the_first_minimum_of_the_energy_below_the_largest_smoothing() -> None:
    """Restore an image: "Noise level, estimated"."""
    prior, z = zoo.load("foe-l1"), Denoising.degrade(sample(), 0.1, 0).observation
    found = math.log(calibration.blind(prior, z).level)
    at, beside = prior.energy(z, found), [prior.energy(z, found + shift) for shift in (-0.15, 0.15)]
    assert at < min(beside)
    above = torch.linspace(found + 0.15, math.log(prior.sigma_max), 20).tolist()
    energies = [prior.energy(z, s).item() for s in above]
    assert energies == sorted(energies)
    cut = Denoising.degrade(sample(), 0.3, 0, as_file=True).observation
    drawn = calibration.uncensored(prior, cut)
    assert (drawn[cut == 0] <= 0).all()
    assert torch.equal(drawn[(cut > 0) & (cut < 1)], cut[(cut > 0) & (cut < 1)])
    assert calibration.blind(prior, cut, clipped=True).level == pytest.approx(
        calibration.estimate_sigma(prior, drawn).item()
    )


def test_blind_restoration_is_told_the_estimate_and_not_the_true_level() -> None:
    """Restore an image: "Noise level, estimated"."""
    prior, made = zoo.load("foe-l1"), Denoising.degrade(sample(), 0.1, 0)
    blind = calibration.blind(prior, made.observation)
    other = calibration.blind(prior, replace(made, noise_std=0.3).observation)  # the true level does not enter
    assert blind.noise_std == other.noise_std != made.noise_std


@pytest.mark.parametrize("name", baselines.BASELINES["denoise"])
def test_baselines_take_their_parameters_from_the_noise_level_and_clipped_values_as_they_are(name: str) -> None:
    """Restore an image: "Baselines in Compare"."""
    method = baselines.baseline(name, "denoise")
    problem = Denoising.degrade(sample(), 0.1, 0, as_file=True)
    result = method(problem)
    assert torch.equal(result, method(replace(problem, clipped=False)))
    assert not torch.equal(result, method(replace(problem, noise_std=0.15)))


def test_baselines_are_those_that_the_page_names() -> None:
    """Restore: "Baselines in Compare", for the tasks that it names."""
    assert {task: list(methods) for task, methods in baselines.BASELINES.items()} == {
        "denoise": ["tv", "nl-means", "wavelets"],
        "inpaint": ["biharmonic"],
        "deblur": ["tv"],
        "superres": ["tv"],
        "mri": ["tv"],
    }


def test_the_residual_is_noise_and_what_of_the_image_went_with_it() -> None:
    """Restore an image: "Error and residual". z - x is the noise less the error of x."""
    truth = sample()
    problem = Denoising.degrade(truth, 0.1, 0)
    x = restored(problem, SchemeChoice())[-1].image
    noise, error = problem.observation - truth, x - truth
    torch.testing.assert_close(problem.observation - x, noise - error, atol=1e-6, rtol=0)
    correlation = torch.corrcoef(torch.stack([(problem.observation - x).flatten(), noise.flatten()]))[0, 1]
    assert correlation > 0.9


def test_where_a_file_cut_noise_off_at_black_the_residual_is_more_bright_than_dark() -> None:
    """Restore an image: "Error and residual"."""
    truth = sample("Astronaut")
    black = truth < 0.02
    assert black.sum() > 100
    means = []
    for as_file in (True, False):
        problem = Denoising.degrade(truth, 0.1, 0, as_file)
        means.append((problem.observation - restored(problem, SchemeChoice())[-1].image)[black].mean().item())
    cut_off, floats = means
    assert cut_off > 0.02
    assert abs(floats) < cut_off / 2


def test_the_psnr_of_the_flow_falls_when_more_steps_lower_the_energy() -> None:
    """Restore an image: "Steps S"."""
    truth = sample()
    problem = Denoising.degrade(truth, 0.1, 0)
    few, many = (restored(problem, SchemeChoice("flow", steps))[-1] for steps in (4, 20))
    assert many.energy < few.energy
    assert psnr(many.image, truth) < psnr(few.image, truth)


# --- its experiments ---------------------------------------------------------------------------------------------


def cameraman() -> torch.Tensor:
    return images.shrink(images.load_sample("Cameraman"), 256)


def gaps(sigma0: float, start: str | None) -> tuple[float, float]:
    """PSNR and energy after 40 steps of the flow, 80 % of the pixels missing."""
    prior, truth = zoo.load("foe-l1"), cameraman()
    problem = Inpainting.degrade(truth, 0.8, 0).from_start(start)
    choice = SchemeChoice("flow", 40, sigma0)
    *_, last = choose_scheme(choice, prior, "foe-l1", problem.name, problem.level, start).run(prior, problem)
    return psnr(last.image, truth).item(), last.energy.item()


def psnrs(choice: SchemeChoice, problem: problems.Problem | None = None) -> list[float]:
    """The PSNR after each step of denoising."""
    problem = problem or Denoising.degrade(cameraman(), 0.1, 0, as_file=True)
    return [psnr(step.image, cameraman()).item() for step in restored(problem, choice)]


def test_the_lowest_energy_is_not_the_best_image() -> None:
    """Restore, "Lower is not better": highest after 29 of 40 steps, 30.1 dB, 29.7 dB at the end, the energy falls from there."""
    steps = restored(Denoising.degrade(cameraman(), 0.1, 0, as_file=True), SchemeChoice("flow", 40))
    found = [psnr(step.image, cameraman()).item() for step in steps]
    assert found.index(max(found)) + 1 == 29
    assert max(found) == pytest.approx(30.1, abs=0.05)
    assert found[-1] == pytest.approx(29.7, abs=0.05)
    assert all(later.energy < earlier.energy for earlier, later in pairwise(steps[29:]))


def test_four_learned_steps_are_better_than_any_step_of_the_flow() -> None:
    """Restore, "Four learned steps": 30.55 dB, more than the flow reaches at any step of 4, 10 or 40."""
    learned = psnrs(SchemeChoice("learned", 4))
    assert len(learned) == 4
    assert learned[-1] == pytest.approx(30.55, abs=0.01)
    assert learned[-1] > max(max(psnrs(SchemeChoice("flow", steps))) for steps in (4, 10, 40))


def test_from_grey_a_small_smoothing_leads_nowhere_and_a_falling_one_does() -> None:
    """Restore, "Gaps, σ too small": 40 steps end at 12.0 dB, hardly above the 11.8 dB that they start from. "Gaps, graduated":
    26.8 dB, at a third of the energy, and the same from the harmonic fill."""
    start = Inpainting.degrade(cameraman(), 0.8, 0).from_start("grey").initial()
    assert psnr(start, cameraman()).item() == pytest.approx(11.8, abs=0.05)
    small, graduated, filled = gaps(0.01, "grey"), gaps(0.3, "grey"), gaps(0.3, None)
    assert small[0] == pytest.approx(12.0, abs=0.05)
    assert graduated[0] == pytest.approx(26.8, abs=0.05)
    assert graduated[1] / small[1] == pytest.approx(1 / 3, abs=0.01)
    assert filled[0] == pytest.approx(graduated[0], abs=0.01)
    assert filled[1] == pytest.approx(graduated[1], rel=1e-3)
    better = Inpainting.degrade(cameraman(), 0.8, 0).from_start(None).initial()
    assert psnr(better, cameraman()).item() > 20


def test_blind_restoration_is_as_good_as_if_the_level_were_told() -> None:
    """Restore, "Blind": the prior sees 0.095 where 0.1 is true, σ begins at 0.5, and after ten steps the PSNR is 30.6 dB, as it
    is when the level is told."""
    made = Denoising.degrade(cameraman(), 0.1, 0, as_file=True)
    guess = calibration.blind(zoo.load("foe-l1"), made.observation, clipped=True)
    assert guess.level == pytest.approx(0.095, abs=5e-4)
    assert restored(guess, SchemeChoice("joint", 10, blind=True))[0].sigma.item() == pytest.approx(0.5)
    told, blind = psnrs(SchemeChoice("joint", 10)), psnrs(SchemeChoice("joint", 10, blind=True), guess)
    assert told[-1] == pytest.approx(30.6, abs=0.05)
    assert blind[-1] == pytest.approx(30.6, abs=0.05)


def test_a_step_moves_towards_the_mean_that_the_prior_sees_and_back_to_the_observation() -> None:
    """Restore, the text: x ← prox(x − τ ∇R(x, σ)) with τ = σ², and the prox goes towards the observation."""
    prior, problem = zoo.load("foe-l1"), Denoising.degrade(sample(), 0.1, 0)
    first, second, *_ = restored(problem, SchemeChoice("flow", 4))
    sigma = second.sigma.item()
    mean = first.image - sigma**2 * prior.score(first.image, math.log(sigma))
    torch.testing.assert_close(second.image, problem.prox(mean, sigma**2))
    z = problem.observation
    assert ((second.image - z).abs() <= (mean - z).abs() + 1e-6).all()
