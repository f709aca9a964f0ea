"""The plane of the page "Two dimensions": an editor of points with their energy and flow, computed in the browser."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from app.components.alone import alone
from gnc_core.mixture.plane import SAME
from gnc_core.mixture.plane_examples import MOST_POINTS, PLANE_SIGMAS, STARTS_A_SIDE

HERE = Path(__file__).parent
VIEWS = ("contours", "surface")

HTML, CSS = ((HERE / f"two_dimensions.{kind}").read_text("utf-8") for kind in ("html", "css"))
JS = "".join(
    file.read_text("utf-8") for file in (HERE.parent / "canvas.js", HERE / "mathematics.js", HERE / "two_dimensions.js")
)
_plane = st.components.v2.component("gnc_plane", html=HTML, css=CSS, js=JS)


def plane(
    points: Sequence[Sequence[float]],
    sigma: float,
    step: int,
    view: str,
    steps: int,
    threshold: float,
    revision: str,
    key: str,
    on_change: Callable[[], None],
) -> None:
    """Draws the plane. What a visitor sets there is `st.session_state[key]["settings"]`, a dict of points, sigma, step, view and
    the revision that they belong to; it comes at the end of a gesture, and `on_change` is called.

    points: (N, 2), Dirac components. sigma: the first of the flow's `steps`. view: one of `VIEWS`. threshold: the exact one.
    revision: points, sigma, step and view are taken over when it is another than before, and are the visitor's own otherwise.
    """
    _plane(key=key, data=_data(points, sigma, step, view, steps, threshold, revision), on_settings_change=on_change)


def page_of(
    points: Sequence[Sequence[float]], sigma: float, step: int, view: str, steps: int, threshold: float, title: str
) -> str:
    """A page that holds the plane as `plane` draws it, with all that moves in it, and needs no network and no server. The exact
    threshold, which the server computes, is that of these points alone."""
    return alone(title, HTML, CSS, JS, _data(points, sigma, step, view, steps, threshold, ""))


def _data(
    points: Sequence[Sequence[float]], sigma: float, step: int, view: str, steps: int, threshold: float, revision: str
) -> dict[str, Any]:
    """What the JavaScript takes."""
    return {
        "points": [list(point) for point in points],
        "sigma": sigma,
        "step": step,
        "view": view,
        "steps": steps,
        "threshold": threshold,
        "revision": revision,
        "sigma_range": list(PLANE_SIGMAS),
        "starts_a_side": STARTS_A_SIDE,
        "most_points": MOST_POINTS,
        "same": SAME,
    }
