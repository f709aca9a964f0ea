"""The arrow keys, and those of a presenter's remote control."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

_component = st.components.v2.component(
    "gnc-keys", js=Path(__file__).with_name("keys.js").read_text(encoding="utf-8"), html="<span></span>"
)


def keys(key: str, on_move: Callable[[], None]) -> None:
    """Calls `on_move` when a key goes on (right, page down) or back (left, page up); `st.session_state[key]["move"]` is 1 or -1
    then. Keys that a control has the focus for are left to it."""
    _component(key=key, data={}, on_move_change=on_move)
