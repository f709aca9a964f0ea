"""What the commands share: options, the choice of a device and of a scheme, and the output."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import click

from gnc_core import checks, choices, problems
from gnc_core.choices import SchemeChoice
from gnc_core.errors import InputError
from gnc_core.restoration import schedules
from gnc_core.restoration.schedules import LearnedSchedule

from .photographs import Folder

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

DEFAULT_PRIOR = "foe-l1"


class Said(click.ParamType):
    """A number such as 0.098, 25/255 or 80%. An `intensity`, in units of [0, 1], is refused above 1 if it looks like one of 255;
    levels of tasks are checked by the tasks."""

    name = "number"

    def __init__(self, intensity: bool = False) -> None:
        self.intensity = intensity

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        name = parameter.opts[0] if parameter else "The value"
        number = checks.said(value, name)
        return checks.not_in_another_unit(number, name) if self.intensity else number


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
task_option = click.option("--task", required=True, type=click.Choice(list(problems.TASKS)), help="What to restore.")
start_option = click.option(
    "--start",
    type=click.Choice(list(dict.fromkeys(start for problem in problems.TASKS.values() for start in problem.starts))),
    help="Inpainting: what missing pixels start from, a harmonic fill of the gaps (Laplace's equation) or grey, 0.5, as in the "
    "paper. Learned schedules are fitted to the harmonic fill; from grey the flow is the default. Default: harmonic.",
)
sigma0_option = click.option(
    "--sigma0",
    type=Said(intensity=True),
    help="Initial smoothing, in units of [0, 1]. Default: what suits the task, such as the noise level for denoising.",
)
rate_option = click.option(
    "--rate",
    type=float,
    help="Step size c of s = log sigma in joint minimisation, in (0, 2). The smaller, the slower sigma falls. Default: "
    + ", ".join(f"{problem.rate:g} to {name}" for name, problem in problems.TASKS.items())
    + ".",
)


def collected(command: Callable[..., Any], name: str, *declared: Decorator) -> Callable[..., Any]:
    """The command with the options `declared`, whose values it gets as one dictionary, `name`."""

    @wraps(command)
    def collecting(**values: Any) -> Any:
        return command(**{name: {key: values.pop(key) for key in keys}}, **values)

    with_options: Callable[..., Any] = collecting
    others = len(getattr(command, "__click_params__", ()))
    for option in reversed(declared):
        with_options = option(with_options)
    keys = [option.name for option in with_options.__click_params__[others:]]  # type: ignore[attr-defined]
    return with_options


def data_options(limits: bool = True, limit: int | None = None) -> Decorator:
    """--data, --list and, with `limits`, --limit, which is `limit` by default, and --crop; the command gets them as a `Folder`,
    `folder`."""
    declared = [
        click.option(
            "--data",
            required=True,
            type=click.Path(path_type=Path),
            help="Folder of clean images (PNG, JPEG, TIFF, WebP, BMP, GIF, PPM, PGM, .npy).",
        ),
        click.option(
            "--list",
            "list_file",
            type=click.Path(path_type=Path),
            help="Text file with the names of the images to take, one a line. Default: all.",
        ),
    ]
    if limits:
        text = "Take only the first N images."
        declared += [
            click.option("--limit", type=click.IntRange(min=1), default=limit, show_default=bool(limit), help=text),
            click.option(
                "--crop",
                type=click.IntRange(min=1),
                metavar="SIDE",
                help="Take only the middle of each image, at most SIDE x SIDE pixels. Default: all of it.",
            ),
        ]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def with_folder(folder: dict[str, Any], **values: Any) -> Any:
            return command(folder=Folder(**folder), **values)

        return collected(with_folder, "folder", *declared)

    return decorate


def level_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """An option for the level of each task, such as --noise-std, which several may share; the command gets the values that were
    given as `levels`, by the options' names (`named`)."""
    return collected(
        command,
        "levels",
        *(
            click.option(option, type=Said(), help=_tasks_and_help(kinds, kinds[0].kind_of_level.help))
            for option, kinds in _by_option(lambda kind: kind.kind_of_level).items()
        ),
    )


def setting_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """An option for what else degrades, such as --kernel; the command gets them as `settings`, by their names (`named`)."""
    return collected(
        command,
        "settings",
        *(
            click.option(
                option,
                metavar="TEXT",
                help=_tasks_and_help(kinds, f"{setting.help} Default: {setting.usual[0]}."),
            )
            for option, kinds in _by_option(lambda kind: kind.setting).items()
            if (setting := kinds[0].setting)
        ),
    )


