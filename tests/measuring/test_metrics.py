"""PSNR and SSIM against their definitions."""

import math

import pytest
import torch

from gnc_core.errors import InputError
from gnc_core.measuring.metrics import psnr, ssim


def test_psnr_of_known_errors():
    truth = torch.full((2, 1, 20, 20), 0.5)
    x = truth.clone()
    x[0] += 0.1
    x[1, 0, :10] -= 0.01
    expected = torch.tensor([20.0, -10 * math.log10(0.01**2 / 2)], dtype=torch.float64)
    torch.testing.assert_close(psnr(x, truth), expected, rtol=1e-5, atol=0)


def test_psnr_clips_the_estimate():
    truth = torch.ones(1, 1, 4, 4)
    assert psnr(truth + 3, truth).item() == math.inf


def test_ssim_of_the_image_itself_and_of_noise():
    torch.manual_seed(0)
    truth = torch.rand(2, 1, 32, 32)
    torch.testing.assert_close(ssim(truth, truth), torch.ones(2, dtype=torch.float64))
    assert (ssim(torch.rand(2, 1, 32, 32), truth).abs() < 0.2).all()


def test_ssim_of_constant_images_is_the_luminance_term():
    # With constant images the contrast and structure terms are 1.
    a, b, c1 = 0.3, 0.6, 0.01**2
    value = ssim(torch.full((1, 1, 16, 16), a), torch.full((1, 1, 16, 16), b))
    expected = (2 * a * b + c1) / (a * a + b * b + c1)
    torch.testing.assert_close(value, torch.tensor([expected], dtype=torch.float64), rtol=1e-5, atol=0)


def test_small_images_have_no_ssim_but_a_psnr():
    x = torch.zeros(1, 1, 10, 30)
    assert ssim(x, x).isnan().all()
    assert psnr(x + 0.1, x).item() == pytest.approx(20, abs=1e-4)


def test_shapes_must_agree():
    with pytest.raises(InputError):
        psnr(torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 5))
    with pytest.raises(InputError):
        ssim(torch.zeros(1, 1, 40, 40), torch.zeros(2, 1, 40, 40))


def test_psnr_over_all_channels_is_no_mean_of_psnrs():
    truth = torch.zeros(1, 3, 16, 16)
    image = torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1).expand_as(truth)
    assert psnr(image, truth).item() == pytest.approx(-10 * math.log10((0.01 + 0.04 + 0.09) / 3), abs=1e-4)
    channels = [ssim(image[:, [c]], truth[:, [c]]) for c in range(3)]
    assert ssim(image, truth).item() == pytest.approx(sum(channels).item() / 3)


def test_images_that_are_not_finite_have_no_psnr_and_no_ssim():
    """Clipped, infinity would be white."""
    truth = torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    x = truth + 0.1
    x[0, 0, 3, 3], x[1, 0, 4, 4] = torch.inf, torch.nan
    for measure in (psnr, ssim):
        assert measure(x, truth).isnan().tolist() == [True, True, False]


def test_integers_and_other_ranks_are_refused():
    x = torch.rand(1, 1, 16, 16)
    for wrong in ((255 * x).byte(), x[0], x > 0.5, x.numpy(), None):
        for measure in (psnr, ssim):
            with pytest.raises(InputError):
                measure(wrong, wrong)
            with pytest.raises(InputError, match="differ in shape"):
                measure(x, x[..., 1:])
