"""`sweep`: final energies, PSNR and SSIM over a grid of initial smoothings and numbers of steps."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

from gnc_core import images, learning, sweeps, zoo
from gnc_core.commands import options
from gnc_core.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from gnc_core.prior import FieldsOfExperts
    from gnc_core.sweeps import Images, Plan, Result, Runs, Unit

    from .photographs import Folder

_PATIENCE = timedelta(days=30)  # of a process that has done its part


def _grid_options(command: Any) -> Any:
    """The runs on every image; the command gets them as `grid`, what `_runs` takes."""
    return options.collected(
        command,
        "grid",
        click.option(
            "--scheme",
            "schemes",
            multiple=True,
            type=click.Choice(sweeps.SCHEMES),
            help="GNC flow with a linear schedule, or joint minimisation; may be given several times. Default: both.",
        ),
        click.option(
            "--sigma0",
            metavar="LIST",
            help="Initial smoothings, in units of [0, 1]: 0.05,0.1,0.5, or FIRST:LAST:COUNT for values with equal ratios, such "
            "as 0.05:0.5:11. Default: eleven up to the prior's largest sigma, from half the noise level for denoising, from "
            "twice the prior's smallest sigma for inpainting.",
        ),
        click.option(
            "--steps",
            metavar="LIST",
            default=",".join(str(number) for number in sweeps.STEPS),
            show_default=True,
            help="Numbers of steps.",
        ),
        options.rate_option,
    )


def _runs(schemes: tuple[str, ...], sigma0: str | None, steps: str, rate: float | None) -> Runs:
    """What the options say; raises `InputError` for texts that are no lists."""
    return sweeps.Runs(
        schemes or sweeps.SCHEMES,
        None if sigma0 is None else sweeps.read_sigmas(sigma0, "--sigma0"),
        sweeps.read_numbers(steps, "--steps", int),
        rate,
    )


@click.command()
@options.data_options()
@options.task_option
@options.level_options
@options.setting_options
@options.prior_option
@_grid_options
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 1),
    default=0.01,
    show_default=True,
    help="Of the rates that are printed: a run attains E* within this share of E(initial) - E*. The file holds energies.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Result, an .npz file. Until it is complete, OUT.0.journal lies beside it, one a process.",
)
@click.option(
    "--extend",
    type=click.Path(path_type=Path),
    help="Result of an earlier sweep of the same images, task and prior: what its grid shares with this one is taken from it.",
)
@options.seed_option
@options.device_option
@options.json_option
def sweep(
    folder: Folder,
    task: str,
    levels: dict[str, float | None],
    settings: dict[str, str | None],
    prior_name: str,
    grid: dict[str, Any],
    tolerance: float,
    out: Path,
    extend: Path | None,
    seed: int,
    device: str,
    as_json: bool,
) -> None:
    """Restore every image from every initial smoothing with every number of steps, and measure.

    Images are degraded as `evaluate` does it. E*, the lowest final energy of any run on an image, is shared by all
    schemes of one sweep; the rate of a cell is the share of images that attain it. Files that are no photographs
    are left out: each is named on standard error, and the exit code is 1.

    Interrupt it at any moment (Ctrl-C, or a kill): the same command goes on where it was, with any number of processes.
    Under torchrun, every process takes its part of the work; the folder of --out must then be one for all machines.

    \b
    Examples:
      python -m gnc_core sweep --data val --list bsds68.txt --task denoise --noise-std 0.1 --out denoise-0.1.npz
      torchrun --nproc-per-node 4 -m gnc_core sweep --data val --task inpaint --missing 0.8 --out inpaint-0.8.npz
    """
    images.check_output(out, (".npz",))
    level, setting = options.task_level(task, levels), options.task_setting(task, settings)
    runs = _runs(**grid)
    folder.check()
    with learning.distributed.processes(options.choose_device(device), "gloo", _PATIENCE) as where:
        prior = zoo.load(prior_name, where)
        photographs = folder.photographs(prior.min_size, silent=learning.distributed.rank() > 0)
        truths = [(name, images.compact(image)) for name, image in photographs]
        named = {"prior_name": Path(prior_name).name, "weights": zoo.weights_hash(prior_name)}
        plan = sweeps.make_plan(prior, truths, task, level, runs, seed=seed, setting=setting, **named)
        so_far = learning.distributed.from_first(lambda: _so_far(out, plan, extend))
        units, count = sweeps.units_of_plan(plan, so_far, where), learning.distributed.size()
        portions = [sweeps.units_of_process(units, rank, count) for rank in range(count)]
        if learning.distributed.rank() == 0:
            _announce(plan, so_far, prior, truths, portions, where)
        _compute(plan, prior, truths, portions[learning.distributed.rank()], where, out)
        learning.distributed.wait()
        if learning.distributed.rank() == 0:
            _report(_collect(out, plan), tolerance, out, as_json, [file.name for file in photographs.left_out])
    photographs.end_measuring()


def _so_far(out: Path, plan: Plan, extend: Path | None) -> Result:
    """What an interrupted run of this sweep has left, and what an earlier sweep knows, which goes to the journal, too."""
    if out.exists():
        raise InputError(f"{out} already exists; choose another --out, or remove it.")
    earlier = sweeps.transfer(sweeps.load(extend), plan) if extend else []
    result = sweeps.Journal.read(out, plan)
    new = [cell for cell in earlier if not result.knows(cell.place, cell.images)]
    if new:
        with sweeps.Journal(out, plan) as journal:
            for cell in new:
                journal.write(cell)
                result.put(cell)
    return result


def _announce(
    plan: Plan, so_far: Result, prior: FieldsOfExperts, truths: Images, portions: list[list[Unit]], device: str
) -> None:
    """What will be computed, and about how long that takes, on standard error."""
    if so_far.known.any():
        click.echo(f"Going on: {so_far.known.sum():,} of {so_far.known.size:,} runs are already there.", err=True)
    units = [unit for units in portions for unit in units]
    seconds = sweeps.measure_seconds(plan, prior, truths, units, device)
    longest = sweeps.in_words(max(sweeps.estimate(units, seconds) for units in portions))
    where = f"in {len(portions)} processes on {device}" if len(portions) > 1 else f"on {device}"
    click.echo(f"{plan.title}: {sweeps.score_steps(units):,} score steps, about {longest} {where}.", err=True)


def _compute(plan: Plan, prior: FieldsOfExperts, truths: Images, units: list[Unit], device: str, out: Path) -> None:
    """Does the units, with a progress bar, and writes every cell to this process's journal."""
    silent = True if learning.distributed.rank() else None  # None: unless standard error is no terminal
    progress = sweeps.run(plan, prior, truths, units, device)
    with (
        sweeps.Journal(out, plan, learning.distributed.rank()) as journal,
        closing(progress),
        tqdm(total=sweeps.score_steps(units), unit="step", disable=silent) as bar,
    ):
        try:
            for step in progress:
                if step.cell:
                    journal.write(step.cell)
                bar.update(step.score_steps)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"Stopped; what is done is in {journal.path}, the same command goes on.") from None


