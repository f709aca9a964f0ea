"""The plane of the page "Two dimensions": an editor of points with their energy and flow, computed in the browser."""

from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st

from gnc_core.mixture.plane import SAME
from gnc_core.mixture.plane_examples import MOST_POINTS, PLANE_SIGMAS, STARTS_A_SIDE

HERE = Path(__file__).parent
VIEWS = ("contours", "surface")

_plane = st.components.v2.component(
    "gnc_plane",
    html=(HERE / "two_dimensions.html").read_text("utf-8"),
    css=(HERE / "two_dimensions.css").read_text("utf-8"),
    js=(HERE / "mathematics.js").read_text("utf-8") + (HERE / "two_dimensions.js").read_text("utf-8"),
)


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
    data = {
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
    _plane(key=key, data=data, on_settings_change=on_change)
