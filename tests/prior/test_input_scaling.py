"""Input scaling, R(x, s) = R~(x / a(s), s) (method, section 6.1): derivatives, inference, and the way from a prior without it."""

import math

import numpy as np
import pytest
import torch

from gnc_core.learning.rescaling import rescaled
from gnc_core.measuring import inspection
from gnc_core.prior import tiled
from gnc_core.prior.fields_of_experts import FieldsOfExperts

LAYERS = [1, 2, 3]


def scaled_prior(layers, dtype=torch.float64):
    torch.manual_seed(layers)
    prior = FieldsOfExperts(
        layers, channels=3, kernel_size=3, knots_u=31, knots_hidden=21, knots_s=6, input_scale=0.05
    ).to(dtype)
    for parameter in prior.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    prior.c.normal_()
    return prior


def images(size=9, dtype=torch.float64):
    x = torch.rand(2, 1, size, size + 1, generator=torch.manual_seed(5), dtype=dtype)
    return x, torch.tensor([-3.9, -1.2], dtype=dtype)


@pytest.mark.parametrize("layers", LAYERS)
def test_score_and_derivatives_in_the_smoothing_against_finite_differences(layers):
    prior, (x, s) = scaled_prior(layers), images()
    score, slope, curvature = prior.derivatives(x, s)
    h = 1e-4
    up, at, down = (prior.energy(x, s + d) for d in (h, 0, -h))
    assert torch.allclose(slope, (up - down) / (2 * h), rtol=1e-5)
    assert torch.allclose(curvature, (up - 2 * at + down) / h**2, rtol=1e-4)
    direction, h = torch.randn_like(x), 1e-6
    difference = (prior.energy(x + h * direction, s) - prior.energy(x - h * direction, s)) / (2 * h)
    assert torch.allclose(difference, (score * direction).flatten(1).sum(1), rtol=1e-6)
    for other in (prior.score_and_slope(x, s), (prior.score(x, s), prior.slope(x, s))):
        assert torch.allclose(other[0], score)
        assert torch.allclose(other[1], slope)


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_without_a_graph_the_numbers_are_the_same(layers, dtype, monkeypatch):
    monkeypatch.setattr(tiled, "BFLOAT16", False)
    monkeypatch.setitem(tiled.MEMORY, "cpu", 400_000)
    prior = scaled_prior(layers, dtype)
    x, s = images(size=45, dtype=dtype)
    expected = prior.energy(x, s), *prior.score_and_slope(x, s)
    with torch.no_grad():
        found = prior.energy(x, s), prior.score(x, s), prior.slope(x, s)
    for a, b in zip(found, expected, strict=True):
        assert (a - b).norm() <= (1e-5 if dtype == torch.float32 else 1e-12) * b.norm()


def test_the_score_is_differentiable_in_the_smoothing():
    """Learned schedules are fitted through it."""
    prior, (x, s) = scaled_prior(1), images()
    weight = torch.randn_like(x)
    s.requires_grad_()
    (gradient,) = torch.autograd.grad((weight * prior.score(x, s)).sum(), s)
    h = 1e-5
    difference = (weight * (prior.score(x, s + h) - prior.score(x, s - h))).flatten(1).sum(1) / (2 * h)
    assert torch.allclose(gradient, difference, rtol=1e-6)


@pytest.mark.parametrize("layers", LAYERS)
def test_the_start_is_the_same_quadratic_with_and_without(layers):
    """sigma^2 + 0.1^2 times the score does not depend on sigma, and hardly on the scaling: the spline in s follows 1/sigma^2."""
    torch.manual_seed(0)
    plain, scaled = FieldsOfExperts(layers), FieldsOfExperts(layers, input_scale=0.05)
    for own, other in zip(scaled.hidden_kernels, plain.hidden_kernels, strict=True):
        own.data.copy_(other)
    x, s = images(size=12, dtype=torch.float32)
    found, expected = scaled.score(x, s), plain.score(x, s)
    assert (found - expected).norm() <= 0.02 * expected.norm()
    u = scaled.potential.u
    assert u.high == pytest.approx(3.5 / math.hypot(0.01, 0.05))


@pytest.mark.parametrize("layers", LAYERS)
def test_a_prior_without_scaling_is_fitted_by_one_with_it(layers):
    torch.manual_seed(1)
    prior = FieldsOfExperts(layers, channels=4, kernel_size=3, knots_u=15, knots_hidden=9, knots_s=6).double()
    for phi in prior.functions:  # functions as smooth as the coarser grid at large sigma can hold
        u = torch.linspace(-1, 1, phi.increments.shape[1], dtype=torch.float64)[:, None]
        phi.increments.data *= 1 + 0.3 * torch.sin(2 * u + torch.arange(4).double()[:, None, None])
    fitted = rescaled(prior, 0.05, knots_u=127, knots_hidden=127)
    assert fitted.architecture["input_scale"] == 0.05
    x, _ = images(size=12)
    for sigma in (0.01, 0.05, 0.2, 0.5):
        expected, found = (p.double().score(x, math.log(sigma)) for p in (prior, fitted))
        assert (found - expected).norm() <= 0.01 * expected.norm()


def test_an_inspection_is_in_the_unit_of_the_image_with_and_without():
    """Ranges, slopes, curvatures and curves of a prior, and of the one that was fitted to it."""
    torch.manual_seed(1)
    prior = FieldsOfExperts(2, channels=4, kernel_size=3, knots_u=15, knots_hidden=9, knots_s=6)
    fitted = rescaled(prior, 0.05, knots_u=127, knots_hidden=127)
    prior, fitted = (p.requires_grad_(False) for p in (prior, fitted))
    x = list(torch.rand(2, 1, 1, 24, 24, generator=torch.manual_seed(2)))
    one, other = (inspection.measure(p, x, levels=5) for p in (prior, fitted))
    for name in ("low", "high", "gain", "curvature", "share"):
        assert np.allclose(getattr(one, name)[:, -1], getattr(other, name)[:, -1], rtol=0.03), name
        assert np.allclose(getattr(one, name)[:, 0], getattr(other, name)[:, 0], rtol=0.03, atol=2e-3), name
    for layer in (0, 1):
        for order in (0, 1):
            a, b = (inspection.curves(p, one, layer, 21, order) for p in (prior, fitted))
            assert np.allclose(a, b, rtol=0.02, atol=0.01 * np.abs(a).max()), (layer, order)
        a, b = (inspection.response(p, x[0], -1.5, layer, 2) for p in (prior, fitted))
        for u, v in zip(a[:2], b[:2], strict=True):
            assert (u - u.min() - v + v.min()).norm() <= 0.02 * (u - u.min()).norm()
