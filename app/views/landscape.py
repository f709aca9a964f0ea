"""The page "Energy landscape": R(x, σ) over a plane of images, and over a line of images and all smoothings."""

import time

import streamlit as st

from app.components.width import is_narrow
from app.controls import level_control, seed_control, source_control
from app.drawing import show
from app.landscapes import BENDING, BLURRED, CLEAN, DIRECTIONS, MIRROR, Landscape, View, drawn
from app.layout import headline
from app.lessons.landscape import CLEAN_IMAGE, LESSON, LINE, NOISY, PLANE
from app.ranges import RANGES
from app.scheme_controls import NO_PRIOR, prior_control
from app.session import in_url, plain, sentence, whole_in_url
from gnc_core.errors import InputError
from gnc_core.problems import Denoising

REDRAW_SECONDS = 1.0
state = st.session_state


def controls() -> tuple[View | None, bytes | None]:
    """What is to be shown, and the bytes of an upload; None until it is there."""
    shown = st.segmented_control(
        "Show R over", [PLANE, LINE], default=PLANE, required=True, **in_url("view"),
        help="Two directions through the image, with σ on a slider; or one direction and all σ, with the paths of the schemes.",
    )  # fmt: skip
    prior = prior_control(own=True)
    if prior is None:
        raise InputError(NO_PRIOR)
    source, data, _ = source_control()
    line, middle = shown == LINE, NOISY
    if not line:
        middle = st.segmented_control(
            "In the middle", [CLEAN_IMAGE, NOISY], default=CLEAN_IMAGE, required=True, **in_url("centre"),
            help="The image x that the directions go through.",
        )  # fmt: skip
    noise = level_control(Denoising) if middle == NOISY else 0.0
    help_text = "The eigenvectors of the smallest eigenvalues of the Hessian show where the energy bends down most."
    starts = CLEAN if line else MIRROR
    first = st.selectbox("First direction", DIRECTIONS, DIRECTIONS.index(starts), help=help_text, **in_url("first"))
    second = None
    if not line:
        second = st.selectbox(
            "Second direction", DIRECTIONS, help="What of it is orthogonal to the first one.", **in_url("second")
        )
    more: dict = {}
    if line:
        more["steps"] = int(st.number_input("Steps S", 1, 100, 10, help="Of GNC flow and joint minimisation; the learned "
                                            "schedule has what suits the task.", **whole_in_url("nsteps")))  # fmt: skip
        more["sigma0"] = st.slider(*RANGES["smoothing"], 0.3, 0.01, help="Where both start.", **in_url("smoothing"))
    with st.expander("More"):
        more["crop"] = st.slider("Pixels a side", 32, 96, 64, 16, help="The middle of the image, scaled down to 256 pixels.",
                                 **in_url("crop"))  # fmt: skip
        more["zoom"] = st.slider("Reach", 0.25, 2.0, 1.0, 0.25, help="How far along the directions.", **in_url("reach"))
        more["points"] = st.select_slider(
            "Points a side", [9, 17, 25, 33], 17, help="More take longer.", **in_url("grid")
        )
        more["seed"] = seed_control()
        if BENDING in (first, second):
            more["bend"] = st.select_slider("σ of the curvature", [0.01, 0.02, 0.05, 0.1, 0.2], 0.02, **in_url("bend"))
        if BLURRED in (first, second):
            more["blur"] = st.slider("Blur, pixels", 0.5, 5.0, 2.0, 0.5, **in_url("blur"))
    return (None if source is None else View(prior, source, noise, first, second, **more)), data


def draw(work: Landscape, key: str, narrow: bool) -> bool:
    """What is known so far, if there is something to be drawn."""
    figure = drawn(work, narrow)
    if figure is not None:
        show(figure, key, None if work.running else "landscape")
    return figure is not None


def run_to_the_end(work: Landscape, narrow: bool) -> None:
    """Does what is left and draws while it runs; any click starts the script anew, and it goes on from there."""
    row = st.container(horizontal=True, vertical_alignment="center")
    row.button("Stop", icon=":material/stop:", on_click=work.stop, help="What has been computed is kept.")
    bar, place = row.progress(work.done), st.empty()
    last, count, frame = 0.0, 0, 0
    while work.running:
        work.advance()
        bar.progress(min(work.done, 1.0), f"Computing: {work.doing}")
        if work.complete > count and time.monotonic() - last > REDRAW_SECONDS:
            with place.container():
                if draw(work, f"live {frame}", narrow):
                    work.seen()
                    last, count, frame = time.monotonic(), work.complete, frame + 1


def page() -> None:
    headline("Energy landscape", LESSON)
    narrow = is_narrow("narrow")
    view, data, problem = None, None, ""
    try:
        with st.sidebar:
            view, data = controls()
        if view is not None and (state.get("landscape") is None or state.landscape.view != view):
            state.landscape = Landscape(view, data)
    except Exception as error:
        view, problem = None, sentence(error)
    if problem:
        st.error(plain(problem))
    elif view is None:
        st.info("Upload the file on the left: links hold settings, but no files.")
    if view is not None:
        work, live, rest = state.landscape, st.empty(), st.empty()
        if work.running:
            with live.container():
                run_to_the_end(work, narrow)
            live.empty()  # no other run of the script: it would know nothing of what the link got wrong
        with rest.container():
            if work.error:
                st.error(plain(work.error))
            if work.stopped and not work.finished:
                st.button("Go on", icon=":material/play_arrow:", on_click=work.go_on, help="Computes what is missing.")
            draw(work, "landscape", narrow)


page()
