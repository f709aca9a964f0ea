"""What a learned prior is made of: its functions on the range of the data, their curvature, what every kernel contributes.

Method, sections 2 and 5.2. Layers count from 0, from the image upwards: functions 0 ... L - 2 are hidden activations, function
L - 1 holds the potentials. Features are measured on noisy images y = x + sigma eta, as the prior meets them at that smoothing.
With one layer the energy is convex in the image wherever all potentials are; with more layers it is then convex in the
last features only.

Features, functions and curvatures are in the unit of the image, whatever the layers see: with input scaling (method, section 6.1)
they are v = a u, phi(v/a) of a potential, a phi(v/a) of an activation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gnc_core import checks
from gnc_core.errors import InputError
from gnc_core.images import crop_center
from gnc_core.prior import splines
from gnc_core.prior.convolutions import adjoint, convolve
from gnc_core.prior.fields_of_experts import FieldsOfExperts
from gnc_core.prior.functions import Splines

from .inspections import ROUNDING, Inspection

LEVEL_COUNT = 24
TAIL = 0.001  # share of the features on either side that the effective range leaves out
PATCH = 128  # pixels a side that an image contributes: its middle

# --- functions and kernels -------------------------------------------------------------------------------------------


def values(phi: Splines, u: Tensor, s: Tensor, order: int = 0) -> Tensor:
    """d^order phi / du^order from the spline's own polynomials, in float64, on the grid and outside.

    u: (S, C, P), s: (S,). Returns (S, C, P).

    >>> phi, s = FieldsOfExperts(channels=8, kernel_size=3).potential, torch.tensor([-2.0])
    >>> u = torch.tensor([-0.5, 0.5]).expand(1, 8, 2)  # before any training phi is even
    >>> phi_u = values(phi, u, s)
    >>> phi_u.shape, torch.allclose(phi_u[..., 0], phi_u[..., 1])
    (torch.Size([1, 8, 2]), True)
    """
    return splines.evaluate(phi.table(s.double()), u.double()[:, :, None], phi.u, order)[:, :, 0]


def least_second_derivative(phi: Splines, s: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """min of phi''(u, s) over low <= u <= high: exact, since phi'' is a parabola between two knots.

    s: (S,); low, high: (S, C), finite. Returns (S, C), float64.

    >>> phi, s = FieldsOfExperts(channels=8, kernel_size=3).potential, torch.tensor([-2.0])
    >>> least = least_second_derivative(phi, s, torch.full((1, 8), -1.0), torch.full((1, 8), 1.0))
    >>> least.shape, bool((least > 0).all())  # quadratic, before any training
    (torch.Size([1, 8]), True)
    """
    table, grid = phi.table(s.double()), phi.u
    factors = torch.tensor([2.0, 6.0, 12.0]).to(table) / grid.spacing**2
    constant, linear, square = (table[..., 2:] * factors).unbind(-1)  # (S, C, rows), in powers of f
    knot = torch.arange(-1, grid.knots + 1).to(table)  # f = t - knot, t the place in units of the spacing
    begin, end = torch.full_like(knot, -0.5), torch.full_like(knot, 0.5)
    begin[0], end[-1] = -math.inf, math.inf  # the continuation beyond the grid
    first, last = ((bound.to(table)[..., None] - grid.low) / grid.spacing - knot for bound in (low, high))
    begin, end = torch.maximum(begin, first), torch.minimum(end, last)
    vertex = torch.where(square > 0, -linear / (2 * square), begin)
    points = torch.stack([begin, end, torch.minimum(torch.maximum(vertex, begin), end)])
    parabolas = constant + linear * points + square * points**2
    return torch.where(begin <= end, parabolas, math.inf).amin((0, -1))


def curves(prior: FieldsOfExperts, inspection: Inspection, layer: int, points: int, order: int = 0) -> np.ndarray:
    """d^order phi / du^order of a layer at equidistant u from `low` to `high`: (S, C, points), float32.

    A potential itself (order 0) has its minimum over these points taken off: a constant changes no score.

    >>> from gnc_core import zoo
    >>> prior = zoo.load("foe-l1")
    >>> curves(prior, measure(prior, [torch.rand(1, 1, 16, 16)], levels=2), layer=0, points=5).shape
    (2, 48, 5)
    """
    phi, device = prior.functions[_layer(prior, layer)], prior.c.device
    s = torch.from_numpy(inspection.sigma.astype(np.float64)).log().to(device)
    a = prior.unit(s)[:, None, None]
    u = torch.from_numpy(inspection.grid(layer, points)).to(device)
    result = values(phi, u / a, s, order) * a ** _power(phi, order)
    if phi.potential and order == 0:
        result = result - result.amin(2, keepdim=True)
    return result.float().cpu().numpy()


def _power(phi: Splines, order: int) -> int:
    """The power of a(s) that turns d^order phi / du^order into the image's unit."""
    return (0 if phi.potential else 1) - order


