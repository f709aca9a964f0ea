"""Figures of the page "Energy landscape": a plane of images with a slider over the smoothing, and a line over all smoothings."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from app.figures.common import MARK, PICTURE, Figure, Part, axis, log_ticks, player, vertical

PLAY_SECONDS = 5.0
HEIGHT, NARROW_HEIGHT = 520, 660
# Of the relief, in widths of its front: how far its back lies aside and up, and how tall it is.
ASIDE, UP, TALL = 0.28, 0.6, 0.42
RELIEF = {"type": "scatter", "xaxis": "x2", "yaxis": "y2", "hoverinfo": "skip", "name": "relief", "meta": PICTURE}
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
    titles: tuple[str, str], marks: Sequence[Mark], narrow: bool = False,
) -> Figure:  # fmt: skip
    """R over (a, b) above its smallest value there, (K, B, A), as a map and as a relief, sigma (K,) on a slider.

    minima: for each level the indices (M, 2) of the local minima in (b, a). titles: of the two directions. narrow: the map
    stands below the relief."""
    height = (energy - energy.min((1, 2), keepdims=True)).astype(np.float32)
    a, b = a.astype(np.float32), b.astype(np.float32)
    moving = [_level(a, b, z, found) for z, found in zip(height, minima, strict=True)]
    still = [
        CONTOURS | {"x": a, "y": b, "ncontours": 24, "name": "R", "colorbar": _bar("R − min R", narrow),
                    "hovertemplate": "a = %{x:.3g}, b = %{y:.3g}: %{z:.4g}<extra></extra>"},
        {"mode": "markers", "marker": DOT | {"size": 11}, "name": "local minimum",
         "hovertemplate": "local minimum: a = %{x:.3g}, b = %{y:.3g}<extra></extra>"},
        *_strips(len(a), len(b)),
        RELIEF | {"mode": "markers", "marker": DOT | {"size": 8}},
    ]  # fmt: skip
    names = {
        "type": "scatter", "x": [mark.a for mark in marks], "y": [mark.b for mark in marks],
        "text": [mark.name for mark in marks], "mode": "markers+text", "textposition": "bottom center",
        "textfont": {"color": "white", "size": 13}, "hoverinfo": "text", "name": "images",
        "marker": {"symbol": "cross", "size": 9, "color": "white", "line": {"color": "black", "width": 1}},
    }  # fmt: skip
    counts = [f"{level:.3g}: {len(found)} local minim{'um' if len(found) == 1 else 'a'}"
              for level, found in zip(sigma, minima, strict=True)]  # fmt: skip
    order = list(range(len(still)))
    frames = [{"name": str(k), "data": traces, "traces": order} for k, traces in enumerate(moving)]
    play = player(
        counts, [frame["name"] for frame in frames], "smoothing σ = ", PLAY_SECONDS, redraw=True, narrow=narrow,
        y=-0.1 if narrow else -0.12,
    )  # fmt: skip
    places = ([0, 1], [0.56, 1], [0, 1], [0, 0.47]) if narrow else ([0, 0.42], [0, 1], [0.5, 1], [0, 1])
    relief_across, relief_up, across, up = places
    hidden = {"visible": False, "fixedrange": True}
    floor = "L".join(f"{x:g},{y:g}" for x, y in ((0, 0), (1, 0), (1 + ASIDE, UP), (ASIDE, UP)))
    note = {"showarrow": False, "xref": "x2", "yref": "y2"}
    return {
        "data": [trace | level for trace, level in zip(still, moving[0], strict=True)] + [names],
        "frames": frames,
        "layout": {
            "height": NARROW_HEIGHT if narrow else HEIGHT, "hovermode": "closest", "showlegend": False,
            "margin": {"pad": 0}
            | ({"l": 66, "r": 15, "t": 155, "b": 180} if narrow else {"l": 20, "r": 110, "t": 28, "b": 139}),
            "xaxis": axis(f"a, {titles[0]}", domain=across, anchor="y", range=_ends(a), constrain="domain"),
            "yaxis": axis(domain=up, anchor="x", range=_ends(b)),
            "xaxis2": hidden | {"domain": relief_across, "anchor": "y2", "range": [-0.06, 1.1 + ASIDE]},
            "yaxis2": hidden | {"domain": relief_up, "anchor": "x2", "range": [-0.09, UP + TALL + 0.02]},
            "shapes": [{"type": "path", "path": f"M{floor}Z", "xref": "x2", "yref": "y2", "layer": "below",
                        "line": {"color": MARK, "width": 1}}],
            "annotations": [
                # above the axis: beside it, it would lie on the relief
                {"text": f"b, {titles[1]}", "x": float(a[0]), "y": 1, "yref": "y domain", "showarrow": False, "xanchor": "left",
                 "yanchor": "bottom"},
                note | {"text": "a →", "x": 0.5, "y": 0, "yanchor": "top"},
                note | {"text": "b ↗", "x": 1 + ASIDE / 2, "y": UP / 2, "xanchor": "left", "yanchor": "top"},
            ],
        } | play,
    }  # fmt: skip


def _strips(wide: int, deep: int) -> list[Part]:
    """What stands still of the relief: the strips between two neighbouring b, the farthest first, each filled from the colour of
    the lowest R, where its floor is, to that of the highest. It is no surface in space, whose WebGL takes a second where there
    is no graphics card."""
    x, floors = np.linspace(0, 1, wide), np.linspace(0, 1, deep)
    return [
        RELIEF | {
            "mode": "lines", "fill": "toself", "line": {"width": 1, "color": "rgba(255, 255, 255, 0.35)"},
            "x": np.concatenate([x + ASIDE * near, x[::-1] + ASIDE * far]).astype(np.float32),
            "fillgradient": {"type": "vertical", "colorscale": "Viridis", "start": UP * (near + far) / 2,
                             "stop": UP * (near + far) / 2 + TALL},
        }
        for near, far in reversed(list(pairwise(floors)))
    ]  # fmt: skip


def _level(a: np.ndarray, b: np.ndarray, height: np.ndarray, minima: np.ndarray) -> list[Part]:
    """What moves with sigma: the map and its minima, the strips of the relief and its minima."""
    i, j = minima.T if len(minima) else (np.zeros(0, int), np.zeros(0, int))
    share = height / max(float(height.max()), 1e-12)
    away = np.linspace(0, 1, len(b), dtype=np.float32)
    y = UP * away[:, None] + TALL * share
    return [
        {"type": "contour", "z": height},
        {"type": "scatter", "x": a[j], "y": b[i]},
        *({"type": "scatter", "y": np.concatenate([near, far[::-1]])} for near, far in reversed(list(pairwise(y)))),
        {"type": "scatter", "x": j / (len(a) - 1) + ASIDE * away[i], "y": y[i, j]},
    ]


def _bar(title: str, narrow: bool) -> Part:
    """What the colours mean: beside the figure, or above it."""
    if narrow:
        above = {"orientation": "h", "y": 1, "yanchor": "bottom", "ypad": 26, "thickness": 8, "nticks": 6}
        return {"title": {"text": title, "side": "top"}, "outlinewidth": 0} | above
    return {"title": {"text": title, "side": "right"}, "thickness": 12, "outlinewidth": 0}


def _ends(values: np.ndarray) -> list[float]:
    return [float(values[0]), float(values[-1])]


def descent_figure(
    a: np.ndarray, sigma: np.ndarray, energy: np.ndarray, title: str, marks: Sequence[Mark], tracks: Sequence[Track],
    narrow: bool = False,
) -> Figure:  # fmt: skip
    """R over (a, sigma), (K, A), with the smoothing that each image prefers, and the paths of schemes, a step a point."""
    # The map is drawn over log sigma: plotly's contours on a logarithmic axis are drawn between the wrong places.
    s, valley = np.log10(sigma), energy.argmin(0)
    data = [
        CONTOURS | {
            "x": a.astype(np.float32), "y": s.astype(np.float32), "z": energy.astype(np.float32), "ncontours": 30,
            "showlegend": False, "colorbar": _bar("R(x + a d, σ)", narrow), "name": "R",
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
            "height": HEIGHT, "hovermode": "closest",
            "margin": {"l": 75, "pad": 0} | ({"r": 10, "t": 155, "b": 143} if narrow else {"r": 112, "t": 10, "b": 120}),
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
