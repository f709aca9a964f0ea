"""Figures of the page "Inside the prior": one kernel in detail, potentials before and after a change, a training run."""

from collections.abc import Mapping, Sequence

import numpy as np

from app.figures.common import BLUE, MARK, RED, Figure, Part, horizontal, log_axis, log_ticks, merged, on_panel, panels

LONGEST_MAP = 480  # pixels: three maps of any more might not fit into the 4 MB that the page may send
CONVEX = "rgb(150, 175, 215)"
CHANGED = "rgb(220, 130, 0)"
ZERO = {"zeroline": True, "zerolinecolor": MARK}
# Below zero, zero, above: told apart by colour-blind people, and red is seen on all of them.
SIGNED = [[0, "rgb(60, 105, 185)"], [0.5, "rgb(245, 245, 240)"], [1, "rgb(235, 195, 50)"]]
MAP_POINTS = 65  # from the smallest u of any level to the largest
STRONGEST = 0.05  # share of a map's values that the colours do not tell apart: potentials rise steeply at their ends


def kernel_figure(kernel: np.ndarray, spectrum: np.ndarray) -> Figure:
    """A kernel (k, k) in grey, zero in the middle of the scale, and the magnitude of its spectrum (n, n)."""
    largest = max(float(np.abs(kernel).max()), 1e-12)
    half, count = kernel.shape[0] // 2, len(spectrum)
    place, frequency = np.arange(-half, half + 1), (np.arange(count) - count // 2) / count
    map_ = {"type": "heatmap", "showscale": False, "hovertemplate": "(%{x:.3g}, %{y:.3g}): %{z:.3g}<extra></extra>"}
    data = [
        map_ | {"name": "kernel", "x": place, "y": place, "z": kernel.astype(np.float32), "colorscale": "Greys",
                "reversescale": True, "zmin": -largest, "zmax": largest},
        on_panel(map_ | {"name": "spectrum", "x": frequency, "y": frequency, "z": spectrum.astype(np.float32),
                         "colorscale": "Viridis", "zmin": 0}, 2),
    ]  # fmt: skip
    square = {"constrain": "domain", "showgrid": False}
    down = square | {"autorange": "reversed"}
    ticks = [-0.5, -0.25, 0, 0.25]
    layout = merged(
        panels(["kernel", "its spectrum"], gap=0.18),
        {"xaxis": square | {"title": {"text": "pixels"}}, "yaxis": down | {"scaleanchor": "x"},
         "xaxis2": square | {"title": {"text": "cycles a pixel"}, "tickvals": ticks},
         "yaxis2": down | {"scaleanchor": "x2", "tickvals": ticks},
         "height": 260, "margin": {"l": 74, "r": 10, "t": 30, "b": 42}},
    )  # fmt: skip
    return {"data": data, "layout": layout}


def function_maps(
    u: np.ndarray,
    sigma: np.ndarray,
    values: Sequence[np.ndarray],
    current: int,
    titles: Sequence[str],
    narrow: bool = False,
) -> Figure:
    """phi, phi' and phi'' as maps over (u, sigma), on the effective range of every level; red lines where phi'', the last, is
    negative.

    u, and each of the values: (S, P). `current`: the level that a line marks. narrow: below each other.
    """
    across = np.linspace(u.min(), u.max(), MAP_POINTS)
    concave = _across(u, sigma, values[-1] < 0)
    layout = panels(titles, 0.11, below=narrow)
    data, numbers = list[Part](), range(1, len(values) + 1)
    for number, (part, title) in enumerate(zip(values, titles, strict=True), 1):
        name = str(number) if number > 1 else ""
        right, (bottom, top) = layout[f"xaxis{name}"]["domain"][1], layout[f"yaxis{name}"]["domain"]
        largest = max(float(np.quantile(np.abs(part), 1 - STRONGEST)), 1e-12)
        z = np.array([np.interp(across, *row, left=np.nan, right=np.nan) for row in zip(u, part, strict=True)])
        map_ = {
            "type": "heatmap", "name": title, "x": across.astype(np.float32), "y": sigma, "z": z.astype(np.float32),
            "colorscale": SIGNED, "zmin": -largest, "zmax": largest, "hoverongaps": False,
            "hovertemplate": "u = %{x:.3g}, σ = %{y:.3g}: %{z:.3g}<extra></extra>",
            "colorbar": {"x": right + 0.005, "y": (bottom + top) / 2, "len": top - bottom, "thickness": 8, "outlinewidth": 0,
                         "nticks": 5, "xpad": 2, "ypad": 0},
        }  # fmt: skip
        data.append(on_panel(map_, number))
        half = (sigma[-1] / sigma[0]) ** (0.5 / max(len(sigma) - 1, 1))  # of a cell
        layout[f"yaxis{name}"] |= log_axis("", float(sigma[0] / half), float(sigma[-1] * half)) | {"showgrid": False}
        layout[f"xaxis{name}"] |= {"showgrid": False}
        if not narrow or number == len(values):
            layout[f"xaxis{name}"] |= {"title": {"text": "feature u"}}
        if narrow or number == 1:
            layout[f"yaxis{name}"] |= {"title": {"text": "smoothing σ"}}
    red = {"type": "path", "path": concave, "line": {"color": RED, "width": 1.5}}
    shapes = [horizontal(float(sigma[current]), number, color="black", dash="dot") for number in numbers]
    shapes += [red | {"xref": shape["xref"].split()[0], "yref": shape["yref"]} for shape in shapes]
    size = {"height": 680 if narrow else 300, "margin": {"l": 85, "r": 57, "t": 30, "b": 76}, "hovermode": "closest"}
    return {"data": data, "layout": layout | {"shapes": shapes} | size}


def _across(u: np.ndarray, sigma: np.ndarray, chosen: np.ndarray) -> str:
    """A path along sigma through the points (S, P) that are chosen: a single one, where a curve with gaps would be hundreds."""
    path = ""
    for level, places, row in zip(sigma, u, chosen, strict=True):
        half = (places[1] - places[0]) / 2
        edges = np.flatnonzero(np.diff(np.pad(row.astype(int), 1)))
        for first, after in edges.reshape(-1, 2):
            path += f"M{places[first] - half:.4g},{level:.4g}L{places[after - 1] + half:.4g},{level:.4g}"
    return path


def surface_figure(
    u: np.ndarray, sigma: np.ndarray, values: np.ndarray, concave: np.ndarray, current: int, title: str
) -> Figure:
    """phi or a derivative over (u, log sigma), on the effective range of every level; red where phi is `concave`.

    u, values, concave (bool): (S, P). `current`: the level that a black line marks.
    """
    u, values = u.astype(np.float32), values.astype(np.float32)
    s = np.broadcast_to(np.log10(sigma)[:, None], u.shape).astype(np.float32)
    texts = [[f"{level:.3g}"] * u.shape[1] for level in sigma]
    ticks = log_ticks(float(sigma[0]), float(sigma[-1]))
    data = [
        {
            "type": "surface", "name": title, "x": u, "y": s, "z": values, "showscale": False,
            "surfacecolor": concave.astype(np.uint8), "cmin": 0, "cmax": 1,
            "colorscale": [[0, CONVEX], [0.5, CONVEX], [0.5, RED], [1, RED]], "text": texts,
            "lighting": {"ambient": 0.7, "diffuse": 0.5, "specular": 0.05},
            "hovertemplate": "u = %{x:.3g}, σ = %{text}: %{z:.3g}<extra></extra>",
        },
        {
            "type": "scatter3d", "mode": "lines", "name": f"at σ = {sigma[current]:.3g}", "x": u[current], "y": s[current],
            "z": values[current], "line": {"color": "black", "width": 5}, "hoverinfo": "skip", "showlegend": False,
        },
    ]  # fmt: skip
    scene = {
        "xaxis": {"title": {"text": "u"}}, "zaxis": {"title": {"text": ""}, "nticks": 5}, "aspectmode": "cube",
        "yaxis": {"title": {"text": "σ"}, "tickvals": np.log10(ticks), "ticktext": [f"{t:g}" for t in ticks]},
        "camera": {"eye": {"x": -1.5, "y": -1.75, "z": 1.05}, "center": {"z": -0.12}},
    }  # fmt: skip
    above = {"text": title, "x": 0.5, "y": 1, "xref": "paper", "yref": "paper", "yanchor": "bottom", "showarrow": False,
             "font": {"size": 14}}  # fmt: skip
    margin = {"l": 0, "r": 0, "t": 24, "b": 0}
    return {"data": data, "layout": {"scene": scene, "annotations": [above], "height": 330, "margin": margin}}


def section_figure(u: np.ndarray, values: Sequence[np.ndarray], titles: Sequence[str]) -> Figure:
    """phi, phi' and phi'' at one level, each (P,) over u (P,); red where phi'', the last, is negative."""
    data = []
    for number, (y, title) in enumerate(zip(values, titles, strict=True), start=1):
        for part, colour, what in (
            (y, BLUE, title),
            (np.where(values[-1] < 0, y, np.nan), RED, f"{title} where φ″ < 0"),
        ):
            data.append(on_panel(_curve(u, part, what, {"color": colour, "width": 2.5}), number))
    numbers = ["", *map(str, range(2, len(values) + 1))]
    across = {f"xaxis{number}": ZERO | {"title": {"text": "feature u"}} for number in numbers}
    layout = merged(panels(titles, gap=0.11), across, {f"yaxis{number}": ZERO for number in numbers})
    size = {"height": 260, "margin": {"l": 76, "r": 10, "t": 30, "b": 67}, "hovermode": "closest"}
    return {"data": data, "layout": layout | size}


def potentials_figure(u: np.ndarray, before: np.ndarray, after: np.ndarray, handles: np.ndarray, title: str) -> Figure:
    """A potential as it was and as it is, both (P,) over u (P,), with their minima at zero; the places of the handles (n,) are
    marked on the latter."""
    data = [
        _curve(u, before, "untouched", {"color": BLUE, "width": 2.5}),
        _curve(u, after, "changed", {"color": CHANGED, "width": 2.5, "dash": "dash"}),
        {
            "type": "scatter", "mode": "markers", "name": "handles", "x": handles, "y": np.interp(handles, u, after),
            "marker": {"size": 9, "color": CHANGED, "symbol": "diamond"}, "showlegend": False, "hoverinfo": "skip",
        },
    ]  # fmt: skip
    for trace in data[:2]:
        trace["showlegend"] = True
    layout = merged(panels([title]), {"xaxis": ZERO | {"title": {"text": "feature u"}}, "yaxis": ZERO})
    legend = {"orientation": "h", "y": -0.32, "yanchor": "top", "x": 0}
    size = {"height": 270, "margin": {"l": 76, "r": 15, "t": 30, "b": 90}, "hovermode": "closest"}
    return {"data": data, "layout": layout | size | {"legend": legend}}


def _curve(u: np.ndarray, y: np.ndarray, name: str, line: Part) -> Part:
    return {
        "type": "scatter", "mode": "lines", "name": name, "x": u, "y": y, "line": line, "showlegend": False,
        "hovertemplate": "u = %{x:.3g}: %{y:.3g}<extra></extra>",
    }  # fmt: skip


def training_figure(log: Mapping[str, Sequence[float]]) -> Figure:
    """The two terms of the loss over the iterations; columns of a log, with NaN where a line has no such value."""
    iteration = np.asarray(log["iteration"])
    styles = (
        ("training", {"color": BLUE, "width": 1}, 0.6),
        ("validation, averaged weights", {"color": RED, "width": 2}, 1),
    )
    data, ranges = [], dict[str, Part]()
    for number, keys in enumerate((("image", "validation"), ("smoothing", "validation_smoothing")), start=1):
        late: list[float] = []  # the first values go far beyond the others
        for key, (label, line, opacity) in zip(keys, styles, strict=True):
            values = np.asarray(log.get(key, np.full(len(iteration), np.nan)))
            known = np.isfinite(values)
            data.append(on_panel({
                "type": "scatter", "mode": "lines", "name": label, "x": iteration[known], "y": values[known],
                "line": line, "opacity": opacity, "legendgroup": label, "showlegend": number == 1 and bool(known.any()),
                "hovertemplate": "iteration %{x}: %{y:.4g}",
            }, number))  # fmt: skip
            late += values[known & (iteration > 0.05 * iteration[-1])].tolist()
        if late:
            low, high = np.quantile(late, [0.002, 0.98])
            ranges[f"yaxis{number if number > 1 else ''}"] = {
                "range": [float(low - 0.1 * (high - low)), float(high + 0.3 * (high - low))]
            }
    titled = {"title": {"text": "iteration"}}
    both = {"xaxis": titled, "xaxis2": titled | {"matches": "x"}}
    layout = merged(panels(["loss in the image", "loss in the smoothing"], gap=0.09), both, ranges)
    return {
        "data": data,
        "layout": layout | {
            "height": 300, "margin": {"l": 76, "r": 24, "t": 30, "b": 94}, "hovermode": "closest",
            "legend": {"orientation": "h", "y": -0.3, "yanchor": "top", "x": 0},
        },
    }  # fmt: skip
