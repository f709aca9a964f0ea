"""How close a restoration is to the truth: PSNR and SSIM, on images clipped to [0, 1]."""

from __future__ import annotations

import torch
from skimage.metrics import structural_similarity
from torch import Tensor

from gnc_core import checks
from gnc_core.errors import InputError

_SSIM_WINDOW = 11


def psnr(x: Tensor, truth: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each image in dB, `-10 log10 mean((clip(x) - truth)^2)`: (N,).

    `x` and `truth` are (N, 1, H, W), floating point with peak 1; `x` is clipped to [0, 1], the truth is not. Infinite for equal
    images, NaN where `x` has values that are not finite. Raises `InputError` if the shapes differ, and for integers.
    """
    _check_shapes(x, truth)
    error = x.clamp(0, 1).double() - truth.double()
    return _unless_broken(-10 * torch.log10(error.square().mean((1, 2, 3))), x)


def ssim(x: Tensor, truth: Tensor) -> Tensor:
    """Structural similarity of each image (Wang et al., 2004), in [-1, 1]: (N,).

    `x` (clipped to [0, 1]) and `truth` are (N, 1, H, W); Gaussian weights of standard deviation
    1.5 in windows of 11 x 11, range 1, as in the paper. NaN for images smaller than one window, and where `x` has values
    that are not finite. Raises `InputError` if the shapes differ, and for integers.
    """
    _check_shapes(x, truth)
    if min(x.shape[-2:]) < _SSIM_WINDOW:
        return torch.full((len(x),), torch.nan, dtype=torch.float64)
    values = [
        structural_similarity(
            image[0].clamp(0, 1).double().cpu().numpy(),
            reference[0].double().cpu().numpy(),
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for image, reference in zip(x.detach(), truth.detach(), strict=True)
    ]
    return _unless_broken(torch.tensor(values, dtype=torch.float64), x)


def _unless_broken(values: Tensor, x: Tensor) -> Tensor:
    """The values, (N,), but NaN where the image is not finite: clipping would make a number of infinity."""
    return torch.where(torch.isfinite(x).flatten(1).all(1).to(values.device), values, torch.nan)


def _check_shapes(x: Tensor, truth: Tensor) -> None:
    checks.check_image(x, "The images")
    checks.check_image(truth, "The true images")
    if x.shape != truth.shape:
        raise InputError(f"The image {tuple(x.shape)} and the truth {tuple(truth.shape)} differ in shape.")
