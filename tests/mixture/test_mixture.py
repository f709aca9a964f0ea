"""Gaussian mixtures: energies, their derivatives, Tweedie's formula, and what is refused."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from gnc_core.errors import InputError
from gnc_core.mixture.examples import PRESETS, one_dimensional
from gnc_core.mixture.gaussians import GaussianMixture

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
        pytest.param([1.0], [[0.0, 0.0]], [[[1e-9, 5e-10], [0.0, 1e-9]]], id="not symmetric, small"),
        pytest.param([1.0], [[0.0, 0.0]], [[[1e-9, 0.0], [0.0, -1e-10]]], id="not semi-definite, small"),
        pytest.param(None, [0.0], [0.1], id="no weights"),
        pytest.param([[0.5, 0.5]], [0.0, 1.0], [0.1, 0.1], id="a table of weights"),
    ],
)
def test_unusable_mixtures_are_refused(weights: list, means: list, covariances: list) -> None:
    with pytest.raises(InputError) as refusal:
        GaussianMixture(weights, means, covariances)
    assert str(refusal.value).count(". ") == 0


def test_a_mixture_of_integers_is_refused_for_their_dtype() -> None:
    with pytest.raises(InputError, match="dtype"):
        GaussianMixture([1], [0], [1], torch.int64)


def test_arrays_lists_and_integers_are_the_same_mixture() -> None:
    x = points(one := GaussianMixture([1, 3], [0, 2], [1, 2]))
    for kind in (np.array, np.float32, torch.tensor, tuple):
        other = GaussianMixture(kind([1, 3]), kind([0, 2]), kind([1, 2]))
        for sigma in (1, np.float32(1), [1.0], np.array([1]), torch.tensor(1)):
            torch.testing.assert_close(other.energy(x.tolist(), sigma), one.energy(x, 1.0))
            torch.testing.assert_close(other.posterior_mean(x.numpy(), sigma), one.posterior_mean(x, 1.0))
    huge = GaussianMixture([5e307, 1.5e308], [0, 2], [1, 2])  # their sum overflows
    torch.testing.assert_close(huge.energy(x, 1.0), one.energy(x, 1.0))


def test_a_flat_covariance_in_single_precision_is_semi_definite() -> None:
    direction = torch.tensor([0.6, 0.64, 0.48])
    flat = GaussianMixture([1.0], [[0.0, 0.0, 0.0]], 7 * torch.outer(direction, direction)[None], torch.float32)
    assert not flat.has_density
    assert flat.energy(torch.ones(1, 3), 0.1).dtype == torch.float32


@pytest.mark.parametrize("x", ["a", None, [[None]], 0.5, [0.5, 0.5], torch.zeros(3, 2)])
def test_points_of_another_shape_are_refused(x: object) -> None:
    for ask in (DEFAULT.energy, DEFAULT.gradient, DEFAULT.hessian, DEFAULT.posterior_mean):
        with pytest.raises(InputError, match=r"^Points .*\.$"):
            ask(x, 0.1)


def test_sigmas_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="broadcast"):
        DEFAULT.energy(torch.zeros(3, 1), [0.1, 0.2])
    with pytest.raises(InputError, match="one sigma"):
        DEFAULT.smoothed(torch.full((5,), 0.1))


@pytest.mark.parametrize("sigma", [1e-3, 1e-20, 1e-60])
def test_nothing_underflows_as_sigma_goes_to_zero(sigma: float) -> None:
    # Beside a Dirac its own parabola is all that is left; the others lie beyond what exp can hold.
    diracs = PRESETS["Dirac components"]
    x = diracs.means + 0.5 * sigma
    offset = x - diracs.means  # as far as x can say
    expected = 0.5 * (offset[:, 0] / sigma) ** 2 - (diracs.weights / (sigma * math.sqrt(2 * math.pi))).log()
    torch.testing.assert_close(diracs.energy(x, sigma), expected)
    torch.testing.assert_close(diracs.gradient(x, sigma), offset / sigma**2)
    torch.testing.assert_close(diracs.hessian(x, sigma), torch.full((4, 1, 1), sigma**-2, dtype=x.dtype))


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


@pytest.mark.parametrize("sigma", [-0.1, math.nan, math.inf, "wide", None])
def test_unusable_sigma_is_refused(sigma: float) -> None:
    x = torch.zeros(1, dtype=torch.float64)
    asks: list[Callable] = [DEFAULT.energy, DEFAULT.gradient, DEFAULT.hessian, DEFAULT.posterior_mean]
    for ask in asks:
        with pytest.raises(InputError, match="sigma"):
            ask(x, sigma)
    with pytest.raises(InputError, match="sigma"):
        DEFAULT.smoothed(sigma)


def test_dirac_components_have_an_energy_only_when_smoothed() -> None:
    x = torch.zeros(1, dtype=torch.float64)
    with pytest.raises(InputError, match="Dirac"):
        PRESETS["Dirac components"].energy(x, 0.0)
    with pytest.raises(InputError, match="Dirac"):
        PRESETS["Dirac components"].hessian(x, 1e-80)  # 1 / sigma^4 is beyond float64
    assert PRESETS["Dirac components"].energy(x, 0.1).isfinite()
    assert not GaussianMixture([1.0], [0.0], [1e-160]).has_density
