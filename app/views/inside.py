"""The page "Inside the prior": its kernels with their functions (Figure 2 of the paper), and a part of what there is to know."""

from dataclasses import dataclass

import numpy as np
import streamlit as st
from torch import Tensor

from app.components.width import is_narrow
from app.controls import image_controls, side_control
from app.figures.inside import LONGEST_MAP
from app.figures.kernels import NARROW, WIDE
from app.following import show_training
from app.inner import (
    Shown,
    show_caption,
    show_convexity,
    show_curvature,
    show_kernel,
    show_kernels,
    show_numbers,
    show_response,
)
from app.layout import headline
from app.lessons.inside import CONVEXITY, CURVATURE, KERNEL, LESSON, RESPONSE, SURGERY, TRAINING
from app.own import folder_of
from app.runs import load_prior
from app.scenes import picture
from app.scheme_controls import NO_PRIOR, prior_control
from app.session import in_url, plain, whole_in_url
from app.surgery import off_control, show_surgery
from app.tiles import TILE_SIGMA, measure, overview
from gnc_core.errors import InputError

ORDERS = {"As learned": "index", "Share of the energy": "share", "σ at which they turn convex": "convexity"}
state = st.session_state


def show_log(shown: Shown) -> None:
    if folder_of(shown.name):
        show_training(shown.name)
    else:
        st.caption("The page Training shows how this one was trained.")


PARTS = {
    KERNEL: show_kernel,
    RESPONSE: show_response,
    CURVATURE: show_curvature,
    CONVEXITY: show_convexity,
    SURGERY: show_surgery,
    TRAINING: show_log,
}


@dataclass(frozen=True)
class Chosen:
    """The prior's name, the order of its kernels, the image (1, 1, H, W), what identifies it, and whether it came with noise."""

    name: str
    order: str
    image: Tensor | None = None
    key: tuple = ()
    degraded: bool = False


def controls() -> Chosen:
    st.subheader("Prior")
    name = prior_control(own=True)
    if name is None:
        raise InputError(NO_PRIOR)
    order = ORDERS[st.selectbox(
        "Order of the kernels", list(ORDERS), **in_url("order"),
        help="Share of the energy: what a potential adds to it above its own minimum, mean over the smoothing levels, largest "
        "first; for an activation, its share of what goes up to the next layer. Turning convex: smallest σ first, then "
        "those that never do, by the share of features at which they are not convex.",
    )]  # fmt: skip
    st.subheader("Image")
    source, data, degraded = image_controls()
    longest = min(side_control(), LONGEST_MAP)
    if source is None:
        return Chosen(name, order)
    image, _ = picture(source, longest, False, degraded, data)
    return Chosen(name, order, image, (source, longest, degraded), degraded)


def detail_controls(layers: int, channels: int, levels: np.ndarray) -> tuple[str, int, int, int]:
    """The part that is shown, layer and kernel, counted from 0, and the index of the smoothing level."""
    for key, most in (("layer", layers), ("kernel", channels)):  # left over from a larger prior
        if state.get(key, 1) > most:
            state[key] = most
    row = st.container(horizontal=True, gap="small", vertical_alignment="bottom")
    part = row.segmented_control(
        "Show", list(PARTS), default=KERNEL, required=True, label_visibility="collapsed", **in_url("part")
    )
    layer = layers
    if layers > 1 and part != SURGERY:  # which is on potentials
        layer = int(row.number_input(
            "Layer", 1, layers, layers, **whole_in_url("layer"), width=110,
            help="Layer 1 meets the image; the last one holds the potentials.",
        ))  # fmt: skip
    kernel = int(row.number_input(
        "Kernel", 1, channels, 1, **whole_in_url("kernel"), width=110, help="Or click on a tile above.",
    ))  # fmt: skip
    names = [f"{sigma:.3f}" for sigma in levels]
    level = row.select_slider(
        "Smoothing σ", names, names[np.abs(np.log(levels / TILE_SIGMA)).argmin()], **in_url("sigma"), width=180,
        help="Where functions are cut and the image is looked at, in units of the image range [0, 1].",
    )  # fmt: skip
    return part, layer - 1, kernel - 1, names.index(level)


def page() -> None:
    headline("Inside the prior", LESSON)
    columns = NARROW if is_narrow("narrow") else WIDE
    try:
        with st.sidebar:
            chosen = controls()
        prior, found = load_prior(chosen.name), measure(chosen.name, chosen.image, chosen.key)
    except InputError as error:
        st.error(plain(str(error)))
        return
    if found is None:
        st.info("Upload the file on the left: links hold settings, but no files.")
        return
    measured, top, below = found.inspection, st.container(), st.container()
    with below:
        part, layer, channel, level = detail_controls(prior.layers, prior.channels, measured.sigma)
        off = off_control(prior.channels) if part == SURGERY else []
    tiles, figure = overview(chosen.name, found.key, chosen.order, layer, columns, measured)
    with top:
        place = st.container()
        show_kernels(tiles, figure, columns, channel + 1, off)
        with place if columns == WIDE else st.container():  # on a phone the kernels come first
            show_numbers(measured, level)
    with below:
        PARTS[part](
            Shown(chosen.name, measured, found.key, chosen.image, chosen.key, chosen.degraded, chosen.order, layer, channel,
                  level, tuple(number - 1 for number in off), columns == NARROW)
        )  # fmt: skip
        show_caption(found, prior.layers)


page()
