"""The page "Maps": attainment and PSNR over initial smoothing and steps (Figure 3 of the paper), and sweeps of one's own."""

import time
from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.controls import (
    level_control,
    seed_control,
    side_control,
    source_control,
    task_control,
    upload_control,
)
from app.figures.restoration import data_uri
from app.live import begin_series
from app.outcome import show, show_live
from app.runs import load_prior
from app.scenes import Scene, picture
from app.scheme_controls import NO_PRIOR, prior_control
from app.session import in_url, open_page, plain
from app.sweeping import OWN_SWEEP, SWEEP_FILE, OwnSweep, Picture, drawable, duration, grid_title, ready_made
from gnc_core import images, sweeps, zoo
from gnc_core.choices import SCHEMES
from gnc_core.errors import InputError
from gnc_core.sweeps import Plan, Result

GRIDS = {"Coarse: 5 σ₀, up to 20 steps": (5, (1, 2, 3, 5, 10, 20)), "Full: 11 σ₀, up to 100 steps": (11, sweeps.STEPS)}
LISTS = "Lists of your own"
PICKS = {"Both": sweeps.SCHEMES} | {SCHEMES[name]: (name,) for name in sweeps.SCHEMES}
MOST = 40  # initial smoothings, or numbers of steps: more could not be told apart
SLICE_SECONDS, BAR_SECONDS = 2.0, 0.2
state = st.session_state


# --- controls ----------------------------------------------------------------------------------------------------


def picture_controls() -> Picture | None:
    st.subheader(
        "Image", help="What a click on a cell of the maps restores, and what a sweep of your own is run on (in grey)."
    )
    source, data, _ = source_control()
    longest = side_control()
    if source is None:
        return None
    image, _ = picture(source, longest, False, False, data)
    st.image(data_uri(images.to_png(images.shrink(image, 320))), width=160)
    return Picture(Scene(source, longest, color=False), image)


def plan_controls(current: Picture | None, schemes: Sequence[str]) -> Plan | None:
    """The sweep of one's own; None without an image or a prior."""
    st.subheader("Degradation")
    task = task_control()
    level = level_control(task)
    seed = seed_control()
    st.subheader("Sweep")
    name = prior_control()
    if name is None:
        raise InputError(NO_PRIOR)
    prior = load_prior(name)
    grid = st.selectbox(
        "Grid", [*GRIDS, LISTS], **in_url("grid"),
        help="Initial smoothings σ₀ with equal ratios, from half the noise level (denoising) or twice the smallest σ "
        "(inpainting) to the prior's largest σ; and numbers of steps. Or lists of your own.",
    )  # fmt: skip
    if grid == LISTS:
        sigmas = st.text_input(
            "Initial smoothings σ₀", "0.05:0.5:5", **in_url("sigmas"),
            help="In units of [0, 1]: a list such as 0.05,0.1,0.5, or FIRST:LAST:COUNT for values with equal ratios.",
        )  # fmt: skip
        counts = st.text_input(
            "Numbers of steps", "1,2,3,5,10,20", **in_url("counts"), help="A list of whole numbers.",
        )  # fmt: skip
        sigma0 = sweeps.read_sigmas(sigmas, "Initial smoothings σ₀")
        steps = sweeps.read_numbers(counts, "Numbers of steps", int)
        if max(len(sigma0), len(steps)) > MOST:
            raise InputError(f"A sweep on this page has at most {MOST} initial smoothings and {MOST} numbers of steps.")
    else:
        count, steps = GRIDS[grid]
        sigma0 = sweeps.default_sigmas(task.name, level, prior.sigma_min, prior.sigma_max, count)
    if current is None:
        return None
    truth, weights = (current.name, current.image), zoo.weights_hash(name)
    runs = sweeps.Runs(schemes, sigma0, steps)
    return sweeps.make_plan(prior, [truth], task.name, level, runs, seed=seed, prior_name=name, weights=weights)


def source_controls(found: dict[str, dict[str, Result]]) -> tuple[str, Result | None, Sequence[str], float]:
    """What is shown: the kind of source and its sweep, the schemes, and the tolerance."""
    row = st.container(horizontal=True, gap="medium")
    kind = row.selectbox(
        "Task", [*found, OWN_SWEEP, SWEEP_FILE], width=220, **in_url("maps"),
        help="The sweeps in pretrained/sweeps/, one of your own that this page computes, or a file with one.",
    )  # fmt: skip
    result = None
    if kind in found:
        priors = found[kind]
        prior = row.selectbox(
            "Prior", list(priors), width=150, **in_url("map-prior"), help="The prior that the sweep was made with.",
        )  # fmt: skip
        result = priors[prior]
    picked = row.segmented_control(
        "Schemes", list(PICKS), default="Both", required=True, **in_url("schemes"),
        help="GNC flow: σ falls linearly from σ₀. Joint: σ starts at σ₀ and follows the energy down.",
    )  # fmt: skip
    tolerance = row.slider(
        "Tolerance", 0.1, 10.0, 1.0, 0.1, format="%.1f %%", width=220, **in_url("tolerance"),
        help="A run attains E*, the lowest final energy of any run on the same image, when it ends within this share of "
        "E(degraded image) − E* above it. All final energies are at the smallest σ.",
    )  # fmt: skip
    return kind, result, PICKS[picked or "Both"], tolerance / 100  # a link may hold none


