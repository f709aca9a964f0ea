"""What the commands that learn share: photographs, a run in a folder with --resume, and what the card says of it."""

from __future__ import annotations

import platform
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import wraps
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

from gnc_core import images, learning, zoo
from gnc_core.commands import options
from gnc_core.errors import InputError
from gnc_core.learning.settings import Annealed

from .photographs import Photographs

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class Chosen:
    """The photographs that options name: those to learn from, and those that validate. count, held_out: how many were loaded."""

    folders: tuple[Path, ...]
    validation: Path | None
    validation_list: Path | None
    count: int = field(default=0, init=False)
    held_out: int = field(default=0, init=False)

    def check(self) -> None:
        """Raises `InputError` for folders that are not there, or hold no images."""
        if self.validation_list and not self.validation:
            raise InputError("--validation-list names images of --validation; give that folder, too.")
        self._files()

    def _files(self) -> tuple[list[Path], list[Path]]:
        files = [file for folder in self.folders for file in images.image_files(folder)]
        return files, images.image_files(self.validation, self.validation_list) if self.validation else []

    def load(self, patch: int) -> tuple[list[Tensor], list[Tensor]]:
        """The photographs that hold a patch, both kinds; the first process says which do not."""
        files, held_out = self._files()
        silent = learning.distributed.rank() > 0
        shown = [images.compact(image) for _, image in Photographs(files, patch, silent=silent)]
        others = Photographs(held_out, patch, named=self.validation_list is not None, silent=silent)
        validation = [images.compact(image) for _, image in others] if held_out else []
        self.count, self.held_out = len(shown), len(validation)
        return shown, validation


def photograph_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--data, --validation and --validation-list; the command gets them as `photographs`."""

    @wraps(command)
    def chosen(chosen_photographs: dict[str, Any], **values: Any) -> Any:
        return command(photographs=Chosen(**chosen_photographs), **values)

    return options.collected(
        chosen,
        "chosen_photographs",
        click.option(
            "--data",
            "folders",
            required=True,
            multiple=True,
            type=click.Path(path_type=Path),
            help="Folder of clean photographs (PNG, JPEG, TIFF, WebP, BMP, GIF, PPM, PGM, .npy), taken in grey; may be given "
            "several times.",
        ),
        click.option(
            "--validation",
            type=click.Path(path_type=Path),
            help="Folder of photographs, none of --data, that the loss is measured on every 500 iterations.",
        ),
        click.option(
            "--validation-list",
            type=click.Path(path_type=Path),
            help="Text file with the names of the images of --validation to take, one a line. Default: all.",
        ),
    )


def annealed_options(defaults: Annealed, *, batch: str = "", of_step: str = "") -> list[Callable[..., Any]]:
    """The options of `learning.Annealed` that every run has, but for the seed. batch, of_step: what else their helps say."""
    return [
        click.option(
            "--iterations",
            type=click.IntRange(1),
            default=defaults.iterations,
            show_default=True,
            help="Iterations of the whole run; the step size is annealed to zero over them.",
        ),
        click.option(
            "--batch",
            type=click.IntRange(2 if batch else 1),
            default=defaults.batch,
            show_default=True,
            help=f"Patches an iteration{batch}.",
        ),
        click.option(
            "--patch",
            type=click.IntRange(16, 1024),
            default=defaults.patch,
            show_default=True,
            help="Height and width of a patch, in pixels.",
        ),
        click.option(
            "--learning-rate",
            type=click.FloatRange(0, min_open=True),
            default=None if of_step else defaults.learning_rate,
            show_default=True,
            help=f"Step size of AdaBelief on the prior's weights at the start.{of_step}",
        ),
        click.option(
            "--clip",
            type=click.FloatRange(0, min_open=True),
            default=defaults.clip,
            show_default=True,
            help="Largest norm of the gradient; longer ones are shortened to it.",
        ),
        click.option(
            "--average",
            type=click.FloatRange(0, 1, max_open=True),
            default=defaults.average,
            show_default=True,
            help="Decay of the weights' moving average, which is what is saved; 0 saves the last weights.",
        ),
    ]


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--out and --resume."""
    for option in reversed(
        (
            click.option(
                "--out",
                required=True,
                type=click.Path(path_type=Path),
                help="Folder of the run: checkpoint.pt, log.jsonl and, at the end, prior.safetensors and card.json.",
            ),
            click.option(
                "--resume", is_flag=True, help="Go on with the run in --out, exactly where its checkpoint is."
            ),
        )
    ):
        command = option(command)
    return command


