"""Noise2Score: closed forms against posterior means by quadrature, and levels of noise."""

import math

import pytest
import torch
from scipy.special import gammaln
from torch import Tensor

from gnc_core.errors import InputError
from gnc_core.learning import Settings, Trainer, noise2score
from gnc_core.learning.noise2score import KINDS, Gamma, Gaussian, Noise, Poisson
from gnc_core.mixture import GaussianMixture

X = torch.linspace(1e-4, 1, 4001, dtype=torch.float64)  # of quadratures over x
LOG_PRIOR = (-(((X - 0.3) / 0.08) ** 2) / 2).logaddexp(math.log(0.7) - ((X - 0.6) / 0.1) ** 2 / 2)
Y = torch.linspace(0.05, 1.1, 43, dtype=torch.float64)


def log_joint(noise: Noise, y: Tensor) -> Tensor:
    """log p(x, y) up to a number: (len(y), len(X)). Counts are continued between whole numbers by the gamma function."""
    y, level = y[:, None], noise.level
    if isinstance(noise, Gaussian):
        return LOG_PRIOR - (y - X) ** 2 / (2 * level**2)
    if isinstance(noise, Poisson):
        return (
            LOG_PRIOR + y / level * (X / level).log() - X / level - torch.from_numpy(gammaln((y / level).numpy() + 1))
        )
    return LOG_PRIOR + (level - 1) * y.log() - level * X.log() - level * y / X


def posterior(noise: Noise, y: Tensor, of: Tensor) -> Tensor:
    """E [of(x) | y]."""
    return log_joint(noise, y).softmax(1) @ of


def exact_score(noise: Noise, y: Tensor, h: float = 1e-5) -> Tensor:
    """d/dy log p(y)."""
    up, down = (log_joint(noise, y + step).logsumexp(1) for step in (h, -h))
    return (up - down) / (2 * h)


# --- closed forms ------------------------------------------------------------------------------------------------


def test_gaussian_is_the_posterior_mean_of_a_mixture() -> None:
    mixture, sigma = GaussianMixture([0.5, 0.3, 0.2], [0.2, 0.5, 0.8], [0.004, 0.002, 0.01]), 0.1
    S = -mixture.gradient(Y[:, None], sigma)[:, 0]
    x = torch.linspace(-1, 2, 6001, dtype=torch.float64)
    weight = -mixture.energy(x[:, None]) - (Y[:, None] - x) ** 2 / (2 * sigma**2)
    torch.testing.assert_close(Gaussian(sigma).restored(Y, S), weight.softmax(1) @ x, atol=1e-9, rtol=0)


@pytest.mark.parametrize("shape", [3.0, 10.0])
def test_gamma_is_the_harmonic_posterior_mean(shape: float) -> None:
    noise = Gamma(shape)
    found = noise.restored(Y, exact_score(noise, Y))
    torch.testing.assert_close(found, 1 / posterior(noise, Y, 1 / X), atol=0, rtol=1e-6)
    mean = posterior(noise, Y, X)
    spread = posterior(noise, Y, X**2) / mean**2 - 1  # var(x | y) / x^2
    assert (found <= mean).all()
    torch.testing.assert_close(1 - found / mean, spread, atol=0, rtol=0.25)


@pytest.mark.parametrize(("gain", "error"), [(0.01, 0.002), (0.05, 0.02)])
def test_poisson_is_nearly_the_geometric_posterior_mean(gain: float, error: float) -> None:
    """At five photons and at one, the least counts here."""
    noise = Poisson(gain)
    found = noise.restored(Y, exact_score(noise, Y))
    geometric = posterior(noise, Y, X.log()).exp()
    torch.testing.assert_close(found, geometric, atol=0, rtol=error)
    assert (found <= posterior(noise, Y, X)).all()


def test_poisson_departs_where_next_to_nothing_is_counted() -> None:
    """By what stands for the digamma function, whatever the density is: 11 % at no count, 1.7 % at one, 0.2 % at four."""
    counts = torch.tensor([0.0, 1.0, 4.0], dtype=torch.float64)
    departure = (counts + 0.5) / torch.digamma(counts + 1).exp() - 1
    torch.testing.assert_close(
        departure, torch.tensor([-0.109, -0.017, -0.002], dtype=torch.float64), atol=1e-3, rtol=0
    )


@pytest.mark.parametrize("noise", [Gaussian(0.1), Poisson(0.01), Gamma(10.0)], ids=lambda noise: noise.name)
def test_the_score_follows_from_that_in_the_flat_coordinate(noise: Noise) -> None:
    """p(t) = p(y) / t'(y), by differences."""
    h = 1e-4

    def energy(y: Tensor) -> Tensor:  # -log p(t), at t(y)
        return (noise.flat(y + h) - noise.flat(y - h)).log() - log_joint(noise, y).logsumexp(1)

    of_flat = -(energy(Y + h) - energy(Y - h)) / (noise.flat(Y + h) - noise.flat(Y - h))
    torch.testing.assert_close(noise.score(Y, of_flat), exact_score(noise, Y), atol=1e-2, rtol=1e-4)


