"""A training run on its page: while it runs, while another's runs, and when it has ended."""

import time

import numpy as np
import streamlit as st

from app.drawing import show
from app.figures.common import Figure
from app.figures.training import progress_figure, tiles_figure
from app.live import LiveChart
from app.own import keep
from app.trainings import HELD_OUT, NOISE, Training, turn

REDRAW_SECONDS, TOLD_SECONDS = 1.5, 0.25
state = st.session_state


def figures_of(run: Training, narrow: bool) -> dict[str, Figure]:
    """What is known of a run, by the names of files; narrow: for a phone."""
    shown = run.shown
    if shown is None:
        return {}
    pictures = np.concatenate([run.noisy, shown.denoised], axis=1)
    curves = progress_figure(
        run.recent, run.looks, run.validation, run.psnr, run.noisy_psnr, pictures, run.plan.iterations, narrow
    )
    return {"training": curves, "kernels": tiles_figure(shown.kernels, shown.sigma, shown.u, shown.phi, narrow)}


def draw(run: Training, narrow: bool) -> None:
    """The figures of a run that has ended, or waits."""
    for name, figure in figures_of(run, narrow).items():
        show(figure, f"run {name}", name)


def run_to_the_end(run: Training, narrow: bool) -> None:
    """Does the iterations that are left and draws now and then. Any click starts the script anew, and it goes on from there; when
    the visitor leaves, Streamlit ends it at the next message, and the turn is another's."""
    bar, charts = st.progress(0.0), {name: LiveChart(f"live-{name}") for name in ("training", "kernels")}
    told = drawn = -np.inf
    try:
        while run.running and turn().take(run):
            now = time.monotonic()
            if now - told > TOLD_SECONDS:
                bar.progress(run.done, f"Training: {run.doing}")
                told = now
            if now - drawn > REDRAW_SECONDS and run.shown is not None:
                for name, figure in figures_of(run, narrow).items():
                    charts[name].show(figure)
                drawn = now
            run.advance()
    finally:
        turn().give(run)


@st.fragment(run_every=2)
def wait(run: Training | None) -> None:
    """Says that somebody trains, and how far that is, until it is over."""
    done = turn().other(run)
    if done is None:
        st.rerun()
    st.info(f"Somebody trains on this server now, and one run at a time is enough for it: {done:.0%} are done.")


def results(run: Training) -> None:
    """How far a run has got, and what can be done with it."""
    row = st.container(horizontal=True, gap="medium", vertical_alignment="bottom")
    noisy = f"{HELD_OUT[0]} with noise {NOISE:g}; nothing learns from it."
    row.metric("Noisy, dB", f"{run.noisy_psnr:.2f}", width="content", help=noisy)
    row.metric("Denoised, dB", f"{run.psnr[-1]:.2f}", width="content", help="After the GNC flow with this prior.")
    row.metric("Iterations", f"{len(run.loss)}", width="content", help=f"{run.seconds:.0f} s without the drawing.")
    if row.button("Use on other pages", icon=":material/ios_share:", help="Kept for this visit."):
        state.used = run, keep(run.result())
    used, name = state.get("used", (None, ""))
    row.download_button(
        "Download (ZIP)", lambda: run.result().zipped("own"), "own.zip", "application/zip", icon=":material/download:",
        on_click="ignore", help="Unpack it, then: `python -m gnc_core restore denoise --prior own …`.",
    )  # fmt: skip
    if used is run:
        st.caption(
            f"For this visit, *{name}* is among the priors of Restore, Inside the prior and Energy landscape, and chosen."
        )
