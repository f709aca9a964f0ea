"""The spline's definition (method, section 2), its derivatives, and the agreement of its fast evaluations."""

import pytest
import torch

from gnc_core import splines
from gnc_core.splines import Grid, basis, definition, polynomials

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


# --- the fast evaluations against the definition ----------------------------------------------------------------------

WIDE = Grid(-3.5, 3.5, 63)


def adversarial():
    generator = torch.manual_seed(1)
    knots = WIDE.positions(dtype=torch.float32)
    cases = {
        "random": torch.randn(2, 4, 17, 19, generator=generator),
        "on knots": knots.expand(2, 4, 1, -1),
        "between knots": (knots + WIDE.spacing / 2).expand(2, 4, 1, -1),
        "outside": 60 * torch.randn(2, 4, 5, 7, generator=generator),
        "denormals": torch.full((2, 4, 3, 3), 1e-41),
        "empty": torch.zeros(0, 4, 5, 5),
        "one pixel": torch.randn(1, 4, 1, 1, generator=generator),
        "not contiguous": torch.randn(2, 19, 17, 4, generator=generator).permute(0, 3, 2, 1),
        "zeros": torch.zeros(1, 4, 2, 2),
    }
    return [pytest.param(u, id=name) for name, u in cases.items()]


def close(fast, exact):
    """Relative error in the Euclidean norm."""
    return (fast.double() - exact).norm() <= 1e-5 * exact.norm()


def to_weights(gradient):
    """A gradient to the table, passed on to the weights: a pixel between two rows may count to either, with the same effect."""
    weights = torch.zeros(*gradient.shape[:2], WIDE.weights, dtype=torch.float64, requires_grad=True)
    return torch.autograd.grad(polynomials(weights, 2), weights, gradient.double())[0]


@pytest.mark.parametrize("shared", [False, True], ids=["table an image", "one table"])
@pytest.mark.parametrize("u", adversarial())
def test_float32_agrees_with_the_definition(u, shared):
    torch.manual_seed(3)
    slopes = torch.randn(1 if shared else len(u), 4, WIDE.weights, dtype=torch.float64).cumsum(-1)
    table = polynomials(WIDE.spacing * slopes.cumsum(-1), 2).float().requires_grad_()
    u = u.clone().requires_grad_()
    exact_table, exact_u = (x.detach().double().requires_grad_() for x in (table, u))

    def compare(fast, exact):
        assert all(close(a, b) for a, b in zip(fast, exact, strict=True))
        g = [torch.randn_like(a) for a in fast]
        of_table, of_u = torch.autograd.grad(fast, (table, u), g, retain_graph=True)
        g = [x.double() for x in g]
        exact_of_table, exact_of_u = torch.autograd.grad(exact, (exact_table, exact_u), g, retain_graph=True)
        assert close(of_u, exact_of_u)
        assert close(to_weights(of_table), to_weights(exact_of_table))

    exact = [definition.evaluate(exact_table, exact_u, WIDE, order) for order in range(3)]
    for order in range(2):
        compare([splines.evaluate(table, u, WIDE, order)], exact[order : order + 1])
    assert close(splines.evaluate(table, u, WIDE, 2), exact[2])
    compare(splines.value_and_derivative(table, u, WIDE), exact[:2])


def second_derivatives(function, dtype):
    """The gradient of a random functional of the gradient, for a function of (weights, u)."""
    g = torch.manual_seed(2)
    weights = torch.randn(1, 4, WIDE.weights, generator=g).cumsum(-1).to(dtype).requires_grad_()
    u = torch.randn(2, 4, 5, 7, generator=g).to(dtype).requires_grad_()
    out = function(polynomials(weights, 2), u)
    functional = sum((torch.sin(3 * v) * v).sum() for v in out)
    first = torch.autograd.grad(functional, (weights, u), create_graph=True)
    v = [torch.randn(x.shape, generator=g).to(dtype) for x in first]
    return torch.autograd.grad(sum((a * b).sum() for a, b in zip(first, v, strict=True)), (weights, u))


@pytest.mark.parametrize(
    "function",
    [
        lambda table, u: splines.value_and_derivative(table, u, WIDE),
        lambda table, u: [splines.evaluate(table, u, WIDE, 1)],
        lambda table, u: [0.1 * splines.total(table, u, WIDE, weight=u.cos())],
    ],
    ids=["value and derivative", "evaluate", "total"],
)
def test_second_derivatives_of_the_fast_passes(function):
    fast, exact = second_derivatives(function, torch.float32), second_derivatives(function, torch.float64)
    assert all((a.double() - b).norm() <= 1e-4 * b.norm() for a, b in zip(fast, exact, strict=True))


def test_what_is_not_a_number_stays_so_and_harms_nothing():
    u = torch.tensor([float("nan"), float("inf"), -float("inf"), 1e30, 0.5]).expand(1, 4, 1, 5).contiguous()
    table = polynomials(torch.randn(1, 4, WIDE.weights), 2)
    value = splines.evaluate(table, u, WIDE)
    assert value[..., 0].isnan().all()
    assert close(value[..., 4], definition.evaluate(table.double(), u.double(), WIDE)[..., 4])
    assert splines.moments(u, u, WIDE).shape == (1, 4, WIDE.knots + 2, 5)
