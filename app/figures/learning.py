"""Figures of the page "Learning a score": arrows of the score over the density, the error over the iterations, and what becomes
of a noisy image."""

from collections.abc import Sequence

import numpy as np

from app.figures.common import BLUE, MARK, RED, Figure, Part, axis, horizontal, on_panel, panels, vertical
from app.figures.pictures import grey

HEIGHT = 480
CLEAR, TINT = "rgba(0, 158, 115, 0)", "rgba(0, 158, 115, 0.5)"  # of the density, on white and on black
LONGEST, HEAD, OPENING = (
    1.3,
    0.35,
    0.45,
)  # of an exact arrow, in spacings; of a head, in arrows; radians from its middle


def arrows_figure(
    line: np.ndarray,
    density: np.ndarray,
    points: np.ndarray,
    exact: np.ndarray,
    learned: np.ndarray,
    name: str,
    colour: str = RED,
) -> Figure:
    """Two vector fields (P, 2) at points (P, 2) of a square grid, one scale for both, on a density (G, G) over line x line.

    name, colour: of the learned one."""
    spacing = np.ptp(points[:, 0]) / (np.sqrt(len(points)) - 1)
    scale = LONGEST * spacing / max(float(np.hypot(*exact.T).max()), 1e-12)
    data: list[Part] = [
        {"type": "heatmap", "name": "density", "x": line, "y": line, "z": density, "colorscale": [[0, CLEAR], [1, TINT]],
         "showscale": False, "hoverinfo": "skip", "zsmooth": "best"}
    ]  # fmt: skip
    for vectors, title, own, width in ((exact, "exact score", MARK, 4), (learned, name, colour, 1.8)):
        x, y = _arrows(points, scale * vectors)
        data.append(
            {"type": "scatter", "mode": "lines", "name": title, "x": x, "y": y, "line": {"color": own, "width": width},
             "hoverinfo": "skip"}
        )  # fmt: skip
    reach = float(line[-1])
    square = {"range": [-reach, reach], "constrain": "domain", "dtick": 0.5}
    layout = {
        "xaxis": axis("x₁", **square), "yaxis": axis("x₂", scaleanchor="x", **square), "height": HEIGHT,
        "margin": {"l": 78, "r": 5, "t": 36, "b": 69}, "hovermode": False,
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
    }  # fmt: skip
    return {"data": data, "layout": layout}


