"""The harmonic fill: closed forms, the maximum principle, Laplace's equation itself; and where inpainting starts."""

import pytest
import torch

from gnc_core.errors import InputError
from gnc_core.problems import Denoising, Inpainting, random_mask
from gnc_core.problems.filling import harmonic_fill


def uniform(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


def hole(height: int, width: int, top: int, left: int, bottom: int, right: int) -> torch.Tensor:
    observed = torch.ones(1, 1, height, width, dtype=torch.bool)
    observed[..., top:bottom, left:right] = False
    return observed


def test_a_linear_image_is_reproduced() -> None:
    y, x = torch.meshgrid(torch.arange(40.0), torch.arange(50.0), indexing="ij")
    truth = (0.1 + 0.01 * y + 0.004 * x).double()[None, None]
    observed = hole(40, 50, 5, 8, 36, 44)
    torch.testing.assert_close(harmonic_fill(truth.where(observed, torch.nan), observed), truth, rtol=0, atol=1e-6)


def test_a_gap_of_one_dimension_is_linear_and_level_beyond_the_last_known_pixel() -> None:
    z = torch.tensor([0.0, 0.0, 0.2, 0.0, 0.0, 0.0, 1.0, 0.0]).double()
    observed = torch.tensor([False, False, True, False, False, False, True, False]).view(1, 1, 1, -1)
    expected = torch.tensor([0.2, 0.2, 0.2, 0.4, 0.6, 0.8, 1.0, 1.0]).double()
    for shape in ((1, 1, 1, -1), (1, 1, -1, 1)):
        filled = harmonic_fill(z.view(shape), observed.view(shape))
        torch.testing.assert_close(filled.flatten(), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("level", [0.3, 0.8, 0.97])
def test_a_missing_pixel_is_the_mean_of_its_neighbours_and_within_the_known(level: float) -> None:
    truth = uniform(2, 3, 30, 40)
    observed = random_mask(truth.shape, level, seed=1)
    filled = harmonic_fill(truth, observed)
    assert torch.equal(filled.where(observed, 0), truth.where(observed, 0))
    padded = torch.nn.functional.pad(filled, (1, 1, 1, 1), mode="replicate")
    differences = sum(
        padded[..., 1 + dy : 31 + dy, 1 + dx : 41 + dx] - filled for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0))
    )
    assert differences.where(~observed, 0).abs().max() < 1e-5
    known = truth.where(observed, torch.nan).flatten(2)
    low, high = known.nan_to_num(torch.inf).amin(2), known.nan_to_num(-torch.inf).amax(2)
    assert (filled.flatten(2).amin(2) >= low).all()
    assert (filled.flatten(2).amax(2) <= high).all()


def test_masks_are_those_of_images_and_channels() -> None:
    truth, observed = uniform(2, 3, 12, 13), uniform(2, 3, 12, 13) < 0.4
    each = torch.stack(
        [
            torch.cat([harmonic_fill(plane[None, None], mask[None, None])[0] for plane, mask in zip(x, m, strict=True)])
            for x, m in zip(truth, observed, strict=True)
        ]
    )
    torch.testing.assert_close(harmonic_fill(truth, observed), each, rtol=0, atol=1e-6)
    shared = observed[:1, :1]
    both = torch.cat([harmonic_fill(x[None], shared) for x in truth])
    torch.testing.assert_close(harmonic_fill(truth, shared), both, rtol=0, atol=1e-6)


def test_what_is_known_wholly_or_not_at_all() -> None:
    z = uniform(1, 2, 5, 6)
    observed = torch.ones(1, 2, 5, 6, dtype=torch.bool)
    assert torch.equal(harmonic_fill(z, observed), z)
    observed[:, 1] = False
    filled = harmonic_fill(z, observed)
    assert torch.equal(filled[:, 0], z[:, 0])
    assert (filled[:, 1] == 0.5).all()


def test_inpainting_starts_from_the_fill_or_from_grey() -> None:
    truth, observed = uniform(1, 1, 20, 21), hole(20, 21, 4, 5, 12, 13)
    broken = truth.where(observed, torch.nan)
    assert torch.equal(Inpainting(broken, observed).initial(), harmonic_fill(broken, observed))
    grey = Inpainting(broken, observed, "grey")
    assert torch.equal(grey.initial(), truth.where(observed, 0.5))
    assert torch.equal(Inpainting(broken, observed).from_start("grey").initial(), grey.initial())
    assert grey.from_start(None) is grey
    with pytest.raises(InputError, match="no start 'zero'; there are harmonic, grey"):
        Inpainting(broken, observed, "zero")
    with pytest.raises(InputError, match="no choice of a start"):
        Denoising(truth, 0.1).from_start("grey")


@pytest.mark.parametrize("start", Inpainting.starts)
def test_the_start_stays_when_problems_move_and_are_stacked(start: str) -> None:
    problems = [Inpainting.degrade(uniform(1, 1, 16, 17), 0.6, k).from_start(start) for k in range(2)]
    together = Inpainting.stack(problems)
    assert together.start == start
    torch.testing.assert_close(together.initial(), torch.cat([p.initial() for p in problems]), rtol=0, atol=1e-6)
    single = together.to(torch.float32)
    assert single.initial().dtype == torch.float32
    torch.testing.assert_close(single.initial().double(), together.initial(), rtol=0, atol=1e-6)
    with pytest.raises(InputError, match="same start"):
        Inpainting.stack([problems[0], problems[1].from_start("grey" if start == "harmonic" else "harmonic")])


def test_gaps_too_deep_for_the_steps_are_noted() -> None:
    truth = uniform(1, 1, 40, 40)
    problem = Inpainting(truth, hole(40, 40, 9, 9, 28, 28))  # the middle of 19 pixels is 10 from the nearest known one
    assert problem.depth == 10
    assert "10 from the nearest known one, too deep for 24 steps" in problem.note(24)
    assert "About 25 would" in problem.note(1)
    assert problem.note(25) == Denoising(truth, 0.1).note(1) == ""
    observed = torch.ones(1, 2, 40, 40, dtype=torch.bool)
    observed[:, 1] = False
    assert Inpainting(truth.expand(1, 2, 40, 40), observed).depth == 0  # no pixel of the other channel is near or far
