"""The page "Schedules": σ_i and c_i of learned, linear and logarithmic schedules, and one that is fitted while one watches."""

import streamlit as st

from app.controls import level_control, task_control
from app.drawing import show
from app.fits import LEARNED, LINEAR, LOGARITHMIC, OWN, Fit, Goal, family_of, figure_of, known
from app.layout import headline
from app.lessons.schedules import LESSON
from app.ranges import level_settings
from app.scheme_controls import NO_PRIOR, prior_control
from app.session import in_url, open_page, plain, sentence, whole_in_url
from app.uploads import upload_control
from gnc_core import images
from gnc_core.choices import SCHEMES
from gnc_core.errors import InputError
from gnc_core.problems import TASKS
from gnc_core.restoration import LearnedSchedule

MOST_STEPS = 20
state = st.session_state


def controls() -> tuple[Goal, list, bytes | None]:
    """What schedules are for, and the images to fit to: samples by name, and an upload with its bytes."""
    prior = prior_control()
    if prior is None:
        raise InputError(NO_PRIOR)
    kind = task_control()
    level = level_control(kind)
    steps = st.number_input(
        "Steps S", 1, MOST_STEPS, None, placeholder=f"{kind.steps}, which suits", **whole_in_url("nsteps"),
        help="The number of steps of all schedules.",
    )  # fmt: skip
    steps = kind.steps if steps is None else int(steps)
    st.subheader("Images to fit to")
    samples = [
        name for name in images.sample_images() if name in ("Cat", "Coins", "Cameraman", "Astronaut", "Motorcycle")
    ]
    chosen = st.multiselect(
        "Samples", samples, samples[:2], help="The middle of each, 64 × 64 pixels. More images take longer, and the schedule "
        "suits others better.", **in_url("fit-images")
    )  # fmt: skip
    upload, data = upload_control(
        "An image of your own", "fit-file", "A clean image; its middle is degraded and fitted to."
    )
    return Goal(prior, kind.name, level, steps), [*chosen, *([upload] if upload else [])], data


def use(schedule: LearnedSchedule) -> None:
    """What the button does: the schedule is kept for this visit, and the page goes to "Restore an image"."""
    state.own_schedule, state["own-schedule"] = schedule, True
    kind = TASKS[schedule.task]
    settings = {"prior": schedule.prior, "task": kind.title, "scheme": SCHEMES["learned"]}
    state.to_restore = settings | level_settings(kind, schedule.level)


def run_to_the_end(fit: Fit) -> None:
    """Does the rounds that are left and draws each; any click starts the script anew, and it goes on from there."""
    bar, place, frame, drawn = st.progress(0.0), st.empty(), 0, -1
    while fit.running:
        bar.progress(fit.done, f"Fitting: round {len(fit.history)}; it ends when a round brings less than 0.0005 dB")
        fit.advance()
        if len(fit.history) > drawn:
            with place.container():
                show(figure_of(fit, fit.others), f"live {frame}")
            drawn, frame = len(fit.history), frame + 1


def results(fit: Fit) -> None:
    """PSNR of all schedules on the images of the fit, and what can be done with the fitted one."""
    row = st.container(horizontal=True, gap="medium")
    for name in (OWN, LEARNED, LOGARITHMIC, LINEAR):
        if name in fit.psnr:
            row.metric(f"{name}, dB", f"{fit.psnr[name]:.2f}", width="content", help="PSNR of the last step, all pixels of the "
                       "images of the fit together.")  # fmt: skip
    if fit.schedule is not None:
        buttons = st.container(horizontal=True)
        buttons.button("Use on Restore", icon=":material/auto_fix_high:", on_click=use, args=(fit.schedule,),
                       help="Kept for this visit.")  # fmt: skip
        buttons.download_button(
            "Download (JSON)", fit.schedule.to_json(), "schedule.json", "application/json", icon=":material/download:",
            on_click="ignore", help="For `python -m gnc_core restore --schedule schedule.json`.",
        )  # fmt: skip


def page() -> None:
    if "to_restore" in state:
        open_page("views/restore.py", state.pop("to_restore"))
    fit: Fit | None = state.get("fit")
    row = headline("Schedules", LESSON)
    try:
        with st.sidebar:
            goal, sources, data = controls()
        others = known(goal, family_of(goal.prior, goal.task))
        busy = fit is not None and fit.running
        begin = row.button("Fit one now", type="primary", icon=":material/play_arrow:", disabled=busy or not sources,
                           help="Fit a schedule to the images on the left.")  # fmt: skip
        row.button("Stop", icon=":material/stop:", disabled=not busy, on_click=fit.stop if fit else None,
                   help="End the fit after the present round; what it has reached is kept.")  # fmt: skip
        if begin:
            state.fit = Fit(goal, others, sources, data)
            st.rerun()
    except InputError as error:
        st.error(plain(sentence(error)))
        return
    live, rest = st.empty(), st.empty()
    if fit is not None and fit.running:
        with live.container():
            run_to_the_end(fit)
        st.rerun()
    with rest.container():
        if fit is not None and fit.error:
            st.error(plain(fit.error))
        same = fit is not None and fit.goal == goal
        show(figure_of(fit if same else None, others), "schedules", "schedules")
        if LEARNED not in others:
            st.caption(plain(f"No learned schedules of {goal.prior} serve this task with {goal.steps} steps."))
        if fit is not None and fit.schedule is not None:
            if not same:
                st.caption(plain(f"The schedule fitted before, below, is for {fit.title}."))
            results(fit)


page()
