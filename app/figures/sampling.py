"""Figures of the page "Sampling": chains in (x, sigma), errors against scores, and samples of a posterior."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.figures.common import (
    BLUE,
    MARK,
    PURPLE,
    RED,
    Figure,
    Part,
    axis,
    horizontal,
    log_ticks,
    merged,
    on_panel,
    panels,
    player,
)
from app.figures.pictures import grey, grey_bytes
from gnc_core.sampling import Walked

HEIGHT, PICTURES = 540, 570
NARROW_HEIGHT, NARROW_PICTURES = 740, 680  # panels below each other
PLAY_SECONDS = 10.0
PATH = "rgb(230, 80, 40)"
MISSING = "rgb(90, 140, 210)"  # no grey
# Told apart by dashes and symbols, too: not everybody sees their colours.
STYLES = {
    "euler": ("Euler", BLUE, "solid", "circle"),
    "euler, rank one": ("Euler, rank one", BLUE, "dash", "circle-open"),
    "euler, exact Hessian": ("Euler, exact Hessian", BLUE, "dot", "x"),
    "heun": ("Heun", MARK, "solid", "square"),
    "langevin": ("Langevin", PURPLE, "solid", "diamond"),
    "langevin, rank one": ("Langevin, rank one", PURPLE, "dash", "diamond-open"),
    "langevin, exact Hessian": ("Langevin, exact Hessian", PURPLE, "dot", "cross"),
    "denoising MCMC": ("Denoising MCMC", RED, "solid", "star"),
}


def walk_figure(walked: Walked, narrow: bool = False) -> Figure:
    """Chains over their joint density, the first one with its last steps, and the histogram of the denoised samples so far;
    narrow: below."""
    s, ticks = np.log10(walked.grid_sigma), log_ticks(float(walked.grid_sigma[0]), float(walked.grid_sigma[-1]))
    width = float(walked.bins[1] - walked.bins[0])
    still = [
        # Shades of its square root: the peaks of small smoothings would leave the rest black.
        {"x": walked.grid_x.astype(np.float32), "y": s.astype(np.float32), "z": np.sqrt(walked.density).astype(np.float32),
         "colorscale": "Viridis", "showscale": False, "hoverinfo": "skip", "name": "joint density, square root"},
        {"mode": "markers", "name": "chains", "marker": {"size": 6, "color": "white", "line": {"color": "black", "width": 1}},
         "hovertemplate": "x = %{x:.3g}, log₁₀ σ = %{y:.3g}<extra>a chain</extra>"},
        {"mode": "lines+markers", "name": "first chain, its last steps", "line": {"color": PATH, "width": 2}, "hoverinfo": "skip",
         "marker": {"size": 4, "color": PATH}},
        {"x": walked.bins, "width": width, "marker": {"color": BLUE, "opacity": 0.7}, "name": "samples so far",
         "hovertemplate": "%{y:.2f} % around %{x:.2f}<extra>samples</extra>"},
        {"type": "scatter", "x": walked.bins, "y": walked.exact, "mode": "lines", "name": "density",
         "line": {"shape": "hvh", "color": RED, "width": 2}, "hovertemplate": "%{y:.2f} % around %{x:.2f}<extra>density</extra>"},
    ]  # fmt: skip
    moving = [_walk_frame(walked, k) for k in range(len(walked.at))]
    names = [str(k) for k in range(len(moving))]
    count = walked.x.shape[1]
    labels = [f"{n}: {n * count} samples, distance {e:.3f}"
              for n, e in zip(walked.at, walked.error, strict=True)]  # fmt: skip
    play = player(labels, names, "step ", PLAY_SECONDS, redraw=True, narrow=narrow, y=-0.06 if narrow else -0.12)
    play["sliders"][0] |= {"active": len(names) - 1}
    first = still[0] | {"type": "heatmap"}
    data = [first, *(trace | part for trace, part in zip(still[1:4], moving[-1], strict=True)), still[4]]
    highest = 1.15 * float(max(walked.exact.max(), walked.shares[-1].max()))
    layout = merged(
        panels(["chains in (x, σ)", "denoised samples so far"], 0.15 if narrow else 0.08, below=narrow),
        {"xaxis": {"title": {"text": "x"}, "range": [float(walked.grid_x[0]), float(walked.grid_x[-1])]},
         "yaxis": {"title": {"text": "σ"}, "range": [float(s[0]), float(s[-1])], "tickvals": np.log10(ticks),
                   "ticktext": [f"{t:g}" for t in ticks]},
         "xaxis2": {"title": {"text": "x"}}, "yaxis2": {"title": {"text": "share, %"}, "range": [0, highest]}},
    )  # fmt: skip
    return {
        "data": [on_panel(trace, 1 if number < 3 else 2) for number, trace in enumerate(data)],
        "frames": [{"name": name, "data": traces, "traces": [1, 2, 3]} for name, traces in zip(names, moving, strict=True)],
        "layout": layout | play | {
            "height": NARROW_HEIGHT if narrow else HEIGHT, "margin": {"l": 83, "r": 15, "t": 30, "b": 180 if narrow else 141},
            "hovermode": "closest", "showlegend": False, "bargap": 0,
        },
    }  # fmt: skip


def _walk_frame(walked: Walked, k: int) -> list[Part]:
    """What moves: the chains, the first one's last steps, the histogram."""
    n = int(walked.at[k])
    path = walked.path[:, max(0, n - 15) : n].astype(np.float32)
    return [
        {"type": "scatter", "x": walked.x[k].astype(np.float32), "y": np.log10(walked.sigma[k]).astype(np.float32)},
        {"type": "scatter", "x": path[0], "y": np.log10(path[1])},
        {"type": "bar", "y": walked.shares[k].astype(np.float32)},
    ]


