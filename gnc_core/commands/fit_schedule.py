"""`fit-schedule`: fit the smoothing and step size of every step to a prior and a task, for one level or for all."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path

import click
from tqdm import tqdm

from gnc_core import images, learning, problems, zoo
from gnc_core.commands import options
from gnc_core.errors import InputError
from gnc_core.restoration import schedules
from gnc_core.restoration.families import ScheduleFamily
from gnc_core.restoration.schedules import LearnedSchedule

from .photographs import Folder

_BATCH = 8
_STEPS, _FIRST, _LAST = 10, 3, 20
_PATCHES, _PATCHES_EACH = 32, 5
_ROUNDS, _ROUNDS_ALL = 30, 15


@click.command("fit-schedule")
@options.data_options(limits=False)
@options.task_option
@options.level_options
@options.setting_options
@options.prior_option
@click.option(
    "--steps",
    metavar="N|FIRST:LAST",
    help=f"Number of steps, 1 to {schedules.MAX_STEPS}, of a schedule for one level; default: {_STEPS}. For all levels the "
    f"numbers that it serves; default: {_FIRST}:{_LAST}.",
)
@options.sigma0_option
@click.option(
    "--start",
    "start_file",
    type=click.Path(path_type=Path),
    help="Learned schedule to start from, of another prior or number of steps; for all levels, the schedules of another prior. "
    "Default: a logarithmic schedule.",
)
@click.option(
    "--patches",
    type=click.IntRange(1, 10_000),
    help=f"Number of random patches to fit to. Default: {_PATCHES} for one level; for all, {_PATCHES_EACH} for each of 20 "
    "pairs of a level and a number of steps.",
)
@click.option(
    "--patch-size",
    type=click.IntRange(8, 1024),
    default=64,
    show_default=True,
    help="Height and width of a patch, in pixels.",
)
@click.option(
    "--rounds",
    type=click.IntRange(1, 10_000),
    help=f"At most so many rounds of five L-BFGS iterations. Default: {_ROUNDS} for one level, {_ROUNDS_ALL} for all.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="JSON file to write; in the prior's folder schedules/ it is found by itself.",
)
@options.seed_option
@options.device_option
@options.json_option
def fit_schedule(
    folder: Folder,
    task: str,
    levels: dict[str, float | None],
    settings: dict[str, str | None],
    prior_name: str,
    steps: str | None,
    sigma0: float | None,
    start_file: Path | None,
    patches: int | None,
    patch_size: int,
    rounds: int | None,
    out: Path,
    seed: int,
    device: str,
    as_json: bool,
) -> None:
    """Fit learned schedules by backpropagation through the unrolled steps.

    With a level, such as --noise-std, one schedule for it; without, the schedules for all levels and numbers of steps, as a
    smooth function of both. Files that are no photographs, or too small, are left out, and named on standard error.

    \b
    Examples:
      python -m gnc_core fit-schedule --data train --task denoise --out pretrained/foe-l1/schedules/denoise.json
      python -m gnc_core fit-schedule --data train --task denoise --noise-std 0.1 --steps 10 --out mine.json
    """
    import torch

    images.check_output(out, (".json",))
    everywhere = all(value is None for value in levels.values())
    setting = options.task_setting(task, settings)
    if everywhere and sigma0 is not None:
        raise InputError("--sigma0 belongs to a schedule for one level; give it, too.")
    if start_file is not None and sigma0 is not None:
        raise InputError("--sigma0 and --start both say where to start; give one of them.")
    level = None if everywhere else options.task_level(task, levels)
    span = _span(steps, everywhere)
    start = None if start_file is None or everywhere else LearnedSchedule.load(start_file)
    first = ScheduleFamily.load(start_file) if start_file is not None and everywhere else None
    if start is not None and start.task != task:
        raise InputError(f"The schedule {start_file} is for {start.title}, not for {task}.")
    folder.check()
    device = options.choose_device(device)
    prior = zoo.load(prior_name, device)
    if patch_size < prior.min_size:
        raise InputError(f"--patch-size must be at least {prior.min_size} for this prior.")

    photographs = [images.compact(image) for _, image in folder.photographs(patch_size)]
    name = Path(prior_name).name
    schedule: LearnedSchedule | ScheduleFamily
    patches = patches or (_PATCHES_EACH if level is None else _PATCHES)
    rounds = rounds or (_ROUNDS_ALL if level is None else _ROUNDS)
    with tqdm(total=rounds, unit="round", disable=None) as bar:

        def progress(_: int, error: float) -> None:
            bar.update()
            bar.set_postfix(error=f"{error:.6g}")

        if level is None:
            photographs = [image.to(device) for image in photographs]
            schedule = learning.fit_family(
                prior,
                photographs,
                task,
                problems.task(task).kind_of_level.fitted,
                span,
                name=name,
                start=first,
                setting=setting,
                rounds=rounds,
                patches=patches,
                patch=patch_size,
                seed=seed,
                progress=progress,
            )
        else:
            generator = torch.Generator().manual_seed(seed)
            kind = problems.task(task)
            truths = kind.part(images.random_patches(photographs, patch_size, patches, generator), setting)
            pairs = [
                (kind.degrade(truth, level, problems.image_seed(seed, index), setting=setting), truth)
                for index, truth in enumerate(truths.to(device).split(_BATCH))
            ]
            schedule = learning.fit_schedule(
                prior, pairs, span[0], name=name, sigma0=sigma0, start=start, rounds=rounds, progress=progress
            )
    schedule = replace(schedule, command="python -m gnc_core fit-schedule " + shlex.join(sys.argv[2:]))
    schedule.save(out)
    if as_json:
        options.echo_json({"out": str(out), "schedule": schedule.__dict__})
        return
    shown = (
        schedule if isinstance(schedule, LearnedSchedule) else schedule.at(problems.task(task).kind_of_level.example)
    )
    click.echo("step   sigma     tau")
    for index, (sigma, tau) in enumerate(zip(shown.sigma, shown.tau, strict=True), start=1):
        click.echo(f"{index:4}   {sigma:.5f}   {tau:.3g}")
    click.echo(f"Weight of the data term: {shown.weight:.3g}")
    if shown is not schedule:
        click.echo(f"This is the one for {shown.title}.")
    click.echo(f"Wrote {out}: {schedule.title}")


def _span(text: str | None, everywhere: bool) -> tuple[int, int]:
    """The numbers of steps, first and last, that --steps names."""
    if text is None:
        return (_FIRST, _LAST) if everywhere else (_STEPS, _STEPS)
    try:
        first, last = (int(part) for part in (text.split(":") if ":" in text else (text, text)))
    except ValueError:
        raise InputError(f"--steps is a number, or FIRST:LAST for all levels, such as 3:20, not {text!r}.") from None
    if everywhere != (first != last):
        kind = (
            "FIRST:LAST, such as 3:20, for schedules of all levels" if everywhere else "one number for a single level"
        )
        raise InputError(f"--steps must be {kind}, not {text}.")
    return schedules.check_steps(first), schedules.check_steps(last)
