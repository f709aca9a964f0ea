"""What a restoration came to, as "Restore an image" shows it: numbers, pictures, curves, steps, differences, downloads."""

from collections.abc import Sequence
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.as_code import IMAGE, MASK, SCHEDULE, AsCode
from app.components.curtain import curtain
from app.components.film import film
from app.drawing import show
from app.figures.restoration import TITLES, comparison_figure, curves_figure, data_uri, difference_figure
from app.runs import FRAME_SIDE, MOST_FRAMES, Restoration
from app.scenes import Prepared
from app.session import in_url, plain
from app.visit import visit_table
from gnc_core import images

MEASURED_SIDE = 180  # pixels
TABS = ("Curtain and curves", "Side by side", "Steps", "Error and residual", "All runs", "As code")


def show_result(run: Restoration, runs: Sequence[Restoration], code: AsCode | None) -> None:
    """Numbers, and what else there is to see, a tab each. Only the open one is drawn: charts that nobody sees would take the
    browser a second."""
    if run.error:
        st.error(plain(f"{run.title}: {run.error}"))
    if not run.trace.rows:
        return
    if run.note:
        st.info(plain(run.note))
    show_numbers(st.empty(), run)
    parts = (
        partial(show_first, run, runs), partial(show_panels, run), partial(show_steps, run), partial(show_differences, run),
        visit_table, partial(show_code, code),
    )  # fmt: skip
    for tab, part in zip(st.tabs(TABS, **in_url("views")), parts, strict=True):
        if tab.open:
            with tab:
                part()


def show_first(run: Restoration, runs: Sequence[Restoration]) -> None:
    """The result over the degraded image, the curves of all runs, and downloads."""
    left, right = st.columns(2)
    with left:
        degraded, restored = (data_uri(png) for png in (run.prepared.degraded_png, run.result_png))
        curtain(("Degraded", degraded), ("Restored", restored), run.prepared.size, key="curtain")
    show(curves_figure([other.curve for other in runs if other.trace.rows]), "curves", "curves", right)
    show_cost(run, runs)
    show_downloads(run)


def show_numbers(place: DeltaGenerator, run: Restoration) -> None:
    """PSNR and SSIM where the truth is known, energy, what a step costs, and the noise level that was estimated."""
    first, last, time_a_step = run.trace.rows[0], run.last, run.trace.milliseconds_a_step()
    row = place.container(horizontal=True, gap="medium")
    if last.psnr is not None and first.psnr is not None and last.ssim is not None and first.ssim is not None:
        row.metric(
            "PSNR (dB)", f"{last.psnr:.2f}", f"{last.psnr - first.psnr:+.2f}", width="content",
            help="Peak signal-to-noise ratio, clipped to [0, 1], over all channels; the change is against the "
            "image that the run started from.",
        )  # fmt: skip
        row.metric(
            "SSIM", f"{last.ssim:.3f}", f"{last.ssim - first.ssim:+.3f}", width="content",
            help="Structural similarity (Wang et al., 2004), mean over the channels.",
        )  # fmt: skip
    row.metric(
        "Energy", f"{last.energy:,.0f}", f"{last.energy - first.energy:+,.0f}", delta_color="inverse", width="content",
        help="D(x) + R(x, log σ_min), at the smallest smoothing, so that all methods can be compared.",
    )  # fmt: skip
    row.metric(
        "ms a step", f"{time_a_step or 0:.0f}", f"on {run.device.upper()}",
        delta_color="off", delta_arrow="off", width="content",
        help="Milliseconds: median over the steps, without the energy and the metrics that this page computes.",
    )  # fmt: skip
    if run.estimate:
        told = run.prepared.problem.level
        row.metric(
            "Noise level, estimated", f"{run.estimate:.4f}", None if run.prepared.truth is None else f"true {told:.4g}",
            delta_color="off", delta_arrow="off", width="content",
            help="What the prior alone sees in the degraded image: R(z, log σ) has its first minimum below σ_max there (where a "
            "file has cut values off, of z with noise drawn in their place). The data term of this run was told that, and not "
            "the true level.",
        )  # fmt: skip


def show_cost(run: Restoration, runs: Sequence[Restoration]) -> None:
    """What it costs, or brings, not to take what suits the task."""
    if run.suits or run.last.psnr is None:
        return
    same = [other for other in runs if other.suits and other.finished and other.choice.prior == run.choice.prior]
    if not same or same[-1].last.psnr is None:
        st.caption(
            "These are not the scheme and steps that suit the task: restore with those, too, to see what it costs."
        )
        return
    other = same[-1]
    st.caption(
        f"{run.last.psnr - other.last.psnr:+.2f} dB and {run.seconds - other.seconds:+.1f} s against what suits the task "
        f"({plain(other.title)})."
    )


