"""Mixtures in the plane: eigenvalues, the exact threshold, minima, points and presets."""

import math

import numpy as np
import pytest
import torch

from gnc_core.errors import InputError
from gnc_core.mixture import (
    PLANE_PRESETS,
    GaussianMixture,
    convex_from,
    critical_sigma,
    distinct,
    gnc_flow,
    plane_minimisers,
    plane_starts,
    smallest_eigenvalue,
    thresholds,
    two_dimensional,
)


def diracs(points: object, weights: object = None, variance: float = 0.0) -> GaussianMixture:
    count = len(np.asarray(points))
    return GaussianMixture(np.ones(count) if weights is None else weights, points, np.full(count, variance))


def cloud(kind: str, count: int, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    if kind == "normal":
        return 0.3 * generator.normal(size=(count, 2))
    if kind == "clusters":
        return 0.1 * generator.normal(size=(count, 2)) + np.where(np.arange(count) % 2, 0.5, -0.5)[:, None]
    angle = 2 * np.pi * np.arange(count) / count
    return 0.8 * np.stack([np.cos(angle), np.sin(angle)], -1)


MIXTURES = {
    "Diracs": diracs(cloud("normal", 7)),
    "weights": diracs(cloud("clusters", 6), weights=np.arange(1, 7)),
    "widths": GaussianMixture([1, 2, 3], [[0, 0], [0.5, -0.3], [-0.2, 0.6]], [0.01, 0.2, 0.05]),
    "covariances": GaussianMixture([1, 2], [[0, 0], [0.5, 0.3]], [[[0.2, 0.1], [0.1, 0.3]], [[0.1, 0.0], [0.0, 0.5]]]),
}


@pytest.mark.parametrize("name", MIXTURES)
def test_smallest_eigenvalue_is_that_of_differences_of_the_energy(name: str) -> None:
    mixture, sigma, h = MIXTURES[name], 0.3, 1e-4
    x = torch.from_numpy(np.random.default_rng(1).uniform(-1, 1, (20, 2)))
    e = h * torch.eye(2, dtype=torch.float64)

    def energy(shift: torch.Tensor) -> torch.Tensor:
        return mixture.energy(x + shift, sigma)

    H = torch.empty(20, 2, 2, dtype=torch.float64)
    for i in range(2):
        for j in range(2):
            corners = energy(e[i] + e[j]) - energy(e[i] - e[j]) - energy(e[j] - e[i]) + energy(-e[i] - e[j])
            H[:, i, j] = corners / (4 * h**2)
    found = smallest_eigenvalue(mixture, x, sigma)
    torch.testing.assert_close(found, torch.linalg.eigvalsh(H)[:, 0], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found, torch.linalg.eigvalsh(mixture.hessian(x, sigma))[:, 0])


def test_smallest_eigenvalue_of_two_points_in_closed_form() -> None:
    """On the line x1 = 0 between (-m, 0) and (m, 0) it is (1 - m^2 / sigma^2) / sigma^2, for all x2."""
    m, sigma = 0.6, torch.tensor([0.2, 0.5, 0.6, 1.0], dtype=torch.float64)[:, None]
    x = torch.stack([torch.zeros(5), torch.linspace(-3, 3, 5)], -1).double()
    found = smallest_eigenvalue(diracs([[-m, 0], [m, 0]]), x, sigma)
    torch.testing.assert_close(found, ((1 - m**2 / sigma**2) / sigma**2).minimum(1 / sigma**2).expand(4, 5))


# --- the threshold -----------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [[1, 1], [1, 1000]])
def test_threshold_of_two_points_is_half_their_distance_for_any_weights(weights: list[float]) -> None:
    assert convex_from(diracs([[0.1, 0.2], [0.4, 0.6]], weights)) == pytest.approx(0.25)


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (0.3, 1.2)])
def test_threshold_of_a_rectangle_is_half_its_longer_side(a: float, b: float) -> None:
    """Its density is a product of two, each of two points."""
    corners = [[0, 0], [a, 0], [a, b], [0, b]]
    assert convex_from(diracs(corners)) == pytest.approx(max(a, b) / 2, rel=1e-6)


def test_threshold_of_a_triangle_is_half_its_longest_side() -> None:
    assert convex_from(diracs([[0, 0], [1, 0], [0.3, 0.4]])) == pytest.approx(0.5)


@pytest.mark.parametrize("weights", [[1, 1, 1], [1, 5, 2], [3, 1, 1, 2]])
def test_threshold_on_a_line_is_that_of_one_dimension(weights: list[float]) -> None:
    t = np.linspace(-0.9, 0.7, len(weights))
    line = GaussianMixture(weights, t, np.zeros(len(t)))
    direction = np.array([math.cos(0.7), math.sin(0.7)])
    expected = critical_sigma(line, (-30.0, 30.0))
    assert convex_from(diracs(t[:, None] * direction, weights)) == pytest.approx(expected, rel=1e-5)


def test_threshold_of_points_on_an_edge_bounds_that_of_all() -> None:
    """Far below three points on a line there is nothing else, wherever the fourth one lies above them."""
    line = convex_from(diracs([[-1, 0], [0, 0], [1, 0]]))
    assert line < 0.6
    assert convex_from(diracs([[-1, 0], [0, 0], [1, 0], [0, 0.3]])) >= line * (1 - 1e-6)


