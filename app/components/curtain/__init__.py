"""Two pictures, one over the other, with a handle between them that the browser moves."""

from pathlib import Path

import streamlit as st

HERE = Path(__file__).parent
_component = st.components.v2.component(
    "gnc-curtain",
    js=HERE.joinpath("curtain.js").read_text(encoding="utf-8"),
    css=HERE.joinpath("curtain.css").read_text(encoding="utf-8"),
)


def curtain(left: tuple[str, str], right: tuple[str, str], size: tuple[int, int], key: str) -> None:
    """The left and the right picture, each a title and an address (`data:`), of `size` (width, height). Nothing goes back to the
    server: the handle is the browser's."""
    titles, sources = zip(left, right, strict=True)
    _component(key=key, data={"titles": titles, "sources": sources, "size": size})
