"""The reverse ODE against its solution for a Gaussian, and joint energies against differences."""

import math
from itertools import pairwise

import pytest
import torch
from mixture_cases import DEFAULT

from gnc_core.errors import InputError
from gnc_core.mixture import GaussianMixture
from gnc_core.sampling import Counted, MixtureEnergy, ReverseODE, last, spaced
from gnc_core.sampling.comparison import kolmogorov_smirnov

ONE = MixtureEnergy(GaussianMixture([1.0], [0.3], [0.04]), 0.05, 2.0)


def before_tweedie(ode: ReverseODE, x: torch.Tensor, sigma: float | torch.Tensor) -> torch.Tensor:
    *_, state, _ = ode.run(ONE, x, sigma)
    return state.x


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("heun", 2)])
def test_the_error_falls_with_the_order_of_the_method(method: str, order: int) -> None:
    """The flow keeps every point's distance to the mean, in standard deviations."""
    x = torch.tensor([[-2.0], [0.5], [3.0]], dtype=torch.float64)
    exact = 0.3 + (x - 0.3) * math.sqrt((0.04 + 0.05**2) / (0.04 + 2.0**2))
    errors = [(before_tweedie(ReverseODE(steps, method), x, 2.0) - exact).abs().max() for steps in (40, 80, 160)]
    for coarse, fine in pairwise(errors):
        assert math.log2(coarse / fine) == pytest.approx(order, abs=0.25)


def test_each_point_goes_down_from_a_smoothing_of_its_own() -> None:
    x, sigma = torch.tensor([[1.0], [0.9]], dtype=torch.float64), torch.tensor([2.0, 0.3], dtype=torch.float64)
    together = before_tweedie(ReverseODE(12), x, sigma)
    for row, start, own in zip(together, x, sigma, strict=True):
        torch.testing.assert_close(row, before_tweedie(ReverseODE(12), start[None], float(own))[0])


def test_from_noise_to_samples() -> None:
    energy = MixtureEnergy(DEFAULT, 0.01, 10.0)
    x = 10 * torch.randn(2000, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert kolmogorov_smirnov(last(ReverseODE(40).run(energy, x, 10.0)).x, DEFAULT) < 0.05


def test_the_last_state_is_denoised_and_the_scores_are_counted() -> None:
    for method in ("euler", "heun"):
        ode, counted = ReverseODE(6, method), Counted(ONE)
        states = list(ode.run(counted, torch.zeros(4, 1, dtype=torch.float64), 2.0))
        assert [state.index for state in states] == list(range(1, 8))
        assert states[-2].sigma.tolist() == pytest.approx([0.05] * 4)
        assert states[-1].sigma.tolist() == [0.0] * 4
        assert counted.scores == ode.scores


def test_steps_shorten_on_the_way_down() -> None:
    sigmas = spaced(torch.tensor([10.0], dtype=torch.float64), 0.01, 20)[:, 0]
    assert (sigmas.diff() < 0).all()
    assert (sigmas.diff().diff() > 0).all()
    assert sigmas[[0, -1]].tolist() == pytest.approx([10.0, 0.01])


def test_a_mixture_is_a_joint_energy() -> None:
    energy = MixtureEnergy(DEFAULT, 0.01, 1.0)
    x, s, step = torch.linspace(-1, 1, 9, dtype=torch.float64)[:, None], math.log(0.2), 1e-5
    score = (energy.energy(x + step, s) - energy.energy(x - step, s)) / (2 * step)
    slope = (energy.energy(x, s + step) - energy.energy(x, s - step)) / (2 * step)
    torch.testing.assert_close(energy.score(x, s)[:, 0], score, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(energy.slope(x, s), slope, rtol=1e-6, atol=1e-6)
    many = torch.full((9,), s, dtype=torch.float64)
    torch.testing.assert_close(energy.score(x, many), energy.score(x, s))


def test_draws_have_the_means_and_covariances_of_the_mixture() -> None:
    mixture = GaussianMixture([1, 3], [[0.0, 0.0], [1.0, 2.0]], [[[0.5, 0.3], [0.3, 0.4]], [[0.1, 0.0], [0.0, 0.9]]])
    x = mixture.draw(40_000, torch.Generator().manual_seed(0))
    mean = mixture.weights @ mixture.means
    centred = mixture.means - mean
    cov = (mixture.weights[:, None, None] * (mixture.covariances + centred[:, :, None] * centred[:, None, :])).sum(0)
    torch.testing.assert_close(x.mean(0), mean, atol=0.03, rtol=0)
    torch.testing.assert_close(x.T.cov(), cov, atol=0.03, rtol=0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ReverseODE(0), lambda: ReverseODE(5, "rk4"), lambda: ReverseODE(5, rho=0),
        lambda: MixtureEnergy(DEFAULT, 1.0, 0.5),
    ],
)  # fmt: skip
def test_unusable_odes_are_refused(make) -> None:
    with pytest.raises(InputError):
        make()