def named(option: str) -> str:
    """What click calls the value of an option.

    >>> named("--noise-std")
    'noise_std'
    """
    return option.strip("-").replace("-", "_")


def _by_option(what: Callable[[type[problems.Problem]], Any]) -> dict[str, list[type[problems.Problem]]]:
    """Tasks by the option that says their level or setting."""
    found: dict[str, list[type[problems.Problem]]] = {}
    for kind in problems.TASKS.values():
        if (described := what(kind)) is not None:
            found.setdefault(described.option, []).append(kind)
    return found


def _tasks_and_help(kinds: Sequence[type[problems.Problem]], text: str) -> str:
    named = ", ".join(kind.name for kind in kinds)
    return f"To {named}: {text[0].lower()}{text[1:]}"


def task_setting(task: str, settings: dict[str, str | None]) -> str:
    """The setting that belongs to the task, "" for its default; raises `InputError` for that of another one. A kernel may be a
    file."""
    kind, own, text = problems.task(task), "", ""
    for option, kinds in _by_option(lambda other: other.setting).items():
        given = settings[named(option)]
        if kind in kinds:
            own, text = option, given or ""
        elif given is not None:
            owners = " or ".join(other.name for other in kinds)
            raise InputError(f"{option} belongs to the task {owners}, not to {task}.")
    if own == problems.Deblurring.setting.option and Path(text).is_file():
        text = problems.kernels.as_text(problems.kernels.read_kernel(Path(text)))
    return kind.chosen(text)


def scheme_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--scheme, --steps, --sigma0, --rate, --schedule and --blind; the command gets them as a `SchemeChoice`, `choice`."""

    @wraps(command)
    def collected(**values: Any) -> Any:
        taken = {name: values.pop(name) for name in ("scheme", "steps", "sigma0", "rate", "blind")}
        file = values.pop("schedule_file")
        schedule = None if file is None else LearnedSchedule.load(file)
        return command(choice=SchemeChoice(**taken, schedule=schedule), **values)

    suits = ", ".join(f"{problem.steps} to {name}" for name, problem in problems.TASKS.items())
    steps = f"Number of steps, 1 to {schedules.MAX_STEPS}. Default: {suits}."
    decorators = [
        click.option(
            "--scheme",
            type=click.Choice(list(choices.SCHEMES)),
            help="GNC flow with a linear schedule, joint minimisation, or a learned schedule. Default: learned, where the prior "
            "has schedules for the task.",
        ),
        click.option("--steps", type=int, help=steps),
        sigma0_option,
        rate_option,
        click.option(
            "--schedule",
            "schedule_file",
            type=click.Path(path_type=Path),
            help="Learned schedule to use (a file written by fit-schedule). Default: that of the prior for the "
            "task, level and steps.",
        ),
        click.option(
            "--blind",
            is_flag=True,
            help="To denoise: do not tell the scheme the noise level; the prior estimates it. --sigma0 of --scheme joint then "
            "is the prior's largest.",
        ),
    ]
    with_options: Callable[..., Any] = collected
    for decorator in reversed(decorators):
        with_options = decorator(with_options)
    return with_options


def choose_device(device: str) -> str:
    """ "cpu" or "cuda"; raises `InputError` if the GPU that was asked for is not there."""
    import torch

    torch.backends.cudnn.allow_tf32 = False
    if device == "auto":
        return choices.best_device()
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("There is no CUDA device here; use --device cpu.")
    return device


def task_level(task: str, levels: dict[str, float | None]) -> float:
    """The level that belongs to the task; raises `InputError` if it is absent, out of range, or that of another task."""
    level = problems.task(task).kind_of_level
    for option, kinds in _by_option(lambda kind: kind.kind_of_level).items():
        if option != level.option and levels[named(option)] is not None:
            owners = " or ".join(kind.name for kind in kinds)
            raise InputError(f"{option} belongs to the task {owners}; {task} takes {level.option}.")
    value = levels[named(level.option)]
    if value is None:
        raise InputError(f"The task {task} needs the {level.name}: give {level.option}, such as {level.example:g}.")
    return level.check(value, level.option)


def echo_json(content: Any) -> None:
    """Prints one JSON object; numbers that JSON has no word for (infinite, NaN) become null."""
    click.echo(json.dumps(_plain(content), allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
