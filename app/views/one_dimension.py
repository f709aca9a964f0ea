"""The page "GNC in one dimension": Figure 1 of the paper, live."""

import numpy as np
import pandas as pd
import streamlit as st
import torch

from app.drawing import show
from app.figures.one_dimension import attainment_figure, curvature_figure, flow_figure
from app.layout import headline
from app.lessons.one_dimension import LESSON, PRESET_TEXTS
from app.session import from_url, in_url, plain, to_url
from gnc_core.errors import InputError
from gnc_core.mixture.convexity import DOMAIN, resolving_points, smallest_curvature, thresholds
from gnc_core.mixture.examples import PRESETS, one_dimensional
from gnc_core.mixture.flow import SIGMA_END, TOLERANCE, attainment, gnc_flow, goals, spaced_steps
from gnc_core.restoration.schedules import logarithmic

COLUMNS = ["weight", "mean", "deviation"]
SHOWN_SIGMAS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)  # the smoothings whose energies are always shown
SIGMA0, STEPS = np.geomspace(0.01, 2, 40), spaced_steps(40, 256)


@st.cache_data(max_entries=64, show_spinner=False)
def landscape(rows: tuple[tuple[float, float, float], ...]) -> dict:
    """All that depends on the mixture alone: thresholds, curvature, the attainment map."""
    mixture = one_dimensional(rows)
    bounds = thresholds(mixture)
    sigmas = np.geomspace(0.01, 4, 120)
    if sigmas[0] < bounds.critical < sigmas[-1]:  # where the curve crosses zero
        sigmas = np.sort(np.append(sigmas, bounds.critical))
    return {
        "thresholds": bounds,
        "sigmas": sigmas,
        "curvature": smallest_curvature(mixture, sigmas),
        "rate": attainment(mixture, SIGMA0, STEPS),
    }


@st.cache_data(max_entries=64, show_spinner=False)
def flow(rows: tuple, sigma0: float, steps: int, count: int) -> tuple[dict, float]:
    """The arrays of `flow_figure`, and the attainment rate of this one setting."""
    mixture = one_dimensional(rows)
    schedule = logarithmic(sigma0, SIGMA_END, steps)
    x = torch.from_numpy(resolving_points(mixture, SIGMA_END, spaced=401))
    paths = gnc_flow(mixture, torch.linspace(*DOMAIN, count, dtype=x.dtype)[:, None], schedule)
    in_force = torch.tensor([*schedule, schedule[-1]], dtype=x.dtype)[:, None]
    minimisers = goals(mixture)
    levels = torch.tensor(SHOWN_SIGMAS, dtype=x.dtype)[:, None]
    arrays = {
        "x": x.numpy(),
        "levels": SHOWN_SIGMAS,
        "energies": mixture.energy(x[:, None], levels).numpy(),
        "schedule": in_force[:, 0].tolist(),
        "running": mixture.energy(x[:, None], in_force).numpy(),
        "paths": paths[..., 0].numpy(),
        "path_energies": mixture.energy(paths, in_force).numpy(),
        "attained": (paths[-1] - minimisers).abs().le(TOLERANCE).any(-1).numpy(),
        "minimisers": minimisers.tolist(),
    }
    return arrays, float(attainment(mixture, [sigma0], [steps])[0, 0])


def preset_rows(name: str) -> list[list[float]]:
    mixture = PRESETS[name]
    deviations = mixture.covariances.sqrt()
    table = torch.stack([mixture.weights, mixture.means[:, 0], deviations], 1)
    return table.numpy().round(6).tolist()


def discard_edits() -> None:
    """Back to the components of the preset: a table with a new key forgets its edits."""
    st.session_state.table_version = st.session_state.get("table_version", 0) + 1
    st.session_state.pop("edited_rows", None)
    to_url("components")


def component_table(preset: str) -> list:
    """The editable table; rows that differ from the preset's are kept in the URL."""
    key = f"components {preset} {st.session_state.get('table_version', 0)}"
    original = preset_rows(preset)
    if key not in st.session_state:  # a new preset, a link, or back from another page
        edited_before = st.session_state.get("edited_rows", original)
        st.session_state.table_rows = from_url("components", edited_before)
    try:
        frame = pd.DataFrame(st.session_state.table_rows, columns=COLUMNS, dtype=float)
    except (TypeError, ValueError, OverflowError):
        raise InputError(
            "The components in this link cannot be read: each needs a weight, a mean and a standard deviation."
        ) from None
    number = st.column_config.NumberColumn
    edited = st.data_editor(
        frame,
        key=key,
        num_rows="dynamic",
        hide_index=True,
        column_config={
            "weight": number("Weight", width=78, min_value=0.0, required=True, format="%.6g"),
            "mean": number("Mean", width=67, min_value=-1.0, max_value=1.0, required=True, format="%.6g"),
            "deviation": number("Std", width=62, min_value=0.0, required=True, format="%.6g"),
        },
    )
    rows = edited[COLUMNS].to_numpy(dtype=float).round(6).tolist()
    st.session_state.edited_rows = rows
    to_url("components", None if rows == original else rows)
    return rows


