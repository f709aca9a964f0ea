"""The spline's definition (method, section 2), its derivatives, and the agreement of its fast evaluations."""

import pytest
import torch
from spline_cases import FUNCTIONS, adversarial, check_agreement, check_second_derivatives, check_what_is_not_a_number

from gnc_core.prior import splines
from gnc_core.prior.splines import Grid, basis, definition, polynomials

GRID = Grid(-2.0, 2.0, 9)
S = Grid(-3.0, 0.0, 5)


def table_of(weights, continuation=2):
    return polynomials(weights, continuation)


def by_the_sum(weights, u, grid):
    """sum_i w_i kappa((u - m_i)/g), as it is written."""
    t = (u[..., None] - grid.positions(dtype=u.dtype)) / grid.spacing
    return (definition.kappa(t) * weights[:, None, None, :]).sum(-1)


@pytest.fixture
def weights():
    return torch.randn(3, GRID.weights, dtype=torch.float64, generator=torch.manual_seed(0))


def test_basis_sums_to_one_on_the_whole_interval():
    s = torch.linspace(S.low, S.high, 101, dtype=torch.float64)
    assert torch.allclose(basis(s, S).sum(1), torch.ones(101, dtype=torch.float64))
    assert basis(s, S, order=1).sum(1).abs().max() < 1e-12
    assert torch.allclose(basis(s, S), definition.kappa((s[:, None] - S.positions()) / S.spacing))


def test_polynomials_equal_the_sum_of_basis_functions(weights):
    u = torch.linspace(-2.2, 2.2, 331, dtype=torch.float64).expand(1, 3, -1)[..., None]
    value = splines.evaluate(table_of(weights)[None], u, GRID)
    assert torch.allclose(value, by_the_sum(weights, u, GRID), atol=1e-12)


def test_c3_at_the_ends_of_the_pieces(weights):
    """Values and three derivatives agree from both sides of every interval's end; the fourth jumps."""
    ends = GRID.low + GRID.spacing * (torch.arange(GRID.knots - 1, dtype=torch.float64) + 0.5)
    sides = [(ends + e).expand(1, 3, -1)[..., None] for e in (-1e-9, 1e-9)]
    for order in range(4):
        left, right = (splines.evaluate(table_of(weights)[None], u, GRID, order) for u in sides)
        assert torch.allclose(left, right, atol=1e-5)
    left, right = (splines.evaluate(table_of(weights)[None], u, GRID, 4) for u in sides)
    assert (left - right).abs().max() > 1


@pytest.mark.parametrize("degree", [1, 2])
def test_continuation_is_the_taylor_polynomial_at_the_end(weights, degree):
    """Outside, the function is a polynomial of that degree which joins C^degree; it never falls back to zero."""
    table = table_of(weights, degree)[None]
    for end, side in ((2.0 + GRID.spacing / 2, 1), (-2.0 - GRID.spacing / 2, -1)):
        at = torch.full((1, 3, 1, 1), end, dtype=torch.float64)
        inner = [splines.evaluate(table, at - side * 1e-12, GRID, k) for k in range(3)]
        far = 40.0
        expected = inner[0] + side * far * inner[1] + (degree == 2) * far**2 / 2 * inner[2]
        value = splines.evaluate(table, at + side * far, GRID)
        assert torch.allclose(value, expected, rtol=1e-8)


def test_smoothing_basis_continues_with_two_derivatives():
    outside = torch.tensor([S.high + 0.7], dtype=torch.float64)
    end = torch.tensor([S.high + S.spacing / 2 - 1e-12], dtype=torch.float64)
    step = outside - end
    expected = basis(end, S) + step * basis(end, S, 1) + step**2 / 2 * basis(end, S, 2)
    assert torch.allclose(basis(outside, S), expected, atol=1e-9)


def test_gradients_to_second_order_against_finite_differences(weights):
    u = torch.empty(2, 3, 2, 3, dtype=torch.float64).uniform_(-3, 3)
    u.requires_grad_()
    table = torch.randn(2, 3, GRID.knots + 2, 5, dtype=torch.float64, requires_grad=True)
    for order in range(3):
        assert torch.autograd.gradcheck(splines.evaluate, (table, u, GRID, order))
        assert torch.autograd.gradgradcheck(splines.evaluate, (table, u, GRID, order))
    g = torch.randn_like(u)
    assert torch.autograd.gradcheck(lambda w, v: splines.moments(w, v, GRID), (g.requires_grad_(), u))
    assert torch.autograd.gradgradcheck(lambda w, v: splines.moments(w, v, GRID), (g, u))


