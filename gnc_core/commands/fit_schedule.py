"""`fit-schedule`: fit the smoothing and step size of every step to a prior and a task."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path

import click
from tqdm import tqdm

from gnc_core import choices, images, learning, problems, zoo
from gnc_core.commands import options
from gnc_core.errors import InputError
from gnc_core.restoration import schedules
from gnc_core.restoration.schedules import LearnedSchedule

from .photographs import Photographs

_BATCH = 8


@click.command("fit-schedule")
@options.data_options
@options.task_option
@options.level_options
@options.prior_option
@click.option(
    "--steps",
    type=int,
    default=choices.DEFAULT_STEPS,
    show_default=True,
    help=f"Number of steps, 1 to {schedules.MAX_STEPS}.",
)
@options.sigma0_option
@click.option(
    "--start",
    "start_file",
    type=click.Path(path_type=Path),
    help="Learned schedule to start from, of another prior or number of steps. Default: a logarithmic schedule.",
)
@click.option(
    "--patches",
    type=click.IntRange(1, 10_000),
    default=32,
    show_default=True,
    help="Number of random patches to fit to.",
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
    default=30,
    show_default=True,
    help="At most so many rounds of five L-BFGS iterations.",
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
    data: Path,
    list_file: Path | None,
    task: str,
    levels: dict[str, float | None],
    prior_name: str,
    steps: int,
    sigma0: float | None,
    start_file: Path | None,
    patches: int,
    patch_size: int,
    rounds: int,
    out: Path,
    seed: int,
    device: str,
    as_json: bool,
) -> None:
    """Fit a learned schedule by backpropagation through the unrolled steps.

    Files that are no photographs, or too small, are left out, and named on standard error.

    \b
    Example:
      python -m gnc_core fit-schedule --data train --task denoise --noise-std 0.1 --steps 10
        --out pretrained/foe-l1/schedules/denoise-0.1-10.json
    """
    import torch

    images.check_output(out, (".json",))
    level = options.task_level(task, levels)
    schedules.check_steps(steps)
    if start_file is not None and sigma0 is not None:
        raise InputError("--sigma0 and --start both say where to start; give one of them.")
    start = None if start_file is None else LearnedSchedule.load(start_file)
    if start is not None and start.task != task:
        raise InputError(f"The schedule {start_file} is for {start.title}, not for {task}.")
    files = images.image_files(data, list_file)
    device = options.choose_device(device)
    prior = zoo.load(prior_name, device)
    if patch_size < prior.min_size:
        raise InputError(f"--patch-size must be at least {prior.min_size} for this prior.")

    photographs = [images.compact(image) for _, image in Photographs(files, patch_size, named=list_file is not None)]
    generator = torch.Generator().manual_seed(seed)
    truths = images.random_patches(photographs, patch_size, patches, generator)
    pairs = [
        (problems.task(task).degrade(truth, level, problems.image_seed(seed, index)), truth)
        for index, truth in enumerate(truths.to(device).split(_BATCH))
    ]
    with tqdm(total=rounds, unit="round", disable=None) as bar:

        def progress(_: int, error: float) -> None:
            bar.update()
            bar.set_postfix(mse=f"{error:.6g}")

        schedule = learning.fit_schedule(
            prior,
            pairs,
            steps,
            name=Path(prior_name).name,
            sigma0=sigma0,
            start=start,
            rounds=rounds,
            progress=progress,
        )
    schedule = replace(schedule, command="python -m gnc_core fit-schedule " + shlex.join(sys.argv[2:]))
    schedule.save(out)
    if as_json:
        options.echo_json({"out": str(out), "schedule": schedule.__dict__})
        return
    click.echo("step   sigma     tau")
    for index, (sigma, tau) in enumerate(zip(schedule.sigma, schedule.tau, strict=True), start=1):
        click.echo(f"{index:4}   {sigma:.5f}   {tau:.3g}")
    click.echo(f"Wrote {out}: {schedule.title}")