def cost_figure(costs: Mapping[str, Sequence[tuple[float, float]]], exact: float, count: int) -> Figure:
    """Errors against scores, a line a method (`STYLES`): (scores, error) of each of its points. exact: the error of
    as many exact samples, `count`."""
    data = []
    for method, found in costs.items():
        name, colour, dash, symbol = STYLES[method]
        scores, error = np.array(found, dtype=float).reshape(-1, 2).T
        data.append(
            {"type": "scatter", "x": scores, "y": error, "mode": "lines+markers", "name": name,
             "line": {"color": colour, "dash": dash, "width": 2.5}, "marker": {"symbol": symbol, "size": 9, "color": colour},
             "hovertemplate": "%{x:.3g} scores: %{y:.3g}"}
        )  # fmt: skip
    return {
        "data": data,
        "layout": {
            "height": HEIGHT, "margin": {"l": 76, "r": 10, "t": 10, "b": 122}, "hovermode": "closest",
            "xaxis": axis("evaluations of the score for a sample", type="log", range=np.log10([4.5, 45]).tolist(),
                          tickvals=[5, 7, 10, 15, 20, 30, 40]),
            "yaxis": axis("distance to the density", type="log", range=np.log10([0.6 * exact, 5]).tolist(),
                          tickvals=log_ticks(0.001, 5)),
            "shapes": [horizontal(exact, dash="dash", width=1.5)],
            "annotations": [{"text": f"{count} exact samples", "x": 1, "xref": "x domain", "y": float(np.log10(exact)),
                             "showarrow": False, "xanchor": "right", "yanchor": "top", "font": {"size": 12}}],
            "legend": {"orientation": "h", "y": -0.15, "yanchor": "top", "x": 0},
        },
    }  # fmt: skip


@dataclass(frozen=True)
class Looks:
    """Samples of a posterior, and what of them is known after each: arrays (N, H, W), values in [0, 1].

    deviation: of the samples so far, 0 of the first. sample_psnr, mean_psnr: (N,), in dB.
    """

    samples: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    sample_psnr: np.ndarray
    mean_psnr: np.ndarray


