"""The prior's energy, score and derivatives in the smoothing (method, section 2), for one to three layers."""

import math

import numpy as np
import pytest
import torch

from gnc_core.errors import InputError
from gnc_core.prior import tiled
from gnc_core.prior.convolutions import adjoint, convolve
from gnc_core.prior.fields_of_experts import FieldsOfExperts, dct_kernels

LAYERS = [1, 2, 3]


def small_prior(layers, dtype=torch.float64):
    """A prior whose functions are far from their start, so that every derivative counts."""
    torch.manual_seed(layers)
    prior = FieldsOfExperts(layers, channels=3, kernel_size=3, knots_u=9, knots_hidden=7, knots_s=5).to(dtype)
    for parameter in prior.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    prior.c.normal_()
    return prior


def images(n=2, size=9, dtype=torch.float64):
    x = torch.rand(n, 1, size, size + 1, generator=torch.manual_seed(5), dtype=dtype)
    return x, torch.tensor([-3.9, -1.2], dtype=dtype)[:n]


@pytest.mark.parametrize("layers", LAYERS)
def test_score_is_the_gradient_of_the_energy_up_to_the_border(layers):
    prior, (x, s) = small_prior(layers), images()
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(prior.energy(x, s).sum(), x)
    assert torch.allclose(prior.score(x, s), gradient, rtol=1e-9, atol=1e-9)
    direction = torch.zeros_like(x)
    direction[:, :, 0, -1] = 1  # a corner
    h = 1e-5
    numerical = (prior.energy(x + h * direction, s) - prior.energy(x - h * direction, s)) / (2 * h)
    assert torch.allclose(numerical, gradient[:, 0, 0, -1], rtol=1e-5)


@pytest.mark.parametrize("layers", LAYERS)
def test_derivatives_in_the_smoothing_against_finite_differences(layers):
    prior, (x, s) = small_prior(layers), images()
    h = 1e-4
    up, at, down = (prior.energy(x, s + d) for d in (h, 0, -h))
    score, slope, curvature = prior.derivatives(x, s)
    assert torch.allclose(slope, (up - down) / (2 * h), rtol=1e-5)
    assert torch.allclose(curvature, (up - 2 * at + down) / h**2, rtol=1e-4)
    assert torch.allclose(score, prior.score(x, s))
    score, slope_only = prior.score_and_slope(x, s)
    assert torch.allclose(slope_only, slope)
    assert torch.equal(prior.slope(x, s), slope_only)
    assert torch.allclose(score, prior.score(x, s))


@pytest.mark.parametrize("layers", LAYERS)
def test_everything_is_differentiable_in_the_parameters(layers):
    """Derivatives of score, dR/ds and d2R/ds2 along a random direction of all parameters, against differences."""
    prior, (x, s) = small_prior(layers), images(size=6)
    weight = torch.randn_like(x)

    def value():
        score, slope, curvature = prior.derivatives(x, s)
        return (weight * score).sum() + 0.1 * (slope**2).sum() - curvature.sum()

    gradients = torch.autograd.grad(value(), list(prior.parameters()))
    directions = [torch.randn_like(p) for p in prior.parameters()]
    expected = sum((g * d).sum() for g, d in zip(gradients, directions, strict=True))
    h, ends = 1e-6, []
    for step in (h, -2 * h):
        for p, d in zip(prior.parameters(), directions, strict=True):
            p.data += step * d
        ends.append(value().item())
    assert math.isclose((ends[0] - ends[1]) / (2 * h), expected.item(), rel_tol=1e-5)


def test_adjoint_of_kernels_and_boundary():
    """<K x, y> = <x, K^T y>, where K continues the image by reflection and then convolves."""
    prior, (x, _) = small_prior(2), images()
    kernel = prior.kernels()[0]
    forward = convolve(prior.extend(x), kernel)
    y = torch.randn_like(forward)
    backward = prior.extend_adjoint(adjoint(y, kernel))
    assert torch.isclose((forward * y).sum(), (x * backward).sum())


def test_float32_agrees_with_float64():
    exact, (x, s) = small_prior(3), images(size=40)
    single = small_prior(3, torch.float32)
    single.load_state_dict(exact.state_dict())
    single = single.float()
    for a, b in zip(single.derivatives(x.float(), s.float()), exact.derivatives(x, s), strict=True):
        assert (a.double() - b).norm() <= 2e-4 * b.norm()


def test_brightness_does_not_matter():
    prior, (x, s) = small_prior(2), images()
    assert torch.allclose(prior.energy(x + 0.4, s), prior.energy(x, s))


def test_each_image_has_its_own_smoothing():
    prior, (x, s) = small_prior(1), images()
    together = prior.score(x, s)
    assert torch.allclose(together[:1], prior.score(x[:1], s[0].item()))
    assert torch.allclose(prior.energy(x, s)[1:], prior.energy(x[1:], s[1].item()))


