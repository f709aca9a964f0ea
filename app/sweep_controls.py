"""The controls of "Maps": which sweep is shown and how, the image of a click, and what a sweep of one's own is to be."""

from collections.abc import Sequence

import streamlit as st

from app.controls import level_control, seed_control, side_control, source_control, task_control
from app.figures.restoration import data_uri
from app.runs import load_prior
from app.scenes import Scene, picture
from app.scheme_controls import NO_PRIOR, prior_control
from app.session import in_url
from app.sweeping import OWN_SWEEP, SWEEP_FILE, Picture, Shown, drawable
from app.uploads import upload_control
from gnc_core import images, sweeps, zoo
from gnc_core.choices import SCHEMES
from gnc_core.errors import InputError
from gnc_core.sweeps import Plan

GRIDS = {"Coarse: 5 σ₀, up to 20 steps": (5, (1, 2, 3, 5, 10, 20)), "Full: 11 σ₀, up to 100 steps": (11, sweeps.STEPS)}
LISTS = "Lists of your own"
PICKS = {"Both": sweeps.SCHEMES} | {SCHEMES[name]: (name,) for name in sweeps.SCHEMES}
MOST = 40  # initial smoothings, or numbers of steps: more could not be told apart


def picture_controls() -> Picture | None:
    st.subheader(
        "Image", help="What a click on a cell of the maps restores, and what a sweep of your own is run on (in grey)."
    )
    source, data, _ = source_control()
    longest = side_control()
    if source is None:
        return None
    image, _ = picture(source, longest, False, False, data)
    st.image(data_uri(images.to_png(images.shrink(image, 320))), width=160)
    return Picture(Scene(source, longest, color=False), image)


def plan_controls(current: Picture | None, schemes: Sequence[str]) -> Plan | None:
    """The sweep of one's own; None without an image or a prior."""
    st.subheader("Degradation")
    task = task_control()
    level = level_control(task)
    seed = seed_control()
    st.subheader("Sweep")
    name = prior_control()
    if name is None:
        raise InputError(NO_PRIOR)
    prior = load_prior(name)
    grid = st.selectbox(
        "Grid", [*GRIDS, LISTS], **in_url("grid"),
        help="Initial smoothings σ₀ with equal ratios, from half the noise level (denoising) or twice the smallest σ "
        "(inpainting) to the prior's largest σ; and numbers of steps. Or lists of your own.",
    )  # fmt: skip
    if grid == LISTS:
        sigmas = st.text_input(
            "Initial smoothings σ₀", "0.05:0.5:5", **in_url("sigmas"),
            help="In units of [0, 1]: a list such as 0.05,0.1,0.5, or FIRST:LAST:COUNT for values with equal ratios.",
        )  # fmt: skip
        counts = st.text_input(
            "Numbers of steps", "1,2,3,5,10,20", **in_url("counts"), help="A list of whole numbers.",
        )  # fmt: skip
        sigma0 = sweeps.read_sigmas(sigmas, "Initial smoothings σ₀")
        steps = sweeps.read_numbers(counts, "Numbers of steps", int)
        if max(len(sigma0), len(steps)) > MOST:
            raise InputError(f"A sweep on this page has at most {MOST} initial smoothings and {MOST} numbers of steps.")
    else:
        count, steps = GRIDS[grid]
        sigma0 = sweeps.default_sigmas(task.name, level, prior.sigma_min, prior.sigma_max, count)
    if current is None:
        return None
    truth, weights = (current.name, current.image), zoo.weights_hash(name)
    runs = sweeps.Runs(schemes, sigma0, steps)
    return sweeps.make_plan(prior, [truth], task.name, level, runs, seed=seed, prior_name=name, weights=weights)


def source_controls(found: dict[str, dict[str, Shown]]) -> tuple[str, Shown | None, Sequence[str], float]:
    """What is shown: the kind of source and its sweep, the schemes, and the tolerance."""
    kind = st.selectbox(
        "Task", [*found, OWN_SWEEP, SWEEP_FILE], **in_url("maps"),
        help="The sweeps in pretrained/sweeps/, one of your own that this page computes, or a file with one.",
    )  # fmt: skip
    shown = None
    if kind in found:
        priors = found[kind]
        prior = st.selectbox(
            "Prior", list(priors), **in_url("map-prior"), help="The prior that the sweep was made with.",
        )  # fmt: skip
        shown = priors[prior]
    picked = st.segmented_control(
        "Schemes", list(PICKS), default="Both", required=True, **in_url("schemes"),
        help="GNC flow: σ falls linearly from σ₀. Joint: σ starts at σ₀ and follows the energy down.",
    )  # fmt: skip
    tolerance = st.slider(
        "Tolerance", 0.1, 10.0, 1.0, 0.1, format="%.1f %%", **in_url("tolerance"),
        help="A run attains E*, the lowest final energy of any run on the same image, when it ends within this share of "
        "E(degraded image) − E* above it. All final energies are at the smallest σ.",
    )  # fmt: skip
    return kind, shown, PICKS[picked or "Both"], tolerance / 100  # a link may hold none


def upload() -> Shown | None:
    """A sweep from a file of the visitor's."""
    file, data = upload_control("Sweep file", "sweep-file", "As the command `sweep` writes it, or this page.", ["npz"])
    return None if file is None or data is None else Shown(drawable(sweeps.load(data, file.name), file.name))
