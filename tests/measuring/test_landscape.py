"""Energies over planes and lines of images, on a Gaussian prior whose energy is known, and on learned potentials."""

import math

import numpy as np
import pytest
import torch
from stand_in import GaussianPrior

from gnc_core import images
from gnc_core.errors import InputError
from gnc_core.measuring import curvature, landscape
from gnc_core.prior.fields_of_experts import FieldsOfExperts
from gnc_core.problems import Denoising
from gnc_core.restoration import Flow

PRIOR = GaussianPrior()
X = torch.rand(1, 1, 6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def directions():
    first = landscape.random_direction(X, 1)
    return first, landscape.orthogonal(landscape.random_direction(X, 2), first)


def whole_plane(prior, x, pair, a, b, sigmas):
    found = np.full((len(sigmas), len(b), len(a)), np.nan)
    for k, i, row in landscape.plane(prior, x, pair, a, b, sigmas):
        found[k, i] = row
    return found


def test_plane_of_a_gaussian_is_its_paraboloid():
    """R(x + a d + b e) = R(x) + a <g, d> + b <g, e> + (a^2 + b^2) / (2 v), for orthonormal d and e and the score g."""
    a, b, sigmas = np.linspace(-1, 1, 5), np.linspace(-0.5, 2, 4), [0.3, 0.02]
    first, second = directions()
    found = whole_plane(PRIOR, X, (first, second), a, b, sigmas)
    for k, sigma in enumerate(sigmas):
        s, v = math.log(sigma), sigma**2 + PRIOR.variance
        score = PRIOR.score(X, s)
        along, across = ((score * d).sum().item() for d in (first, second))
        height = PRIOR.energy(X, s).item() + b[:, None] * across + a * along + (a**2 + b[:, None] ** 2) / (2 * v)
        np.testing.assert_allclose(found[k], height, rtol=1e-12)


def test_nothing_is_computed_before_it_is_asked_for():
    asked = []

    class Counting(GaussianPrior):
        def energy(self, x, s):
            asked.append(float(s))
            return super().energy(x, s)

    rows = landscape.plane(Counting(), X, directions(), [0.0, 1.0], [0.0, 1.0, 2.0], [0.3, 0.1])
    assert not asked
    next(rows)
    assert asked == [math.log(0.3)]
    rows.close()


def test_a_line_is_the_middle_row_of_a_plane():
    a, sigmas = np.linspace(-1, 1, 7), [0.05, 0.2]
    first, second = directions()
    middle = whole_plane(PRIOR, X, (first, second), a, [0.0], sigmas)[:, 0]
    levels = dict(landscape.line(PRIOR, X, first, a, sigmas))
    np.testing.assert_array_equal(np.stack([levels[0], levels[1]]), middle)


def test_directions_have_norm_one_and_are_orthogonal():
    target = landscape.blurred(X, 1.0)
    first = landscape.unit(target - X)
    second = landscape.orthogonal(landscape.random_direction(X, 0), first)
    for d in (first, second, landscape.random_direction(X, 3)):
        assert d.norm().item() == pytest.approx(1, abs=1e-12)
        assert d.shape == X.shape
    assert (first * second).sum().item() == pytest.approx(0, abs=1e-12)
    distance = (target - X).norm().item()
    assert landscape.places(target, X, [first, second])[0].tolist() == pytest.approx([distance, 0], abs=1e-12)
    assert not torch.equal(landscape.random_direction(X, 3), landscape.random_direction(X, 4))


def test_a_blur_keeps_the_mean_and_takes_the_contrast():
    x = torch.rand(1, 1, 64, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    blurred = landscape.blurred(x, 2.0)
    assert blurred.mean().item() == pytest.approx(x.mean().item(), abs=2e-3)
    # white noise of variance v, blurred by a Gaussian of std t, has variance v / (4 pi t^2)
    assert (blurred.var() / x.var()).item() == pytest.approx(1 / (16 * math.pi), rel=0.2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: landscape.unit(X - X), "from an image to itself"),
        (lambda: landscape.orthogonal(directions()[0], -directions()[0]), "are the same"),
        (lambda: landscape.blurred(X, 0), "positive"),
        (lambda: landscape.random_direction(X, -1), "seed"),
        (lambda: next(landscape.plane(PRIOR, X, directions(), [0.0], [0.0], [0.7])), "must lie in"),
        (lambda: next(landscape.plane(PRIOR, X.expand(2, 1, 6, 5), directions(), [0.0], [0.0], [0.1])), "single image"),
    ],
)
def test_what_cannot_be_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_minima_of_a_wave_lie_where_it_says():
    t = np.linspace(-1, 1, 81)
    wells = np.cos(4 * np.pi * t) + 0.1 * t  # minima near -0.75, -0.25, 0.25, 0.75, the left one lowest
    found = t[landscape.grid_minima(wells)[:, 0]]
    np.testing.assert_allclose(found, [-0.75, -0.25, 0.25, 0.75], atol=0.03)
    grid = wells[:, None] + wells
    assert len(landscape.grid_minima(grid)) == 16
    np.testing.assert_allclose(t[landscape.grid_minima(grid)[0]], [-0.75, -0.75], atol=0.03)


