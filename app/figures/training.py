"""Figures of the page "Training": the loss, what the prior so far denoises, its kernels and potentials."""

from collections.abc import Sequence

import numpy as np

from app.figures.common import BLUE, MARK, PURPLE, RED, Figure, horizontal, merged, on_panel, panels

HEIGHT, NARROW_HEIGHT, ROW, NARROW_ROW = 222, 450, 142, 118  # of the curves; of a row of tiles, in pixels
MOST_COLUMNS, NARROW_COLUMNS = 12, 6
TITLES = (  # with the colours of the curves, which a legend would cover on a phone
    f'loss<br><span style="color: {MARK}">training,</span> <span style="color: {RED}">validation</span>',
    "PSNR (dB)<br>denoised",
    "noisy,<br>denoised so far",
)
COLOURS = (BLUE, PURPLE, RED)  # from the smallest smoothing to the largest


def progress_figure(
    loss: np.ndarray,
    looks: Sequence[int],
    validation: Sequence[float],
    psnr: Sequence[float],
    noisy_psnr: float,
    pictures: np.ndarray,
    iterations: int,
    narrow: bool = False,
) -> Figure:
    """The loss (image term) over the iterations, the PSNR of a photograph, denoised with the prior so far, and that photograph.

    loss: of iterations 1, 2, ...; looks: iterations of validation and psnr, in dB. pictures: noisy and denoised, (h, 2 w).
    narrow: the photograph stands below the curves.
    """
    axes = {"title": {"text": "iteration"}, "range": [0, iterations]}
    layout = merged(
        panels(TITLES, widths=(1, 1, 0.8)),
        {"xaxis": axes, "xaxis2": axes, "yaxis": {"rangemode": "tozero", "nticks": 5}, "yaxis2": {"nticks": 5},
         "xaxis3": {"visible": False, "constrain": "domain"},
         "yaxis3": {"visible": False, "scaleanchor": "x3", "autorange": "reversed", "constrain": "domain"}},
    )  # fmt: skip
    if narrow:
        places = [([0.0, 0.42], [0.58, 1.0]), ([0.58, 1.0], [0.58, 1.0]), ([0.0, 1.0], [0.0, 0.32])]
        for name, title, (wide, high) in zip(["", "2", "3"], layout["annotations"], places, strict=True):
            layout[f"xaxis{name}"]["domain"], layout[f"yaxis{name}"]["domain"] = wide, high
            title |= {"x": sum(wide) / 2, "y": high[1]}
    curves = [
        (np.arange(1, len(loss) + 1), loss, "training", {"color": MARK, "width": 1.5}, "%{y:.3f}"),
        (np.asarray(looks), np.asarray(validation), "validation", {"color": RED, "width": 2.5}, "%{y:.3f}"),
        (np.asarray(looks), np.asarray(psnr), "denoised", {"color": BLUE, "width": 2.5}, "%{y:.2f} dB"),
    ]
    data = [
        on_panel(
            {"type": "scatter", "mode": "lines", "x": x, "y": y, "name": name, "line": line, "hovertemplate": text},
            1 + (name == "denoised"),
        )
        for x, y, name, line, text in curves
    ]
    grey = np.clip(np.round(255 * pictures), 0, 255).astype(np.uint8)
    data.append(on_panel(
        {"type": "heatmap", "z": grey, "zmin": 0, "zmax": 255, "colorscale": "Greys", "reversescale": True, "showscale": False,
         "hoverinfo": "skip", "name": "noisy and denoised"}, 3
    ))  # fmt: skip
    noisy = horizontal(noisy_psnr, 2, dash="dot", width=1.5)
    layout["annotations"].append(
        {"text": "noisy", "x": 1, "xref": "x2 domain", "y": noisy_psnr, "yref": "y2", "showarrow": False, "xanchor": "right",
         "yanchor": "bottom", "font": {"size": 11}}
    )  # fmt: skip
    return {
        "data": data,
        "layout": layout | {
            "height": NARROW_HEIGHT if narrow else HEIGHT, "margin": {"l": 70, "r": 21, "t": 42, "b": 42 if narrow else 67},
            "shapes": [noisy], "hovermode": "closest", "showlegend": False,
        },
    }  # fmt: skip


def tiles_figure(
    kernels: np.ndarray, sigma: np.ndarray, u: np.ndarray, phi: np.ndarray, narrow: bool = False
) -> Figure:
    """Kernels as grey tiles, mid-grey is zero; below each its potential at some smoothings, each on the effective range of
    its features there and scaled to its own height.

    kernels: (C, k, k). sigma: (S,). u, phi: (S, C, P). narrow: as many a row as a phone has room for."""
    count, side = kernels.shape[:2]
    columns = min(NARROW_COLUMNS if narrow else MOST_COLUMNS, count)
    rows = -(-count // columns)
    wide, high = side + 1, 2 * side + 2  # of a kernel with its potential, in pixels of a kernel, one of them empty
    data = []
    for row in range(rows):
        tiles = np.full((columns, side, wide), np.nan)
        part = kernels[row * columns : (row + 1) * columns]
        tiles[: len(part), :, :side] = part / np.abs(part).max((1, 2), keepdims=True)
        data.append(
            {"type": "heatmap", "z": tiles.transpose(1, 0, 2).reshape(side, columns * wide), "x0": 0.5, "y0": row * high + 0.5,
             "zmin": -1, "zmax": 1, "colorscale": "Greys", "reversescale": True, "showscale": False, "hoverinfo": "skip",
             "name": f"kernels, row {row + 1}"}
        )  # fmt: skip
    places = np.arange(count)[:, None]
    left, bottom = places % columns * wide, places // columns * high + 2 * side + 0.5
    for value, colour, own_u, own_phi in zip(sigma, _colours(len(sigma)), u, phi, strict=True):
        x = left + side / 2 * (1 + own_u / np.abs(own_u).max(1, keepdims=True))
        y = bottom - (side - 0.5) * own_phi / np.maximum(own_phi.max(1, keepdims=True), 1e-9)  # y points down
        data.append(
            {"type": "scatter", "mode": "lines", "x": _broken(x), "y": _broken(y), "line": {"color": colour, "width": 1.5},
             "name": f"σ = {value:.2g}", "hoverinfo": "skip"}
        )  # fmt: skip
    hidden = {"visible": False}
    return {
        "data": data,
        "layout": {
            # Square, at the left.
            "xaxis": hidden | {"range": [-1, columns * wide], "constrain": "domain", "constraintoward": "left"},
            "yaxis": hidden | {"range": [rows * high, -1], "scaleanchor": "x", "constrain": "domain", "constraintoward": "top"},
            "height": 40 + rows * (NARROW_ROW if narrow else ROW), "margin": {"l": 5, "r": 5, "t": 36, "b": 5},
            "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
        },
    }  # fmt: skip


def _colours(count: int) -> list[str]:
    """As many, from the smallest smoothing to the largest."""
    return [COLOURS[round(k * (len(COLOURS) - 1) / max(count - 1, 1))] for k in range(count)]


def _broken(values: np.ndarray) -> np.ndarray:
    """Curves (C, P) as one line with gaps between them."""
    return np.pad(values, ((0, 0), (0, 1)), constant_values=np.nan).ravel()
