"""The page "Start": what GNC is, the way through the other pages, and what is in use. It loads nothing heavy."""

import sys

import streamlit as st

from app.components.rolling import rolling
from app.layout import headline
from app.lessons.start import COUNT, LESSON, SCENES, SENTENCES, SIGMA_END, STEPS
from app.pages import PAGES
from app.session import in_url, plain
from gnc_core import zoo
from gnc_core.mixture.tables import ROWS
from gnc_core.restoration.schedules import logarithmic

A_ROW = 5  # doors


def device() -> str | None:
    """What the explorer computes on, as soon as PyTorch has been loaded."""
    return getattr(sys.modules.get("app.precision"), "DEVICE", None)


@st.fragment(run_every=None if device() else 1.0)
def in_use(asked: bool) -> None:
    """asked: whether the timer runs."""
    known = device()
    if known and asked:
        st.rerun()  # without the timer
    computing = {"cuda": "a GPU", "cpu": "the CPU", None: "… (PyTorch is being loaded)"}[known]
    st.caption(f"Priors: {plain(', '.join(zoo.names()) or 'none')}. Computing on {computing}.")


headline("Graduated non-convexity", LESSON)
left, right = st.columns([1.35, 1], gap="medium")
with right:
    st.markdown(SENTENCES)
    scene = st.segmented_control(
        "Animation", list(SCENES), default=next(iter(SCENES)), required=True, **in_url("scene")
    )
    mixture, sigma0, expected = SCENES[scene]
    st.caption(expected)
    in_use(device() is None)
with left:
    starts = [2 * k / (COUNT - 1) - 1 for k in range(COUNT)]
    rolling(ROWS[mixture], logarithmic(sigma0, SIGMA_END, STEPS), starts, key="rolling")
for first in range(0, len(PAGES), A_ROW):
    for number, place in enumerate(st.columns(A_ROW), start=first):
        if number < len(PAGES):
            page = PAGES[number]
            door = place.container(border=True, height="stretch", gap="xxsmall")
            door.page_link(page.file, label=f"**{number + 1}. {page.title}**", icon=f":material/{page.icon}:")
            door.caption(page.lesson)
