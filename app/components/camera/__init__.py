"""A button that saves what another component has drawn on a canvas."""

from pathlib import Path

import streamlit as st

HERE = Path(__file__).parent
_camera = st.components.v2.component(
    "gnc-camera",
    html='<button type="button">PNG</button>',
    css=HERE.joinpath("camera.css").read_text(encoding="utf-8"),
    js=HERE.joinpath("camera.js").read_text(encoding="utf-8"),
)


def camera(name: str, key: str) -> None:
    """A button. A press of it is the event "gnc-save" of the document, with the name of the file, without its ending: whichever
    component has a picture listens to it, and saves that. All of it happens in the browser."""
    _camera(key=key, data={"name": name})
