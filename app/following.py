"""The training curve on "Inside the prior": the log that lies with a prior, or one of the runs that visitors may follow."""

import math
import os
from pathlib import Path

import streamlit as st

from app.drawing import show
from app.figures.inside import training_figure
from app.session import plain
from gnc_core import zoo
from gnc_core.errors import InputError
from gnc_core.learning.logs import LOG, read_log

RUNS = "GNC_RUNS"
SAVED = "Saved with the prior"
FOLLOW_SECONDS = 5


def training_runs() -> dict[str, Path]:
    """The folders of training runs that visitors may follow: those in the environment variable `RUNS`, as they are written
    there, with ":" between two of them (";" on Windows). No other path is opened, whatever a browser sends."""
    return {folder: Path(folder) for folder in os.environ.get(RUNS, "").split(os.pathsep) if folder}


def show_training(prior: str) -> None:
    """The training curve of a prior, or of a run that goes on."""
    runs = training_runs()
    picked = st.selectbox(
        "Training run", [SAVED, *runs], key="run",
        help=f"The log that lies with the prior, or that of a run in progress, read again every {FOLLOW_SECONDS} seconds. "
        f"Whoever starts the explorer says which runs there are: `{RUNS}=runs/foe-l1 streamlit run app/main.py`, folders that "
        "`python -m gnc_core train` was given as --out.",
    )  # fmt: skip
    folder = runs.get(picked)

    @st.fragment(run_every=FOLLOW_SECONDS if folder else None)
    def follow() -> None:
        try:
            log = read_log(folder or zoo.folder_of(prior))
        except InputError as error:
            (st.error if folder else st.caption)(plain(str(error)))
            return
        if not log:
            st.caption(f"{LOG} has no line yet.")
            return
        keys = ("iteration", "image", "smoothing", "validation", "validation_smoothing")
        figure = training_figure({key: [line.get(key, math.nan) for line in log] for key in keys})
        show(figure, "training", "training")
        hours = f", {log[-1]['seconds'] / 3600:.1f} hours" if "seconds" in log[-1] else ""
        st.caption(f"Iteration {log[-1]['iteration']:,.0f}{hours}; loss {log[-1]['loss']:.4g}")

    follow()
