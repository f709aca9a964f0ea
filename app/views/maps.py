"""The page "Maps": attainment and PSNR over initial smoothing and steps (Figure 3 of the paper), and sweeps of one's own."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from torch import Tensor

from app.controls import (
    NO_PRIOR,
    missing_control,
    nearest,
    noise_control,
    prior_control,
    seed_control,
    side_control,
    source_control,
    task_control,
    upload_control,
)
from app.figures.maps import Map, maps_figure, trade_off_figure
from app.figures.restoration import data_uri
from app.runs import SCHEMES, load_prior, usable_priors
from app.scenes import Scene, Upload, picture
from app.session import in_url, open_page, plain
from app.sweeping import OwnSweep, drawable, duration, maps, ready_made, settings_of_cell
from gnc_core import images, sweeps, zoo
from gnc_core.errors import InputError
from gnc_core.sweeps import Plan, Result

OWN, FILE = "A sweep of your own", "A sweep file (.npz)"
GRIDS = {"Coarse: 5 σ₀, up to 20 steps": (5, (1, 2, 3, 5, 10, 20)), "Full: 11 σ₀, up to 100 steps": (11, sweeps.STEPS)}
LISTS = "Lists of your own"
PICKS = {"Both": sweeps.SCHEMES} | {SCHEMES[name]: (name,) for name in sweeps.SCHEMES}
MOST = 40  # initial smoothings, or numbers of steps: more could not be told apart
SLICE_SECONDS, BAR_SECONDS = 2.0, 0.2
LOOK_FOR = {
    "denoise": "Look where the star lies and where the lines: for denoising, the PSNR is highest **before** the lowest energy "
    "is attained. More steps lower the energy further and make the image worse.",
    "inpaint": "Look where attainment and PSNR rise: inpainting needs **enough of both**, an initial smoothing that reaches "
    "across the gaps and the steps to come down from it. Below that, runs end in a poor local minimum.",
}
state = st.session_state


@dataclass(frozen=True)
class Picture:
    """The current image: what a click on a cell restores, and what a sweep of one's own is run on."""

    scene: Scene
    image: Tensor

    @property
    def name(self) -> str:
        return self.scene.source.name if isinstance(self.scene.source, Upload) else self.scene.source


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
    level = noise_control() if task == "Denoise" else missing_control()
    seed = seed_control()
    st.subheader("Sweep")
    name = prior_control()
    if name is None:
        raise InputError(NO_PRIOR)
    prior, task = load_prior(name), task.lower()
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
        sigma0 = sweeps.default_sigmas(task, level, prior.sigma_min, prior.sigma_max, count)
    if current is None:
        return None
    truth, weights = (current.name, current.image), zoo.weights_hash(name)
    return sweeps.make_plan(prior, [truth], task, level, schemes, sigma0, steps, seed, prior_name=name, weights=weights)


