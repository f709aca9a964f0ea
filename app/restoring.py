"""The runs of "Restore an image": how they begin, go on from one rerun of the page to the next, and end."""

import time
from collections.abc import Sequence

import streamlit as st

from app.drawing import show
from app.figures.restoration import curves_figure, data_uri
from app.results import show_numbers
from app.runs import BaselineChoice, BaselineRun, Choice, Restoration, Run
from app.scenes import Prepared, Scene
from app.session import plain, sentence
from app.visit import remember
from gnc_core import images
from gnc_core.measuring.baselines import BASELINES

MOST_RUNS = 8
REDRAW_SECONDS = 0.5
SLICE_SECONDS = 0.2  # of steps, between two of which the page may be left
state = st.session_state


def comparison(choice: Choice, scene: Scene, with_baselines: bool) -> list[Choice | BaselineChoice]:
    """The three schemes with the settings of a choice, as far as they take them, and what needs no learned prior."""
    schemes = [
        Choice(choice.prior, "flow", choice.steps, choice.sigma0, start=choice.start, blind=choice.blind),
        Choice(choice.prior, "joint", choice.steps, choice.sigma0, choice.rate, choice.start, choice.blind),
        choice
        if choice.schedule
        else Choice(choice.prior, "learned", choice.steps, start=choice.start, blind=choice.blind),
    ]
    names = BASELINES.get(scene.task, {}) if with_baselines else {}
    return [*schemes, *(BaselineChoice(choice.prior, name) for name in names)]


def begin(scene: Scene, prepared: Prepared, choices: Sequence[Choice | BaselineChoice], scheme: str) -> None:
    """Begins with the first choice; the others follow. Earlier runs of the same scene stay for comparison. scheme: that of the
    controls."""
    earlier = [run for run in state.runs if run.scene == scene and run.choice not in choices]
    runs = list[Restoration]()
    for choice in choices:
        try:
            kind = Run if isinstance(choice, Choice) else BaselineRun
            runs.append(kind(scene, choice, prepared))
        except Exception as error:
            state.notes.append(sentence(error))
    state.runs, state.begun = [*earlier, *runs][-MOST_RUNS:], ({run.number for run in runs}, scheme)
    state.pop("shown", None)


def best_run() -> Restoration:
    """Of the runs that were begun together last, that with the highest PSNR; where no truth is known, that of the scheme which
    the controls named."""
    numbers, scheme = state.begun
    together = [run for run in state.runs if run.number in numbers and run.trace.rows] or state.runs[-1:]
    known = [(run.last.psnr, -run.number, run) for run in together if run.last.psnr is not None]
    if known:
        return max(known)[-1]
    named = (run for run in together if isinstance(run.choice, Choice) and run.choice.scheme == scheme)
    return next(named, together[-1])


def stop() -> None:
    for run in state.runs:
        run.stop()
    state.runs = [run for run in state.runs if run.trace.rows]


def run_to_the_end() -> None:
    """Does the steps that are left and draws while they run.

    Any click starts this script anew, between two steps: then it goes on from there, or not if the click was on Stop.
    """
    bar, numbers, (left, right) = st.empty(), st.empty(), st.columns(2)
    picture, curves = left.container(key="live").empty(), right.empty()
    drawn, frame = 0.0, 0  # when, and how often
    for run in state.runs:
        while run.running:
            if isinstance(run, BaselineRun):
                with bar, st.spinner(f"{plain(run.title)} runs in one piece …", show_time=True):
                    run.advance()
            else:
                bar.progress(run.done / run.steps, _progress(run))
                run.advance(SLICE_SECONDS if frame else 0)
            if run.trace.rows and time.monotonic() - drawn > REDRAW_SECONDS:
                show_numbers(numbers, run)
                picture.image(data_uri(images.to_png(run.image)), caption=f"After step {run.done}", width="stretch")
                if frame:  # the first image comes at once; a quick run has ended before there is a curve to be seen
                    begun = [run.curve for run in state.runs if run.trace.rows]
                    show(curves_figure(begun), f"live {frame}", place=curves)
                drawn, frame = time.monotonic(), frame + 1
        remember([run])


def _progress(run: Restoration) -> str:
    if not run.done and run.blind:
        return f"{plain(run.title)}: looking for the noise level, energy {run.looks + 1} …"
    sigma = f", σ = {run.last.sigma:.3g}" if run.trace.rows else ""
    return f"{plain(run.title)}: {run.done} of {run.steps} steps done{sigma}"