def test_the_constant_in_s_changes_the_energy_and_not_the_score():
    prior, (x, s) = small_prior(1), images()
    score, slope, _ = prior.derivatives(x, s)
    prior.c.add_(torch.linspace(0, 1, len(prior.c)))
    new_score, new_slope, _ = prior.derivatives(x, s)
    assert torch.equal(score, new_score)
    step = 1 / (len(prior.c) - 1) / prior.potential.s.spacing  # weights that rise linearly: so does c(s)
    assert torch.allclose(new_slope - slope, torch.full_like(slope, step * x[0].numel()))


def test_starting_values():
    """Kernels start as the DCT basis, hidden functions as the identity, the last as a quadratic."""
    kernels = dct_kernels(7).flatten(1)
    assert torch.allclose(kernels @ kernels.T, torch.eye(48), atol=1e-6)
    assert kernels.sum(1).abs().max() < 1e-5
    prior = FieldsOfExperts(2).double()
    s = torch.tensor([-2.0], dtype=torch.float64)
    u = torch.linspace(-5, 5, 41, dtype=torch.float64).expand(1, 48, 1, -1)
    from gnc_core.prior import splines

    (hidden, last) = prior.functions
    assert torch.allclose(splines.evaluate(hidden.table(s), u, hidden.u), u, atol=1e-6)
    curvature = splines.evaluate(last.table(s), u, last.u, order=2)
    assert curvature.min() > 0
    assert torch.allclose(curvature, curvature[..., :1].expand_as(curvature), rtol=1e-5)


