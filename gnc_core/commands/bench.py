"""`bench`: how far a step is from this machine's arithmetic limit."""

from __future__ import annotations

from dataclasses import asdict

import click

from gnc_core import measuring
from gnc_core.commands import options


@click.command()
@options.json_option
def bench(as_json: bool) -> None:
    """Print the table of ratios for the CPU of this machine: every row divides a time by the time of what cannot be avoided,
    measured in the same run. Takes about two minutes; close what else is running.
    """
    import torch

    rows = []
    if not as_json:
        click.echo(
            f"CPU, {torch.get_num_threads()} threads, torch {torch.__version__}; medians of {measuring.benchmark.REPEATS}\n"
        )
        click.echo(f"{'':92} {'ms':>9} {': ms':>9} {'ratio':>8} {'target':>8}")
    for timing in measuring.benchmark.timings():
        rows.append({**asdict(timing), "ratio": timing.ratio})
        if not as_json:
            click.echo(timing)
    if as_json:
        options.echo_json({"threads": torch.get_num_threads(), "torch": torch.__version__, "rows": rows})
