"""Figures of the page "Maps": attainment and PSNR over the grid of a sweep, and energy against PSNR."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.figures.common import Figure, Part, axis

UNKNOWN = "rgba(128, 128, 128, 0.12)"
LINE, HALO = "rgb(20, 20, 20)", "rgba(255, 255, 255, 0.75)"
CONTOURS = (
    (50, "dash", "50 % attain E*"),
    (90, "solid", "90 % attain E*"),
)  # % of the images, how the line is drawn, its name
CONTOUR_OF_ONE = ((50, "solid", "E* is attained"),)
BEST = {"symbol": "star", "size": 15, "color": "white", "line": {"color": LINE, "width": 1.5}}
HEIGHT, ROWS = 560, ((0.55, 1), (0, 0.45))  # pixels, and how the two rows share the height
BAR = {"x": 1.005, "len": 0.45, "yanchor": "bottom", "thickness": 10, "outlinewidth": 0}
SYMBOLS = ("circle", "diamond")
DARKEST = 0.25  # share of the cells, those of lowest PSNR, that the colours do not tell apart


@dataclass(frozen=True)
class Map:
    """What a scheme came to over the grid: arrays (sigma0, steps), NaN where nothing is known.

    attainment: share of the images in [0, 1]. psnr, spread: mean and standard deviation over the images, in dB.
    excess: final energy above E* per pixel, mean over the images. diverged: number of runs.
    best: the cell of the highest PSNR, (sigma0, steps), or None while none is known.
    """

    name: str
    attainment: np.ndarray
    psnr: np.ndarray
    spread: np.ndarray
    excess: np.ndarray
    diverged: np.ndarray
    best: tuple[int, int] | None


def maps_figure(maps: Sequence[Map], sigma0: Sequence[float], steps: Sequence[int], images: int) -> Figure:
    """Attainment above, PSNR below, a column a scheme, on shared axes: position j of sigma0 upwards, position k of steps to
    the right. Both show where attainment reaches 50 % and 90 % (of more than one image), and the highest PSNR. The quarter of
    the cells with the lowest PSNR has one colour.

    Every cell can be hovered over and clicked: the trace called after the scheme has its point at x = k, y = j.
    """
    psnr = np.concatenate([one.psnr[np.isfinite(one.psnr)] for one in maps])
    lowest, highest = (float(np.quantile(psnr, DARKEST)), float(psnr.max())) if psnr.size else (0.0, 1.0)
    levels = CONTOURS if images > 1 else CONTOUR_OF_ONE
    texts = _texts(maps, sigma0, steps, images)
    k, j = (positions.ravel() for positions in np.meshgrid(range(len(steps)), range(len(sigma0))))
    data: list[Part] = []
    notes: list[Part] = []
    for column, one in enumerate(maps):
        x = "x" if column == 0 else f"x{column + 1}"
        first = {"type": "heatmap", "showscale": column == 0, "hoverinfo": "skip", "xaxis": x}
        data += [
            first | {"z": 100 * one.attainment, "zmin": 0, "zmax": 100, "colorscale": "Viridis", "yaxis": "y",
                     "name": f"{one.name}, attainment (%)", "colorbar": BAR | {"y": ROWS[0][0], "ticksuffix": " %"}},
            first | {"z": one.psnr, "zmin": lowest, "zmax": max(highest, lowest + 0.01), "colorscale": "Cividis", "yaxis": "y2",
                     "name": f"{one.name}, mean PSNR (dB)", "colorbar": BAR | {"y": ROWS[1][0], "ticksuffix": " dB"}},
        ]  # fmt: skip
        best = [one.best] if one.best else []
        for y, what in (("y", "attainment"), ("y2", "mean PSNR")):
            place = {"xaxis": x, "yaxis": y}
            unseen = {"marker": {"opacity": 0}}
            data += [line | place for line in _contours(one.attainment, levels)]
            data += [
                {"type": "scatter", "x": [k for _, k in best], "y": [j for j, _ in best], "mode": "markers", "marker": BEST,
                 "hoverinfo": "skip", "name": "highest mean PSNR", "legendgroup": "best",
                 "showlegend": column == 0 and y == "y"} | place,
                {"type": "scatter", "x": k, "y": j, "mode": "markers", "marker": {"opacity": 0}, "selected": unseen,
                 "unselected": unseen, "name": one.name, "customdata": [[one.name]] * len(k), "showlegend": False, "text": texts,
                 "hovertemplate": "%{text}<extra></extra>"} | place,
            ]  # fmt: skip
            notes.append(
                {"text": f"<b>{one.name}</b><br>{what}", "align": "left", "showarrow": False, "font": {"size": 13},
                 "xref": f"{x} domain", "yref": f"{y} domain", "x": 0, "y": 1, "xanchor": "left", "yanchor": "bottom"}
            )  # fmt: skip
    data += [
        {"type": "scatter", "x": [None], "y": [None], "mode": "lines", "name": name,
         "line": {"color": "rgb(120, 120, 120)", "dash": dash, "width": 2}}
        for _, dash, name in levels
    ]  # fmt: skip
    return {
        "data": data,
        "layout": _axes(len(maps), sigma0, steps) | {
            "height": HEIGHT, "margin": {"l": 87, "r": 76, "t": 76, "b": 50, "pad": 0}, "hovermode": "closest",
            "hoverdistance": -1, "plot_bgcolor": UNKNOWN, "annotations": notes, "hoverlabel": {"align": "left"},
            "legend": {"orientation": "h", "x": 0, "y": 1.08, "yanchor": "bottom"},
        },
    }  # fmt: skip


def trade_off_figure(
    maps: Sequence[Map], sigma0: Sequence[float], steps: Sequence[int], images: int, by_steps: bool = True
) -> Figure:
    """Every cell as a point, energy above E* against PSNR; a symbol a scheme, coloured by the number of steps or by sigma0.
    Lines join the runs from one sigma0, from the fewest steps to the most."""
    energies = np.concatenate([one.excess.ravel() for one in maps])
    positive = energies[energies > 0]
    floor = positive.min() / 2 if positive.size else 1e-6  # a logarithmic axis has no place for E* itself
    texts = _texts(maps, sigma0, steps, images)
    values, title = (steps, "steps") if by_steps else (sigma0, "σ₀")
    shades = np.broadcast_to(np.log10(steps)[None] if by_steps else np.log10(sigma0)[:, None], maps[0].psnr.shape)
    gap = np.full((len(sigma0), 1), np.nan)
    bar = {
        "title": {"text": title}, "thickness": 12, "outlinewidth": 0, "tickvals": np.log10(values),
        "ticktext": [f"{v:.3g}" for v in values],
    }  # fmt: skip
    data: list[Part] = []
    for number, one in enumerate(maps):
        x = np.where(np.isnan(one.excess), np.nan, np.maximum(one.excess, floor))
        data += [
            {"type": "scatter", "x": np.hstack([x, gap]).ravel(), "y": np.hstack([one.psnr, gap]).ravel(), "mode": "lines",
             "hoverinfo": "skip", "line": {"color": "rgba(128, 128, 128, 0.45)", "width": 1}, "showlegend": False},
            {"type": "scatter", "x": x.ravel(), "y": one.psnr.ravel(), "mode": "markers", "name": one.name, "text": texts,
             "hovertemplate": "%{text}<extra></extra>",
             "marker": {"symbol": SYMBOLS[number % len(SYMBOLS)], "size": 9, "color": shades.ravel(), "colorscale": "Viridis",
                        "cmin": shades.min(), "cmax": shades.max(), "showscale": number == 0,
                        "line": {"color": "white", "width": 0.5}, "colorbar": bar}},
        ]  # fmt: skip
    best = [(max(one.excess[one.best], floor), one.psnr[one.best]) for one in maps if one.best]
    data.append(
        {"type": "scatter", "x": [x for x, _ in best], "y": [y for _, y in best], "mode": "markers", "marker": BEST,
         "hoverinfo": "skip", "name": "highest mean PSNR"}
    )  # fmt: skip
    return {
        "data": data,
        "layout": {
            "xaxis": axis("final energy above E*, per pixel", type="log", exponentformat="power"),
            "yaxis": axis("mean PSNR (dB)"),
            "height": 420, "margin": {"l": 67, "r": 85, "t": 47, "b": 71}, "hovermode": "closest",
            "hoverlabel": {"align": "left"}, "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        },
    }  # fmt: skip


def _texts(maps: Sequence[Map], sigma0: Sequence[float], steps: Sequence[int], images: int) -> list[str]:
    """What hovering over a cell says, of all schemes: a text a cell, sigma0 by sigma0."""
    return [
        f"<b>σ₀ = {sigma:.4g}, {number} step{'s'[: number > 1]}</b><br>"
        + "<br>".join(_text(one, (j, k), images) for one in maps)
        for j, sigma in enumerate(sigma0)
        for k, number in enumerate(steps)
    ]


def _text(one: Map, place: tuple[int, int], images: int) -> str:
    if np.isnan(one.attainment[place]):
        return f"{one.name}: not computed yet"
    psnr, spread, diverged = one.psnr[place], one.spread[place], one.diverged[place]
    if images == 1:
        return f"{one.name}: " + (
            "diverged" if diverged else f"{psnr:.2f} dB, {'attains' if one.attainment[place] else 'misses'} E*"
        )
    text = f"{one.name}: {one.attainment[place]:.0%} attain E*"
    if not np.isnan(psnr):
        text += f", {psnr:.2f} ± {spread:.2f} dB"
    return text + (f", {diverged} of {images} diverged" if diverged else "")


def _contours(attainment: np.ndarray, levels: Sequence[tuple[int, str, str]]) -> list[Part]:
    """Where attainment crosses the levels (%): dark lines, light below, to be seen on all colours, up to the maps' edges."""
    rows, columns = attainment.shape
    place = {"x": [-0.5, *range(columns), columns - 0.5], "y": [-0.5, *range(rows), rows - 0.5]}
    line = {"type": "contour", "z": 100 * np.pad(attainment, 1, "edge"), **place, "showscale": False, "hoverinfo": "skip",
            "showlegend": False}  # fmt: skip
    values = [level for level, _, _ in levels]
    between = {"start": values[0], "end": values[-1], "size": max(values[-1] - values[0], 1), "coloring": "none"}
    halo = line | {"contours": between, "line": {"color": HALO, "width": 4.5}, "name": "below the lines"}
    return [halo] + [
        line | {"contours": {"start": level, "end": level, "size": 1, "coloring": "none"}, "name": f"{level} %",
                "line": {"color": LINE, "width": 2, "dash": dash}}
        for level, dash, _ in levels
    ]  # fmt: skip