def image_kernels(prior: FieldsOfExperts, layer: int, gain: np.ndarray) -> Tensor:
    """The kernels of a layer as the image meets them: (C, 1, k, k), k = 7 for layer 0 and 2 more for every layer above.

    The features of layer l linearised in the image, u_l ~ K_l diag(a_{l-1}) K_{l-1} ... K_1 x, with a = `gain` (L, C), the mean
    phi' of the activations below. It is the reverse pass of a single pixel.

    >>> prior = FieldsOfExperts(layers=2)
    >>> image_kernels(prior, 1, np.ones((2, 48))).shape
    torch.Size([48, 1, 9, 9])
    """
    layer, kernels = _layer(prior, layer), prior.kernels()
    g = torch.eye(prior.channels, device=prior.c.device)[:, :, None, None]
    for below in range(layer - 1, -1, -1):
        g = adjoint(g, kernels[below + 1]) * torch.as_tensor(gain[below]).to(g).view(-1, 1, 1)
    return adjoint(g, kernels[0])


def _layer(prior: FieldsOfExperts, layer: int) -> int:
    """`layer` as an int; raises `InputError` if the prior has no such layer."""
    return checks.whole(layer, "layer", 0, prior.layers - 1)


def spectrum(kernel: np.ndarray, size: int = 64) -> np.ndarray:
    """|F k| of a kernel (h, w), padded with zeros: (size, size), frequency zero in the middle (index size / 2).

    >>> spectrum(np.ones((7, 7))).max().item()  # at frequency zero: the sum of the kernel
    49.0
    """
    return np.fft.fftshift(np.abs(np.fft.fft2(kernel, (size, size))))


# --- features on images ----------------------------------------------------------------------------------------------


@torch.no_grad()
def response(prior: FieldsOfExperts, x: Tensor, s: float, layer: int, channel: int) -> tuple[Tensor, Tensor, Tensor]:
    """One channel on an image x (1, 1, H, W): its features u, phi(u, s) and phi''(u, s), each (H, W).

    Raises `InputError` for a layer or a channel that is not there, and for images that the prior cannot take.

    >>> from gnc_core import zoo
    >>> u, energy, curvature = response(zoo.load("foe-l1"), torch.rand(1, 1, 16, 20), s=-2.0, layer=0, channel=3)
    >>> u.shape, energy.shape, curvature.shape
    (torch.Size([16, 20]), torch.Size([16, 20]), torch.Size([16, 20]))
    """
    layer, channel = _layer(prior, layer), checks.whole(channel, "channel", 0, prior.channels - 1)
    checks.check_single(x)
    kernels, level = prior.kernels(), prior.c.new_tensor([checks.number(s, "The smoothing s")])
    h = prior.extend(prior.scaled(x.to(level.dtype), level))
    for kernel, phi in zip(kernels[:layer], prior.functions, strict=False):
        h = splines.evaluate_in_place(phi.table(level), convolve(h, kernel), phi.u)
    above = prior.layers - 1 - layer  # the layers above look beyond the image
    phi, (height, width) = prior.functions[layer], x.shape[2:]
    u = convolve(h, kernels[layer][channel : channel + 1])[..., above : above + height, above : above + width]
    table = phi.table(level)[:, channel : channel + 1]
    a = prior.unit(level)
    energy, curvature = (splines.evaluate(table, u, phi.u, order)[0, 0] * a ** _power(phi, order) for order in (0, 2))
    return u[0, 0] * a, energy, curvature


