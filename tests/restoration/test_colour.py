"""Colours in luminance and chrominance: an orthogonal change, noise levels of their own, and better than channel by channel."""

import pytest
import torch

from gnc_core import images, zoo
from gnc_core.choices import SchemeChoice, choose_scheme, scheme_for
from gnc_core.errors import InputError
from gnc_core.measuring import psnr
from gnc_core.prior import ByChannel
from gnc_core.problems import MRI, TASKS, Deblurring, Denoising, Inpainting, Poisson, Problem, SuperResolution
from gnc_core.restoration.colour import OFFSETS, OPPONENTS, InColour, colours, split


def opponents(x: torch.Tensor) -> torch.Tensor:
    matrix = torch.tensor(OPPONENTS, dtype=x.dtype)
    return torch.einsum("ij,njhw->nihw", matrix, x) + torch.tensor(OFFSETS, dtype=x.dtype).view(1, 3, 1, 1)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)).double()


def test_opponents_are_orthogonal_and_colours_come_back() -> None:
    matrix = torch.tensor(OPPONENTS).double()
    product = matrix @ matrix.T
    torch.testing.assert_close(product, product.diagonal().diag())
    x = random(2, 3, 5, 6)
    torch.testing.assert_close(colours(opponents(x)), x)
    assert 0 <= opponents(x).min() <= opponents(x).max() <= 1


@pytest.mark.parametrize("kind", [Denoising, Deblurring, SuperResolution, MRI])
def test_parts_are_the_problems_of_mixed_images(kind: type[Problem]) -> None:
    """The energy of each part is that of the colours along its direction: together they are that of the colours."""
    x, truth = random(1, 3, 16, 16, seed=1), random(1, 3, 16, 16, seed=2)
    problem = kind.degrade(truth, 0.1, seed=3)
    parts = split(problem)
    energies = [part.energy(opponents(x)[:, c : c + 1]) for c, part in enumerate(parts)]
    torch.testing.assert_close(sum(energies), problem.energy(x))
    tau, scale = 0.02, [sum(w * w for w in row) for row in OPPONENTS]
    found = torch.cat([part.prox(opponents(x)[:, c : c + 1], tau * scale[c]) for c, part in enumerate(parts)], 1)
    torch.testing.assert_close(colours(found), problem.prox(x, tau))


def test_known_pixels_stay_known() -> None:
    problem = Inpainting.degrade(random(1, 3, 8, 8), 0.5, seed=0)
    parts = split(problem)
    x = colours(torch.cat([part.initial() for part in parts], 1))
    assert torch.where(problem.observed, x - problem.observation, 0).abs().max() < 1e-12


def test_colours_gain_from_luminance_and_chrominance() -> None:
    truth = images.load_sample("Motorcycle", color=True)[..., 100:196, 100:196]
    problem, prior = Denoising.degrade(truth, 25 / 255, seed=0), ByChannel(zoo.load("foe-l1"))
    scheme = scheme_for(SchemeChoice(), prior, "foe-l1", problem)
    assert isinstance(scheme, InColour)
    *_, mixed = scheme.run(prior, problem)
    *_, separate = choose_scheme(SchemeChoice(), prior, "foe-l1", "denoise", 25 / 255).run(prior, problem)
    assert psnr(mixed.image, truth).item() > psnr(separate.image, truth).item() + 0.5
    assert mixed.energy.shape == (1,)


def test_what_is_restored_channel_by_channel() -> None:
    colour, grey = random(1, 3, 16, 16).float(), random(1, 1, 16, 16).float()
    prior = ByChannel(zoo.load("foe-l1"))
    for problem in (
        Poisson.degrade(colour, 0.1, 0),
        Inpainting.degrade(colour, 0.5, 0),
        Denoising.degrade(grey, 0.1, 0),
    ):
        assert not isinstance(scheme_for(SchemeChoice(), prior, "foe-l1", problem), InColour)
    with pytest.raises(InputError, match="channel by channel"):
        split(Poisson.degrade(colour, 0.1, 0))
    with pytest.raises(InputError, match="three colours"):
        split(Denoising.degrade(grey, 0.1, 0))
    with pytest.raises(InputError, match="three schemes"):
        InColour([choose_scheme(SchemeChoice(), prior, "foe-l1", "denoise", 0.1)])
    assert len(TASKS) == 7