def source_controls(found: dict[str, dict[str, Result]]) -> tuple[str, Result | None, Sequence[str], float]:
    """What is shown: the kind of source and its sweep, the schemes, and the tolerance."""
    row = st.container(horizontal=True, gap="medium")
    kind = row.selectbox(
        "Task", [*found, OWN, FILE], width=220, **in_url("maps"),
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
            state.sweep, state.frames = OwnSweep(plan, (current.name, current.image), so_far), []
            st.rerun()
        (height, width), left = plan.sizes[0], sum(unit.score_steps for unit in plan.units(so_far))
        state.estimate = (
            f"{cells_of(plan)}: {left:,} score steps{' left' if so_far else ''} on {width} × {height} pixels, "
            f"about {duration(plan, current.image, so_far)}."
        )
    row.caption(state.estimate if running or plan is not None else "")
    if sweep and sweep.error:
        st.error(plain(sweep.error))


def cells_of(plan: Plan) -> str:
    _, sigmas, steps, _ = plan.shape
    return f"{sigmas} × {steps} cells of {' and '.join(SCHEMES[name] for name in plan.schemes)}"


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


# --- what a sweep came to ----------------------------------------------------------------------------------------


def show_live(result: Result, tolerance: float) -> None:
    """Numbers and maps of a sweep that runs. Streamlit builds a chart anew for every change, and shows nothing meanwhile: so
    there are two in one place, the older of which disappears once the newer is there."""
    plan = result.plan
    shown = maps(result, tolerance, plan.schemes)
    show_numbers(shown, plan)
    state.frames = [*state.frames[-1:], maps_figure(shown, plan.sigma0, plan.steps, len(plan.names))]
    state.slot = 1 - state.slot
    older, newer = f".st-key-live-{1 - state.slot}", f".st-key-live-{state.slot}"
    with st.container(key="live-maps"):
        st.html(
            "<style>.st-key-live-maps { display: grid; grid-template-columns: minmax(0, 1fr); } "
            ".st-key-live-maps > * { grid-area: 1 / 1; width: 100%; } "
            f".st-key-live-maps:has({newer} .main-svg) {older} {{ visibility: hidden; }}</style>"
        )
        for slot in (0, 1):
            st.plotly_chart(state.frames[-1 if slot == state.slot else 0], key=f"live-{slot}")


def show(result: Result, schemes: Sequence[str], tolerance: float, current: Picture | None) -> None:
    """Numbers, the four maps, energy against PSNR, downloads."""
    plan, count = result.plan, len(result.plan.names)
    shown = maps(result, tolerance, schemes) or maps(result, tolerance, plan.schemes)
    show_numbers(shown, plan)
    st.markdown(f"{LOOK_FOR[plan.task]} {what_a_click_does(plan, current)}")
    figure = maps_figure(shown, plan.sigma0, plan.steps, count)
    key, select = f"maps {state.clicks}", "ignore"
    if current is not None and plan.prior in usable_priors()[0]:
        select = partial(restore_cell, key, plan, [trace.name for trace in figure.data], current.scene)
    st.plotly_chart(figure, key=key, on_select=select, selection_mode="points")
    st.caption(
        f"E\\*: for each image the lowest final energy of any run of this grid, of at most {plan.steps[-1]} steps; a run attains "
        f"it when it ends within {tolerance:.1%} of E(degraded image) − E\\* above it. Joint minimisation is of rate "
        f"{plan.rate:g}. The quarter of the cells with the lowest PSNR shares the darkest colour."
    )
    st.subheader(
        "Energy against PSNR",
        help="Every cell is a point; lines join the runs from one σ₀, from the fewest steps to the most. If lower energies "
        "meant better images, all would fall on one line to the upper left.",
    )
    colour = st.segmented_control(
        "Colour", ["Steps", "Initial smoothing"], default="Steps", required=True, **in_url("colour"),
        help="What the colour of a point stands for.",
    )  # fmt: skip
    st.plotly_chart(trade_off_figure(shown, plan.sigma0, plan.steps, count, colour == "Steps"), key="trade-off")
    row = st.container(horizontal=True)
    row.download_button(
        "Table (CSV)", partial(sweeps.to_csv, result), "sweep.csv", "text/csv", icon=":material/download:", on_click="ignore",
        help="Energy, PSNR and SSIM of every run on every image.",
    )  # fmt: skip
    row.download_button(
        "Sweep (.npz)", partial(sweeps.to_bytes, result), "sweep.npz", icon=":material/download:", on_click="ignore",
        help=f"The same for NumPy, and for this page: choose “{FILE}” as the task.",
    )  # fmt: skip


def restore_cell(key: str, plan: Plan, names: list[str], scene: Scene) -> None:
    """What a click on a cell does: `page` goes to "Restore an image", which begins at once."""
    points = state[key]["selection"]["points"]
    if points:
        cell = round(points[0]["y"]), round(points[0]["x"])
        state.clicks += 1  # another key: when the page is seen again, nothing is selected
        state.restore_now, state.notes = nearest(settings_of_cell(plan, names[points[0]["curve_number"]], cell, scene))


def what_a_click_does(plan: Plan, current: Picture | None) -> str:
    if plan.prior not in usable_priors()[0]:
        return f"(The prior {plain(plan.prior)} of this sweep is not in pretrained/.)"
    if current is None:
        return ""
    other = plan.weights and plan.weights != zoo.weights_hash(plan.prior)
    note = f" (The weights of {plain(plan.prior)} have changed since this sweep.)" if other else ""
    return f"A click on a cell restores the image on the left with that cell's setting.{note}"


def show_numbers(shown: list[Map], plan: Plan) -> None:
    """For each scheme: where PSNR is highest and how many images attain E* there; and the other way round."""
    row = st.container(horizontal=True, gap="medium")
    for one in shown:
        most = sweeps.highest(one.attainment)
        if one.best is None or most is None:
            continue
        row.metric(
            f"{one.name}: highest PSNR", f"{one.psnr[one.best]:.2f} dB",
            f"{setting(plan, one.best)}: {one.attainment[one.best]:.0%} attain E*",
            delta_color="off", delta_arrow="off", width="content",
            help="Mean over the images; the star in the maps. Below: where that is, and the attainment there.",
        )  # fmt: skip
        row.metric(
            f"{one.name}: highest attainment", f"{one.attainment[most]:.0%}",
            f"{setting(plan, most)}: {one.psnr[most]:.2f} dB" if one.attainment[most] else "no run attains E*",
            delta_color="off", delta_arrow="off", width="content",
            help="Share of the images that attain E*. Below: the first cell where that is so, and the mean PSNR there.",
        )  # fmt: skip


def setting(plan: Plan, cell: tuple[int, int]) -> str:
    number = plan.steps[cell[1]]
    return f"σ₀ {plan.sigma0[cell[0]]:.3g}, {number} step{'s'[: number > 1]}"


def page() -> None:
    state.setdefault("sweep", None)
    state.setdefault("clicks", 0)
    state.setdefault("estimate", "")
    state.setdefault("frames", [])
    state.setdefault("slot", 0)
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
            plan = plan_controls(current, schemes) if kind == OWN else None
        if kind == FILE:
            result = upload()
        if current is None:
            st.info("Upload the image file on the left: links hold settings, but no files.")
    except InputError as error:
        st.error(plain(str(error)))
    sweep = state.sweep if kind == OWN else None
    if kind == OWN:
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
            other = plain(f"{sweep.plan.names[0]}, {sweep.plan.title}, {cells_of(sweep.plan)}")
            rest.info(f"The maps are of other settings than the controls: {other}.")
    with rest:
        if result is not None and result.known.any():
            show(result, schemes, tolerance, current)


page()
