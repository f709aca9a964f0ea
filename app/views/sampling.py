"""The page "Sampling": chains through (x, σ) on mixtures, what a sample costs, and the posterior of an inpainting."""

import time

import streamlit as st

from app.controls import level_control, source_control
from app.drawing import show
from app.figures.sampling import walk_figure
from app.layout import headline
from app.lessons.sampling import COSTS, HOLE, LESSON, MIXTURE, PARTS, POSTERIOR, RANDOM
from app.live import LiveChart
from app.samplings import MIXTURES, PLANE, Drawing, Gaps, Race, Racing, Walk, walked
from app.scheme_controls import NO_PRIOR, prior_control
from app.session import in_url, plain, sentence, whole_in_url
from gnc_core.errors import InputError
from gnc_core.mixture.tables import ROWS
from gnc_core.problems import Inpainting

REDRAW_SECONDS, TOLD_SECONDS = 1.5, 0.25
state = st.session_state


def seed_control() -> int:
    return int(st.number_input(
        "Seed", 0, 2**31 - 1, 0, **whole_in_url("draw-seed"), help="Of all random numbers: the same seed, the same samples.",
    ))  # fmt: skip


def walk_controls() -> Walk:
    mixture = st.selectbox("Mixture", list(ROWS), **in_url("mixture"), help="Those of the page One dimension.")
    chains = st.select_slider(
        "Chains", [1, 5, 20, 50, 100, 200], 50, **in_url("chains"), help="Independent ones, from noise with σ = 1."
    )
    steps = st.slider(
        "Steps", 10, 200, 100, 10, **in_url("moves"), help="Each is a Langevin step in x and a draw of σ given x."
    )
    h = st.slider("Step size h", 0.05, 1.5, 0.5, 0.05, **in_url("langevin-size"), help="Of the Langevin steps, in units of σ²: "
                  "x ← x − ½ h σ² ∇R(x, σ) + √h σ ξ, with normal ξ.")  # fmt: skip
    return Walk(mixture, chains, steps, h, seed_control())


def race_controls() -> Race:
    mixture = st.selectbox("Density", [PLANE, *(name for name in MIXTURES if name != PLANE)], **in_url("density"),
                           help="In the plane, directions of steps can be bent; on the line they cannot.")  # fmt: skip
    count = st.select_slider(
        "Samples", [500, 1000, 2000, 4000], 2000, **in_url("drawn"), help="Of each method; more show smaller errors."
    )
    return Race(mixture, count, seed_control())


def posterior_controls() -> tuple[Gaps | None, bytes | None]:
    """What is to be sampled, and the bytes of an upload; None until it is there."""
    prior = prior_control(own=True)
    if prior is None:
        raise InputError(NO_PRIOR)
    source, data, _ = source_control()
    gaps = st.segmented_control("Missing", [RANDOM, HOLE], default=RANDOM, required=True, **in_url("gaps"))
    missing, hole = None, 24
    if gaps == RANDOM:
        missing = level_control(Inpainting)
    else:
        hole = st.slider("Hole", 8, 40, 24, 4, format="%d px", **in_url("hole"), help="A square, in the middle.")
    count = st.slider("Samples", 2, 24, 12, **in_url("samples"), help="Independent chains, one after the other.")
    with st.expander("More"):
        crop = st.slider("Pixels a side", 48, 128, 96, 16, help="The middle of the image, scaled down to 256 pixels.",
                         **in_url("part-side"))  # fmt: skip
        inner = st.slider("Langevin steps", 1, 10, 5, **in_url("inner"), help="At each of the flow's smoothings.")
        seed = seed_control()
    return (None if source is None else Gaps(prior, source, crop, missing, hole, count, inner, seed)), data


def place(work: Racing | Drawing, name: str) -> str:
    """The key of a container; a narrow page scrolls what is called wide."""
    return f"wide {name}" if isinstance(work, Drawing) else f"{name} errors"


def run_to_the_end(work: Racing | Drawing) -> None:
    """Does what is left and draws now and then; any click starts the script anew, and it goes on from there."""
    row = st.container(horizontal=True, vertical_alignment="center")
    row.button("Stop", icon=":material/stop:", on_click=work.stop, help="What has been computed is kept.")
    bar = row.progress(min(work.done, 1.0))
    with st.container(key=place(work, "live")):
        chart = LiveChart("live")
    told, drawn, count = 0.0, 0.0, 0
    while work.running:
        work.advance()
        now = time.monotonic()
        if now - told > TOLD_SECONDS:
            bar.progress(min(work.done, 1.0), f"Computing: {work.doing}")
            told = now
        if work.complete > count and now - drawn > REDRAW_SECONDS and work.running:
            figure = work.figure()
            if figure is not None:
                chart.show(figure)
                work.seen()
                drawn, count = now, work.complete


def draw_work(work: Racing | Drawing) -> None:
    """Computes what is missing, and shows what there is."""
    live, rest = st.empty(), st.empty()
    if work.running:
        with live.container():
            run_to_the_end(work)
        live.empty()
    with rest.container():
        if work.error:
            st.error(plain(work.error))
        if work.stopped and not work.finished:
            st.button("Go on", icon=":material/play_arrow:", on_click=work.go_on, help="Computes what is missing.")
        figure = work.figure()
        if figure is not None:
            with st.container(key=place(work, "sampling")):
                show(figure, "sampling", "posterior" if isinstance(work, Drawing) else "errors")


def page() -> None:
    headline("Sampling", LESSON)
    plan, data, problem = None, None, ""
    try:
        with st.sidebar:
            part = st.segmented_control(
                "Show", PARTS, default=MIXTURE, required=True, **in_url("part"),
                help="Chains on a mixture; errors against the number of scores; samples of an inpainting.",
            )  # fmt: skip
            if part == POSTERIOR:
                plan, data = posterior_controls()
            else:
                plan = race_controls() if part == COSTS else walk_controls()
        if plan is not None and not isinstance(plan, Walk) and getattr(state.get("sampling"), "plan", None) != plan:
            state.sampling = Racing(plan) if isinstance(plan, Race) else Drawing(plan, data)
    except Exception as error:
        plan, problem = None, sentence(error)
    if problem:
        st.error(plain(problem))
    elif plan is None:
        st.info("Upload the file on the left: links hold settings, but no files.")
    elif isinstance(plan, Walk):
        with st.container(key="wide walk"):
            show(walk_figure(walked(plan)), "sampling", "chains")
    else:
        draw_work(state.sampling)


page()
