"""The loss of joint score matching (method, section 3) and the constant in s."""

import math

import pytest
import torch

from gnc_core.errors import InputError
from gnc_core.learning import score_matching
from gnc_core.learning.score_matching import denoising, implicit
from gnc_core.prior.fields_of_experts import FieldsOfExperts
from tests.prior.test_fields_of_experts import small_prior


def batch(prior, n=4, size=8, seed=0):
    g = torch.Generator().manual_seed(seed)
    x = torch.rand(n, 1, size, size, generator=g, dtype=torch.float64)
    low, high = math.log(prior.sigma_min), math.log(prior.sigma_max)
    s = (low + (high - low) * torch.rand(n // 2, generator=g, dtype=torch.float64)).repeat_interleave(2)
    return x, s, torch.randn(x.shape, generator=g, dtype=torch.float64)


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("form", [score_matching.denoising, score_matching.implicit])
def test_gradient_of_the_loss_against_finite_differences(layers, form):
    prior = small_prior(layers)
    x, s, eta = batch(prior)

    def loss():
        return form(prior, x, s, eta).loss(0.3)

    gradients = torch.autograd.grad(loss(), list(prior.parameters()))
    directions = [torch.randn_like(p) for p in prior.parameters()]
    expected = sum((g * d).sum() for g, d in zip(gradients, directions, strict=True)).item()
    h, ends = 1e-6, []
    for step in (h, -2 * h):
        for p, d in zip(prior.parameters(), directions, strict=True):
            p.data += step * d
        ends.append(loss().item())
    assert math.isclose((ends[0] - ends[1]) / (2 * h), expected, rel_tol=1e-5)


class Gaussian:
    """R = |y|^2 / (2 (sigma^2 + v)) + n/2 log(sigma^2 + v): the exact energy of white images of variance v, but for a factor
    on its curvature, so that the terms have something to find; with the interface of a prior."""

    def __init__(self, factor):
        self.factor = factor
        self.potential = FieldsOfExperts(1, channels=1, kernel_size=3).potential

    def derivatives(self, y, s):
        s = s.detach().requires_grad_()
        y = y.detach().requires_grad_()
        n, variance = y[0].numel(), s.mul(2).exp() + 0.05
        energy = self.factor * y.square().flatten(1).sum(1) / (2 * variance) + n / 2 * variance.log()
        score, slope = torch.autograd.grad(energy.sum(), (y, s), create_graph=True)
        (curvature,) = torch.autograd.grad(slope.sum(), s)
        return score.detach(), slope.detach(), curvature.detach()

    def score_and_slope(self, y, s):
        return self.derivatives(y, s)[:2]


def gaussian_terms(form, factor, samples=40_000, **options):
    g = torch.Generator().manual_seed(3)
    x = math.sqrt(0.05) * torch.randn(samples, 1, 2, 2, generator=g, dtype=torch.float64)
    low, high = math.log(0.01), math.log(0.5)
    s = (low + (high - low) * torch.rand(samples // 2, generator=g, dtype=torch.float64)).repeat_interleave(2)
    eta = torch.randn(x.shape, generator=g, dtype=torch.float64)
    return form(Gaussian(factor), x, s, eta, **options)


def test_both_terms_are_least_at_the_true_energy():
    """For white Gaussian images the energy is known; both forms prefer it to its neighbours, in both terms."""
    for form in (score_matching.denoising, score_matching.implicit):
        true, low, high = (gaussian_terms(form, f) for f in (1.0, 0.8, 1.2))
        assert true.image < min(low.image, high.image)
        assert true.smoothing < min(low.smoothing, high.smoothing)


def test_denoising_in_s_equals_implicit_score_matching_up_to_a_constant_and_boundary_terms():
    """1/2 E (dR/ds + |eta|^2 - n)^2 - 1/2 E (|eta|^2 - n)^2 = E [1/2 (dR/ds)^2 - d2R/ds2] + [E dR/ds] / (s_max - s_min)."""
    prior = Gaussian(0.9)
    g = torch.Generator().manual_seed(4)
    samples, n = 400_000, 4
    x = math.sqrt(0.05) * torch.randn(samples, 1, 2, 2, generator=g, dtype=torch.float64)
    eta = torch.randn(x.shape, generator=g, dtype=torch.float64)
    low, high = math.log(0.01), math.log(0.5)
    s = low + (high - low) * torch.rand(samples, generator=g, dtype=torch.float64)

    def parts(s):
        _, slope, curvature = prior.derivatives(x + s.exp().view(-1, 1, 1, 1) * eta, s)
        return slope, curvature

    slope, curvature = parts(s)
    target = n - eta.square().flatten(1).sum(1)
    left = ((slope - target).square() - target.square()).mean() / 2
    ends = [parts(torch.full_like(s, end))[0].mean() for end in (low, high)]
    right = (slope.square() / 2 - curvature).mean() + (ends[1] - ends[0]) / (high - low)
    assert math.isclose(left, right, rel_tol=0.02)


def test_ordering_is_the_mean_square_of_what_rises_below_the_noise_level():
    prior = small_prior(2)
    x, _, eta = batch(prior)
    low = prior.potential.s.low
    s, place = torch.full((len(x),), low + 2.5).to(x), torch.linspace(0, 1, len(x)).to(x)
    s[0] = low + 0.4  # no t lies 1/2 below it
    y = x + s.exp().view(-1, 1, 1, 1) * eta
    t = (low + place * (s - 0.5 - low)).requires_grad_()
    (slope,) = torch.autograd.grad(prior.energy(y, t).sum(), t)
    slope = slope / y[0].numel()
    expected = (slope + 0.1).clamp(min=0).square()[1:].sum() / len(x)
    assert expected > 0
    assert torch.isclose(score_matching.ordering(prior, y, s, place), expected, rtol=1e-6)


def test_the_constant_makes_the_mean_slope_vanish():
    prior = small_prior(1)
    prior.c.zero_()
    constant = score_matching.SmoothingConstant(prior)
    for seed in range(200):
        x, s, eta = batch(prior, n=32, seed=seed)
        slope = score_matching.denoising(prior, x, s, eta).slope
        constant.update(s, slope)
    x, s, eta = batch(prior, n=2000, seed=999)
    with torch.no_grad():
        slope = score_matching.denoising(prior, x, s, eta).slope
    before = slope - prior.constant(s, order=1)
    for low in (-4.5, -3.0, -1.5):
        here = (s > low) & (s < low + 0.8)
        assert slope[here].mean().abs() < 0.1 * before[here].std()


def test_batches_that_would_be_broadcast_are_refused():
    prior = FieldsOfExperts(1, channels=3, kernel_size=3)
    x = torch.rand(4, 1, 8, 8)
    s = torch.full((4,), -2.0)
    for form in (denoising, implicit):
        for batch in (
            (x[0], s, x[0]),
            (x, s[:1], x),
            (x, s[0], x),
            (x, s, x[:1]),
            (x, s, x[..., :1]),
            (x.byte(), s, x),
        ):
            with pytest.raises(InputError):
                form(prior, *batch)
    with pytest.raises(InputError, match="even, not 3"):
        denoising(prior, x[:3], s[:3], x[:3])


@pytest.mark.parametrize("other", [None, [-2.0, -1.0], 3.0, "s"], ids=str)
def test_what_is_no_tensor_is_refused(other):
    prior = small_prior(1)
    x, s, eta = batch(prior, 2)
    constant = score_matching.SmoothingConstant(prior)
    for refused in (
        lambda: denoising(prior, other, s, eta),
        lambda: denoising(prior, x, other, eta),
        lambda: denoising(prior, x, s, other),
        lambda: implicit(prior, x, other, eta),
        lambda: implicit(prior, x, s, other),
        lambda: score_matching.ordering(prior, x, other, s),
        lambda: score_matching.ordering(prior, x, s, other),
        lambda: score_matching.growth(other),
        lambda: constant.update(other, s),
        lambda: constant.update(s, other),
    ):
        with pytest.raises(InputError, match="tensor"):
            refused()
    assert constant.iterations == 0
