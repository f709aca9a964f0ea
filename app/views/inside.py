"""The page "Inside the prior": its kernels with their functions (Figure 2 of the paper), and one of them in detail."""

import math

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from torch import Tensor

from app.controls import image_controls, side_control
from app.figures.curvature import convexity_figure, eigenvalue_figure
from app.figures.inside import (
    COLUMNS,
    LONGEST_MAP,
    SLIDER,
    Layer,
    grey_png,
    height_of,
    kernel_figure,
    place_of,
    section_figure,
    surface_figure,
)
from app.figures.restoration import TITLES, comparison_figure
from app.following import show_training
from app.runs import load_prior
from app.scenes import picture
from app.scheme_controls import NO_PRIOR, prior_control
from app.session import in_url, plain, whole_in_url
from app.tiles import (
    TILE_SIGMA,
    ShownInspection,
    bending,
    convexity,
    function,
    kernels,
    measure,
    mixture_curvature,
    overview,
    response,
)
from gnc_core import problems, zoo
from gnc_core.errors import InputError
from gnc_core.measuring.inspection import spectrum
from gnc_core.measuring.inspections import LANCZOS, Inspection

ORDERS = {"As learned": "index", "Share of the energy": "share", "σ at which they turn convex": "convexity"}
NAMES = ["φ(u, σ)", "σ φ′(u, σ)", "σ² φ″(u, σ)"]
PLAIN = {"displayModeBar": False}
state = st.session_state


def controls() -> tuple[str | None, str, Tensor | None, tuple]:
    """The prior's name, the order of its kernels, the image (1, 1, H, W), and what identifies it."""
    st.subheader("Prior")
    name = prior_control()
    if name is None:
        return None, "index", None, ()
    order = st.selectbox(
        "Order of the kernels", list(ORDERS), **in_url("order"),
        help="Share of the energy: what a potential adds to it above its own minimum, mean over the smoothing levels, largest "
        "first; for an activation, its share of what goes up to the next layer. Turning convex: smallest σ first, then "
        "those that never do, by the share of features at which they are not convex.",
    )  # fmt: skip
    st.subheader("Image")
    source, data, degraded = image_controls()
    longest = min(side_control(), LONGEST_MAP)
    if source is None:
        return name, ORDERS[order], None, ()
    image, _ = picture(source, longest, False, degraded, data)
    return name, ORDERS[order], image, (source, longest, degraded)


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
        help="Potentials without negative curvature on the effective range of their features, at the smoothing of the detail.",
    )  # fmt: skip
    row.metric(
        f"Features with φ″ < 0 at σ = {here}", f"{measured.concave[level, -1].mean():.0%}", width="content",
        help="Share of the features at which the potential is not convex: mean over the potentials.",
    )  # fmt: skip


def pick() -> None:
    """A click on a tile. A second one on the same tile takes plotly's selection away, but means the same."""
    points = state.kernels["selection"]["points"]
    if points:
        state.clicked = points[0]["customdata"]
    if "clicked" in state:
        state.layer, state.kernel = map(int, state.clicked)


def fitted(key: str, height: str, more: str = "") -> DeltaGenerator:
    """A container whose chart is as high as `height` says, in CSS: 100cqw is its width, which only the browser knows."""
    place = st.container(key=key)
    chart = f".st-key-{key} > :has(.stPlotlyChart)"
    place.html(
        f"<style>.st-key-{key} {{ container-type: inline-size; }} "
        f"{chart} {{ flex: none; position: relative; height: {height}; }} "
        + (f"{chart}::after {{ content: ''; position: absolute; pointer-events: none; {more} }}" if more else "")
        + "</style>"
    )
    return place


def show_kernels(layers: list[Layer], figure: go.Figure, layer: int, kernel: int) -> None:
    """All kernels. The style sheet frames the picked one: another figure would take the slider back to its start."""
    left, top, width, height = (100 / COLUMNS * length for length in place_of(layers, layer, kernel))
    frame = (
        f"left: calc({left:.3f}cqw - 4px); top: calc({top:.3f}cqw + {SLIDER - 4}px); width: calc({width:.3f}cqw + 8px); "
        f"height: calc({height:.3f}cqw + 8px); box-sizing: border-box; border: 2px solid rgb(20, 130, 90); border-radius: 4px;"
    )
    with fitted("overview", f"calc({100 / COLUMNS * height_of(layers):.3f}cqw + {SLIDER}px)", frame):
        st.plotly_chart(figure, key="kernels", height="stretch", on_select=pick, selection_mode="points", config=PLAIN)


