"""What the page Two dimensions teaches, computed: a claim as it stands in its text, and the function that checks it."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from app.lessons import two_dimensions
from gnc_core.mixture import (
    PLANE_PRESETS,
    TOLERANCE,
    convex_from,
    distinct,
    gnc_flow,
    plane_minimisers,
    plane_starts,
    smallest_eigenvalue,
    thresholds,
    two_dimensional,
)
from gnc_core.mixture.plane_examples import PLANE_SIGMAS
from gnc_core.restoration.schedules import logarithmic

Points = list[tuple[float, float]]
CLAIMS: list[tuple[str, str, Callable[[], None]]] = []  # page, claim, check


def claim(page: str, text: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def keep(check: Callable[[], None]) -> Callable[[], None]:
        CLAIMS.append((page, text, check))
        return check

    return keep


# --- Two dimensions ----------------------------------------------------------------------------

EXPECTED = [expected for _, expected in two_dimensions.EXPERIMENTS.values()]
TWO_DIMENSIONS = " ".join([two_dimensions.TEXT, *two_dimensions.PRESETS.values(), *EXPECTED])
LOWEST_SIGMA = PLANE_SIGMAS[0]
LINE = torch.linspace(-1.25, 1.25, 161, dtype=torch.float64)  # of the picture
PICTURE = torch.cartesian_prod(LINE, LINE)


def hatched(points: Points, sigma: float) -> float:
    """The share of the picture where the energy is not convex."""
    return float((smallest_eigenvalue(two_dimensional(points), PICTURE, sigma) < 0).double().mean())


def ends(points: Points, sigma0: float, steps: int = 24) -> Tensor:
    return gnc_flow(two_dimensional(points), plane_starts(), logarithmic(sigma0, LOWEST_SIGMA, steps))[-1]


def deepest(points: Points, sigma0: float, steps: int = 24) -> float:
    """The share of starts that end in the deepest well."""
    well = plane_minimisers(two_dimensional(points), LOWEST_SIGMA)[0]
    return float(((ends(points, sigma0, steps) - well).norm(dim=-1) <= TOLERANCE).double().mean())


def threshold(points: Points) -> float:
    return convex_from(two_dimensional(points))


def half_diameter(points: Points) -> float:
    return thresholds(two_dimensional(points), critical=False).diameter / 2


def gradient(x: Tensor, points: Tensor, sigma: float) -> Tensor:
    x = x.clone().requires_grad_()
    energy = -torch.logsumexp(-((x - points) ** 2).sum(-1) / (2 * sigma**2), 0)
    return torch.autograd.grad(energy, x)[0]


@claim("two_dimensions", "14 points and 8. From σ₀ = 0.8 all starts end in the deepest well")
def all_starts_attain_the_minimum_from_above_the_threshold() -> None:
    points = np.array(PLANE_PRESETS["Two clusters"])
    assert ((points[:, 0] < 0).sum(), (points[:, 0] > 0).sum()) == (14, 8)
    assert threshold(PLANE_PRESETS["Two clusters"]) < 0.8
    assert deepest(PLANE_PRESETS["Two clusters"], 0.8) == 1


@claim("two_dimensions", "from σ₀ = 0.1 they end in six different places")
def starts_scatter_from_a_small_sigma() -> None:
    assert len(distinct(ends(PLANE_PRESETS["Two clusters"], 0.1))) == 6


@claim("two_dimensions", "a band between the points is hatched for every σ below D/2 = 0.6")
def two_points_attain_the_bound() -> None:
    mixture = two_dimensional(PLANE_PRESETS["Two points"])
    assert threshold(PLANE_PRESETS["Two points"]) == half_diameter(PLANE_PRESETS["Two points"]) == pytest.approx(0.6)
    for sigma in np.linspace(0.05, 0.599, 20):
        assert smallest_eigenvalue(mixture, [[0.0, -1.25], [0.0, 0.0], [0.0, 1.25]], sigma).max() < 0
    assert hatched(PLANE_PRESETS["Two points"], 0.6001) == 0


@claim("two_dimensions", "Half a side, σ = 0.6, is enough; the bound D/2 is half a diagonal, 0.849")
def a_square_needs_half_a_side() -> None:
    square = PLANE_PRESETS["Square"]
    assert threshold(square) == pytest.approx(0.6, abs=1e-6)
    assert half_diameter(square) == pytest.approx(0.849, abs=5e-4)
    assert hatched(square, 0.6001) == 0 < hatched(square, 0.599)


@claim("two_dimensions", "the flow from σ₀ = 0.5 has nine ends, five of which are no minima")
def starts_on_lines_of_symmetry_stay_there() -> None:
    found = distinct(ends(PLANE_PRESETS["Square"], 0.5))
    eigenvalues = smallest_eigenvalue(two_dimensional(PLANE_PRESETS["Square"]), found, LOWEST_SIGMA)
    assert len(found) == 9
    assert (eigenvalues < 0).sum() == 5
    assert ((found.abs() < 1e-9).any(-1) == (eigenvalues < 0)).all()


@claim("two_dimensions", "at σ = 0.595, just below it, 1 % of the picture is hatched")
def a_triangle_is_not_convex_far_outside() -> None:
    triangle = PLANE_PRESETS["Triangle"]
    assert threshold(triangle) == pytest.approx(half_diameter(triangle))
    assert threshold(triangle) > 0.6
    assert round(100 * hatched(triangle, 0.595)) == 1
    assert smallest_eigenvalue(two_dimensional(triangle), [0.0, -20.0], 0.595) < 0


@claim(
    "two_dimensions",
    "At σ = 1 the energy has its one minimum in the middle, where there is no data. At σ = 0.5 the middle is a hill",
)
def a_ring_has_its_minimum_where_no_data_is() -> None:
    ring = two_dimensional(PLANE_PRESETS["Ring"])
    assert plane_minimisers(ring, 1.0).round(decimals=6).abs().tolist() == [[0, 0]]
    assert ring.means.norm(dim=-1).min() > 0.79
    assert torch.linalg.eigvalsh(ring.hessian([0.0, 0.0], 0.5)).max() < 0


@claim("two_dimensions", "from σ₀ = 0.8 no start ends in the deepest well, from σ₀ = 0.3 some do")
def gnc_fails_where_the_mass_lies_elsewhere() -> None:
    points = PLANE_PRESETS["GNC fails"]
    well = plane_minimisers(two_dimensional(points), LOWEST_SIGMA)[0]
    near = (two_dimensional(points).means - well).norm(dim=-1) < 0.1
    assert (near.sum(), len(points)) == (8, 32)  # the tight group
    assert threshold(points) < 0.8
    assert all(deepest(points, 0.8, steps) == 0 for steps in (24, 128))
    assert 0 < deepest(points, 0.3) < 0.5


@claim(
    "two_dimensions", "Every step leads to a mean of the points, weighted by how likely each of them is the clean one"
)
def a_step_is_the_posterior_mean() -> None:
    points = torch.tensor(PLANE_PRESETS["Two clusters"], dtype=torch.float64)
    x, sigma = torch.tensor([0.3, -0.7], dtype=torch.float64), 0.4
    density = torch.exp(-((x - points) ** 2).sum(-1) / (2 * sigma**2))  # of x, if a point is the clean one
    mean = (density[:, None] * points).sum(0) / density.sum()
    torch.testing.assert_close(gnc_flow(two_dimensional(points), x, [sigma])[-1], mean)
    torch.testing.assert_close(x - sigma**2 * gradient(x, points, sigma), mean)


@claim("two_dimensions", "∇²E = (I − Cov(μ)/σ²)/σ², with the covariance of the points under those weights")
def the_hessian_is_that_of_the_text() -> None:
    points = torch.tensor(PLANE_PRESETS["Two clusters"], dtype=torch.float64)
    x, sigma = torch.tensor([0.1, 0.2], dtype=torch.float64), 0.3
    r = torch.softmax(-((x - points) ** 2).sum(-1) / (2 * sigma**2), 0)
    hessian = (torch.eye(2) - torch.cov(points.T, correction=0, aweights=r) / sigma**2) / sigma**2
    torch.testing.assert_close(two_dimensional(points).hessian(x, sigma), hessian)


@claim("two_dimensions", "E is convex for every σ ≥ D/2")
def half_the_diameter_is_enough() -> None:
    for points in PLANE_PRESETS.values():
        assert threshold(points) <= half_diameter(points)
        for factor in (1, 1.2, 2):
            assert hatched(points, factor * half_diameter(points) + 1e-12) == 0


@claim("two_dimensions", "Once E is convex it stays so for every larger σ")
def convex_once_is_convex_for_ever() -> None:
    far = torch.cartesian_prod(8 * LINE, 8 * LINE)
    for points in PLANE_PRESETS.values():
        for factor in (1.001, 1.1, 1.5, 3):
            eigenvalues = smallest_eigenvalue(two_dimensional(points), far, factor * threshold(points))
            assert eigenvalues.min() >= 0
        with pytest.raises(AssertionError):  # and below it is not, somewhere
            assert_convex_along_edges(points, 0.99 * threshold(points))


@claim(
    "two_dimensions",
    "It is not convex for any σ below half the longest edge of the points' convex hull, unless other points lie",
)
def edges_of_the_hull_bound_from_below() -> None:
    generator = np.random.default_rng(0)
    for _ in range(5):
        a, b = np.array([-0.9, -0.8]), np.array([0.8, -0.9])
        others = generator.uniform(-0.5, 0.9, (12, 2))  # all on one side of the edge from a to b
        assert threshold([a, b, *others]) >= np.hypot(*(b - a)) / 2 * (1 - 1e-9)


def assert_convex_along_edges(points: Points, sigma: float) -> None:
    """On lines that lead far away between any two points, and in the picture."""
    mu = np.array(points)
    i, j = np.triu_indices(len(mu), 1)
    normal = (mu[j] - mu[i])[:, ::-1] * (-1, 1)
    ahead = np.geomspace(1, 1e3, 13)
    x = (mu[i] + mu[j])[:, None] / 2 + np.append(ahead, -ahead)[:, None] * normal[:, None]
    x = np.concatenate([x.reshape(-1, 2), PICTURE.numpy()])
    assert smallest_eigenvalue(two_dimensional(points), x, sigma).min() >= 0


@claim(
    "two_dimensions",
    "The exact threshold rises from 0.596 to about 0.70, and about 5 % of the picture is hatched, though only one point",
)
def one_point_more_raises_the_threshold() -> None:
    points = PLANE_PRESETS["Two clusters"]
    more = [*points, (0.9, -0.9)]
    assert threshold(points) == pytest.approx(0.596, abs=5e-4)
    assert threshold(more) == pytest.approx(0.70, abs=5e-3)
    assert hatched(points, 0.6) == 0
    assert hatched(more, 0.6) == pytest.approx(0.05, abs=0.01)
    assert len(more) == 23


@claim("two_dimensions", "Wherever you put them, D/2 stays 0.849 and the exact threshold 0.600: the edges decide")
def points_inside_a_square_change_nothing() -> None:
    generator = np.random.default_rng(0)
    for count in (1, 2, 5, 20, 80):
        for _ in range(4):
            points = [*PLANE_PRESETS["Square"], *generator.uniform(-0.3, 0.3, (count, 2)).round(2)]
            assert threshold(points) == pytest.approx(0.6, abs=1e-6)
            assert half_diameter(points) == pytest.approx(0.849, abs=5e-4)


@claim("two_dimensions", "62 % do, the others stay with the smaller cluster, and 128 steps lead to the same 62 %")
def a_start_too_low_is_not_mended_by_steps() -> None:
    points = PLANE_PRESETS["Two clusters"]
    assert [round(100 * deepest(points, 0.4, steps)) for steps in (24, 128)] == [62, 62]
    found = ends(points, 0.4)
    left = found[(found - plane_minimisers(two_dimensional(points), LOWEST_SIGMA)[0]).norm(dim=-1) > TOLERANCE]
    assert (left > 0.2).all()  # where the smaller cluster is


# --- all of them -------------------------------------------------------------------------------

TEXTS = {"two_dimensions": TWO_DIMENSIONS}


@pytest.mark.parametrize(("page", "text", "check"), [pytest.param(*c, id=f"{c[0]}-{c[2].__name__}") for c in CLAIMS])
def test_claims_are_so(page: str, text: str, check: Callable[[], None]) -> None:
    assert " ".join(text.split()) in " ".join(TEXTS[page].split()), "The page no longer says so."
    check()
