"""Whether there is little room, as on a phone: only the browser knows."""

from pathlib import Path

import streamlit as st

_component = st.components.v2.component(
    "gnc-width", js=Path(__file__).with_name("width.js").read_text(encoding="utf-8"), html="<span></span>"
)


def is_narrow(key: str) -> bool:
    """Whether the place where this stands is narrower than 600 pixels. Wide until the browser says otherwise, which then runs
    the script once more."""
    found = _component(key=key, data={}, default={"narrow": False}, on_narrow_change=lambda: None)
    return bool(found.get("narrow", False))
