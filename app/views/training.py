"""The page "Training": a small prior is learned while one watches, and used on the other pages for this visit."""

import streamlit as st

from app.components.width import is_narrow
from app.layout import headline
from app.lessons.training import LESSON
from app.session import in_url, plain, sentence, whole_in_url
from app.trainings import SAMPLES, Plan, Training, allowed_folders, turn
from app.watching import draw, results, run_to_the_end, wait
from gnc_core.errors import InputError

USUAL = Plan()
state = st.session_state


def controls() -> Plan:
    """What a run depends on."""
    folders = allowed_folders()
    photographs = SAMPLES
    if folders:
        photographs = st.selectbox(
            "Photographs", [SAMPLES, *folders], **in_url("photos"),
            help="The samples of this explorer, or a folder that whoever runs it allows.",
        )  # fmt: skip
    kernels = st.slider(
        "Kernels", 4, 48, USUAL.kernels, 4, **in_url("kernels"), help="Each has a potential of its own."
    )
    size = st.segmented_control(
        "Kernel size", [3, 5, 7], default=USUAL.size, required=True, **in_url("kernel-size"),
        help="Pixels a side. Kernels have mean zero, so that of n × n pixels there are at most n² − 1.",
    )  # fmt: skip
    iterations = st.slider(
        "Iterations", 50, 3000, USUAL.iterations, 50, **in_url("iterations"),
        help="The step size falls to zero over them, so that a longer run is another run.",
    )  # fmt: skip
    batch = st.slider("Batch", 2, 16, USUAL.batch, 2, **in_url("batch"), help="Patches an iteration.")
    patch = st.slider(
        "Patch", 16, 48, USUAL.patch, 8, format="%d px", **in_url("patch"), help="Height and width of a patch."
    )
    weight = st.select_slider(
        "λ", [0.0, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1], USUAL.weight, **in_url("lambda"), format_func="{:g}".format,
        help="Weight of the loss in s = log σ against that in the image.",
    )  # fmt: skip
    seed = st.number_input(
        "Seed", 0, 2**31 - 1, USUAL.seed, **whole_in_url("train-seed"), help="Of all random numbers."
    )
    with st.expander("More"):
        rate = st.select_slider(
            "Step size", [0.003, 0.01, 0.03, 0.1], USUAL.rate, **in_url("step-size"), help="Of AdaBelief at the start."
        )
        knots = st.select_slider(
            "Knots of a potential", [31, 63, 127], USUAL.knots, **in_url("knots"), help="In u; 8 in s, always."
        )
    kernels = min(kernels, size**2 - 1)
    return Plan(photographs, kernels, size, iterations, batch, patch, weight, int(seed), rate, knots)


def page() -> None:
    run: Training | None = state.get("training")
    row = headline("Training", LESSON)
    narrow = is_narrow("narrow")
    try:
        with st.sidebar:
            plan = controls()
        busy = run is not None and run.running
        free = turn().other(run) is None
        stopped = run is not None and run.stopped and not run.finished and not run.error
        if row.button("Train", type="primary", icon=":material/play_arrow:", disabled=busy or not free,
                      help="Begin a run with the settings on the left."):  # fmt: skip
            state.training = Training(plan)
            st.rerun()
        if stopped:
            row.button("Go on", icon=":material/resume:", disabled=not free, on_click=run.go_on)
        else:
            row.button("Stop", icon=":material/stop:", disabled=not busy, on_click=run.stop if run else None,
                       help="After the present iteration; it can go on later.")  # fmt: skip
    except InputError as error:
        st.error(plain(sentence(error)))
        return
    live, rest = st.empty(), st.empty()
    if busy and free:
        with live.container():
            run_to_the_end(run, narrow)
        st.rerun()
    with rest.container():
        if not free:
            wait(run)
        if run is None:
            st.caption("Press *Train*: the loss, the kernels and their potentials form here.")
            return
        if run.error:
            st.error(plain(run.error))
        if run.plan != plan:
            st.caption("The run below is of other settings than those on the left.")
        if run.looks:
            results(run)
        draw(run, narrow)


page()
