"""Figures of the page "Schedules": sigma_i and c_i over the steps, and the PSNR over the rounds of a fit."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.figures.curvature import log_ticks
from app.figures.one_dimension import GRID_LINE, MARK

HEIGHT = 400
# Okabe and Ito's colours, told apart by dashes and symbols, too.
STYLES = {
    "learned": ("rgb(0, 114, 178)", "solid", "circle"),
    "logarithmic": ("rgb(0, 158, 115)", "dash", "square"),
    "linear (GNC flow)": ("rgb(130, 130, 130)", "dot", "diamond"),
    "fitted now": ("rgb(213, 94, 0)", "solid", "star"),
}


@dataclass(frozen=True)
class Line:
    """A schedule: its name, sigma_i and c_i = tau_i / sigma_i^2, (S,) each."""

    name: str
    sigma: np.ndarray
    c: np.ndarray


def schedules_figure(
    lines: Sequence[Line],
    earlier: Sequence[Line] = (),
    psnr: Sequence[float] = (),
    others: dict[str, float] | None = None,
) -> go.Figure:
    """sigma_i and c_i over the step i; `earlier`, what the last line has been, is drawn faintly behind. psnr: in dB, a value a
    round of the fit, gets a panel of its own, with lines at those of the `others`."""
    titles = ["smoothing σᵢ", "cᵢ = τᵢ / σᵢ²", "PSNR (dB)"]
    columns = 3 if len(psnr) else 2
    figure = make_subplots(1, columns, subplot_titles=titles[:columns], horizontal_spacing=0.08)
    for number, line in enumerate([*earlier, *lines]):
        old = number < len(earlier)
        colour, dash, symbol = STYLES.get(line.name, (MARK, "solid", "circle"))
        for column, values in enumerate((line.sigma, line.c), start=1):
            figure.add_scatter(
                x=np.arange(1, len(values) + 1), y=values, mode="lines" if old else "lines+markers", name=line.name,
                legendgroup=line.name, showlegend=column == 1 and not old, opacity=0.25 if old else 1,
                line={"color": colour, "dash": dash, "width": 1 if old else 2.5}, hoverinfo="skip" if old else None,
                marker={"symbol": symbol, "size": 8, "color": colour},
                hovertemplate=None if old else "step %{x}: %{y:.3g}", row=1, col=column,
            )  # fmt: skip
    sigmas = np.concatenate([line.sigma for line in lines])
    figure.add_hline(1, line={"color": MARK, "width": 1, "dash": "dot"}, row=1, col=2)  # Tweedie's step
    figure.update_xaxes(title="step i", gridcolor=GRID_LINE, zeroline=False, rangemode="tozero", tickformat="d")
    figure.update_yaxes(gridcolor=GRID_LINE, zeroline=False)
    figure.update_yaxes(type="log", tickvals=log_ticks(np.array([sigmas.min(), sigmas.max()])), row=1, col=1)
    figure.update_yaxes(range=[0, 2.1], row=1, col=2)
    if len(psnr):
        colour = STYLES["fitted now"][0]
        figure.add_scatter(
            x=np.arange(1, len(psnr) + 1), y=list(psnr), mode="lines+markers", showlegend=False, name="fitted now",
            line={"color": colour, "width": 2.5}, hovertemplate="round %{x}: %{y:.2f} dB", row=1, col=3,
        )  # fmt: skip
        for name, value in (others or {}).items():
            figure.add_hline(value, line={"color": STYLES[name][0], "dash": STYLES[name][1], "width": 2}, row=1, col=3)
        figure.update_xaxes(title="round of the fit", dtick=max(1, len(psnr) // 6), row=1, col=3)
    figure.update_annotations(font_size=14)
    return figure.update_layout(
        height=HEIGHT, margin={"l": 50, "r": 10, "t": 30, "b": 10}, hovermode="closest",
        legend={"orientation": "h", "y": -0.18, "yanchor": "top", "x": 0},
    )  # fmt: skip
