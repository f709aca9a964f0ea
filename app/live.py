"""A chart that changes while it is looked at."""

import streamlit as st

from app.drawing import show
from app.figures.common import Figure


class LiveChart:
    """A place for figures of one run that follow each other. Streamlit builds a chart anew for every change, and shows nothing
    meanwhile: so there are two in one place, the older of which disappears once the newer is there."""

    def __init__(self, key: str) -> None:
        self._key, self._count = key, 0
        box = st.container(key=f"{key}-charts")
        with box:
            self._style, *self._slots = st.empty(), st.empty(), st.empty()

    def show(self, figure: Figure, name: str | None = None) -> None:
        """Draws the next one; name: that of its files, of one that stays."""
        older, newer = f"{self._key}-{self._count}", f"{self._key}-{self._count + 1}"
        self._count += 1
        both = f".st-key-{self._key}-charts"
        self._style.html(
            f"<style>{both} {{ display: grid; grid-template-columns: minmax(0, 1fr); }} "
            f"{both} > * {{ grid-area: 1 / 1; width: 100%; }} "
            f"{both}:has(.st-key-{newer} .main-svg) .st-key-{older} {{ visibility: hidden; }}</style>"
        )
        with self._slots[self._count % 2].container():
            show(figure, newer, name)
