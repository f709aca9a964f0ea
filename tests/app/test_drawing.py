"""Figures as they are sent and as they are saved."""

import base64
import csv
import io
import json
import pickle
import re
from typing import Any

import numpy as np
import orjson
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from app.drawing import Drawn, csv_of, encoded, html_of

NASTY = "</script><script>alert(1)</script><img src=x onerror=alert(2)> & \"'"


def figure(**more: Any) -> dict:
    return {
        "data": [{"type": "scatter", "name": "a", "x": np.arange(3.0), "y": np.array([1.0, np.nan, 3.0])}],
        "layout": more,
    }


def rows(drawn: Drawn) -> list[list[str]]:
    return list(csv.reader(io.StringIO(csv_of(drawn))))[1:]


def values(part: Any) -> Any:
    """Numbers as plotly reads them, from base64 or lists, NaN as None."""
    if isinstance(part, dict) and "bdata" in part:
        array = np.frombuffer(base64.b64decode(part["bdata"]), f"<{part['dtype']}")
        part = array.reshape([int(n) for n in part["shape"].split(",")] if "shape" in part else -1).tolist()
    if isinstance(part, dict):
        return {key: values(value) for key, value in part.items()}
    if isinstance(part, list):
        return [values(value) for value in part]
    return None if isinstance(part, float) and np.isnan(part) else part


# --- what is sent ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["f8", "f4", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1"])
def test_arrays_of_every_kind_are_those_of_plotly(kind: str) -> None:
    line = np.array([0, 1, 100]).astype(kind)
    plain = {"data": [{"type": "heatmap", "x": line, "z": np.stack([line, line[::-1]])}], "layout": {"height": 300}}
    sent, plotlys = encoded(plain).plain(), json.loads(go.Figure(plain).to_json())
    assert values(sent["data"]) == values(plotlys["data"])
    assert sent["layout"]["height"] == 300


def test_nan_lists_numbers_of_numpy_and_frames_are_those_of_plotly() -> None:
    plain = figure(annotations=[{"text": "σ", "x": np.float32(0.5), "y": np.int64(3)}])
    plain["data"].append(
        {"type": "scatter", "x": [1, 2.5], "y": (None, np.float64(2)), "customdata": np.ones((2, 2, 1))}
    )
    plain["data"].append({"type": "scatter", "x": np.array([True, False]), "text": np.array(["a", "b"])})
    plain["frames"] = [{"name": "0", "data": [{"type": "scatter", "y": np.array([np.nan, np.inf])}], "traces": [0]}]
    sent, plotlys = encoded(plain).plain(), json.loads(go.Figure(plain).to_json())
    assert values(sent["data"]) == values(plotlys["data"])
    assert values(sent["frames"]) == values(plotlys["frames"])
    for shown in (plotlys, sent):
        shown["layout"].pop("template")  # Streamlit's
    assert values(sent["layout"]) == values(plotlys["layout"])


def test_strided_and_swapped_arrays_keep_their_numbers() -> None:
    line = np.arange(12.0).reshape(3, 4)
    plain = {"data": [{"z": line.T}, {"z": line[::2, ::-1]}, {"x": np.arange(3, dtype=">f4")}], "layout": {}}
    first, second, third = encoded(plain).plain()["data"]
    assert values(first["z"]) == line.T.tolist()
    assert values(second["z"]) == line[::2, ::-1].tolist()
    assert values(third["x"]) == [0, 1, 2]


def test_streamlit_sends_what_was_encoded() -> None:
    def script() -> None:
        import numpy as np

        from app.drawing import encoded, show

        figure = {"data": [{"type": "scatter", "x": np.arange(2), "y": np.ones(2)}], "layout": {"height": 321}}
        show(encoded(figure), "one", "first")
        show(figure | {"frames": [{"name": "0", "data": [{"y": np.zeros(2)}]}]}, "two")

    app = AppTest.from_function(script).run()
    assert not app.exception
    specs = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    assert [values(spec["data"][0]["x"]) for spec in specs] == [[0, 1]] * 2
    assert values(specs[1]["frames"]) == [{"name": "0", "data": [{"y": [0, 0]}]}]
    assert specs[0]["layout"]["height"] == 321
    assert list(app.session_state.figures) == ["first"]  # without a name, it is not offered


