"""Gaussian mixtures: derivatives, Tweedie's formula, convexity thresholds and the GNC flow."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from gnc_core.errors import InputError
from gnc_core.mixture import (
    SIGMA_END,
    TOLERANCE,
    GaussianMixture,
    attainment,
    critical_sigma,
    global_minimiser,
    gnc_flow,
    local_minimisers,
    smallest_curvature,
    spaced_steps,
    thresholds,
)
from gnc_core.mixture.examples import PRESETS, one_dimensional

DEFAULT = PRESETS["Five components"]


def random_mixture(d: int, isotropic: bool, seed: int = 0, K: int = 4) -> GaussianMixture:
    generator = torch.Generator().manual_seed(seed)
    weights = torch.rand(K, generator=generator, dtype=torch.float64) + 0.1
    means = torch.randn(K, d, generator=generator, dtype=torch.float64)
    if isotropic:
        return GaussianMixture(weights, means, weights.flip(0) / 4)
    A = 0.4 * torch.randn(K, d, d, generator=generator, dtype=torch.float64)
    return GaussianMixture(weights, means, A @ A.mT + 0.05 * torch.eye(d, dtype=torch.float64))


CASES = [
    pytest.param(random_mixture(d, isotropic), id=f"{d}d-{'isotropic' if isotropic else 'full'}")
    for d in (1, 2, 3)
    for isotropic in (True, False)
]


def points(mixture: GaussianMixture, n: int = 7, scale: float = 2.0) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return scale * torch.randn(n, mixture.dimension, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("mixture", CASES)
def test_energy_is_the_negative_log_density(mixture: GaussianMixture) -> None:
    x, sigma = points(mixture), 0.3
    eye = torch.eye(mixture.dimension, dtype=torch.float64)
    S = mixture.covariances if mixture.covariances.ndim == 3 else mixture.covariances[:, None, None] * eye
    normal = torch.distributions.MultivariateNormal(mixture.means, S + sigma**2 * eye)
    density = (mixture.weights * normal.log_prob(x[:, None]).exp()).sum(-1)
    torch.testing.assert_close(mixture.energy(x, sigma), -density.log())


@pytest.mark.parametrize("mixture", CASES)
@pytest.mark.parametrize("sigma", [0.0, 0.3])
def test_gradient_against_finite_differences(mixture: GaussianMixture, sigma: float) -> None:
    x, h = points(mixture), 1e-5
    shifts = h * torch.eye(mixture.dimension, dtype=torch.float64)
    ahead = mixture.energy(x[:, None] + shifts, sigma)
    behind = mixture.energy(x[:, None] - shifts, sigma)
    difference = (ahead - behind) / (2 * h)
    torch.testing.assert_close(mixture.gradient(x, sigma), difference, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("mixture", CASES)
@pytest.mark.parametrize("sigma", [0.0, 0.3])
def test_hessian_against_autograd(mixture: GaussianMixture, sigma: float) -> None:
    x = points(mixture)
    expected = torch.stack([torch.autograd.functional.hessian(lambda v: mixture.energy(v, sigma), p) for p in x])
    torch.testing.assert_close(mixture.hessian(x, sigma), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("mixture", CASES)
def test_smoothing_adds_up_in_variance(mixture: GaussianMixture) -> None:
    x = points(mixture)
    torch.testing.assert_close(mixture.smoothed(0.3).energy(x, 0.4), mixture.energy(x, 0.5))


@pytest.mark.parametrize("mixture", CASES)
def test_sigma_broadcasts_over_points(mixture: GaussianMixture) -> None:
    x = points(mixture, n=3)
    sigma = torch.tensor([0.1, 0.2, 0.5], dtype=torch.float64)
    single = [mixture.hessian(p, float(s)) for p, s in zip(x, sigma, strict=True)]
    torch.testing.assert_close(mixture.hessian(x, sigma), torch.stack(single))
    assert mixture.energy(x, sigma[:, None]).shape == (3, 3)


def test_tweedie_is_exact_for_a_single_gaussian() -> None:
    mu = torch.tensor([0.5, -1.0], dtype=torch.float64)
    S = torch.tensor([[0.4, 0.1], [0.1, 0.2]], dtype=torch.float64)
    mixture, sigma = GaussianMixture([1.0], mu[None], S[None]), 0.7
    y = points(mixture)
    gain = S @ torch.linalg.inv(S + sigma**2 * torch.eye(2, dtype=torch.float64))
    torch.testing.assert_close(mixture.posterior_mean(y, sigma), mu + (y - mu) @ gain.mT)


@pytest.mark.parametrize("mixture", [*CASES, *PRESETS.values()])
@pytest.mark.parametrize("distance", [-1e6, 1e6])
def test_stable_far_outside_the_data(mixture: GaussianMixture, distance: float) -> None:
    x, sigma = torch.full((1, mixture.dimension), distance, dtype=torch.float64), 0.01
    # One component dominates there; its gradient and curvature are those of a Gaussian.
    C = mixture.smoothed(sigma).covariances
    C = C[:, None, None] * torch.eye(mixture.dimension, dtype=torch.float64) if C.ndim == 1 else C
    offset = (x - mixture.means)[..., None]
    nearest = ((offset.mT @ torch.linalg.solve(C, offset)).flatten()).argmin()
    a = torch.linalg.solve(C[nearest], offset[nearest])[:, 0]
    torch.testing.assert_close(mixture.gradient(x, sigma)[0], a, rtol=1e-9, atol=0)
    inverse = torch.linalg.inv(C[nearest])
    torch.testing.assert_close(mixture.hessian(x, sigma)[0], inverse, rtol=1e-8, atol=1e-8)
    assert mixture.energy(x, sigma).isfinite().all()


def test_default_mixture_has_the_known_minima() -> None:
    minimisers = local_minimisers(DEFAULT)
    np.testing.assert_allclose(minimisers, [-0.75, -0.30, 0.20, 0.55, 0.85], atol=1e-3)
    assert global_minimiser(DEFAULT) == pytest.approx(0.20, abs=1e-3)
    assert len(local_minimisers(DEFAULT, sigma=1.01 * critical_sigma(DEFAULT))) == 1


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


def test_exact_threshold_of_two_equal_components_is_half_their_distance() -> None:
    # E''(0) = 1/C - (m/C)^2 for means -m and m of equal weight: zero at C = m^2.
    m, deviation = 0.6, 0.1
    mixture = GaussianMixture([0.5, 0.5], [-m, m], [deviation**2] * 2)
    found = thresholds(mixture)
    assert found.critical == pytest.approx(math.sqrt(m**2 - deviation**2), abs=1e-8)
    assert found.half_diameter == pytest.approx(found.critical, abs=1e-8)
    assert critical_sigma(DEFAULT) == pytest.approx(0.389, abs=0.005)


def test_single_gaussian_is_convex_for_every_sigma() -> None:
    assert critical_sigma(GaussianMixture([1.0], [0.2], [0.01])) == 0.0
    assert critical_sigma(GaussianMixture([1.0], [0.2], [0.0])) == 0.0


@pytest.mark.parametrize("seed", range(5))
def test_thresholds_are_ordered(seed: int) -> None:
    generator = np.random.default_rng(seed)
    weights, means = generator.uniform(0.1, 1, 5), generator.uniform(-1, 1, 5)
    found = thresholds(GaussianMixture(weights, means, [0.03**2] * 5))
    assert found.critical is not None
    assert found.half_diameter is not None
    assert 0 < found.critical <= found.half_diameter < found.diameter


def test_half_diameter_is_given_only_for_equal_covariances() -> None:
    assert thresholds(DEFAULT).half_diameter is None
    assert thresholds(PRESETS["Dirac components"]).half_diameter == pytest.approx(0.75)
    cov = torch.tensor([[0.04, 0.01], [0.01, 0.09]], dtype=torch.float64)
    plane = GaussianMixture([1.0, 2.0], [[0.0, 0.0], [3.0, 4.0]], torch.stack([cov, cov]))
    found = thresholds(plane)
    v_min = torch.linalg.eigvalsh(cov)[0].item()
    assert (found.diameter, found.critical) == (pytest.approx(5.0), None)
    assert found.half_diameter == pytest.approx(math.sqrt(2.5**2 - v_min))
    lattice = torch.cartesian_prod(*2 * [torch.linspace(-2, 6, 81, dtype=torch.float64)])
    hessian = plane.hessian(lattice, found.half_diameter)
    assert torch.linalg.eigvalsh(hessian).min() > -1e-12


def test_flow_returns_whole_trajectories_and_stays_among_the_data() -> None:
    starts = torch.linspace(-1, 1, 11, dtype=torch.float64)[:, None]
    paths = gnc_flow(DEFAULT, starts, np.geomspace(0.5, SIGMA_END, 32).tolist())
    assert paths.shape == (33, 11, 1)
    torch.testing.assert_close(paths[0], starts)
    one_step = starts - 0.5**2 * DEFAULT.gradient(starts, 0.5)
    torch.testing.assert_close(paths[1], one_step)
    assert paths[-1].sub(0.2).abs().max() < 1e-2
    # In the plane too, and for Dirac components: the flow ends at one of them.
    cloud = GaussianMixture([0.2, 0.3, 0.5], [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [0.0] * 3)
    end = gnc_flow(cloud, torch.zeros(1, 2, dtype=torch.float64), np.geomspace(2, 1e-3, 200))[-1]
    assert torch.cdist(end, cloud.means).min() < 1e-6


def by_running_every_start(mixture: GaussianMixture, sigma0: float, steps: int) -> float:
    schedule = np.geomspace(sigma0, SIGMA_END, steps) if steps > 1 else [sigma0]
    starts = torch.linspace(-1, 1, 401, dtype=torch.float64)[:, None]
    ends = gnc_flow(mixture, starts, schedule)[-1, :, 0]
    target = global_minimiser(mixture, 0.0 if mixture.has_density else SIGMA_END)
    return (ends - target).abs().le(TOLERANCE).double().mean().item()


@pytest.mark.parametrize("name", PRESETS)
def test_attainment_map_equals_running_every_start(name: str) -> None:
    sigma0, steps = [0.05, 0.2, 0.4, 1.0], [7, 1, 64, 2]
    expected = [[by_running_every_start(PRESETS[name], s, n) for n in steps] for s in sigma0]
    # A start that ends right at the tolerance may fall on either side by rounding.
    np.testing.assert_allclose(attainment(PRESETS[name], sigma0, steps), expected, atol=1.01 / 401)


def test_known_attainment_of_the_default_mixture() -> None:
    assert attainment(DEFAULT, [0.1], [128])[0, 0] == pytest.approx(0.24, abs=0.01)
    assert (attainment(DEFAULT, [0.5, 0.7, 1.0, 2.0], [32, 64, 128, 256]) == 1).all()
    whole = attainment(DEFAULT, np.geomspace(0.01, 2, 40), spaced_steps())
    assert whole.shape == (40, 40)
    assert (whole >= 0).all()
    assert (whole <= 1).all()


def test_presets_show_what_they_promise() -> None:
    slow = attainment(PRESETS["Very many steps"], [1.0], [32, 256, 512])[0]
    assert slow[0] < 0.6
    assert slow[1] < 0.9
    assert slow[2] == 1
    fails = PRESETS["GNC fails"]
    assert global_minimiser(fails) == pytest.approx(-0.5, abs=0.01)
    assert (attainment(fails, [1.0, 2.0], [32, 256, 2048]) == 0).all()
    diracs = thresholds(PRESETS["Dirac components"])
    assert diracs.critical is not None
    assert diracs.critical < 0.5 < 0.75 == pytest.approx(diracs.half_diameter)
    assert (attainment(PRESETS["Dirac components"], [1.0, 1.5], [64, 256]) == 1).all()


def test_steps_are_distinct_and_spaced_by_a_growing_amount() -> None:
    steps = spaced_steps()
    assert (len(steps), steps[0], steps[-1]) == (40, 1, 256)
    assert (np.diff(steps) > 0).all()


@pytest.mark.parametrize(
    ("weights", "means", "covariances"),
    [
        pytest.param([], [], [], id="empty"),
        pytest.param([-0.1, 1.1], [0.0, 1.0], [0.1, 0.1], id="negative weight"),
        pytest.param([0.0, 0.0], [0.0, 1.0], [0.1, 0.1], id="weights all zero"),
        pytest.param([0.5, 0.5], [0.0, math.nan], [0.1, 0.1], id="NaN"),
        pytest.param([0.5, 0.5], [0.0, math.inf], [0.1, 0.1], id="infinite"),
        pytest.param([0.5, 0.5], [0.0, 1.0], [0.1, -0.1], id="negative variance"),
        pytest.param([1.0], [[0.0, 0.0]], [[[1.0, 2.0], [2.0, 1.0]]], id="not semi-definite"),
        pytest.param([1.0], [[0.0, 0.0]], [[[1.0, 0.5], [0.0, 1.0]]], id="not symmetric"),
        pytest.param([1.0], [0.0, 1.0], [0.1, 0.1], id="one weight for two means"),
        pytest.param([0.5, 0.5], [0.0, 1.0], [0.1], id="one variance for two means"),
        pytest.param([0.5, 0.5], ["a", "b"], [0.1, 0.1], id="not numbers"),
    ],
)
def test_unusable_mixtures_are_refused(weights: list, means: list, covariances: list) -> None:
    with pytest.raises(InputError):
        GaussianMixture(weights, means, covariances)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "at least one"),
        ([(1.0, 1.5, 0.1)], "domain"),
        ([(1.0, 0.0, -0.1)], "Standard deviations"),
        ([(-1.0, 0.0, 0.1)], "negative"),
        ([(1.0, 0.0, None)], "finite"),
        ([(1.0, 0.0, math.inf)], "finite"),
        ([(1.0, 0.0)], "finite"),
        ([(1.0, 0.0, 0.1), (1.0,)], "finite"),
        ("nonsense", "finite"),
        ([(1.0, 0.0, 0.1)] * 51, "at most 50"),
    ],
)
def test_unusable_tables_of_components_are_refused(rows: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        one_dimensional(rows)


@pytest.mark.parametrize("sigma", [-0.1, math.nan, math.inf])
def test_unusable_sigma_is_refused(sigma: float) -> None:
    with pytest.raises(InputError, match="sigma"):
        DEFAULT.energy(torch.zeros(1, dtype=torch.float64), sigma)


def test_dirac_components_have_an_energy_only_when_smoothed() -> None:
    x = torch.zeros(1, dtype=torch.float64)
    with pytest.raises(InputError, match="Dirac"):
        PRESETS["Dirac components"].energy(x, 0.0)
    assert PRESETS["Dirac components"].energy(x, 0.1).isfinite()


def test_questions_about_one_dimension_are_refused_in_the_plane() -> None:
    plane = random_mixture(2, isotropic=True)
    for ask in (local_minimisers, critical_sigma, lambda m: attainment(m, [1.0], [8])):
        with pytest.raises(InputError, match="one dimension"):
            ask(plane)
    with pytest.raises(InputError):
        attainment(DEFAULT, [1e-4], [8])
    with pytest.raises(InputError):
        attainment(DEFAULT, [1.0], [0])
