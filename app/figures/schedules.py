"""Figures of the page "Schedules": sigma_i and c_i over the steps, and the PSNR over the rounds of a fit."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.figures.common import MARK, Figure, horizontal, log_ticks, merged, on_panel, panels

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
) -> Figure:
    """sigma_i and c_i over the step i; `earlier`, what the last line has been, is drawn faintly behind. psnr: in dB, a value a
    round of the fit, gets a panel of its own, with lines at those of the `others`."""
    titles = ["smoothing σᵢ", "cᵢ = τᵢ / σᵢ²", "PSNR (dB)"][: 3 if len(psnr) else 2]
    data, shapes = [], [horizontal(1, 2, dash="dot")]  # Tweedie's step
    for number, line in enumerate([*earlier, *lines]):
        colour, dash, symbol = STYLES.get(line.name, (MARK, "solid", "circle"))
        steps = np.arange(1, len(line.sigma) + 1)
        old = number < len(earlier)
        style = {"mode": "lines", "opacity": 0.25, "hoverinfo": "skip"} if old else {
            "mode": "lines+markers", "hovertemplate": "step %{x}: %{y:.3g}",
            "marker": {"symbol": symbol, "size": 8, "color": colour},
        }  # fmt: skip
        style |= {"line": {"color": colour, "dash": dash, "width": 1 if old else 2.5}, "legendgroup": line.name}
        for panel, values in enumerate((line.sigma, line.c), start=1):
            trace = {
                "type": "scatter",
                "x": steps,
                "y": values,
                "name": line.name,
                "showlegend": panel == 1 and not old,
            }
            data.append(on_panel(trace | style, panel))
    sigmas = np.concatenate([line.sigma for line in lines])
    step = {"title": {"text": "step i"}, "rangemode": "tozero", "tickformat": "d"}
    layout = merged(
        panels(titles),
        {"xaxis": step, "xaxis2": step, "yaxis2": {"range": [0, 2.1]},
         "yaxis": {"type": "log", "tickvals": log_ticks(float(sigmas.min()), float(sigmas.max()))}},
    )  # fmt: skip
    if len(psnr):
        colour, rounds = STYLES["fitted now"][0], np.arange(1, len(psnr) + 1)
        data.append(on_panel(
            {"type": "scatter", "x": rounds, "y": np.asarray(psnr), "mode": "lines+markers", "showlegend": False,
             "name": "fitted now", "line": {"color": colour, "width": 2.5}, "hovertemplate": "round %{x}: %{y:.2f} dB"}, 3
        ))  # fmt: skip
        for name, value in (others or {}).items():
            shapes.append(horizontal(value, 3, color=STYLES[name][0], dash=STYLES[name][1], width=2))
        layout = merged(layout, {"xaxis3": {"title": {"text": "round of the fit"}, "dtick": max(1, len(psnr) // 6)}})
    return {
        "data": data,
        "layout": layout | {
            "height": HEIGHT, "margin": {"l": 76, "r": 10, "t": 30, "b": 91}, "hovermode": "closest", "shapes": shapes,
            "legend": {"orientation": "h", "y": -0.18, "yanchor": "top", "x": 0},
        },
    }  # fmt: skip
