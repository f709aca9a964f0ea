"""`restore`: an image, or many: denoise, inpaint, deblur and what else there is (`problems.TASKS`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gnc_core import images, learning, problems, zoo
from gnc_core.choices import SchemeChoice
from gnc_core.commands import folders, options
from gnc_core.commands.from_noisy import FromNoisy
from gnc_core.commands.restoring import Paths, Restoration, tell, tell_notes, tell_samples, tell_white
from gnc_core.errors import InputError


@click.command()
@click.argument("task", type=click.Choice(list(problems.TASKS)))
@click.option(
    "--input",
    "inputs",
    required=True,
    multiple=True,
    type=click.Path(path_type=Path),
    help="Degraded image (PNG, JPEG, TIFF, WebP, BMP, GIF, PPM, PGM, or .npy with floats in [0, 1], not clipped), or a folder of "
    "them; may be given several times. Inpainting: pixels that are NaN or transparent are missing. mri, without --simulate: .npy "
    "of k-space, complex, zero frequency at [0, 0], 0 where nothing was measured; ct: .npy of a sinogram, (angles, detectors), "
    "of a square image.",
)
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="Restored image; its ending chooses the format. PNG, TIFF, PPM and PGM have the bits of the input, TIFF floats too; "
    "JPEG, WebP and BMP have 8 bits; .npy has floats, not clipped. Of several images, a folder: names and formats stay.",
)
@click.option(
    "--overwrite", is_flag=True, help="Several images: restore those too whose results are in the folder already."
)
@click.option(
    "--white",
    type=float,
    help="What counts as white in the input and in --truth, such as 4095 for 12 bits in a 16-bit file; in the units of .npy and "
    "float TIFF. It does so in the output too, if that has as many bits. Default: the largest value of the bits, or 1.",
)
@click.option("--black", type=float, help="What counts as black, likewise. Default: 0.")
@click.option("--pages", is_flag=True, help="Restore all pages of a TIFF, one by one, into a TIFF.")
@click.option(
    "--truth",
    "truth_file",
    type=click.Path(path_type=Path),
    help="True image, to report PSNR (dB) and SSIM; of several images, a folder with files of the same names. With --simulate, "
    "the input itself.",
)
@click.option(
    "--mask",
    "mask_file",
    type=click.Path(path_type=Path),
    help="Inpainting: mask of the input's size, white (or True, or opaque if any pixel is transparent) where pixels are known. "
    "Of two values, the larger one is known; more are cut at half of white. Of several images: one for all, or a folder with "
    "files of the same names. Default: what the input marks as missing.",
)
@click.option(
    "--simulate",
    is_flag=True,
    help="The input is clean: degrade it, by the task's level or by --mask.",
)
@click.option(
    "--as-file/--as-floats",
    "as_file",
    default=None,
    help="Values at black and white are clipped noise, as a camera or a file of 8 or 16 bits cuts it off, and so is what "
    "--simulate makes of the input; or they are not. Default: what the input's format says; .npy and floats are not clipped.",
)
@options.level_options
@click.option(
    "--noisy",
    metavar="NOISE",
    help="With a --prior that was learned from noisy images (`train --noisy`): gaussian:SIGMA, poisson:GAIN or gamma:SHAPE, the "
    "noise in the input. Default: it is estimated.",
)
@options.setting_options
@options.prior_option
@options.scheme_options
@options.start_option
@click.option("--color", is_flag=True, help="Restore the three colour channels. Default: grey.")
@click.option(
    "--save-trace",
    "trace_file",
    type=click.Path(path_type=Path),
    help="CSV file with step, sigma (mean over the channels), energy, PSNR (dB), SSIM and milliseconds of every step.",
)
@click.option(
    "--posterior",
    type=click.IntRange(2, 1000),
    metavar="N",
    help="Draw N samples of the posterior, all of which fit the observation: the output is their mean; beside it, with "
    "-sample-0001 and so on and -deviation at the end of its name, lie the samples and their standard deviation, a map of "
    "uncertainty (.npy and float TIFF keep all of its digits). They follow the flow's schedule: --steps and --sigma0 set it.",
)
@options.seed_option
@options.device_option
@options.json_option
def restore(
    task: str,
    inputs: tuple[Path, ...],
    output: Path,
    overwrite: bool,
    white: float | None,
    black: float | None,
    pages: bool,
    truth_file: Path | None,
    mask_file: Path | None,
    simulate: bool,
    as_file: bool | None,
    levels: dict[str, float | None],
    noisy: str | None,
    settings: dict[str, str | None],
    prior_name: str,
    choice: SchemeChoice,
    start: str | None,
    color: bool,
    trace_file: Path | None,
    posterior: int | None,
    seed: int,
    device: str,
    as_json: bool,
) -> None:
    """Restore an image, or a folder of images: denoise, inpaint, deblur, enlarge, and more.

    A restored image has the depth, resolution and colour profile of its input, and its transparency, where the format holds
    them. Of a folder, what cannot be restored is named at the end, and the exit code is 1; results that are there already are
    kept, so that the same command goes on after an interruption (--json prints an object a line). A single --output is
    overwritten.

    \b
    Examples:
      python -m gnc_core restore denoise --input noisy.npy --output clean.png --noise-std 0.1
      python -m gnc_core restore inpaint --input photo.png --output out.png --simulate --missing 0.5
      python -m gnc_core restore deblur --input blurred.png --output sharp.png --noise-std 0.01 --kernel gaussian:1.6
      python -m gnc_core restore denoise --input scans --output clean --noise-std 0.02 --white 4095
    """
    from gnc_core.prior import ByChannel

    from_noisy = zoo.learned_from(prior_name)
    if noisy and not from_noisy:
        raise InputError(f"--noisy belongs to a prior that was learned from noisy images; {prior_name} was not.")
    if from_noisy and (posterior is not None or trace_file is not None):
        raise InputError(f"{prior_name} was learned from noisy images: there is one step, and no samples.")
    many = folders.is_many(inputs, output)
    if posterior is not None:
        choice = _of_samples(choice, many or pages, trace_file)
    if many:
        plans = folders.plan(inputs, output, truth_file, mask_file)
        if trace_file is not None:
            raise InputError("--save-trace is of one image; leave it out, or restore one at a time.")
    else:
        images.check_output(output)
        if trace_file is not None:
            images.check_output(trace_file, (".csv",))
    device = options.choose_device(device)
    how: dict[str, Any] = dict(
        task=task,
        prior=ByChannel(zoo.load(prior_name, device)),
        prior_name=prior_name,
        choice=choice,
        start=start,
        levels=levels,
        setting=options.task_setting(task, settings),
        masked=mask_file is not None,
        simulate=simulate,
        as_file=as_file,
        color=color,
        pages=pages,
        white=white,
        black=black,
        seed=seed,
        device=device,
    )
    if from_noisy:
        job: Restoration = FromNoisy(**how, noise=learning.noise2score.noise(noisy) if noisy else None)
    else:
        job = Restoration(**how)
    if many:
        folders.restore_all(job, plans, overwrite, as_json)
    elif posterior is not None:
        tell_samples(job.sample(Paths(inputs[0], output, truth_file, mask_file), posterior, seed), as_json)
    else:
        report = job.restore(Paths(inputs[0], output, truth_file, mask_file, trace_file), seed)
        tell_notes(report)
        tell_white(report)
        tell(report, as_json)


def _of_samples(choice: SchemeChoice, many: bool, trace_file: Path | None) -> SchemeChoice:
    """The flow, which samples of the posterior follow; raises `InputError` for what does not go with them."""
    other = choice.scheme not in (None, "flow") or choice.rate is not None or choice.schedule is not None
    if other or choice.blind or trace_file is not None:
        raise InputError("--posterior follows the flow's schedule, without a trace, and has to know the level.")
    if many:
        raise InputError("--posterior is of one image; restore one at a time.")
    return SchemeChoice("flow", choice.steps, choice.sigma0)
