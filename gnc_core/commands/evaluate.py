"""`evaluate`: PSNR and SSIM on a folder of images."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click
from tqdm import tqdm

from gnc_core import measuring, problems, zoo
from gnc_core.choices import SchemeChoice, choose_scheme, scheme_for
from gnc_core.commands import options
from gnc_core.measuring import baselines

from .photographs import Folder
from .restoring import posterior_along

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from gnc_core.measuring.evaluation import Measurement, Method
    from gnc_core.prior import Prior
    from gnc_core.problems import Problem
    from gnc_core.restoration import Scheme
    from gnc_core.sampling import Moments


@click.command()
@options.data_options()
@options.task_option
@options.level_options
@options.setting_options
@options.prior_option
@options.scheme_options
@options.start_option
@click.option(
    "--baseline",
    type=click.Choice(baselines.NAMES),
    help="Also run a method without a learned prior, from scikit-image, on the same observations. To denoise, with parameters "
    "from the noise level: total variation, non-local means, wavelets; to inpaint: biharmonic.",
)
@click.option(
    "--posterior",
    type=click.IntRange(2, 1000),
    metavar="N",
    help="Also measure the mean of N samples of each posterior, as restore --posterior has them, and how their standard "
    "deviation correlates with the error of that mean, over the pixels that are not certain.",
)
@click.option(
    "--as-file",
    is_flag=True,
    help="Observations as an image file of 8 bits would hold them, clipped to [0, 1] and rounded. Default: floats, as in the "
    "literature.",
)
@click.option(
    "--color",
    is_flag=True,
    help="Keep colours; white noise is removed in luminance and chrominance. PSNR and SSIM are over all channels. Default: grey.",
)
@options.seed_option
@options.device_option
@options.json_option
def evaluate(
    folder: Folder,
    task: str,
    levels: dict[str, float | None],
    settings: dict[str, str | None],
    prior_name: str,
    choice: SchemeChoice,
    start: str | None,
    baseline: str | None,
    posterior: int | None,
    as_file: bool,
    color: bool,
    seed: int,
    device: str,
    as_json: bool,
) -> None:
    """Degrade, restore and measure all images of a folder, in grey or, with --color, as they are.

    Image i has noise (or a mask) of its own, drawn from the seed and i; the PSNR in dB is that of
    the result clipped to [0, 1], and means are over images; before it stands that of the image that the scheme starts from.
    Files that are no photographs are left out, as if they were not there: each is named on standard error, and the exit code
    is 1.

    \b
    Example (BSDS68 at 25/255):
      python -m gnc_core evaluate --data val --list bsds68.txt --task denoise --noise-std 0.098039
    """
    level, setting = options.task_level(task, levels), options.task_setting(task, settings)
    other = baselines.baseline(baseline, task) if baseline else None
    if start is not None:
        problems.task(task).check_start(start)
    folder.check()
    from gnc_core.prior import ByChannel

    device = options.choose_device(device)
    prior = ByChannel(zoo.load(prior_name, device))
    scheme = choose_scheme(choice, prior, prior_name, task, level, start, setting)

    def restore(problem: Problem) -> Tensor:
        if choice.blind:
            problem = measuring.calibration.blind(prior, problem.observation, as_file)
        suits = scheme_for(choice, prior, prior_name, problem, start, setting)
        return measuring.evaluation.with_scheme(prior, suits)(problem)

    methods: dict[str, Method] = {prior_name: restore}
    if baseline and other:
        methods[baseline] = other

    photographs = folder.photographs(prior.min_size, color=color)
    if posterior:
        methods[f"mean of {posterior}"] = _posterior(
            posterior, prior, choose_scheme(SchemeChoice("flow"), prior, prior_name, task, level, start, setting),
            problems.image_seed(seed, len(photographs)),  # no image's noise has this one
        )  # fmt: skip
    results: dict[str, list[Measurement]] = {}
    for name, method in methods.items():
        run = measuring.evaluate(method, prior, photographs, task, level, seed, device, as_file, start, setting)
        results[name] = list(tqdm(run, total=len(photographs), unit="image", desc=name, disable=None))
    means = {name: measuring.evaluation.mean(listed) for name, listed in results.items()}

    if as_json:
        report = {
            "task": task,
            "level": level,
            "setting": setting,
            "seed": seed,
            "images": len(photographs),
            "left_out": [file.name for file in photographs.left_out],
            "prior": prior_name,
            "weights": zoo.weights_hash(prior_name),
            "scheme": scheme.name,
            "steps": scheme.steps,
            "start": start or next(iter(problems.task(task).starts), None),
            "blind": choice.blind,
            "as_file": as_file,
            "color": color,
            "device": device,
            "mean": means[prior_name],
            "results": [asdict(result) for result in results[prior_name]],
        }
        if baseline:
            listed = [asdict(result) for result in results[baseline]]
            report["baseline"] = {"name": baseline, "mean": means[baseline], "results": listed}
        if posterior:
            name = f"mean of {posterior}"
            listed = [asdict(result) for result in results[name]]
            report["posterior"] = {"samples": posterior, "mean": means[name], "results": listed}
        options.echo_json(report)
        photographs.end_measuring()
        return
    for index, first in enumerate(results[prior_name]):
        others = "".join(f"  {results[n][index].psnr:7.2f}" for n in list(methods)[1:])
        click.echo(f"{first.name:24} {first.psnr_degraded:7.2f} {first.psnr:7.2f}{others} dB")
    before = means[prior_name]["psnr_degraded"]
    click.echo(f"Mean of {len(photographs)} images, before: {before:.3f} dB")
    for name, values in means.items():
        click.echo(
            f"Mean of {len(photographs)} images, {name}: {values['psnr']:.3f} dB, "
            f"SSIM {values['ssim']:.4f}, energy {values['energy']:.0f}, {values['seconds']:.2f} s an image"
        )
    if posterior:
        found = [result.correlation for result in results[f"mean of {posterior}"] if result.correlation is not None]
        if found:
            click.echo(f"Standard deviation and error of that mean: correlation {sum(found) / len(found):.3f}")
    photographs.end_measuring()


def _posterior(count: int, prior: Prior, flow: Scheme, seed: int) -> Callable[[Problem], Moments]:
    """Mean and standard deviation of samples of the posterior, which follow the flow's schedule."""
    from gnc_core import sampling
    from gnc_core.problems.degradations import generator

    posterior, noise = posterior_along(flow, count), generator(seed)
    return lambda problem: sampling.moments(sampling.last(posterior.run(prior, problem, noise)).x)
