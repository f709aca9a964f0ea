"""An energy that sharpens while points roll into place, computed in the browser."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

HERE = Path(__file__).parent
_component = st.components.v2.component(
    "gnc-rolling",
    js=HERE.parent.joinpath("mixture.js").read_text("utf-8") + HERE.joinpath("rolling.js").read_text("utf-8"),
    css=HERE.joinpath("rolling.css").read_text("utf-8"),
)


def rolling(rows: Sequence[Sequence[float]], schedule: Sequence[float], starts: Sequence[float], key: str) -> None:
    """Plays the GNC flow from `starts` in [-1, 1] once, with a slider over its steps. Who wants less motion sees the last one.

    rows: (weight, mean, standard deviation) of a Gaussian mixture. schedule: the sigma of every step, all positive.
    """
    # No dictionary: Streamlit would load pandas to see whether its values are tables.
    _component(key=key, data=[[list(row) for row in rows], list(schedule), list(starts)])
