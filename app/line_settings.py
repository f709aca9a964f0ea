"""What the page "One dimension" is set to: in its plot, table and URL, by experiments and by clicks on the attainment map."""

import math
from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from app.components.one_dimension import COUNTS, MOST_DROPS, MOST_STEPS, SIGMAS, VIEWS
from app.session import from_url, to_url
from gnc_core.errors import InputError
from gnc_core.mixture.tables import ROWS

KEY = "flow"  # of the component
COLUMNS = ["weight", "mean", "deviation"]
Rows = tuple[tuple[float, float, float], ...]
state = st.session_state


def _number(low: float, high: float) -> Callable[[Any], bool]:
    return lambda value: (
        type(value) in (int, float) and math.isfinite(value) and low <= value <= high
    )  # True is none here


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= high


def _one_of(values: tuple) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int | str) and value in values


def _drops(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= MOST_DROPS and all(map(_number(-1, 1), value))


# Names in the URL: what the component calls it, the default, what it must be, in words and as a test.
SETTINGS: dict[str, tuple[str, Any, str, Callable[[Any], bool]]] = {
    "sigma0": ("sigma0", 0.5, f"a number from {SIGMAS[0]:g} to {SIGMAS[1]:g}", _number(*SIGMAS)),
    "steps": ("steps", 32, f"a whole number from 1 to {MOST_STEPS}", _whole(1, MOST_STEPS)),
    "starts": ("starts", 41, f"one of {', '.join(map(str, COUNTS))}", _one_of(COUNTS)),
    "plot": ("view", "flow", f"one of {', '.join(VIEWS)}", _one_of(VIEWS)),
    "reached": ("step", 0, "a whole number from 0 on", _whole(0, 10**6)),
    "drops": ("drops", [], f"at most {MOST_DROPS} numbers from -1 to 1", _drops),
    "fixed": ("fixed", 0.05, f"a number from {SIGMAS[0]:g} to {SIGMAS[1]:g}", _number(*SIGMAS)),
    "probe": ("probe", 0.4, "a number from -1 to 1", _number(-1, 1)),
    "question": ("question", 0, "a whole number from 0 on", _whole(0, 10**6)),
}


def settings() -> dict[str, Any]:
    """All but the rows, as the component calls them: what the visitor has left here, else what the link says, else the defaults.
    The URL has what is not a default. Raises `InputError` for what a link cannot say."""
    kept, found = state.get("line_settings"), {}
    for name, (theirs, default, words, right) in SETTINGS.items():
        value = from_url(name, default) if kept is None else kept[theirs]
        if not right(value):
            raise InputError(f"What this link says about {name} must be {words}.")
        found[theirs] = value
    found["step"] = min(found["step"], found["steps"])
    state.line_settings = found
    for name, (theirs, default, _, _) in SETTINGS.items():
        to_url(name, None if found[theirs] == default else found[theirs])
    return found


def set_to(**values: Any) -> None:
    """By program: the defaults, but for these, as the component calls them."""
    state.line_settings = {theirs: default for theirs, default, _, _ in SETTINGS.values()} | values


def discard_edits() -> None:
    """Back to the components of the preset: a table with a new key forgets its edits."""
    edit(None)


def edit(rows: list[list[float]] | None) -> None:
    """Puts other rows into the table, or those of the preset."""
    state.table_version = state.get("table_version", 0) + 1
    if rows is None:
        state.pop("edited_rows", None)
    else:
        state.edited_rows = rows
    to_url("components", rows)


def reset() -> None:
    """Everything as it was when the page was opened without a link."""
    discard_edits()
    set_to()


def component_table(preset: str) -> Rows:
    """The editable table; rows that differ from the preset's are kept in the URL."""
    key = f"components {preset} {state.get('table_version', 0)}"
    original = [list(map(float, row)) for row in ROWS[preset]]
    if key not in state:  # a new preset, a link, components that were dragged, or back from another page
        state.table_rows = from_url("components", state.get("edited_rows", original))
    try:
        frame = pd.DataFrame(state.table_rows, columns=COLUMNS, dtype=float)
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
    state.edited_rows = rows
    to_url("components", None if rows == original else rows)
    return tuple(map(tuple, rows))


def keep() -> None:
    """What a visitor has set in the plot, and components that were dragged."""
    told: dict[str, Any] | None = state[KEY]["settings"]
    if told:
        state.line_heard = told["number"]
        state.line_settings = {theirs: told[theirs] for theirs, *_ in SETTINGS.values()}
        rows = [list(map(float, row)) for row in told["rows"]]
        if rows != state.get("edited_rows"):
            edit(rows)


def take_cell() -> None:
    """A click on the attainment map: sigma_0 and the number of steps of the cell."""
    points = state["attainment"]["selection"]["points"]
    if points and "line_settings" in state:
        sigma0, steps = float(f"{points[0]['x']:.3g}"), round(points[0]["y"])
        state.line_settings |= {"sigma0": min(max(sigma0, SIGMAS[0]), SIGMAS[1]), "steps": steps, "step": 0}
