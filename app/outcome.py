"""What a sweep came to, as "Maps" shows it: numbers, maps, energy against PSNR, downloads."""

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.drawing import Drawn, encoded, show
from app.figures.common import Figure
from app.figures.maps import Map, maps_figure, trade_off_figure
from app.lessons.maps import LOOK_FOR
from app.live import LiveChart
from app.ranges import nearest
from app.runs import usable_priors
from app.scenes import Scene
from app.session import in_url
from app.sweeping import SWEEP_FILE, Picture, Shown, cell_title, maps, settings_of_cell, what_a_click_does
from gnc_core import sweeps
from gnc_core.sweeps import Plan, Result

state = st.session_state


def show_live(result: Result, tolerance: float, chart: LiveChart, numbers: DeltaGenerator) -> None:
    """Maps and numbers of a sweep that runs."""
    plan = result.plan
    some = maps(result, tolerance, plan.schemes)
    chart.show(maps_figure(some, plan.sigma0, plan.steps, len(plan.names)))
    with numbers.container():
        show_numbers(some, plan)


def drawn(shown: Shown, what: tuple, make: Callable[[], Figure]) -> Drawn:
    """A figure of a sweep as it is sent; made once for all visitors if the sweep is one that they all can see. what: all else
    that it depends on."""
    return _drawn(shown.key, what, make) if shown.key else encoded(make())


@st.cache_data(max_entries=128, show_spinner=False)
def _drawn(key: tuple[str, int], what: tuple, _make: Callable[[], Figure]) -> Drawn:
    return encoded(_make())


def show_outcome(shown: Shown, schemes: Sequence[str], tolerance: float, current: Picture | None) -> None:
    """The four maps, numbers, energy against PSNR, downloads."""
    result, plan = shown.result, shown.result.plan
    some = maps(result, tolerance, schemes) or maps(result, tolerance, plan.schemes)
    parts = some, plan.sigma0, plan.steps, len(plan.names)
    names = tuple(one.name for one in some)
    key, select = f"maps {state.clicks}", "ignore"
    if current is not None and plan.prior in usable_priors()[0]:
        select = partial(restore_cell, key, plan, current.scene)
    figure = drawn(shown, ("maps", names, tolerance), partial(maps_figure, *parts))
    show(figure, key, "maps", on_select=select, selection_mode="points")
    show_numbers(some, plan)
    st.markdown(f"{LOOK_FOR.get(plan.task, '')} {what_a_click_does(plan, current)}")
    st.caption(
        f"E\\*: for each image the lowest final energy of any run of this grid, of at most {plan.steps[-1]} steps; a run attains "
        f"it when it ends within {tolerance:.1%} of E(degraded image) − E\\* above it. Joint minimisation is of rate "
        f"{plan.rate:g}. The quarter of the cells with the lowest PSNR shares the darkest colour."
    )
    st.subheader(
        "Energy against PSNR",
        help="Every cell is a point; lines join the runs from one σ₀, from the fewest steps to the most. If lower energies "
        "meant better images, all would fall on one line to the upper left.",
    )
    colour = st.segmented_control(
        "Colour", ["Steps", "Initial smoothing"], default="Steps", required=True, **in_url("colour"),
        help="What the colour of a point stands for.",
    )  # fmt: skip
    figure = drawn(shown, ("trade-off", names, colour), partial(trade_off_figure, *parts, colour == "Steps"))
    show(figure, "trade-off", "energy against PSNR")
    row = st.container(horizontal=True)
    row.download_button(
        "Table (CSV)", partial(sweeps.to_csv, result), "sweep.csv", "text/csv", icon=":material/download:", on_click="ignore",
        help="Energy, PSNR and SSIM of every run on every image.",
    )  # fmt: skip
    row.download_button(
        "Sweep (.npz)", partial(sweeps.to_bytes, result), "sweep.npz", icon=":material/download:", on_click="ignore",
        help=f"The same for NumPy, and for this page: choose “{SWEEP_FILE}” as the task.",
    )  # fmt: skip


def restore_cell(key: str, plan: Plan, scene: Scene) -> None:
    """What a click on a cell does: `page` goes to "Restore an image", which begins at once."""
    points = state[key]["selection"]["points"]
    if points:
        cell = round(points[0]["y"]), round(points[0]["x"])
        state.clicks += 1  # another key: when the page is seen again, nothing is selected
        scheme = points[0]["customdata"][0]
        state.restore_now, state.notes = nearest(settings_of_cell(plan, scheme, cell, scene))


def show_numbers(shown: list[Map], plan: Plan) -> None:
    """For each scheme: where PSNR is highest and how many images attain E* there; and the other way round."""
    row = st.container(horizontal=True, gap="medium")
    for one in shown:
        most = sweeps.highest(one.attainment)
        if one.best is None or most is None:
            continue
        row.metric(
            f"{one.name}: highest PSNR", f"{one.psnr[one.best]:.2f} dB",
            f"{cell_title(plan, one.best)}: {one.attainment[one.best]:.0%} attain E*",
            delta_color="off", delta_arrow="off", width="content",
            help="Mean over the images; the star in the maps. Below: where that is, and the attainment there.",
        )  # fmt: skip
        row.metric(
            f"{one.name}: highest attainment", f"{one.attainment[most]:.0%}",
            f"{cell_title(plan, most)}: {one.psnr[most]:.2f} dB" if one.attainment[most] else "no run attains E*",
            delta_color="off", delta_arrow="off", width="content",
            help="Share of the images that attain E*. Below: the first cell where that is so, and the mean PSNR there.",
        )  # fmt: skip
