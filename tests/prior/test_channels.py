"""A grey prior on colour images."""

import torch
from stand_in import GaussianPrior

from gnc_core.prior import ByChannel


def test_the_channels_are_grey_images_with_one_s():
    grey = GaussianPrior()
    prior = ByChannel(grey)
    x = torch.rand(2, 3, 8, 9, generator=torch.Generator().manual_seed(0))
    s = torch.tensor([-1.0, -2.5])
    for name in ("energy", "slope"):
        expected = sum(getattr(grey, name)(x[:, [c]], s) for c in range(3))
        torch.testing.assert_close(getattr(prior, name)(x, s), expected)
    expected = torch.cat([grey.score(x[:, [c]], s) for c in range(3)], 1)
    torch.testing.assert_close(prior.score(x, s), expected)
    torch.testing.assert_close(prior.score(x[:1], -2.0), torch.cat([grey.score(x[:1, [c]], -2.0) for c in range(3)], 1))
    assert (prior.sigma_min, prior.sigma_max, prior.min_size) == (grey.sigma_min, grey.sigma_max, grey.min_size)


def test_one_image_meets_many_smoothings():
    prior, s = ByChannel(GaussianPrior()), torch.tensor([-1.0, -2.5, -3.0])
    for channels in (1, 3):
        x = torch.rand(1, channels, 8, 9, generator=torch.Generator().manual_seed(2))
        for name in ("energy", "score", "slope"):
            method = getattr(prior, name)
            torch.testing.assert_close(method(x, s), torch.cat([method(x, level[None]) for level in s]))


def test_grey_images_pass_as_they_are():
    grey, x = GaussianPrior(), torch.rand(2, 1, 8, 9, generator=torch.Generator().manual_seed(1))
    for name in ("energy", "score", "slope"):
        assert torch.equal(getattr(ByChannel(grey), name)(x, -2.0), getattr(grey, name)(x, -2.0))
