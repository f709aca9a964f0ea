"""Chains leave the densities alone that they are said to: Gaussians, mixtures, and posteriors, in closed form."""

import math

import pytest
import torch
from mixture_cases import DEFAULT
from scipy import stats
from stand_in import GaussianPrior

from gnc_core.errors import InputError
from gnc_core.mixture import GaussianMixture
from gnc_core.problems import Denoising, Inpainting
from gnc_core.restoration import logarithmic
from gnc_core.sampling import (
    AnnealedLangevin,
    LangevinGibbs,
    MixtureEnergy,
    Posterior,
    ReverseODE,
    draw_smoothing,
    langevin_step,
    last,
    moments,
    smoothings,
)
from gnc_core.sampling.comparison import PLANE, cumulative, kolmogorov_smirnov

WALK = torch.linspace(math.log(0.01), 0, 12, dtype=torch.float64)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def zeros(*shape: int) -> torch.Tensor:
    return torch.zeros(*shape, dtype=torch.float64)


@pytest.mark.parametrize("h", [0.1, 0.5, 1.0])
def test_a_gaussian_comes_out_as_wide_as_is_said(h: float) -> None:
    energy = MixtureEnergy(GaussianMixture([1.0], [0.3], [0.05]), 0.01, 1.0)
    sigma, C = 0.2, 0.05 + 0.2**2
    x = last(AnnealedLangevin([sigma] * 150, h).run(energy, zeros(10_000, 1), seeded())).x
    assert x.mean().item() == pytest.approx(0.3, abs=0.01)
    assert x.var().item() == pytest.approx(C / (1 - h * sigma**2 / (4 * C)), rel=0.04)


@pytest.mark.parametrize("h", [0.2, 1.0])
def test_exponential_steps_leave_noise_as_large_as_it_is(h: float) -> None:
    """And the others let it grow by h^2/8 in log(sigma): much, for an image."""
    energy, sigma = GaussianPrior(variance=1e-9), torch.tensor([0.1])
    x = GaussianPrior().mean + 0.1 * torch.randn(1, 1, 300, 300, generator=seeded(), dtype=torch.float64)
    size = [
        langevin_step(energy, x, sigma, h, seeded(1), exponential=exponential).std().item()
        for exponential in (False, True)
    ]
    assert math.log(size[0] / 0.1) == pytest.approx(math.log1p(h**2 / 4) / 2, abs=0.01)
    assert math.log(size[1] / 0.1) == pytest.approx(0, abs=0.01)


def test_exponential_steps_make_wide_densities_a_little_too_narrow() -> None:
    energy, h = MixtureEnergy(GaussianMixture([1.0], [0.3], [0.05]), 0.01, 1.0), 0.5
    sigma, C = 0.05, 0.05 + 0.05**2
    x = zeros(4_000, 1) + 0.3 + math.sqrt(C) * torch.randn(4_000, 1, generator=seeded(), dtype=torch.float64)
    for step in range(120):
        x = langevin_step(energy, x, torch.full((4_000,), sigma), h, seeded(step), exponential=True)
    assert x.var().item() == pytest.approx((1 - h / 4) * C, rel=0.07)


@pytest.mark.parametrize("near", [40, 4])
def test_s_is_drawn_from_its_conditional_density(near: int) -> None:
    energy = MixtureEnergy(DEFAULT, 0.01, 1.0)
    grid, x = torch.linspace(math.log(0.02), 0.0, 40, dtype=torch.float64), zeros(20_000, 1) + 0.4
    log_prior = torch.linspace(0, 1, 40, dtype=torch.float64)
    p = (log_prior - energy.energy(x[:40], grid)).softmax(0)
    at = torch.multinomial(p, len(x), replacement=True, generator=seeded())  # as it should be; draws leave it so
    for draw in range(5):
        at = draw_smoothing(energy, x, at, grid, seeded(draw), log_prior, near)
    frequency = torch.bincount(at, minlength=40) / len(x)
    assert (frequency - p).abs().max() < 0.015
    assert abs(frequency - p).sum() < 0.07


def test_the_chain_samples_the_joint_density() -> None:
    """p(s) is flat on the grid, and x given s has the smoothed density: its distribution function maps x to [0, 1] evenly."""
    energy = MixtureEnergy(DEFAULT, 0.03, 1.0)
    grid = torch.linspace(math.log(0.03), 0, 16, dtype=torch.float64)
    state = last(LangevinGibbs(steps=200, h=0.2, inner=2, grid=grid).run(energy, zeros(800, 1), 0.3, seeded()))
    place = torch.stack(
        [
            cumulative(DEFAULT.smoothed(sigma), x, torch.ones(1))[0]
            for x, sigma in zip(state.x, state.sigma, strict=True)
        ]
    )
    assert stats.kstest(place.numpy(), "uniform").pvalue > 0.01
    s = (state.s - math.log(0.03)) / -math.log(0.03)
    assert (torch.histc(s, 4, 0, 1) / 800 - 0.25).abs().max() < 0.06


