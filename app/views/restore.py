"""The page "Restore an image": denoising and inpainting with the three schemes (Figure 4 of the paper, on any image)."""

import time
from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.boxes import box_editor
from app.controls import Data, scene_controls
from app.figures.restoration import TITLES, comparison_figure, curves_figure, data_uri
from app.runs import Choice, Run, load_prior
from app.scenes import Prepared, Scene, prepare
from app.scheme_controls import NO_PRIOR, scheme_controls
from app.session import plain, sentence
from gnc_core import images
from gnc_core.errors import InputError

MOST_RUNS = 5
REDRAW_SECONDS = 0.5
state = st.session_state


def start(scene: Scene, prepared: Prepared, choices: list[Choice]) -> None:
    """Begins with the first choice; the others follow. Earlier runs of the same scene stay for comparison."""
    runs = [run for run in state.runs if run.scene == scene and run.choice not in choices]
    for choice in choices:
        try:
            runs.append(Run(scene, choice, prepared))
        except Exception as error:
            state.notes.append(sentence(error))
    state.runs = runs[-MOST_RUNS:]
    state.pop("shown", None)


def stop() -> None:
    for run in state.runs:
        run.stop()
    state.runs = [run for run in state.runs if run.trace.rows]


def buttons(scene: Scene | None, prepared: Prepared | None, choice: Choice | None, running: bool) -> None:
    """Restore, compare, stop."""
    idle = prepared is not None and choice is not None and not running
    row = st.container(horizontal=True)
    restore = row.button(
        "Restore", type="primary", icon=":material/play_arrow:", disabled=not idle,
        help="Run the chosen scheme on the degraded image.",
    )  # fmt: skip
    compare = row.button(
        "Compare the three schemes", icon=":material/stacked_line_chart:", disabled=not idle,
        help="Run GNC flow, joint minimisation and, where one was fitted, the learned schedule one after the other, "
        "with the chosen initial smoothing and number of steps, or each with those that suit it, and draw their curves together.",
    )  # fmt: skip
    row.button(
        "Stop", icon=":material/stop:", disabled=not running, on_click=stop,
        help="End the run after the present step; what it has reached is kept.",
    )  # fmt: skip
    if restore or compare:
        state.notes = []
    restore = bool(state.pop("restore_now", None)) or restore  # a click on a cell of "Maps", which may have left notes
    if idle and (restore or compare):
        assert scene is not None
        assert prepared is not None
        assert choice is not None
        others = [
            Choice(choice.prior, "flow", choice.steps, choice.sigma0, start=choice.start),
            Choice(choice.prior, "joint", choice.steps, choice.sigma0, choice.rate, choice.start),
            choice if choice.schedule else Choice(choice.prior, "learned", choice.steps, start=choice.start),
        ]
        start(scene, prepared, [choice] if restore else others)
        st.rerun()


def run_to_the_end() -> None:
    """Does the steps that are left and draws while they run.

    Any click starts this script anew, between two steps: then it goes on from there, or not if the click was on Stop.
    """
    bar, numbers, (left, right) = st.progress(0.0), st.empty(), st.columns([2, 3])
    picture, curves = left.empty(), right.empty()
    drawn, frame = 0.0, 0
    for run in state.runs:
        while run.running:
            sigma = f", σ = {run.last.sigma:.3g}" if run.trace.rows else ""
            bar.progress(run.done / run.steps, f"{plain(run.title)}: {run.done} of {run.steps} steps done{sigma}")
            run.advance()
            if run.trace.rows and (time.monotonic() - drawn > REDRAW_SECONDS or not run.running):
                show_numbers(numbers, run)
                picture.image(data_uri(images.to_png(run.image)), caption=f"After step {run.done}", width="stretch")
                begun = [run.curve for run in state.runs if run.trace.rows]
                curves.plotly_chart(curves_figure(begun), key=f"live {frame}")
                drawn, frame = time.monotonic(), frame + 1


def show_numbers(place: DeltaGenerator, run: Run) -> None:
    """PSNR and SSIM where the truth is known, energy, and what a step costs."""
    first, last, time_a_step = run.trace.rows[0], run.last, run.trace.milliseconds_a_step()
    row = place.container(horizontal=True, gap="medium")
    if last.psnr is not None and first.psnr is not None and last.ssim is not None and first.ssim is not None:
        row.metric(
            "PSNR (dB)", f"{last.psnr:.2f}", f"{last.psnr - first.psnr:+.2f}", width="content",
            help="Peak signal-to-noise ratio, clipped to [0, 1], over all channels; the change is against the "
            "image that the run started from.",
        )  # fmt: skip
        row.metric(
            "SSIM", f"{last.ssim:.3f}", f"{last.ssim - first.ssim:+.3f}", width="content",
            help="Structural similarity (Wang et al., 2004), mean over the channels.",
        )  # fmt: skip
    row.metric(
        "Energy", f"{last.energy:,.0f}", f"{last.energy - first.energy:+,.0f}", delta_color="inverse", width="content",
        help="D(x) + R(x, log σ_min), at the smallest smoothing, so that all schemes can be compared.",
    )  # fmt: skip
    row.metric(
        "ms a step", f"{time_a_step or 0:.0f}", f"on {run.device.upper()}",
        delta_color="off", delta_arrow="off", width="content",
        help="Milliseconds: median over the steps, without the energy and the metrics that this page computes.",
    )  # fmt: skip


