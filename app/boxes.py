"""Boxes of missing pixels: drawn on the image with a drag, or entered in a table beside it; they are kept in the URL."""

import pandas as pd
import streamlit as st

from app.drawing import show
from app.figures.restoration import box_figure
from app.scenes import Box, Scene, picture
from app.session import from_url, to_url
from gnc_core import images
from gnc_core.errors import InputError


def _of_link() -> list[list[int]]:
    """The boxes in the URL; raises `InputError` for anything but rows of four numbers."""
    rows = from_url("boxes", [])
    whole = isinstance(rows, list) and all(
        isinstance(row, list) and len(row) == 4 and all(isinstance(value, int) and abs(value) < 10**6 for value in row)
        for row in rows
    )
    if not whole:
        raise InputError("The boxes in this link cannot be read; each needs left, top, width and height.")
    return rows


def boxes_of_link() -> tuple[Box, ...]:
    """The boxes in the URL; raises `InputError` for anything but rows of four numbers."""
    return _boxes(_of_link())


def set_boxes(rows: list[list[int]]) -> None:
    """Other boxes than the table's own edits make: a table with a new key starts from them."""
    st.session_state.box_version = st.session_state.get("box_version", 0) + 1
    to_url("boxes", rows or None)


def box_editor(scene: Scene, data: bytes | None) -> tuple[Box, ...]:
    """The boxes: drawn on the image with a drag, or entered in the table beside it."""
    left, right = st.columns([3, 2])
    with right:
        boxes = box_table()
    with left:
        draw_boxes(scene, data, boxes)
    return boxes


def box_table() -> tuple[Box, ...]:
    """The boxes as a table; its complete rows are kept in the URL."""
    key = f"box-table {st.session_state.get('box_version', 0)}"
    if key not in st.session_state:
        st.session_state.box_rows = _of_link()
    columns = ["left", "top", "width", "height"]
    number = st.column_config.NumberColumn
    st.caption("Drag a rectangle on the image, or enter it here, in pixels of the shown image.")
    edited = st.data_editor(
        pd.DataFrame(st.session_state.box_rows, columns=columns, dtype="Int64"), key=key,
        num_rows="dynamic", hide_index=True,
        column_config={
            name: number(name.capitalize(), min_value=0 if name in columns[:2] else 1, required=True, step=1)
            for name in columns
        },
    )  # fmt: skip
    rows = edited.dropna().astype(int).values.tolist()
    to_url("boxes", rows or None)
    st.button(
        "Remove all boxes", on_click=set_boxes, args=([],), disabled=not rows, help="An empty table, to start again."
    )
    return _boxes(rows)


def draw_boxes(scene: Scene, data: bytes | None, boxes: tuple[Box, ...]) -> None:
    """The image to draw boxes on; every box that is drawn becomes a row of the table."""
    image, _ = picture(scene.source, scene.longest, scene.color, scene.degraded, data)
    height, width = image.shape[-2:]
    key = f"draw {st.session_state.get('box_version', 0)}"

    def add() -> None:
        drawn = st.session_state[key]["selection"]["box"]
        new = [box for box in (_pixels(b["x"], b["y"], width, height) for b in drawn) if box is not None]
        if new:
            set_boxes([*map(list, boxes), *new])

    figure = box_figure(images.to_png(image), (width, height), boxes)
    show(figure, key, on_select=add, selection_mode="box", config={"displayModeBar": False})


def _pixels(x: list[float], y: list[float], width: int, height: int) -> list[int] | None:
    """The pixels whose centres lie in a drawn box, as [left, top, width, height]."""
    left, right = max(0, round(min(x))), min(width - 1, round(max(x)))
    top, bottom = max(0, round(min(y))), min(height - 1, round(max(y)))
    return [left, top, right - left + 1, bottom - top + 1] if left <= right and top <= bottom else None


def _boxes(rows: list[list[int]]) -> tuple[Box, ...]:
    return tuple((row[0], row[1], row[2], row[3]) for row in rows)