def posterior_figure(
    truth: np.ndarray, hidden: np.ndarray, flow: np.ndarray, flow_psnr: float, looks: Looks | None, slider: bool,
    narrow: bool = False,
) -> Figure:  # fmt: skip
    """The photograph, what is known of it, the flow's result, and below: a sample, and mean and standard deviation of all samples
    so far. hidden: bool, (H, W). slider: over the samples, else the newest is shown. narrow: two pictures a row, not three."""
    seen = np.where(hidden, np.nan, truth)
    top = [("photograph", truth), ("what is known", seen), (f"flow, {flow_psnr:.2f} dB", flow)]
    data = [grey(picture, number, title) for number, (title, picture) in enumerate(top, start=1)]
    titles, play = [title for title, _ in top], Part()
    frames: list[Part] = []
    if looks is not None:
        n, psnr = len(looks.samples), float(looks.sample_psnr.mean())
        titles += [
            f"a sample, on average {psnr:.2f} dB" if slider else f"a sample, {looks.sample_psnr[-1]:.2f} dB",
            f"mean so far, of all {looks.mean_psnr[-1]:.2f} dB"
            if slider
            else f"mean of {n}, {looks.mean_psnr[-1]:.2f} dB",
            "standard deviation",
        ]
        most = max(float(looks.deviation[-1].max()), 1e-6)
        newest = [grey(looks.samples[-1], 4, "sample"), grey(looks.mean[-1], 5, "mean")]
        data += [*newest, on_panel(
            {"type": "heatmap", "z": looks.deviation[-1].astype(np.float32), "zmin": 0, "zmax": most, "colorscale": "Cividis",
             "name": "standard deviation", "hovertemplate": "%{z:.3f}<extra>standard deviation</extra>",
             "colorbar": {"thickness": 10, "outlinewidth": 0, "len": 0.27 if narrow else 0.42, "x": 1.005, "y": 0,
                          "yanchor": "bottom",
                          "title": {"text": "" if narrow else "grey values are in [0, 1]", "side": "right"}, "nticks": 5}}, 6
        )]  # fmt: skip
        if slider:
            frames = [
                {"name": str(k), "traces": [3, 4, 5], "data": [
                    {"type": "heatmap", "z": grey_bytes(looks.samples[k])}, {"type": "heatmap", "z": grey_bytes(looks.mean[k])},
                    {"type": "heatmap", "z": looks.deviation[k].astype(np.float32)},
                ]} for k in range(n)
            ]  # fmt: skip
            told = (
                "{}: {:.2f} dB, mean {:.2f}" if narrow else "{0} of {n}: {1:.2f} dB; mean of the first {0}: {2:.2f} dB"
            )
            labels = [told.format(k, a, b, n=n)
                      for k, (a, b) in enumerate(zip(looks.sample_psnr, looks.mean_psnr, strict=True), start=1)]  # fmt: skip
            play = player(
                labels, [frame["name"] for frame in frames], "sample ", PLAY_SECONDS, redraw=True, narrow=narrow, y=0
            )
            play["sliders"][0] |= {"active": n - 1}
    return {
        "data": data, "frames": frames,
        "layout": _six(titles, 2 if narrow else 3) | play | {
            "height": NARROW_PICTURES if narrow else PICTURES, "hovermode": "closest", "plot_bgcolor": MISSING,
            "margin": {"l": 5, "pad": 0} | ({"r": 59, "t": 40, "b": 143} if narrow else {"r": 87, "t": 24, "b": 93}),
        },
    }  # fmt: skip


def _six(titles: Sequence[str], columns: int) -> Part:
    """The layout of six pictures, so many a row, with a title above each; of two a row, titles break at a comma."""
    rows = 6 // columns
    wide, high = 1.035 / columns - 0.035, 1.1 / rows - 0.1
    layout: Part = {"annotations": []}
    for number in range(6):
        name = str(number + 1) if number else ""
        row, column = divmod(number, columns)
        left, low = column * (wide + 0.035), 1 - row * (high + 0.1) - high
        plain = {"visible": False, "constrain": "domain"}
        layout[f"xaxis{name}"] = plain | {"domain": [left, left + wide], "anchor": f"y{name}"}
        layout[f"yaxis{name}"] = plain | {
            "domain": [max(low, 0.0), low + high], "anchor": f"x{name}", "scaleanchor": f"x{name}", "autorange": "reversed",
            "constraintoward": "top",
        }  # fmt: skip
        if number < len(titles):
            title = titles[number].replace(", ", ",<br>", 1) if columns < 3 else titles[number]
            layout["annotations"].append(
                {"text": title, "x": left + wide / 2, "y": low + high, "xref": "paper", "yref": "paper", "showarrow": False,
                 "xanchor": "center", "yanchor": "bottom", "font": {"size": 13}}
            )  # fmt: skip
    return layout
