"""Convexity of smoothed Gaussian mixtures: closed forms, and dense searches."""

import math

import numpy as np
import pytest
import torch
from mixture_cases import DEFAULT, WIDTHS, dense_smallest_curvature, random_mixture, slope_and_curvature

from gnc_core.errors import InputError
from gnc_core.mixture.convexity import (
    critical_sigma,
    global_minimisers,
    local_minimisers,
    resolving_points,
    smallest_curvature,
    thresholds,
)
from gnc_core.mixture.examples import PRESETS
from gnc_core.mixture.gaussians import GaussianMixture


@pytest.mark.parametrize("widths", WIDTHS)
def test_smallest_curvature_is_that_of_a_dense_search(widths: str) -> None:
    rng = np.random.default_rng(WIDTHS.index(widths))
    for _ in range(80):
        mixture = random_mixture(rng, widths)
        sigma = float(rng.choice([0.01, 0.02, 0.05, 0.3]))
        found, dense = smallest_curvature(mixture, sigma)[0], dense_smallest_curvature(mixture, sigma)
        assert found <= dense + 1e-9 * abs(dense)
        assert found == pytest.approx(dense, rel=1e-4)


@pytest.mark.parametrize("sigma", [0.3, 1e-2, 1e-3, 1e-4, 1e-6])
@pytest.mark.parametrize("share", [0.5, 0.01, 1e-6])
def test_two_equal_components_are_least_convex_where_they_balance(sigma: float, share: float) -> None:
    # r (1 - r) (2m)^2 / C^2 is largest at r = 1/2, which some x of a wide domain attains.
    m = 0.4
    for v in (0.0, 0.05**2):
        mixture, C = GaussianMixture([share, 1 - share], [-m, m], [v, v]), v + sigma**2
        assert smallest_curvature(mixture, [sigma], (-5, 5))[0] == pytest.approx(1 / C - (m / C) ** 2, rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_far_apart_diracs_are_least_convex_across_the_widest_gap(seed: int) -> None:
    rng = np.random.default_rng(seed)
    means = rng.permutation(np.cumsum(rng.uniform(0.1, 0.4, 6))) - 1
    gap = np.diff(np.sort(means)).max()
    sigmas = np.array([1e-3, 1e-4, 1e-5])
    expected = 1 / sigmas**2 - (gap / (2 * sigmas**2)) ** 2
    found = smallest_curvature(GaussianMixture(rng.uniform(0.1, 1, 6), means, np.zeros(6)), sigmas)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("factor", [1e-5, 1e-2, 1e3])
@pytest.mark.parametrize("widths", WIDTHS)
def test_curvature_and_thresholds_scale_with_the_mixture(widths: str, factor: float) -> None:
    rng = np.random.default_rng(7)
    for _ in range(5):
        mixture = random_mixture(rng, widths)
        scaled = GaussianMixture(mixture.weights, factor * mixture.means, factor**2 * mixture.variances[:, 0])
        domain = (-factor, factor)
        sigmas = np.array([0.01, 0.1, 1.0])
        found = smallest_curvature(scaled, factor * sigmas, domain)
        np.testing.assert_allclose(found, smallest_curvature(mixture, sigmas) / factor**2, rtol=1e-7)
        assert critical_sigma(scaled, domain) == pytest.approx(factor * critical_sigma(mixture), rel=1e-7)


@pytest.mark.parametrize("side", [-1, 1])
def test_a_minimum_beside_an_end_of_the_domain_is_found(side: int) -> None:
    sigma = 0.5
    x = np.linspace(-1, 1, 200_001)
    _, curvature = slope_and_curvature(DEFAULT, sigma, x)
    least = x[curvature.argmin()]
    assert -0.9 < least < 0.9
    for beside in (1e-5, 1e-3, 3e-3, 1e-2, 3e-2):
        domain = sorted((least + side * beside, -side))
        assert smallest_curvature(DEFAULT, sigma, domain)[0] == pytest.approx(curvature.min(), rel=1e-9)


def test_a_minimum_at_an_end_of_the_domain_is_found() -> None:
    # Two Diracs at -m and m are least convex at 0, and the more so the nearer.
    m, sigma = 0.5, 0.2
    mixture = GaussianMixture([1, 1], [-m, m], [0, 0])
    for end in (1e-3, 0.1):
        r = 1 / (1 + math.exp(-2 * m * end / sigma**2))
        expected = 1 / sigma**2 - r * (1 - r) * (2 * m / sigma**2) ** 2
        for domain in ((end, 1.0), (-1.0, -end)):
            assert smallest_curvature(mixture, sigma, domain)[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("domain", [(-1.0, 0.0), (0.0, 1.0)])
@pytest.mark.parametrize("share", [0.5, 1e-6, 1e-12])
@pytest.mark.parametrize("order", [1, -1])
def test_a_narrow_component_in_a_wide_one_balances_on_both_sides(
    domain: tuple[float, float], share: float, order: int
) -> None:
    mixture = GaussianMixture([1 - share, share][::order], [0.0, 0.05][::order], [0.0, 0.09][::order])
    for sigma in (0.0007, 0.005):
        found = smallest_curvature(mixture, sigma, domain)[0]
        assert found == pytest.approx(dense_smallest_curvature(mixture, sigma, domain), rel=1e-7)


# --- thresholds -------------------------------------------------------------------------------


@pytest.mark.parametrize("widths", WIDTHS)
def test_critical_sigma_is_that_of_a_dense_search(widths: str) -> None:
    rng = np.random.default_rng(10 + WIDTHS.index(widths))
    for _ in range(12):
        mixture = random_mixture(rng, widths)
        exact = critical_sigma(mixture)
        for sigma in [*np.geomspace(max(1.001 * exact, 0.02), 3, 12), 1.0001 * exact]:
            assert sigma < 0.02 or dense_smallest_curvature(mixture, sigma) > 0
        if exact > 0.02:
            assert dense_smallest_curvature(mixture, 0.9999 * exact) < 0


@pytest.mark.parametrize("name", PRESETS)
def test_convex_above_the_exact_threshold_and_not_just_below(name: str) -> None:
    mixture = PRESETS[name]
    exact = critical_sigma(mixture)
    x = torch.linspace(-1, 1, 20001, dtype=torch.float64)[:, None]
    for factor in (1.001, 1.01, 1.1, 1.5, 3.0, 10.0):
        assert mixture.hessian(x, factor * exact).min() > 0
    assert mixture.hessian(x, 0.999 * exact).min() < 0
    above, below = smallest_curvature(mixture, [1.001 * exact, 0.999 * exact])
    assert above > 0 > below


@pytest.mark.parametrize("distance", [1.2, 0.1, 1e-3, 1e-6])
@pytest.mark.parametrize("share", [0.5, 0.1, 1e-3])
@pytest.mark.parametrize("relative_width", [0.0, 0.3, 0.4999])
def test_exact_threshold_of_two_equal_components(distance: float, share: float, relative_width: float) -> None:
    # The smallest curvature 1/C - (D/2C)^2 is zero at C = (D/2)^2.
    v = (relative_width * distance) ** 2
    mixture = GaussianMixture([share, 1 - share], [0.1, 0.1 + distance], [v, v])
    found = thresholds(mixture, (-5, 5))
    expected = math.sqrt(distance**2 / 4 - v)
    assert found.critical == pytest.approx(expected, rel=1e-6)
    assert found.half_diameter == pytest.approx(expected, rel=1e-6)
    assert found.diameter == pytest.approx(distance, rel=1e-9)


def test_two_diracs_a_thousandth_apart_are_convex_from_half_of_it_on() -> None:
    mixture = GaussianMixture([1, 1], [0.0, 0.001], [0, 0])
    assert critical_sigma(mixture) == pytest.approx(0.0005, rel=1e-9)
    assert smallest_curvature(mixture, 4e-4)[0] == pytest.approx(1 / 1.6e-7 - (0.0005 / 1.6e-7) ** 2, rel=1e-9)


def test_exact_threshold_of_the_default_mixture() -> None:
    assert critical_sigma(DEFAULT) == pytest.approx(0.389, abs=0.005)


def test_a_balance_outside_the_domain_lowers_the_threshold() -> None:
    # At sigma = D/2 these balance near 1.7, so that the end of the domain decides: r (1 - r) D^2 = C at x = 1.
    share = 1e-3
    mixture = GaussianMixture([1 - share, share], [-0.5, 0.5], [0, 0])

    def excess(C: float) -> float:
        r = 1 / (1 + math.exp(math.log((1 - share) / share) - 1.0 / C))
        return C - r * (1 - r)

    roots = np.linspace(0.01, 0.25, 100_001)
    last = roots[np.flatnonzero(np.array([excess(C) for C in roots]) < 0)[-1]]
    assert critical_sigma(mixture, (-1, 1)) == pytest.approx(math.sqrt(last), abs=1e-5)
    assert critical_sigma(mixture, (-5, 5)) == pytest.approx(0.5, rel=1e-9)


def test_what_is_convex_for_every_sigma_has_threshold_zero() -> None:
    for width in (0.0, 0.01):
        assert critical_sigma(GaussianMixture([1.0], [0.2], [width])) == 0.0
        assert critical_sigma(GaussianMixture([1, 2, 3], [0.2] * 3, [width] * 3)) == 0.0
    assert critical_sigma(GaussianMixture([1, 1], [-0.1, 0.1], [0.011] * 2)) == 0.0


def test_coinciding_components_of_different_widths_are_not_convex() -> None:
    mixture = GaussianMixture([1, 1], [0.1, 0.1], [0.0, 0.1])
    found = thresholds(mixture)
    assert (found.diameter, found.half_diameter) == (0.0, None)
    assert found.critical is not None
    assert (
        dense_smallest_curvature(mixture, 0.999 * found.critical)
        < 0
        < dense_smallest_curvature(mixture, 1.001 * found.critical)
    )


@pytest.mark.parametrize("seed", range(5))
def test_thresholds_are_ordered(seed: int) -> None:
    generator = np.random.default_rng(seed)
    weights, means = generator.uniform(0.1, 1, 5), generator.uniform(-1, 1, 5)
    found = thresholds(GaussianMixture(weights, means, [0.03**2] * 5))
    assert found.critical is not None
    assert found.half_diameter is not None
    assert 0 < found.critical <= found.half_diameter < found.diameter


@pytest.mark.parametrize("widths", WIDTHS)
def test_bounds_hold_as_the_page_says(widths: str) -> None:
    """From D on convex between the outermost means for any widths; from D/2 on everywhere, if they are equal."""
    rng = np.random.default_rng(20 + WIDTHS.index(widths))
    for _ in range(25):
        mixture = random_mixture(rng, widths, fewest=2)
        found = thresholds(mixture, critical=False)
        hull = (float(mixture.means.min()), float(mixture.means.max()))
        sigmas = found.diameter * np.array([1.0, 1.1, 2.0])
        assert (smallest_curvature(mixture, sigmas, hull) >= -1e-9 / found.diameter**2).all()
        assert (found.half_diameter is not None) == bool((mixture.variances == mixture.variances[0]).all())
        if found.half_diameter is not None:
            sigmas = np.array([found.half_diameter, 1.1 * found.diameter / 2, found.diameter])
            assert (smallest_curvature(mixture, sigmas, (-9, 9)) >= -1e-9 / found.diameter**2).all()


def test_half_diameter_is_given_only_for_equal_covariances() -> None:
    assert thresholds(DEFAULT).half_diameter is None
    assert thresholds(PRESETS["Dirac components"]).half_diameter == pytest.approx(0.75)
    assert thresholds(GaussianMixture([1, 1], [0, 1e-6], [0, 1e-13])).half_diameter is None
    cov = torch.tensor([[0.04, 0.01], [0.01, 0.09]], dtype=torch.float64)
    plane = GaussianMixture([1.0, 2.0], [[0.0, 0.0], [3.0, 4.0]], torch.stack([cov, cov]))
    found = thresholds(plane)
    v_min = torch.linalg.eigvalsh(cov)[0].item()
    assert (found.diameter, found.critical) == (pytest.approx(5.0), None)
    assert found.half_diameter == pytest.approx(math.sqrt(2.5**2 - v_min))
    lattice = torch.cartesian_prod(*2 * [torch.linspace(-2, 6, 81, dtype=torch.float64)])
    hessian = plane.hessian(lattice, found.half_diameter)
    assert torch.linalg.eigvalsh(hessian).min() > -1e-12


def test_the_diameter_of_many_means_close_together_is_exact() -> None:
    means = 0.7 + 1e-6 * np.arange(40)
    assert thresholds(GaussianMixture(np.ones(40), means, np.zeros(40))).diameter == pytest.approx(39e-6, rel=1e-9)


# --- input ---------------------------------------------------------------------------------------


def test_numbers_may_be_lists_arrays_tensors_or_integers() -> None:
    expected = smallest_curvature(DEFAULT, [1.0, 2.0])
    for sigma in ((1, 2), np.array([1, 2]), torch.tensor([1.0, 2.0]), np.array([1, 2], dtype=np.float32)):
        np.testing.assert_array_equal(smallest_curvature(DEFAULT, sigma, [-1, 1]), expected)
    assert smallest_curvature(DEFAULT, 1) == expected[:1]
    assert smallest_curvature(DEFAULT, []).shape == (0,)
    single = GaussianMixture(DEFAULT.weights, DEFAULT.means, DEFAULT.covariances, torch.float32)
    assert critical_sigma(single, np.array([-1, 1])) == pytest.approx(critical_sigma(DEFAULT), rel=1e-5)
    np.testing.assert_allclose(local_minimisers(single), local_minimisers(DEFAULT), atol=1e-6)


@pytest.mark.parametrize("sigma", [-0.1, math.nan, math.inf, "wide", None, [[0.1]]])
def test_unusable_sigmas_are_refused(sigma: object) -> None:
    for ask in (smallest_curvature, local_minimisers, resolving_points):
        with pytest.raises(InputError, match="sigma"):
            ask(DEFAULT, sigma)
    with pytest.raises(InputError, match="Dirac"):
        smallest_curvature(PRESETS["Dirac components"], [0.1, 0.0])


@pytest.mark.parametrize("domain", [(1, -1), (0, 0), (0, math.nan), (0,), (0, 1, 2), (-math.inf, 1), "ab", 3])
def test_unusable_domains_are_refused(domain: object) -> None:
    for ask in (smallest_curvature, resolving_points):
        with pytest.raises(InputError, match="domain"):
            ask(DEFAULT, 0.1, domain)
    for ask in (critical_sigma, thresholds):
        with pytest.raises(InputError, match="domain"):
            ask(DEFAULT, domain)


def test_questions_about_one_dimension_are_refused_in_the_plane() -> None:
    plane = GaussianMixture([1, 1], [[0, 0], [1, 1]], [0.1, 0.1])
    for ask in (
        local_minimisers,
        global_minimisers,
        critical_sigma,
        resolving_points,
        lambda m: smallest_curvature(m, 1),
    ):
        with pytest.raises(InputError, match="one dimension"):
            ask(plane)
