"""Figures of how a learned energy bends: its potentials over sigma, and the smallest eigenvalue of its Hessian."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.one_dimension import BLUE, GRID_LINE, MARK, RED

LINE = "rgb(150, 110, 40)"  # of the mixture


def convexity_figure(sigma: np.ndarray, curvature: np.ndarray, names: Sequence[str], above: float) -> go.Figure:
    """sigma^2 min phi'' (S, C) of all channels over sigma: red where negative, blue where convex; `above`, the sigma from which
    on all are convex (NaN if none is), is marked by a line. `names`: (C,), from the top."""
    limit = max(float(np.quantile(np.abs(curvature), 0.98)), 1e-12)
    figure = go.Figure(
        go.Heatmap(
            x=sigma, y=np.arange(len(names)), z=curvature.T, zmin=-limit, zmax=limit,
            colorscale=[[0, RED], [0.5, "rgb(250, 225, 222)"], [0.5, "rgb(225, 233, 247)"], [1, BLUE]],
            colorbar={"title": {"text": "σ² min φ″"}, "thickness": 12, "outlinewidth": 0},
            customdata=np.broadcast_to(np.array(names)[:, None], curvature.T.shape),
            hovertemplate="%{customdata}, σ = %{x:.3g}: %{z:.3g}<extra></extra>",
        )
    )  # fmt: skip
    if np.isfinite(above):
        figure.add_vline(above, line={"color": MARK, "width": 1.5, "dash": "dash"})
    figure.update_xaxes(title="smoothing σ", type="log", tickvals=log_ticks(sigma))
    figure.update_yaxes(title="kernels, in the order above", autorange="reversed", showticklabels=False, showgrid=False)
    return figure.update_layout(height=380, margin={"l": 30, "r": 10, "t": 10, "b": 40})


def eigenvalue_figure(
    levels: np.ndarray,
    eigenvalues: np.ndarray,
    sigma_c: float,
    mixture: tuple[np.ndarray, np.ndarray],
) -> go.Figure:
    """The smallest eigenvalue of sigma^2 hess R over sigma, beside a mixture in one dimension (Figure 1, right).

    levels: (E,). eigenvalues: (E, I, 2), of I images, clean and noisy. sigma_c: where a line stands, NaN for none.
    mixture: sigma and sigma^2 times the smallest curvature of a mixture's energy."""
    figure = go.Figure()
    for kind, (label, colour) in enumerate((("clean photographs", BLUE), ("with noise of σ", RED))):
        for image in range(eigenvalues.shape[1]):
            figure.add_scatter(
                x=levels, y=eigenvalues[:, image, kind], mode="lines", name=label, legendgroup=label,
                showlegend=image == 0, line={"color": colour, "width": 1}, opacity=0.45,
                hovertemplate=f"{label}, σ = %{{x:.3g}}: %{{y:.3f}}<extra></extra>",
            )  # fmt: skip
    figure.add_scatter(
        x=mixture[0], y=mixture[1], mode="lines", name="mixture in one dimension",
        line={"color": LINE, "width": 2, "dash": "dot"}, hovertemplate="mixture, σ = %{x:.3g}: %{y:.3f}<extra></extra>",
    )  # fmt: skip
    if np.isfinite(sigma_c):
        figure.add_vline(sigma_c, line={"color": MARK, "width": 1.5, "dash": "dash"})
        figure.add_annotation(  # an annotation's place on a logarithmic axis is a logarithm
            x=float(np.log10(sigma_c)), y=1, yref="paper", text="σ_c", showarrow=False, xanchor="left", yanchor="top",
        )  # fmt: skip
    figure.add_hline(0, line={"color": MARK, "width": 1})
    figure.update_xaxes(title="smoothing σ", type="log", tickvals=log_ticks(levels), gridcolor=GRID_LINE)
    figure.update_yaxes(title="smallest eigenvalue × σ²", range=[min(-1.0, 1.1 * float(eigenvalues.min())), 0.3],
                        gridcolor=GRID_LINE, zeroline=False)  # fmt: skip
    return figure.update_layout(
        height=380, margin={"l": 60, "r": 10, "t": 30, "b": 50}, legend={"orientation": "h", "y": 1.12, "x": 0}
    )


def log_ticks(sigma: np.ndarray) -> list[float]:
    """Round values of sigma within a range."""
    return [level for level in (0.01, 0.03, 0.1, 0.3, 1.0) if 0.99 * sigma[0] <= level <= 1.01 * sigma[-1]]
