"""`bench`: how far a step is from this machine's arithmetic limit."""

from __future__ import annotations

from dataclasses import asdict

import click
import torch

from gnc_core.commands import options
from gnc_core.measuring import benchmark


@click.command()
@options.json_option
def bench(as_json: bool) -> None:
    """Print the table of ratios for the CPU of this machine: every row divides a time by the time of what cannot be avoided,
    measured in the same run. Takes about two minutes; close what else is running.
    """
    rows = []
    if not as_json:
        click.echo(
            f"CPU, {torch.get_num_threads()} threads, torch {torch.__version__}; medians of {benchmark.REPEATS}\n"
        )
        click.echo(f"{'':92} {'ms':>9} {': ms':>9} {'ratio':>8} {'target':>8}")
    for timing in benchmark.timings():
        rows.append({**asdict(timing), "ratio": timing.ratio})
        if not as_json:
            click.echo(timing)
    if as_json:
        options.echo_json({"threads": torch.get_num_threads(), "torch": torch.__version__, "rows": rows})
