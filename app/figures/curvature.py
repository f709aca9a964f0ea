"""Figures of how a learned energy bends: its potentials over sigma, and the smallest eigenvalue of its Hessian."""

from collections.abc import Sequence

import numpy as np

from app.figures.common import BLUE, MARK, RED, Figure, horizontal, log_axis, merged, panels, vertical

ROUNDING = 1e-6
LINE = "rgb(175, 125, 30)"  # of the mixture


def convexity_figure(sigma: np.ndarray, curvature: np.ndarray, names: Sequence[str], above: float) -> Figure:
    """sigma^2 min phi'' (S, C) of all channels over sigma: red where negative, blue where convex; `above`, the sigma from which
    on all are convex (NaN if none is), is marked by a line. `names`: (C,), from the top."""
    curvature = np.where(np.abs(curvature) < ROUNDING, ROUNDING, curvature)  # which counts as convex
    limit = max(float(np.quantile(np.abs(curvature), 0.98)), 1e-12)
    map_ = {
        "type": "heatmap", "name": "σ² min φ″", "x": sigma, "y": np.arange(len(names)), "z": curvature.T.astype(np.float32),
        "zmin": -limit, "zmax": limit,
        "colorscale": [[0, RED], [0.5, "rgb(250, 225, 222)"], [0.5, "rgb(225, 233, 247)"], [1, BLUE]],
        "colorbar": {"title": {"text": "σ² min φ″"}, "thickness": 12, "outlinewidth": 0},
        "customdata": [[name] * len(sigma) for name in names],
        "hovertemplate": "%{customdata}, σ = %{x:.3g}: %{z:.3g}<extra></extra>",
    }  # fmt: skip
    layout = {
        # Of equal cells, half of one goes beyond the centres at either end.
        "xaxis": log_axis("smoothing σ", *_edges(sigma)),
        "yaxis": {"title": {"text": "kernels, in the order above"}, "autorange": "reversed", "showticklabels": False,
                  "showgrid": False, "zeroline": False},
        "shapes": [vertical(above)] if np.isfinite(above) else [],
        "height": 380, "margin": {"l": 51, "r": 106, "t": 10, "b": 74},
    }  # fmt: skip
    return {"data": [map_], "layout": layout}


def _edges(sigma: np.ndarray) -> tuple[float, float]:
    half = (sigma[-1] / sigma[0]) ** (0.5 / max(len(sigma) - 1, 1))
    return float(sigma[0] / half), float(sigma[-1] * half)


def eigenvalue_figure(
    levels: np.ndarray,
    eigenvalues: np.ndarray,
    sigma_c: float,
    mixture: tuple[np.ndarray, np.ndarray],
) -> Figure:
    """The smallest eigenvalue of sigma^2 hess R over sigma, beside a mixture in one dimension (Figure 1, right).

    levels: (E,). eigenvalues: (E, I, 2), of I images, clean and noisy. sigma_c: where a line stands, NaN for none.
    mixture: sigma and sigma^2 times the smallest curvature of a mixture's energy."""
    data = []
    for kind, (label, colour) in enumerate((("clean photographs", BLUE), ("with noise of σ", RED))):
        for image in range(eigenvalues.shape[1]):
            data.append({
                "type": "scatter", "mode": "lines", "name": label, "x": levels, "y": eigenvalues[:, image, kind],
                "legendgroup": label, "showlegend": image == 0, "line": {"color": colour, "width": 1}, "opacity": 0.5,
                "hovertemplate": f"{label}, σ = %{{x:.3g}}: %{{y:.3f}}<extra></extra>",
            })  # fmt: skip
    data.append({
        "type": "scatter", "mode": "lines", "name": "mixture in one dimension", "x": mixture[0], "y": mixture[1],
        "line": {"color": LINE, "width": 2, "dash": "dot"}, "hovertemplate": "mixture, σ = %{x:.3g}: %{y:.3f}<extra></extra>",
    })  # fmt: skip
    shapes, notes = [horizontal(0)], []
    if np.isfinite(sigma_c):
        shapes.append(vertical(sigma_c))
        notes.append({  # an annotation's place on a logarithmic axis is a logarithm
            "x": float(np.log10(sigma_c)), "y": 1, "yref": "paper", "text": "σ_c", "showarrow": False, "xanchor": "left",
            "yanchor": "top", "font": {"color": MARK},
        })  # fmt: skip
    lowest = min(-1.0, 1.1 * float(eigenvalues.min()))
    axes = {"xaxis": log_axis("smoothing σ", float(levels[0]), float(levels[-1])),
            "yaxis": {"title": {"text": "smallest eigenvalue × σ²"}, "range": [lowest, 0.3]}}  # fmt: skip
    layout = merged(panels([""]), axes)
    return {
        "data": data,
        "layout": layout | {
            "annotations": notes, "shapes": shapes, "height": 380, "margin": {"l": 76, "r": 10, "t": 45, "b": 67},
            "legend": {"orientation": "h", "y": 1.12, "x": 0},
        },
    }  # fmt: skip
