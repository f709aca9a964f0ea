"""`train`: learn a prior from photographs by joint score matching."""

from __future__ import annotations

import platform
import shlex
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

from gnc_core import images, learning, zoo
from gnc_core.commands import options
from gnc_core.errors import InputError

from .photographs import Photographs

if TYPE_CHECKING:
    from torch import Tensor

_DEFAULTS = learning.Settings()
_DEEP_RATE = 7e-3  # with 0.01, one of two runs of three layers diverged


def _architecture_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What a prior is made of; the command gets it as `architecture`."""
    return options.collected(
        command,
        "architecture",
        click.option("--layers", type=click.IntRange(1, 8), default=1, show_default=True, help="Number of layers L."),
        click.option("--channels", type=click.IntRange(1, 48), default=48, show_default=True, help="Kernels a layer."),
        click.option(
            "--knots-u",
            type=click.IntRange(5, 1001),
            default=127,
            show_default=True,
            help="Knots of a potential in the feature, on [-3.5, 3.5].",
        ),
        click.option(
            "--knots-hidden",
            type=click.IntRange(5, 1001),
            default=63,
            show_default=True,
            help="Knots of a hidden activation in the feature, on the same range.",
        ),
        click.option(
            "--knots-s", type=click.IntRange(3, 101), default=16, show_default=True, help="Knots in s = log(sigma)."
        ),
        click.option(
            "--input-scale",
            type=click.FloatRange(0),
            default=0.05,
            show_default=True,
            help="Images are divided by sqrt(sigma^2 + this^2) on their way into the first layer; 0 divides by nothing.",
        ),
    )


def _settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """How it is learned; the command gets it as `chosen`, by the names of `Settings`."""
    return options.collected(
        command,
        "chosen",
        click.option(
            "--iterations",
            type=click.IntRange(1),
            default=_DEFAULTS.iterations,
            show_default=True,
            help="Iterations of the whole run; the step size is annealed to zero over them.",
        ),
        click.option(
            "--batch",
            type=click.IntRange(2),
            default=_DEFAULTS.batch,
            show_default=True,
            help="Patches an iteration, of all processes together (even for each: two share a smoothing level).",
        ),
        click.option(
            "--patch",
            type=click.IntRange(16, 1024),
            default=_DEFAULTS.patch,
            show_default=True,
            help="Height and width of a patch, in pixels.",
        ),
        click.option(
            "--learning-rate",
            type=click.FloatRange(0, min_open=True),
            help=f"Step size of AdaBelief at the start. Default: {_DEFAULTS.learning_rate:g} for one layer, {_DEEP_RATE:g} for "
            "more.",
        ),
        click.option(
            "--smoothing-weight",
            type=click.FloatRange(0),
            default=_DEFAULTS.smoothing_weight,
            show_default=True,
            help="lambda, the weight of the loss in s against the loss in the image.",
        ),
        click.option(
            "--smoothing-term",
            type=click.Choice(["denoising", "implicit"]),
            default=_DEFAULTS.smoothing_term,
            show_default=True,
            help="Form of the loss in s: denoising (less noise) or the paper's implicit score matching.",
        ),
        click.option(
            "--ordering-weight",
            type=click.FloatRange(0),
            default=_DEFAULTS.ordering_weight,
            show_default=True,
            help="Weight of the term that makes the energy fall from far below an image's noise level towards it.",
        ),
        click.option(
            "--convexity-weight",
            type=click.FloatRange(0),
            default=1.0,
            show_default=True,
            help="Weight of the hinge on the potentials' curvature, which makes the energy convex at large sigma.",
        ),
        click.option(
            "--linearity-weight",
            type=click.FloatRange(0),
            default=0.3,
            show_default=True,
            help="Weight of the penalty on the curvature of hidden activations at large sigma.",
        ),
        click.option(
            "--roughness-weight",
            type=click.FloatRange(0),
            default=1e-6,
            show_default=True,
            help="Weight of the squared second differences of the potentials' slopes, which keeps them smooth.",
        ),
        click.option(
            "--convex-from",
            type=click.FloatRange(0),
            default=0.3,
            show_default=True,
            help="Potentials are kept convex from this sigma on; in a prior that a run starts from, activations are made linear "
            "there. 0 leaves them.",
        ),
        click.option(
            "--clip",
            type=click.FloatRange(0, min_open=True),
            default=_DEFAULTS.clip,
            show_default=True,
            help="Largest norm of the gradient; longer ones are shortened to it.",
        ),
        click.option(
            "--average",
            type=click.FloatRange(0, 1, max_open=True),
            default=_DEFAULTS.average,
            show_default=True,
            help="Decay of the weights' moving average, which is what is saved; 0 saves the last weights.",
        ),
    )


@click.command()
@click.option(
    "--data",
    "folders",
    required=True,
    multiple=True,
    type=click.Path(path_type=Path),
    help="Folder of clean photographs (PNG, JPEG, TIFF, WebP, BMP, GIF, PPM, PGM, .npy), taken in grey; may be given several "
    "times.",
)
@click.option(
    "--validation",
    type=click.Path(path_type=Path),
    help="Folder of photographs, none of --data, that the loss is measured on every 500 iterations.",
)
@click.option(
    "--validation-list",
    type=click.Path(path_type=Path),
    help="Text file with the names of the images of --validation to take, one a line. Default: all.",
)
@click.option(
    "--start",
    "start_name",
    help="Prior, a name or a folder, that a new run starts from; --layers and the like are then its own. One without input "
    "scaling gets it first, with --knots-u and --knots-hidden.",
)
@_architecture_options
@_settings_options
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder of the run: checkpoint.pt, log.jsonl and, at the end, prior.safetensors and card.json.",
)
@click.option("--resume", is_flag=True, help="Go on with the run in --out, exactly where its checkpoint is.")
@options.seed_option
@options.device_option
def train(
    folders: tuple[Path, ...],
    validation: Path | None,
    validation_list: Path | None,
    start_name: str | None,
    architecture: dict[str, float],
    chosen: dict[str, Any],
    out: Path,
    resume: bool,
    seed: int,
    device: str,
) -> None:
    """Learn a prior from the photographs in --data; files that are none, or too small, are left out and named.

    Interrupt it at any moment and go on with --resume: the result has the same bits. Ctrl-C waits for the end of the
    iteration and loses nothing; a second one, or a kill, loses at most two minutes of work. Under torchrun, many processes
    or GPUs share every batch. Never train on the images that you measure with.

    \b
    Examples:
      python -m gnc_core train --data bsds500/train --data bsds500/test --layers 1 --out runs/foe-l1
      torchrun --nproc-per-node 4 -m gnc_core train --data bsds500/train --layers 3 --batch 32 --out runs/foe-l3
    """
    if chosen["batch"] % 2:
        raise InputError(f"--batch must be even, not {chosen['batch']}: two patches share each smoothing level.")
    if validation_list and not validation:
        raise InputError("--validation-list names images of --validation; give that folder, too.")
    files = [file for folder in folders for file in images.image_files(folder)]
    held_out = images.image_files(validation, validation_list) if validation else []
    start = zoo.load(start_name) if start_name else None
    scale = architecture["input_scale"]
    if start:
        if scale and not start.input_scale:
            knots = {name: int(architecture[name]) for name in ("knots_u", "knots_hidden")}
            start = learning.rescaled(start, scale, **knots)
        architecture = start.architecture
    elif not scale:
        del architecture["input_scale"]
    if chosen["learning_rate"] is None:
        chosen["learning_rate"] = _DEFAULTS.learning_rate if architecture["layers"] == 1 else _DEEP_RATE
    origin = f"{Path(start_name).name}, weights {zoo.weights_hash(start_name)}" if start_name else ""
    settings = learning.Settings(architecture=architecture, seed=seed, start=origin, **chosen)
    import torch

    torch.set_flush_denormal(True)
    torch.backends.cudnn.deterministic = True  # the same bits after a resume
    with learning.distributed.processes(options.choose_device(device)) as place:
        photographs = _load(files, settings.patch)
        validation_images = _load(held_out, settings.patch, named=validation_list is not None) if held_out else []
        if len(validation_images) == 1:
            raise InputError("--validation needs at least two images: two share each smoothing level.")
        trainer = learning.Trainer(settings, photographs, place, validation_images, start)
        _run(trainer, out, resume)
        if learning.distributed.rank() == 0:
            zoo.save(out, trainer.result, _card(trainer, len(photographs), folders, len(validation_images), place))
            click.echo(
                f"{settings.iterations} iterations in {trainer.seconds / 60:.1f} minutes; the prior is in {out}."
            )


def _load(files: list[Path], patch: int, named: bool = False) -> list[Tensor]:
    """The photographs that hold a patch; the first process says which do not."""
    return [
        images.compact(image)
        for _, image in Photographs(files, patch, named=named, silent=learning.distributed.rank() > 0)
    ]


def _run(trainer: learning.Trainer, out: Path, resume: bool) -> None:
    """To the end, with a progress bar; or, after Ctrl-C, to the end of an iteration."""
    settings = trainer.settings
    steps = learning.run(trainer, out, resume)
    silent = True if learning.distributed.rank() else None  # None: unless standard error is no terminal
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        if stopping or trainer.iteration == settings.iterations:  # then there is no iteration to wait for
            raise KeyboardInterrupt
        stopping = True

    before = signal.signal(signal.SIGINT, stop)
    try:
        first = next(steps, None)
        with tqdm(
            total=settings.iterations,
            initial=trainer.iteration,
            unit="it",
            mininterval=1,
            disable=silent,
            file=sys.stderr,
        ) as bar:
            for entry in chain([first], steps) if first else ():
                bar.update(trainer.iteration - bar.n)
                if entry["iteration"] % 50 == 0:
                    speed = trainer.iteration * settings.batch / trainer.seconds
                    bar.set_postfix(loss=f"{entry['loss']:.4f}", images_per_s=f"{speed:.0f}", refresh=False)
                # All processes stop after the same iteration: none waits for the share of one that is gone.
                if learning.distributed.any_of(stopping, trainer.device):
                    raise KeyboardInterrupt(f"Stopped at iteration {trainer.iteration}; go on with --resume.")
    except FloatingPointError as error:
        raise InputError(str(error)) from error
    except OSError as error:
        raise InputError(f"Cannot write the run to {out}: {error.strerror or error}.") from error
    except KeyboardInterrupt as stopped:
        raise KeyboardInterrupt(str(stopped) or "Stopped; --resume goes on from the last checkpoint.") from None
    finally:
        signal.signal(signal.SIGINT, before)
        steps.close()


def _card(trainer: learning.Trainer, count: int, folders: tuple[Path, ...], held_out: int, device: str) -> dict:
    """What a reader needs to make the prior again."""
    import torch

    settings = {key: value for key, value in asdict(trainer.settings).items() if key != "architecture"}
    launch = (
        "python" if learning.distributed.size() == 1 else f"torchrun --nproc-per-node {learning.distributed.size()}"
    )
    return {
        "training": {
            "command": f"{launch} -m gnc_core train " + shlex.join(a for a in sys.argv[2:] if a != "--resume"),
            **settings,
            "data": f"{count} images of {', '.join(folder.name for folder in folders)}",
            "validation": trainer.validate() | {"images": held_out // 2 * 2},
            "minutes": round(trainer.seconds / 60, 1),
            "hardware": _hardware(device),
            "software": f"Python {platform.python_version()}, torch {torch.__version__}",
        }
    }


def _hardware(device: str) -> str:
    import torch

    count = "" if learning.distributed.size() == 1 else f"{learning.distributed.size()} x "
    if device.startswith("cuda"):
        return count + torch.cuda.get_device_name()
    threads = torch.get_num_threads()
    return f"{count}CPU ({platform.machine()}), {threads} thread{'s' if threads > 1 else ''}"
