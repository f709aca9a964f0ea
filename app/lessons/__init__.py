"""What pages teach: their texts, and experiments with what is to be seen. tests/claims computes every claim."""

from typing import Any

import streamlit as st

Experiments = dict[str, tuple[dict[str, Any], str]]


def lessons(text: str, experiments: Experiments) -> None:
    """The text, and a button for each experiment, which sets its controls (widgets by their keys) and says what to expect."""
    with st.expander("What this shows, and three experiments", icon=":material/help:"):
        st.markdown(text)
        for name, (settings, expected) in experiments.items():
            row = st.container(horizontal=True, vertical_alignment="center")
            row.button(name, on_click=st.session_state.update, args=(settings,), help="Sets the controls.", width=190)
            row.markdown(expected, width="stretch")