def show_downloads(run: Restoration) -> None:
    row = st.container(horizontal=True)
    bits = images.written_bits(".png", run.prepared.encoding)
    row.download_button(
        "Result (PNG)", run.result_files[".png"], "restored.png", "image/png", icon=":material/download:", on_click="ignore",
        help=f"The restored image, clipped, {bits} bits" + ("." if bits == 8 else ", in the numbers of the file."),
    )  # fmt: skip
    if ".npy" in run.result_files:
        row.download_button(
            "Result (.npy)", run.result_files[".npy"], "restored.npy", icon=":material/download:", on_click="ignore",
            help="The restored image, not clipped, as floats like those of the file.",
        )  # fmt: skip
    row.download_button(
        "Trace (CSV)", run.trace.to_csv(), "trace.csv", "text/csv", icon=":material/download:", on_click="ignore",
        help="Step, σ, energy, PSNR, SSIM and milliseconds of every step.",
    )  # fmt: skip


def show_panels(run: Restoration) -> None:
    """Original, degraded and restored image: they zoom together."""
    prepared = run.prepared
    panels = [("Original", prepared.truth_png)] if prepared.truth_png else []
    panels += [("Degraded", prepared.degraded_png), ("Restored", run.result_png)]
    with _as_high_as_wide("panels", prepared.size, len(panels)):
        show(comparison_figure(panels, prepared.size), "comparison", "side by side", height="stretch")
    show_measurement(prepared)


def show_measurement(prepared: Prepared) -> None:
    """What was measured, where that is no image: the kernel of a blur, k-space, a sinogram."""
    if prepared.pictures:
        row = st.container(horizontal=True)
        for title, png in prepared.pictures.items():
            row.image(data_uri(png), caption=title, width=MEASURED_SIDE)


def show_steps(run: Restoration) -> None:
    """The images of the steps, as far as they were kept."""
    rows = {row.step: row for row in run.trace.rows}
    pictures = []
    for step, jpeg in sorted(run.frames.items()):
        row = rows[step]
        text = f"Step {step} of {run.steps}" if step else "Start"
        text += f" · σ {row.sigma:.3g}" if step and run.steps > 1 else ""
        text += "" if row.psnr is None else f" · PSNR {row.psnr:.2f} dB"
        pictures.append((f"{text} · energy {row.energy:,.0f}", data_uri(jpeg, "jpeg")))
    film(pictures, run.prepared.size, key="film")
    st.caption(f"Scaled down to at most {FRAME_SIDE} pixels; of {MOST_FRAMES} steps and more, some are shown.")


def show_differences(run: Restoration) -> None:
    """Error and residual of the result, means over the channels."""
    found = run.differences
    with _as_high_as_wide("differences", run.prepared.size, len(found), room=80):
        show(difference_figure(found), "difference", "error and residual", height="stretch")
    st.caption(
        "Error: where the restoration is too bright (red) or too dark (blue). Residual: what it has taken out, noise and "
        "whatever of the image went with it; where noise was cut off at black, as in files, that is more bright than dark. Both "
        "on one scale, in 1/255 of the image's range; of colours, the mean."
    )


FILES = {
    IMAGE: "The image of this page, in floats.",
    MASK: "Which pixels are known.",
    SCHEDULE: "The schedule of this visit.",
}


def show_code(code: AsCode | None) -> None:
    """The settings of the controls, to be copied."""
    if code is None:
        st.caption("The controls say nothing that could be run.")
        return
    st.caption("What the controls say, on the command line, and in Python; the files below are what they read.")
    st.code(code.command, language="bash", wrap_lines=True)
    st.code(code.python, language="python", wrap_lines=True)
    row = st.container(horizontal=True)
    for name, data in code.files.items():
        row.download_button(
            name, data, name, icon=":material/download:", on_click="ignore",
            help=FILES.get(name, "The prior of this visit; unpack it where the command runs."),
        )  # fmt: skip


def _as_high_as_wide(key: str, size: tuple[int, int], count: int, room: int = 0) -> DeltaGenerator:
    """A place for linked panels side by side, as high as they are at whatever width the page has: only the browser knows it.
    room: pixels beside them."""
    width, height = size
    place = st.container(key=key)
    place.html(
        f"<style>.st-key-{key} {{ container-type: inline-size; }} .st-key-{key} > :has(.stPlotlyChart) {{ flex: none; "
        f"height: min({height / width / count:.4f} * (100cqw - {room}px) + {TITLES}px, max(260px, 100vh - 300px)); }}</style>"
    )
    return place
