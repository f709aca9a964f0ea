"""The layers' convolutions K and their adjoints.

With one channel on one side, as in K_1, a convolution has little arithmetic a memory access, and library kernels for it are slow
on a CPU. As a matrix product of the kernels (C, k^2) with the shifted copies of the image (k^2, pixels), strip by strip so that
the copies stay in the cache, it runs near the speed of that product. The rest is the library's.

On a GPU the library by default rounds to TF32, ten binary digits. That is a setting of the whole process, which its host makes:
with `torch.backends.cudnn.allow_tf32 = False`, as the commands and the explorer have it, numbers are those of float32.

For K_1 the three maps are bilinear and each other's derivatives, so they can be differentiated any number of times:

    convolve(x, k) = K x,    adjoint(y, k) = K^T y,    correlate(x, y, size) = gradient of <y, K x> in k
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

_STRIP = 8192  # pixels a strip: 49 shifted copies of it are 1.6 MB


def convolve(x: Tensor, kernel: Tensor) -> Tensor:
    """K x, valid: x (N, B, H + k - 1, W + k - 1), kernel (C, B, k, k), to (N, C, H, W). (Correlation, as torch has it.)

    >>> import torch
    >>> convolve(torch.ones(1, 1, 9, 9), torch.ones(4, 1, 7, 7)).shape
    torch.Size([1, 4, 3, 3])
    """
    if _as_product(kernel):
        return _Convolve.apply(x, kernel)
    return F.conv2d(x, kernel)


def adjoint(y: Tensor, kernel: Tensor) -> Tensor:
    """K^T y, the exact adjoint of `convolve` in x: (N, C, H, W) to (N, B, H + k - 1, W + k - 1).

    >>> import torch
    >>> x, kernel = torch.rand(1, 1, 9, 9), torch.rand(4, 1, 7, 7)
    >>> y = torch.rand(1, 4, 3, 3)
    >>> bool(torch.isclose((convolve(x, kernel) * y).sum(), (x * adjoint(y, kernel)).sum()))
    True
    """
    if _as_product(kernel):
        return _Adjoint.apply(y, kernel)
    return F.conv_transpose2d(y, kernel)


def rounded(x: Tensor, kernel: Tensor) -> Tensor:
    """`convolve` in bfloat16, eight binary digits, with sums in float32: without a graph, and float32 again at the end.

    >>> import torch
    >>> rounded(torch.full((1, 1, 1, 1), 0.1), torch.ones(1, 1, 1, 1)).item()
    0.10009765625
    """
    return F.conv2d(x.bfloat16(), kernel.bfloat16()).float()


def rounded_adjoint(y: Tensor, kernel: Tensor) -> Tensor:
    """`adjoint` as `rounded`: the convolution with the kernels turned about, which the library has faster on a CPU.

    >>> import torch
    >>> rounded_adjoint(torch.ones(1, 48, 8, 8), torch.ones(48, 48, 3, 3)).shape
    torch.Size([1, 48, 10, 10])
    """
    turned = kernel.transpose(0, 1).flip(2, 3).contiguous()
    return F.conv2d(y.bfloat16(), turned.bfloat16(), padding=kernel.shape[-1] - 1).float()


def correlate(x: Tensor, y: Tensor) -> Tensor:
    """The adjoint of `convolve` in the kernel, B = 1: x and y as there, to (C, 1, k, k).

    >>> import torch
    >>> correlate(torch.ones(1, 1, 5, 5), torch.ones(1, 2, 3, 3)).flatten(2).tolist()  # sums over 3 x 3 pixels
    [[[9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0]], [[9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0]]]
    """
    return _Correlate.apply(x, y)


def _as_product(kernel: Tensor) -> bool:
    return kernel.shape[1] == 1 and kernel.device.type == "cpu"


def _strips(height: int, width: int) -> Iterator[slice]:
    rows = max(1, _STRIP // width)
    for start in range(0, height, rows):
        yield slice(start, min(start + rows, height))


def _shifted(image: Tensor, strip: slice, k: int) -> Tensor:
    """The k^2 shifted copies of a strip of an image (H, W): (k^2, pixels)."""
    height, width = image.shape
    windows = image.as_strided((k, k, height - k + 1, width - k + 1), (width, 1, width, 1), image.storage_offset())
    return windows[:, :, strip].reshape(k * k, -1)


class _Convolve(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor) -> Tensor:
        x = x.contiguous()
        ctx.save_for_backward(x, kernel)
        k, matrix = kernel.shape[-1], kernel.flatten(1)
        n, c, height, width = len(x), len(kernel), x.shape[2] - k + 1, x.shape[3] - k + 1
        out = x.new_empty(n, c, height, width)
        for image, features in zip(x[:, 0], out, strict=True):
            for strip in _strips(height, width):
                features[:, strip] = (matrix @ _shifted(image, strip, k)).view(c, -1, width)
        return out

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x, kernel = ctx.saved_tensors
        grad_x = adjoint(g, kernel) if ctx.needs_input_grad[0] else None
        return grad_x, correlate(x, g) if ctx.needs_input_grad[1] else None


class _Adjoint(Function):
    @staticmethod
    def forward(ctx: Any, y: Tensor, kernel: Tensor) -> Tensor:
        ctx.save_for_backward(y, kernel)
        k, matrix = kernel.shape[-1], kernel.flatten(1).T.contiguous()
        n, c, height, width = y.shape
        out = y.new_zeros(n, 1, height + k - 1, width + k - 1)
        for features, image in zip(y, out, strict=True):
            for strip in _strips(height, width):
                copies = matrix @ features[:, strip].reshape(c, -1)
                rows = slice(strip.start, strip.stop + k - 1)
                image[:, rows] += F.fold(copies, (rows.stop - rows.start, width + k - 1), k)
        return out

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        y, kernel = ctx.saved_tensors
        grad_y = convolve(g, kernel) if ctx.needs_input_grad[0] else None
        return grad_y, correlate(g, y) if ctx.needs_input_grad[1] else None


class _Correlate(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        x = x.contiguous()
        ctx.save_for_backward(x, y)
        c, height, width = y.shape[1:]
        k = x.shape[2] - height + 1
        out = x.new_zeros(c, k * k)
        for image, features in zip(x[:, 0], y, strict=True):
            for strip in _strips(height, width):
                out += features[:, strip].reshape(c, -1) @ _shifted(image, strip, k).T
        return out.view(c, 1, k, k)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x, y = ctx.saved_tensors
        grad_x = adjoint(y, g) if ctx.needs_input_grad[0] else None
        return grad_x, convolve(x, g) if ctx.needs_input_grad[1] else None