@pytest.mark.parametrize("layers", [1, 2, 3, 5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_without_a_graph_and_in_tiles_the_numbers_are_the_same(layers, dtype, monkeypatch):
    monkeypatch.setattr(tiled, "BFLOAT16", False)
    prior = small_prior(layers, dtype)
    x, s = images(size=45, dtype=dtype)
    energy, (score, slope) = prior.energy(x, s), prior.score_and_slope(x, s)
    for memory in (2**30, 400_000, 1):  # whole; a few tiles; the smallest tiles
        monkeypatch.setitem(tiled.MEMORY, "cpu", memory)
        with torch.no_grad():
            others = prior.energy(x, s), *prior.score_and_slope(x, s), prior.score(x, s), prior.slope(x, s)
        for a, b in zip(others, (energy, score, slope, score, slope), strict=True):
            assert (a - b).norm() <= (1e-5 if dtype == torch.float32 else 1e-12) * b.norm()


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_rounded_to_bfloat16_the_score_is_near(layers, monkeypatch):
    """Eight binary digits in the hidden convolutions of the score; nothing else is rounded."""
    prior = small_prior(layers, torch.float32)
    x, s = images(size=45, dtype=torch.float32)
    score, energy, (_, slope) = prior.score(x, s), prior.energy(x, s), prior.score_and_slope(x, s)
    monkeypatch.setattr(tiled, "BFLOAT16", True)
    with torch.no_grad():
        assert (prior.score(x, s) - score).norm() <= (0.02 if layers > 1 else 1e-5) * score.norm()
        assert torch.allclose(prior.energy(x, s), energy, rtol=1e-5)
        assert torch.allclose(prior.score_and_slope(x, s)[1], slope, rtol=1e-5)


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_at_most_three_buffers_of_features(layers):
    """The largest memory that a score takes, counted in tensors of features of the whole image."""
    prior = FieldsOfExperts(layers, channels=24, kernel_size=5).requires_grad_(False)
    x = torch.rand(1, 1, 512, 512)
    with torch.no_grad():
        prior.score_and_slope(x, -2.0)  # whatever is allocated once
        with torch.profiler.profile(profile_memory=True, activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            prior.score_and_slope(x, -2.0)
    events = [e for e in profile.profiler.kineto_results.events() if e.name() == "[memory]"]
    alive, peak = 0, 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        alive += event.nbytes()
        peak = max(peak, alive)
    assert peak <= 3.25 * 24 * 512**2 * 4  # the quarter: a strip of the library's own copies


@pytest.mark.parametrize("layers", [1, 2])
def test_same_bits_with_one_thread_or_two_and_alone_or_in_a_batch(layers):
    """What one process computes is what many compute, each with threads of its own."""
    torch.manual_seed(0)
    prior = FieldsOfExperts(layers).requires_grad_(False)
    x, found = torch.rand(2, 1, 48, 56), []
    threads = torch.get_num_threads()
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            with torch.no_grad():
                found += [(prior.energy(part, -2.0), *prior.score_and_slope(part, -2.0)) for part in (x, x[:1])]
    finally:
        torch.set_num_threads(threads)
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            assert torch.equal(a[:1], b[:1])


METHODS = {
    "energy": lambda prior, x, s: (prior.energy(x, s),),
    "score": lambda prior, x, s: (prior.score(x, s),),
    "slope": lambda prior, x, s: (prior.slope(x, s),),
    "both": lambda prior, x, s: prior.score_and_slope(x, s),
    "derivatives": lambda prior, x, s: prior.derivatives(x, s),
}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_images_and_smoothings_meet_one_by_one(method, layers, dtype, monkeypatch):
    """One image with many s, many images with one s, and as many of both: with and without a graph as pair by pair."""
    monkeypatch.setattr(tiled, "BFLOAT16", False)
    prior, (x, _) = small_prior(layers, dtype), images(n=4, dtype=dtype)
    s = torch.linspace(-3.9, -0.8, 4, dtype=dtype)
    for some, others in (
        (x[:1], s),
        (x, s[1]),
        (x, s[1:2]),
        (x, s[1].item()),
        (x, s),
        (x[:1], s[0]),
        (x[:1], s.tolist()),
    ):
        smoothings = torch.as_tensor(others, dtype=dtype).expand(
            4 if len(some) == 4 else torch.as_tensor(others).numel()
        )
        pairs = list(zip(some.expand(len(smoothings), -1, -1, -1), smoothings, strict=True))
        expected = [torch.cat(a) for a in zip(*(method(prior, xi[None], si) for xi, si in pairs), strict=True)]
        with torch.no_grad():
            without = method(prior, some, others)
        for a, b, one in zip(method(prior, some, others), without, expected, strict=True):
            assert a.shape == b.shape == one.shape
            for other in (a, b):
                assert (other - one).norm() <= (1e-5 if dtype == torch.float32 else 1e-12) * one.norm()


def test_the_gradient_of_a_single_image_is_the_sum_over_its_smoothings():
    prior, (x, s) = small_prior(2), images(n=1)
    s = torch.tensor([-3.0, -2.0, -1.0], dtype=x.dtype)
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(prior.energy(x, s).sum(), x)
    torch.testing.assert_close(gradient, prior.score(x, s).sum(0, keepdim=True))


@pytest.mark.parametrize("graph", [True, False])
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_what_is_harmless_is_converted_and_the_rest_refused(method, graph):
    prior, (x, s) = small_prior(2, torch.float32), images(dtype=torch.float32)
    with torch.set_grad_enabled(graph):
        expected = method(prior, x, s)
        for images_, smoothings in ((x.double(), s), (x, s.double()), (x, s.double().numpy()), (x, s.tolist())):
            for a, b in zip(method(prior, images_, smoothings), expected, strict=True):
                assert a.dtype == torch.float32
                torch.testing.assert_close(a, b)
        for number in (-1, np.int64(-1), np.float32(-1), np.float64(-1), torch.tensor(-1)):
            for a, b in zip(method(prior, x, number), method(prior, x, -1.0), strict=True):
                assert torch.equal(a, b)
        three = torch.zeros(3)
        for bad, message in (
            (lambda: method(prior, x, three), "2 images do not go with smoothings"),
            (lambda: method(prior, x, torch.zeros(2, 1, 1, 1)), "do not go with"),
            (lambda: method(prior, x, torch.zeros(0)), "do not go with"),
            (lambda: method(prior, x[..., : prior.min_size - 1], -1.0), "this prior needs at least 3 x 3"),
            (lambda: method(prior, (255 * x).byte(), -1.0), "floating point"),
            (lambda: method(prior, x[0], -1.0), r"shape \(N, channels"),
            (lambda: method(prior, x[:0], -1.0), r"shape \(N, channels"),
            (lambda: method(prior, x.expand(-1, 3, -1, -1), -1.0), "grey images, not of 3 channels"),
            (lambda: method(prior, x.numpy(), -1.0), "must be tensors"),
            (lambda: method(prior, x.to("meta"), -1.0), "but the prior is on cpu"),
            (lambda: method(prior, x, math.nan), "smoothing s must be a number"),
            (lambda: method(prior, x, "-1"), "smoothing s must be a number"),
            (lambda: method(prior, x, 1e300), "logarithm of sigma"),
        ):
            with pytest.raises(InputError, match=message):
                bad()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("layers", 0),
        ("layers", 1.5),
        ("channels", 49),
        ("kernel_size", 4),
        ("knots_s", 1),
        ("sigma_min", 0),
        ("sigma_min", 0.5),
        ("sigma_max", math.nan),
        ("sigma_max", "large"),
    ],
)
def test_priors_that_cannot_be(name, value):
    with pytest.raises(InputError):
        FieldsOfExperts(**{name: value})