def _axes(columns: int, sigma0: Sequence[float], steps: Sequence[int]) -> Part:
    """One x axis a column, one y axis a row, so that the lines through a hovered cell run on into the next map."""
    fixed = {
        "fixedrange": True, "showgrid": False, "zeroline": False, "showspikes": True, "spikemode": "across",
        "spikesnap": "hovered data", "spikethickness": 1.5, "spikedash": "solid", "spikecolor": "rgb(215, 25, 40)",
    }  # fmt: skip
    width = (1 - 0.03 * (columns - 1)) / columns
    axes: Part = {}
    for column in range(columns):
        left = column * (width + 0.03)
        axes[f"xaxis{column + 1 if column else ''}"] = fixed | {
            "domain": [left, min(left + width, 1)], "anchor": "y2", "title": {"text": "steps", "standoff": 4},
            "range": [-0.5, len(steps) - 0.5], "tickvals": list(range(len(steps))),
            "ticktext": [str(number) for number in steps],
        }  # fmt: skip
    for name, domain in zip(("yaxis", "yaxis2"), ROWS, strict=True):
        axes[name] = fixed | {
            "domain": domain, "anchor": "x", "title": {"text": "initial smoothing σ₀"}, "range": [-0.5, len(sigma0) - 0.5],
            "tickvals": list(range(len(sigma0))), "ticktext": [f"{sigma:.3g}" for sigma in sigma0],
        }  # fmt: skip
    return axes
