"""`finetune`: prior and schedules together, unrolled, for one task."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from gnc_core import learning, problems, zoo
from gnc_core.commands import options, runs
from gnc_core.errors import InputError

_DEFAULTS = learning.FinetuneSettings()


def _settings_options(command: Any) -> Any:
    """How it is learned; the command gets it as `chosen`, by the names of `FinetuneSettings`."""
    return options.collected(
        command,
        "chosen",
        click.option(
            "--steps", type=click.IntRange(1, 20), default=_DEFAULTS.steps, show_default=True, help="Steps S."
        ),
        *runs.annealed_options(_DEFAULTS),
        click.option(
            "--margin",
            type=click.IntRange(0),
            default=_DEFAULTS.margin,
            show_default=True,
            help="Pixels of a patch, on every side, that do not count.",
        ),
        click.option(
            "--schedule-rate",
            type=click.FloatRange(0, min_open=True),
            default=_DEFAULTS.schedule_rate,
            show_default=True,
            help="Step size on the schedules' weights at the start.",
        ),
    )


@click.command()
@runs.photograph_options
@options.task_option
@click.option(
    "--start",
    "start_name",
    required=True,
    help="Prior to start from, a name or a folder; it has schedules for the task.",
)
@click.option(
    "--lowest",
    type=options.Said(),
    help="Lowest level of the task, such as the noise level. Default to denoise: 5/255.",
)
@click.option("--highest", type=options.Said(), help="Highest level. Default to denoise: 50/255.")
@_settings_options
@runs.run_options
@options.seed_option
@options.device_option
def finetune(
    photographs: runs.Chosen,
    task: str,
    start_name: str,
    lowest: float | None,
    highest: float | None,
    chosen: dict[str, Any],
    out: Path,
    resume: bool,
    seed: int,
    device: str,
) -> None:
    """Fine-tune a prior for a task: its weights and its schedules together, through all steps, at all levels of a range.

    The result is a prior of its own, with schedules of that many steps; its energy is no negative log density any more. Resume,
    Ctrl-C and the photographs are as with `train`.

    \b
    Example:
      python -m gnc_core finetune --start foe-l1 --task denoise --data bsds500/train --out runs/foe-l1-denoise
    """
    photographs.check()
    kind = problems.task(task)
    low, high = _DEFAULTS.levels if task == _DEFAULTS.task else kind.kind_of_level.fitted
    low = low if lowest is None else kind.kind_of_level.check(lowest, "--lowest")
    high = high if highest is None else kind.kind_of_level.check(highest, "--highest")
    family = zoo.find_family(start_name, task)
    start = zoo.load(start_name)
    settings = learning.FinetuneSettings(
        task=task, levels=(low, high), seed=seed, start=runs.origin(start_name), **chosen
    )
    with runs.place(device) as where:
        if learning.distributed.size() > 1:
            raise InputError("Fine-tuning runs in one process.")
        shown, held_out = photographs.load(settings.patch)
        finetuner = learning.Finetuner(settings, shown, start, family, where, held_out)
        runs.run(finetuner, out, resume)
        prior, schedules = finetuner.result
        card = runs.card(finetuner, "finetune", photographs, where)
        zoo.save(out, prior, {"training": card})
        zoo.save_family(out, replace(schedules, prior=out.name, command=card["command"]))
        runs.tell(finetuner, out)
