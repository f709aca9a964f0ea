"""The page "Sampling": chains through (x, σ) on mixtures and of images, what a sample costs, the posterior of an inpainting."""

import time

import streamlit as st

from app.components.width import is_narrow
from app.drawing import show
from app.figures.sampling import walk_figure
from app.layout import headline
from app.lessons.sampling import COSTS, IMAGES, LESSON, MIXTURE, PARTS, POSTERIOR
from app.live import LiveChart
from app.sampling_controls import posterior_controls, race_controls, walk_controls, wander_controls
from app.samplings import Drawing, Race, Racing, Walk, walked
from app.session import in_url, plain, sentence
from app.wanderings import Wander, Wandering

REDRAW_SECONDS, TOLD_SECONDS = 1.5, 0.25
NAMES = {Racing: "errors", Drawing: "posterior", Wandering: "image chains"}  # of the files of figures
state = st.session_state


def run_to_the_end(work: Racing | Drawing | Wandering, narrow: bool) -> None:
    """Does what is left and draws now and then; any click starts the script anew, and it goes on from there."""
    row = st.container(horizontal=True, vertical_alignment="center")
    row.button("Stop", icon=":material/stop:", on_click=work.stop, help="What has been computed is kept.")
    bar = row.progress(min(work.done, 1.0))
    chart = LiveChart("live")
    told, drawn, count = 0.0, 0.0, 0
    while work.running:
        work.advance()
        now = time.monotonic()
        if now - told > TOLD_SECONDS:
            bar.progress(min(work.done, 1.0), f"Computing: {work.doing}")
            told = now
        if work.complete > count and now - drawn > REDRAW_SECONDS and work.running:
            figure = work.figure(narrow)
            if figure is not None:
                chart.show(figure)
                work.seen()
                drawn, count = now, work.complete


def draw_work(work: Racing | Drawing | Wandering, narrow: bool) -> None:
    """Computes what is missing, and shows what there is."""
    live, rest = st.empty(), st.empty()
    if work.running:
        with live.container():
            run_to_the_end(work, narrow)
        live.empty()
    with rest.container():
        if work.error:
            st.error(plain(work.error))
        if work.stopped and not work.finished:
            st.button("Go on", icon=":material/play_arrow:", on_click=work.go_on, help="Computes what is missing.")
        figure = work.figure(narrow)
        if figure is not None:
            show(figure, "sampling", NAMES[type(work)])


def page() -> None:
    headline("Sampling", LESSON)
    narrow = is_narrow("narrow")
    plan, data, problem = None, None, ""
    try:
        with st.sidebar:
            part = st.segmented_control(
                "Show", PARTS, default=MIXTURE, required=True, **in_url("part"),
                help="Chains on a mixture and of images; errors against the number of scores; samples of an inpainting.",
            )  # fmt: skip
            if part == POSTERIOR:
                plan, data = posterior_controls()
            elif part == IMAGES:
                plan = wander_controls()
            else:
                plan = race_controls() if part == COSTS else walk_controls()
        if plan is not None and not isinstance(plan, Walk) and getattr(state.get("sampling"), "plan", None) != plan:
            if isinstance(plan, Wander):
                state.sampling = Wandering(plan)
            else:
                state.sampling = Racing(plan) if isinstance(plan, Race) else Drawing(plan, data)
    except Exception as error:
        plan, problem = None, sentence(error)
    if problem:
        st.error(plain(problem))
    elif plan is None:
        st.info("Upload the file on the left: links hold settings, but no files.")
    elif isinstance(plan, Walk):
        show(walk_figure(walked(plan), narrow), "sampling", "chains")
    else:
        draw_work(state.sampling, narrow)


page()
