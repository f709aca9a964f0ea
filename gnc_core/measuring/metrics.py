"""How close a restoration is to the truth: PSNR and SSIM, on images clipped to [0, 1]."""

from __future__ import annotations

import numpy as np
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from gnc_core import checks
from gnc_core.errors import InputError

_SSIM_WINDOW = 11


def psnr(x: Tensor, truth: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each image in dB, `-10 log10 mean((clip(x) - truth)^2)`: (N,).

    `x` and `truth` are (N, C, H, W), floating point with peak 1; `x` is clipped to [0, 1], the truth is not; the mean is over all
    channels. Infinite for equal images, NaN where `x` has values that are not finite. Raises `InputError` if the shapes differ,
    and for integers.

    >>> truth = torch.zeros(1, 1, 8, 8)
    >>> round(psnr(truth + 0.1, truth).item(), 3)
    20.0
    """
    with np.errstate(divide="ignore"):  # equal images
        values = [peak_signal_noise_ratio(reference, image, data_range=1) for image, reference in _pairs(x, truth)]
    return _unless_broken(values, x)


def ssim(x: Tensor, truth: Tensor) -> Tensor:
    """Structural similarity of each image (Wang et al., 2004), in [-1, 1], mean over its channels: (N,).

    `x` (clipped to [0, 1]) and `truth` are (N, C, H, W); Gaussian weights of standard deviation
    1.5 in windows of 11 x 11, range 1, as in the paper. NaN for images smaller than one window, and where `x` has values
    that are not finite. Raises `InputError` if the shapes differ, and for integers.

    >>> x = torch.rand(1, 1, 16, 16)
    >>> round(ssim(x, x).item(), 6)
    1.0
    """
    pairs = _pairs(x, truth)
    if min(x.shape[-2:]) < _SSIM_WINDOW:
        return torch.full((len(x),), torch.nan, dtype=torch.float64)
    options = {"data_range": 1.0, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return _unless_broken([structural_similarity(image, other, channel_axis=0, **options) for image, other in pairs], x)


def _unless_broken(values: list[float], x: Tensor) -> Tensor:
    """The values, (N,), but NaN where the image is not finite: clipping would make a number of infinity."""
    finite = torch.isfinite(x).flatten(1).all(1).cpu()
    return torch.where(finite, torch.tensor(values, dtype=torch.float64), torch.nan)


def _pairs(x: Tensor, truth: Tensor) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each image, clipped, and its truth as float64, (C, H, W)."""
    checks.check_image(x, "The images")
    checks.check_image(truth, "The true images")
    if x.shape != truth.shape:
        raise InputError(f"The image {tuple(x.shape)} and the truth {tuple(truth.shape)} differ in shape.")
    images, truths = (y.detach().double().cpu().numpy() for y in (x.clamp(0, 1), truth))
    return list(zip(images, truths, strict=True))
