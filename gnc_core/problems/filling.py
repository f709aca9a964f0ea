"""The harmonic fill of missing pixels, where inpainting starts: Laplace's equation, the known pixels its boundary values."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

TOLERANCE = 1e-7
"""Conjugate gradients end when the residual is this share of the right side, in the 2-norm."""


def harmonic_fill(observation: Tensor, observed: Tensor) -> Tensor:
    """z where it is known, and x with (Laplacian x) = 0 at all other pixels: (N, C, H, W), of z's device and type.

    Each missing pixel is the mean of its neighbours (up to four; those beyond the image's border do not count), so that none is
    above or below all known ones. Conjugate gradients in float64 on the CPU, from the mean of the known pixels, to `TOLERANCE`.

    observation: z, (N, C, H, W), finite where it is known. observed: bool, True where a pixel is known, broadcast to z. A channel
    of which nothing is known is 0.5.

    >>> import torch
    >>> observed = torch.tensor([[[[True, False, False, True]]]])
    >>> [round(value, 4) for value in harmonic_fill(torch.tensor([[[[0.1, 0.0, 0.0, 0.4]]]]), observed).flatten().tolist()]
    [0.1, 0.2, 0.3, 0.4]
    """
    import torch

    filled = observation.where(observed, 0.5)
    planes = filled.detach().double().cpu().numpy().copy()
    masks = observed.cpu().numpy()
    for image, mask in enumerate(masks):
        for channel, known in enumerate(mask):
            # One mask for all images, or all channels, is one matrix for them.
            images = slice(image, image + 1) if len(masks) > 1 else slice(None)
            channels = slice(channel, channel + 1) if len(mask) > 1 else slice(None)
            if known.any() and not known.all():
                _fill(planes[images, channels].reshape(-1, *known.shape), known)
    return filled.where(observed, torch.from_numpy(planes).to(filled))


def _fill(planes: np.ndarray, known: np.ndarray) -> None:
    """Fills the missing pixels of (K, H, W) in place."""
    import numpy as np
    from scipy.sparse import csr_array, diags_array
    from scipy.sparse.linalg import cg

    missing = np.flatnonzero(~known)
    pixels = np.arange(known.size).reshape(known.shape)
    first = np.concatenate([pixels[:, :-1].ravel(), pixels[:-1].ravel()])
    second = np.concatenate([pixels[:, 1:].ravel(), pixels[1:].ravel()])
    ends = np.concatenate([first, second]), np.concatenate([second, first])
    neighbours = csr_array((np.ones(len(ends[0])), ends), shape=(known.size, known.size))[missing]
    matrix = (diags_array(neighbours.sum(1)) - neighbours[:, missing]).tocsr()
    for plane in planes:
        values = np.where(known, plane, 0).ravel()
        low, high, mean = plane[known].min(), plane[known].max(), plane[known].mean()
        right = neighbours @ np.where(known.ravel(), values - mean, 0)
        found, _ = cg(matrix, right, rtol=TOLERANCE, maxiter=20 * sum(known.shape))
        plane[~known] = (mean + found).clip(low, high)