def controls() -> tuple[list, float, int, int]:
    preset = st.selectbox(
        "Mixture", list(PRESETS), on_change=discard_edits, **in_url("mixture"),
        help="A Gaussian mixture as the density of the data; edit its components below.",
    )  # fmt: skip
    st.caption(PRESET_TEXTS[preset])
    sigma0 = st.slider(
        "Initial smoothing σ₀", 0.01, 2.0, 0.5, 0.01, **in_url("sigma0"),
        help="Standard deviation of the Gaussian that smooths the density in the first step. "
        "Above the exact threshold the first energy is convex.",
    )  # fmt: skip
    steps = st.slider(
        "Steps S", 1, 256, 32, **in_url("steps"),
        help=f"Length of the logarithmic schedule from σ₀ down to {SIGMA_END:g}. Every step is "
        "x ← x − σ² ∇E(x, σ), the posterior mean at noise level σ.",
    )  # fmt: skip
    count = st.slider(
        "Trajectories shown", 5, 81, 41, 2, **in_url("starts"),
        help="Starts of the flow, equally spaced on [−1, 1]. The attainment rate always uses 401.",
    )  # fmt: skip
    st.markdown(
        "**Components**",
        help="Weights are normalised to sum to one. A standard deviation of 0 is a Dirac "
        "component. Means lie in the domain [−1, 1].",
    )
    table = st.container()  # filled last: a table that cannot be read must not hide the button
    st.button("Reset components", on_click=discard_edits, help="Back to those of the preset.")
    with table:
        rows = component_table(preset)
    return rows, sigma0, steps, count


def threshold(sigma: float) -> str:
    """Three decimals, or three digits of what is small."""
    return f"{sigma:.3f}" if sigma == 0 or sigma >= 0.1 else f"{sigma:.3g}"


headline("One dimension", LESSON)
try:
    with st.sidebar:
        rows, sigma0, steps, count = controls()
    table = tuple(map(tuple, rows))
    scene = landscape(table)
except InputError as error:
    st.error(plain(str(error)))
    st.stop()

arrays, rate = flow(table, sigma0, steps, count)
bounds = scene["thresholds"]
with st.container(horizontal=True, gap="medium"):
    st.metric(
        "Attainment here", f"{rate:.0%}", width="content",
        help=f"Share of 401 starts on [−1, 1] that end within {TOLERANCE:g} of a global minimum of "
        f"E(·, 0) (with Dirac components, of E(·, {SIGMA_END:g})), for σ₀ = {sigma0:g} and {steps} steps.",
    )  # fmt: skip
    st.metric(
        "Exact threshold", threshold(bounds.critical), width="content",
        help="E(·, σ) is convex on the domain for every σ above it: the largest root of the "
        "smallest curvature over x; 0 where that is never negative.",
    )  # fmt: skip
    st.metric(
        "D/2" if bounds.half_diameter is not None else "D/2 (equal widths only)",
        threshold(bounds.diameter / 2), width="content",
        help="Half the largest distance of two means. By Popoviciu's inequality E(·, σ) is convex for "
        "σ ≥ D/2 when all components have the same covariance; otherwise it is no bound.",
    )  # fmt: skip
    st.metric(
        "Paper's bound D", threshold(bounds.diameter), width="content",
        help="The largest distance of two means. For σ ≥ D, E(·, σ) is convex between the outermost means, whatever "
        "the widths of the components; if they are equal, everywhere.",
    )  # fmt: skip
show(flow_figure(**arrays), "flow", "flow")
with st.container(horizontal=True, horizontal_alignment="distribute"):
    with st.container(width=450):
        st.markdown(
            "**Attainment of the global minimum**",
            help="Share of 401 starts that attain it, over σ₀ and the number of steps. The ring is "
            "the setting of this page.",
        )
        show(
            attainment_figure(SIGMA0, STEPS, scene["rate"], (sigma0, steps), bounds.critical),
            "attainment", "attainment",
        )  # fmt: skip
    with st.container(width=450):
        st.markdown(
            "**Smallest curvature over x**",
            help="min E″(x, σ) over the domain; where it is negative (red), E(·, σ) is not convex. "
            "The scale is linear near zero and logarithmic far from it.",
        )
        half, D = bounds.diameter / 2, bounds.diameter
        show(
            curvature_figure(scene["sigmas"], scene["curvature"], bounds.critical, half, D),
            "curvature", "smallest curvature",
        )  # fmt: skip
