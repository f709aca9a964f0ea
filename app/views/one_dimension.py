"""The page "GNC in one dimension": Figure 1 of the paper, live."""

import csv
import io
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from app.components.camera import camera
from app.components.one_dimension import line, page_of
from app.drawing import Drawn, encoded, offer, show
from app.figures.one_dimension import attainment_figure, curvature_figure
from app.helpers import computed_in_turn
from app.layout import headline
from app.lessons.one_dimension import LESSON, PRESET_TEXTS
from app.line_settings import KEY, Rows, component_table, discard_edits, keep, reset, set_to, settings, take_cell
from app.session import in_url, plain
from gnc_core.errors import InputError
from gnc_core.mixture.convexity import DOMAIN, Thresholds, smallest_curvature, thresholds
from gnc_core.mixture.examples import one_dimensional
from gnc_core.mixture.flow import SIGMA_END, attainment, gnc_flow, spaced_steps
from gnc_core.mixture.tables import ROWS
from gnc_core.restoration.schedules import logarithmic

SIGMA0, STEPS = np.geomspace(0.01, 2, 40), spaced_steps(40, 256)
state = st.session_state


@st.cache_data(max_entries=64, show_spinner=False)
def bounds(rows: Rows) -> Thresholds:
    found: Thresholds = computed_in_turn(thresholds, one_dimensional(rows))
    return found


@st.cache_data(max_entries=64, show_spinner=False)
def landscape(rows: Rows) -> tuple[np.ndarray, Drawn]:
    """What else depends on the mixture alone: the attainment map, the figure of the curvature."""
    mixture, found, sigmas = one_dimensional(rows), bounds(rows), np.geomspace(0.01, 4, 120)
    if sigmas[0] < found.critical < sigmas[-1]:  # where the curve crosses zero
        sigmas = np.sort(np.append(sigmas, found.critical))
    curvature = computed_in_turn(smallest_curvature, mixture, sigmas)
    drawn = encoded(curvature_figure(sigmas, curvature, found.critical, found.diameter / 2, found.diameter))
    return computed_in_turn(attainment, mixture, SIGMA0, STEPS), drawn


def paths(rows: Rows, chosen: dict[str, Any]) -> str:
    """The components, and the paths of the starts that are shown, as CSV."""
    sigmas, file = logarithmic(chosen["sigma0"], SIGMA_END, chosen["steps"]), io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["what", "number", "weight", "mean", "standard deviation", "step", "sigma", "x"])
    writer.writerows(["component", number, *row, "", "", ""] for number, row in enumerate(rows, start=1))
    starts = np.append(np.linspace(*DOMAIN, chosen["starts"]), chosen["drops"])
    for step, (sigma, places) in enumerate(
        zip(["", *sigmas], gnc_flow(one_dimensional(rows), starts[:, None], sigmas), strict=True)
    ):
        writer.writerows(["path", n, "", "", "", step, sigma, x] for n, x in enumerate(places[:, 0].tolist(), start=1))
    return file.getvalue()


def controls() -> Rows:
    preset = st.selectbox(
        "Mixture", list(ROWS), on_change=discard_edits, **in_url("mixture"),
        help="A Gaussian mixture as the density of the data; edit its components below, or drag them in the plot.",
    )  # fmt: skip
    st.caption(PRESET_TEXTS[preset])
    st.markdown("**Components**", help="Weights are normalised to sum to one. A standard deviation of 0 is a Dirac component. "
                "Means lie in the domain [−1, 1].")  # fmt: skip
    table = st.container()  # filled last: a table that cannot be read must not hide the button
    st.button("Reset", on_click=reset, help="The components of the preset, and the plot as it was.", key="reset-line")
    with table:
        return component_table(preset)


def show_thresholds(found: Thresholds) -> None:
    half = "D/2" if found.half_diameter is not None else "D/2 (equal widths only)"
    for name, sigma, text in (
        ("Exact threshold", found.critical, "E(·, σ) is convex on the domain for every σ above it: the largest root of the "
         "smallest curvature over x; 0 where that is never negative."),
        (half, found.diameter / 2, "Half the largest distance of two means. By Popoviciu's inequality E(·, σ) is convex for "
         "σ ≥ D/2 when all components have the same covariance; otherwise it is no bound."),
        ("Paper's bound D", found.diameter, "The largest distance of two means. For σ ≥ D, E(·, σ) is convex between the "
         "outermost means, whatever the widths of the components; if they are equal, everywhere."),
    ):  # fmt: skip
        st.metric(name, f"{sigma:.3f}" if sigma == 0 or sigma >= 0.1 else f"{sigma:.3g}", width="content", help=text)


headline("One dimension", LESSON)
if "line_asked" in state:  # by an experiment
    discard_edits()
    set_to(**state.pop("line_asked"))
try:
    with st.sidebar:
        rows = controls()
    chosen = settings()
    found = bounds(rows)
except InputError as error:
    st.error(plain(str(error)))
    st.stop()

left, rest = st.columns(2, gap="small")
with left:
    drawn = {"rows": [list(row) for row in rows], **chosen}, found.critical
    line(*drawn, state.get("line_heard", 0), key=KEY, on_change=keep)
    files = {"html": partial(page_of, *drawn, "GNC in one dimension"), "csv": partial(paths, rows, chosen)}
    offer("flow", files, camera)
with rest:
    middle, right = st.columns(2, gap="small")
    with st.container(horizontal=True, gap="medium"):
        show_thresholds(found)
rate, curvature = landscape(rows)  # the plot on the left does not wait for it
with middle:
    st.markdown("**Attainment**", help="Share of 401 starts that attain the global minimum, over σ₀ and the number of "
                "steps of the logarithmic schedule. The ring is the setting of this page; a click sets it.")  # fmt: skip
    figure = attainment_figure(SIGMA0, STEPS, rate, (chosen["sigma0"], chosen["steps"]), found.critical)
    show(figure, "attainment", "attainment", on_select=take_cell, selection_mode="points")
with right:
    st.markdown("**Smallest curvature**", help="min E″(x, σ) over the domain; where it is negative (dotted), E(·, σ) is not "
                "convex. The scale is linear near zero and logarithmic far from it.")  # fmt: skip
    show(curvature, "curvature", "smallest curvature")
