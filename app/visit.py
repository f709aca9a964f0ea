"""All runs of a visit as a table. Images are not kept, and nothing of it leaves the visitor's session."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from app.runs import Restoration
from app.scenes import Upload

MOST_ROWS = 1000
column, number = st.column_config.Column, st.column_config.NumberColumn
COLUMNS = {
    "image": column("image"),
    "task": column("task"),
    "level": number("level", format="%.4g", help="Noise level in units of [0, 1], or share of missing pixels."),
    "prior": column("prior"),
    "method": column("method"),
    "steps": number("steps", format="%d"),
    "psnr": number("PSNR (dB)", format="%.2f"),
    "ssim": number("SSIM", format="%.3f"),
    "energy": number("energy", format="%.0f", help="D(x) + R(x, log σ_min) with the prior of the same row."),
    "seconds": number("seconds", format="%.2f", help="Of the steps, without energies and metrics."),
    "settings": column("settings"),
}


def remember(runs: Sequence[Restoration]) -> None:
    """Enters those that have ended, once each."""
    rows = st.session_state.setdefault("visit", [])
    seen = st.session_state.setdefault("entered", set())
    for run in runs:
        if not run.running and run.trace.rows and run.number not in seen:
            seen.add(run.number)
            rows.append(_row(run))
    del rows[:-MOST_ROWS]


def _row(run: Restoration) -> dict[str, str | float | None]:
    source, last = run.scene.source, run.last
    values = (
        source.name if isinstance(source, Upload) else source, run.scene.task, run.prepared.problem.level, run.choice.prior,
        run.name, run.done, last.psnr, last.ssim, last.energy, run.seconds, run.title,
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def visit_table() -> None:
    """The runs so far, newest first, and the table as a file."""
    rows = st.session_state.get("visit", [])
    if not rows:
        st.caption("No run has ended yet.")
        return
    table = pd.DataFrame(rows[::-1], columns=list(COLUMNS))
    st.dataframe(
        table, hide_index=True, column_config=COLUMNS, key="visit-table", height=min(420, 40 + 35 * len(table))
    )
    st.download_button(
        "Table (CSV)", table.to_csv(index=False), "runs.csv", "text/csv", icon=":material/download:", on_click="ignore",
        help="All runs since this page was opened, on all images; a click on a column sorts the table above.",
    )  # fmt: skip
