"""Figures of the page "Energy landscape": a plane of images with a slider over the smoothing, and a line over all smoothings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.figures.curvature import log_ticks
from app.figures.one_dimension import GRID_LINE, MARK

PLAY_SECONDS = 5.0
HEIGHT = 460
MINIMUM = "rgb(230, 80, 40)"
# Told apart by dashes and symbols, too: not everybody sees their colours.
STYLES = [("rgb(255, 255, 255)", "solid", "circle"), ("rgb(255, 150, 60)", "dash", "square"),
          ("rgb(255, 110, 180)", "dot", "diamond")]  # fmt: skip


@dataclass(frozen=True)
class Mark:
    """An image by its place in the plane (or on the line, b = 0)."""

    name: str
    a: float
    b: float


@dataclass(frozen=True)
class Track:
    """A scheme: the places of its images along the line, its smoothings, and how far from the line they are: (S + 1,)."""

    name: str
    a: np.ndarray
    sigma: np.ndarray
    off: np.ndarray


def plane_figure(
    a: np.ndarray, b: np.ndarray, sigma: np.ndarray, energy: np.ndarray, minima: Sequence[np.ndarray],
    titles: tuple[str, str], marks: Sequence[Mark],
) -> go.Figure:  # fmt: skip
    """R over (a, b) above its smallest value there, (K, B, A), as a surface and as a map, sigma (K,) on a slider.

    minima: for each level the indices (M, 2) of the local minima in (b, a). titles: of the two directions."""
    figure = make_subplots(
        1, 2, specs=[[{"type": "scene"}, {"type": "xy"}]], column_widths=[0.5, 0.5], horizontal_spacing=0.14
    )
    height = (energy - energy.min((1, 2), keepdims=True)).astype(np.float32)
    a, b = a.astype(np.float32), b.astype(np.float32)
    for trace, column in zip(_level(a, b, height[0], minima[0]), (1, 1, 2, 2), strict=True):
        figure.add_trace(trace, row=1, col=column)
    figure.add_scatter(
        x=[mark.a for mark in marks], y=[mark.b for mark in marks], text=[mark.name for mark in marks],
        mode="markers+text", textposition="bottom center", textfont={"color": "white", "size": 13}, showlegend=False,
        hoverinfo="text", row=1, col=2,
        marker={"symbol": "cross", "size": 9, "color": "white", "line": {"color": "black", "width": 1}},
    )  # fmt: skip
    figure.frames = [
        go.Frame(name=str(k), data=_level(a, b, height[k], minima[k]), traces=[0, 1, 2, 3]) for k in range(len(sigma))
    ]
    figure.update_xaxes(title=f"a, {titles[0]}", range=[a[0], a[-1]], constrain="domain", zeroline=False)
    figure.update_yaxes(range=[b[0], b[-1]], zeroline=False)
    figure.add_annotation(  # above the axis: beside it, it would lie on the surface where the page is narrow
        x=a[0],
        y=1,
        yref="y domain",
        text=f"b, {titles[1]}",
        showarrow=False,
        xanchor="left",
        yanchor="bottom",
        row=1,
        col=2,
    )
    figure.update_scenes(
        xaxis={"title": "a", "nticks": 5}, yaxis={"title": "b", "nticks": 5}, zaxis={"title": "R − min R", "nticks": 5},
        aspectmode="manual", aspectratio={"x": 1, "y": 1, "z": 0.7},
        camera={"eye": {"x": -0.75, "y": -1.85, "z": 0.95}, "center": {"z": -0.12}},
    )  # fmt: skip
    texts = [f"{level:.3g}: {len(found)} local minim{'um' if len(found) == 1 else 'a'}"
             for level, found in zip(sigma, minima, strict=True)]  # fmt: skip
    _add_slider(figure, texts)
    return figure.update_layout(height=HEIGHT, margin={"l": 0, "r": 10, "t": 26, "b": 10}, hovermode="closest")


def _level(a: np.ndarray, b: np.ndarray, height: np.ndarray, minima: np.ndarray) -> list:
    """What moves with sigma: the surface and the map, and the minima on both."""
    i, j = minima.T if len(minima) else (np.zeros(0, int), np.zeros(0, int))
    hover = "a = %{x:.3g}, b = %{y:.3g}: %{z:.4g}<extra></extra>"
    dot = {"color": MINIMUM, "line": {"color": "white", "width": 1.5}}
    lift = 0.01 * float(height.max())  # so that a surface does not hide half of a point on it
    return [
        go.Surface(x=a, y=b, z=height, colorscale="Viridis", showscale=False, hovertemplate=hover,
                   contours={"z": {"show": True, "color": "rgba(255, 255, 255, 0.35)", "width": 1}}),
        go.Scatter3d(x=a[j], y=b[i], z=height[i, j] + lift, mode="markers", marker={**dot, "size": 5}, showlegend=False,
                     hoverinfo="skip"),
        go.Contour(x=a, y=b, z=height, colorscale="Viridis", ncontours=24, hovertemplate=hover,
                   line={"width": 0.7, "color": "rgba(255, 255, 255, 0.4)"}, contours={"coloring": "heatmap"},
                   colorbar={"title": {"text": "R − min R", "side": "right"}, "thickness": 12, "outlinewidth": 0}),
        go.Scatter(x=a[j], y=b[i], mode="markers", marker={**dot, "size": 11}, showlegend=False, name="local minimum",
                   hovertemplate="local minimum: a = %{x:.3g}, b = %{y:.3g}<extra></extra>"),
    ]  # fmt: skip


def _add_slider(figure: go.Figure, texts: Sequence[str]) -> None:
    """Play, pause and a slider over the levels; all of it runs in the browser. Surfaces and maps have to be drawn anew."""
    at_once = {"mode": "immediate", "transition": {"duration": 0}}
    still = at_once | {"frame": {"duration": 0, "redraw": True}}
    play = at_once | {"fromcurrent": True, "frame": {"duration": 1000 * PLAY_SECONDS / len(texts), "redraw": True}}
    figure.update_layout(
        updatemenus=[{
            "type": "buttons", "direction": "left", "showactive": False, "x": 0, "y": 0, "xanchor": "left", "yanchor": "top",
            "pad": {"t": 46}, "buttons": [
                {"label": "▶ Play", "method": "animate", "args": [None, play]},
                {"label": "❚❚ Pause", "method": "animate", "args": [[None], still]},
            ],
        }],
        sliders=[{
            "x": 0, "len": 1, "y": 0, "pad": {"t": 78}, "ticklen": 0, "minorticklen": 0,
            "currentvalue": {"prefix": "smoothing σ = ", "xanchor": "right", "offset": 14, "font": {"size": 15, "color": MARK}},
            "font": {"color": "rgba(0, 0, 0, 0)", "size": 1},  # no label under every tick
            "steps": [
                {"label": text, "method": "animate", "args": [[str(k)], still]} for k, text in enumerate(texts)
            ],
        }],
    )  # fmt: skip


def descent_figure(
    a: np.ndarray, sigma: np.ndarray, energy: np.ndarray, title: str, marks: Sequence[Mark], tracks: Sequence[Track]
) -> go.Figure:
    """R over (a, sigma), (K, A), with the smoothing that each image prefers, and the paths of schemes, a step a point."""
    # The map is drawn over log sigma: plotly's contours on a logarithmic axis are drawn between the wrong places.
    s = np.log10(sigma)
    figure = go.Figure(
        go.Contour(
            x=a.astype(np.float32), y=s.astype(np.float32), z=energy.astype(np.float32), colorscale="Viridis", ncontours=30,
            line={"width": 0.7, "color": "rgba(255, 255, 255, 0.4)"}, contours={"coloring": "heatmap"}, showlegend=False,
            colorbar={"title": {"text": "R(x + a d, σ)", "side": "right"}, "thickness": 12, "outlinewidth": 0},
            customdata=np.broadcast_to(sigma[:, None], energy.shape).astype(np.float32),
            hovertemplate="a = %{x:.3g}, σ = %{customdata:.3g}: %{z:.6g}<extra></extra>",
        )
    )  # fmt: skip
    valley = energy.argmin(0)
    figure.add_scatter(
        x=a, y=s[valley], mode="lines", name="lowest R at this a", line={"color": "black", "width": 2, "dash": "dot"},
        customdata=sigma[valley], hovertemplate="a = %{x:.3g}: R is lowest at σ = %{customdata:.3g}<extra></extra>",
    )  # fmt: skip
    for number, track in enumerate(tracks):
        colour, dash, symbol = STYLES[number % len(STYLES)]
        figure.add_scatter(
            x=track.a, y=np.log10(track.sigma), mode="lines+markers", name=track.name,
            line={"color": colour, "width": 2.5, "dash": dash},
            marker={"symbol": symbol, "size": 9, "color": colour, "line": {"color": "black", "width": 1}},
            customdata=np.stack([np.arange(len(track.a)), track.sigma, track.off], 1),
            hovertemplate="step %{customdata[0]}: a = %{x:.3g}, σ = %{customdata[1]:.3g}, %{customdata[2]:.3g} from the line",
        )  # fmt: skip
    for mark in marks:
        figure.add_vline(mark.a, line={"color": "white", "width": 1, "dash": "dash"})
        figure.add_annotation(x=mark.a, y=1, yref="paper", text=mark.name, showarrow=False, xanchor="left", yanchor="top",
                              font={"color": "white", "size": 13})  # fmt: skip
    ticks = log_ticks(sigma)
    reach = [[float(v.min()), float(v.max())] for v in (a, *(track.a for track in tracks))]
    figure.update_xaxes(
        title=f"a, {title}",
        range=[min(v[0] for v in reach), max(v[1] for v in reach)],
        zeroline=False,
        gridcolor=GRID_LINE,
    )
    figure.update_yaxes(
        title="smoothing σ", tickvals=np.log10(ticks), ticktext=[f"{t:g}" for t in ticks], range=[s[0], s[-1]], zeroline=False,
        gridcolor=GRID_LINE,
    )  # fmt: skip
    return figure.update_layout(
        height=HEIGHT, margin={"l": 60, "r": 10, "t": 10, "b": 10, "pad": 0}, hovermode="closest", plot_bgcolor="rgb(68, 1, 84)",
        legend={"orientation": "h", "y": -0.2, "yanchor": "top", "x": 0, "bgcolor": "rgba(128, 128, 128, 0.45)"},
    )  # fmt: skip
