"""The figure of all kernels of a layer, each with its function: what the paper's Figure 2 shows, over all smoothing levels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.figures.common import GRID_LINE, MARK, Figure, Part
from app.figures.pictures import png
from app.figures.restoration import data_uri

WIDE, NARROW = 16, 6  # kernels a row, on a screen and on a phone
TILE, CURVE, GAP = 0.86, 0.62, 0.07  # in widths of a cell: a kernel, the box below it, and what lies between
PITCH = TILE + GAP + CURVE + 2 * GAP  # from one row of kernels to the next
SLIDER = 76  # pixels that the slider needs
STILL_CURVES = 6  # smoothing levels that are always shown
PLAY_SECONDS = 4.0
# Of the smallest smoothing, of one between, and of the largest: as bright as each other, so that they are seen on white and on
# black, and apart for colour-blind people.
LEVEL_COLOURS = (40, 122, 222), (150, 102, 158), (218, 92, 12)


@dataclass(frozen=True)
class Layer:
    """A layer's tiles in the order in which they are shown.

    number: of the layer. numbers: (C,) what each tile is called. kernels: (C, k, k). u, phi: (S, C, P), a function at S levels on
    its range. texts: (C,) what hovering over a tile says. own_height: every curve fills its box, instead of all of a tile
    together.
    """

    number: int
    numbers: np.ndarray
    kernels: np.ndarray
    u: np.ndarray
    phi: np.ndarray
    texts: Sequence[str]
    own_height: bool


def level_colours(count: int) -> list[str]:
    """Blue for the smallest smoothing, through purple, to orange for the largest."""
    places = np.linspace(0, len(LEVEL_COLOURS) - 1, max(count, 2))[:count]
    channels = [np.interp(places, range(len(LEVEL_COLOURS)), channel) for channel in zip(*LEVEL_COLOURS, strict=True)]
    return ["rgb({}, {}, {})".format(*map(round, colour)) for colour in zip(*channels, strict=True)]


def height_of(count: int, columns: int) -> float:
    """Height of `kernels_figure` without its slider, in widths of a cell."""
    return PITCH * -(-count // columns)


def place_of(layer: Layer, kernel: int, columns: int) -> tuple[float, float, float, float]:
    """Left, top, width and height of a kernel with its function in `kernels_figure` below the slider, in widths of a cell."""
    place = int(np.flatnonzero(layer.numbers == kernel)[0])
    left, upper = _places(place + 1, columns)
    return float(left[-1]), -float(upper[-1]), TILE, TILE + GAP + CURVE


def kernels_figure(layer: Layer, sigma: np.ndarray, columns: int) -> Figure:
    """Every kernel as a grey tile, and under it its function: some levels still, one moving, with a slider in the browser.

    All curves that move are one trace with gaps, and all tiles that can be clicked another: both are in every frame, since plotly
    loses the clicks on a trace that an animation left out. What stands still is no trace, so that it costs no time. A tile's
    `customdata` is the number of its kernel.
    """
    colours = level_colours(len(sigma))
    left, upper = _places(len(layer.numbers), columns)
    x, y = _curves(layer, left, upper)

    def moving(k: int) -> Part:
        return {"x": x[k].ravel(), "y": y[k].ravel(), "line": {"color": colours[k]}}

    first = moving(0)
    first["line"] |= {"width": 2}
    data = [
        {"type": "scatter", "mode": "lines", "name": "functions", "hoverinfo": "skip", "showlegend": False} | first,
        {
            "type": "scatter", "mode": "markers", "name": "kernels", "showlegend": False,
            "x": left + TILE / 2, "y": upper - TILE / 2, "customdata": [int(number) for number in layer.numbers],
            "text": list(layer.texts), "hovertemplate": "%{text}<extra></extra>",
            "marker": {"symbol": "square", "size": 44, "color": "rgba(0, 0, 0, 0)"},
            "unselected": {"marker": {"opacity": 1}},
        },
    ]  # fmt: skip
    hidden = {"visible": False, "fixedrange": True}
    layout = _slider(sigma) | {
        "images": [_tiles(layer.kernels, left, upper, columns)],
        "shapes": _still(x, y, left + TILE / 2, upper - TILE - GAP - CURVE, colours),
        "xaxis": hidden | {"range": [0, columns]},
        "yaxis": hidden | {"range": [-height_of(len(left), columns), 0]},
        # These margins and no others, so that cells are square when the figure is as high as `height_of` says.
        "margin": {"l": 0, "r": 0, "t": SLIDER, "b": 0, "autoexpand": False},
        "hovermode": "closest",
        "hoverdistance": 40,
        "dragmode": False,
    }
    frames = [{"name": str(k), "data": [moving(k), {}], "traces": [0, 1]} for k in range(len(sigma))]
    return {"data": data, "layout": layout, "frames": frames}


def _places(count: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """The left and the upper edges of the tiles, row by row."""
    row, column = np.divmod(np.arange(count), columns)
    return column + (1 - TILE) / 2, -GAP - PITCH * row


def _tiles(kernels: np.ndarray, left: np.ndarray, upper: np.ndarray, columns: int) -> Part:
    """All kernels as one picture with transparent gaps; mid-grey is zero, each scaled to its largest element."""
    size = kernels.shape[1]
    scale = -(-64 // size)  # whole pixels an element, so that its edges stay sharp
    cell = size * scale / TILE
    height = upper[0] - upper[-1] + TILE
    picture = np.zeros((round(height * cell), round((columns - 1 + TILE) * cell), 2), np.uint8)
    largest = np.abs(kernels).max((1, 2), keepdims=True)
    grey = np.kron(np.rint(127.5 + 127.5 * kernels / np.maximum(largest, 1e-12)), np.ones((1, scale, scale)))
    for tile, x, y in zip(grey, left - left[0], upper[0] - upper, strict=True):
        row, column = int(y * cell), int(x * cell)
        picture[row : row + len(tile), column : column + len(tile), 0] = tile
        picture[row : row + len(tile), column : column + len(tile), 1] = 255
    return {
        "source": data_uri(png(picture)), "xref": "x", "yref": "y", "x": left[0], "y": upper[0], "layer": "below",
        "sizex": columns - 1 + TILE, "sizey": height, "sizing": "stretch",
    }  # fmt: skip


def _curves(layer: Layer, left: np.ndarray, upper: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The curves in the boxes below the tiles, (S, C, P + 1): u = 0 in the middle, a gap at the end of each."""
    reach = np.abs(layer.u).max((0, 2))[:, None]
    x = (left + TILE / 2)[:, None] + TILE / 2 * layer.u / reach
    over = 2 if layer.own_height else (0, 2)
    low, high = layer.phi.min(over, keepdims=True), layer.phi.max(over, keepdims=True)
    y = (upper - TILE - GAP - CURVE)[:, None] + CURVE * (layer.phi - low) / np.maximum(high - low, 1e-12)
    gap = np.full((*x.shape[:2], 1), np.nan)
    return tuple(np.concatenate([a, gap], axis=2).astype(np.float32) for a in (x, y))  # type: ignore[return-value]


