"""Where an energy is convex: the certificate, the projection, the smallest eigenvalue (method, section 6)."""

import math

import pytest
import torch

from gnc_core.errors import InputError
from gnc_core.learning import convexity, rescaling, score_matching
from gnc_core.measuring import curvature, inspection
from gnc_core.prior import splines
from gnc_core.prior.fields_of_experts import FieldsOfExperts


def wavy(layers=1, channels=5, strength=1.0):
    """A prior whose potentials are the less convex the smaller the smoothing."""
    torch.manual_seed(layers)
    prior = FieldsOfExperts(layers, channels, 3, knots_u=15, knots_hidden=9, knots_s=7, input_scale=0.05)
    slopes = prior.potential.increments.data
    slopes += 0.05 * torch.arange(slopes.shape[1])[:, None] * torch.linspace(0, 1, slopes.shape[2])
    slopes += strength * torch.randn_like(slopes) * torch.linspace(1, 0, slopes.shape[2]) ** 2
    for phi in prior.functions[:-1]:
        phi.increments.data += 0.2 * torch.randn_like(phi.increments)
    return prior


def patches(size=16):
    return torch.rand(4, 1, size, size, generator=torch.manual_seed(3))


def sampled(prior, levels=600):
    """The largest sigma of a dense grid at which a potential bends down anywhere on R; 0 if none does."""
    phi = prior.potential
    s = torch.linspace(phi.s.low, phi.s.high, levels, dtype=torch.float64)
    low = torch.full((levels, len(phi.increments)), 2 * phi.u.low, dtype=torch.float64)
    bad = (inspection.least_second_derivative(phi, s, low, -low).amin(1) < -1e-9).nonzero()
    return math.exp(s[bad.max()]) if len(bad) else 0.0


def test_the_certificate_is_as_good_as_dense_sampling():
    prior = wavy()
    level = math.exp(prior.potential.s.spacing / 2**convexity.HALVINGS)
    proved, bends = convexity.convex_from(prior), sampled(prior)
    assert 0.01 < bends <= proved <= bends * level * 1.01


def test_no_proof_for_potentials_that_bend_down_at_the_end_or_beyond_the_grid():
    prior = FieldsOfExperts(1, 3, 3, knots_u=15, knots_s=7, input_scale=0.05)
    assert convexity.convex_from(prior) == pytest.approx(0.01)
    start = prior.potential.increments.data.clone()
    prior.potential.increments.data[1, :3] = start[1, 3] + 1  # only the continuation and the last interval
    assert math.isnan(convexity.convex_from(prior))
    prior.potential.increments.data.copy_(start)[2, 9, -2] = 100
    assert math.isnan(convexity.convex_from(prior))


def made_convex(prior, sigma):
    convexity.ConvexPriors(prior, sigma, patches()).project(prior)
    return prior


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("sigma", [0.05, 0.2])
def test_made_convex_it_is_proved_from_there_on_and_what_is_convex_stays(layers, sigma):
    prior = wavy(layers, strength=100.0)
    assert not convexity.convex_from(prior) <= sigma
    before = prior.potential.increments.clone()
    made_convex(prior, sigma)
    assert convexity.convex_from(prior) <= sigma
    assert sampled(prior) <= sigma
    after = prior.potential.increments.clone()
    assert torch.equal(before[..., 0], after[..., 0])  # has no weight at sigma
    made_convex(prior, sigma)
    assert torch.allclose(prior.potential.increments, after, atol=1e-6)


def test_the_mean_of_two_convex_priors_is_one():
    one, other = made_convex(wavy(2, strength=10.0), 0.1), made_convex(wavy(2, strength=-5.0), 0.1)
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        a.data.lerp_(b.data, 0.3)
    assert convexity.convex_from(one) <= 0.1


def test_made_convex_activations_have_one_slope_at_large_smoothing():
    prior = made_convex(wavy(2), 0.06)
    phi = prior.functions[0]
    s = torch.tensor([math.log(0.06)], dtype=torch.float64)
    u = torch.linspace(-40, 40, 50, dtype=torch.float64).expand(1, len(phi.increments), 1, -1)
    slope = splines.evaluate(phi.table(s), u, phi.u, order=1)
    assert torch.allclose(slope, slope[..., :1].expand_as(slope), atol=1e-6)
    assert score_matching.linearity(prior) < score_matching.linearity(wavy(2))


