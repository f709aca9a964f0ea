"""Minima of smoothed Gaussian mixtures: closed forms, and dense searches."""

import math

import numpy as np
import pytest
import torch
from mixture_cases import DEFAULT, WIDTHS, random_mixture, slope_and_curvature

from gnc_core.mixture.convexity import critical_sigma, global_minimisers, local_minimisers, resolving_points
from gnc_core.mixture.gaussians import GaussianMixture


def test_default_mixture_has_the_known_minima() -> None:
    minimisers = local_minimisers(DEFAULT)
    np.testing.assert_allclose(minimisers, [-0.75, -0.30, 0.20, 0.55, 0.85], atol=1e-3)
    np.testing.assert_allclose(global_minimisers(DEFAULT), [0.20], atol=1e-3)
    assert len(local_minimisers(DEFAULT, sigma=1.01 * critical_sigma(DEFAULT))) == 1


@pytest.mark.parametrize("sigma", [1e-6, 0.01, 0.3, 10.0])
def test_what_lies_at_one_place_has_its_minimum_there(sigma: float) -> None:
    for mean in (0.0, -0.7, 123.0):
        for variances in ([0.0], [0.01], [0.01, 0.01], [0.0, 0.01, 1.0]):
            mixture = GaussianMixture([1] * len(variances), [mean] * len(variances), variances)
            assert local_minimisers(mixture, sigma).tolist() == pytest.approx([mean], abs=1e-9)


@pytest.mark.parametrize("widths", WIDTHS)
def test_local_minimisers_are_those_of_a_dense_search(widths: str) -> None:
    rng = np.random.default_rng(30 + WIDTHS.index(widths))
    for _ in range(50):
        mixture, sigma = random_mixture(rng, widths), float(rng.choice([0.003, 0.01, 0.03, 0.1, 0.3]))
        around = (mixture.means + (mixture.variances + sigma**2).sqrt() * torch.linspace(-6, 6, 2001)).ravel()
        x = np.unique(np.concatenate([np.linspace(-1.01, 1.01, 40_001), around.numpy()]))
        slope, _ = slope_and_curvature(mixture, sigma, x)
        rises = np.flatnonzero((slope[:-1] < 0) & (slope[1:] >= 0))
        found = local_minimisers(mixture, sigma).numpy()
        assert len(found) == len(rises)
        assert (x[rises] - 1e-9 <= found).all()
        assert (found <= x[rises + 1] + 1e-9).all()


@pytest.mark.parametrize("distance", [1.0, 1e-3, 1e-6])
def test_two_diracs_part_at_half_their_distance(distance: float) -> None:
    m = distance / 2
    mixture = GaussianMixture([1, 1], [0.3 - m, 0.3 + m], [0, 0])
    assert len(local_minimisers(mixture, 1.01 * m)) == 1
    for sigma in (0.97 * m, 0.5 * m, 0.05 * m):
        left, right = (local_minimisers(mixture, sigma) - 0.3).tolist()
        assert left == pytest.approx(-right, rel=1e-3)
        assert right == pytest.approx(m * math.tanh(m * right / sigma**2), rel=1e-5)  # E' = 0


@pytest.mark.parametrize("sigma", [0.45, 0.3, 0.1, 0.05])
@pytest.mark.parametrize("relative", [1e-2, 1e-5, 1e-8])
def test_shallow_minima_are_found_up_to_where_they_vanish(sigma: float, relative: float) -> None:
    # Two Diracs at -m and m: C E' = x - m tanh(u) with u = m x / C + L, L half the log ratio of their weights. A minimum
    # meets a maximum where E'' = 0 too, cosh(u) = m / sigma.
    m = 0.5
    u = math.acosh(m / sigma)
    fold = m**2 * math.tanh(u) / sigma**2 - u
    for L, count in (((1 - relative) * fold, 2), ((1 + relative) * fold, 1)):
        weights = [1 / (1 + math.exp(2 * L)), 1 / (1 + math.exp(-2 * L))]
        for mixture in (GaussianMixture(weights, [-m, m], [0, 0]), GaussianMixture(weights, [m, -m], [0, 0])):
            assert len(local_minimisers(mixture, sigma)) == count


def test_minima_that_are_equally_low_are_all_global() -> None:
    np.testing.assert_allclose(
        global_minimisers(GaussianMixture([1, 1], [-0.5, 0.5], [0.01] * 2)), [-0.5, 0.5], atol=1e-4
    )
    four = GaussianMixture([1] * 4, [-0.8, -0.1, 0.3, 0.9], [0] * 4)
    np.testing.assert_allclose(global_minimisers(four, 0.001), [-0.8, -0.1, 0.3, 0.9], atol=1e-9)
    np.testing.assert_allclose(
        global_minimisers(GaussianMixture([0.499, 0.501], [-0.5, 0.5], [0.01] * 2)), [0.5], atol=1e-4
    )


def test_drawn_at_the_resolving_points_no_minimum_is_lost() -> None:
    rng = np.random.default_rng(0)
    for widths in WIDTHS:
        mixture, sigma = random_mixture(rng, widths), 0.001
        x = torch.from_numpy(resolving_points(mixture, sigma))
        assert (x.diff() > 0).all()
        assert (x[0], x[-1]) == (-1, 1)
        minimum = mixture.energy(global_minimisers(mixture, sigma)[:, None], sigma).min()
        assert mixture.energy(x[:, None], sigma).min() == pytest.approx(float(minimum), abs=0.05)
