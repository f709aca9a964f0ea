"""From a prior to what "Inside the prior" draws: its inspection, the tiles of a layer, and the figures of one kernel.

Figures of what lies in pretrained/ are kept as they are sent, for all visitors.
"""

import math
from contextlib import ExitStack, closing
from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from app.drawing import Drawn, encoded
from app.figures.curvature import convexity_figure, eigenvalue_figure
from app.figures.inside import function_maps, kernel_figure, section_figure, surface_figure
from app.figures.kernels import Layer, kernels_figure
from app.own import folder_of, weights_of
from app.runs import load_prior
from app.turns import device_queue, in_turns
from gnc_core import checks, images, problems
from gnc_core.measuring import curvature, inspection, inspections
from gnc_core.measuring.inspections import Inspection
from gnc_core.mixture import PRESETS, smallest_curvature

CURVE_POINTS, SURFACE_POINTS = 25, 49
TILE_SIGMA = 0.1  # the smoothing at which the kernels of upper layers are linearised for their tiles
NAMES = ["φ(u, σ)", "σ φ′(u, σ)", "σ² φ″(u, σ)"]


@dataclass(frozen=True)
class ShownInspection:
    """The inspection that a page shows, and where it comes from: saved with the prior, or made on the page's image."""

    inspection: Inspection
    saved: bool
    key: tuple


def measure(name: str, image: Tensor | None, image_key: tuple) -> ShownInspection | None:
    """The inspection saved with a prior; else one of the image (1, 1, H, W), or None without an image.

    Raises `InputError` for a damaged prior or inspection, and for too small an image."""
    prior, weights, folder = load_prior(name), weights_of(name), folder_of(name)
    path = folder / inspections.FILE if folder else None
    if path and path.exists():
        key = (name, weights, path.stat().st_mtime_ns)
        saved = _saved(*key)
        if saved is not None:
            return ShownInspection(saved, True, key)
    if image is None:
        return None
    checks.check_size(image, prior.min_size)
    return ShownInspection(_measured_on(name, weights, image_key, image), False, (name, weights, image_key))


@st.cache_resource(max_entries=16, show_spinner=False)
def _saved(name: str, weights: str, written: int) -> Inspection | None:
    return inspections.load(name)


@st.cache_resource(max_entries=64, show_spinner="Measuring the functions on the image …")
def _measured_on(name: str, weights: str, image_key: tuple, _image: Tensor) -> Inspection:
    with ExitStack() as ends:
        return inspection.measure(
            load_prior(name), [_image], progress=lambda levels: ends.enter_context(closing(in_turns(levels)))
        )


@st.cache_resource(max_entries=64, show_spinner="Drawing the kernels …")
def overview(
    name: str, key: tuple, order: str, layer: int, columns: int, _inspection: Inspection
) -> tuple[Layer, Drawn]:
    """The tiles of a layer, counted from 0, and their figure. `order`: see `Inspection.order`."""
    prior = load_prior(name)
    level = int(np.abs(np.log(_inspection.sigma / TILE_SIGMA)).argmin())
    channels = _inspection.order(layer, order)
    tiles = Layer(
        number=layer + 1,
        numbers=channels + 1,
        kernels=kernels(name, _inspection, layer, level)[channels],
        u=_inspection.grid(layer, CURVE_POINTS)[:, channels],
        phi=inspection.curves(prior, _inspection, layer, CURVE_POINTS)[:, channels],
        texts=[_text(_inspection, layer, channel) for channel in channels],
        own_height=layer == prior.layers - 1,
    )
    return tiles, encoded(kernels_figure(tiles, _inspection.sigma, columns))


def kernels(name: str, measured: Inspection, layer: int, level: int) -> np.ndarray:
    """The kernels of a layer as the image meets them at a smoothing level: (C, k, k)."""
    with torch.no_grad():
        return inspection.image_kernels(load_prior(name), layer, measured.gain[level])[:, 0].cpu().numpy()