def detail_controls(layers: int, channels: int, levels: np.ndarray) -> tuple[int, int, int]:
    """Layer and kernel, counted from 1, and the index of the smoothing level of the detail."""
    for key, most in (("layer", layers), ("kernel", channels)):  # left over from a larger prior
        if state.get(key, 1) > most:
            state[key] = most
    row = st.container(horizontal=True, gap="medium", vertical_alignment="bottom")
    layer = layers
    if layers > 1:
        layer = int(row.number_input(
            "Layer", 1, layers, layers, **whole_in_url("layer"), width=130,
            help="Layer 1 meets the image; the last one holds the potentials.",
        ))  # fmt: skip
    kernel = int(row.number_input(
        "Kernel", 1, channels, 1, **whole_in_url("kernel"), width=130, help="Or click on a tile above.",
    ))  # fmt: skip
    names = [f"{sigma:.3f}" for sigma in levels]
    level = row.select_slider(
        "Smoothing σ of the detail", names, names[np.abs(np.log(levels / TILE_SIGMA)).argmin()], **in_url("sigma"),
        help="Where the surfaces are cut and the image is looked at, in units of the image range [0, 1].",
    )  # fmt: skip
    return layer, kernel, names.index(level)


def show_detail(name: str, measured: Inspection, layer: int, channel: int, level: int) -> None:
    """One kernel and its spectrum, and its function over (u, σ)."""
    share = f"**Layer {layer + 1}, kernel {channel + 1}**: {measured.share[:, layer, channel].mean():.1%} of the "
    if layer == measured.convex.shape[1] - 1:
        st.markdown(f"{share}energy; potential {convexity(measured, layer, channel)}.")
    else:
        st.markdown(f"{share}signal that goes up to the next layer.")
    kernel = kernels(name, measured, layer, level)[channel]
    u, values = function(name, measured, layer, channel)
    with st.container(horizontal=True):
        with st.container(width=380):
            st.plotly_chart(kernel_figure(kernel, spectrum(kernel)), key="kernel-large", config=PLAIN)
        with st.container(width=540):
            st.plotly_chart(
                section_figure(u[level], [part[level] for part in values], NAMES), key="section", config=PLAIN
            )
    st.caption(
        f"The function at σ = {measured.sigma[level]:.3f}, over the effective range of its features: all but 0.1 % on either "
        "side. Red: φ″ < 0, where it is not convex."
    )
    with st.container(horizontal=True):
        for order, (part, title) in enumerate(zip(values, NAMES, strict=True)):
            with st.container(width=300):
                figure = surface_figure(u, measured.sigma, part, values[2] < 0, level, title)
                st.plotly_chart(figure, key=f"surface {order}", config=PLAIN)
    st.caption(
        "The same over all smoothing levels (drag to turn); the black line is the cut above. Derivatives are multiplied by "
        "powers of σ, as in a step x − σ² ∇R(x, σ) of the flow, so that all levels can be compared."
    )


def show_response(name: str, image: Tensor, layer: int, channel: int, sigma: float) -> None:
    """Where the kernel fires on the page's image."""
    noisy = st.toggle(
        "Add noise of σ to the image", False, **in_url("noisy"),
        help="At smoothing σ the prior is made for images with noise of that standard deviation.",
    )  # fmt: skip
    x = problems.add_noise(image, sigma, 0) if noisy else image
    u, phi, curvature = response(name, x, sigma, layer, channel)
    reach, (low, high) = float(np.quantile(np.abs(u), 0.995)), np.quantile(phi, [0.001, 0.995])
    panels = [
        ("φ″ < 0 in red", grey_png(x[0, 0].numpy(), 0, 1, curvature < 0)),
        ("feature u", grey_png(u, -reach, reach)),
        ("φ(u, σ)", grey_png(phi, low, high)),
    ]
    height, width = image.shape[-2:]
    figure = comparison_figure(panels, (width, height), hover=False)
    with fitted("maps", f"min({height / width / 3:.4f} * 100cqw + {TITLES}px, 600px)"):
        st.plotly_chart(figure, key="response", height="stretch")
    st.caption(
        f"Kernel {channel + 1} of layer {layer + 1} on the image at σ = {sigma:.3f}. From black to white: u from {-reach:.2g} to "
        f"{reach:.2g}, φ from {low:.2g} to {high:.2g}."
    )


