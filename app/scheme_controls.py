"""The controls of how an image is restored: a prior and a scheme (a `Choice`)."""

import streamlit as st

from app.own import folder_name, own_priors
from app.ranges import RANGES, beyond_told
from app.runs import Choice, usable_priors
from app.scenes import Scene
from app.session import in_url, plain, whole_in_url
from gnc_core import zoo
from gnc_core.choices import SCHEMES, has_learned
from gnc_core.problems import TASKS, Denoising
from gnc_core.restoration import LearnedSchedule, ScheduleFamily
from gnc_core.restoration.schedules import MAX_STEPS

NO_PRIOR = "There is no pretrained prior that can be used in the folder pretrained/."
STARTS = {"Harmonic fill": None, "Grey": "grey"}


def scheme_controls(scene: Scene | None) -> Choice | None:
    """The prior and the scheme; None if there is no prior."""
    st.subheader("Scheme")
    prior = prior_control(own=True)
    if prior is None:
        return None
    task = next(iter(TASKS)) if scene is None else scene.task
    start = start_control() if TASKS[task].starts else None
    family = learned_schedules(prior, task)
    own = own_schedule(prior, task)
    learned_suit = has_learned(folder_name(prior), task, start=start, setting=scene.setting if scene else "")
    best = "learned" if own is not None or learned_suit else "flow"
    labels = {SCHEMES[scheme]: scheme for scheme in sorted(SCHEMES, key=lambda scheme: scheme != best)}
    scheme = labels[st.selectbox(
        "Scheme", list(labels), **in_url("scheme"),
        help="GNC flow: σ falls linearly. Joint: σ follows the energy down, with the image. Learned schedule: σ and "
        "the step sizes were fitted to bring the last step closest to the truth.",
    )]  # fmt: skip
    blind = blind_control() if TASKS[task].blind else False
    if scheme == "learned" and own is not None and (family is None or own_control()):
        st.caption(plain(f"Fitted in this visit: {own.title}."))
        return Choice(prior, scheme, start=start, blind=blind, schedule=own)
    suits = family.suits if family and scheme == "learned" else TASKS[task].steps
    steps = st.number_input(
        "Steps S", 1, MAX_STEPS, None, placeholder=f"{suits}, which suits", **whole_in_url("nsteps"),
        help="Number of image steps x ← prox(x − τ ∇R(x, σ)). More steps of the flow go on minimising below the noise level: "
        "the energy falls, and so does the PSNR. A learned schedule has the numbers that it was fitted to.",
    )  # fmt: skip
    steps = None if steps is None else int(steps)
    if scheme == "learned":
        fitted = f"Fitted to {prior}: {family.title}." if family else f"None for this task was fitted to {prior}."
        st.caption(plain(fitted))
        return Choice(prior, scheme, steps, start=start, blind=blind)
    by_hand = st.toggle(
        "Choose the initial smoothing", False, **in_url("own-start"),
        help="Off: the noise level for denoising (of joint minimisation that is blind: the largest σ of the prior), 0.05 for "
        "inpainting, which starts smooth, 0.2 for deblurring, super-resolution, MRI and tomography.",
    )  # fmt: skip
    sigma0 = None
    if by_hand:
        beyond_told("smoothing", Denoising.kind_of_level)
        sigma0 = st.slider(
            *RANGES["smoothing"], 0.1, 0.01, format="%.3g", **in_url("smoothing"),
            help="Where σ starts, in units of the image range [0, 1]. Larger: a smoother, less non-convex energy.",
        )  # fmt: skip
    rate = None
    if scheme == "joint":
        defaults = ", ".join(f"{problem.rate:g} to {name}" for name, problem in TASKS.items())
        rate = st.number_input(
            *RANGES["rate"], None, 0.1, placeholder=defaults, **in_url("rate"),
            help="Step size of s = log σ: s ← s − (c/n) ∂R/∂s. Small: σ falls slowly, and gaps have time to be filled. "
            f"Large: few steps reach the noise level; from 1 on s overshoots it. Empty: {defaults}.",
        )  # fmt: skip
    return Choice(prior, scheme, steps, sigma0, rate, start, blind)


def blind_control() -> bool:
    return st.toggle(
        "Blind", False, **in_url("blind"),
        help="Do not tell the noise level: the prior estimates it from the degraded image. The curves then show σ over the "
        "steps, beside the estimate and, where it is known, the true level. With *Joint*, σ starts at its largest, and nothing "
        "but the energy leads it down.",
    )  # fmt: skip


def baselines_control() -> bool:
    return st.toggle(
        "Baselines in *Compare*", True, **in_url("baselines"),
        help="*Compare* also runs what needs no learned prior, with parameters from the noise level. From scikit-image: total "
        "variation, non-local means and wavelets to denoise, biharmonic inpainting to inpaint (seconds for large images). To "
        "deblur, to enlarge and for MRI: total variation. They take clipped values as they are.",
    )  # fmt: skip


def own_schedule(prior: str, task: str) -> LearnedSchedule | None:
    """The schedule that the visitor has fitted on "Schedules", if it is for this prior and task."""
    own = st.session_state.get("own_schedule")
    return own if own is not None and (own.prior, own.task) == (prior, task) else None


def own_control() -> bool:
    return st.toggle(
        "Your own schedule", key="own-schedule", help="The one that was fitted on the page Schedules in this visit."
    )


def start_control() -> str | None:
    return STARTS[st.radio(
        "Missing pixels start from", list(STARTS), horizontal=True, **in_url("start"),
        help="Harmonic fill: each missing pixel is the mean of its neighbours (Laplace's equation, the known pixels its "
        "boundary values). Grey: 0.5, as in the paper; a step reaches a kernel's width, and the middle of a hole stays grey for "
        "many steps. Learned schedules are fitted to the harmonic fill: take another scheme with grey.",
    )]  # fmt: skip


def prior_control(own: bool = False) -> str | None:
    """The prior's name, None where there is none, and what is wrong with those that cannot be used. own: also those that the
    visitor has trained."""
    priors, problems = usable_priors()
    for problem in problems:
        st.warning(plain(problem))
    trained = list(own_priors()) if own else []
    if not priors + trained:
        return None
    prior = st.selectbox(
        "Prior", priors + trained, **in_url("prior"),
        help="A pretrained prior: a folder of weights in pretrained/. Or one that you have trained in this visit: own-1, own-2 …",
    )  # fmt: skip
    purpose = zoo.purpose(prior) if prior in priors else ""
    if purpose:
        st.caption(plain(f"{prior}: {purpose}."))
    return prior


def learned_schedules(prior: str, task: str) -> ScheduleFamily | None:
    """The learned schedules of a prior for a task, None without; and what is wrong with those that cannot be used."""
    families, problems = zoo.families(prior) if folder_name(prior) else ([], [])
    for problem in problems:
        st.warning(plain(problem))
    return next((family for family in families if family.task == task), None)
