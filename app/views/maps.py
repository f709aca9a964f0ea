"""The page "Maps": attainment and PSNR over initial smoothing and steps (Figure 3 of the paper), and sweeps of one's own."""

import streamlit as st

from app.layout import headline
from app.lessons.maps import LESSON
from app.outcome import show_outcome
from app.own_sweep import own_sweep, run_to_the_end
from app.session import open_page, plain
from app.sweep_controls import picture_controls, plan_controls, source_controls, upload
from app.sweeping import OWN_SWEEP, SWEEP_FILE, Shown, grid_title, ready_made
from gnc_core.errors import InputError

state = st.session_state


def page() -> None:
    state.setdefault("sweep", None)
    state.setdefault("clicks", 0)
    state.setdefault("estimate", "")
    if "restore_now" in state:
        open_page("views/restore.py", state.restore_now)
    row = headline("Maps", LESSON)
    found, problems = ready_made()
    for problem in problems:
        st.error(plain(problem))
    if not found:
        st.info(
            "There are no sweeps in pretrained/sweeps/ yet. Make one of your own here, or a large one with "
            "`python -m gnc_core sweep --help`."
        )
    current, plan = None, None
    with st.sidebar:
        kind, shown, schemes, tolerance = source_controls(found)
    try:
        with st.sidebar:
            current = picture_controls()
            plan = plan_controls(current, schemes) if kind == OWN_SWEEP else None
        if kind == SWEEP_FILE:
            shown = upload()
        if current is None:
            st.info("Upload the image file on the left: links hold settings, but no files.")
    except InputError as error:
        st.error(plain(str(error)))
    sweep = state.sweep if kind == OWN_SWEEP else None
    if kind == OWN_SWEEP:
        own_sweep(row, plan, current)
    # Two places, one of them empty: Streamlit would otherwise leave the old contents below the new ones during a run.
    live, rest = st.empty(), st.container()
    if sweep and sweep.running:
        rest.empty()
        with live.container():
            run_to_the_end(sweep, tolerance)
        st.rerun()
    if sweep:
        shown, schemes = Shown(sweep.result), sweep.plan.schemes
        if plan is not None and plan != sweep.plan:
            other = plain(f"{sweep.plan.names[0]}, {sweep.plan.title}, {grid_title(sweep.plan)}")
            rest.info(f"The maps are of other settings than the controls: {other}.")
    with rest:
        if shown is not None and shown.result.known.any():
            show_outcome(shown, schemes, tolerance, current)


page()
