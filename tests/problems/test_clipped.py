"""Clipped observations: the data term of censored values against integrals, finite differences and brute force."""

import math
from itertools import pairwise

import pytest
import torch
from torch.special import ndtr

from gnc_core.problems import Denoising, add_noise, in_a_file

SIGMA = 0.2


def a_problem(sigma=SIGMA):
    truth = torch.rand(2, 1, 12, 13, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return Denoising(in_a_file(add_noise(truth, sigma, 1)), sigma, clipped=True)


def test_as_a_file_holds_it():
    truth = torch.rand(1, 1, 40, 40)
    noisy = add_noise(truth, 0.3, 5)
    problem = Denoising.degrade(truth, 0.3, 5, as_file=True)
    z = problem.observation
    assert problem.clipped
    assert (z == (255 * z).round() / 255).all()
    assert z.min() == 0
    assert z.max() == 1
    assert (z - noisy.clamp(0, 1)).abs().max() <= 0.5 / 255 + 1e-6
    assert not Denoising.degrade(truth, 0.3, 5).clipped
    for moved in (problem.to(torch.float64), Denoising.stack([problem, problem])):
        assert moved.clipped


def test_the_energy_is_minus_the_log_probability_of_what_was_observed():
    x = torch.tensor([[[[0.1, 0.4, 0.9]]]], dtype=torch.float64)
    z = torch.tensor([[[[0.0, 0.5, 1.0]]]], dtype=torch.float64)
    energy = Denoising(z, SIGMA, clipped=True).energy(x)
    grid = torch.linspace(-4, 0, 400_001, dtype=torch.float64)
    density = (-((grid - 0.1) ** 2) / (2 * SIGMA**2)).exp() / (SIGMA * math.sqrt(2 * math.pi))
    at_black = -torch.trapezoid(density, grid).log()  # x + noise <= 0; by symmetry, the same at white
    assert energy.item() == pytest.approx((2 * at_black + 0.1**2 / (2 * SIGMA**2)).item(), abs=1e-9)


def test_nothing_clipped_nothing_changed():
    z = 0.2 + 0.6 * torch.rand(2, 1, 5, 6, dtype=torch.float64)
    v = torch.randn(2, 1, 5, 6, dtype=torch.float64)
    one, other = Denoising(z, SIGMA), Denoising(z, SIGMA, clipped=True)
    for a, b in ((one.prox(v, 0.03), other.prox(v, 0.03)), (one.energy(v), other.energy(v)), (z, other.initial())):
        torch.testing.assert_close(a, b, rtol=1e-14, atol=0)


def test_completed_is_the_mean_of_the_noisy_value_given_what_is_known():
    """Against samples, at black and at white."""
    x = torch.tensor([[[[0.15, 0.8]]]], dtype=torch.float64)
    problem = Denoising(torch.tensor([[[[0.0, 1.0]]]], dtype=torch.float64), SIGMA, clipped=True)
    noisy = x.flatten() + SIGMA * torch.randn(2_000_000, 2, dtype=torch.float64, generator=torch.manual_seed(2))
    expected = [noisy[noisy[:, 0] <= 0, 0].mean(), noisy[noisy[:, 1] >= 1, 1].mean()]
    torch.testing.assert_close(problem.completed(x).flatten(), torch.stack(expected), atol=2e-3, rtol=0)
    start = Denoising(torch.zeros(1, 1, 1, 1, dtype=torch.float64), SIGMA, clipped=True).initial().item()
    assert start == pytest.approx(-SIGMA * math.sqrt(2 / math.pi))


def test_the_gradient_of_the_energy_is_that_of_the_completed_gaussian():
    """grad D(x) = (x - z~(x)) / sigma^2: EM's surrogate touches D at x."""
    problem = a_problem()
    x = torch.rand(2, 1, 12, 13, dtype=torch.float64).requires_grad_()
    (gradient,) = torch.autograd.grad(problem.energy(x).sum(), x)
    with torch.no_grad():
        torch.testing.assert_close(gradient, (x - problem.completed(x)) / SIGMA**2, rtol=1e-9, atol=1e-9)
    assert torch.autograd.gradcheck(lambda y: problem.energy(y), (x,))


@pytest.mark.parametrize("tau", [1e-4, 0.02, 1.0])
def test_iterated_it_goes_down_to_the_proximal_point(tau):
    """prox is EM's first step for D(x) + |x - v|^2 / (2 tau); going on with the data completed at x, the rest."""
    problem = a_problem()
    v = torch.rand(2, 1, 12, 13, dtype=torch.float64)

    def objective(x):
        return (problem.energy(x) + (x - v).square().sum((1, 2, 3)) / (2 * tau)).sum().item()

    weight, x = tau / SIGMA**2, problem.prox(v, tau)
    values = [objective(v), objective(x)]
    for _ in range(300):
        x = (v + weight * problem.completed(x)) / (1 + weight)
        values.append(objective(x))
    assert all(b <= a + 1e-12 * abs(a) for a, b in pairwise(values))
    y = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(problem.energy(y).sum() + (y - v).square().sum() / (2 * tau), y)
    assert gradient.abs().max() < 1e-5 / min(tau, 1)


def test_prox_is_differentiable_and_stable_far_from_the_data():
    problem = Denoising(in_a_file(torch.rand(1, 1, 3, 4, dtype=torch.float64) * 1.6 - 0.3), SIGMA, clipped=True)
    v = torch.randn(1, 1, 3, 4, dtype=torch.float64, requires_grad=True)
    tau = torch.tensor(0.03, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(problem.prox, (v, tau))
    for far in (-50.0, 50.0):
        x = torch.full((1, 1, 3, 4), far)
        single = problem.to(torch.float32)
        assert single.prox(x, 0.01).isfinite().all()
        assert single.energy(x).isfinite().all()


def test_completed_values_are_on_the_other_side():
    problem, x = a_problem(), torch.rand(2, 1, 12, 13, dtype=torch.float64)
    z, filled = problem.observation, problem.completed(x)
    assert (filled[z == 0] < 0).all()
    assert (filled[z == 1] > 1).all()
    assert (filled == z)[(z > 0) & (z < 1)].all()
    assert ndtr(torch.tensor(0.0)) == 0.5  # what h(0) = 2 phi(0) rests on
