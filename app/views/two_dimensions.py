"""The page "Two dimensions": a density of points in the plane, where its energy is not convex, and the GNC flow."""

import csv
import io
from functools import partial
from typing import Any

import streamlit as st

from app.components.camera import camera
from app.components.two_dimensions import VIEWS, page_of, plane
from app.drawing import offer
from app.helpers import computed_in_turn
from app.layout import headline
from app.lessons.two_dimensions import LESSON, PRESETS
from app.session import from_url, in_url, plain, to_url
from gnc_core.errors import InputError
from gnc_core.mixture.convexity import thresholds
from gnc_core.mixture.flow import TOLERANCE, gnc_flow
from gnc_core.mixture.plane import convex_from, plane_minimisers
from gnc_core.mixture.plane_examples import PLANE_PRESETS, PLANE_SIGMAS, plane_starts, two_dimensional
from gnc_core.restoration.schedules import logarithmic

Points = tuple[tuple[float, float], ...]
KEY = "plane"  # of the component
DEFAULTS = {"blur": 0.8, "at": 0, "view": VIEWS[0]}  # what the URL leaves out: sigma_0, step, view


@st.cache_data(max_entries=256, show_spinner=False)
def landscape(points: Points) -> dict[str, Any]:
    """What depends on the points alone: thresholds, and the lowest minimum at the last sigma."""
    mixture = two_dimensional(points)
    return {
        "exact": computed_in_turn(convex_from, mixture),
        "diameter": thresholds(mixture, critical=False).diameter,
        "deepest": computed_in_turn(plane_minimisers, mixture, PLANE_SIGMAS[0])[0].tolist(),
    }


@st.cache_data(max_entries=256, show_spinner=False)
def attained(points: Points, deepest: list[float], sigma0: float, steps: int) -> float:
    """The share of starts whose flow ends in the deepest well."""
    sigmas = logarithmic(sigma0, PLANE_SIGMAS[0], steps)
    ends = computed_in_turn(gnc_flow, two_dimensional(points), plane_starts(), sigmas)[-1]
    return float(((ends - ends.new_tensor(deepest)).norm(dim=-1) <= TOLERANCE).double().mean())


def table(points: Points, sigma0: float, steps: int) -> str:
    """Points, and the paths of the flow from its starts, as CSV."""
    sigmas, file = logarithmic(sigma0, PLANE_SIGMAS[0], steps), io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["what", "number", "step", "sigma", "x1", "x2"])
    writer.writerows(["point", number, "", "", *point] for number, point in enumerate(points, start=1))
    path = gnc_flow(two_dimensional(points), plane_starts(), sigmas).tolist()
    writer.writerows(
        ["path", number, step, sigma, *x]
        for step, (sigma, places) in enumerate(zip(["", *sigmas], path, strict=True))
        for number, x in enumerate(places, start=1)
    )
    return file.getvalue()


def forget() -> None:
    """Back to the points of the preset."""
    for name in ("points", *DEFAULTS):
        to_url(name)
    st.session_state.pop("plane_settings", None)
    st.session_state.plane_resets = st.session_state.get("plane_resets", 0) + 1


def keep() -> None:
    """What a visitor has set in the plane, unless the page has set something else since."""
    told: dict[str, Any] = st.session_state[KEY]["settings"]
    if told and told["revision"] == st.session_state.get("plane_revision"):
        names = {"points": "points", "blur": "sigma", "at": "step", "view": "view"}
        st.session_state.plane_settings = {name: told[theirs] for name, theirs in names.items()}


def settings(preset: str, steps: int) -> dict[str, Any]:
    """Points, sigma_0, step and view: what the visitor has left here, else what the link says, else the preset and defaults."""
    original = [list(map(float, point)) for point in PLANE_PRESETS[preset]]
    kept = st.session_state.get("plane_settings")
    if "plane_asked" in st.session_state:  # by an experiment
        kept = {"points": original, **st.session_state.pop("plane_asked")}
        st.session_state.plane_resets = st.session_state.get("plane_resets", 0) + 1
    if kept is None:
        kept = {name: from_url(name, default) for name, default in {"points": original, **DEFAULTS}.items()}
    two_dimensional(kept["points"])
    points = [[round(float(v), 2) for v in point] for point in kept["points"]]
    sigma0, step, view = (kept[name] for name in DEFAULTS)
    low, high = PLANE_SIGMAS
    if type(sigma0) not in (int, float) or not low <= sigma0 <= high:  # True is no number here
        raise InputError(f"σ₀ in this link must be a number from {low:g} to {high:g}.")
    if type(step) is not int or step < 0:
        raise InputError("The step in this link must be a whole number from 0 on.")
    if view not in VIEWS:
        raise InputError(f"The view in this link must be one of {', '.join(VIEWS)}.")
    found = {"points": points, "blur": float(sigma0), "at": min(step, steps), "view": view}
    st.session_state.plane_settings = found
    for name, default in {"points": original, **DEFAULTS}.items():
        to_url(name, None if found[name] == default else found[name])
    return found


headline("Two dimensions", LESSON)
with st.sidebar:
    preset = st.selectbox("Density", list(PLANE_PRESETS), on_change=forget, **in_url("density"))
    st.caption(PRESETS[preset])
    steps = st.slider(
        "Steps S", 1, 128, 24, **in_url("length"),
        help=f"Length of the logarithmic schedule from σ₀ down to {PLANE_SIGMAS[0]:g}.",
    )  # fmt: skip
    st.button("Reset points", on_click=forget, help="Back to those of the preset.", key="reset-points")
try:
    chosen = settings(preset, steps)
except InputError as error:
    st.error(plain(str(error)))
    st.stop()

points = tuple(map(tuple, chosen["points"]))
shown = landscape(points)
rate = attained(points, shown["deepest"], chosen["blur"], steps)
with st.container(horizontal=True, gap="medium"):
    st.metric(
        "Exact threshold", f"{shown['exact']:.3f}", width="content",
        help="E(·, σ) is convex on the whole plane for every σ above it, and for none below.",
    )  # fmt: skip
    st.metric("D/2", f"{shown['diameter'] / 2:.3f}", width="content", help="Half the largest distance of two points.")
    st.metric(
        "Paper's bound D", f"{shown['diameter']:.3f}", width="content", help="The largest distance of two points."
    )
    st.metric(
        "Deepest well", f"{rate:.0%}", width="content",
        help=f"Share of the 81 starts whose flow ends within {TOLERANCE:g} of the lowest minimum of E(·, {PLANE_SIGMAS[0]:g}).",
    )  # fmt: skip
revision = f"{preset} {steps} {st.session_state.get('plane_resets', 0)}"
st.session_state.plane_revision = revision
drawn = chosen["points"], chosen["blur"], chosen["at"], chosen["view"], steps, shown["exact"]
plane(*drawn, revision, key=KEY, on_change=keep)
files = {
    "html": partial(page_of, *drawn, "GNC in two dimensions"),
    "csv": partial(table, points, chosen["blur"], steps),
}
offer("two dimensions", files, camera)
