"""The controls of the page "Sampling": of each of its parts, what is to be computed."""

import streamlit as st

from app.controls import level_control, source_control
from app.lessons.sampling import HOLE, RANDOM
from app.samplings import MIXTURES, PLANE, Gaps, Race, Walk
from app.scheme_controls import NO_PRIOR, prior_control
from app.session import in_url, whole_in_url
from app.wanderings import Wander
from gnc_core.errors import InputError
from gnc_core.mixture.tables import ROWS
from gnc_core.problems import Inpainting


def seed_control() -> int:
    return int(st.number_input(
        "Seed", 0, 2**31 - 1, 0, **whole_in_url("draw-seed"), help="Of all random numbers: the same seed, the same samples.",
    ))  # fmt: skip


def walk_controls() -> Walk:
    mixture = st.selectbox("Mixture", list(ROWS), **in_url("mixture"), help="Those of the page One dimension.")
    chains = st.select_slider(
        "Chains", [1, 5, 20, 50, 100, 200], 50, **in_url("chains"), help="Independent ones, from noise with σ = 1."
    )
    steps = st.slider(
        "Steps", 10, 200, 100, 10, **in_url("moves"), help="Each is a Langevin step in x and a draw of σ given x."
    )
    h = st.slider("Step size h", 0.05, 1.5, 0.5, 0.05, **in_url("langevin-size"), help="Of the Langevin steps, in units of σ²: "
                  "x ← x − ½ h σ² ∇R(x, σ) + √h σ ξ, with normal ξ.")  # fmt: skip
    return Walk(mixture, chains, steps, h, seed_control())


def race_controls() -> Race:
    mixture = st.selectbox("Density", [PLANE, *(name for name in MIXTURES if name != PLANE)], **in_url("density"),
                           help="In the plane, directions of steps can be bent; on the line they cannot.")  # fmt: skip
    count = st.select_slider(
        "Samples", [500, 1000, 2000, 4000], 2000, **in_url("drawn"), help="Of each method; more show smaller errors."
    )
    return Race(mixture, count, seed_control())


def posterior_controls() -> tuple[Gaps | None, bytes | None]:
    """What is to be sampled, and the bytes of an upload; None until it is there."""
    prior = prior_of_samples()
    source, data, _ = source_control()
    gaps = st.segmented_control("Missing", [RANDOM, HOLE], default=RANDOM, required=True, **in_url("gaps"))
    missing, hole = None, 24
    if gaps == RANDOM:
        missing = level_control(Inpainting)
    else:
        hole = st.slider("Hole", 8, 40, 24, 4, format="%d px", **in_url("hole"), help="A square, in the middle.")
    count = st.slider("Samples", 2, 24, 12, **in_url("samples"), help="Independent chains, one after the other.")
    with st.expander("More"):
        crop = st.slider("Pixels a side", 48, 128, 96, 16, help="The middle of the image, scaled down to 256 pixels.",
                         **in_url("part-side"))  # fmt: skip
        inner = st.slider("Langevin steps", 1, 10, 5, **in_url("inner"), help="At each of the flow's smoothings.")
        seed = seed_control()
    return (None if source is None else Gaps(prior, source, crop, missing, hole, count, inner, seed)), data


def wander_controls() -> Wander:
    prior = prior_of_samples()
    side = st.slider("Pixels a side", 48, 96, 64, 16, **in_url("chain-side"), help="Of the images of the chain.")
    count = st.slider(
        "Samples", 2, 24, 12, **in_url("wander-samples"), help="Of one chain, and as many from noise alone."
    )
    apart = st.slider("Steps from sample to sample", 5, 50, 20, 5, **in_url("apart"),
                      help="Each is a Langevin step in x and a draw of σ given x.")  # fmt: skip
    with st.expander("More"):
        h = st.slider("Step size h", 0.1, 1.5, 0.5, 0.1, **in_url("wander-size"), help="Of the Langevin steps, in units of σ². "
                      "Of the noise, the share 1 − exp(−h/2) is taken away, and drawn anew.")  # fmt: skip
        seed = seed_control()
    return Wander(prior, side, count, apart, h, seed)


def prior_of_samples() -> str:
    prior = prior_control(own=True)
    if prior is None:
        raise InputError(NO_PRIOR)
    return prior
