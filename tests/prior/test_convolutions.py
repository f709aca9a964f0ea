"""K_1, its adjoint, and the derivatives of both."""

import pytest
import torch
import torch.nn.functional as F

from gnc_core.prior.convolutions import adjoint, convolve, correlate


def arrays(n=2, c=3, height=6, width=5, k=3, dtype=torch.float64):
    g = torch.manual_seed(0)
    x = torch.randn(n, 1, height + k - 1, width + k - 1, generator=g).to(dtype)
    return x, torch.randn(c, 1, k, k, generator=g).to(dtype), torch.randn(n, c, height, width, generator=g).to(dtype)


@pytest.mark.parametrize("size", [{}, {"height": 40, "width": 700, "k": 7, "n": 1}], ids=["one strip", "many strips"])
def test_the_same_numbers_as_the_library(size):
    x, kernel, y = arrays(**size)
    assert torch.allclose(convolve(x, kernel), F.conv2d(x, kernel))
    assert torch.allclose(adjoint(y, kernel), F.conv_transpose2d(y, kernel))


def test_without_a_graph_strips_of_many_channels_give_the_same_numbers():
    x, y = torch.randn(2, 4, 34, 702, dtype=torch.float64), torch.randn(2, 3, 32, 700, dtype=torch.float64)
    kernel = torch.randn(3, 4, 3, 3, dtype=torch.float64)
    with torch.no_grad():
        assert torch.allclose(convolve(x, kernel), F.conv2d(x, kernel))
        assert torch.allclose(adjoint(y, kernel), F.conv_transpose2d(y, kernel))


def test_adjoints():
    x, kernel, y = arrays()
    inner = (convolve(x, kernel) * y).sum()
    assert torch.isclose(inner, (x * adjoint(y, kernel)).sum())
    assert torch.isclose(inner, (kernel * correlate(x, y)).sum())


def test_views_that_are_not_contiguous():
    x, kernel, y = arrays()
    wide = torch.randn(2, 1, 8, 14, dtype=torch.float64)
    assert torch.allclose(convolve(wide[..., ::2], kernel), F.conv2d(wide[..., ::2], kernel))
    turned = y.transpose(2, 3)
    assert torch.allclose(adjoint(turned, kernel), F.conv_transpose2d(turned, kernel))
    assert torch.allclose(convolve(x[1:], kernel), F.conv2d(x[1:], kernel))


def test_gradients_of_any_order():
    x, kernel, y = (v.requires_grad_() for v in arrays(n=1, height=3, width=4))
    for function, arguments in ((convolve, (x, kernel)), (adjoint, (y, kernel)), (correlate, (x, y))):
        assert torch.autograd.gradcheck(function, arguments)
        assert torch.autograd.gradgradcheck(function, arguments)
