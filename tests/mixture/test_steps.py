"""A single step taken apart, and plain gradient descent: closed forms, and integrals done by summing."""

import math

import numpy as np
import pytest
import torch
from mixture_cases import WIDTHS, random_mixture

from gnc_core.errors import InputError
from gnc_core.mixture import GaussianMixture, arrived, gnc_flow, local_minimisers, posterior, take_apart

rng = np.random.default_rng(5)
CASES = [(random_mixture(rng, widths), rng.uniform(-1.2, 1.2), 10 ** rng.uniform(-1.5, 0.5)) for widths in WIDTHS * 5]


@pytest.mark.parametrize(("mixture", "x", "sigma"), CASES)
def test_the_step_leads_to_the_mean_of_the_posterior(mixture: GaussianMixture, x: float, sigma: float) -> None:
    apart = take_apart(mixture, x, sigma)
    assert apart.x + apart.step == pytest.approx(apart.mean, abs=1e-12)
    assert apart.mean == pytest.approx(float(mixture.posterior_mean([x], sigma)), abs=1e-12)
    curvature = float(mixture.hessian([x], sigma))
    assert apart.deviation**2 == pytest.approx(sigma**2 * (1 - sigma**2 * curvature), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(("mixture", "x", "sigma"), [case for case in CASES if case[0].variances.min() > 1e-4])
def test_the_posterior_is_prior_times_likelihood(mixture: GaussianMixture, x: float, sigma: float) -> None:
    grid = torch.linspace(-8, 8, 200_001, dtype=torch.float64)[:, None]
    product = (-mixture.energy(grid) - (x - grid[:, 0]) ** 2 / (2 * sigma**2)).softmax(0)
    seen = (-posterior(mixture, x, sigma).energy(grid)).softmax(0)
    torch.testing.assert_close(seen, product, rtol=1e-7, atol=1e-12)


def test_of_one_gaussian_the_posterior_is_known() -> None:
    seen = posterior(GaussianMixture([1.0], [0.3], [0.04]), -0.5, 0.1)
    assert seen.means.item() == pytest.approx((0.04 * -0.5 + 0.01 * 0.3) / 0.05)
    assert seen.variances.item() == pytest.approx(0.04 * 0.01 / 0.05)


def test_of_two_diracs_the_step_is_a_hyperbolic_tangent() -> None:
    two = GaussianMixture([1, 1], [-0.5, 0.5], [0.0, 0.0])
    for x, sigma in ((0.1, 0.3), (-0.7, 0.5), (0.02, 0.1)):
        assert take_apart(two, x, sigma).mean == pytest.approx(0.5 * math.tanh(0.5 * x / sigma**2))


@pytest.mark.parametrize(
    ("x", "sigma"), [(math.nan, 0.1), ("a", 0.1), ([0.1, 0.2], 0.1), (0.1, 0.0), (0.1, -1.0), (0.1, math.inf), (0.1, [1, 2])]
)  # fmt: skip
def test_unusable_steps_are_refused(x: object, sigma: object) -> None:
    with pytest.raises(InputError) as refusal:
        take_apart(CASES[0][0], x, sigma)
    assert str(refusal.value).count(". ") == 0


def test_a_step_in_the_plane_is_refused() -> None:
    with pytest.raises(InputError, match="one dimension"):
        posterior(GaussianMixture([1, 1], [[0, 0], [1, 1]], [0.1, 0.1]), 0.1, 0.1)


@pytest.mark.parametrize(("mixture", "x", "sigma"), CASES)
def test_with_one_sigma_the_energy_never_rises(mixture: GaussianMixture, x: float, sigma: float) -> None:
    path = gnc_flow(mixture, [x], [sigma] * 200)
    energy = mixture.energy(path, sigma)
    assert (energy.diff() <= 1e-12 * energy.abs().max()).all()
    assert (mixture.hessian(path, sigma) <= 1 / sigma**2 * (1 + 1e-9)).all()


def test_points_arrive_at_the_nearest_minimum_or_nowhere() -> None:
    assert arrived(0.1, [0.1]).item() == 0
    assert arrived([[0.0], [1.0]], [0.04, 0.97, 0.99]).tolist() == [[0], [2]]
    assert arrived(0.5, [0.0, 1.0], tolerance=0.4).item() == -1
    mixture = GaussianMixture([1, 1], [-0.5, 0.5], [0.01, 0.01])
    ends = gnc_flow(mixture, [[-0.4], [0.3]], [0.1] * 50)[-1, :, 0]
    assert arrived(ends, local_minimisers(mixture)).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("x", "minimisers", "tolerance"), [("a", [0.0], 0.1), (0.0, [], 0.1), (0.0, "b", 0.1), (0.0, [0.0], 0.0)]
)
def test_unusable_ends_are_refused(x: object, minimisers: object, tolerance: float) -> None:
    with pytest.raises(InputError):
        arrived(x, minimisers, tolerance)