def test_denoised_chains_have_the_density_and_the_modes_of_the_mixture() -> None:
    energy = MixtureEnergy(PLANE, 0.01, 1.0)
    state = last(LangevinGibbs(60, h=0.5, inner=3, grid=WALK).run(energy, zeros(1500, 2), 1.0, seeded()))
    x = last(ReverseODE(8).run(energy, state.x, state.sigma)).x
    assert kolmogorov_smirnov(x, PLANE) < 0.06
    log_terms = PLANE._terms(x, 0.01)[0]
    torch.testing.assert_close(log_terms.softmax(1).mean(0), PLANE.weights, atol=0.04, rtol=0)


def test_one_dimension_is_sampled_by_the_same_chain() -> None:
    energy = MixtureEnergy(DEFAULT, 0.01, 1.0)
    state = last(LangevinGibbs(80, h=0.5, inner=2, grid=WALK).run(energy, zeros(1500, 1), 1.0, seeded()))
    assert kolmogorov_smirnov(last(ReverseODE(8).run(energy, state.x, state.sigma)).x, DEFAULT) < 0.05


def test_of_images_s_is_known_sharply() -> None:
    """Its conditional standard deviation is 1/sqrt(2 n) for noise, which the grid resolves."""
    energy = GaussianPrior(variance=1e-9)
    grid = smoothings(energy, 32 * 32)
    x = 0.4 + 0.1 * torch.randn(1, 1, 32, 32, generator=seeded())
    p = (-energy.energy(x.double().expand(len(grid), -1, -1, -1), grid)).softmax(0)
    spread = ((grid**2 * p).sum() - (grid * p).sum() ** 2).sqrt()
    assert spread.item() == pytest.approx(1 / math.sqrt(2 * 32 * 32), rel=0.05)
    assert grid.diff().max() <= 1.001 / math.sqrt(2 * 32 * 32)


def test_the_posterior_of_a_hole_is_that_of_the_mixture() -> None:
    """A point of the plane as an image of two pixels, of which one is known: the other's density is a mixture on a line."""
    z = 0.1
    problem = Inpainting(torch.tensor([[[[z, 0.0]]]], dtype=torch.float64), torch.tensor([[[[True, False]]]]))
    mean, cov = PLANE.means, PLANE.covariances
    gain = cov[:, 0, 1] / cov[:, 0, 0]
    weights = PLANE.weights * (-((z - mean[:, 0]) ** 2) / (2 * cov[:, 0, 0])).exp() / cov[:, 0, 0].sqrt()
    line = GaussianMixture(
        weights, mean[:, 1] + gain * (z - mean[:, 0]), cov[:, 1, 1] - gain * cov[:, 0, 1]
    )  # the textbook's conditional
    energy = MixtureEnergy(PLANE, 0.02, 0.5)
    chain = AnnealedLangevin(logarithmic(0.5, 0.02, 40), h=0.3, inner=8)
    x = last(Posterior(1000, chain).run(energy, problem, seeded())).x
    assert (x[..., 0] == z).all()
    assert kolmogorov_smirnov(x[:, 0, 0, 1:], line) < 0.06


def test_the_posterior_of_a_noisy_image_of_gaussian_pixels() -> None:
    prior = GaussianPrior()
    z = torch.rand(1, 1, 8, 8, generator=seeded(), dtype=torch.float64)
    chain = AnnealedLangevin([0.1] * 100 + logarithmic(0.1, 0.02, 60), h=0.3)
    exact = prior.posterior_mean(z, 0.1)
    samples = last(Posterior(600, chain).run(prior, Denoising(z, 0.1), seeded(1))).x
    mean, deviation = moments(samples)
    assert (mean - exact).abs().mean() < 0.01
    assert deviation.mean().item() == pytest.approx((1 / (1 / 0.04 + 1 / 0.1**2)) ** 0.5, rel=0.07)


def test_seeds_say_everything_and_nothing_is_computed_before_it_is_asked_for() -> None:
    energy = MixtureEnergy(DEFAULT, 0.01, 1.0)
    runs = [last(LangevinGibbs(5).run(energy, zeros(7, 1), 1.0, seeded(seed))).x for seed in (3, 3, 4)]
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])
    generator = seeded()
    before = generator.get_state()
    LangevinGibbs(5).run(energy, zeros(7, 1), 1.0, generator)
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize(
    "make",
    [
        lambda: LangevinGibbs(0), lambda: LangevinGibbs(5, h=2.0), lambda: LangevinGibbs(5, inner=0),
        lambda: LangevinGibbs(5, near=1),
        lambda: AnnealedLangevin([]), lambda: AnnealedLangevin([0.1, -0.1]), lambda: AnnealedLangevin([0.1], h=0),
        lambda: AnnealedLangevin([5.0]).run(GaussianPrior(), zeros(1, 1, 4, 4), seeded()),
        lambda: LangevinGibbs(5, grid=torch.zeros(3)).run(GaussianPrior(), zeros(1, 1, 4, 4), 0.1, seeded()),
        lambda: Posterior(0, AnnealedLangevin([0.1])),
        lambda: Posterior(2, AnnealedLangevin([0.1])).run(GaussianPrior(), Denoising(zeros(2, 1, 4, 4), 0.1), seeded()),
    ],
)  # fmt: skip
def test_unusable_chains_are_refused(make) -> None:
    with pytest.raises(InputError) as refusal:
        make()
    assert str(refusal.value).replace("...", "").count(". ") == 0
