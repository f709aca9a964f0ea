"""Restoration without a learned prior, by scikit-image, for comparison: total variation, non-local means, wavelets, and the
biharmonic equation.

Each gets the observation as it is, clipped or not, takes its channels one by one, as the priors do, and is told the noise level;
its other numbers follow from that by the rule that its docstring states.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

from gnc_core.errors import InputError
from gnc_core.problems import MRI, Deblurring, Denoising, Inpainting, Linear, Problem, SuperResolution

if TYPE_CHECKING:  # their names are told without PyTorch and scikit-image
    import numpy as np
    from torch import Tensor


def total_variation(problem: Problem) -> Tensor:
    """Total variation (Rudin, Osher & Fatemi, 1992; Chambolle, 2004), of weight 0.85 sigma_n: (N, C, H, W).

    Of 0.7 to 1.3 sigma_n that is within 0.25 dB of the best at 15, 25 and 50 of 255, mean over crops of four of the samples.
    Raises `InputError` for what is not denoising.

    >>> import torch
    >>> noisy = Denoising.degrade(torch.full((1, 1, 32, 32), 0.5), 0.1, seed=0)
    >>> bool((total_variation(noisy) - 0.5).abs().mean() < 0.03)
    True
    """
    from skimage.restoration import denoise_tv_chambolle

    sigma = _noise(problem)
    return _each_channel(lambda z: denoise_tv_chambolle(z, weight=0.85 * sigma), problem.observation)


def nonlocal_means(problem: Problem) -> Tensor:
    """Non-local means (Buades, Coll & Morel, 2005), patches 5 x 5 up to 6 pixels away, fast, with h = 0.6 sigma_n: (N, C, H, W).

    These are the numbers of scikit-image's own example for a known noise level. Raises `InputError` for what is not denoising.

    >>> import torch
    >>> noisy = Denoising.degrade(torch.full((1, 1, 32, 32), 0.5), 0.1, seed=0)
    >>> bool((nonlocal_means(noisy) - 0.5).abs().mean() < 0.03)
    True
    """
    from skimage.restoration import denoise_nl_means

    sigma = _noise(problem)
    options = {"patch_size": 5, "patch_distance": 6, "h": 0.6 * sigma, "sigma": sigma, "fast_mode": True}
    return _each_channel(lambda z: denoise_nl_means(z, **options), problem.observation)


def wavelets(problem: Problem) -> Tensor:
    """Soft thresholds for wavelet coefficients (db2), a threshold a subband (BayesShrink, Chang, Yu & Vetterli, 2000) from
    sigma_n: (N, C, H, W).

    Raises `InputError` for what is not denoising.

    >>> import torch
    >>> noisy = Denoising.degrade(torch.full((1, 1, 32, 32), 0.5), 0.1, seed=0)
    >>> bool((wavelets(noisy) - 0.5).abs().mean() < 0.05)
    True
    """
    from skimage.restoration import denoise_wavelet

    sigma = _noise(problem)
    options = {"sigma": sigma, "wavelet": "db2", "method": "BayesShrink", "mode": "soft", "rescale_sigma": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of images smaller than a wavelet, which are only thresholded less
        return _each_channel(lambda z: denoise_wavelet(z, **options), problem.observation)


def biharmonic(problem: Problem) -> Tensor:
    """Biharmonic inpainting (Damelin & Hoang, 2018), which has no parameter: (N, C, H, W).

    Raises `InputError` for what is not inpainting.

    >>> import torch
    >>> ramp = torch.linspace(0, 1, 9).expand(1, 1, 9, 9)
    >>> bool((biharmonic(Inpainting.degrade(ramp, 0.2, seed=0)) - ramp).abs().max() < 0.1)
    True
    """
    from skimage.restoration import inpaint_biharmonic

    if not isinstance(problem, Inpainting):
        raise InputError(f"Biharmonic inpainting fills missing pixels; it is no baseline for the task {problem.name}.")
    z = problem.observation.where(problem.observed, 0.5)
    missing = (~problem.observed).expand_as(z)
    return _each_channel(lambda z, mask: inpaint_biharmonic(z, mask > 0, split_into_regions=True), z, missing)


def linear_total_variation(problem: Problem) -> Tensor:
    """Total variation for any problem with a proximal map, by the primal-dual algorithm (Chambolle & Pock, 2011), 300 steps:
    argmin D(x) + 0.05 TV(x) / sigma_n, (N, C, H, W).

    Of 0.02 to 0.5 that weight is the best for deblurring, and within 0.1 dB of the best for super-resolution, with noise of 0.01,
    mean over crops of four validation images. Raises `InputError` for problems that are not linear.

    >>> import torch
    >>> blurred = Deblurring.degrade(torch.full((1, 1, 32, 32), 0.5), 0.01, seed=0)
    >>> linear_total_variation(blurred).shape
    torch.Size([1, 1, 32, 32])
    """
    import torch

    if not isinstance(problem, Linear):
        raise InputError(f"This baseline is none for the task {problem.name}.")
    weight, step = LINEAR_WEIGHT / problem.noise_std, 0.02
    dual_step = 1 / (8 * step)  # |grad|^2 <= 8
    x = extrapolated = problem.initial()
    p = torch.zeros(2, *x.shape, dtype=x.dtype, device=x.device)
    for _ in range(300):
        p = p + dual_step * _gradient(extrapolated)
        p = p / (p.norm(dim=0) / weight).clamp_min(1)
        new = problem.prox(x - step * _gradient_adjoint(p), step)
        x, extrapolated = new, 2 * new - x
    return x


LINEAR_WEIGHT = 0.05  # of total variation times sigma_n


def _gradient(x: Tensor) -> Tensor:
    """Differences to the next row and column, zero at the last ones: (2, N, C, H, W)."""
    import torch

    down = torch.nn.functional.pad(x[..., 1:, :] - x[..., :-1, :], (0, 0, 0, 1))
    right = torch.nn.functional.pad(x[..., 1:] - x[..., :-1], (0, 1))
    return torch.stack([down, right])


def _gradient_adjoint(p: Tensor) -> Tensor:
    import torch

    down, right = p[0][..., :-1, :], p[1][..., :-1]
    pad = torch.nn.functional.pad
    return pad(down, (0, 0, 1, 0)) - pad(down, (0, 0, 0, 1)) + pad(right, (1, 0)) - pad(right, (0, 1))


BASELINES: dict[str, dict[str, Callable[[Problem], Tensor]]] = {
    Denoising.name: {"tv": total_variation, "nl-means": nonlocal_means, "wavelets": wavelets},
    Inpainting.name: {"biharmonic": biharmonic},
    **{kind.name: {"tv": linear_total_variation} for kind in (Deblurring, SuperResolution, MRI)},
}
"""All baselines by their names, a dictionary a task."""

TITLES = {
    "tv": "Total variation",
    "nl-means": "Non-local means",
    "wavelets": "Wavelets",
    "biharmonic": "Biharmonic inpainting",
}
NAMES = tuple(TITLES)


def baseline(name: str, task: str) -> Callable[[Problem], Tensor]:
    """The baseline of that name, a method for `evaluate`; raises `InputError` if the task has none of that name.

    >>> baseline("biharmonic", "denoise")
    Traceback (most recent call last):
    gnc_core.errors.InputError: There is no baseline 'biharmonic' for the task denoise; there are tv, nl-means, wavelets.
    """
    known = BASELINES.get(task, {})
    if not isinstance(name, str) or name not in known:
        listed = f"there are {', '.join(known)}" if known else "it has none"
        raise InputError(f"There is no baseline {name!r} for the task {task}; {listed}.")
    return known[name]


def _noise(problem: Problem) -> float:
    if not isinstance(problem, Denoising):
        raise InputError(f"This baseline removes noise; it is none for the task {problem.name}.")
    return problem.noise_std


def _each_channel(restore: Callable[..., np.ndarray], z: Tensor, *others: Tensor) -> Tensor:
    """`restore` on every channel (H, W) of z, in float64, and those of others of the same shape: (N, C, H, W)."""
    import numpy as np
    import torch

    stacks = [stack.detach().double().cpu().flatten(0, 1).numpy() for stack in (z, *others)]
    return (
        torch.from_numpy(np.stack([restore(*channels) for channels in zip(*stacks, strict=True)])).view(z.shape).to(z)
    )
