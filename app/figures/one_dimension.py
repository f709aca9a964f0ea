"""Figures of the page "GNC in one dimension" beside the plot of the component: attainment, and the smallest curvature."""

from collections.abc import Sequence

import numpy as np

from app.figures.common import BLUE, MARK, RED, Figure, Part, axis, horizontal, log_axis, vertical

HEIGHT = 430
UNSEEN = {"marker": {"opacity": 0}}


def attainment_figure(
    sigma0: np.ndarray, steps: Sequence[int], rate: np.ndarray, current: tuple[float, int], critical: float
) -> Figure:
    """Attainment rate over (initial sigma, steps); `rate` is (len(sigma0), len(steps)) in [0, 1].

    `current` is the setting of the page, marked by a ring; `critical` is marked by a line. The trace "cells" has what can be
    hovered over and clicked, x = sigma0, y = steps: every second cell each way, for 1600 points take a browser half a second.
    """
    places = np.meshgrid(sigma0[::2], steps[::2])
    cells = {
        "type": "scatter", "name": "cells", "mode": "markers", "x": places[0].ravel(), "y": places[1].ravel(),
        "marker": {"opacity": 0}, "selected": UNSEEN, "unselected": UNSEEN, "showlegend": False,
        "text": [f"{value:.0%} attain" for value in rate[::2, ::2].T.ravel()],
        "hovertemplate": "σ₀ = %{x:.3g}, %{y} steps: %{text}<extra></extra>",
    }  # fmt: skip
    map_ = {
        "type": "heatmap", "name": "attainment (%)", "x": sigma0, "y": list(steps), "z": 100 * rate.T, "zmin": 0, "zmax": 100,
        "colorscale": "Viridis", "hoverinfo": "skip",
        "colorbar": {"orientation": "h", "y": 1, "yanchor": "bottom", "thickness": 10, "outlinewidth": 0,
                     "tickvals": [0, 50, 100], "title": {"text": "% of the starts", "side": "top"}},
    }  # fmt: skip
    rings = [
        {"type": "scatter", "name": "setting of this page", "mode": "markers", "x": [current[0]], "y": [current[1]],
         "hoverinfo": "skip", "showlegend": False, "selected": {}, "unselected": {"marker": {"opacity": 1}},
         "marker": {"size": size, "color": "rgba(0, 0, 0, 0)", "line": {"color": colour, "width": width}}}
        for size, colour, width in ((17, "black", 5), (16, "white", 2.5))
    ]  # fmt: skip
    marks = _marks([(critical, "exact threshold", "left")], "white", "rgba(0, 0, 0, 0.5)")
    low, high = _edges(steps)
    layout = {
        "xaxis": log_axis("initial σ₀ (units of x)", *_edges(sigma0), fixedrange=True, showgrid=False),
        "yaxis": axis("steps S", type="log", tickvals=[2**k for k in range(9)], fixedrange=True, showgrid=False,
                      range=[float(np.log10(low)), float(np.log10(high))]),
        "height": HEIGHT, "margin": {"l": 75, "r": 5, "t": 105, "b": 69}, "hovermode": "closest", "hoverdistance": -1,
        "clickmode": "event+select", "dragmode": False,
    }  # fmt: skip
    return {"data": [map_, *rings, cells], "layout": layout | marks}


def curvature_figure(sigma: np.ndarray, curvature: np.ndarray, critical: float, half: float, diameter: float) -> Figure:
    """Smallest curvature over sigma, on a scale linear near zero and logarithmic far from it."""
    y = np.arcsinh(curvature)
    not_convex = (curvature < 0) | (sigma == critical)  # the red line ends where the curve crosses zero
    data = [
        {"type": "scatter", "mode": "lines", "name": name, "x": sigma, "y": values, "customdata": curvature,
         "line": {"color": colour, "width": 3, "dash": dash}, "hovertemplate": "σ = %{x:.3g}: %{customdata:.3g}<extra></extra>"}
        for values, colour, dash, name in (
            (np.where(curvature >= 0, y, np.nan), BLUE, "solid", "convex"),
            (np.where(not_convex, y, np.nan), RED, "dot", "not convex"),
        )
    ]  # fmt: skip
    values = [v for k in range(1, 9) for v in (-(10.0**k), 10.0**k)] + [0.0]
    ticks = sorted(v for v in values if curvature.min() <= v <= max(float(curvature.max()), 1))
    marks = _marks([(critical, f"exact = {critical:.3g}", "left"), (half, f"D/2 = {half:.3g}", "right"),
                    (diameter, f"D = {diameter:.3g}", "right")], MARK)  # fmt: skip
    layout = {
        "xaxis": log_axis("smoothing σ (units of x)", float(sigma[0]), float(sigma[-1])),
        "yaxis": axis("min E″(x, σ), nats per unit of x²", tickvals=np.arcsinh(ticks), ticktext=[_power(v) for v in ticks]),
        "height": HEIGHT, "margin": {"l": 72, "r": 5, "t": 55, "b": 62}, "hovermode": "closest",
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
        "shapes": [horizontal(0), *marks["shapes"]], "annotations": marks["annotations"],
    }  # fmt: skip
    return {"data": data, "layout": layout}


def _power(value: float) -> str:
    """10 or more, or their negatives, as powers of ten.

    >>> _power(-1000.0), _power(0.0)
    ('−10<sup>3</sup>', '0')
    """
    return "0" if value == 0 else f"{'−' if value < 0 else ''}10<sup>{round(np.log10(abs(value)))}</sup>"


def _marks(places: Sequence[tuple[float, str, str]], colour: str, ground: str = "rgba(0, 0, 0, 0)") -> Part:
    """Dashed lines at values of a logarithmic x axis, each with its text along it, to its left or right; none at 0."""
    shapes, texts = [], []
    for x, text, side in places:
        if x > 0:
            shapes.append(vertical(x, color=colour))
            texts.append({
                "x": float(np.log10(x)), "y": 0.02, "yref": "paper", "text": text, "showarrow": False, "textangle": -90,
                "xanchor": "right" if side == "left" else "left", "yanchor": "bottom", "font": {"color": colour},
                "bgcolor": ground,
            })  # fmt: skip
    return {"shapes": shapes, "annotations": texts}


def _edges(cells: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """Limits of a logarithmic axis that show the first and the last cell of a map in full."""
    places = np.log10(cells)
    return 10 ** float(1.5 * places[0] - 0.5 * places[1]), 10 ** float(1.5 * places[-1] - 0.5 * places[-2])
