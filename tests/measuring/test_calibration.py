"""The noise level that a prior sees: against a prior in closed form."""

import math

import pytest
import torch
from stand_in import GaussianPrior

from gnc_core.errors import InputError
from gnc_core.measuring import calibration
from gnc_core.problems import Denoising, image_seed

PRIOR = GaussianPrior(variance=0.03**2)


@pytest.mark.parametrize("sigma", [0.02, 0.05, 0.1, 0.2])
def test_estimates_are_those_of_maximum_likelihood(sigma):
    clean = PRIOR.sample(3, 64, seed=1)
    noisy = clean + sigma * torch.randn(clean.shape, generator=torch.Generator().manual_seed(2))
    variance = (noisy - PRIOR.mean).square().mean((1, 2, 3)) - PRIOR.variance  # where R(y, s) is lowest
    estimated = calibration.estimate_sigma(PRIOR, noisy)
    torch.testing.assert_close(estimated, variance.sqrt(), rtol=0.02, atol=0.0)
    assert calibration.blind(PRIOR, noisy).level == pytest.approx(estimated.log().mean().exp().item(), rel=1e-6)


def test_estimates_stay_within_the_range_of_the_prior():
    constant = torch.full((1, 1, 8, 8), PRIOR.mean)
    loud = constant + 3 * torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert calibration.estimate_sigma(PRIOR, constant).item() == pytest.approx(PRIOR.sigma_min, rel=0.13)
    assert calibration.estimate_sigma(PRIOR, loud).item() == pytest.approx(PRIOR.sigma_max, rel=0.13)


def test_a_second_minimum_far_below_does_not_mislead():
    class Misled(GaussianPrior):
        """Its energy falls off a cliff at the smallest smoothings."""

        def energy(self, x, s):
            return super().energy(x, s) - 1e6 * (s < math.log(0.015))

    noisy = PRIOR.sample(2, 64, seed=1) + 0.2 * torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(2))
    first, lowest = calibration.minima(Misled(variance=PRIOR.variance), noisy)
    torch.testing.assert_close(first, calibration.estimate_sigma(PRIOR, noisy))
    assert (lowest < 0.015).all()
    torch.testing.assert_close(*calibration.minima(PRIOR, noisy))


def test_ratios_are_near_one_and_each_image_has_noise_of_its_own():
    clean = [PRIOR.sample(1, 64, seed=1)] * 3
    found = list(calibration.ratios(PRIOR, clean, 0.1, seed=0))
    assert len(set(found)) == 3
    assert all(math.isclose(ratio, 1, abs_tol=0.05) for both in found for ratio in both)
    assert found == list(calibration.ratios(PRIOR, clean, 0.1, seed=0))


def test_clipped_noise_is_told_as_well_as_what_was_not_clipped():
    """Of an image that is black and white in places, where half of its noise is cut off."""
    clean = torch.full((1, 1, 100, 100), 0.5)
    clean[..., :4], clean[..., -4:] = 0.0, 1.0
    prior = GaussianPrior(mean=0.5, variance=clean.var().item())
    for sigma in (0.2, 0.3):
        (first, _), (plain, _) = (
            next(calibration.ratios(prior, [clean], sigma, as_file=as_file)) for as_file in (True, False)
        )
        problem = Denoising.degrade(clean, sigma, image_seed(0, 0), as_file=True)
        ignored = calibration.estimate_sigma(prior, problem.observation).item() / sigma
        told = calibration.blind(prior, problem.observation, clipped=True)
        assert told.clipped
        assert told.noise_std == pytest.approx(first * sigma, rel=1e-4)
        assert abs(first / plain - 1) < abs(ignored / plain - 1) / 2


def test_images_without_a_noise_level():
    y = PRIOR.sample(2, 16, seed=0)
    for wrong in (y * torch.nan, y / 0, y[0], (255 * y).byte(), None):
        for estimate in (calibration.estimate_sigma, calibration.minima, calibration.blind):
            with pytest.raises(InputError):
                estimate(PRIOR, wrong)
    with pytest.raises(InputError, match="single image"):
        list(calibration.ratios(PRIOR, [y], 0.1))
    with pytest.raises(InputError, match="positive"):
        list(calibration.ratios(PRIOR, [y[:1]], "loud"))
