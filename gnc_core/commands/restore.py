"""`restore`: denoise or inpaint one image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from tqdm import tqdm

from gnc_core import checks, files, images, measuring, problems, restoration, zoo
from gnc_core.choices import SchemeChoice, choose_scheme
from gnc_core.commands import options
from gnc_core.errors import InputError
from gnc_core.problems import Inpainting, Problem

if TYPE_CHECKING:
    from torch import Tensor


@click.command()
@click.argument("task", type=click.Choice(list(problems.TASKS)))
@click.option(
    "--input",
    "input_file",
    required=True,
    type=click.Path(path_type=Path),
    help="Degraded image (PNG, JPEG, TIFF, or .npy with floats in [0, 1], not clipped). Inpainting: pixels that are NaN or "
    "transparent are missing.",
)
@click.option(
    "--output",
    "output_file",
    required=True,
    type=click.Path(path_type=Path),
    help="Restored image; its ending chooses the format. .npy is not clipped.",
)
@click.option(
    "--truth",
    "truth_file",
    type=click.Path(path_type=Path),
    help="True image, to report PSNR (dB) and SSIM. With --simulate, the input itself.",
)
@click.option(
    "--mask",
    "mask_file",
    type=click.Path(path_type=Path),
    help="Inpainting: mask of the input's size, white (or True, or opaque if any pixel is transparent) where pixels are known. "
    "Of two values, the larger one is known; more are cut at half of white. Default: what the input marks as missing.",
)
@click.option(
    "--simulate",
    is_flag=True,
    help="The input is clean: degrade it, by the task's level or by --mask.",
)
@options.level_options
@options.prior_option
@options.scheme_options
@click.option("--color", is_flag=True, help="Restore the three colour channels. Default: grey.")
@click.option(
    "--save-trace",
    "trace_file",
    type=click.Path(path_type=Path),
    help="CSV file with step, sigma (mean over the channels), energy, PSNR (dB), SSIM and milliseconds of every step.",
)
@options.seed_option
@options.device_option
@options.json_option
def restore(
    task: str,
    input_file: Path,
    output_file: Path,
    truth_file: Path | None,
    mask_file: Path | None,
    simulate: bool,
    levels: dict[str, float | None],
    prior_name: str,
    choice: SchemeChoice,
    color: bool,
    trace_file: Path | None,
    seed: int,
    device: str,
    as_json: bool,
) -> None:
    """Denoise or inpaint one image.

    \b
    Examples:
      python -m gnc_core restore denoise --input noisy.npy --output clean.png --noise-std 0.1
      python -m gnc_core restore inpaint --input photo.png --output out.png --simulate --missing 0.5
    """
    from gnc_core.prior import ByChannel

    images.check_output(output_file)
    if trace_file is not None:
        images.check_output(trace_file, (".csv",))
    device = options.choose_device(device)
    prior = ByChannel(zoo.load(prior_name, device))
    marked = problems.task(task).takes_mask and not simulate  # the input may tell which of its pixels are missing
    given = images.read_image(input_file, color=color, gaps=marked)
    checks.check_size(given, prior.min_size, str(input_file))
    truth = _truth(truth_file, given, color, simulate)
    blind = choice.blind and problems.task(task).blind  # otherwise the choice is refused below
    if blind and not simulate:
        if levels[task] is not None:
            raise InputError(f"--blind estimates the level; leave out {problems.task(task).kind_of_level.option}.")
        problem: Problem = measuring.calibration.blind(prior, given.to(device))
    else:
        problem = _problem(task, given, mask_file, simulate, levels, seed).to(device)
        if blind:
            problem = measuring.calibration.blind(prior, problem.observation)
    if problem.level == 0:
        raise InputError("No pixel is missing: there is nothing to inpaint.")
    scheme = choose_scheme(choice, prior, prior_name, task, problem.level)

    trace, seconds, step = measuring.Trace(truth), 0.0, None
    steps_run = tqdm(measuring.timed(scheme.run(prior, problem)), total=scheme.steps, unit="step", disable=None)
    for step, step_seconds in steps_run:
        seconds += step_seconds
        if trace_file is not None:
            trace.rows += trace.rows_of(step, step_seconds, problem.initial())
    assert step is not None
    if step.diverged.any():
        raise InputError(restoration.DIVERGED)
    restored = step.image.cpu()

    images.write_image(output_file, restored)
    if trace_file is not None:
        files.write_bytes(trace_file, trace.to_csv().encode())
    report = {
        "task": task,
        "input": str(input_file),
        "output": str(output_file),
        "level": problem.level,
        "prior": prior_name,
        "weights": zoo.weights_hash(prior_name),
        "scheme": choice.scheme,
        "steps": scheme.steps,
        "device": device,
        "seconds": round(seconds, 4),
        "energy": step.energy.sum().item(),
    }
    if truth is not None:
        for key, image in (("", restored), ("_degraded", problem.initial().cpu())):
            report[f"psnr{key}"] = measuring.psnr(image, truth).item()
            report[f"ssim{key}"] = measuring.ssim(image, truth).mean().item()
    if as_json:
        options.echo_json(report)
        return
    if choice.blind:
        click.echo(f"Estimated noise level {problem.level:.4f}")
    if truth is not None:
        click.echo("PSNR {psnr_degraded:.2f} -> {psnr:.2f} dB, SSIM {ssim_degraded:.3f} -> {ssim:.3f}".format(**report))
    click.echo(f"{scheme.steps} steps in {seconds:.2f} s on {device}, energy {report['energy']:.6g}")
    click.echo(f"Wrote {output_file}")


def _truth(file: Path | None, given: Tensor, color: bool, simulate: bool) -> Tensor | None:
    if file is None:
        return given if simulate else None
    truth = images.read_image(file, color=color)
    if truth.shape != given.shape:
        raise InputError(f"{file} ({_size(truth)}) and the input ({_size(given)}) differ in size or channels.")
    return truth


def _problem(
    task: str, given: Tensor, mask_file: Path | None, simulate: bool, levels: dict[str, float | None], seed: int
) -> Problem:
    """The problem that the options describe; raises `InputError` where they contradict each other."""
    kind = problems.task(task)
    if mask_file is None:
        if not kind.takes_mask or simulate:
            level = options.task_level(task, levels)
            return kind.degrade(given, level, seed) if simulate else kind.of(given, level)
        observed = ~given.isnan()[:, :1]
        if any(value is not None for value in levels.values()):
            named = " and ".join(problem.kind_of_level.option for problem in problems.TASKS.values())
            raise InputError(f"{named} belong to --simulate: they degrade a clean image.")
        if observed.all():
            raise InputError(
                f"The task {task} needs --mask, or an input with NaN or transparency where pixels are missing, or --simulate "
                f"with {kind.kind_of_level.option}, such as 0.5."
            )
        return Inpainting(given, observed)
    if not kind.takes_mask:
        raise InputError(f"--mask belongs to inpainting, not to the task {task}.")
    for other, value in levels.items():
        if value is not None:
            option = problems.task(other).kind_of_level.option
            raise InputError(f"--mask already says what is missing; leave out {option}.")
    observed = images.read_mask(mask_file, given.shape)
    if (given.isnan() & observed).any():
        raise InputError(f"The input has pixels that are NaN or transparent, but observed by {mask_file}.")
    return Inpainting(given, observed)


def _size(image: Tensor) -> str:
    channels = image.shape[1]
    return f"{image.shape[3]} x {image.shape[2]}, {channels} channel{'s'[: channels > 1]}"