def test_no_proof_where_an_activation_bends():
    prior = made_convex(wavy(2), 0.06)
    prior.functions[0].increments.data[0, 3, -1] += 1e-3
    assert math.isnan(convexity.convex_from(prior))


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("sigma", [0.02, 0.3])
def test_smallest_eigenvalue_against_the_dense_hessian(layers, sigma):
    prior = wavy(layers).double()
    x = torch.rand(1, 1, 8, 9, generator=torch.manual_seed(1), dtype=torch.float64)
    s = math.log(sigma)
    hessian = torch.autograd.functional.hessian(lambda y: prior.energy(y, s).sum(), x).view(72, 72) * sigma**2
    values, _ = torch.linalg.eigh(hessian)
    value, vector = curvature.smallest_eigenvalue(prior, x, s, tolerance=1e-9)
    assert value == pytest.approx(values[0].item(), abs=1e-6)
    assert vector.norm().item() == pytest.approx(1)
    residual = hessian @ vector.flatten() - value * vector.flatten()
    assert residual.norm() < 1e-5 * (1 + abs(value))
    assert curvature.smallest_eigenvalue(prior, x, s, tolerance=1e-9)[0] == value


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_energies_proved_convex_have_no_negative_eigenvalue(layers):
    prior = made_convex(wavy(layers, strength=3.0), 0.1)
    y = patches()[:1] + 0.3 * torch.randn(1, 1, 16, 16, generator=torch.manual_seed(2))
    assert curvature.smallest_eigenvalue(prior, y, math.log(0.1))[0] > -1e-5


# --- the penalties of training -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [0.0, 0.05])
def test_penalties_are_zero_at_the_start_and_see_what_they_are_for(scale):
    """At the start potentials are quadratics and activations linear; one slope that falls is seen by two penalties."""
    prior = FieldsOfExperts(2, 3, 3, knots_u=15, knots_hidden=9, knots_s=7, input_scale=scale)
    assert score_matching.convexity(prior) < 1e-12
    assert score_matching.linearity(prior) < 1e-12
    assert score_matching.roughness(prior) < 1e-9
    prior.potential.increments.data[1, 5, 8] += 5
    prior.hidden[0].increments.data[1, 5, 8] += 5
    for penalty in (score_matching.convexity, score_matching.linearity, score_matching.roughness):
        assert penalty(prior) > 1e-4


def test_the_hinge_by_its_formula():
    """Quadratics phi = -b u^2/2 at every smoothing: sigma^2 phi'' = -b sigma^2/a^2 at all knots."""
    prior = FieldsOfExperts(1, 3, 3, knots_u=15, knots_s=7, input_scale=0.05)
    phi, b = prior.potential, 2.0
    middles = phi.u.positions()[:-1] + phi.u.spacing / 2
    phi.start_from((-b * middles)[:, None].expand(-1, phi.s.weights))
    s = phi.s.positions()
    weight = ((s - math.log(0.05)) / math.log(10)).clamp(min=0) ** 2
    inner = b * (2 * s).exp() / ((2 * s).exp() + 0.05**2)
    expected = (weight * inner**2).sum() * (phi.u.weights - 2) * phi.u.spacing
    assert score_matching.convexity(prior).item() == pytest.approx(expected.item(), rel=1e-4)
    assert score_matching.roughness(prior) < 1e-5


def test_they_are_differentiable():
    prior = wavy(2)
    total = score_matching.convexity(prior) + score_matching.linearity(prior) + score_matching.roughness(prior)
    gradients = torch.autograd.grad(total, [prior.potential.increments, prior.hidden[0].increments])
    assert all(g.isfinite().all() and g.abs().sum() > 0 for g in gradients)


@pytest.mark.parametrize("other", [None, [0.1, 0.2], "x"], ids=str)
def test_what_is_no_number_or_no_image_is_refused(other):
    prior, x = FieldsOfExperts(layers=2, channels=8, kernel_size=3), torch.rand(2, 1, 16, 16)
    before = [weights.clone() for weights in prior.parameters()]
    for arguments in ((other, x), (0.1, other)):
        with pytest.raises(InputError):
            convexity.ConvexPriors(prior, *arguments)
    with pytest.raises(InputError, match="input scale"):
        rescaling.rescaled(prior, other)
    assert all(torch.equal(*pair) for pair in zip(before, prior.parameters(), strict=True))