def _arrows(points: np.ndarray, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One line through all arrows, with gaps between them: from the tail to the tip, and the head's two strokes."""
    tips = points + vectors
    turn = np.array([[np.cos(OPENING), -np.sin(OPENING)], [np.sin(OPENING), np.cos(OPENING)]])
    left, right = tips - HEAD * vectors @ turn, tips - HEAD * vectors @ turn.T
    strokes = np.stack([points, tips, left, tips, right, np.full_like(points, np.nan)], 1)
    return strokes[..., 0].ravel(), strokes[..., 1].ravel()


def curves_figure(
    looks: Sequence[int],
    errors: Sequence[float],
    losses: Sequence[float],
    all_looks: Sequence[int],
    kernel_errors: Sequence[float],
    kernel_losses: Sequence[float],
    floor: float,
) -> Figure:
    """Error against the exact score, and loss on the samples, over the iterations: of the network so far, and of kernel
    regression. floor: loss of the exact posterior mean. Stars are where the error is least."""
    data, shapes = [], [horizontal(floor, 2, dash="dot", width=1.5)]
    curves = (
        ("network", RED, "solid", looks, errors, losses),
        ("kernel regression", BLUE, "dash", all_looks, kernel_errors, kernel_losses),
    )
    for name, colour, dash, x, of_error, of_loss in curves:
        line = {"color": colour, "width": 2.5, "dash": dash}
        for panel, values in enumerate((of_error, of_loss), start=1):
            data.append(on_panel(
                {"type": "scatter", "mode": "lines", "name": name, "x": np.asarray(x), "y": np.asarray(values), "line": line,
                 "showlegend": panel == 1, "legendgroup": name, "hovertemplate": "%{x}: %{y:.3g}"}, panel
            ))  # fmt: skip
        if len(of_error):
            best = int(np.argmin(of_error))
            data.append(on_panel(
                {"type": "scatter", "mode": "markers", "name": f"{name}, least", "x": [x[best]], "y": [of_error[best]],
                 "marker": {"symbol": "star", "size": 14, "color": colour}, "showlegend": False,
                 "hovertemplate": "least: %{y:.3g} after %{x}"}, 1
            ))  # fmt: skip
            shapes += [vertical(x[best], panel, color=colour, width=1, dash="dot") for panel in (1, 2)]
    low = min([*kernel_errors, *errors])
    high = max(4 * low, kernel_errors[-1], *errors[-1:])  # what is learned first comes from far above
    iterations = {"range": [0, float(np.log10(all_looks[-1]))], "tickvals": [1, 10, 100, 1000, 10000], "type": "log"}
    layout = {
        "xaxis": axis(anchor="y", matches="x2", showticklabels=False, **iterations),
        "xaxis2": axis("iteration", anchor="y2", **iterations),
        "yaxis": axis("error of the score", type="log", range=[float(np.log10(low / 1.2)), float(np.log10(1.2 * high))],
                      domain=[0.42, 1], anchor="x"),
        "yaxis2": axis("training loss", domain=[0, 0.36], anchor="x2", rangemode="tozero", nticks=5,
                       range=[0, 2 * floor]),
        "height": HEIGHT, "margin": {"l": 76, "r": 10, "t": 41, "b": 67}, "hovermode": "closest", "shapes": shapes,
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
        "annotations": [{"text": "noise of the labels", "x": 1, "xref": "x2 domain", "y": floor, "yref": "y2",
                         "showarrow": False, "xanchor": "right", "yanchor": "bottom", "font": {"size": 11}}],
    }  # fmt: skip
    return {"data": data, "layout": layout}


def noisy_figure(
    pictures: Sequence[tuple[str, np.ndarray]],
    looks: Sequence[int],
    psnr: Sequence[float],
    levels: Sequence[float],
    noisy_psnr: float | None,
    told: float | None,
    symbol: str,
    iterations: int,
) -> Figure:
    """Pictures side by side with their titles, (H, W) each, and below over the iterations the PSNR of what is restored, if it is
    known, and the estimated level of noise. noisy_psnr: of the noisy image, told: the true level, None where they are not known;
    symbol: what the level is called."""
    count = len(pictures)
    layout = panels([title.replace(", ", ",<br>", 1) for title, _ in pictures], gap=0.02)  # on a narrow screen, too
    for number in range(count):
        name = str(number + 1) if number else ""
        hidden = {"visible": False, "constrain": "domain", "constraintoward": "top"}
        layout[f"xaxis{name}"] |= {"visible": False, "constrain": "domain"}
        layout[f"yaxis{name}"] |= hidden | {"scaleanchor": f"x{name}", "autorange": "reversed", "domain": [0.36, 1]}
    data = [grey(picture, number, title) for number, (title, picture) in enumerate(pictures, start=1)]
    shapes: list[Part] = []
    curves = (("PSNR (dB)", psnr, noisy_psnr, BLUE, "noisy"), (symbol, levels, told, RED, "true"))
    for number, (title, values, true, colour, word) in enumerate(curves, start=count + 1):
        left = 0.0 if number == count + 1 else 0.56
        layout[f"xaxis{number}"] = axis(
            "iteration", domain=[left, left + 0.44], anchor=f"y{number}", range=[0, iterations]
        )
        layout[f"yaxis{number}"] = axis(title, domain=[0, 0.25], anchor=f"x{number}", nticks=4)
        line = {"color": colour, "width": 2.5}
        data.append(on_panel(
            {"type": "scatter", "mode": "lines", "x": np.asarray(looks[: len(values)]), "y": np.asarray(values), "line": line,
             "name": title, "hovertemplate": "%{y:.4g}"}, number
        ))  # fmt: skip
        if true is not None:
            if word == "true":
                layout[f"yaxis{number}"]["range"] = [0.7 * true, 1.3 * true]
            shapes.append(horizontal(true, number, dash="dot", width=1.5))
            layout["annotations"].append(
                {"text": word, "x": 1, "xref": f"x{number} domain", "y": true, "yref": f"y{number}", "showarrow": False,
                 "xanchor": "right", "yanchor": "bottom" if word == "noisy" else "top", "font": {"size": 11}}
            )  # fmt: skip
    return {
        "data": data,
        "layout": layout | {
            "height": 530, "margin": {"l": 67, "r": 21, "t": 46, "b": 67}, "hovermode": "closest", "shapes": shapes,
            "showlegend": False,
        },
    }  # fmt: skip