def _still(x: np.ndarray, y: np.ndarray, middle: np.ndarray, bottom: np.ndarray, colours: Sequence[str]) -> list[Part]:
    """The curves (S, C, P + 1) of some levels, and a line at u = 0 in every box: a path for each colour."""
    zero = "".join(f"M{a:.2f},{b:.2f}V{b + CURVE:.2f}" for a, b in zip(middle, bottom, strict=True))
    shapes: list[Part] = [{"type": "path", "path": zero, "layer": "below", "line": {"color": GRID_LINE, "width": 1}}]
    for k in np.unique(np.linspace(0, len(x) - 1, STILL_CURVES).round().astype(int)):
        path = "".join(
            "M" + "L".join(f"{a:.3f},{b:.3f}" for a, b in zip(across, up, strict=True))
            for across, up in zip(x[k, :, :-1].tolist(), y[k, :, :-1].tolist(), strict=True)
        )
        line = {"color": colours[k], "width": 1.2}
        shapes.append({"type": "path", "path": path, "layer": "below", "line": line, "opacity": 0.7})
    return shapes


def _slider(sigma: np.ndarray) -> Part:
    """The layout of Play, Pause and a slider over the levels, above the tiles; all of it runs in the browser."""
    at_once = {"mode": "immediate", "transition": {"duration": 0}}
    still = at_once | {"frame": {"duration": 0, "redraw": False}}
    play = at_once | {"fromcurrent": True, "frame": {"duration": 1000 * PLAY_SECONDS / len(sigma), "redraw": False}}
    return {
        "updatemenus": [{
            "type": "buttons", "direction": "left", "showactive": False,
            "x": 0, "y": 1, "xanchor": "left", "yanchor": "bottom", "pad": {"b": 34},
            "buttons": [
                {"label": "▶ Play", "method": "animate", "args": [None, play]},
                {"label": "❚❚ Pause", "method": "animate", "args": [[None], still]},
            ],
        }],
        "sliders": [{
            "x": 0, "len": 1, "y": 1, "yanchor": "bottom", "pad": {"b": 6}, "ticklen": 0, "minorticklen": 0,
            "currentvalue": {"prefix": "smoothing σ = ", "xanchor": "right", "offset": 14,
                             "font": {"size": 15, "color": MARK}},
            "font": {"color": "rgba(0, 0, 0, 0)", "size": 1},  # no label under every tick
            "steps": [
                {"label": f"{level:.3g}", "method": "animate", "args": [[str(k)], still]}
                for k, level in enumerate(sigma)
            ],
        }],
    }  # fmt: skip