def test_what_is_cached_survives_pickling() -> None:
    drawn = encoded(figure(height=200) | {"frames": [{"name": "0", "data": [{"y": np.zeros(3)}]}]})
    again = pickle.loads(pickle.dumps(drawn))
    assert isinstance(again, Drawn)
    assert orjson.dumps(again.to_dict()) == orjson.dumps(drawn.to_dict())


# --- CSV ---------------------------------------------------------------------------------------------------------


def test_a_curve_is_a_row_a_point() -> None:
    assert rows(encoded(figure())) == [["", "a", "0.0", "1.0"], ["", "a", "1.0", "nan"], ["", "a", "2.0", "3.0"]]


def test_a_curve_without_places_counts_its_points() -> None:
    assert rows(encoded({"data": [{"name": "b", "y": [5, 6]}], "layout": {}})) == [
        ["", "b", "0", "5"],
        ["", "b", "1", "6"],
    ]


@pytest.mark.parametrize("two_dimensional", [False, True])
def test_a_map_is_a_row_a_cell(two_dimensional: bool) -> None:
    x, y, z = np.array([1.0, 2, 3]), np.array([10.0, 20]), np.arange(6.0).reshape(2, 3)
    places = np.meshgrid(x, y) if two_dimensional else (x, y)
    found = rows(encoded({"data": [{"type": "surface", "x": places[0], "y": places[1], "z": z}], "layout": {}}))
    assert [[float(v) for v in row[2:]] for row in found] == [
        [1, 10, 0], [2, 10, 1], [3, 10, 2], [1, 20, 3], [2, 20, 4], [3, 20, 5]
    ]  # fmt: skip
    assert {row[1] for row in found} == {"surface 1"}


def test_a_map_without_places_counts_its_cells() -> None:
    found = rows(encoded({"data": [{"type": "heatmap", "name": "m", "z": np.array([[5, 6]], np.int8)}], "layout": {}}))
    assert found == [["", "m", "0", "0", "5"], ["", "m", "1", "0", "6"]]


def test_frames_have_the_places_of_the_traces_that_they_move() -> None:
    """Frames hold only what moves: what stays is that of the trace."""
    moving = {
        "data": [{"name": "still", "x": [9], "y": [9]}, {"name": "a", "x": np.arange(2.0), "y": np.zeros(2)}],
        "layout": {},
        "frames": [{"name": "7", "data": [{"y": np.array([5.0, 6.0])}], "traces": [1]}],
    }
    assert rows(encoded(moving))[-2:] == [["7", "a", "0.0", "5.0"], ["7", "a", "1.0", "6.0"]]
    level = {"type": "contour", "name": "R", "x": np.array([1.0, 2]), "y": np.array([3.0]), "z": np.zeros((1, 2))}
    moving = {"data": [level], "layout": {}, "frames": [{"name": "0", "data": [{"z": np.array([[7.0, 8.0]])}]}]}
    assert rows(encoded(moving))[-2:] == [["0", "R", "1.0", "3.0", "7.0"], ["0", "R", "2.0", "3.0", "8.0"]]


def test_pictures_and_traces_without_numbers_have_no_rows() -> None:
    assert rows(encoded({"data": [{"type": "image", "source": "data:image/png;base64,AA=="}], "layout": {}})) == []


# --- HTML --------------------------------------------------------------------------------------------------------


def test_the_page_is_whole_and_holds_the_frames() -> None:
    page = html_of(encoded(figure() | {"frames": [{"name": "frame 7", "data": [{"y": np.zeros(3)}]}]}), "curves")
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=", page)
    assert "frame 7" in page
    assert "<title>curves</title>" in page
    assert len(page) > 1_000_000  # plotly itself


def test_texts_in_a_figure_are_no_part_of_the_page() -> None:
    plain = figure(title={"text": NASTY}, annotations=[{"text": NASTY}])
    plain["data"][0]["name"] = NASTY
    plain["frames"] = [{"name": NASTY, "data": [{"y": np.zeros(3)}]}]
    page, harmless = html_of(encoded(plain), NASTY), html_of(encoded(figure()), "a")
    for tag in ("<script", "</script", "<img"):
        assert page.count(tag) == harmless.count(tag)
