"""Figures of the page "Restore an image": linked image panels, boxes to draw, energy and PSNR over the steps."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import plotly.graph_objects as go
from plotly.subplots import make_subplots

GRID_LINE = "rgba(128, 128, 128, 0.18)"
LINES = ["rgb(20, 90, 200)", "rgb(215, 85, 20)", "rgb(20, 130, 90)", "rgb(140, 70, 170)", "rgb(190, 150, 0)"]
HOVER = "x %{x}, y %{y}: %{z[0]}, %{z[1]}, %{z[2]} of 255<extra></extra>"
TITLES = 40  # pixels that the titles of the panels need above and below them
MISSING = "rgba(215, 25, 40, 0.35)"


@dataclass(frozen=True)
class Curve:
    """A run: its steps from 0, the energy and the sigma of each, and its PSNR (None without a truth)."""

    name: str
    steps: Sequence[int]
    energy: Sequence[float]
    sigma: Sequence[float]
    psnr: Sequence[float] | None


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
    for column, title in enumerate(figure.layout.annotations):  # left: the mode bar appears on the right
        title.update(x=figure.layout[f"xaxis{column + 1 if column else ''}"].domain[0], xanchor="left", font_size=14)
    return figure.update_layout(margin={"l": 4, "r": 4, "t": TITLES - 8, "b": 8}, dragmode="zoom", hovermode="closest")


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


def curves_figure(curves: Sequence[Curve]) -> go.Figure:
    """Energy (and PSNR where the truth is known) over the steps, a line a run (the paper's Figure 4)."""
    with_psnr = any(curve.psnr is not None for curve in curves)
    titles = ["Energy at σ_min", "PSNR (dB)"] if with_psnr else ["Energy at σ_min"]
    figure = make_subplots(1, len(titles), subplot_titles=titles, horizontal_spacing=0.09, shared_xaxes="all")
    for number, curve in enumerate(curves):
        line = {
            "x": curve.steps, "mode": "lines+markers", "name": escape(curve.name, quote=False), "legendgroup": str(number),
            "line": {"color": LINES[number % len(LINES)], "width": 2}, "marker": {"size": 5},
            "customdata": curve.sigma,
        }  # fmt: skip
        hover = "step %{x}, σ = %{customdata:.3g}: "
        figure.add_scatter(**line, y=curve.energy, hovertemplate=hover + "%{y:.6g}", row=1, col=1)
        if curve.psnr is not None:
            figure.add_scatter(
                **line, y=curve.psnr, hovertemplate=hover + "%{y:.2f} dB", showlegend=False, row=1, col=2
            )
    _show_late_steps(figure)
    figure.update_xaxes(title="step", gridcolor=GRID_LINE, zeroline=False, rangemode="tozero")
    figure.update_yaxes(gridcolor=GRID_LINE, zeroline=False, exponentformat="SI")
    return figure.update_layout(
        height=330, margin={"l": 50, "r": 10, "t": 36, "b": 10}, showlegend=True, hovermode="closest",
        legend={"orientation": "h", "y": -0.22, "yanchor": "top", "x": 0},
    )  # fmt: skip


def _show_late_steps(figure: go.Figure) -> None:
    """Axes that fit the steps from the second on, where schemes differ; the first ones go far beyond. A double click
    shows them all."""
    for column, axis in ((1, "y"), (2, "y2")):
        lines = [trace.y for trace in figure.data if trace.yaxis == axis]
        late = [value for line in lines for value in line[2:]]
        if lines and min(map(len, lines)) >= 5 and min(late) < max(late):
            margin = 0.06 * (max(late) - min(late))
            figure.update_yaxes(range=[min(late) - margin, max(late) + margin], row=1, col=column)


def data_uri(png: bytes) -> str:
    """A PNG file as an address that holds it."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _image(png: bytes, name: str) -> go.Image:
    """A picture as an encoded file: some hundred kilobytes, where a heatmap would send every number as text."""
    return go.Image(source=data_uri(png), name=name, hovertemplate=HOVER)


def _pixel_axes(figure: go.Figure, width: int, height: int) -> None:
    """Square pixels, row 0 at the top, no ticks; all panels follow each other."""
    hidden = {"showticklabels": False, "ticks": "", "showgrid": False, "zeroline": False, "constrain": "domain"}
    figure.update_xaxes(range=[-0.5, width - 0.5], constraintoward="left", **hidden)
    figure.update_yaxes(range=[height - 0.5, -0.5], scaleanchor="x", constraintoward="top", **hidden)
