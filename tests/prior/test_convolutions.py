"""K_1, its adjoint, and the derivatives of both."""

import pytest
import torch
import torch.nn.functional as F

from gnc_core.prior.convolutions import adjoint, convolve, correlate, rounded, rounded_adjoint


def arrays(n=2, c=3, height=6, width=5, k=3, dtype=torch.float64):
    g = torch.manual_seed(0)
    x = torch.randn(n, 1, height + k - 1, width + k - 1, generator=g).to(dtype)
    return x, torch.randn(c, 1, k, k, generator=g).to(dtype), torch.randn(n, c, height, width, generator=g).to(dtype)


def by_shifts(x, kernel):
    """K x as it is written: every tap of the kernels times the image shifted by it, summed."""
    k = kernel.shape[-1]
    height, width = (side - k + 1 for side in x.shape[2:])
    return sum(
        torch.einsum("nbhw,cb->nchw", x[:, :, i : i + height, j : j + width], kernel[:, :, i, j])
        for i in range(k)
        for j in range(k)
    )


def transposed_by_shifts(y, kernel):
    """K^T y: every tap puts y back to where it took the image from."""
    k, (height, width) = kernel.shape[-1], y.shape[2:]
    out = y.new_zeros(len(y), kernel.shape[1], height + k - 1, width + k - 1)
    for i in range(k):
        for j in range(k):
            out[:, :, i : i + height, j : j + width] += torch.einsum("nchw,cb->nbhw", y, kernel[:, :, i, j])
    return out


def in_the_kernel_by_shifts(x, y):
    """The gradient of <y, K x> in the kernel (one channel): the product of y with the image shifted by every tap."""
    height, width = y.shape[2:]
    k = x.shape[2] - height + 1
    taps = [torch.einsum("nhw,nchw->c", x[:, 0, i : i + height, j : j + width], y) for i in range(k) for j in range(k)]
    return torch.stack(taps, 1).view(-1, 1, k, k)


def close(found, exact):
    return (found.double() - exact).norm() <= (1e-12 if found.dtype == torch.float64 else 1e-5) * exact.norm()


SIZES = {
    "one strip": {},
    "strips, the last shorter": {"c": 5, "height": 40, "width": 700, "k": 7},
    "48 channels": {"n": 1, "c": 48, "height": 33, "width": 301, "k": 7},
    "a strip a row": {"n": 1, "c": 7, "height": 4, "width": 8193, "k": 5},
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_the_sums_over_the_taps(size, dtype):
    x, kernel, y = arrays(**size)
    inputs = [value.to(dtype) for value in (x, kernel, y)]
    x, kernel, y = (value.double() for value in inputs)
    single_x, single_kernel, single_y = inputs
    assert close(convolve(single_x, single_kernel), by_shifts(x, kernel))
    assert close(adjoint(single_y, single_kernel), transposed_by_shifts(y, kernel))
    assert close(correlate(single_x, single_y), in_the_kernel_by_shifts(x, y))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_many_channels(dtype):
    """Hidden layers' convolutions and adjoints, and those rounded to bfloat16: eight binary digits."""
    g = torch.manual_seed(0)
    x, y = torch.randn(2, 5, 34, 303, generator=g).to(dtype), torch.randn(2, 7, 32, 301, generator=g).to(dtype)
    kernel = torch.randn(7, 5, 3, 3, generator=g).to(dtype)
    forward = by_shifts(x.double(), kernel.double())
    back = transposed_by_shifts(y.double(), kernel.double())
    assert close(convolve(x, kernel), forward)
    assert close(adjoint(y, kernel), back)
    for found, exact in ((rounded(x, kernel), forward), (rounded_adjoint(y, kernel), back)):
        assert found.dtype == torch.float32
        assert (found.double() - exact).norm() <= 0.01 * exact.norm()


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
