"""What every fast evaluation of the splines is tested with: adversarial inputs, and the agreement with the definition."""

import pytest
import torch

from gnc_core.prior import splines
from gnc_core.prior.splines import Grid, definition, polynomials

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
    weights = torch.zeros(*gradient.shape[:2], WIDE.weights, dtype=torch.float64, device=gradient.device)
    weights.requires_grad_()
    return torch.autograd.grad(polynomials(weights, 2), weights, gradient.double())[0]


def check_agreement(u, shared):
    """Values and derivatives, and what both pass back, in float32 against the definition in float64."""
    torch.manual_seed(3)
    slopes = torch.randn(1 if shared else len(u), 4, WIDE.weights, dtype=torch.float64).cumsum(-1)
    table = polynomials(WIDE.spacing * slopes.cumsum(-1), 2).float().to(u.device).requires_grad_()
    u = u.detach().clone().requires_grad_()
    exact_table, exact_u = (x.detach().double().requires_grad_() for x in (table, u))

    def compare(fast, exact, weight=(), exact_weight=()):
        assert all(close(a, b) for a, b in zip(fast, exact, strict=True))
        g = [torch.randn_like(a) for a in fast]
        of_table, of_u, *of_w = torch.autograd.grad(fast, (table, u, *weight), g, retain_graph=True)
        g = [x.double() for x in g]
        exact_of = torch.autograd.grad(exact, (exact_table, exact_u, *exact_weight), g, retain_graph=True)
        exact_of_table, exact_of_u, *exact_of_w = exact_of
        assert close(of_u, exact_of_u)
        assert close(to_weights(of_table), to_weights(exact_of_table))
        assert all(close(a, b) for a, b in zip(of_w, exact_of_w, strict=True))

    exact = [definition.evaluate(exact_table, exact_u, WIDE, order) for order in range(3)]
    for order in range(2):
        compare([splines.evaluate(table, u, WIDE, order)], exact[order : order + 1])
    assert close(splines.evaluate(table, u, WIDE, 2), exact[2])
    compare(splines.value_and_derivative(table, u, WIDE), exact[:2])
    other = polynomials(torch.randn(len(u), 4, WIDE.weights, dtype=torch.float64), 2).to(u.device)
    for w in (None, torch.randn_like(u).requires_grad_()):
        out, sums = splines.pull_back(table, u, WIDE, w)
        exact_w = torch.ones_like(exact_u) if w is None else w.detach().double().requires_grad_()
        exact_sum = (exact_w * definition.evaluate(other, exact_u, WIDE)).flatten(2).sum(2)
        weights = ([], []) if w is None else ([w], [exact_w])
        compare([out, (sums * other.float()).flatten(2).sum(2)], [exact_w * exact[1], exact_sum], *weights)
    in_place = splines.evaluate_in_place(table.detach(), u.detach().clone(memory_format=torch.contiguous_format), WIDE)
    assert close(in_place, exact[0])


FUNCTIONS = [
    pytest.param(lambda table, u: splines.value_and_derivative(table, u, WIDE), id="value and derivative"),
    pytest.param(lambda table, u: [splines.evaluate(table, u, WIDE, 1)], id="evaluate"),
    pytest.param(lambda table, u: [0.1 * splines.total(table, u, WIDE, weight=u.cos())], id="total"),
    pytest.param(lambda table, u: splines.pull_back(table, u, WIDE), id="pull back of ones"),
    pytest.param(lambda table, u: splines.pull_back(table, u, WIDE, u.cos()), id="pull back"),
]


def second_derivatives(function, dtype, device):
    """The gradient of a random functional of the gradient, for a function of (weights, u)."""
    g = torch.manual_seed(2)
    weights = torch.randn(1, 4, WIDE.weights, generator=g).cumsum(-1).to(device, dtype).requires_grad_()
    u = torch.randn(2, 4, 5, 7, generator=g).to(device, dtype).requires_grad_()
    out = function(polynomials(weights, 2), u)
    functional = sum((torch.sin(3 * v) * v).sum() for v in out)
    first = torch.autograd.grad(functional, (weights, u), create_graph=True)
    v = [torch.randn(x.shape, generator=g).to(x) for x in first]
    return torch.autograd.grad(sum((a * b).sum() for a, b in zip(first, v, strict=True)), (weights, u))


def check_second_derivatives(function, device):
    fast = second_derivatives(function, torch.float32, device)
    exact = second_derivatives(function, torch.float64, device)
    assert all((a.double() - b).norm() <= 1e-4 * b.norm() for a, b in zip(fast, exact, strict=True))


def check_what_is_not_a_number(device):
    """It stays so, and harms nothing else."""
    u = torch.tensor([float("nan"), float("inf"), -float("inf"), 1e30, 0.5], device=device)
    u = u.expand(1, 4, 1, 5).contiguous()
    table = polynomials(torch.randn(1, 4, WIDE.weights, device=device), 2)
    value = splines.evaluate(table, u, WIDE)
    assert value[..., 0].isnan().all()
    assert close(value[..., 4], definition.evaluate(table.double(), u.double(), WIDE)[..., 4])
    assert splines.moments(u, u, WIDE).shape == (1, 4, WIDE.knots + 2, 5)
