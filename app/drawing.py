"""Figures on a page: encoded once, sent as they are, and saved as PNG, SVG, CSV or HTML."""

import base64
import csv
import io
from collections.abc import Mapping
from functools import cache, partial
from typing import Any

import numpy as np
import orjson
import plotly.io
import streamlit as st
from plotly.basedatatypes import BaseFigure
from streamlit.delta_generator import DeltaGenerator

from app.figures.common import Figure

# Plotly's bar appears at the upper right while the mouse is on a figure: few buttons leave the titles, on the left, free. A drag
# zooms, one with the shift key pans.
REMOVED = ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d", "zoom2d", "pan2d", "resetCameraLastSave3d",
           "orbitRotation", "tableRotation", "zoom3d", "pan3d"]  # fmt: skip
_KINDS = {
    "f8": "f8",
    "f4": "f4",
    "i8": "f8",
    "i4": "i4",
    "i2": "i2",
    "i1": "i1",
    "u8": "f8",
    "u4": "u4",
    "u2": "u2",
    "u1": "u1",
}


class Drawn(BaseFigure):
    """A figure in JSON already. Streamlit validates and copies whatever is no figure of plotly's; this one it asks for its
    dictionary, whose values are JSON, and puts them together."""

    def __init__(
        self, data: list[dict[str, bytes]], layout: dict[str, bytes], frames: bytes, height: int | None
    ) -> None:
        # Not plotly's own constructor, which would validate.
        self.__dict__["parts"] = data, layout, frames, height

    def __reduce__(self) -> tuple:
        return Drawn, self.__dict__["parts"]

    def to_dict(self) -> Figure:
        data, layout, frames, height = self.__dict__["parts"]
        shown: Figure = {
            "data": [{key: orjson.Fragment(value) for key, value in trace.items()} for trace in data],
            "layout": {key: orjson.Fragment(value) for key, value in layout.items()},
            "frames": orjson.Fragment(frames),
        }
        if height is not None:  # Streamlit reads this one
            shown["layout"]["height"] = height
        return shown

    def plain(self) -> Figure:
        """The figure as a plain dictionary, arrays in plotly's base64."""
        return orjson.loads(orjson.dumps(self.to_dict()))


def encoded(figure: Figure) -> Drawn:
    """A figure as it is sent. Cache what this returns, by the public inputs of the figure, where it takes time to make."""
    if isinstance(figure, BaseFigure):
        figure = figure.to_dict()
    layout = {key: _json(value) for key, value in figure["layout"].items()} | {"template": _template()}
    data = [{key: _json(value) for key, value in trace.items() if key != "uid"} for trace in figure["data"]]
    return Drawn(data, layout, _json(figure.get("frames", [])), figure["layout"].get("height"))


@cache
def _template() -> bytes:
    """Streamlit's, whose colours it replaces by those of the theme in the browser."""
    return _json(plotly.io.templates["streamlit"].to_plotly_json())


def _json(value: Any) -> bytes:
    return orjson.dumps(_packed(value), option=orjson.OPT_NON_STR_KEYS)


