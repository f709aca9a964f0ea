"""What "Inside the prior" shows: how convex it is, its kernels, and below them a part at a time: one kernel in detail, ..."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from torch import Tensor

from app.drawing import Drawn, show
from app.figures.kernels import SLIDER, Layer, height_of, place_of
from app.figures.pictures import grey_png
from app.figures.restoration import TITLES, comparison_figure
from app.lessons.inside import SURGERY
from app.own import weights_of
from app.session import in_url
from app.tiles import (
    TILE_SIGMA,
    ShownInspection,
    bending,
    convexity,
    convexity_map,
    eigenvalues,
    kernel_figures,
    response,
    surfaces,
)
from gnc_core import problems
from gnc_core.measuring.inspections import LANCZOS, Inspection

PLAIN = {"displayModeBar": False}
NO_IMAGE = "This part needs an image: choose one on the left."
# Of the picked kernel, and of those that are off.
FRAME, VEIL = "2px solid rgb(20, 150, 105)", "rgba(128, 128, 128, 0.8)"
state = st.session_state


@dataclass(frozen=True)
class Shown:
    """What the parts are about. name: of the prior. key: of its inspection. image: (1, 1, H, W), with its key; degraded: it came
    with noise. layer, channel: counted from 0. level: the index of the smoothing. off: kernels of the last layer that surgery
    has switched off, counted from 0. narrow: there is little room."""

    name: str
    measured: Inspection
    key: tuple
    image: Tensor | None
    image_key: tuple
    degraded: bool
    order: str
    layer: int
    channel: int
    level: int
    off: tuple[int, ...] = ()
    narrow: bool = False

    @property
    def sigma(self) -> float:
        return float(self.measured.sigma[self.level])

    @property
    def last(self) -> bool:
        """Whether the layer is that of the potentials."""
        return self.layer == self.measured.low.shape[1] - 1


def fitted(key: str, height: str, after: str = "", before: str = "") -> DeltaGenerator:
    """A container whose chart is as high as `height` says, in CSS: 100cqw is its width, which only the browser knows. after,
    before: the styles of what lies over the chart."""
    place = st.container(key=key)
    chart = f".st-key-{key} > :has(.stPlotlyChart)"
    over = "".join(
        f"{chart}::{name} {{ content: ''; position: absolute; z-index: 1; pointer-events: none; {style} }} "
        for name, style in (("after", after), ("before", before))
        if style
    )
    place.html(
        f"<style>.st-key-{key} {{ container-type: inline-size; }} "
        f"{chart} {{ flex: none; position: relative; height: {height}; }} {over}</style>"
    )
    return place


def show_kernels(tiles: Layer, figure: Drawn, columns: int, picked: int, off: Sequence[int]) -> None:
    """All kernels. The style sheet frames the picked one and veils those that are off, all by their numbers: another figure would
    take the slider back to its start."""

    def box(kernel: int, margin: int) -> tuple[str, str, str, str]:
        left, top, width, height = (100 / columns * length for length in place_of(tiles, kernel, columns))
        return (f"calc({left:.3f}cqw - {margin}px)", f"calc({top:.3f}cqw + {SLIDER - margin}px)",
                f"calc({width:.3f}cqw + {2 * margin}px)", f"calc({height:.3f}cqw + {2 * margin}px)")  # fmt: skip

    frame = "left: {}; top: {}; width: {}; height: {}; box-sizing: border-box; border-radius: 4px; border: {};".format(
        *box(picked, 4), FRAME
    )
    veils = ["linear-gradient({0}, {0}) {1} {2} / {3} {4} no-repeat".format(VEIL, *box(kernel, 1)) for kernel in off]
    veil = f"inset: 0; background: {', '.join(veils)};" if veils else ""
    height = f"calc({100 / columns * height_of(len(tiles.numbers), columns):.3f}cqw + {SLIDER}px)"
    with fitted("overview", height, frame, veil):
        show(
            figure, "kernels", f"kernels of layer {tiles.number}", height="stretch", on_select=pick,
            selection_mode="points", config=PLAIN,
        )  # fmt: skip


def pick() -> None:
    """A click on a tile picks its kernel; in surgery it switches the kernel off or on. A second one on the same tile takes
    plotly's selection away, but means the same."""
    points = state.kernels["selection"]["points"]
    if points:
        state.clicked = points[0]["customdata"]
    if "clicked" not in state:
        return
    number = int(state.clicked[0] if isinstance(state.clicked, list) else state.clicked)
    if state.get("part") == SURGERY:
        state.off = sorted({*state.get("off", [])} ^ {number})
    else:
        state.kernel = number


