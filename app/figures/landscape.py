"""Figures of the page "Energy landscape": a plane of images with a slider over the smoothing, and a line over all smoothings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.figures.common import Figure, Part, axis, log_ticks, player, vertical

PLAY_SECONDS = 5.0
HEIGHT = 520
MINIMUM = "rgb(230, 80, 40)"
DOT = {"color": MINIMUM, "line": {"color": "white", "width": 1.5}}
CONTOURS = {"type": "contour", "colorscale": "Viridis", "contours": {"coloring": "heatmap"},
            "line": {"width": 0.7, "color": "rgba(255, 255, 255, 0.4)"}}  # fmt: skip
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
) -> Figure:  # fmt: skip
    """R over (a, b) above its smallest value there, (K, B, A), as a surface and as a map, sigma (K,) on a slider.

    minima: for each level the indices (M, 2) of the local minima in (b, a). titles: of the two directions."""
    height = (energy - energy.min((1, 2), keepdims=True)).astype(np.float32)
    a, b = a.astype(np.float32), b.astype(np.float32)
    moving = [_level(a, b, z, found) for z, found in zip(height, minima, strict=True)]
    place = {"x": a, "y": b, "hovertemplate": "a = %{x:.3g}, b = %{y:.3g}: %{z:.4g}<extra></extra>"}
    still = [
        {"colorscale": "Viridis", "showscale": False, **place,
         "contours": {"z": {"show": True, "color": "rgba(255, 255, 255, 0.35)", "width": 1}}},
        {"mode": "markers", "marker": DOT | {"size": 5}, "hoverinfo": "skip",
         "name": "local minimum, on the surface"},
        CONTOURS | place | {"ncontours": 24, "colorbar": _bar("R − min R")},
        {"mode": "markers", "marker": DOT | {"size": 11}, "name": "local minimum",
         "hovertemplate": "local minimum: a = %{x:.3g}, b = %{y:.3g}<extra></extra>"},
    ]  # fmt: skip
    names = {
        "type": "scatter", "x": [mark.a for mark in marks], "y": [mark.b for mark in marks],
        "text": [mark.name for mark in marks], "mode": "markers+text", "textposition": "bottom center",
        "textfont": {"color": "white", "size": 13}, "hoverinfo": "text", "name": "images",
        "marker": {"symbol": "cross", "size": 9, "color": "white", "line": {"color": "black", "width": 1}},
    }  # fmt: skip
    counts = [f"{level:.3g}: {len(found)} local minim{'um' if len(found) == 1 else 'a'}"
              for level, found in zip(sigma, minima, strict=True)]  # fmt: skip
    frames = [{"name": str(k), "data": traces, "traces": [0, 1, 2, 3]} for k, traces in enumerate(moving)]
    few = {"nticks": 5}
    play = player(counts, [frame["name"] for frame in frames], "smoothing σ = ", PLAY_SECONDS, redraw=True, y=-0.09)
    play["sliders"][0] |= {"x": 0, "len": 1, "pad": {"t": 72}}  # below the buttons: beside them, there may be no room
    return {
        "data": [trace | level for trace, level in zip(still, moving[0], strict=True)] + [names],
        "frames": frames,
        "layout": {
            "height": HEIGHT, "margin": {"l": 0, "r": 10, "t": 26, "b": 10}, "hovermode": "closest", "showlegend": False,
            "scene": {
                "domain": {"x": [0, 0.43], "y": [0, 1]},
                "xaxis": {"title": {"text": "a"}} | few, "yaxis": {"title": {"text": "b"}} | few,
                "zaxis": {"title": {"text": "R − min R"}} | few,
                "aspectmode": "manual", "aspectratio": {"x": 1, "y": 1, "z": 0.7},
                "camera": {"eye": {"x": -0.75, "y": -1.85, "z": 0.95}, "center": {"z": -0.12}},
            },
            "xaxis": axis(f"a, {titles[0]}", domain=[0.57, 1], anchor="y", range=_ends(a), constrain="domain"),
            "yaxis": axis(anchor="x", range=_ends(b)),
            "annotations": [{  # above the axis: beside it, it would lie on the surface where the page is narrow
                "text": f"b, {titles[1]}", "x": float(a[0]), "y": 1, "yref": "y domain", "showarrow": False, "xanchor": "left",
                "yanchor": "bottom",
            }],
        } | play,
    }  # fmt: skip


def _level(a: np.ndarray, b: np.ndarray, height: np.ndarray, minima: np.ndarray) -> list[Part]:
    """What moves with sigma, of four traces: the surface and its minima, the map and its minima."""
    i, j = minima.T if len(minima) else (np.zeros(0, int), np.zeros(0, int))
    lift = 0.01 * float(height.max())  # so that a surface does not hide half of a point on it
    place = {"x": a[j], "y": b[i]}
    return [
        {"type": "surface", "z": height},
        {"type": "scatter3d", **place, "z": height[i, j] + np.float32(lift)},
        {"type": "contour", "z": height},
        {"type": "scatter", **place},
    ]


def _bar(title: str) -> Part:
    return {"title": {"text": title, "side": "right"}, "thickness": 12, "outlinewidth": 0}


def _ends(values: np.ndarray) -> list[float]:
    return [float(values[0]), float(values[-1])]


def descent_figure(
    a: np.ndarray, sigma: np.ndarray, energy: np.ndarray, title: str, marks: Sequence[Mark], tracks: Sequence[Track]
) -> Figure:
    """R over (a, sigma), (K, A), with the smoothing that each image prefers, and the paths of schemes, a step a point."""
    # The map is drawn over log sigma: plotly's contours on a logarithmic axis are drawn between the wrong places.
    s, valley = np.log10(sigma), energy.argmin(0)
    data = [
        CONTOURS | {
            "x": a.astype(np.float32), "y": s.astype(np.float32), "z": energy.astype(np.float32), "ncontours": 30,
            "showlegend": False, "colorbar": _bar("R(x + a d, σ)"), "name": "R",
            "customdata": np.broadcast_to(sigma[:, None], energy.shape).astype(np.float32),
            "hovertemplate": "a = %{x:.3g}, σ = %{customdata:.3g}: %{z:.6g}<extra></extra>",
        },
        {"type": "scatter", "x": a, "y": s[valley], "mode": "lines", "name": "lowest R at this a",
         "line": {"color": "black", "width": 2, "dash": "dot"}, "customdata": sigma[valley],
         "hovertemplate": "a = %{x:.3g}: R is lowest at σ = %{customdata:.3g}<extra></extra>"},
    ]  # fmt: skip
    for number, track in enumerate(tracks):
        colour, dash, symbol = STYLES[number % len(STYLES)]
        data.append({
            "type": "scatter", "x": track.a, "y": np.log10(track.sigma), "mode": "lines+markers", "name": track.name,
            "line": {"color": colour, "width": 2.5, "dash": dash},
            "marker": {"symbol": symbol, "size": 9, "color": colour, "line": {"color": "black", "width": 1}},
            "customdata": np.stack([np.arange(len(track.a)), track.sigma, track.off], 1),
            "hovertemplate": "step %{customdata[0]}: a = %{x:.3g}, σ = %{customdata[1]:.3g}, %{customdata[2]:.3g} from the line",
        })  # fmt: skip
    ticks, places = log_ticks(*_ends(sigma)), np.concatenate([a, *(track.a for track in tracks)])
    return {
        "data": data,
        "layout": {
            "height": HEIGHT, "margin": {"l": 60, "r": 10, "t": 10, "b": 10, "pad": 0}, "hovermode": "closest",
            "plot_bgcolor": "rgb(68, 1, 84)",
            "legend": {"orientation": "h", "y": -0.2, "yanchor": "top", "x": 0, "bgcolor": "rgba(128, 128, 128, 0.45)"},
            "xaxis": axis(f"a, {title}", range=[float(places.min()), float(places.max())]),
            "yaxis": axis("smoothing σ", range=_ends(s), tickvals=np.log10(ticks), ticktext=[f"{t:g}" for t in ticks]),
            "shapes": [vertical(mark.a, color="white", width=1) for mark in marks],
            "annotations": [
                {"text": mark.name, "x": mark.a, "y": 1, "yref": "paper", "showarrow": False, "xanchor": "left", "yanchor": "top",
                 "font": {"color": "white", "size": 13}}
                for mark in marks
            ],
        },
    }  # fmt: skip
