"""Bent directions against the matrices that they stand for."""

import pytest
import torch

from gnc_core.errors import InputError
from gnc_core.mixture import GaussianMixture
from gnc_core.sampling import ExactHessian, MixtureEnergy, Plain, RankOne

ONES = torch.ones(5, dtype=torch.float64)


def noise(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def scaled(v: torch.Tensor, e: torch.Tensor) -> torch.Tensor:
    return v * (e.norm(dim=1, keepdim=True) / v.norm(dim=1, keepdim=True))


def test_rank_one_solves_with_the_damped_matrix() -> None:
    first, second, third = (noise(5, 6, seed=seed) for seed in range(3))
    bend = RankOne(damping=0.7, memory=0.6, off=0).start(3)
    assert torch.equal(bend(first, first, ONES), first)  # nothing to average yet
    for e, e_bar in ((second, first), (third, 0.6 * first + 0.4 * second)):
        matrix = 0.7 * 6 * torch.eye(6, dtype=torch.float64) + e_bar[:, :, None] * e_bar[:, None, :]
        v = torch.linalg.solve(matrix, e[..., None])[..., 0]
        torch.testing.assert_close(bend(e, e, ONES), scaled(v, e))


def test_images_are_bent_as_vectors_are() -> None:
    e = [noise(5, 1, 2, 3, seed=seed) for seed in range(2)]
    images, vectors = RankOne(off=0).start(2), RankOne(off=0).start(2)
    for one in e:
        bent = images(one, one, ONES)
        torch.testing.assert_close(bent.flatten(1), vectors(one.flatten(1), one.flatten(1), ONES))


@pytest.mark.parametrize("direction", [RankOne(off=0), RankOne(damping=0.01, off=0)])
def test_in_one_dimension_nothing_changes(direction: RankOne) -> None:
    bend = direction.start(4)
    for seed in range(4):
        e = noise(5, 1, seed=seed)
        torch.testing.assert_close(bend(e, e, ONES), e)


def test_the_same_direction_again_and_again_is_not_bent() -> None:
    bend, e = RankOne(off=0).start(5), noise(5, 4, seed=0)
    for _ in range(5):
        torch.testing.assert_close(bend(e, e, ONES), e)


def test_curvature_is_off_in_the_first_share_of_the_steps() -> None:
    bend, bent = RankOne(off=0.4).start(10), []
    for seed in range(10):
        e = noise(5, 4, seed=seed)
        bent.append(not torch.equal(bend(e, e, ONES), e))
    assert bent == [False] * 4 + [True] * 6


def test_the_exact_hessian_of_a_gaussian() -> None:
    covariance = torch.tensor([[0.5, 0.3], [0.3, 0.4]], dtype=torch.float64)
    energy = MixtureEnergy(GaussianMixture([1.0], [[0.1, 0.2]], covariance[None]), 0.01, 2.0)
    e, sigma = noise(5, 2, seed=0), torch.full((5,), 0.3, dtype=torch.float64)
    H = 0.09 * torch.linalg.inv(covariance + 0.09 * torch.eye(2, dtype=torch.float64))
    v = torch.linalg.solve(0.5 * torch.eye(2, dtype=torch.float64) + H, e.T).T
    found = ExactHessian(energy, damping=0.5, off=0).start(1)(e, noise(5, 2, seed=1), sigma)
    torch.testing.assert_close(found, scaled(v, e))


def test_plain_is_what_it_gets() -> None:
    e = noise(5, 2, seed=0)
    assert Plain().start(1)(e, e, ONES) is e


@pytest.mark.parametrize(
    "make",
    [
        lambda: RankOne(damping=0), lambda: RankOne(memory=1), lambda: RankOne(off=1.5),
        lambda: ExactHessian(None, damping=-1),
    ],
)  # fmt: skip
def test_unusable_directions_are_refused(make) -> None:
    with pytest.raises(InputError):
        make()
