"""A sweep of one's own on "Maps": its buttons, how far it is, and its maps that fill cell by cell."""

import time

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.live import LiveChart
from app.outcome import show_live
from app.session import plain
from app.sweeping import OwnSweep, Picture, duration, grid_title
from gnc_core import sweeps
from gnc_core.sweeps import Plan

REDRAW_SECONDS, BAR_SECONDS = 1.5, 0.2
state = st.session_state


def own_sweep(row: DeltaGenerator, plan: Plan | None, current: Picture | None) -> None:
    """Its buttons, in the page's row, and the estimate below."""
    sweep: OwnSweep | None = state.sweep
    running = sweep is not None and sweep.running
    so_far = sweep.result if sweep and sweep.plan == plan and not sweep.finished else None
    start = row.button(
        "Go on" if so_far and not running else "Start", type="primary", icon=":material/play_arrow:",
        disabled=plan is None or running,
        help="Run every scheme from every σ₀ with every number of steps on the image; the maps fill cell by cell.",
    )  # fmt: skip
    row.button(
        "Stop", icon=":material/stop:", disabled=not running, on_click=sweep.stop if sweep else None,
        help="End the sweep; the cells that are known are kept.",
    )  # fmt: skip
    if plan is not None and current is not None and not running:
        if start:
            state.sweep = OwnSweep(plan, (current.name, current.image), so_far)
            st.rerun()
        (height, width), left = plan.sizes[0], sweeps.score_steps(sweeps.units_of_plan(plan, so_far))
        state.estimate = (
            f"{grid_title(plan)}: {left:,} score steps{' left' if so_far else ''} on {width} × {height} pixels, "
            f"about {duration(plan, current.image, so_far)}."
        )
    if running or plan is not None:
        st.caption(state.estimate)
    if sweep and sweep.error:
        st.error(plain(sweep.error))


def run_to_the_end(sweep: OwnSweep, tolerance: float) -> None:
    """Does the steps that are left and draws the cells that are known. Any click starts the script anew, and it goes on."""
    bar, chart, numbers = st.empty(), LiveChart("sweep"), st.empty()
    drawn, known = -np.inf, 0
    while sweep.running:
        text = f"{plain(sweep.plan.title)}: {sweep.done:,} of {sweep.total:,} score steps done"
        bar.progress(sweep.done / sweep.total, text)
        if time.monotonic() - drawn > REDRAW_SECONDS and sweep.result.known.sum() > known:
            show_live(sweep.result, tolerance, chart, numbers)
            drawn, known = time.monotonic(), int(sweep.result.known.sum())
        pause = time.monotonic() + BAR_SECONDS
        while sweep.running and time.monotonic() < pause:
            sweep.advance()