# --- kinds and levels --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [Gaussian(0.08), Poisson(0.01), Gamma(12.0)], ids=lambda noise: noise.name)
def test_noise_has_the_mean_of_the_image_and_one_deviation_in_the_flat_coordinate(noise: Noise) -> None:
    x = torch.tensor([0.25, 0.5, 0.75]).view(1, 1, 3, 1).expand(1, 1, 3, 40_000)
    y = noise.degrade(x, seed=0)
    torch.testing.assert_close(y.mean(3), x.mean(3), atol=3e-3, rtol=0)
    torch.testing.assert_close(noise.flat(y).std(3), torch.full((1, 1, 3), noise.deviation), atol=0, rtol=0.07)
    assert noise.of_deviation(noise.deviation).level == pytest.approx(noise.level)
    assert torch.equal(noise.degrade(x, seed=0), y)
    assert not torch.equal(noise.degrade(x, seed=1), y)
    assert noise2score.noise(noise.text) == noise


@pytest.mark.parametrize(
    "text", ["gaussian", "gaussian:", "gauss:0.1", "poisson:-1", "poisson:2", "gamma:0", "gamma:nan"]
)
def test_other_noises_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        noise2score.noise(text)


def test_counts_and_speckle_are_not_negative() -> None:
    for kind in (Poisson, Gamma):
        with pytest.raises(InputError, match="not negative"):
            kind.flat(torch.tensor([-0.1]))


class Flat:
    """The exact score of flat images of any brightness with Gaussian noise, in coordinates t: what is not their mean is noise."""

    def __init__(self, deviation: float) -> None:
        self.deviation, self.sigma_min, self.sigma_max = deviation, 0.01, 0.04

    def score(self, t: Tensor, s: float) -> Tensor:
        return (t - t.mean((2, 3), keepdim=True)) / (self.deviation**2 + math.exp(2 * s))


@pytest.mark.parametrize("noise", [Gaussian(0.08), Poisson(0.01), Gamma(12.0)], ids=lambda noise: noise.name)
def test_levels_are_found_and_flat_images_restored(noise: Noise) -> None:
    x = torch.full((1, 1, 96, 96), 0.5)
    y, prior = noise.degrade(x, seed=0), Flat(noise.deviation)
    found = noise2score.estimate(prior, KINDS[noise.name], y)
    assert found.level == pytest.approx(noise.level, rel=0.02)
    tried = [noise.of_deviation(noise.deviation * factor) for factor in (0.7, 0.85, 1.0, 1.15, 1.3)]
    assert noise2score.least_total_variation(prior, tried, y) == tried[2]
    restored = noise2score.restore(prior, noise, y)
    # The extra noise is not nothing, and noise in t not quite Gaussian, least of all gamma noise.
    assert (restored - x).square().mean() < (0.15 if noise.name == "gamma" else 0.05) * (y - x).square().mean()


# --- learning ----------------------------------------------------------------------------------------------------


def test_a_prior_learned_from_a_noisy_image_alone_restores_it_and_finds_its_noise() -> None:
    """Of smooth stripes, without any of them."""
    x = (0.5 + 0.3 * torch.sin(torch.arange(64) / 6)).expand(1, 1, 64, 64)
    noise = Gaussian(0.1)
    [y] = noise2score.observed([x], noise.text)
    tiny = {"channels": 8, "kernel_size": 3, "knots_u": 15}
    settings = Settings(architecture=tiny | noise2score.ARCHITECTURE, batch=8, patch=24, iterations=60, learning_rate=0.03,
                        smoothing_weight=0, noisy=noise.text)  # fmt: skip
    trainer = Trainer(settings, [y], constant_start=5)
    for _ in range(settings.iterations):
        trainer.step()
    restored = noise2score.restore(trainer.result, noise, y)
    assert (restored - x).square().mean() < 0.3 * (y - x).square().mean()
    assert noise2score.estimate(trainer.result, Gaussian, y).level == pytest.approx(0.1, rel=0.2)


def test_photographs_are_degraded_once_each_by_a_seed_of_its_own_or_not_at_all() -> None:
    x = torch.full((1, 1, 8, 8), 0.5)
    first, second = noise2score.observed([x, x], "gaussian:0.1", seed=3)
    assert not torch.equal(first, second)
    assert torch.equal(noise2score.observed([x], "gaussian:0.1", seed=3)[0], first)
    assert torch.equal(noise2score.observed([x], "gaussian", seed=3)[0], x)
