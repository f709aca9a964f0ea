"""Figures of the page "Inside the prior": all kernels with their functions, one kernel in detail, a training run."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from PIL import Image
from plotly.subplots import make_subplots

from app.figures.curvature import log_ticks
from app.figures.one_dimension import BLUE, GRID_LINE, LARGEST, MARK, RED, SMALLEST, sigma_colour

COLUMNS = 16
TILE, CURVE, GAP, TITLE = (
    0.86,
    0.62,
    0.07,
    0.5,
)  # in widths of a cell: a kernel, the box below it, and what lies between
PITCH = TILE + GAP + CURVE + 2 * GAP  # from one row of kernels to the next
SLIDER = 96  # pixels that the slider needs
STILL_CURVES = 6  # smoothing levels that are always shown
PLAY_SECONDS = 4.0
LONGEST_MAP = 480  # pixels: three maps of any more might not fit into the 4 MB that the page may send
CONVEX = "rgb(150, 175, 215)"


@dataclass(frozen=True)
class Layer:
    """A layer's tiles in the order in which they are shown.

    numbers: (C,) what each is called. kernels: (C, k, k). u, phi: (S, C, P), a function at S levels on its range.
    texts: (C,) what hovering over a tile says. own_height: every curve fills its box, instead of all of a tile together.
    """

    title: str
    number: int
    numbers: np.ndarray
    kernels: np.ndarray
    u: np.ndarray
    phi: np.ndarray
    texts: Sequence[str]
    own_height: bool


def level_colours(count: int) -> list[str]:
    """Blue for the smallest smoothing, through purple, to red for the largest."""
    return [sigma_colour(SMALLEST * (LARGEST / SMALLEST) ** (k / max(1, count - 1))) for k in range(count)]


# --- all kernels -------------------------------------------------------------------------------------------------


def height_of(layers: Sequence[Layer]) -> float:
    """Height of `kernels_figure` without its slider, in widths of a cell."""
    return sum(TITLE + PITCH * -(-len(layer.numbers) // COLUMNS) for layer in layers)


def place_of(layers: Sequence[Layer], number: int, kernel: int) -> tuple[float, float, float, float]:
    """Left, top, width and height of a kernel with its function in `kernels_figure` below the slider, in widths of a cell."""
    index = next(i for i, layer in enumerate(layers) if layer.number == number)
    place = int(np.flatnonzero(layers[index].numbers == kernel)[0])
    left, upper = _places(place + 1, -height_of(layers[:index]) - TITLE)
    return float(left[-1]), -float(upper[-1]), TILE, TILE + GAP + CURVE


def kernels_figure(layers: Sequence[Layer], sigma: np.ndarray) -> go.Figure:
    """Every kernel as a grey tile, and under it its function: some levels still, one moving, with a slider in the browser.

    All curves that move are one trace with gaps, and all tiles that can be clicked another: both are in every frame, since plotly
    loses the clicks on a trace that an animation left out. What stands still is no trace, so that it costs no time. A tile's
    `customdata` are the numbers of its layer and of its kernel.
    """
    figure, colours = go.Figure(), level_colours(len(sigma))
    top, lefts, uppers, curves, clicks = 0.0, [], [], [], []
    for layer in layers:
        top -= TITLE
        figure.add_annotation(
            x=0, y=top, text=layer.title, showarrow=False, xanchor="left", yanchor="bottom", font={"size": 14}
        )
        left, upper = _places(len(layer.numbers), top)
        figure.add_layout_image(_tiles(layer.kernels, left, upper))
        curves.append(_curves(layer, left, upper))
        lefts.append(left)
        uppers.append(upper)
        clicks += [[layer.number, int(number)] for number in layer.numbers]
        top -= PITCH * -(-len(left) // COLUMNS)
    left, upper = np.concatenate(lefts), np.concatenate(uppers)
    x, y = (np.concatenate(parts, axis=1) for parts in zip(*curves, strict=True))
    _add_still(figure, x, y, left + TILE / 2, upper - TILE - GAP - CURVE, colours)

    def moving(k: int) -> go.Scatter:
        line = {"color": colours[k], "width": 2}
        return go.Scatter(x=x[k].ravel(), y=y[k].ravel(), mode="lines", line=line, hoverinfo="skip", showlegend=False)

    figure.add_trace(moving(0))
    figure.add_scatter(
        x=left + TILE / 2, y=upper - TILE / 2, mode="markers", customdata=clicks, showlegend=False,
        text=[text for layer in layers for text in layer.texts], hovertemplate="%{text}<extra></extra>",
        marker={"symbol": "square", "size": 44, "color": "rgba(0, 0, 0, 0)"}, unselected={"marker": {"opacity": 1}},
    )  # fmt: skip
    figure.frames = [go.Frame(name=str(k), data=[moving(k), go.Scatter()], traces=[0, 1]) for k in range(len(sigma))]
    _add_slider(figure, sigma)
    hidden = {"visible": False, "fixedrange": True}
    figure.update_xaxes(range=[0, COLUMNS], **hidden)
    figure.update_yaxes(range=[top, 0], **hidden)
    # These margins and no others, so that cells are square when the figure is as high as `height_of` says.
    margin = {"l": 0, "r": 0, "t": SLIDER, "b": 0, "autoexpand": False}
    return figure.update_layout(margin=margin, hovermode="closest", hoverdistance=40)


def _places(count: int, top: float) -> tuple[np.ndarray, np.ndarray]:
    """The left and the upper edges of the tiles, row by row."""
    row, column = np.divmod(np.arange(count), COLUMNS)
    return column + (1 - TILE) / 2, top - GAP - PITCH * row


def _tiles(kernels: np.ndarray, left: np.ndarray, upper: np.ndarray) -> dict:
    """All kernels of a layer as one picture with transparent gaps; mid-grey is zero, each scaled to its largest element."""
    size = kernels.shape[1]
    scale = -(-64 // size)  # whole pixels an element, so that its edges stay sharp
    cell = size * scale / TILE
    height = upper[0] - upper[-1] + TILE
    picture = np.zeros((round(height * cell), round((COLUMNS - 1 + TILE) * cell), 2), np.uint8)
    largest = np.abs(kernels).max((1, 2), keepdims=True)
    grey = np.kron(np.rint(127.5 + 127.5 * kernels / np.maximum(largest, 1e-12)), np.ones((1, scale, scale)))
    for tile, x, y in zip(grey, left - left[0], upper[0] - upper, strict=True):
        row, column = int(y * cell), int(x * cell)
        picture[row : row + len(tile), column : column + len(tile), 0] = tile
        picture[row : row + len(tile), column : column + len(tile), 1] = 255
    return {
        "source": _png(picture, "LA"), "xref": "x", "yref": "y", "x": left[0], "y": upper[0], "layer": "below",
        "sizex": COLUMNS - 1 + TILE, "sizey": height, "sizing": "stretch",
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


def _add_still(
    figure: go.Figure, x: np.ndarray, y: np.ndarray, middle: np.ndarray, bottom: np.ndarray, colours: Sequence[str]
) -> None:
    """The curves (S, C, P + 1) of some levels, and a line at u = 0 in every box: a path for each colour."""
    zero = "".join(f"M{a:.2f},{b:.2f}V{b + CURVE:.2f}" for a, b in zip(middle, bottom, strict=True))
    figure.add_shape(type="path", path=zero, layer="below", line={"color": GRID_LINE, "width": 1})
    for k in np.unique(np.linspace(0, len(x) - 1, STILL_CURVES).round().astype(int)):
        path = "".join(
            "M" + "L".join(f"{a:.3f},{b:.3f}" for a, b in zip(across, up, strict=True))
            for across, up in zip(x[k, :, :-1].tolist(), y[k, :, :-1].tolist(), strict=True)
        )
        figure.add_shape(type="path", path=path, layer="below", line={"color": colours[k], "width": 1}, opacity=0.45)


def _add_slider(figure: go.Figure, sigma: np.ndarray) -> None:
    """Play, pause and a slider over the levels, above the tiles; all of it runs in the browser."""
    at_once = {"mode": "immediate", "transition": {"duration": 0}}
    still = at_once | {"frame": {"duration": 0, "redraw": False}}
    play = at_once | {"fromcurrent": True, "frame": {"duration": 1000 * PLAY_SECONDS / len(sigma), "redraw": False}}
    figure.update_layout(
        updatemenus=[{
            "type": "buttons", "direction": "left", "showactive": False,
            "x": 0, "y": 1, "xanchor": "left", "yanchor": "bottom", "pad": {"b": 34},
            "buttons": [
                {"label": "▶ Play", "method": "animate", "args": [None, play]},
                {"label": "❚❚ Pause", "method": "animate", "args": [[None], still]},
            ],
        }],
        sliders=[{
            "x": 0, "len": 1, "y": 1, "yanchor": "bottom", "pad": {"b": 6}, "ticklen": 0, "minorticklen": 0,
            "currentvalue": {"prefix": "smoothing σ = ", "xanchor": "right", "offset": 14,
                             "font": {"size": 15, "color": MARK}},
            "font": {"color": "rgba(0, 0, 0, 0)", "size": 1},  # no label under every tick
            "steps": [
                {"label": f"{level:.3g}", "method": "animate", "args": [[str(k)], still]}
                for k, level in enumerate(sigma)
            ],
        }],
    )  # fmt: skip


# --- one kernel --------------------------------------------------------------------------------------------------


def kernel_figure(kernel: np.ndarray, spectrum: np.ndarray) -> go.Figure:
    """A kernel (k, k) in grey, zero in the middle of the scale, and the magnitude of its spectrum (n, n)."""
    figure = make_subplots(1, 2, subplot_titles=["kernel", "magnitude of its spectrum"], horizontal_spacing=0.18)
    largest = max(float(np.abs(kernel).max()), 1e-12)
    half, count = kernel.shape[0] // 2, len(spectrum)
    place, frequency = np.arange(-half, half + 1), (np.arange(count) - count // 2) / count
    hover = "(%{x:.3g}, %{y:.3g}): %{z:.3g}<extra></extra>"
    figure.add_heatmap(
        x=place, y=place, z=kernel, colorscale="gray", zmin=-largest, zmax=largest, showscale=False, hovertemplate=hover,
        row=1, col=1,
    )  # fmt: skip
    figure.add_heatmap(
        x=frequency,
        y=frequency,
        z=spectrum,
        colorscale="Viridis",
        zmin=0,
        showscale=False,
        hovertemplate=hover,
        row=1,
        col=2,
    )
    figure.update_xaxes(constrain="domain", zeroline=False, showgrid=False)
    figure.update_yaxes(constrain="domain", zeroline=False, showgrid=False, autorange="reversed")
    figure.update_xaxes(title="pixels", row=1, col=1)
    figure.update_yaxes(scaleanchor="x", row=1, col=1)
    figure.update_xaxes(title="cycles a pixel", tickvals=[-0.5, -0.25, 0, 0.25], row=1, col=2)
    figure.update_yaxes(scaleanchor="x2", tickvals=[-0.5, -0.25, 0, 0.25], row=1, col=2)
    figure.update_annotations(font_size=14)
    return figure.update_layout(height=260, margin={"l": 30, "r": 10, "t": 30, "b": 10})


def surface_figure(
    u: np.ndarray, sigma: np.ndarray, values: np.ndarray, concave: np.ndarray, current: int, title: str
) -> go.Figure:
    """phi or a derivative over (u, log sigma), on the effective range of every level; red where phi is `concave`.

    u, values, concave (bool): (S, P). `current`: the level that a black line marks.
    """
    u, values = u.astype(np.float32), values.astype(np.float32)
    s = np.broadcast_to(np.log10(sigma)[:, None], u.shape).astype(np.float32)
    texts = np.broadcast_to(np.array([f"{level:.3g}" for level in sigma])[:, None], u.shape)
    figure = go.Figure(
        go.Surface(
            x=u, y=s, z=values, surfacecolor=concave.astype(np.float32), cmin=0, cmax=1, showscale=False,
            colorscale=[[0, CONVEX], [0.5, CONVEX], [0.5, RED], [1, RED]], text=texts,
            lighting={"ambient": 0.7, "diffuse": 0.5, "specular": 0.05},
            hovertemplate="u = %{x:.3g}, σ = %{text}: %{z:.3g}<extra></extra>",
        )
    )  # fmt: skip
    figure.add_scatter3d(
        x=u[current], y=s[current], z=values[current], mode="lines", line={"color": "black", "width": 5},
        hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    ticks = log_ticks(sigma)
    figure.update_scenes(
        xaxis={"title": "u"}, yaxis={"title": "σ", "tickvals": np.log10(ticks), "ticktext": [f"{t:g}" for t in ticks]},
        zaxis={"title": "", "nticks": 5}, aspectmode="cube",
        camera={"eye": {"x": -1.5, "y": -1.75, "z": 1.05}, "center": {"z": -0.12}},
    )  # fmt: skip
    figure.add_annotation(
        x=0.5, y=1, xref="paper", yref="paper", yanchor="bottom", text=title, showarrow=False, font={"size": 14}
    )
    return figure.update_layout(height=330, margin={"l": 0, "r": 0, "t": 24, "b": 0})


def section_figure(u: np.ndarray, values: Sequence[np.ndarray], titles: Sequence[str]) -> go.Figure:
    """phi, phi' and phi'' at one level, each (P,) over u (P,); red where phi'', the last, is negative."""
    figure = make_subplots(1, len(values), subplot_titles=list(titles), horizontal_spacing=0.11)
    for column, y in enumerate(values, start=1):
        for part, colour in ((y, BLUE), (np.where(values[-1] < 0, y, np.nan), RED)):
            figure.add_scatter(
                x=u, y=part, mode="lines", line={"color": colour, "width": 2.5}, showlegend=False, row=1, col=column,
                hovertemplate="u = %{x:.3g}: %{y:.3g}<extra></extra>",
            )  # fmt: skip
    figure.update_xaxes(title="feature u", gridcolor=GRID_LINE, zerolinecolor=MARK)
    figure.update_yaxes(gridcolor=GRID_LINE, zerolinecolor=MARK)
    figure.update_annotations(font_size=14)
    return figure.update_layout(height=260, margin={"l": 40, "r": 10, "t": 30, "b": 10}, hovermode="closest")


