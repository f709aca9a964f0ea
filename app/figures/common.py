"""What figures have in common.

A figure is a plain dictionary, as plotly's JSON has it, {"data": traces, "layout": ..., "frames": ...}: nothing validates or
copies it while a page is used. `plotly.graph_objects.Figure(figure)` shows it in a notebook, and validates it in the tests.

Margins have room for all that stands in them, at the usual size of type: plotly draws a figure again, and takes twice as long,
when it has to enlarge one (`tests/benchmarks/margins.py` says which).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Figure = dict[str, Any]
Part = dict[str, Any]  # of a figure

BLUE, PURPLE, RED = "rgb(45, 120, 220)", "rgb(140, 70, 170)", "rgb(220, 45, 50)"  # readable on white and on black
PICTURE = "picture"  # the `meta` of traces whose coordinates are numbers of nothing: no file of numbers has them
MARK = "rgb(125, 125, 125)"
BUTTONS = 160  # pixels that Play and Pause take
GRID_LINE = "rgba(128, 128, 128, 0.18)"


def merged(first: Mapping[str, Any], *more: Mapping[str, Any]) -> Part:
    """Dictionaries within dictionaries, put together; what comes later wins.

    >>> merged({"xaxis": {"type": "log"}}, {"xaxis": {"title": {"text": "σ"}}, "height": 300})
    {'xaxis': {'type': 'log', 'title': {'text': 'σ'}}, 'height': 300}
    """
    result = dict(first)
    for other in more:
        for key, value in other.items():
            inner = result.get(key)
            result[key] = merged(inner, value) if isinstance(inner, Mapping) and isinstance(value, Mapping) else value
    return result


def axis(title: str = "", **more: Any) -> Part:
    """An axis with a faint grid and no line at zero.

    >>> axis("steps", type="log")["title"]
    {'text': 'steps'}
    """
    return {"title": {"text": title}, "gridcolor": GRID_LINE, "zeroline": False} | more


def log_axis(title: str, low: float, high: float, **more: Any) -> Part:
    """A logarithmic axis from `low` to `high` with round ticks.

    >>> log_axis("σ", 0.01, 0.5)["tickvals"]
    [0.01, 0.03, 0.1, 0.3]
    """
    return (
        axis(title, type="log", tickvals=log_ticks(low, high), range=[float(np.log10(low)), float(np.log10(high))])
        | more
    )


def log_ticks(low: float, high: float) -> list[float]:
    """The values 1 and 3 times a power of ten within a range.

    >>> log_ticks(0.01, 0.5)
    [0.01, 0.03, 0.1, 0.3]
    """
    values = [float(f"{m}e{k}") for k in range(-4, 5) for m in (1, 3)]
    return [value for value in values if 0.99 * low <= value <= 1.01 * high]


def panels(titles: Sequence[str], gap: float = 0.08, widths: Sequence[float] = (), below: bool = False) -> Part:
    """The layout of panels side by side: axes xaxis and yaxis, xaxis2 and yaxis2, ..., and a title above each. gap: between
    two of them, in shares of the figure's width. widths: their ratios, else all are equal. below: one below the other, where
    gap is in shares of the height, and widths are heights.

    >>> sorted(panels(["kernel", "spectrum"]))
    ['annotations', 'xaxis', 'xaxis2', 'yaxis', 'yaxis2']
    """
    ratios = np.asarray(widths or [1.0] * len(titles), dtype=float)
    shares = (1 - gap * (len(titles) - 1)) * ratios / ratios.sum()
    layout: Part = {"annotations": []}
    for number, (title, share) in enumerate(zip(titles, shares, strict=True)):
        first = float(shares[:number].sum() + gap * number)
        name, last = str(number + 1) if number else "", float(first + share)
        wide, high = ([0.0, 1.0], [1 - last, 1 - first]) if below else ([first, last], [0.0, 1.0])
        layout[f"xaxis{name}"] = axis(domain=wide, anchor=f"y{name}")
        layout[f"yaxis{name}"] = axis(domain=high, anchor=f"x{name}")
        layout["annotations"].append(
            {"text": title, "x": sum(wide) / 2, "y": high[1], "xref": "paper", "yref": "paper", "showarrow": False,
             "xanchor": "center", "yanchor": "bottom", "font": {"size": 14}}
        )  # fmt: skip
    return layout


def on_panel(trace: Part, number: int) -> Part:
    """A trace on the axes of a panel, counted from 1."""
    name = str(number) if number > 1 else ""
    return trace | {"xaxis": f"x{name}", "yaxis": f"y{name}"}


def vertical(x: float, panel: int = 1, **line: Any) -> Part:
    """A shape: a line over the whole height of a panel at x."""
    name = str(panel) if panel > 1 else ""
    style = {"color": MARK, "width": 1.5, "dash": "dash"} | line
    return {
        "type": "line",
        "x0": x,
        "x1": x,
        "xref": f"x{name}",
        "y0": 0,
        "y1": 1,
        "yref": f"y{name} domain",
        "line": style,
    }


def horizontal(y: float, panel: int = 1, **line: Any) -> Part:
    """A shape: a line over the whole width of a panel at y."""
    name = str(panel) if panel > 1 else ""
    style = {"color": MARK, "width": 1} | line
    return {
        "type": "line",
        "y0": y,
        "y1": y,
        "yref": f"y{name}",
        "x0": 0,
        "x1": 1,
        "xref": f"x{name} domain",
        "line": style,
    }


def player(
    labels: Sequence[str],
    names: Sequence[str],
    prefix: str,
    seconds: float,
    redraw: bool = False,
    narrow: bool = False,
    **place: Any,
) -> Part:
    """The layout of Play, Pause and a slider over frames, all of which runs in the browser, below the figure.

    labels: what the slider says at each frame, after `prefix`. names: of the frames. seconds: that Play takes. redraw: for
    surfaces and maps, which plotly does not move otherwise. narrow: the slider stands below the
    buttons. place: of the slider, instead of `y=0, yanchor="top"`.
    """
    at_once = {"mode": "immediate", "transition": {"duration": 0}}
    still = at_once | {"frame": {"duration": 0, "redraw": redraw}}
    play = at_once | {"fromcurrent": True, "frame": {"duration": 1000 * seconds / max(len(names), 1), "redraw": redraw}}
    place = {"x": 0, "y": 0, "xanchor": "left", "yanchor": "top"} | place
    return {
        "updatemenus": [{
            "type": "buttons", "direction": "left", "showactive": False, "pad": {"t": 40}, **place, "buttons": [
                {"label": "▶ Play", "method": "animate", "args": [None, play]},
                {"label": "❚❚ Pause", "method": "animate", "args": [[None], still]},
            ],
        }],
        "sliders": [{
            **place, "x": 0, "len": 1, "pad": {"t": 84} if narrow else {"t": 30, "l": BUTTONS}, "ticklen": 0, "minorticklen": 0,
            "currentvalue": {"prefix": prefix, "xanchor": "right", "offset": 8,
                             "font": {"size": 13 if narrow else 15, "color": MARK}},
            "font": {"color": "rgba(0, 0, 0, 0)", "size": 1},  # no label under every tick
            "steps": [{"label": label, "method": "animate", "args": [[name], still]}
                      for label, name in zip(labels, names, strict=True)],
        }],
    }  # fmt: skip
