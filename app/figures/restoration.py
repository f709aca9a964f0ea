"""Figures of the page "Restore an image": linked image panels, boxes to draw, energy and PSNR over the steps."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from app.figures.common import MARK, Figure, Part, axis, merged, on_panel
from app.figures.common import panels as side_by_side

# Apart for colour-blind people, on white and on black (after Wong, 2011).
LINES = [
    "rgb(0, 114, 178)", "rgb(213, 94, 0)", "rgb(0, 158, 115)", "rgb(204, 121, 167)", "rgb(230, 159, 0)", "rgb(86, 180, 233)",
    "rgb(128, 128, 128)", "rgb(160, 110, 60)",
]  # fmt: skip
HOVER = "x %{x}, y %{y}: %{z[0]}, %{z[1]}, %{z[2]} of 255<extra></extra>"
TITLES = 40  # pixels that the titles of the panels need above and below them
# Blue, white, red (after Brewer); the names of scales mean others to plotly in Python and in the browser.
DIVERGING = [[0, "rgb(5, 48, 97)"], [0.25, "rgb(67, 147, 195)"], [0.5, "rgb(247, 247, 247)"], [0.75, "rgb(214, 96, 77)"],
             [1, "rgb(103, 0, 31)"]]  # fmt: skip
MISSING = "rgba(215, 25, 40, 0.35)"
ENERGY, PSNR, SIGMA = "Energy at σ_min", "PSNR (dB)", "Smoothing σ"
CURVES = 350  # pixels of the curves, without their legend


@dataclass(frozen=True)
class Curve:
    """A run: its steps from 0, the energy and the sigma of each, and its PSNR (None without a truth). A method without steps has
    one of each. estimate, told: the noise level that a blind run has found, and the true one, where they are known."""

    name: str
    steps: Sequence[int]
    energy: Sequence[float]
    sigma: Sequence[float]
    psnr: Sequence[float] | None
    estimate: float | None = None
    told: float | None = None


def comparison_figure(panels: Sequence[tuple[str, bytes]], size: tuple[int, int], hover: bool = True) -> Figure:
    """Images side by side that zoom and pan together; `panels` are titles and PNG files of `size` (width, height). hover: says
    the values of the pixel under the mouse."""
    told = {"hovertemplate": HOVER} if hover else {"hoverinfo": "skip"}
    return _linked([(title, _image(png, title) | told) for title, png in panels], size)


def box_figure(png: bytes, size: tuple[int, int], boxes: Iterable[Sequence[int]]) -> Figure:
    """The image with its missing `boxes` (left, top, width, height); drag to select another one."""
    width, height = size
    # Plotly selects points only: one that is not seen, so that there is something to select from.
    point = {"type": "scatter", "x": [-0.5], "y": [-0.5], "mode": "markers", "marker": {"opacity": 0, "size": 1},
             "hoverinfo": "skip"}  # fmt: skip
    shapes = [
        {"type": "rect", "x0": left - 0.5, "y0": top - 0.5, "x1": left + box_width - 0.5, "y1": top + box_height - 0.5,
         "fillcolor": MISSING, "line": {"color": "rgb(215, 25, 40)", "width": 1}}
        for left, top, box_width, box_height in boxes
    ]  # fmt: skip
    across, down = _pixel_axes(size)
    return {
        "data": [_image(png, "") | {"hovertemplate": HOVER}, point],
        "layout": {
            "height": round(min(420, max(200, 600 * height / width))), "showlegend": False, "shapes": shapes,
            "margin": {"l": 4, "r": 4, "t": 8, "b": 8}, "dragmode": "select", "xaxis": across, "yaxis": down,
        },
    }  # fmt: skip


def difference_figure(panels: Sequence[tuple[str, np.ndarray]]) -> Figure:
    """Differences of images, titles and arrays (H, W) in units of [0, 1], as linked panels on one diverging scale, in 1/255.

    The scale covers all but a few of the values; what is beyond it has the colours of its ends."""
    whole = [(title, np.round(255 * values)) for title, values in panels]
    limit = max(1.0, *(float(np.quantile(np.abs(values), 0.995)) for _, values in whole))
    traces = []
    for title, values in whole:
        kind = np.int8 if np.abs(values).max() <= 127 else np.int16  # a pixel is sent as one byte, where it fits
        traces.append((title, {
            "type": "heatmap", "z": values.clip(-32767, 32767).astype(kind), "name": title, "coloraxis": "coloraxis",
            "hovertemplate": "x %{x}, y %{y}: %{z} of 255<extra></extra>",
        }))  # fmt: skip
    height, width = panels[0][1].shape
    bar = {"title": {"text": "1/255", "side": "top"}, "thickness": 12, "tickformat": "+d"}
    scale = {"colorscale": DIVERGING, "cmin": -limit, "cmax": limit, "colorbar": bar}
    return merged(_linked(traces, (width, height)), {"layout": {"coloraxis": scale, "margin": {"r": 110}}})


def _linked(traces: Sequence[tuple[str, Part]], size: tuple[int, int]) -> Figure:
    """Titles and traces of pixels in panels side by side that zoom and pan together."""
    layout = side_by_side([title for title, _ in traces], gap=0.012)
    for title, name in zip(layout["annotations"], _names(len(traces)), strict=True):
        # Above the left end of its panel: plotly's bar appears on the right.
        title |= {"x": layout[f"xaxis{name}"]["domain"][0], "xanchor": "left"}
        other = {"matches": "x"} if name else {}, {"matches": "y"} if name else {}
        for axis_name, pixels, matches in zip("xy", _pixel_axes(size), other, strict=True):
            layout[f"{axis_name}axis{name}"] |= pixels | matches
    return {
        "data": [on_panel(trace, number) for number, (_, trace) in enumerate(traces, start=1)],
        "layout": layout | {
            "margin": {"l": 4, "r": 4, "t": TITLES - 8, "b": 8}, "dragmode": "zoom", "hovermode": "closest",
            "modebar": {"orientation": "v"},  # across, it reaches to the title of the last panel on a narrow screen
        },
    }  # fmt: skip


def curves_figure(curves: Sequence[Curve]) -> Figure:
    """Energy (and PSNR where the truth is known) over the steps, a line a run (the paper's Figure 4); below them sigma, if a run
    is blind. A method without steps is a dotted line at what it comes to."""
    blind = any(curve.estimate for curve in curves)
    with_psnr = any(curve.psnr is not None for curve in curves)
    titles = [ENERGY, *([PSNR] * with_psnr), *([SIGMA] * blind)]
    last = max(len(curve.steps) for curve in curves) - 1
    data: list[Part] = []
    for number, curve in enumerate(curves):
        single, colour = len(curve.steps) == 1, LINES[number % len(LINES)]
        line = {
            "type": "scatter", "x": [0, max(last, 1)] if single else curve.steps, "mode": "lines" if single else "lines+markers",
            "name": escape(curve.name, quote=False), "legendgroup": str(number), "marker": {"size": 5},
            "line": {"color": colour, "width": 2, "dash": "dot" if single else "solid"}, "customdata": curve.sigma,
        }  # fmt: skip
        hover = "" if single else "step %{x}, σ = %{customdata:.3g}: "
        for title, values, unit in ((ENERGY, curve.energy, "%{y:.6g}"), (PSNR, curve.psnr, "%{y:.2f} dB")):
            if values is not None:
                told = {"y": [*values] * (1 + single), "hovertemplate": hover + unit, "showlegend": title == ENERGY}
                data.append(on_panel(line | told, titles.index(title) + 1))
        if blind and not single:
            told = {"y": curve.sigma, "hovertemplate": "step %{x}: σ = %{y:.3g}", "showlegend": False}
            data += [on_panel(trace, len(titles)) for trace in (line | told, *_levels(curve, last, colour))]
    return {
        "data": data,
        "layout": _stacked(titles, [_late_steps(curves, title) for title in titles]) | {
            "height": CURVES + 80 * blind + 16 * len(curves),
            "margin": {"l": 76, "r": 10, "t": 26, "b": 80}, "showlegend": True, "hovermode": "closest",
            "legend": {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0, "font": {"size": 12}},
        },
    }  # fmt: skip


def _stacked(titles: Sequence[str], ranges: Sequence[list[float] | None]) -> Part:
    """The layout of panels above each other over the steps, each with its title above its left end and the range of its values
    (None for all of them)."""
    gap, layout = 0.1, Part(annotations=[])
    share = (1 - gap * (len(titles) - 1)) / len(titles)
    for number, (title, name, shown) in enumerate(zip(titles, _names(len(titles)), ranges, strict=True)):
        top, lowest = 1 - number * (share + gap), number == len(titles) - 1
        layout[f"xaxis{name}"] = axis(
            "step" if lowest else "", anchor=f"y{name}", rangemode="tozero", showticklabels=lowest
        )
        layout[f"xaxis{name}"] |= {"matches": "x"} if name else {}
        layout[f"xaxis{name}"]["title"] |= {"standoff": 4}
        layout[f"yaxis{name}"] = axis(anchor=f"x{name}", domain=[max(top - share, 0), top], exponentformat="SI")
        layout[f"yaxis{name}"] |= {"range": shown} if shown else {}
        layout[f"yaxis{name}"] |= {"type": "log", "dtick": 1} if title == SIGMA else {}
        layout["annotations"].append(
            {"text": title, "x": 0, "y": top, "xref": "paper", "yref": "paper", "showarrow": False, "xanchor": "left",
             "yanchor": "bottom", "font": {"size": 14}}
        )  # fmt: skip
    return layout


def _levels(curve: Curve, last: int, colour: str) -> list[Part]:
    """The noise level that a blind run has found, in its colour, and the true one."""
    return [
        {"type": "scatter", "x": [0, last], "y": [level, level], "mode": "lines+text", "textfont": {"size": 11},
         "text": [f"{text}: {level:.3g}", ""] if colour else ["", f"{text}: {level:.3g}"],
         "textposition": ["bottom right", "top left"], "showlegend": False, "name": text,
         "line": {"color": colour or MARK, "dash": "dash" if colour else "dot", "width": 1.5},
         "hovertemplate": f"{text} {level:.4g}<extra></extra>"}
        for level, text, colour in ((curve.estimate, "σₙ, estimated", colour), (curve.told, "true σₙ", ""))
        if level
    ]  # fmt: skip


def _late_steps(curves: Sequence[Curve], title: str) -> list[float] | None:
    """A range that fits the steps from the second on, where schemes differ; the first ones go far beyond. A double click shows
    them all. None where nothing is to be left out."""
    values = [curve.energy if title == ENERGY else curve.psnr for curve in curves if title != SIGMA]
    known = [list(line) for line in values if line is not None]
    lines = [line for line in known if len(line) > 1]
    late = [value for line in lines for value in line[2:]]
    if not lines or min(map(len, lines)) < 5 or min(late) == max(late):
        return None
    late += [line[0] for line in known if len(line) == 1]
    margin = 0.06 * (max(late) - min(late))
    return [min(late) - margin, max(late) + margin]


def data_uri(picture: bytes, kind: str = "png") -> str:
    """A picture's file as an address that holds it; kind: "png" or "jpeg"."""
    return f"data:image/{kind};base64," + base64.b64encode(picture).decode()


def _image(png: bytes, name: str) -> Part:
    """A picture as an encoded file: some hundred kilobytes, where a heatmap would send every number as text."""
    return {"type": "image", "source": data_uri(png), "name": name}


def _names(count: int) -> list[str]:
    """What plotly adds to the axes of panels: nothing to the first."""
    return ["", *map(str, range(2, count + 1))]


def _pixel_axes(size: tuple[int, int]) -> tuple[Part, Part]:
    """Square pixels, row 0 at the top, no ticks."""
    width, height = size
    hidden = {"showticklabels": False, "ticks": "", "showgrid": False, "zeroline": False, "constrain": "domain",
              "automargin": False}  # fmt: skip
    return (
        hidden | {"range": [-0.5, width - 0.5], "constraintoward": "left"},
        hidden | {"range": [height - 0.5, -0.5], "scaleanchor": "x", "constraintoward": "top"},
    )