def function(name: str, measured: Inspection, layer: int, channel: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """u on the effective range, and phi, sigma phi' and sigma^2 phi'' there: (S, P) each."""
    prior, sigma = load_prior(name), measured.sigma[:, None]
    orders = (inspection.curves(prior, measured, layer, SURFACE_POINTS, order)[:, channel] for order in range(3))
    u = measured.grid(layer, SURFACE_POINTS)[:, channel]
    return u, [sigma**order * values for order, values in enumerate(orders)]


@st.cache_resource(max_entries=128, show_spinner=False)
def kernel_figures(
    name: str, key: tuple, layer: int, channel: int, level: int, narrow: bool, _inspection: Inspection
) -> tuple[Drawn, Drawn, Drawn]:
    """One kernel with its spectrum, its function at a level, and maps of it over all of them."""
    kernel = kernels(name, _inspection, layer, level)[channel]
    u, values = function(name, _inspection, layer, channel)
    section = section_figure(u[level], [part[level] for part in values], NAMES)
    maps = function_maps(u, _inspection.sigma, values, level, NAMES, narrow)
    return encoded(kernel_figure(kernel, inspection.spectrum(kernel))), encoded(section), encoded(maps)


@st.cache_resource(max_entries=128, show_spinner=False)
def surfaces(name: str, key: tuple, layer: int, channel: int, level: int, _inspection: Inspection) -> list[Drawn]:
    """The same maps in space."""
    u, values = function(name, _inspection, layer, channel)
    return [
        encoded(surface_figure(u, _inspection.sigma, part, values[2] < 0, level, title))
        for part, title in zip(values, NAMES, strict=True)
    ]


@st.cache_resource(max_entries=32, show_spinner=False)
def convexity_map(name: str, key: tuple, order: str, _inspection: Inspection) -> Drawn:
    """Where the potentials are convex."""
    channels = _inspection.order(_inspection.low.shape[1] - 1, order)
    scaled = _inspection.scaled(_inspection.curvature)[:, -1, channels]
    names = [f"kernel {channel + 1}" for channel in channels]
    return encoded(convexity_figure(_inspection.sigma, scaled, names, _inspection.all_convex_above))


@st.cache_resource(max_entries=32, show_spinner=False)
def eigenvalues(name: str, key: tuple, _inspection: Inspection) -> Drawn:
    """The smallest eigenvalues over sigma."""
    mixture = mixture_curvature()
    return encoded(eigenvalue_figure(_inspection.levels, _inspection.eigenvalues, _inspection.sigma_c, mixture))


def response(name: str, x: Tensor, sigma: float, layer: int, channel: int) -> tuple[np.ndarray, ...]:
    """u, phi(u, s) and phi''(u, s) of a kernel on an image (1, 1, H, W): (H, W) each."""
    prior = load_prior(name)
    with device_queue():
        found = inspection.response(prior, x.to(prior.c.device), math.log(sigma), layer, channel)
    return tuple(part.cpu().numpy() for part in found)


@st.cache_resource(max_entries=32, show_spinner="Looking for the direction in which the energy bends down …")
def bending(name: str, key: tuple, sigma: float, noisy: bool, _image: Tensor) -> tuple[float, np.ndarray, np.ndarray]:
    """The smallest eigenvalue of sigma^2 hess R at the middle of an image (1, 1, H, W), that middle, and the eigenvector,
    both (h, w). `key`: the image and the weights."""
    prior, x = load_prior(name), images.crop_center(_image, curvature.CROP)
    x = problems.add_noise(x, sigma, 0) if noisy else x
    with device_queue():
        value, direction = curvature.smallest_eigenvalue(prior, x.to(prior.c.device), math.log(sigma))
    return value, x[0, 0].numpy(), direction[0, 0].cpu().numpy()


@st.cache_resource
def mixture_curvature() -> tuple[np.ndarray, np.ndarray]:
    """sigma, and sigma^2 times the smallest curvature of the energy of the mixture that "One dimension" starts with."""
    sigmas = np.geomspace(0.01, 0.5, 60)
    return sigmas, sigmas**2 * smallest_curvature(next(iter(PRESETS.values())), sigmas)


def convexity(measured: Inspection, layer: int, channel: int) -> str:
    """From which smoothing on a function is convex, in words."""
    above = measured.convex_above[layer, channel]
    if math.isnan(above):
        return f"not convex at σ = {measured.sigma[-1]:.3g}"
    return "convex at every σ" if above <= measured.sigma[0] else f"convex above σ = {above:.3g}"


def _text(measured: Inspection, layer: int, channel: int) -> str:
    share, reach = measured.share[:, layer, channel].mean(), measured.reach[layer, channel]
    return (
        f"<b>layer {layer + 1}, kernel {channel + 1}</b><br>share {share:.1%}<br>|u| up to {reach:.2f}<br>"
        + convexity(measured, layer, channel)
    )