def show_numbers(measured: Inspection, level: int) -> None:
    """How convex the potentials are."""
    above, here = measured.all_convex_above, f"{measured.sigma[level]:.3f}"
    row = st.container(horizontal=True, gap="medium")
    if len(measured.levels):
        known, proved = math.isfinite(measured.sigma_c), math.isfinite(measured.proved)
        row.metric(
            "The energy is convex from", f"σ_c = {measured.sigma_c:.3g}" if known else "no σ", width="content",
            help=f"The smoothing from which on the smallest eigenvalue of σ² ∇²R(x, σ) stays above −0.001, at "
            f"{measured.eigenvalues.shape[1]} validation photographs, clean and noisy. "
            + f"Proved for all images from σ = {measured.proved:.3g} on: all potentials are convex there, and hidden "
            "activations linear." * proved,
        )  # fmt: skip
    row.metric(
        "All potentials convex above", f"σ = {above:.3g}" if math.isfinite(above) else "no σ", width="content",
        help="The smoothing above which φ″(u, σ) ≥ 0 for every potential, on the effective range of its features; looked for "
        f"from {measured.sigma[0]:.3g} to {measured.sigma[-1]:.3g}.",
    )  # fmt: skip
    row.metric(
        f"Convex at σ = {here}", f"{measured.convex[level, -1].sum()} of {measured.convex.shape[2]}", width="content",
        help="Potentials without negative curvature on the effective range of their features, at the chosen smoothing.",
    )  # fmt: skip
    row.metric(
        f"Features with φ″ < 0 at σ = {here}", f"{measured.concave[level, -1].mean():.0%}", width="content",
        help="Share of the features at which the potential is not convex: mean over the potentials.",
    )  # fmt: skip


def show_caption(found: ShownInspection, layers: int) -> None:
    """What the tiles and curves are."""
    upper = (
        f" Kernels of upper layers are drawn as the image meets them: linearised, with the mean slopes of the activations below "
        f"at σ = {TILE_SIGMA:g}. Activations of one kernel share a scale."
    )
    count = found.inspection.images
    where = (
        f"on {count} image{'s'[: count > 1]} with noise of every level; saved with the prior."
        if found.saved
        else "on the middle of this page's image with noise of every level; `python -m gnc_core inspect` "
        "measures on a folder of images and saves the result with the prior."
    )
    st.caption(
        "Grey tiles: kernels, mid-grey is zero. Below each: its function on the effective range of its features, u = 0 in the "
        f"middle; every potential is scaled to its own height.{upper * (layers > 1)} Features were measured {where}"
    )


# --- the parts ---------------------------------------------------------------------------------------------------


def show_kernel(shown: Shown) -> None:
    """One kernel and its spectrum, and its function over (u, σ): as maps, at once in every browser, or as surfaces."""
    share = shown.measured.share[:, shown.layer, shown.channel].mean()
    title = f"**Layer {shown.layer + 1}, kernel {shown.channel + 1}**: {share:.1%} of the "
    if shown.last:
        st.markdown(f"{title}energy; potential {convexity(shown.measured, shown.layer, shown.channel)}.")
    else:
        st.markdown(f"{title}signal that goes up to the next layer.")
    place = shown.layer, shown.channel, shown.level
    kernel, section, maps = kernel_figures(shown.name, shown.key, *place, shown.narrow, shown.measured)
    with st.container(horizontal=True):
        with st.container(width=380):
            show(kernel, "kernel-large", "kernel", config=PLAIN)
        with st.container(width=540):
            show(section, "section", "function at one smoothing", config=PLAIN)
    st.caption(
        f"The function at σ = {shown.sigma:.3f}, over the effective range of its features: all but 0.1 % on either "
        "side. Red: φ″ < 0, where it is not convex."
    )
    in_space = st.toggle(
        "In space", False, **in_url("space"),
        help="The same over all smoothing levels as surfaces, which can be turned: without a graphics card, seconds.",
    )  # fmt: skip
    if in_space:
        with st.container(horizontal=True):
            for order, figure in enumerate(surfaces(shown.name, shown.key, *place, shown.measured)):
                with st.container(width=300):
                    show(figure, f"surface {order}", f"function, derivative {order}", config=PLAIN)
    else:
        show(maps, "function", "function over all smoothings", config=PLAIN)
    st.caption(
        f"The same over all smoothing levels; the {'black' if in_space else 'dotted'} line is the cut above, and red is φ″ < 0. "
        "Derivatives are multiplied by powers of σ, as in a step x − σ² ∇R(x, σ) of the flow, so that all levels can be compared."
        + " The largest values share a colour."
        * (not in_space)
    )


