"""What the page "Learning a score" shows of a run: numbers, and figures that change while it learns."""

import time
from collections.abc import Callable

import numpy as np
import streamlit as st

from app.figures.common import BLUE, RED, Figure
from app.figures.learning import arrows_figure, curves_figure, noisy_figure
from app.learnings import KERNEL, Learning
from app.live import LiveChart
from app.noisy_learnings import NoisyLearning

REDRAW_SECONDS, SLICE_SECONDS = 0.7, 0.1
Figures = Callable[[], dict[str, Figure]]


def follow(run: Learning | NoisyLearning, numbers: Callable[[], None], figures: Figures) -> None:
    """Draws a run, does the iterations that are left, and draws now and then. Any click starts the script anew, and it goes on
    from there; when the visitor leaves, Streamlit ends it at the next message."""
    bar, told, places = st.empty(), st.empty(), st.empty()
    charts: dict[str, LiveChart] = {}
    drawn = -np.inf
    while True:
        ended, now = not run.running, time.monotonic()
        if not ended:
            share = run.iteration / run.plan.iterations
            bar.progress(share, f"Learning: iteration {run.iteration} of {run.plan.iterations}")
        if ended or now - drawn > REDRAW_SECONDS:
            with told.container():
                numbers()
            found = figures()
            if not charts:
                columns = places.columns(len(found))
                for name, place in zip(found, columns, strict=True):
                    with place:
                        charts[name] = LiveChart(name)
            for name, figure in found.items():
                charts[name].show(figure, name if ended else None)
            drawn = now
            run.seen()
        if ended:
            return
        run.advance(SLICE_SECONDS)
        if not run.running:
            st.rerun()  # the buttons have changed


def mixture_figures(run: Learning, sigma: float, of: str) -> dict[str, Figure]:
    """Arrows and curves of a run as far as it is."""
    field = run.field(sigma, of)
    colour = BLUE if of == KERNEL else RED
    arrows = arrows_figure(field.line, field.density, field.points, field.exact, field.learned, of.lower(), colour)
    curves = curves_figure(
        run.looks, run.errors, run.loss, run.all_looks, run.kernel_errors, run.kernel_loss, run.floor
    )
    return {"arrows": arrows, "curves": curves}


def mixture_numbers(run: Learning) -> None:
    """How far a run is, and where it was at its best."""
    best = int(np.argmin(run.errors)) if run.errors else None
    _metrics(
        ("Iterations", f"{run.iteration}", "Done so far."),
        (
            "Error now",
            f"{run.errors[-1]:.3f}" if run.errors else "–",
            "E |s − ∇log p|² / E |∇log p|² on 1000 new samples.",
        ),
        ("Least error", "–" if best is None else f"{run.errors[best]:.3f}", "Of the network, so far."),
        ("Reached after", "–" if best is None else f"{run.looks[best]}", "Where to stop."),
        ("Least error, kernel", f"{min(run.kernel_errors):.3f}", "Of kernel regression with the tangent kernel."),
    )


def noisy_figures(run: NoisyLearning) -> dict[str, Figure]:
    """The images as far as they are known, and the curves."""
    pictures = [("noisy" if run.noisy_psnr is None else f"noisy, {run.noisy_psnr:.2f} dB", run.noisy)]
    if run.restored is not None:
        title = f"restored, {run.psnr[-1]:.2f} dB" if run.psnr else "restored"
        pictures.append((title, run.restored))
    if run.truth is not None:
        pictures.append(("clean, seen by nobody", run.truth))
    told = None if run.told is None else run.told.level
    shown = [(title, image[0, 0].numpy()) for title, image in pictures]
    curves = (run.looks, run.psnr, run.levels, run.noisy_psnr, told, run.kind.symbol, run.plan.iterations)
    return {"from-noisy": noisy_figure(shown, *curves)}


def noisy_numbers(run: NoisyLearning) -> None:
    """How far a run is, and what it has found."""
    told = "" if run.told is None else f" It is {run.told.level:g}; nobody tells the prior."
    found = f"{run.levels[-1]:.3g}" if run.levels else "–"
    _metrics(
        ("Iterations", f"{run.iteration}", f"{run.seconds:.1f} s without the drawing."),
        (
            "Noisy, dB",
            "–" if run.noisy_psnr is None else f"{run.noisy_psnr:.2f}",
            "The only image that is learned from.",
        ),
        ("Restored, dB", f"{run.psnr[-1]:.2f}" if run.psnr else "–", "By Tweedie's formula with the estimated level."),
        (f"Estimated {run.kind.symbol}", found, f"The level of the noise, from the score alone.{told}"),
    )


def _metrics(*shown: tuple[str, str, str]) -> None:
    """Labels, values and what they mean, in a row."""
    row = st.container(horizontal=True, gap="medium")
    for label, value, what in shown:
        row.metric(label, value, width="content", help=what)
