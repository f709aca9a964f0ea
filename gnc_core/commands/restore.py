"""`restore`: denoise or inpaint one image."""

from __future__ import annotations

from pathlib import Path

import click
import torch
from torch import Tensor
from tqdm import tqdm

from gnc_core import files, images, problems, zoo
from gnc_core.commands import options
from gnc_core.errors import InputError
from gnc_core.measuring import calibration, metrics
from gnc_core.measuring.trace import Trace, timed, whole_psnr
from gnc_core.problems import Denoising, Inpainting, Problem


@click.command()
@click.argument("task", type=click.Choice(["denoise", "inpaint"]))
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
    help="The input is clean: add noise of --noise-std, or drop the pixels of --missing or --mask.",
)
@options.noise_option
@options.missing_option
@options.prior_option
@options.scheme_options
@options.blind_option
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
    noise_std: float | None,
    missing: float | None,
    prior_name: str,
    scheme_name: str,
    steps: int | None,
    sigma0: float | None,
    rate: float | None,
    schedule_file: Path | None,
    blind: bool,
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
    images.check_output(output_file)
    if trace_file is not None:
        images.check_output(trace_file, (".csv",))
    device = options.choose_device(device)
    prior = zoo.load(prior_name, device)
    marked = task == "inpaint" and not simulate  # the input may tell which of its pixels are missing
    given = images.read_image(input_file, color=color, gaps=marked)
    images.check_size(given, prior.min_size, str(input_file))
    truth = _truth(truth_file, given, color, simulate)
    if blind and not simulate and task == "denoise":
        if noise_std is not None:
            raise InputError("--blind estimates the noise level; leave out --noise-std.")
        problem: Problem = calibration.blind(prior, given.to(device))
    else:
        problem = _problem(task, given, mask_file, simulate, noise_std, missing, seed, device)
        if blind and task == "denoise":
            problem = calibration.blind(prior, problem.initial())
    if task == "inpaint" and problem.level == 0:
        raise InputError("No pixel is missing: there is nothing to inpaint.")
    scheme = options.choose_scheme(
        scheme_name, prior, prior_name, task, problem.level, steps, sigma0, rate, schedule_file, blind
    )

    trace, seconds, step = Trace(truth), 0.0, None
    steps_run = tqdm(timed(scheme.run(prior, problem)), total=scheme.steps, unit="step", disable=None)
    for step, step_seconds in steps_run:
        seconds += step_seconds
        if trace_file is not None:
            trace.rows += trace.rows_of(step, step_seconds, problem.initial())
    assert step is not None
    restored = step.image.cpu()
    if not torch.isfinite(restored).all():
        raise InputError("The restoration diverged; choose another scheme, sigma0 or more steps.")

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
        "scheme": scheme_name,
        "steps": scheme.steps,
        "device": device,
        "seconds": round(seconds, 4),
        "energy": step.energy.sum().item(),
    }
    if truth is not None:
        for key, image in (("", restored), ("_degraded", problem.initial().cpu())):
            report[f"psnr{key}"] = whole_psnr(image, truth)
            report[f"ssim{key}"] = metrics.ssim(image, truth).mean().item()
    if as_json:
        options.echo_json(report)
        return
    if blind:
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
    task: str,
    given: Tensor,
    mask_file: Path | None,
    simulate: bool,
    noise_std: float | None,
    missing: float | None,
    seed: int,
    device: str,
) -> Problem:
    """The problem that the options describe; raises `InputError` where they contradict each other."""
    if task == "denoise":
        if mask_file is not None:
            raise InputError("--mask belongs to inpainting, not to denoising.")
        level = options.task_level(task, noise_std, missing)
        if simulate:
            return problems.degrade(given.to(device), task, level, seed)
        return Denoising(given.to(device), level)
    if mask_file is None and not simulate:
        observed = ~given.isnan()[:1]
        if missing is not None or noise_std is not None:
            raise InputError("--missing and --noise-std belong to --simulate: they degrade a clean image.")
        if observed.all():
            raise InputError(
                "Inpainting needs --mask, or an input with NaN or transparency where pixels are missing, or --simulate with "
                "--missing, such as 0.5."
            )
        return Inpainting(given.to(device), observed.to(device))
    if mask_file is None:
        level = options.task_level(task, noise_std, missing)
        return problems.degrade(given.to(device), task, level, seed)
    if missing is not None or noise_std is not None:
        raise InputError("--mask already says what is missing; leave out --missing and --noise-std.")
    observed = images.read_mask(mask_file, given.shape)
    if (given.isnan() & observed).any():
        raise InputError(f"The input has pixels that are NaN or transparent, but observed by {mask_file}.")
    return Inpainting(given.to(device), observed.to(device))


def _size(image: Tensor) -> str:
    return f"{image.shape[3]} x {image.shape[2]}, {image.shape[0]} channel{'s'[: len(image) > 1]}"