def show_response(shown: Shown) -> None:
    """Where the kernel fires on the page's image."""
    noisy = st.toggle(
        "Add noise of σ to the image", False, **in_url("noisy"),
        help="At smoothing σ the prior is made for images with noise of that standard deviation.",
    )  # fmt: skip
    image = shown.image
    if image is None:
        st.info(NO_IMAGE)
        return
    x = problems.add_noise(image, shown.sigma, 0) if noisy else image
    u, phi, curvature = response(shown.name, x, shown.sigma, shown.layer, shown.channel)
    reach, (low, high) = float(np.quantile(np.abs(u), 0.995)), np.quantile(phi, [0.001, 0.995])
    panels = [
        ("φ″ < 0 in red", grey_png(x[0, 0].numpy(), 0, 1, curvature < 0)),
        ("feature u", grey_png(u, -reach, reach)),
        ("φ(u, σ)", grey_png(phi, low, high)),
    ]
    height, width = image.shape[-2:]
    with fitted("maps", f"min({height / width / 3:.4f} * 100cqw + {TITLES}px, 600px)"):
        show(comparison_figure(panels, (width, height), hover=False), "response", "response", height="stretch")
    st.caption(
        f"Kernel {shown.channel + 1} of layer {shown.layer + 1} on the image at σ = {shown.sigma:.3f}; φ″ < 0 at "
        f"{(curvature < 0).mean():.0%} of the pixels. From black to white: u from {-reach:.2g} to {reach:.2g}, φ from "
        f"{low:.2g} to {high:.2g}."
    )


def show_curvature(shown: Shown) -> None:
    """The smallest eigenvalue of the Hessian over sigma, and the direction that belongs to it."""
    measured = shown.measured
    if len(measured.levels):
        show(eigenvalues(shown.name, shown.key, measured), "eigenvalues", "smallest eigenvalues", config=PLAIN)
        st.caption(
            f"The smallest eigenvalue of σ² ∇²R(x, σ), a line a photograph ({measured.eigenvalues.shape[1]} of the validation "
            "set, the middle of each). Zero or above: R(·, σ) is convex around that image. A step x − σ² ∇R of the flow "
            "stretches differences along an eigenvector with a negative eigenvalue: there it decides between images. Dotted: the "
            "smallest curvature of the mixture on the page One dimension."
        )
    else:
        st.caption("Eigenvalues over σ were not measured for this prior.")
    if shown.image is None or not st.toggle(
        f"Show the direction in which the energy bends down most, at σ = {shown.sigma:.3f}", False, **in_url("direction"),
        help="The eigenvector of the smallest eigenvalue, at the middle of this page's image; takes a few seconds.",
    ):  # fmt: skip
        return
    noisy = bool(state.get("noisy", False))
    key = (*shown.image_key, weights_of(shown.name))
    value, x, direction = bending(shown.name, key, shown.sigma, noisy, shown.image)
    reach = float(np.abs(direction).max())
    panels = [("image" + " with noise" * noisy, grey_png(x, 0, 1)), ("eigenvector", grey_png(direction, -reach, reach))]
    with fitted("bent-down", f"min({x.shape[0] / x.shape[1] / 2:.4f} * 100cqw + {TITLES}px, 420px)"):
        show(comparison_figure(panels, x.shape[::-1], hover=False), "bending", "eigenvector", height="stretch")
    st.caption(
        f"Smallest eigenvalue × σ²: {value:.4f}. "
        + ("The energy bends down along this pattern." if value < -LANCZOS else "The energy is convex around this image.")
    )  # fmt: skip


def show_convexity(shown: Shown) -> None:
    """Where the potentials are convex."""
    show(convexity_map(shown.name, shown.key, shown.order, shown.measured), "convexity", "convexity", config=PLAIN)
    st.caption(
        "The smallest φ″ of every potential on its effective range, times σ²; the dashed line is the σ above which all are "
        "convex, where there is one."
    )
