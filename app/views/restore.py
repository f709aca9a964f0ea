"""The page "Restore an image": denoising and inpainting with the three schemes (Figure 4 of the paper, on any image)."""

from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.as_code import AsCode
from app.boxes import box_editor
from app.controls import Data, scene_controls
from app.figures.restoration import data_uri
from app.layout import headline
from app.lessons.restore import LESSON
from app.restoring import begin, best_run, comparison, run_to_the_end, stop
from app.results import show_code, show_measurement, show_result
from app.runs import Choice, Restoration, load_prior
from app.scenes import Prepared, Scene, prepare
from app.scheme_controls import NO_PRIOR, baselines_control, scheme_controls
from app.session import plain
from app.visit import remember, visit_table
from gnc_core.errors import InputError

state = st.session_state


def ask(what: str) -> None:
    """What the buttons do: the run begins as soon as the script knows what the controls say."""
    state.asked, state.notes = what, []


def buttons(row: DeltaGenerator, idle: bool, running: bool) -> None:
    """Restore, compare, stop."""
    row.button(
        "Restore", type="primary", icon=":material/play_arrow:", disabled=not idle, on_click=ask, args=("restore",),
        help="Run the chosen scheme on the degraded image.",
    )  # fmt: skip
    row.button(
        "Compare", icon=":material/stacked_line_chart:", disabled=not idle, on_click=ask, args=("compare",),
        help="Run GNC flow, joint minimisation and, where one was fitted, the learned schedule one after the other, with the "
        "chosen initial smoothing and number of steps, or each with those that suit it; then, if chosen, the baselines. Their "
        "curves are drawn together.",
    )  # fmt: skip
    row.button(
        "Stop", icon=":material/stop:", disabled=not running, on_click=stop,
        help="End the run after the present step; what it has reached is kept.",
    )  # fmt: skip


def choose_run() -> Restoration:
    """What has just been run, the best where that was a comparison, or what is picked among the runs kept."""
    names, best = {run.title: run for run in state.runs}, best_run()
    if len(names) == 1:
        return best
    picked = st.segmented_control(
        "Shown result", list(names), default=best.title, key="shown", required=True, label_visibility="collapsed",
    )  # fmt: skip
    return names.get(picked, best)


def preview(prepared: Prepared, code: AsCode | None) -> None:
    """What a run would start from."""
    pictures = {"Original": prepared.truth_png, "Degraded": prepared.degraded_png}
    with st.container(key="preview"):
        shown = [(title, png) for title, png in pictures.items() if png is not None]
        for place, (title, png) in zip(st.columns(2), shown, strict=False):
            place.image(data_uri(png), caption=title, width="stretch")
    show_measurement(prepared)
    if not state.runs:
        with st.expander("As code"):
            show_code(code)
        if state.get("visit"):
            with st.expander("All runs"):
                visit_table()


def settled(scene: Scene | None, prepared: Prepared | None, choice: Choice | None) -> None:
    """The result, and what it has to do with the controls; or the preview of a result to come."""
    run = choose_run() if state.runs else None
    code = AsCode(scene, choice, prepared) if scene and choice and prepared else None
    if run is None or run.scene != scene:
        if prepared:
            preview(prepared, code)
        if run is None:
            return
        other = plain(f"{run.scene.title}; {run.title}")
        st.warning(f"The controls have changed. The result below is of other settings: {other}.")
    elif choice is not None and choice not in [run.choice for run in state.runs]:
        st.info(
            plain(f"The result shown is of: {run.title}. The controls say: {choice.title}; press Restore to run that.")
        )
    show_result(run, state.runs, code)


def page() -> None:
    state.setdefault("runs", [])
    state.setdefault("notes", [])
    data: Data = (None, None)
    scene, choice, prepared, problem, more = None, None, None, "", False
    running = any(run.running for run in state.runs)
    row = headline("Restore", LESSON)  # and the buttons, which depend on what is below them
    try:
        with st.sidebar:
            scene, data = scene_controls()
            choice = scheme_controls(scene)
            more = baselines_control()
        if choice is None:
            problem = NO_PRIOR
        if scene is not None:
            if scene.mask == "boxes" and not running:
                scene = replace(scene, boxes=box_editor(scene, data[0]))
            prepared = prepare(scene, *data, load_prior(choice.prior).min_size if choice else 1)
    except InputError as error:
        problem = str(error)
    asked = (
        "restore" if state.pop("restore_now", None) else state.pop("asked", None)
    )  # by a click on a cell of "Maps", or here
    idle = scene is not None and prepared is not None and choice is not None and not running
    if asked and idle:
        begin(scene, prepared, [choice] if asked == "restore" else comparison(choice, scene, more), choice.scheme)
        running = any(run.running for run in state.runs)
        idle = not running
    buttons(row, idle, running)
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
    remember(state.runs)
    live, rest = st.empty(), st.container()
    with rest:
        settled(scene, prepared, choice)


page()