def test_no_minimum_lies_on_a_border_on_a_plateau_or_in_rounding():
    t = np.linspace(-1, 1, 21)
    assert len(landscape.grid_minima(t)) == 0
    assert len(landscape.grid_minima(np.zeros((5, 5)))) == 0
    assert len(landscape.grid_minima(1e6 + 1e-3 * np.cos(10 * t))) <= 1  # the lowest one alone
    assert len(landscape.grid_minima(t[:, None] ** 2 - t**2)) == 0  # a saddle
    assert landscape.grid_minima((t[:, None] - 0.5) ** 2 + t**2).tolist() == [[15, 10]]
    assert len(landscape.grid_minima(np.ones((2, 7)))) == 0
    assert landscape.grid_minima((t[:20] + t[1:]) ** 2).tolist() == [[9]]  # between two points of the same height
    assert landscape.grid_minima(np.where(abs(t) < 0.35, 0, 1.0)).tolist() == [[7]]  # a flat bottom is one minimum


def test_a_path_is_what_the_flow_does_on_a_gaussian():
    """One direction alone: every image of the flow lies on the line from z to the mean, if z is flat."""
    z = torch.full((1, 1, 6, 5), 0.9, dtype=torch.float64)
    problem, schedule = Denoising(z, 0.1), [0.3, 0.1, 0.02]
    steps = list(Flow(schedule).run(PRIOR, problem))
    direction = landscape.unit(torch.full_like(z, PRIOR.mean) - z)
    path = landscape.Path.of(torch.cat([z, *(step.image for step in steps)]), [0.3, *schedule], z, direction)
    assert path.along[0] == 0
    assert (path.along[1:] > 0).all()
    np.testing.assert_allclose(path.off, 0, atol=1e-7)
    expected = [(step.image - z).norm().item() for step in steps]
    np.testing.assert_allclose(path.along[1:], expected, rtol=1e-12)
    assert path.sigma.tolist() == [0.3, *schedule]


def test_the_distance_from_the_line_is_what_is_left():
    first, second = directions()
    path = landscape.Path.of(torch.cat([X, X + 3 * first - 4 * second]), [0.1, 0.1], X, first)
    np.testing.assert_allclose(path.along, [0, 3], atol=1e-12)
    np.testing.assert_allclose(path.off, [0, 4], atol=1e-12)


def test_the_eigenvector_beside_another_is_the_second_smallest():
    prior = FieldsOfExperts(1, channels=8, kernel_size=3, knots_u=31, knots_s=6).double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():  # potentials that are not convex
        prior.potential.increments += 20 * torch.randn(prior.potential.increments.shape, generator=generator).double()
    prior.requires_grad_(False)
    x, s = torch.rand(1, 1, 9, 9, generator=generator, dtype=torch.float64), -2.0
    value, vector = curvature.smallest_eigenvalue(prior, x, s, 1e-8)
    second, beside = curvature.smallest_eigenvalue(prior, x, s, 1e-8, beside=vector)
    hessian = torch.autograd.functional.jacobian(lambda x: prior.score(x, s), x).view(81, 81)
    exact = torch.linalg.eigvalsh((hessian + hessian.T) / 2 * math.exp(2 * s))
    assert [value, second] == pytest.approx(exact[:2].tolist(), abs=1e-5)
    assert second < 0
    assert (vector * beside).sum().item() == pytest.approx(0, abs=1e-4)


def test_along_an_eigenvector_the_energy_bends_as_the_eigenvalue_says():
    """The second difference of R along d is h^2 times <d, hess R d>."""
    prior = FieldsOfExperts(1, channels=8, kernel_size=3, knots_u=31, knots_s=6).double().requires_grad_(False)
    x = images.crop_center(images.load_sample("Cat"), 12).double()
    value, vector = curvature.smallest_eigenvalue(prior, x, -2.0, 1e-8)
    h = 1e-3
    [(_, energies)] = landscape.line(prior, x, vector, [-h, 0, h], [math.exp(-2.0)])
    assert np.exp(-4.0) * np.diff(energies, 2)[0] / h**2 == pytest.approx(value, abs=1e-4)
