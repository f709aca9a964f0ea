"""A chart that changes while it is looked at."""

import plotly.graph_objects as go
import streamlit as st


def live_chart(key: str, figure: go.Figure) -> None:
    """Draws the next figure of a series. Streamlit builds a chart anew for every change, and shows nothing meanwhile: so
    there are two in one place, the older of which disappears once the newer is there."""
    state = st.session_state
    state.frames = [*state.get("frames", [])[-1:], figure]
    state.slot = 1 - state.get("slot", 0)
    older, newer = f".st-key-{key}-{1 - state.slot}", f".st-key-{key}-{state.slot}"
    both = f".st-key-{key}-charts"
    with st.container(key=f"{key}-charts"):
        st.html(
            f"<style>{both} {{ display: grid; grid-template-columns: minmax(0, 1fr); }} "
            f"{both} > * {{ grid-area: 1 / 1; width: 100%; }} "
            f"{both}:has({newer} .main-svg) {older} {{ visibility: hidden; }}</style>"
        )
        for slot in (0, 1):
            st.plotly_chart(state.frames[-1 if slot == state.slot else 0], key=f"{key}-{slot}")


def begin_series() -> None:
    """To be called before the first figure of another series: what the last one showed is forgotten."""
    st.session_state.frames = []
