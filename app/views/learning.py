"""The page "Learning a score": a two-layer network learns the score of a mixture in the plane while one watches."""

import time

import numpy as np
import streamlit as st

from app.figures.common import BLUE, RED, Figure
from app.figures.learning import arrows_figure, curves_figure
from app.layout import headline
from app.learnings import BEST, BLUR, KERNEL, NOW, Learning, Plan
from app.lessons.learning import LESSON
from app.live import LiveChart
from app.session import in_url, plain, whole_in_url
from gnc_core.mixture.plane_examples import PLANE_PRESETS

USUAL = Plan()
REDRAW_SECONDS, SLICE_SECONDS = 0.7, 0.1
state = st.session_state


def controls() -> Plan:
    """What a run depends on."""
    data = st.selectbox(
        "Data", list(PLANE_PRESETS), **in_url("data"),
        help=f"The points of *Two dimensions*, each blurred by {BLUR:g}: a mixture, whose score is known at every σ.",
    )  # fmt: skip
    samples = st.select_slider(
        "Samples", [25, 50, 100, 200, 400, 800], USUAL.samples, **in_url("samples"),
        help="Draws of x₀, σ and ξ. The network sees x = x₀ + σ ξ and σ, always the same ones, and is to say x₀.",
    )  # fmt: skip
    units = st.select_slider(
        "Width", [32, 64, 128, 256, 512, 1024], USUAL.units, **in_url("units"),
        help="Units of the hidden layer; kernel regression is the limit of infinitely many.",
    )  # fmt: skip
    low, high = sorted(st.slider(
        "Noise σ", 0.1, 1.0, USUAL.sigmas, 0.05, **in_url("noises"),
        help="The range that σ is drawn from, log σ uniformly, in units of x. A longer time of diffusion is a larger σ.",
    ))  # fmt: skip
    iterations = st.select_slider(
        "Iterations", [500, 1000, 2000, 4000, 8000], USUAL.iterations, **in_url("descent"),
        help="Of gradient descent on all samples. Its step size is half of the largest one that is stable for the kernel.",
    )  # fmt: skip
    seed = st.number_input(
        "Seed", 0, 2**31 - 1, USUAL.seed, **whole_in_url("learn-seed"), help="Of samples and network."
    )
    return Plan(data, int(samples), int(units), (low, high), int(iterations), int(seed))


def arrow_controls() -> tuple[float, str]:
    """The sigma of the arrows, and whose they are."""
    sigma = st.slider(
        "Arrows at σ", 0.1, 1.0, 0.3, 0.05, **in_url("arrows-at"), help="Outside the range of the noise, f extrapolates."
    )  # fmt: skip
    of = st.selectbox(
        "Arrows of", [NOW, BEST, KERNEL], **in_url("arrows-of"), help="Kernel regression is shown after as many iterations "
        "as the network has done, and before it has begun after all of them.",
    )  # fmt: skip
    return sigma, of


def figures_of(run: Learning, sigma: float, of: str) -> dict[str, Figure]:
    """Arrows and curves of a run as far as it is."""
    field = run.field(sigma, of)
    colour = BLUE if of == KERNEL else RED
    arrows = arrows_figure(field.line, field.density, field.points, field.exact, field.learned, of.lower(), colour)
    curves = curves_figure(
        run.looks, run.errors, run.loss, run.all_looks, run.kernel_errors, run.kernel_loss, run.floor
    )
    return {"arrows": arrows, "curves": curves}


def numbers(run: Learning) -> None:
    """How far a run is, and where it was at its best."""
    row = st.container(horizontal=True, gap="medium")
    best = int(np.argmin(run.errors)) if run.errors else None
    shown = (
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
    for label, value, what in shown:
        row.metric(label, value, width="content", help=what)


def follow(run: Learning, sigma: float, of: str) -> None:
    """Draws a run, does the iterations that are left, and draws now and then. Any click starts the script anew, and it goes on
    from there; when the visitor leaves, Streamlit ends it at the next message."""
    bar, told, places = st.empty(), st.empty(), st.columns(2)
    charts = {}
    for name, place in zip(("arrows", "curves"), places, strict=True):
        with place:
            charts[name] = LiveChart(name)
    drawn = -np.inf
    while True:
        ended, now = not run.running, time.monotonic()
        if not ended:
            share = run.iteration / run.plan.iterations
            bar.progress(share, f"Learning: iteration {run.iteration} of {run.plan.iterations}")
        if ended or now - drawn > REDRAW_SECONDS:
            with told.container():
                numbers(run)
            for name, figure in figures_of(run, sigma, of).items():
                charts[name].show(figure, name if ended else None)
            drawn = now
            run.seen()
        if ended:
            return
        run.advance(SLICE_SECONDS)
        if not run.running:
            st.rerun()  # the buttons have changed


def begin(plan: Plan) -> None:
    """What the button does: goes on with a run that was stopped, or begins one."""
    run: Learning = state.learning
    if run.finished or run.error:
        run = state.learning = Learning(plan)
    run.go_on()


def page() -> None:
    row = headline("Learning a score", LESSON)
    with st.sidebar:
        plan = controls()
        sigma, of = arrow_controls()
    if "learning" not in state or state.learning.plan != plan:
        state.learning = Learning(plan)
    run: Learning = state.learning
    under_way = run.iteration > 0 and not run.finished and not run.error
    row.button("Go on" if under_way else "Start", type="primary", icon=":material/play_arrow:", disabled=run.running,
               on_click=begin, args=(plan,), help="Gradient descent with the settings on the left.", key="learn")  # fmt: skip
    row.button("Stop", icon=":material/stop:", disabled=not run.running, on_click=run.stop, help="It can go on later.")
    if run.error:
        st.error(plain(run.error))
    follow(run, sigma, of)


page()
