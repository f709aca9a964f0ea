"""Figures of the page "GNC in one dimension": the flow, its attainment, the smallest curvature."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.colors import find_intermediate_color
from plotly.subplots import make_subplots

SMALLEST, LARGEST = 0.01, 1.0  # sigma at the two ends of the colour scale
BLUE, PURPLE, RED = "rgb(20, 90, 200)", "rgb(140, 70, 170)", "rgb(215, 25, 40)"
ATTAINED, MISSED, MARK = "rgb(20, 130, 90)", "rgb(150, 150, 150)", "rgb(120, 120, 120)"
GRID_LINE = "rgba(128, 128, 128, 0.18)"
MOST_FRAMES = 64
PLAY_SECONDS = 5.0


def sigma_colour(sigma: float) -> str:
    """Blue for the smallest sigma, through purple, to red for the largest (logarithmic)."""
    place = np.log(np.clip(sigma, SMALLEST, LARGEST) / SMALLEST) / np.log(LARGEST / SMALLEST)
    if place < 0.5:
        return str(find_intermediate_color(BLUE, PURPLE, 2 * place, colortype="rgb"))
    return str(find_intermediate_color(PURPLE, RED, 2 * place - 1, colortype="rgb"))


def flow_figure(
    x: np.ndarray,
    levels: Sequence[float],
    energies: np.ndarray,
    schedule: Sequence[float],
    running: np.ndarray,
    paths: np.ndarray,
    path_energies: np.ndarray,
    attained: np.ndarray,
    minimisers: Sequence[float],
) -> go.Figure:
    """Energies above, trajectories below, on one x axis; Play runs the flow down through both.

    Args:
        x: (G,) positions of the energies.
        levels, energies: (M,) sigmas and (M, G) energies that are always shown.
        schedule, running: (S + 1,) sigma and (S + 1, G) energy in force at each point of the paths.
        paths, path_energies: (S + 1, N) positions and energies of the N starts.
        attained: (N,) whether a start ends at a global minimiser.
        minimisers: all global minimisers, several where minima are equally low.
    """
    figure = make_subplots(2, 1, shared_xaxes=True, vertical_spacing=0.07, row_heights=[0.56, 0.44])
    for sigma, energy in zip(levels, energies, strict=True):
        figure.add_scatter(
            x=x, y=energy, mode="lines", name=f"σ = {sigma:g}",
            line={"color": sigma_colour(sigma), "width": 1.5}, opacity=0.75, hoverinfo="name",
        )  # fmt: skip
    count = np.arange(len(paths))
    for reached, colour, name in (
        (False, MISSED, "misses the minimum"),
        (True, ATTAINED, "attains the global minimum"),
    ):
        chosen = paths[:, attained == reached]
        gaps = np.full((1, chosen.shape[1]), np.nan)  # one trace: trajectories joined by gaps
        steps = np.tile(np.append(count, np.nan), chosen.shape[1])
        figure.add_scatter(
            x=np.concatenate([chosen, gaps]).T.ravel(), y=steps, mode="lines", row=2, col=1,
            name=name, line={"color": colour, "width": 1.2}, showlegend=chosen.size > 0,
            hoverinfo="skip",
        )  # fmt: skip
    for minimiser in minimisers:
        figure.add_vline(minimiser, line={"color": ATTAINED, "width": 1, "dash": "dot"})

    side = "left" if minimisers[0] < 0.5 else "right"
    text = "global minimum" if len(minimisers) == 1 else "global minima"
    figure.add_annotation(
        x=minimisers[0], y=0, row=2, col=1, yref="y2 domain", text=text, showarrow=False, xanchor=side,
        yanchor="bottom", xshift=5 if side == "left" else -5, font={"color": ATTAINED},
    )  # fmt: skip

    colours = np.where(attained, ATTAINED, MISSED)
    still = len(figure.data)
    for trace in _moving(x, 0, schedule, running, paths, path_energies, colours):
        figure.add_trace(trace, row=2 if trace.yaxis == "y2" else 1, col=1)
    shown = np.unique(np.linspace(0, len(paths) - 1, MOST_FRAMES).round().astype(int))
    figure.frames = [
        go.Frame(
            name=str(i),
            data=_moving(x, i, schedule, running, paths, path_energies, colours),
            traces=list(range(still, len(figure.data))),
        )
        for i in shown
    ]

    low = min(float(energies.min()), float(running.min()))
    high = min(float(max(energies.max(), path_energies.max())), float(energies.min()) + 13)
    grid = {"gridcolor": GRID_LINE, "zeroline": False}
    figure.update_xaxes(range=[x[0], x[-1]], **grid)
    figure.update_xaxes(title="x", row=2)
    figure.update_yaxes(title="energy E(x, σ)", range=[low - 0.8, high + 0.5], row=1, **grid)
    figure.update_yaxes(title="step", range=[1.04 * count[-1], -0.06 * count[-1]], row=2, **grid)
    _add_player(figure, shown, schedule)
    return figure.update_layout(
        height=720,
        margin={"l": 60, "r": 10, "t": 60, "b": 120},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        hovermode="closest",
    )


def _moving(
    x: np.ndarray,
    i: int,
    schedule: Sequence[float],
    running: np.ndarray,
    paths: np.ndarray,
    path_energies: np.ndarray,
    colours: np.ndarray,
) -> list[go.Scatter]:
    """What moves, at step i: the energy in force, and the points on it and on their paths."""
    points = {"size": 7, "color": colours, "line": {"color": "white", "width": 1}}
    line = {"color": sigma_colour(schedule[i]), "width": 4}
    return [
        go.Scatter(x=x, y=running[i], mode="lines", line=line, name="σ of this step",
                   hoverinfo="skip"),
        go.Scatter(x=paths[i], y=path_energies[i], mode="markers", marker=points,
                   showlegend=False, hovertemplate="x = %{x:.3f}, E = %{y:.3f}<extra></extra>"),
        go.Scatter(x=paths[i], y=np.full(paths.shape[1], i), mode="markers", marker=points,
                   showlegend=False, yaxis="y2", xaxis="x2",
                   hovertemplate="x = %{x:.3f}, step %{y}<extra></extra>"),
    ]  # fmt: skip


def _add_player(figure: go.Figure, shown: np.ndarray, schedule: Sequence[float]) -> None:
    """Play, pause and a slider over the frames; all of it runs in the browser."""
    at_once = {"mode": "immediate", "transition": {"duration": 0}}
    still = at_once | {"frame": {"duration": 0, "redraw": False}}
    milliseconds = 1000 * PLAY_SECONDS / len(shown)
    play = at_once | {"fromcurrent": True, "frame": {"duration": milliseconds, "redraw": False}}
    figure.update_layout(
        updatemenus=[{
            "type": "buttons", "direction": "left", "showactive": False,
            "x": 0, "y": 0, "xanchor": "left", "yanchor": "top", "pad": {"t": 44, "r": 10},
            "buttons": [
                {"label": "▶ Play", "method": "animate", "args": [None, play]},
                {"label": "❚❚ Pause", "method": "animate", "args": [[None], still]},
            ],
        }],
        sliders=[{
            "x": 0, "len": 1, "y": 0, "pad": {"t": 80}, "ticklen": 0, "minorticklen": 0,
            "currentvalue": {"prefix": "", "xanchor": "right", "offset": 18,
                             "font": {"size": 14, "color": MARK}},
            "font": {"color": "rgba(0, 0, 0, 0)", "size": 1},  # no label under every tick
            "steps": [
                {"label": f"step {i} of {len(schedule) - 1}, σ = {schedule[i]:.3g}",
                 "method": "animate", "args": [[str(i)], still]}
                for i in shown
            ],
        }],
    )  # fmt: skip


def attainment_figure(
    sigma0: np.ndarray, steps: Sequence[int], rate: np.ndarray, current: tuple[float, int],
    critical: float,
) -> go.Figure:  # fmt: skip
    """Attainment rate over (initial sigma, steps); `rate` is (len(sigma0), len(steps)) in [0, 1].

    `current` is the setting of the page, marked by a ring; `critical` is marked by a line.
    """
    figure = go.Figure(
        go.Heatmap(
            x=sigma0, y=list(steps), z=100 * rate.T, zmin=0, zmax=100, colorscale="Viridis",
            colorbar={"ticksuffix": " %", "thickness": 12, "outlinewidth": 0},
            hovertemplate="σ₀ = %{x:.3g}, %{y} steps: %{z:.0f} %<extra></extra>",
        )
    )  # fmt: skip
    figure.add_scatter(
        x=[current[0]], y=[current[1]], mode="markers", showlegend=False,
        hovertemplate="this page's setting<extra></extra>",
        marker={"size": 15, "color": "rgba(0,0,0,0)", "line": {"color": "white", "width": 3}},
    )  # fmt: skip
    if critical > 0:
        _mark(figure, critical, "exact threshold", "white", "left")
    figure.update_xaxes(
        title="initial smoothing σ₀", type="log", tickvals=_ticks(sigma0[0], sigma0[-1]),
        range=_log_range(sigma0),
    )  # fmt: skip
    figure.update_yaxes(
        title="steps", type="log", tickvals=[1, 2, 4, 8, 16, 32, 64, 128, 256],
        range=_log_range(steps),
    )  # fmt: skip
    return figure.update_layout(height=380, margin={"l": 60, "r": 10, "t": 10, "b": 50})


def curvature_figure(
    sigma: np.ndarray, curvature: np.ndarray, critical: float, half: float, diameter: float
) -> go.Figure:
    """Smallest curvature over sigma, on a scale linear near zero and logarithmic far from it."""
    figure = go.Figure()
    y = np.arcsinh(curvature)
    not_convex = (curvature < 0) | (sigma == critical)  # the red line ends where the curve crosses zero
    for values, colour in ((y, BLUE), (np.where(not_convex, y, np.nan), RED)):
        figure.add_scatter(
            x=sigma, y=values, mode="lines", showlegend=False, customdata=curvature,
            line={"color": colour, "width": 3}, hovertemplate="σ = %{x:.3g}: %{customdata:.3g}<extra></extra>",
        )  # fmt: skip
    figure.add_hline(0, line={"color": MARK, "width": 1})
    for value, name, side in ((critical, "exact", "left"), (half, "D/2", "right"), (diameter, "D", "right")):
        if value > 0:
            _mark(figure, value, f"{name} = {value:.3g}", MARK, side)
    values = [v for k in range(1, 9) for v in (-(10.0**k), 10.0**k)] + [-1.0, 0.0, 1.0]
    ticks = [v for v in values if curvature.min() <= v <= max(curvature.max(), 1)]
    figure.update_xaxes(title="smoothing σ", type="log", tickvals=_ticks(sigma[0], sigma[-1]),
                        range=np.log10([sigma[0], sigma[-1]]), gridcolor=GRID_LINE)  # fmt: skip
    figure.update_yaxes(title="smallest curvature", tickvals=np.arcsinh(ticks), zeroline=False,
                        ticktext=[f"{v:,.0f}" for v in ticks], gridcolor=GRID_LINE)  # fmt: skip
    return figure.update_layout(height=380, margin={"l": 60, "r": 10, "t": 10, "b": 50})


def _mark(figure: go.Figure, x: float, text: str, colour: str, side: str) -> None:
    """A dashed line at `x` of a logarithmic axis, with its text along it, to its left or right."""
    figure.add_vline(x, line={"color": colour, "width": 1.5, "dash": "dash"})
    figure.add_annotation(
        x=np.log10(x), y=0.02, yref="paper", text=text, showarrow=False, textangle=-90,
        xanchor="right" if side == "left" else "left", yanchor="bottom", font={"color": colour},
    )  # fmt: skip


def _log_range(cells: Sequence[float] | np.ndarray) -> list[float]:
    """Limits of a logarithmic axis that show the first and the last cell of a map in full."""
    places = np.log10(cells)
    return [float(1.5 * places[0] - 0.5 * places[1]), float(1.5 * places[-1] - 0.5 * places[-2])]


def _ticks(low: float, high: float) -> list[float]:
    values = [m * 10.0**k for k in range(-4, 3) for m in (1, 3)]
    return [v for v in values if 0.999 * low <= v <= 1.001 * high]