def show_bending(name: str, measured: Inspection, image: Tensor | None, key: tuple, level: int) -> None:
    """The smallest eigenvalue of the Hessian over sigma, and the direction that belongs to it."""
    st.subheader(
        "Where the energy is convex",
        help="The smallest eigenvalue of σ² ∇²R(x, σ). Zero or above: R(·, σ) is convex around that image. A step x − σ² ∇R "
        "of the flow stretches differences along an eigenvector with a negative eigenvalue: there it decides between images.",
    )
    if len(measured.levels):
        figure = eigenvalue_figure(measured.levels, measured.eigenvalues, measured.sigma_c, mixture_curvature())
        st.plotly_chart(figure, key="eigenvalues", config=PLAIN)
        st.caption(
            f"One line a photograph ({measured.eigenvalues.shape[1]} of the validation set, the middle of each): the learned "
            "counterpart of the mixture's smallest curvature on the page One dimension, dotted."
        )
    sigma = float(measured.sigma[level])
    if image is None or not st.toggle(
        f"Show the direction in which the energy bends down most, at σ = {sigma:.3f}", False, **in_url("bend"),
        help="The eigenvector of the smallest eigenvalue, at the middle of this page's image; takes a few seconds.",
    ):  # fmt: skip
        return
    noisy = bool(state.get("noisy", False))
    value, x, direction = bending(name, (*key, zoo.weights_hash(name)), sigma, noisy, image)
    reach = float(np.abs(direction).max())
    panels = [("image" + " with noise" * noisy, grey_png(x, 0, 1)), ("eigenvector", grey_png(direction, -reach, reach))]
    figure = comparison_figure(panels, (x.shape[1], x.shape[0]), hover=False)
    with fitted("direction", f"min({x.shape[0] / x.shape[1] / 2:.4f} * 100cqw + {TITLES}px, 420px)"):
        st.plotly_chart(figure, key="bending", height="stretch")
    st.caption(
        f"Smallest eigenvalue × σ²: {value:.4f}. "
        + (
            "The energy bends down along this pattern."
            if value < -LANCZOS
            else "The energy is convex around this image."
        )
    )


def captions(found: ShownInspection, layers: int) -> None:
    """What the tiles and curves above are."""
    upper = (
        f" Kernels of upper layers are drawn as the image meets them: linearised, with the mean slopes of the activations below "
        f"at σ = {TILE_SIGMA:g}. Activations of one kernel share a scale."
    )
    st.caption(
        "Grey tiles: kernels, mid-grey is zero. Below each: its function on the effective range of its features, u = 0 in the "
        "middle; every potential is scaled to its own height." + upper * (layers > 1)
    )
    count = found.inspection.images
    st.caption(
        f"Features were measured on {count} image{'s'[: count > 1]} with noise of every level; saved with the prior."
        if found.saved
        else "Features were measured on the middle of this page's image with noise of every level; `python -m gnc_core inspect` "
        "measures on a folder of images and saves the result with the prior."
    )


def page() -> None:
    st.title("Inside the prior")
    st.markdown(
        "R(x, σ) = Σ φ(k ∗ x, σ): every kernel k has a function φ of its feature u = k ∗ x **and** of the smoothing σ, learned "
        "from photographs. Drag the slider from small σ (blue) to large σ (red): potentials that are sharp and not convex should "
        "widen and turn convex, which is what graduated non-convexity needs. The numbers say how far this prior gets."
    )
    try:
        with st.sidebar:
            name, order, image, key = controls()
        if name is None:
            raise InputError(NO_PRIOR)
        prior, found = load_prior(name), measure(name, image, key)
    except InputError as error:
        st.error(plain(str(error)))
        return
    if found is None:
        st.info("Upload the file on the left: links hold settings, but no files.")
        return
    measured = found.inspection
    layers, figure = overview(name, found.key, order, measured)

    top, detail = st.container(), st.container()
    with detail:
        st.subheader("One kernel")
        layer, kernel, level = detail_controls(prior.layers, prior.channels, measured.sigma)
        show_detail(name, measured, layer - 1, kernel - 1, level)
        if image is not None:
            show_response(name, image, layer - 1, kernel - 1, float(measured.sigma[level]))
    with top:
        show_numbers(measured, level)
        show_kernels(layers, figure, layer, kernel)
        captions(found, prior.layers)
    st.subheader(
        "Where the potentials are convex",
        help="The smallest φ″ of every potential on its effective range, times σ²; the dashed line is the σ above which all are "
        "convex, where there is one.",
    )
    potentials = layers[0].numbers
    scaled = measured.scaled(measured.curvature)[:, -1, potentials - 1]
    names = [f"kernel {number}" for number in potentials]
    st.plotly_chart(
        convexity_figure(measured.sigma, scaled, names, measured.all_convex_above), key="convexity", config=PLAIN
    )
    show_bending(name, measured, image, key, level)
    with st.expander("Training"):
        show_training(name)


page()
