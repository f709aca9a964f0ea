"""What the commands share: options, the choice of a device and of a scheme, and the output."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import torch

from gnc_core import choices
from gnc_core.errors import InputError
from gnc_core.prior.fields_of_experts import FieldsOfExperts
from gnc_core.restoration import schedules
from gnc_core.restoration.schedules import LearnedSchedule
from gnc_core.restoration.schemes import Scheme

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

DEFAULT_PRIOR = "foe-l1"

prior_option = click.option(
    "--prior",
    "prior_name",
    default=DEFAULT_PRIOR,
    show_default=True,
    metavar="NAME",
    help="Prior: a name that `info` lists, or a folder with prior.safetensors.",
)
device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where to compute; auto takes the GPU if there is one.",
)
seed_option = click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Seed of the noise or of the missing pixels.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output, no text.")
noise_option = click.option(
    "--noise-std",
    type=float,
    help="Denoising: noise level, a standard deviation in units of [0, 1] (25/255 is 0.098).",
)
missing_option = click.option(
    "--missing", type=float, help="Inpainting: share of the pixels that are missing, in (0, 1)."
)
sigma0_option = click.option(
    "--sigma0",
    type=float,
    help="Initial smoothing, in units of [0, 1]. Default: the noise level for denoising, the "
    "prior's largest sigma for inpainting.",
)
rate_option = click.option(
    "--rate",
    type=float,
    help="Step size c of s = log sigma in joint minimisation, in (0, 2). The smaller, the slower sigma falls. Default: "
    + ", ".join(f"{rate} to {task}" for task, rate in choices.JOINT_RATES.items())
    + ".",
)


blind_option = click.option(
    "--blind",
    is_flag=True,
    help="Denoising: do not tell the scheme the noise level; the prior estimates it. --sigma0 of --scheme joint then is "
    "the prior's largest.",
)


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--data and --list."""
    command = click.option(
        "--list",
        "list_file",
        type=click.Path(path_type=Path),
        help="Text file with the names of the images to take, one a line. Default: all.",
    )(command)
    return click.option(
        "--data",
        required=True,
        type=click.Path(path_type=Path),
        help="Folder of clean images (PNG, JPEG, TIFF, .npy).",
    )(command)


def scheme_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--scheme, --steps, --sigma0, --rate and --schedule."""
    command = click.option(
        "--schedule",
        "schedule_file",
        type=click.Path(path_type=Path),
        help="Learned schedule to use (a file written by fit-schedule). Default: the one of the "
        "prior that fits task, steps and level within 2 %.",
    )(command)
    command = sigma0_option(rate_option(command))
    command = click.option(
        "--steps",
        type=int,
        help=f"Number of steps, 1 to {schedules.MAX_STEPS}. Default: {choices.DEFAULT_STEPS}, or those of --schedule.",
    )(command)
    return click.option(
        "--scheme",
        "scheme_name",
        type=click.Choice(["flow", "joint", "learned"]),
        default="flow",
        show_default=True,
        help="GNC flow with a linear schedule, joint minimisation, or a learned schedule.",
    )(command)


def choose_device(device: str) -> str:
    """ "cpu" or "cuda"; raises `InputError` if the GPU that was asked for is not there."""
    if device == "auto":
        return choices.best_device()
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("There is no CUDA device here; use --device cpu.")
    return device


def choose_scheme(
    scheme_name: str,
    prior: FieldsOfExperts,
    prior_name: str,
    task: str,
    level: float,
    steps: int | None,
    sigma0: float | None,
    rate: float | None,
    schedule_file: Path | None,
    blind: bool = False,
) -> Scheme:
    """The scheme that the options describe; raises `InputError` where they contradict each other."""
    if blind and (task != "denoise" or scheme_name == "learned"):
        raise InputError("--blind belongs to denoising with --scheme flow or joint.")
    if blind and scheme_name == "joint" and sigma0 is None:
        sigma0 = prior.sigma_max
    if scheme_name == "learned" and sigma0 is not None:
        raise InputError("--sigma0 does not apply to --scheme learned, whose sigmas are fitted.")
    if scheme_name != "joint" and rate is not None:
        raise InputError(f"--rate needs --scheme joint, not {scheme_name}.")
    if scheme_name != "learned" and schedule_file is not None:
        raise InputError(f"--schedule needs --scheme learned, not {scheme_name}.")
    schedule = None if schedule_file is None else _schedule_from_file(schedule_file, task, steps)
    steps = choices.DEFAULT_STEPS if steps is None else steps
    return choices.choose_scheme(scheme_name, prior, prior_name, task, level, steps, sigma0, schedule, rate)


def task_level(task: str, noise_std: float | None, missing: float | None) -> float:
    """The level that belongs to the task; raises `InputError` if it is absent or out of range."""
    if task == "denoise":
        if missing is not None:
            raise InputError("--missing belongs to inpainting; denoising takes --noise-std.")
        if noise_std is None:
            raise InputError("Denoising needs the noise level: give --noise-std, such as 0.1.")
        if not (math.isfinite(noise_std) and noise_std > 0):
            raise InputError(f"--noise-std must be a positive number, not {noise_std:g}.")
        return noise_std
    if noise_std is not None:
        raise InputError("--noise-std belongs to denoising; inpainting takes --missing or --mask.")
    if missing is None:
        raise InputError("Inpainting needs the share of missing pixels: give --missing, such as 0.5.")
    if not 0 < missing < 1:
        raise InputError(f"--missing must lie between 0 and 1, not {missing:g}.")
    return missing


def echo_json(content: Any) -> None:
    """Prints one JSON object; numbers that JSON has no word for (infinite, NaN) become null."""
    click.echo(json.dumps(_plain(content), allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _schedule_from_file(path: Path, task: str, steps: int | None) -> LearnedSchedule:
    schedule = LearnedSchedule.load(path)
    if schedule.task != task:
        raise InputError(f"The schedule {path} is for {schedule.title}, not for {task}.")
    if steps not in (None, schedule.steps):
        raise InputError(f"The schedule {path} has {schedule.steps} steps, not {steps}.")
    return schedule