def upload() -> Result | None:
    file, data = upload_control("Sweep file", "sweep-file", "As the command `sweep` writes it, or this page.", ["npz"])
    return None if file is None or data is None else drawable(sweeps.load(data, file.name), file.name)


# --- a sweep of one's own -----------------------------------------------------------------------------------------


def own_sweep(plan: Plan | None, current: Picture | None) -> None:
    """Its buttons, the estimate, and how far it is."""
    sweep: OwnSweep | None = state.sweep
    running = sweep is not None and sweep.running
    so_far = sweep.result if sweep and sweep.plan == plan and not sweep.finished else None
    row = st.container(horizontal=True, vertical_alignment="center")
    start = row.button(
        "Go on" if so_far and not running else "Start", type="primary", icon=":material/play_arrow:",
        disabled=plan is None or running,
        help="Run every scheme from every σ₀ with every number of steps on the image; the maps fill cell by cell.",
    )  # fmt: skip
    row.button(
        "Stop", icon=":material/stop:", disabled=not running, on_click=stop,
        help="End the sweep; the cells that are known are kept.",
    )  # fmt: skip
    if plan is not None and current is not None and not running:
        if start:
            state.sweep = OwnSweep(plan, (current.name, current.image), so_far)
            begin_series()
            st.rerun()
        (height, width), left = plan.sizes[0], sweeps.score_steps(sweeps.units_of_plan(plan, so_far))
        state.estimate = (
            f"{grid_title(plan)}: {left:,} score steps{' left' if so_far else ''} on {width} × {height} pixels, "
            f"about {duration(plan, current.image, so_far)}."
        )
    row.caption(state.estimate if running or plan is not None else "")
    if sweep and sweep.error:
        st.error(plain(sweep.error))


def stop() -> None:
    if state.sweep:
        state.sweep.stop()


def work(sweep: OwnSweep, bar: DeltaGenerator) -> None:
    """A moment of a sweep that runs; then the page is drawn anew. Any click starts the script anew, too, and it goes on."""
    until = time.monotonic() + SLICE_SECONDS
    while sweep.running and time.monotonic() < until:
        show_progress(sweep, bar)
        pause = time.monotonic() + BAR_SECONDS
        while sweep.running and time.monotonic() < pause:
            sweep.advance()
    st.rerun()


def show_progress(sweep: OwnSweep, bar: DeltaGenerator) -> None:
    bar.progress(
        sweep.done / sweep.total, f"{plain(sweep.plan.title)}: {sweep.done:,} of {sweep.total:,} score steps done"
    )


def page() -> None:
    state.setdefault("sweep", None)
    state.setdefault("clicks", 0)
    state.setdefault("estimate", "")
    if "restore_now" in state:
        open_page("views/restore.py", state.restore_now)
    st.title("Maps")
    st.markdown(
        "Restorations from every initial smoothing σ₀ with every number of steps: how many images attain the lowest energy "
        "E* that any run reached on them, and how good they are."
    )
    found, problems = ready_made()
    for problem in problems:
        st.error(plain(problem))
    if not found:
        st.info(
            "There are no sweeps in pretrained/sweeps/ yet. Make one of your own here, or a large one with "
            "`python -m gnc_core sweep --help`."
        )
    kind, result, schemes, tolerance = source_controls(found)
    current, plan = None, None
    try:
        with st.sidebar:
            current = picture_controls()
            plan = plan_controls(current, schemes) if kind == OWN_SWEEP else None
        if kind == SWEEP_FILE:
            result = upload()
        if current is None:
            st.info("Upload the image file on the left: links hold settings, but no files.")
    except InputError as error:
        st.error(plain(str(error)))
    sweep = state.sweep if kind == OWN_SWEEP else None
    if kind == OWN_SWEEP:
        own_sweep(plan, current)
    bar = st.empty()
    # Two places, one of them empty: Streamlit would otherwise leave the old contents below the new ones during a run.
    if sweep and sweep.running:
        live, rest = st.container(), st.empty()
        show_progress(sweep, bar)
        with live:
            if sweep.result.known.any():
                show_live(sweep.result, tolerance)
        work(sweep, bar)
    live, rest = st.empty(), st.container()
    if sweep:
        result, schemes = sweep.result, sweep.plan.schemes
        if plan is not None and plan != sweep.plan:
            other = plain(f"{sweep.plan.names[0]}, {sweep.plan.title}, {grid_title(sweep.plan)}")
            rest.info(f"The maps are of other settings than the controls: {other}.")
    with rest:
        if result is not None and result.known.any():
            show(result, schemes, tolerance, current)


page()