def origin(start_name: str | None) -> str:
    """What a card says of the prior that a run starts from."""
    return f"{Path(start_name).name}, weights {zoo.weights_hash(start_name)}" if start_name else ""


@contextmanager
def place(device: str) -> Iterator[str]:
    """The device to learn on, of this process; the same bits after a resume."""
    import torch

    torch.set_flush_denormal(True)
    torch.backends.cudnn.deterministic = True
    with learning.distributed.processes(options.choose_device(device)) as where:
        yield where


def run(learner: learning.Learner, out: Path, resume: bool) -> None:
    """To the end, with a progress bar; or, after Ctrl-C, to the end of an iteration."""
    settings = learner.settings
    steps = learning.run(learner, out, resume)
    silent = True if learning.distributed.rank() else None  # None: unless standard error is no terminal
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        if stopping or learner.iteration == settings.iterations:  # then there is no iteration to wait for
            raise KeyboardInterrupt
        stopping = True

    before = signal.signal(signal.SIGINT, stop)
    try:
        first = next(steps, None)
        with tqdm(
            total=settings.iterations,
            initial=learner.iteration,
            unit="it",
            mininterval=1,
            disable=silent,
            file=sys.stderr,
        ) as bar:
            for entry in chain([first], steps) if first else ():
                bar.update(learner.iteration - bar.n)
                if entry["iteration"] % 50 == 0:
                    speed = learner.iteration * settings.batch / learner.seconds
                    bar.set_postfix(loss=f"{entry['loss']:.4f}", images_per_s=f"{speed:.0f}", refresh=False)
                # All processes stop after the same iteration: none waits for the share of one that is gone.
                if learning.distributed.any_of(stopping, learner.device):
                    raise KeyboardInterrupt(f"Stopped at iteration {learner.iteration}; go on with --resume.")
    except FloatingPointError as error:
        raise InputError(str(error)) from error
    except OSError as error:
        raise InputError(f"Cannot write the run to {out}: {error.strerror or error}.") from error
    except KeyboardInterrupt as stopped:
        raise KeyboardInterrupt(str(stopped) or "Stopped; --resume goes on from the last checkpoint.") from None
    finally:
        signal.signal(signal.SIGINT, before)
        steps.close()


def card(learner: learning.Learner, command: str, photographs: Chosen, device: str) -> dict:
    """What a reader needs to make the prior again."""
    import torch

    settings = {key: value for key, value in asdict(learner.settings).items() if key != "architecture"}
    count = learning.distributed.size()
    launch = "python" if count == 1 else f"torchrun --nproc-per-node {count}"
    return {
        "command": f"{launch} -m gnc_core {command} " + shlex.join(a for a in sys.argv[2:] if a != "--resume"),
        **settings,
        "data": f"{photographs.count} images of {', '.join(folder.name for folder in photographs.folders)}",
        "validation": learner.validate() | {"images": photographs.held_out},
        "minutes": round(learner.seconds / 60, 1),
        "hardware": _hardware(device),
        "software": f"Python {platform.python_version()}, torch {torch.__version__}",
    }


def tell(learner: learning.Learner, out: Path) -> None:
    """Says that a run is over."""
    click.echo(
        f"{learner.settings.iterations} iterations in {learner.seconds / 60:.1f} minutes; the prior is in {out}."
    )


def _hardware(device: str) -> str:
    import torch

    count = "" if learning.distributed.size() == 1 else f"{learning.distributed.size()} x "
    if device.startswith("cuda"):
        return count + torch.cuda.get_device_name()
    threads = torch.get_num_threads()
    return f"{count}CPU ({platform.machine()}), {threads} thread{'s' if threads > 1 else ''}"