def test_derivatives_in_s_against_finite_differences():
    s = torch.tensor([-2.9, -1.3, 0.1, -3.4], dtype=torch.float64)
    h = 1e-5
    for order in range(2):
        numerical = (basis(s + h, S, order) - basis(s - h, S, order)) / (2 * h)
        assert torch.allclose(numerical, basis(s, S, order + 1), atol=1e-7)


def test_moments_are_the_adjoint_of_evaluation():
    u = 3 * torch.randn(2, 3, 4, 5, dtype=torch.float64)
    g = torch.randn_like(u)
    table = torch.randn(2, 3, GRID.knots + 2, 5, dtype=torch.float64)
    left = (g * splines.evaluate(table, u, GRID)).sum()
    assert torch.isclose(left, (splines.moments(g, u, GRID) * table).sum())
    for order in range(3):
        total = splines.total(table, u, GRID, weight=g, order=order)
        expected = (g * splines.evaluate(table, u, GRID, order)).flatten(1).sum(1)
        assert torch.allclose(total, expected)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_what_a_pull_back_passes_back_itself(dtype):
    """Gradients in the table, u and g of <d, g phi'(u)> + <M, moments(g, u)>."""
    grid, g = GRID, torch.manual_seed(7)
    table = polynomials(torch.randn(2, 3, grid.weights, dtype=torch.float64, generator=g), 2)
    other = polynomials(torch.randn(2, 3, grid.weights, dtype=torch.float64, generator=g), 2)
    u, weight, d = torch.randn(3, 2, 3, 6, 7, dtype=torch.float64, generator=g)
    of = [x.clone().requires_grad_() for x in (table, u, weight)]
    plain = of[2] * (d * splines.evaluate(of[0], of[1], grid, 1) + splines.evaluate(other, of[1], grid))
    expected = torch.autograd.grad(plain.sum(), of)
    of = [x.to(dtype).requires_grad_() for x in (table, u, weight)]
    out, sums = splines.pull_back(of[0], of[1], grid, of[2])
    gradients = torch.autograd.grad((d.to(dtype) * out).sum() + (other.to(dtype) * sums).sum(), of)
    for a, b in zip(gradients, expected, strict=True):
        assert (a - b).norm() <= 1e-5 * b.norm()


# --- the fast evaluations against the definition ----------------------------------------------------------------------


@pytest.mark.parametrize("shared", [False, True], ids=["table an image", "one table"])
@pytest.mark.parametrize("u", adversarial())
def test_float32_agrees_with_the_definition(u, shared):
    check_agreement(u, shared)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_second_derivatives_of_the_fast_passes(function):
    check_second_derivatives(function, "cpu")


def test_many_pixels():
    """A plane longer than what is summed at once in float32, with an odd rest; pixels inside the grid and beyond it."""
    check_agreement(2 * torch.randn(1, 4, 211, 173, generator=torch.manual_seed(5)), shared=False)


@pytest.mark.parametrize("number", [2, 3])
def test_planes_shared_out_among_threads(number):
    """Unequal shares, and the same bits as with one thread."""
    u = torch.randn(2, 4, 87, 91, generator=torch.manual_seed(6))
    table = polynomials(torch.randn(2, 4, GRID.weights, generator=torch.manual_seed(6)), 2)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(number)
        check_agreement(u, shared=False)
        shared_out = *splines.value_and_derivative(table, u, GRID), splines.moments(u, u, GRID)
        torch.set_num_threads(1)
        alone = *splines.value_and_derivative(table, u, GRID), splines.moments(u, u, GRID)
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(a, b) for a, b in zip(shared_out, alone, strict=True))


def test_what_is_not_a_number_stays_so_and_harms_nothing():
    check_what_is_not_a_number("cpu")


def test_sums_over_huge_planes_do_not_saturate():
    """2^24 + 2^20 ones: more than float32 can count."""
    u = torch.zeros(1, 1, 4096 + 256, 4096)
    table = torch.zeros(1, 1, GRID.knots + 2, 5)
    table[..., 0] = 1
    assert splines.total(table, u, GRID).item() == u.numel()
