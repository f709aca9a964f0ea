"""The figure of chains of images on the page "Sampling"."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.figures.common import BLUE, RED, Figure, Part, axis, on_panel, player
from app.figures.pictures import grey, grey_bytes

HEIGHT, NARROW_HEIGHT = 560, 720
PLAY_SECONDS = 8.0


@dataclass(frozen=True)
class Seen:
    """What a chain of images has come to after some of its steps.

    step: how many. sigma: of the chain there. x: its image. sample: what the reverse ODE makes of it. alone: what that makes of
    noise of the largest sigma, without a chain. Arrays (H, W), grey values where black is 0 and white 1.
    """

    step: int
    sigma: float
    x: np.ndarray
    sample: np.ndarray
    alone: np.ndarray


def wandering_figure(
    x: np.ndarray, sigma: Sequence[float], seen: Sequence[Seen], steps: int, slider: bool, narrow: bool
) -> Figure:  # fmt: skip
    """The image of a chain, x (H, W), its newest sample and one from noise alone; below, sigma after each of its steps so far.

    steps: how many it takes. slider: over what was `seen`. narrow: the samples stand
    below the chain."""
    contrast = [(float(one.sample.std()), float(one.alone.std())) for one in seen]
    titles = [f"the chain, σ = {sigma[-1]:.2f}", "from the chain", "from noise alone"]
    if seen:
        titles[1:] = (
            f"{name},<br>mean contrast {value:.2f}"
            for name, value in zip(titles[1:], np.mean(contrast, 0), strict=True)
        )
    pictures = [noisy(x), *((seen[-1].sample, seen[-1].alone) if seen else ())]
    data: list[Part] = [
        grey(picture, number, name)
        for number, (picture, name) in enumerate(
            zip(pictures, ["chain", "sample", "from noise alone"], strict=False), 1
        )
    ]
    at = [one.step for one in seen]
    data += [
        on_panel({"type": "scatter", "x": np.arange(1, len(sigma) + 1), "y": np.asarray(sigma, np.float32), "mode": "lines",
                  "name": "σ of the chain", "line": {"color": BLUE, "width": 2},
                  "hovertemplate": "step %{x}: σ = %{y:.3f}<extra></extra>"}, 4),
        on_panel({"type": "scatter", "x": at[-1:], "y": [one.sigma for one in seen[-1:]], "mode": "markers", "name": "sample",
                  "marker": {"color": RED, "size": 10}, "hoverinfo": "skip"}, 4),
    ]  # fmt: skip
    frames, play = [], Part()
    if slider and seen:
        frames = [
            {"name": str(k), "traces": [0, 1, 2, 4], "data": [
                *({"type": "heatmap", "z": grey_bytes(part)} for part in (noisy(one.x), one.sample, one.alone)),
                {"type": "scatter", "x": [one.step], "y": [one.sigma]},
            ]} for k, one in enumerate(seen)
        ]  # fmt: skip
        labels = [f"{one.step}: σ = {one.sigma:.2f}, contrast {own:.2f} and {alone:.2f}"
                  for one, (own, alone) in zip(seen, contrast, strict=True)]  # fmt: skip
        play = player(
            labels, [frame["name"] for frame in frames], "step ", PLAY_SECONDS, redraw=True, narrow=narrow, y=-0.08
        )
        play["sliders"][0] |= {"active": len(seen) - 1}
    return {
        "data": data, "frames": frames,
        "layout": _layout(titles, steps, sigma, narrow) | play | {
            "height": NARROW_HEIGHT if narrow else HEIGHT, "hovermode": "closest", "showlegend": False,
            "margin": {"l": 76, "r": 10, "t": 40, "b": 188 if narrow else 128},
        },
    }  # fmt: skip


def noisy(x: np.ndarray) -> np.ndarray:
    """A noisy image in shades: black at -0.5, white at 1.5.

    >>> noisy(np.array([-0.5, 0.5, 1.5])).tolist()
    [0.0, 0.5, 1.0]
    """
    return (x + 0.5) / 2


def _layout(titles: Sequence[str], steps: int, sigma: Sequence[float], narrow: bool) -> Part:
    """Three pictures, and below them sigma over the steps."""
    layout: Part = {"annotations": []}
    places = [([0.0, 0.31], [0.36, 1.0]), ([0.345, 0.655], [0.36, 1.0]), ([0.69, 1.0], [0.36, 1.0])]
    if narrow:
        places = [([0.2, 0.8], [0.64, 1.0]), ([0.0, 0.48], [0.27, 0.56]), ([0.52, 1.0], [0.27, 0.56])]
    for number, ((wide, high), title) in enumerate(zip(places, titles, strict=True), 1):
        name = str(number) if number > 1 else ""
        plain = {"visible": False, "constrain": "domain"}
        layout[f"xaxis{name}"] = plain | {"domain": wide, "anchor": f"y{name}"}
        layout[f"yaxis{name}"] = plain | {
            "domain": high, "anchor": f"x{name}", "scaleanchor": f"x{name}", "autorange": "reversed", "constraintoward": "top",
        }  # fmt: skip
        layout["annotations"].append(
            {"text": title, "x": sum(wide) / 2, "y": high[1], "xref": "paper", "yref": "paper", "showarrow": False,
             "xanchor": "center", "yanchor": "bottom", "font": {"size": 13}}
        )  # fmt: skip
    below = [0.0, 0.15 if narrow else 0.24]
    layout["xaxis4"] = axis("step", domain=[0.0, 1.0], anchor="y4", range=[0, steps])
    layout["yaxis4"] = axis("σ", domain=below, anchor="x4", range=[0.95 * min(sigma), 1.03 * max(sigma)], nticks=4)
    return layout
