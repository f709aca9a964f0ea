"""Figures on a page: encoded once, sent as they are, and saved as PNG, SVG, CSV or HTML."""

import base64
import csv
import io
from collections.abc import Callable, Mapping
from functools import cache, partial
from html import escape
from typing import Any

import numpy as np
import orjson
import plotly.io
import streamlit as st
from plotly.basedatatypes import BaseFigure
from streamlit.delta_generator import DeltaGenerator

from app.figures.common import PICTURE, Figure

# Plotly's bar appears at the upper right while the mouse is on a figure: few buttons leave the titles, on the left, free. A drag
# zooms, one with the shift key pans.
REMOVED = ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d", "zoom2d", "pan2d", "resetCameraLastSave3d",
           "orbitRotation", "tableRotation", "zoom3d", "pan3d"]  # fmt: skip
# What is offered to be saved: kinds of files, and what is in them.
FILES = {
    "html": ("text/html", "With its animation, on its own."),
    "csv": ("text/csv", "The numbers of all its curves and maps."),
}
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
        offer(name, {"html": partial(html_of, drawn, name), "csv": partial(csv_of, drawn)})
    picture = {"format": st.session_state.get("picture", "png"), "filename": name or key, "scale": 2}
    config = {"displaylogo": False, "modeBarButtonsToRemove": REMOVED, "toImageButtonOptions": picture}
    return place.plotly_chart(drawn, key=key, config=config | options.pop("config", {}), **options)


def offer(name: str, files: Mapping[str, Callable[[], str]], picture: Callable[[str, str], None] | None = None) -> None:
    """Something that is drawn can be saved from the page's save button: `files` by their endings ("html", "csv"), each made when
    it is asked for. picture: draws a button, of a name and a key, that saves it as PNG; figures of `show` have their camera."""
    st.session_state.setdefault("figures", {})[name] = files, picture


def save_controls(place: DeltaGenerator | None) -> None:
    """What a page's figures can be saved as; to be called when they have been drawn."""
    figures = st.session_state.get("figures", {})
    if place is None:
        return
    # Without figures it is there too: the buttons beside it do not move when there are some.
    with place.popover("", icon=":material/download:", help="Save the figures of this page.", disabled=not figures):
        if any(picture is None for _, picture in figures.values()):
            st.segmented_control(
                "The camera of each figure saves it as", ["png", "svg"], default="png", required=True, key="picture",
                format_func=str.upper, help="The camera appears at the figure's upper right while the mouse is on it.",
            )  # fmt: skip
        for name, (files, picture) in figures.items():
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(name, width=150)
                if picture is not None:
                    picture(name, f"save {name} png")
                for ending, make in files.items():
                    st.download_button(
                        ending.upper(), make, f"{name}.{ending}", FILES[ending][0], on_click="ignore",
                        key=f"save {name} {ending}", help=FILES[ending][1],
                    )  # fmt: skip


# --- files -------------------------------------------------------------------------------------------------------


def html_of(drawn: Drawn, title: str) -> str:
    """A page that holds the figure, its animation, and plotly itself: it needs no network."""
    figure = drawn.plain()
    figure["layout"] |= {"template": plotly.io.templates["plotly_white"].to_plotly_json(), "title": {"text": title}}
    figure["layout"]["margin"] = figure["layout"].get("margin", {}) | {"t": 60}
    page = plotly.io.to_html(figure, include_plotlyjs=True, validate=False, auto_play=False)
    return page.replace("<head>", f"<head><title>{escape(title)}</title>", 1)


def csv_of(drawn: Drawn) -> str:
    """The numbers of all traces, and of all frames: a row a point, or a row a cell of a map."""
    figure, file = drawn.plain(), io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["frame", "trace", "x", "y", "z"])
    still = figure["data"]
    parts = [("", number, trace) for number, trace in enumerate(still)]
    for frame in figure["frames"]:  # they hold only what moves; the rest is that of the trace
        numbers = frame.get("traces", range(len(frame["data"])))
        parts += [
            (frame.get("name", ""), n, still[n] | moved) for n, moved in zip(numbers, frame["data"], strict=False)
        ]
    for frame, number, trace in parts:
        if trace.get("meta") == PICTURE:
            continue
        name = trace.get("name", f"{trace.get('type', 'scatter')} {number + 1}")
        x, y, z = (_array(trace.get(axis)) for axis in "xyz")
        if z is not None and z.ndim == 2:
            x = np.arange(z.shape[1]) if x is None else x
            y = np.arange(z.shape[0]) if y is None else y
            x = np.broadcast_to(x if x.ndim == 2 else x[None], z.shape)
            y = np.broadcast_to(y if y.ndim == 2 else y[:, None], z.shape)
        elif x is None and y is not None:
            x = np.arange(len(y))
        columns = [column.ravel().tolist() for column in (x, y, z) if column is not None]
        writer.writerows([frame, name, *row] for row in zip(*columns, strict=False))
    return file.getvalue()


def _array(value: Any) -> np.ndarray | None:
    """The numbers behind a list, or plotly's base64."""
    if isinstance(value, dict):
        array = np.frombuffer(base64.b64decode(value["bdata"]), f"<{value['dtype']}")
        return array.reshape([int(n) for n in value["shape"].split(",")]) if "shape" in value else array
    return None if value is None else np.asarray(value)