@pytest.mark.parametrize(
    ("kind", "count"), [("normal", 12), ("normal", 60), ("clusters", 30), ("ring", 9), ("ring", 40)]
)
def test_threshold_is_that_of_a_fine_grid_and_of_the_hull(kind: str, count: int) -> None:
    """Above it nothing on a grid is negative; just below it there is, on the grid or far across the longest edge of the hull."""
    points = cloud(kind, count)
    mixture, found = diracs(points), convex_from(diracs(points))
    line = torch.linspace(-3, 3, 241, dtype=torch.float64)
    picture = torch.cartesian_prod(line, line)
    assert smallest_eigenvalue(mixture, picture, found * 1.0001).min() >= 0
    i, j = np.triu_indices(count, 1)
    middle, across = (points[i] + points[j]) / 2, (points[j] - points[i])[:, ::-1] * (-1, 1)
    ahead = np.append(np.geomspace(1, 1e4, 25), -np.geomspace(1, 1e4, 25))
    far = (middle[:, None] + ahead[:, None] * across[:, None]).reshape(-1, 2)
    below = min(smallest_eigenvalue(mixture, x, found * 0.999).min() for x in (picture, far))
    assert below < 0
    bounds = thresholds(mixture, critical=False)
    assert bounds.half_diameter is not None
    assert found <= bounds.half_diameter <= bounds.diameter


def test_threshold_of_wide_components_falls_by_their_variance() -> None:
    points = cloud("normal", 10)
    narrow = convex_from(diracs(points))
    assert convex_from(diracs(points, variance=0.04)) == pytest.approx(math.sqrt(narrow**2 - 0.04))
    assert convex_from(diracs(points, variance=4.0)) == 0


def test_threshold_moves_with_the_points() -> None:
    points = cloud("clusters", 14)
    turn = np.array([[math.cos(1.0), -math.sin(1.0)], [math.sin(1.0), math.cos(1.0)]])
    assert convex_from(diracs(3 * points @ turn + (5, -7))) == pytest.approx(3 * convex_from(diracs(points)), rel=1e-5)


def test_threshold_counts_equal_points_as_one_of_more_weight() -> None:
    assert convex_from(diracs([[0.3, 0.3]] * 4)) == 0
    once = diracs([[0, 0], [1, 0], [0.5, 0], [0.5, 0.4]], [2, 1, 1, 1])
    twice = diracs([[0, 0], [0, 0], [1, 0], [0.5, 0], [0.5, 0.4]])
    assert convex_from(twice) == pytest.approx(convex_from(once))


# --- minima, ends, points ----------------------------------------------------------------------


def test_minimisers_have_no_slope_and_come_lowest_first() -> None:
    mixture = two_dimensional(PLANE_PRESETS["Two clusters"])
    found = plane_minimisers(mixture, 0.2)
    assert mixture.gradient(found, 0.2).abs().max() < 1e-6
    assert smallest_eigenvalue(mixture, found, 0.2).min() > 0
    energies = mixture.energy(found, 0.2)
    assert len(found) == 2
    assert energies[0] < energies[1]


def test_flow_ends_in_the_hull_of_the_points() -> None:
    triangle = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    path = gnc_flow(two_dimensional(triangle), plane_starts(), [0.7, 0.2])
    assert path.shape == (3, 81, 2)
    assert path[1:].min() >= 0
    assert path[1:].sum(-1).max() <= 1 + 1e-12


def test_distinct_keeps_the_first_of_what_lies_close() -> None:
    assert distinct([[0, 0], [0.5, 0], [0.45, 0]], tolerance=0.1).tolist() == [[0, 0], [0.5, 0]]
    assert len(distinct(torch.empty(0, 2))) == 0


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([], "at least one point"),
        ([[0, 0]] * 151, "at most 150"),
        ([[0, 0, 0]], "pairs"),
        ([0, 1], "pairs"),
        ([[0, None]], "pairs"),
        ([[0, math.nan]], "finite"),
        ([["a", 1]], "pairs"),
        ([[0, 0], [1]], "pairs"),
        ({"a": 1}, "pairs"),
        (7, "pairs"),
        ([[0, 1.01]], "square"),
        ([[10**400, 0]], "pairs"),
    ],
)
def test_unusable_points_are_refused(points: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        two_dimensional(points)


@pytest.mark.parametrize("name", PLANE_PRESETS)
def test_presets_are_points_as_a_link_has_them(name: str) -> None:
    points = PLANE_PRESETS[name]
    assert len(two_dimensional(points).means) == len(points)
    assert [[round(v, 2) for v in point] for point in points] == [list(point) for point in points]


def test_questions_about_the_plane_are_refused_elsewhere() -> None:
    line = GaussianMixture([1, 1], [0, 1], [0.1, 0.1])
    for ask in (convex_from, lambda m: smallest_eigenvalue(m, [0.0], 1), lambda m: plane_minimisers(m, 1)):
        with pytest.raises(InputError, match="plane"):
            ask(line)
    for name in ("widths", "covariances"):
        with pytest.raises(InputError, match="one variance"):
            convex_from(MIXTURES[name])
    with pytest.raises(InputError, match="at least 2"):
        plane_starts(1)
    with pytest.raises(InputError, match="array"):
        distinct("ab")
