"""How close a restoration is to the truth: PSNR and SSIM, on images clipped to [0, 1]."""

from __future__ import annotations

import numpy as np
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from gnc_core.errors import InputError

_SSIM_WINDOW = 11


def psnr(x: Tensor, truth: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each image in dB, `-10 log10 mean((clip(x) - truth)^2)`: (N,).

    `x` and `truth` are (N, C, H, W) with peak 1; `x` is clipped to [0, 1], the truth is not; the mean is over all channels.
    Infinite for equal images. Raises `InputError` if the shapes differ.

    >>> truth = torch.zeros(1, 1, 8, 8)
    >>> round(psnr(truth + 0.1, truth).item(), 3)
    20.0
    """
    pairs = zip(_arrays(x.clamp(0, 1), truth), _arrays(truth, x), strict=True)
    with np.errstate(divide="ignore"):  # equal images
        values = [peak_signal_noise_ratio(reference, image, data_range=1) for image, reference in pairs]
    return torch.tensor(values, dtype=torch.float64)


def ssim(x: Tensor, truth: Tensor) -> Tensor:
    """Structural similarity of each image (Wang et al., 2004), in [-1, 1], mean over its channels: (N,).

    `x` (clipped to [0, 1]) and `truth` are (N, C, H, W); Gaussian weights of standard deviation
    1.5 in windows of 11 x 11, range 1, as in the paper. NaN for images smaller than one window.
    Raises `InputError` if the shapes differ.

    >>> x = torch.rand(1, 1, 16, 16)
    >>> round(ssim(x, x).item(), 6)
    1.0
    """
    pairs = zip(_arrays(x.clamp(0, 1), truth), _arrays(truth, x), strict=True)
    if min(x.shape[-2:]) < _SSIM_WINDOW:
        return torch.full((len(x),), torch.nan, dtype=torch.float64)
    options = {"data_range": 1.0, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    values = [structural_similarity(image, reference, channel_axis=0, **options) for image, reference in pairs]
    return torch.tensor(values, dtype=torch.float64)


def _arrays(x: Tensor, other: Tensor) -> np.ndarray:
    """The images as float64, (N, C, H, W)."""
    if x.shape != other.shape or x.ndim != 4:
        raise InputError(
            f"The image {tuple(x.shape)} and the truth {tuple(other.shape)} must be (N, C, H, W), of equal shape."
        )
    return x.detach().double().cpu().numpy()
