"""Surgery as "Inside the prior" shows it: its controls, the potential that is bent, both restorations with their numbers."""

import streamlit as st

from app.controls import level_control
from app.drawing import show
from app.figures.restoration import TITLES
from app.inner import NO_IMAGE, PLAIN, Shown, fitted
from app.lessons.inside import HANDLES
from app.operations import Change, Operation, Outcome, bent_figure, pictures_figure
from app.session import in_url, plain
from gnc_core.problems import Denoising

PLACES = ["lower end", "¼", "middle", "¾", "upper end"]  # of the handles
state = st.session_state


def show_surgery(shown: Shown) -> None:
    """Potentials that are switched off, and one that is bent; what the prior restores with and without that."""
    if shown.image is None:
        st.info(NO_IMAGE)
        return
    left, right = st.columns([3, 2])
    with left:
        change = surgery_controls(shown)
    show(bent_figure(change, shown.measured, shown.level), "bent", "bent potential", right, config=PLAIN)
    work: Operation | None = state.get("operation")
    if work is None or work.change != change:
        work = state.operation = Operation(change, shown.image, shown.measured, work)
    numbers, place = st.empty(), st.empty()
    if work.running:
        with numbers.container():
            run_to_the_end(work)
    with numbers.container():
        show_outcome(work)
    height, width = work.observation.shape[-2:]
    with place.container(), fitted("operated", f"min({height / width / 3:.4f} * 100cqw + {TITLES}px, 420px)"):
        show(pictures_figure(work), "before-after", "restorations", height="stretch")


def surgery_controls(shown: Shown) -> Change:
    st.markdown(f"Bend the potential of kernel {shown.channel + 1}", help="Five handles on the effective range of its features; "
                "offsets in units of the potential's height, the same at every σ.")  # fmt: skip
    row = st.container(horizontal=True)
    handles = [
        row.slider(place, -1.0, 1.0, 0.0, 0.05, **in_url(key), width=100)
        for key, place in zip(HANDLES, PLACES, strict=True)
    ]
    noise = level_control(Denoising)
    return Change(
        shown.name, (shown.image_key, shown.key), noise, shown.degraded, shown.off, shown.channel,
        tuple(handles),
    )  # fmt: skip


def run_to_the_end(work: Operation) -> None:
    """Does the steps that are left; any click starts the script anew, and it goes on from there."""
    row = st.container(horizontal=True, vertical_alignment="center")
    row.button("Stop", icon=":material/stop:", on_click=work.stop, help="What has been computed is kept.")
    bar = row.progress(work.done)
    while work.running:
        work.advance(0.2)
        bar.progress(work.done, "Restoring: " + ("the prior as it is" if work.before is None else "the changed prior"))


def show_outcome(work: Operation) -> None:
    """PSNR and energies of both restorations."""
    if work.error:
        st.error(plain(work.error))
    if work.stopped and not work.finished:
        st.button("Go on", icon=":material/play_arrow:", on_click=work.go_on, help="Computes what is missing.")
    row = st.container(horizontal=True, gap="medium")
    before, after = work.before, work.after

    def number(label: str, found: Outcome | None, other: Outcome | None, name: str, form: str, help_text: str) -> None:
        value = None if found is None else getattr(found, name)
        if value is None:
            return
        reference = getattr(other, name) if other is not None else None
        delta = None if reference is None else f"{value - reference:+{form}}"
        row.metric(
            label, f"{value:{form}}", delta, delta_color="off", delta_arrow="off", width="content", help=help_text
        )

    energy = "D(x) + R(x, σ_min) of the result"
    if work.noisy_psnr is not None:
        row.metric(
            "PSNR noisy, dB", f"{work.noisy_psnr:.2f}", width="content", help="Of the image that both start from."
        )
    number("PSNR untouched, dB", before, None, "psnr", ".2f", "Of the restoration by the prior as it is.")
    number("PSNR changed, dB", after, before, "psnr", ".2f", "Of the restoration by the changed prior.")
    number("Energy untouched", before, None, "own", ",.0f", f"{energy}, by the prior as it is.")
    number("Energy changed", after, before, "own", ",.0f", f"{energy}, by the changed prior. Bending a potential leaves a "
           "constant open, which changes no score: it is zero at u = 0.")  # fmt: skip
    number("… by the untouched prior", after, before, "untouched", ",.0f", f"{energy} of the changed prior, by the prior as it "
           "is: how much worse that prior finds it.")  # fmt: skip


def off_control(channels: int) -> list[int]:
    """The numbers of the kernels that are off; before the other controls."""
    _link_what_is_set()
    if "off" in state:  # left over from a larger prior
        state.off = [number for number in state.off if number <= channels]
    return st.multiselect(
        "Kernels that are off", range(1, channels + 1), **in_url("off"),
        help="Their potentials are zero. A click on a tile above switches its kernel off or on.",
    )  # fmt: skip


def _link_what_is_set() -> None:
    """What an experiment has set before these controls were ever drawn goes into the URL here: Streamlit does that only for those
    that it knows."""
    if state.get("surgery_known"):
        return
    for key in ("off", *HANDLES):
        if state.get(key):
            st.query_params[key] = [str(number) for number in state[key]] if key == "off" else str(state[key])
    state.surgery_known = True