def grey_png(values: np.ndarray, low: float, high: float, marked: np.ndarray | None = None) -> bytes:
    """(H, W) as a grey picture, `low` black and `high` white; pixels that are `marked` (bool) are tinted red."""
    grey = 255 * np.clip((values - low) / max(high - low, 1e-12), 0, 1)
    if marked is None:
        return _encoded(np.rint(grey).astype(np.uint8), "L")
    red = np.array([215, 25, 40])
    tinted = np.where(marked[..., None], 0.45 * grey[..., None] + 0.55 * red, grey[..., None])
    return _encoded(np.rint(tinted).astype(np.uint8), "RGB")


# --- the whole prior, and how it came about ----------------------------------------------------------------------


def training_figure(log: Mapping[str, Sequence[float]]) -> go.Figure:
    """The two terms of the loss over the iterations; columns of a log, with NaN where a line has no such value."""
    figure = make_subplots(
        1, 2, subplot_titles=["loss in the image", "loss in the smoothing"], horizontal_spacing=0.09, shared_xaxes="all"
    )
    iteration = np.asarray(log["iteration"])
    styles = (
        ("training", {"color": BLUE, "width": 1}, 0.6),
        ("validation, averaged weights", {"color": RED, "width": 2}, 1),
    )
    for column, keys in enumerate((("image", "validation"), ("smoothing", "validation_smoothing")), start=1):
        late: list[float] = []  # the first values go far beyond the others
        for key, (label, line, opacity) in zip(keys, styles, strict=True):
            values = np.asarray(log.get(key, np.full(len(iteration), np.nan)))
            known = np.isfinite(values)
            figure.add_scatter(
                x=iteration[known], y=values[known], mode="lines", name=label, line=line, opacity=opacity, row=1, col=column,
                legendgroup=label, showlegend=column == 1 and bool(known.any()),
                hovertemplate="iteration %{x}: %{y:.4g}",
            )  # fmt: skip
            late += values[known & (iteration > 0.05 * iteration[-1])].tolist()
        if late:
            low, high = np.quantile(late, [0.002, 0.98])
            figure.update_yaxes(range=[low - 0.1 * (high - low), high + 0.3 * (high - low)], row=1, col=column)
    figure.update_xaxes(title="iteration", gridcolor=GRID_LINE, zeroline=False)
    figure.update_yaxes(gridcolor=GRID_LINE, zeroline=False)
    figure.update_annotations(font_size=14)
    return figure.update_layout(
        height=300, margin={"l": 50, "r": 10, "t": 30, "b": 10}, hovermode="closest",
        legend={"orientation": "h", "y": -0.3, "yanchor": "top", "x": 0},
    )  # fmt: skip


def _png(picture: np.ndarray, mode: str) -> str:
    return "data:image/png;base64," + base64.b64encode(_encoded(picture, mode)).decode()


def _encoded(picture: np.ndarray, mode: str) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(picture)
    assert image.mode == mode
    image.save(buffer, "PNG")
    return buffer.getvalue()