def _packed(value: Any) -> Any:
    """Arrays in base64, as plotly's own figures have them; bytes are no JSON, so that nobody else makes them."""
    if isinstance(value, np.ndarray):
        kind = _KINDS.get(value.dtype.str[1:])
        if kind is None or value.ndim > 2:
            return value.tolist()
        array = np.ascontiguousarray(value, dtype=f"<{kind}")
        spec = {"dtype": kind, "bdata": base64.b64encode(array).decode()}
        return spec | {"shape": ", ".join(map(str, array.shape))} if array.ndim == 2 else spec
    if isinstance(value, Mapping):
        return {key: _packed(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_packed(part) for part in value]
    return value.item() if isinstance(value, np.generic) else value


# --- on the page -------------------------------------------------------------------------------------------------


def show(figure: Figure | Drawn, key: str, name: str | None = None, place: Any = st, **options: Any) -> Any:
    """Draws a figure; what a click selects is what this returns. name: that of its files; a figure without one, such as a frame
    of a run, is not offered to be saved. options: of `st.plotly_chart`."""
    drawn = figure if isinstance(figure, Drawn) else encoded(figure)
    if name:
        st.session_state.setdefault("figures", {})[name] = drawn
    picture = {"format": st.session_state.get("picture", "png"), "filename": name or key, "scale": 2}
    config = {"displaylogo": False, "modeBarButtonsToRemove": REMOVED, "toImageButtonOptions": picture}
    return place.plotly_chart(drawn, key=key, config=config | options.pop("config", {}), **options)


def save_controls(place: DeltaGenerator | None) -> None:
    """What a page's figures can be saved as; to be called when they have been drawn."""
    figures: dict[str, Drawn] = st.session_state.get("figures", {})
    if place is None or not figures:
        return
    with place.popover("", icon=":material/download:", help="Save the figures of this page."):
        st.segmented_control(
            "The camera of each figure saves it as", ["png", "svg"], default="png", required=True, key="picture",
            format_func=str.upper, help="The camera appears at the figure's upper right while the mouse is on it.",
        )  # fmt: skip
        for name, drawn in figures.items():
            row = st.container(horizontal=True, vertical_alignment="center")
            row.markdown(name, width=150)
            # What is behind a button is made when it is pressed.
            row.download_button("HTML", partial(html_of, drawn, name), f"{name}.html", "text/html", on_click="ignore",
                                key=f"save {name} html", help="With its animation, on its own.")  # fmt: skip
            row.download_button("CSV", partial(csv_of, drawn), f"{name}.csv", "text/csv", on_click="ignore",
                                key=f"save {name} csv", help="The numbers of all its curves and maps.")  # fmt: skip


# --- files -------------------------------------------------------------------------------------------------------


def html_of(drawn: Drawn, title: str) -> str:
    """A page that holds the figure, its animation, and plotly itself: it needs no network."""
    figure = drawn.plain()
    figure["layout"] |= {"template": plotly.io.templates["plotly_white"].to_plotly_json(), "title": {"text": title}}
    figure["layout"]["margin"] = figure["layout"].get("margin", {}) | {"t": 60}
    return plotly.io.to_html(figure, include_plotlyjs=True, validate=False, auto_play=False)


def csv_of(drawn: Drawn) -> str:
    """The numbers of all traces, and of all frames: a row a point, or a row a cell of a map."""
    figure, file = drawn.plain(), io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["frame", "trace", "x", "y", "z"])
    parts = [("", figure["data"])] + [(frame.get("name", ""), frame["data"]) for frame in figure["frames"]]
    for frame, traces in parts:
        for number, trace in enumerate(traces):
            name = trace.get("name", f"{trace.get('type', 'scatter')} {number + 1}")
            x, y, z = (_array(trace.get(axis)) for axis in "xyz")
            if z is not None and z.ndim == 2:
                x = np.arange(z.shape[1]) if x is None else x
                y = np.arange(z.shape[0]) if y is None else y
                x = np.broadcast_to(x if x.ndim == 2 else x[None], z.shape)
                y = np.broadcast_to(y if y.ndim == 2 else y[:, None], z.shape)
            columns = [column.ravel().tolist() for column in (x, y, z) if column is not None]
            writer.writerows([frame, name, *row] for row in zip(*columns, strict=False))
    return file.getvalue()


def _array(value: Any) -> np.ndarray | None:
    """The numbers behind a list, or plotly's base64."""
    if isinstance(value, dict):
        array = np.frombuffer(base64.b64decode(value["bdata"]), f"<{value['dtype']}")
        return array.reshape([int(n) for n in value["shape"].split(",")]) if "shape" in value else array
    return None if value is None else np.asarray(value)
