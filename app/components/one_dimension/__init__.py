"""The main plot of the page "One dimension": energies, the flow and the components under the pointer, computed in the browser."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from app.components.alone import alone
from gnc_core.mixture.flow import SIGMA_END, TOLERANCE

HERE = Path(__file__).parent
VIEWS = ("flow", "joint", "schedules", "apart", "quiz")
SHOWN_SIGMAS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)  # the smoothings whose energies are always shown
SIGMAS = (0.01, 2.0)  # of the sliders
MOST_STEPS, MOST_DROPS = 256, 20
COUNTS = (5, 9, 11, 21, 41, 81)  # of starts that are shown: parts of the 401

HTML, CSS = ((HERE / f"one_dimension.{kind}").read_text("utf-8") for kind in ("html", "css"))
SHARED = HERE.parent
JS = "".join(
    file.read_text("utf-8")
    for file in (SHARED / "mixture.js", SHARED / "canvas.js", HERE / "mathematics.js", HERE / "one_dimension.js")
)
_line = st.components.v2.component("gnc_line", html=HTML, css=CSS, js=JS)


def line(settings: dict[str, Any], threshold: float, heard: int, key: str, on_change: Callable[[], None]) -> None:
    """Draws the plot. What a visitor sets there is `st.session_state[key]["settings"]`; it comes at the end of a gesture, and
    `on_change` is called.

    settings: rows (weight, mean, standard deviation); sigma0 and steps of the schedule; starts, a number; view, one of `VIEWS`;
    step; drops, more starts; fixed, the constant sigma; probe, the x of the single step; question, the number of the quiz's.
    threshold: the exact one of these rows. heard: the `number` in the last settings that came from the browser, whose later ones
    are on their way: it takes over nothing before they have been heard.
    """
    _line(key=key, data=_data(settings, threshold, heard), on_settings_change=on_change)


def page_of(settings: dict[str, Any], threshold: float, title: str) -> str:
    """A page that holds the plot as `line` draws it, with all that moves in it, and needs no network and no server. The exact
    threshold, which the server computes, is that of these rows alone."""
    return alone(title, HTML, CSS, JS, _data(settings, threshold, 0))


def _data(settings: dict[str, Any], threshold: float, heard: int) -> dict[str, Any]:
    """What the JavaScript takes."""
    more = {
        "threshold": threshold,
        "heard": heard,
        "sigma_end": SIGMA_END,
        "tolerance": TOLERANCE,
        "levels": list(SHOWN_SIGMAS),
        "range": list(SIGMAS),
        "counts": list(COUNTS),
        "most_drops": MOST_DROPS,
    }
    return {"settings": settings, "more": more}
