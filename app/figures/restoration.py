"""Figures of the page "Restore an image": linked image panels, boxes to draw, energy and PSNR over the steps."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

GRID_LINE = "rgba(128, 128, 128, 0.18)"
# Apart for colour-blind people, on white and on black (after Wong, 2011).
LINES = [
    "rgb(0, 114, 178)", "rgb(213, 94, 0)", "rgb(0, 158, 115)", "rgb(204, 121, 167)", "rgb(230, 159, 0)", "rgb(86, 180, 233)",
    "rgb(128, 128, 128)", "rgb(160, 110, 60)",
]  # fmt: skip
HOVER = "x %{x}, y %{y}: %{z[0]}, %{z[1]}, %{z[2]} of 255<extra></extra>"
TITLES = 40  # pixels that the titles of the panels need above and below them
TRUE = "rgb(128, 128, 128)"
MISSING = "rgba(215, 25, 40, 0.35)"
CURVES = 350  # pixels of the curves, without their legend


@dataclass(frozen=True)
class Curve:
    """A run: its steps from 0, the energy and the sigma of each, and its PSNR (None without a truth). A method without steps has
    one of each. estimate, told: the noise level that a blind run has found, and the true one, where they are known."""

    name: str
    steps: Sequence[int]
    energy: Sequence[float]
    sigma: Sequence[float]
    psnr: Sequence[float] | None
    estimate: float | None = None
    told: float | None = None


def comparison_figure(panels: Sequence[tuple[str, bytes]], size: tuple[int, int]) -> go.Figure:
    """Images side by side that zoom and pan together; `panels` are titles and PNG files of `size` (width, height)."""
    figure = make_subplots(
        1, len(panels), subplot_titles=[title for title, _ in panels], horizontal_spacing=0.012,
        shared_xaxes="all", shared_yaxes="all",
    )  # fmt: skip
    for column, (title, png) in enumerate(panels, start=1):
        figure.add_trace(_image(png, title), row=1, col=column)
    width, height = size
    _pixel_axes(figure, width, height)
    _titles_left(figure)
    return figure.update_layout(
        margin={"l": 4, "r": 4, "t": TITLES - 8, "b": 8}, dragmode="zoom", hovermode="closest",
        modebar_orientation="v",  # across, it reaches to the title of the last panel on a narrow screen
    )  # fmt: skip


def box_figure(png: bytes, size: tuple[int, int], boxes: Iterable[Sequence[int]]) -> go.Figure:
    """The image with its missing `boxes` (left, top, width, height); drag to select another one."""
    width, height = size
    figure = go.Figure(_image(png, ""))
    # Plotly selects points only: one that is not seen, so that there is something to select from.
    figure.add_scatter(x=[-0.5], y=[-0.5], mode="markers", marker={"opacity": 0, "size": 1}, hoverinfo="skip")
    for left, top, box_width, box_height in boxes:
        figure.add_shape(
            type="rect", x0=left - 0.5, y0=top - 0.5, x1=left + box_width - 0.5, y1=top + box_height - 0.5,
            fillcolor=MISSING, line={"color": "rgb(215, 25, 40)", "width": 1},
        )  # fmt: skip
    _pixel_axes(figure, width, height)
    return figure.update_layout(
        height=round(min(420, max(200, 600 * height / width))), showlegend=False,
        margin={"l": 4, "r": 4, "t": 8, "b": 8}, dragmode="select",
    )  # fmt: skip


def difference_figure(panels: Sequence[tuple[str, np.ndarray]]) -> go.Figure:
    """Differences of images, titles and arrays (H, W) in units of [0, 1], as linked panels on one diverging scale, in 1/255.

    The scale covers all but a few of the values; what is beyond it has the colours of its ends."""
    whole = [(title, np.round(255 * values)) for title, values in panels]
    limit = max(1.0, *(float(np.quantile(np.abs(values), 0.995)) for _, values in whole))
    figure = make_subplots(
        1, len(panels), subplot_titles=[title for title, _ in panels], horizontal_spacing=0.012,
        shared_xaxes="all", shared_yaxes="all",
    )  # fmt: skip
    for column, (title, values) in enumerate(whole, start=1):
        kind = np.int8 if np.abs(values).max() <= 127 else np.int16  # a pixel is sent as one byte, where it fits
        figure.add_heatmap(
            z=values.clip(-32767, 32767).astype(kind), name=title, coloraxis="coloraxis",
            hovertemplate="x %{x}, y %{y}: %{z} of 255<extra></extra>", row=1, col=column,
        )  # fmt: skip
    height, width = panels[0][1].shape
    _titles_left(figure)
    _pixel_axes(figure, width, height)
    bar = {"title": {"text": "1/255", "side": "top"}, "thickness": 12, "tickformat": "+d"}
    axis = {"colorscale": "RdBu", "reversescale": True, "cmin": -limit, "cmax": limit, "colorbar": bar}
    return figure.update_layout(
        margin={"l": 4, "r": 4, "t": TITLES - 8, "b": 8}, dragmode="zoom", hovermode="closest", coloraxis=axis
    )


def curves_figure(curves: Sequence[Curve]) -> go.Figure:
    """Energy (and PSNR where the truth is known) over the steps, a line a run (the paper's Figure 4); below them sigma, if a run
    is blind. A method without steps is a dotted line at what it comes to."""
    blind = any(curve.estimate for curve in curves)
    with_psnr = any(curve.psnr is not None for curve in curves)
    titles = ["Energy at σ_min"] + ["PSNR (dB)"] * with_psnr + ["Smoothing σ"] * blind
    rows = {title: row for row, title in enumerate(titles, start=1)}
    figure = make_subplots(len(titles), 1, subplot_titles=titles, vertical_spacing=0.1, shared_xaxes="all")
    _titles_left(figure)
    last = max(len(curve.steps) for curve in curves) - 1
    for number, curve in enumerate(curves):
        single = len(curve.steps) == 1
        line = {
            "x": [0, max(last, 1)] if single else curve.steps, "mode": "lines" if single else "lines+markers",
            "name": escape(curve.name, quote=False), "legendgroup": str(number), "marker": {"size": 5},
            "line": {"color": LINES[number % len(LINES)], "width": 2, "dash": "dot" if single else "solid"},
            "customdata": curve.sigma,
        }  # fmt: skip
        hover = "" if single else "step %{x}, σ = %{customdata:.3g}: "
        for title, values, unit in (
            ("Energy at σ_min", curve.energy, "%{y:.6g}"),
            ("PSNR (dB)", curve.psnr, "%{y:.2f} dB"),
        ):
            if values is not None:
                figure.add_scatter(
                    **line, y=[*values] * (1 + single), hovertemplate=hover + unit, showlegend=title == titles[0],
                    row=rows[title], col=1,
                )  # fmt: skip
        if blind and not single:
            row = {"row": rows["Smoothing σ"], "col": 1}
            figure.add_scatter(**line, y=curve.sigma, hovertemplate="step %{x}: σ = %{y:.3g}", showlegend=False, **row)
            _levels(figure, curve, last, LINES[number % len(LINES)], row)
    _show_late_steps(figure, with_psnr)
    figure.update_xaxes(gridcolor=GRID_LINE, zeroline=False, rangemode="tozero", showticklabels=False)
    figure.update_xaxes(title={"text": "step", "standoff": 4}, showticklabels=True, row=len(titles), col=1)
    figure.update_yaxes(gridcolor=GRID_LINE, zeroline=False, exponentformat="SI")
    if blind:
        figure.update_yaxes(type="log", dtick=1, row=rows["Smoothing σ"], col=1)
    return figure.update_layout(
        height=CURVES + 80 * blind + 16 * len(curves),
        margin={"l": 50, "r": 10, "t": 26, "b": 10}, showlegend=True, hovermode="closest",
        legend={"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0, "font": {"size": 12}},
    )  # fmt: skip


def _levels(figure: go.Figure, curve: Curve, last: int, color: str, place: dict[str, int]) -> None:
    """The noise level that a blind run has found, in its colour, and the true one."""
    for level, text, where, dash in (
        (curve.estimate, "σₙ, estimated", "left", "dash"),
        (curve.told, "true σₙ", "right", "dot"),
    ):
        if level:
            figure.add_scatter(
                x=[0, last], y=[level, level], mode="lines+text",
                text=[f"{text}: {level:.3g}", ""] if where == "left" else ["", f"{text}: {level:.3g}"],
                textposition=["bottom right", "top left"],
                textfont={"size": 11}, line={"color": color if dash == "dash" else TRUE, "dash": dash, "width": 1.5},
                showlegend=False, hovertemplate=f"{text} {level:.4g}<extra></extra>", **place,
            )  # fmt: skip


def _show_late_steps(figure: go.Figure, with_psnr: bool) -> None:
    """Axes that fit the steps from the second on, where schemes differ; the first ones go far beyond. A double click
    shows them all."""
    for row, axis in ((1, "y"), (2, "y2"))[: 1 + with_psnr]:
        lines = [trace.y for trace in figure.data if trace.yaxis == axis and trace.mode != "lines"]
        late = [value for line in lines for value in line[2:]]
        single = [trace.y[0] for trace in figure.data if trace.yaxis == axis and trace.mode == "lines"]
        if lines and min(map(len, lines)) >= 5 and min(late) < max(late):
            late += single
            margin = 0.06 * (max(late) - min(late))
            figure.update_yaxes(range=[min(late) - margin, max(late) + margin], row=row, col=1)


def _titles_left(figure: go.Figure) -> None:
    """Titles of panels above their left ends: plotly's bar appears on the right."""
    for number, title in enumerate(figure.layout.annotations, start=1):
        axis = figure.layout[f"xaxis{number}" if number > 1 else "xaxis"]
        title.update(x=axis.domain[0], xanchor="left", font_size=14)


def data_uri(picture: bytes, kind: str = "png") -> str:
    """A picture's file as an address that holds it; kind: "png" or "jpeg"."""
    return f"data:image/{kind};base64," + base64.b64encode(picture).decode()


def _image(png: bytes, name: str) -> go.Image:
    """A picture as an encoded file: some hundred kilobytes, where a heatmap would send every number as text."""
    return go.Image(source=data_uri(png), name=name, hovertemplate=HOVER)


def _pixel_axes(figure: go.Figure, width: int, height: int) -> None:
    """Square pixels, row 0 at the top, no ticks; all panels follow each other."""
    hidden = {"showticklabels": False, "ticks": "", "showgrid": False, "zeroline": False, "constrain": "domain"}
    figure.update_xaxes(range=[-0.5, width - 0.5], constraintoward="left", **hidden)
    figure.update_yaxes(range=[height - 0.5, -0.5], scaleanchor="x", constraintoward="top", **hidden)
