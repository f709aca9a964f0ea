"""A score learned as a regression: the network's gradient, its tangent kernel, kernel regression, and when to stop."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from gnc_core.errors import InputError
from gnc_core.learning.regression import (
    KernelRegression,
    Network,
    Samples,
    draw,
    gradient_descent,
    initial_network,
    inputs,
    loss,
    score,
    score_error,
    tangent_kernel,
)
from gnc_core.mixture import PLANE_PRESETS, GaussianMixture, two_dimensional

MIXTURE = two_dimensional(PLANE_PRESETS["Two clusters"]).smoothed(0.1)
RANGE = (0.2, 0.8)


def after(iterations: int, network: Network, samples: Samples, rate: float) -> Network:
    for _, found in zip(range(iterations + 1), gradient_descent(network, samples, rate), strict=False):
        network = found
    return network


def half_loss(W: Tensor, network: Network, samples: Samples) -> float:
    return loss(Network(W, network.a)(samples.inputs), samples) / 2


def test_samples_have_the_moments_of_the_mixture_and_its_noise() -> None:
    covariance = torch.tensor([[0.5, 0.2], [0.2, 0.3]], dtype=torch.float64)
    mixture = GaussianMixture([1.0], [[1.0, -2.0]], covariance[None])
    drawn = draw(mixture, 2000, (0.1, 1.0), seed=3)
    torch.testing.assert_close(drawn.x0.mean(0), mixture.means[0], atol=0.05, rtol=0)
    torch.testing.assert_close(drawn.x0.T.cov(), covariance, atol=0.05, rtol=0)
    noise = (drawn.x - drawn.x0) / drawn.sigma[:, None]
    torch.testing.assert_close(noise.T.cov(), torch.eye(2, dtype=torch.float64), atol=0.08, rtol=0)
    assert drawn.sigma.log().mean() == pytest.approx(math.log(0.1) / 2, abs=0.05)
    assert (drawn.sigma.min(), drawn.sigma.max()) == (pytest.approx(0.1, rel=0.05), pytest.approx(1.0, rel=0.05))


def test_a_step_goes_down_the_gradient() -> None:
    samples, network = draw(MIXTURE, 20, RANGE), initial_network(16, 2, dtype=torch.float64)
    network = after(3, network, samples, 1.0)  # away from the symmetric start
    found = network.W - after(1, network, samples, 1.0).W
    step = 1e-6
    for unit, place in ((0, 0), (3, 1), (7, 2), (15, 3)):
        change = torch.zeros_like(network.W)
        change[unit, place] = step
        above, below = (half_loss(network.W + sign * change, network, samples) for sign in (1, -1))
        assert found[unit, place].item() == pytest.approx((above - below) / (2 * step), rel=1e-5, abs=1e-9)


def test_the_tangent_kernel_is_that_of_a_wide_network() -> None:
    u = draw(MIXTURE, 6, RANGE).inputs
    network = initial_network(8192, 2, seed=1, dtype=torch.float64)
    jacobian = torch.func.jacrev(lambda W: Network(W, network.a)(u))(network.W).flatten(2)  # (N, d, m (d + 2))
    kernel = torch.einsum("iap,jbp->aibj", jacobian, jacobian)
    K = tangent_kernel(u, u)
    for a in range(2):
        for b in range(2):
            torch.testing.assert_close(kernel[a, :, b], K * (a == b), atol=0.05 * K.max().item(), rtol=0)


def test_the_closed_form_is_gradient_descent_in_function_space() -> None:
    samples, others = draw(MIXTURE, 30, RANGE), draw(MIXTURE, 10, RANGE, seed=1)
    regression = KernelRegression(samples)
    K, mixed = tangent_kernel(samples.inputs, samples.inputs), tangent_kernel(others.inputs, samples.inputs)
    inside, outside = torch.zeros_like(samples.x0), torch.zeros_like(others.x0)
    for iteration in range(101):
        if iteration in (0, 1, 7, 100):
            torch.testing.assert_close(regression.after(iteration, samples.inputs), inside, atol=1e-9, rtol=1e-9)
            torch.testing.assert_close(regression.after(iteration, others.inputs), outside, atol=1e-9, rtol=1e-9)
        residual = regression.rate / len(K) * (inside - samples.x0)
        inside, outside = inside - K @ residual, outside - mixed @ residual
    path = regression.path([1, 100], others.inputs)
    torch.testing.assert_close(path[1], regression.after(100, others.inputs))
    torch.testing.assert_close(regression.after(1e12, samples.inputs), samples.x0, atol=1e-3, rtol=0)  # it interpolates


def test_a_wider_network_stays_nearer_to_kernel_regression() -> None:
    samples, others = draw(MIXTURE, 50, RANGE), draw(MIXTURE, 200, RANGE, seed=1)
    regression = KernelRegression(samples)
    limit = regression.after(50, others.inputs)
    distances = []
    for width in (32, 512, 8192):
        network = after(50, initial_network(width, 2, dtype=torch.float64), samples, regression.rate)
        distances.append((network(others.inputs) - limit).square().mean().sqrt().item())
    assert distances == sorted(distances, reverse=True)
    assert distances[2] < distances[0] / 5


def errors(count: int, looks: list[int]) -> tuple[list[float], list[float]]:
    """Of a network and of kernel regression, at some iterations."""
    samples, held_out = draw(MIXTURE, count, RANGE), draw(MIXTURE, 1000, RANGE, seed=1)
    regression = KernelRegression(samples)
    exact, found = -MIXTURE.gradient(held_out.x, held_out.sigma), []
    for iteration, network in enumerate(gradient_descent(initial_network(128, 2), samples, regression.rate)):
        if iteration in looks:
            found.append(score_error(network(held_out.inputs), held_out, exact))
        if iteration == looks[-1]:
            break
    kernel = [score_error(f, held_out, exact) for f in regression.path(looks, held_out.inputs)]
    return found, kernel


def test_the_error_is_least_before_the_end_and_more_samples_make_the_least_smaller() -> None:
    looks = [1, 4, 16, 32, 64, 128, 256, 512, 1024]
    few, many = errors(50, looks), errors(400, looks)
    for curve in few:  # 50 samples: network and kernel regression learn the labels' noise
        assert 0 < int(np.argmin(curve)) < len(looks) - 2
        assert curve[-1] > 1.5 * min(curve)
    for of_few, of_many in zip(few, many, strict=True):
        assert min(of_many) < min(of_few) / 1.5
        assert np.argmin(of_many) > np.argmin(of_few)


def test_the_score_of_the_posterior_mean_is_exact_and_its_loss_the_least() -> None:
    held_out = draw(MIXTURE, 500, RANGE, seed=2)
    mean = MIXTURE.posterior_mean(held_out.x, held_out.sigma)
    exact = -MIXTURE.gradient(held_out.x, held_out.sigma)
    torch.testing.assert_close(score(mean, held_out.x, held_out.sigma), exact)
    assert loss(mean, held_out) < min(
        loss(mean + 0.1, held_out), loss(held_out.x, held_out), loss(0.9 * mean, held_out)
    )


def test_bad_input_gets_a_sentence() -> None:
    with pytest.raises(InputError, match="number of samples"):
        draw(MIXTURE, 0, RANGE)
    with pytest.raises(InputError, match="runs upwards"):
        draw(MIXTURE, 10, (0.5, 0.2))
    with pytest.raises(InputError, match="positive"):
        draw(MIXTURE, 10, (0.0, 0.2))
    with pytest.raises(InputError, match="even"):
        initial_network(33, 2)
    with pytest.raises(InputError, match="diverged"):
        after(500, initial_network(16, 2), draw(MIXTURE, 10, RANGE), 1e6)
    assert inputs(torch.zeros(3, 2), torch.ones(3)).shape == (3, 4)
