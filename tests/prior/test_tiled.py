"""What every shipped prior runs on, kernels of 7 x 7 in float32, against the definition (method, section 2) in float64."""

import copy

import pytest
import torch
import torch.nn.functional as F

from gnc_core.prior import tiled
from gnc_core.prior.fields_of_experts import FieldsOfExperts
from gnc_core.prior.splines import basis, definition, polynomials

WHOLE = 2**30  # bytes: one tile
# By layers: channels (an odd number leaves one over when they go by twos), height and width (rows within a block of 256 pixels
# and beyond it, sides that halve into unequal tiles).
SIZES = {1: [(1, 23, 37), (5, 45, 37), (7, 12, 301), (48, 45, 37)]}
SIZES |= {2: [(5, 45, 37), (7, 12, 301), (48, 29, 31)], 3: [(1, 12, 37), (5, 12, 301), (7, 45, 37), (48, 21, 23)]}
CASES = [(layers, *size) for layers, sizes in SIZES.items() for size in sizes]
cases = pytest.mark.parametrize(("layers", "channels", "height", "width"), CASES)
several = pytest.mark.parametrize("memory", [WHOLE, 100_000, 1], ids=["one tile", "a few tiles", "smallest tiles"])


def prior_and_images(layers, channels, height, width):
    """A prior whose functions are far from their start, and two images whose features go beyond the grid at places."""
    g = torch.manual_seed(10 * layers + channels)
    prior = FieldsOfExperts(layers, channels, kernel_size=7, knots_u=31, knots_hidden=15, knots_s=6)
    for parameter in prior.parameters():
        parameter.data += 0.2 * torch.randn(parameter.shape, generator=g)
    prior.c.copy_(torch.randn(prior.c.shape, generator=g))
    x = 0.5 + torch.randn(2, 1, height, width, generator=g)
    x[1, :, height // 2 :] *= 4
    return prior.requires_grad_(False), x, torch.tensor([-3.9, -1.2])


def by_definition(prior, x, s):
    """R, grad_x R, dR/ds and d2R/ds2 in float64: the library's reflection and convolutions, splines by their polynomials, and
    every derivative by autograd. A graph to the parameters of a prior in float64 is kept."""
    x, s = x.double().requires_grad_(), s.double().requires_grad_()
    p = prior.padding
    h = F.pad(x, (p, p, p, p), mode="reflect")
    of_s = basis(s, prior.potential.s)
    for kernel, phi in zip(prior.kernels(), prior.functions, strict=True):
        weights = torch.einsum("cik,nk->nci", phi.weights(), of_s)
        table = polynomials(weights, continuation=2 if phi.potential else 1)
        h = definition.evaluate(table, F.conv2d(h, kernel.double()), phi.u)
    energy = h.sum((1, 2, 3)) + of_s @ prior.c.double() * x[0].numel()
    score, slope = torch.autograd.grad(energy.sum(), (x, s), create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), s, create_graph=True)
    return energy, score, slope, curvature


def close(a, b, tolerance=1e-5):
    """Relative error in the Euclidean norm, image by image."""
    return all((c.double() - d).norm() <= tolerance * d.norm() for c, d in zip(a, b, strict=True))


@several
@cases
def test_without_a_graph(layers, channels, height, width, memory, monkeypatch):
    prior, x, s = prior_and_images(layers, channels, height, width)
    exact = by_definition(copy.deepcopy(prior).double(), x, s)
    energy, score, slope, _ = (value.detach() for value in exact)
    monkeypatch.setattr(tiled, "BFLOAT16", False)
    monkeypatch.setitem(tiled.MEMORY, "cpu", memory)
    with torch.no_grad():
        assert close(prior.energy(x, s), energy)
        assert close(prior.score(x, s), score)
        assert close(prior.slope(x, s), slope)
        for found, expected in zip(prior.score_and_slope(x, s), (score, slope), strict=True):
            assert close(found, expected)


@several
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_without_a_graph_in_float64(layers, memory, monkeypatch):
    prior, x, s = prior_and_images(layers, 5, 45, 37)
    prior, x, s = prior.double(), x.double(), s.double()
    energy, score, slope, _ = (value.detach() for value in by_definition(prior, x, s))
    monkeypatch.setitem(tiled.MEMORY, "cpu", memory)
    with torch.no_grad():
        found = prior.energy(x, s), prior.score(x, s), prior.slope(x, s), *prior.score_and_slope(x, s)
    for value, expected in zip(found, (energy, score, slope, score, slope), strict=True):
        assert close(value, expected, 1e-11)


@cases
def test_with_a_graph(layers, channels, height, width):
    prior, x, s = prior_and_images(layers, channels, height, width)
    energy, score, slope, curvature = (v.detach() for v in by_definition(copy.deepcopy(prior).double(), x, s))
    found = prior.energy(x, s), prior.score(x, s), prior.slope(x, s), *prior.score_and_slope(x, s)
    for value, expected in zip(found, (energy, score, slope, score, slope), strict=True):
        assert close(value, expected)
    for value, expected in zip(prior.derivatives(x, s), (score, slope, curvature), strict=True):
        assert close(value, expected)


@cases
def test_gradients_in_the_parameters(layers, channels, height, width):
    """Those of what training minimises: squares of the score and of dR/ds, and d2R/ds2."""
    prior, x, s = prior_and_images(layers, channels, height, width)
    exact = copy.deepcopy(prior).double()
    found = []
    for one, of in ((prior, lambda *a: prior.derivatives(*a)), (exact, lambda *a: by_definition(exact, *a)[1:])):
        one.requires_grad_()
        score, slope, curvature = of(x, s)
        loss = (score**2).sum() + (slope**2).sum() / x[0].numel() - curvature.sum()
        found.append(torch.autograd.grad(loss, list(one.parameters())))
    assert close(*found, 1e-5)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_only_the_score_is_rounded_to_bfloat16(layers, monkeypatch):
    """Eight binary digits in its hidden convolutions; energies and dR/ds keep all of theirs, as does the score beside dR/ds."""
    prior, x, s = prior_and_images(layers, 7, 45, 37)
    energy, score, slope, _ = (v.detach() for v in by_definition(copy.deepcopy(prior).double(), x, s))
    monkeypatch.setattr(tiled, "BFLOAT16", True)
    monkeypatch.setitem(tiled.MEMORY, "cpu", 100_000)
    with torch.no_grad():
        found = prior.energy(x, s), prior.slope(x, s), *prior.score_and_slope(x, s)
        for value, expected in zip(found, (energy, slope, score, slope), strict=True):
            assert close(value, expected)
        assert close(prior.score(x, s), score, 0.02 if layers > 1 else 1e-5)