@torch.no_grad()
def measure(
    prior: FieldsOfExperts,
    images: Sequence[Tensor],
    levels: int = LEVEL_COUNT,
    seed: int = 0,
    progress: Callable[[Sequence[float]], Iterable[float]] = iter,
) -> Inspection:
    """Inspects a prior on clean images, (1, 1, H, W) in [0, 1], of which the middle is taken; noise comes from `seed`.

    progress: gets the levels (sigmas) and hands them on, such as `tqdm`. Raises `InputError` for no image, for images
    that are not finite or too small for the prior, and for less than one level.

    >>> from gnc_core import zoo
    >>> found = measure(zoo.load("foe-l1"), [torch.rand(1, 1, 16, 16)], levels=3)
    >>> found.low.shape, found.sigma.round(3).tolist()
    ((3, 1, 48), [0.009999999776482582, 0.07100000232458115, 0.5])
    """
    levels, seed = checks.whole(levels, "The number of levels", 1), checks.whole(seed, "The seed")
    if not len(images):
        raise InputError("An inspection needs at least one image.")
    for image in images:
        checks.check_single(image)
        checks.check_image(image, "The image", finite=True)
    sigma = np.geomspace(prior.sigma_min, prior.sigma_max, levels)
    generator = torch.Generator().manual_seed(seed)
    patches = [crop_center(image, PATCH) for image in images]
    measured = []
    for level in progress(sigma.tolist()):
        noisy = [patch + level * torch.randn(patch.shape, generator=generator) for patch in patches]
        measured.append(_level(prior, [y.to(prior.c.device) for y in noisy], level))
    arrays: dict[str, Any] = {key: np.stack([row[key] for row in measured]).astype(np.float32) for key in measured[0]}
    return Inspection(sigma=sigma.astype(np.float32), images=len(images), **arrays)


def _level(prior: FieldsOfExperts, noisy: Sequence[Tensor], sigma: float) -> dict[str, np.ndarray]:
    """What `Inspection` holds of one smoothing level, (L, C) each."""
    kernels, rows = prior.kernels(), []
    s = torch.tensor([math.log(sigma)], dtype=torch.float64, device=prior.c.device)
    a = prior.unit(s).float()
    hs = [prior.extend(prior.scaled(y, s.to(y))) for y in noisy]
    for layer, phi in enumerate(prior.functions):
        us = [convolve(h, kernels[layer]) for h in hs]
        u = torch.cat([u.flatten(2) for u in us], 2)[..., None]  # (1, C, pixels, 1)
        table = phi.table(s).float()
        value, derivative = splines.value_and_derivative(table, u, phi.u)
        low, high = _quantiles(u[0, :, :, 0])
        if phi.potential:
            between = low[:, None] + (high - low)[:, None] * torch.linspace(0, 1, 257).to(low)
            part = (value - values(phi, between[None], s).amin(2)[..., None, None]).clamp(min=0).mean((0, 2, 3))
        else:
            part = value.var((0, 2, 3)) * kernels[layer + 1].square().sum((0, 2, 3))
        bend = a ** _power(phi, 2)
        concave = sigma**2 * bend * splines.evaluate(table, u, phi.u, order=2) < -ROUNDING
        whole = torch.full_like(low, phi.u.low)[None], torch.full_like(low, phi.u.high)[None]
        measured = {
            "low": a * low,
            "high": a * high,
            "curvature": bend * least_second_derivative(phi, s, low[None], high[None])[0],
            "curvature_on_grid": bend * least_second_derivative(phi, s, *whole)[0],
            "concave": concave.float().mean((0, 2, 3)),
            "gain": a ** _power(phi, 1) * derivative.mean((0, 2, 3)),
            "share": part / part.sum(),
        }
        rows.append({key: array.cpu().numpy() for key, array in measured.items()})
        pixels = value.split([u[0, 0].numel() for u in us], 2)
        hs = [h.view_as(u) for h, u in zip(pixels, us, strict=True)]
    return {key: np.stack([row[key] for row in rows]) for key in rows[0]}


def _quantiles(u: Tensor) -> tuple[Tensor, Tensor]:
    """The effective range of every channel: (C, pixels) to (C,) and (C,). Only the tails need sorting."""
    tail = 1 + round(TAIL * (u.shape[1] - 1))
    return u.topk(tail, dim=1, largest=False).values[:, -1], u.topk(tail, dim=1).values[:, -1]
