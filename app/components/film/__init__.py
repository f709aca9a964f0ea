"""Pictures in a row, one of them large, chosen by a slider that the browser moves."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

HERE = Path(__file__).parent
_component = st.components.v2.component(
    "gnc-film",
    js=HERE.joinpath("film.js").read_text(encoding="utf-8"),
    css=HERE.joinpath("film.css").read_text(encoding="utf-8"),
)


def film(pictures: Sequence[tuple[str, str]], size: tuple[int, int], key: str) -> None:
    """Pictures in their order, each a text and an address (`data:`), of the shape of `size` (width, height); the last one is
    shown first. Nothing goes back to the server: the slider is the browser's."""
    texts, sources = zip(*pictures, strict=True)
    _component(key=key, data={"texts": texts, "sources": sources, "size": size})