def show_result(run: Run) -> None:
    """Numbers, linked panels, curves of all kept runs, downloads."""
    if run.error:
        st.error(plain(f"{run.title}: {run.error}"))
    if not run.trace.rows:
        return
    if run.note:
        st.info(plain(run.note))
    show_numbers(st.empty(), run)
    show_cost(run)
    prepared = run.prepared
    panels = [("Original", prepared.truth_png)] if prepared.truth_png else []
    panels += [("Degraded", prepared.degraded_png), ("Restored", run.result_png)]
    show_panels(panels, prepared.size)
    row = st.container(horizontal=True)
    bits = images.written_bits(".png", prepared.encoding)
    row.download_button(
        "Result (PNG)", run.result_files[".png"], "restored.png", "image/png", icon=":material/download:", on_click="ignore",
        help=f"The restored image, clipped, {bits} bits" + ("." if bits == 8 else ", in the numbers of the file."),
    )  # fmt: skip
    if ".npy" in run.result_files:
        row.download_button(
            "Result (.npy)", run.result_files[".npy"], "restored.npy", icon=":material/download:", on_click="ignore",
            help="The restored image, not clipped, as floats like those of the file.",
        )  # fmt: skip
    row.download_button(
        "Trace (CSV)", run.trace.to_csv(), "trace.csv", "text/csv", icon=":material/download:", on_click="ignore",
        help="Step, σ, energy, PSNR, SSIM and milliseconds of every step.",
    )  # fmt: skip
    st.subheader(
        "Over the steps",
        help="Energy at the smallest smoothing, and PSNR. The axes fit the steps from the second on; a double click shows "
        "all. PSNR often peaks before the energy is lowest.",
    )
    st.plotly_chart(curves_figure([run.curve for run in state.runs if run.trace.rows]), key="curves")


def show_cost(run: Run) -> None:
    """What it costs, or brings, not to take what suits the task."""
    if run.suits or run.last.psnr is None:
        return
    same = [other for other in state.runs if other.suits and other.finished and other.choice.prior == run.choice.prior]
    if not same or same[-1].last.psnr is None:
        st.caption(
            "These are not the scheme and steps that suit the task: restore with those, too, to see what it costs."
        )
        return
    other = same[-1]
    seconds = [sum(row.milliseconds or 0 for row in one.trace.rows) / 1000 for one in (run, other)]
    st.caption(
        f"{run.last.psnr - other.last.psnr:+.2f} dB and {seconds[0] - seconds[1]:+.1f} s against what suits the task "
        f"({plain(other.title)})."
    )


def show_panels(panels: list[tuple[str, bytes]], size: tuple[int, int]) -> None:
    """The linked panels, as high as they are at whatever width the page has: only the browser knows it."""
    width, height = size
    with st.container(key="panels"):
        st.html(
            "<style>.st-key-panels { container-type: inline-size; } .st-key-panels > :has(.stPlotlyChart) { flex: none; "
            f"height: min({height / width / len(panels):.4f} * 100cqw + {TITLES}px, 600px); }}</style>"
        )
        st.plotly_chart(comparison_figure(panels, size), key="comparison", height="stretch")


def choose_run() -> Run:
    """The newest run, or the one that is picked among those kept."""
    names = {run.title: run for run in state.runs}
    if len(names) == 1:
        return state.runs[-1]
    picked = st.segmented_control(
        "Shown result", list(names), default=list(names)[-1], key="shown", required=True,
        help="Runs on the same degraded image are kept until the image or its degradation changes.",
    )  # fmt: skip
    return names.get(picked, state.runs[-1])


def preview(prepared: Prepared) -> None:
    """What a run would start from."""
    left, right = st.columns(2)
    if prepared.truth_png is not None:
        left.image(data_uri(prepared.truth_png), caption="Original", width="stretch")
        left = right
    left.image(data_uri(prepared.degraded_png), caption="Degraded", width="stretch")


def settled(scene: Scene | None, prepared: Prepared | None, choice: Choice | None) -> None:
    """The result, and what it has to do with the controls; or the preview of a result to come."""
    run = choose_run() if state.runs else None
    if run is None or run.scene != scene:
        if prepared:
            preview(prepared)
        if run is None:
            return
        other = plain(f"{run.scene.title}; {run.title}")
        st.warning(f"The controls have changed. The result below is of other settings: {other}.")
    elif choice is not None and choice not in [run.choice for run in state.runs]:
        st.info(
            plain(f"The result shown is of: {run.title}. The controls say: {choice.title}; press Restore to run that.")
        )
    show_result(run)


def page() -> None:
    state.setdefault("runs", [])
    state.setdefault("notes", [])
    st.title("Restore an image")
    st.markdown(
        "A learned prior R(x, σ) removes noise or fills in missing pixels: the smoothing σ runs down while the image "
        "descends the energy D(x) + R(x, σ). Choose on the left, then press *Restore*."
    )
    data: Data = (None, None)
    scene, choice, prepared, problem = None, None, None, ""
    running = any(run.running for run in state.runs)
    top = st.container()  # for the buttons, which depend on what is below them
    try:
        with st.sidebar:
            scene, data = scene_controls()
            choice = scheme_controls(scene)
        if choice is None:
            problem = NO_PRIOR
        if scene is not None:
            if scene.mask == "boxes" and not running:
                scene = replace(scene, boxes=box_editor(scene, data[0]))
            prepared = prepare(scene, *data, load_prior(choice.prior).min_size if choice else 1)
    except InputError as error:
        problem = str(error)
    with top:
        buttons(scene, prepared, choice, running)
    if problem:
        st.error(plain(problem))
    elif scene is None:
        st.info("Upload the file on the left: links hold settings, but no files.")
    for note in state.notes:
        st.info(plain(note))

    # Two places, one of them empty: Streamlit would otherwise leave the old contents below the new ones during a run.
    if running:
        live, rest = st.container(), st.empty()
        with live:
            run_to_the_end()
        st.rerun()
    live, rest = st.empty(), st.container()
    with rest:
        settled(scene, prepared, choice)


page()
