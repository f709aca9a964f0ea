"""`python -m gnc_core`: the command line. One file a command in `gnc_core.commands`.

Bad input, and too little memory, end with exit code 2 and one line on standard error; Ctrl-C with 130.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
import warnings
from typing import Any, NoReturn

import click

from gnc_core import __version__
from gnc_core.commands.bench import bench
from gnc_core.commands.calibrate import calibrate
from gnc_core.commands.evaluate import evaluate
from gnc_core.commands.finetune import finetune
from gnc_core.commands.fit_schedule import fit_schedule
from gnc_core.commands.info import info
from gnc_core.commands.inspect import inspect
from gnc_core.commands.restore import restore
from gnc_core.commands.sample import sample
from gnc_core.commands.sweep import sweep
from gnc_core.commands.train import train
from gnc_core.errors import InputError, out_of_memory


class OneLineErrors(click.Group):
    """A group of commands whose errors are one line: what is wrong, and what would be right."""

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        run: Any = super().main
        try:
            result = run(*args, standalone_mode=False, **extra)
        except click.ClickException as error:
            _end(f"Error: {error.format_message()}", 2)
        except InputError as error:
            _end(f"Error: {error}", 2)
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            place, way_out = ("the GPU's memory", ", or use --device cpu") if "CUDA" in str(error) else ("memory", "")
            _end(f"Error: This does not fit into {place}; take smaller images or patches{way_out}.", 2)
        return sys.exit(result if isinstance(result, int) else 0) if standalone_mode else result

    def invoke(self, context: click.Context) -> Any:
        """Runs the command; Ctrl-C ends it with one line, which says more where there is more to say."""
        try:
            return super().invoke(context)
        except KeyboardInterrupt as stopped:
            _end(str(stopped) or "Stopped.", 130)


@click.group(cls=OneLineErrors, invoke_without_command=True)
@click.version_option(__version__, prog_name="gnc_core")
@click.pass_context
def main(context: click.Context) -> None:
    """Graduated non-convexity with image priors learned by score matching.

    All intensities, noise levels and smoothings (sigma) are in units of the image range [0, 1].
    `COMMAND --help` gives the options of a command, with units and defaults.
    """
    # Our own limit of an image's size is stricter than Pillow's and has a sentence of its own.
    warnings.filterwarnings("ignore", message="Image size .* exceeds limit")
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for command in (restore, sample, evaluate, calibrate, sweep, train, finetune, fit_schedule, inspect, info, bench):
    main.add_command(command)


def _keep_freed_memory() -> None:
    """Has the C library keep what is freed for the next step's features, where it is glibc: giving it back to the system costs
    a page fault for every 4 KiB of the next ones, four times as long as evaluating the splines in them."""
    trim_threshold, mmap_threshold = -1, -3
    with contextlib.suppress(AttributeError, OSError, TypeError):  # another C library
        ctypes.CDLL(None).mallopt(mmap_threshold, 32 << 20)  # the most that glibc takes
        ctypes.CDLL(None).mallopt(trim_threshold, 1 << 30)


def _end(message: str, code: int) -> NoReturn:
    click.echo(" ".join(message.split()), err=True)
    sys.exit(code)


def gnc() -> None:
    """The command `gnc`."""
    _keep_freed_memory()
    main(prog_name="gnc")


if __name__ == "__main__":
    _keep_freed_memory()
    main(prog_name="python -m gnc_core")