def _collect(out: Path, plan: Plan) -> Result:
    """All processes' results, now in `out` instead of their journals."""
    result = sweeps.Journal.read(out, plan)
    if not result.complete:
        raise InputError(
            f"Some processes' journals are not in {out.parent}: on several machines, --out must be in a folder that they "
            "share. Nothing is lost; put all journals there and give the same command."
        )
    sweeps.save(result, out)
    sweeps.Journal.remove(out)
    return result


def _report(result: Result, tolerance: float, out: Path, as_json: bool, left_out: list[str]) -> None:
    import numpy as np

    plan = result.plan
    maps = {
        "attainment": sweeps.attainment(result, tolerance),
        "diverged": sweeps.diverged(result),
        "psnr": sweeps.mean(result.psnr),
        "psnr_spread": sweeps.spread(result.psnr),
        "ssim": sweeps.mean(result.ssim),
        "ssim_spread": sweeps.spread(result.ssim),
    }
    degraded = float(sweeps.mean(result.initial_psnr))
    if as_json:
        places = np.ndindex(plan.shape[:-1])
        cells = [
            {"scheme": plan.schemes[i], "sigma0": plan.sigma0[j], "steps": plan.steps[k]}
            | {name: values[i, j, k].item() for name, values in maps.items()}
            for i, j, k in places
        ]
        report = {"out": str(out), "plan": asdict(plan), "left_out": left_out, "tolerance": tolerance}
        options.echo_json(report | {"psnr_degraded": degraded, "cells": cells})
        return
    for i, scheme in enumerate(plan.schemes):
        click.echo(f"{scheme}: % of images that attain E* within {100 * tolerance:g} %, by sigma0 and steps")
        _table(plan, 100 * maps["attainment"][i], 0)
        click.echo(f"{scheme}: mean PSNR in dB (degraded: {degraded:.2f})")
        _table(plan, maps["psnr"][i], 2)
    click.echo(f"Wrote {out}")


def _table(plan: Plan, values: np.ndarray, digits: int) -> None:
    """A row an initial smoothing, a column a number of steps."""
    click.echo(f"{'':>7}" + "".join(f"{number:7}" for number in plan.steps))
    for sigma, row in zip(plan.sigma0, values, strict=True):
        click.echo(f"{sigma:7.4g}" + "".join(f"{value:7.{digits}f}" for value in row))
