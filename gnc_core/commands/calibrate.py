"""`calibrate`: how well a prior knows the noise level of an image."""

from __future__ import annotations

import click
from tqdm import tqdm

from gnc_core import measuring, zoo
from gnc_core.commands import options
from gnc_core.errors import InputError
from gnc_core.problems import Denoising

from .photographs import Folder


@click.command()
@options.data_options()
@options.prior_option
@click.option(
    "--noise-std",
    "levels",
    type=options.Said(),
    multiple=True,
    default=(0.02, 0.05, 0.1, 0.2),
    show_default=True,
    help="Noise levels to try, in units of [0, 1]; may be given several times.",
)
@click.option(
    "--as-file",
    is_flag=True,
    help="Noisy images as an image file of 8 bits would hold them, clipped to [0, 1] and rounded.",
)
@options.seed_option
@options.device_option
@options.json_option
def calibrate(
    folder: Folder,
    prior_name: str,
    levels: tuple[float, ...],
    as_file: bool,
    seed: int,
    device: str,
    as_json: bool,
) -> None:
    """Estimate the noise level of images with known noise.

    The estimate is the sigma at which the prior's energy of the noisy image has its first minimum below the largest sigma, or
    is lowest over the whole range; printed are mean and spread (standard deviation) over the images of the estimated to the
    true noise level. Files that are no photographs are left out: each is named on standard error, and the exit code is 1.

    \b
    Example:
      python -m gnc_core calibrate --prior foe-l1 --data bsds500/val --list bsds500/bsds68.txt
    """
    import numpy as np

    for level in levels:
        Denoising.kind_of_level.check(level, "--noise-std")
    folder.check()
    device = options.choose_device(device)
    prior = zoo.load(prior_name, device)
    for level in levels:
        if not prior.sigma_min <= level <= prior.sigma_max:
            raise InputError(
                f"The prior {prior_name} knows noise from {prior.sigma_min:g} to {prior.sigma_max:g}, not {level:g}."
            )
    rows = []
    photographs = folder.photographs(prior.min_size)
    with tqdm(total=len(levels) * len(photographs), unit="image", disable=None) as bar:
        for level in levels:
            found = []
            for ratio in measuring.calibration.ratios(
                prior, (image.to(device) for _, image in photographs), level, seed, as_file
            ):
                found.append(ratio)
                bar.update()
            (mean, mean_anywhere), (spread, spread_anywhere) = np.mean(found, 0).tolist(), np.std(found, 0).tolist()
            rows.append(
                {
                    "noise_std": level,
                    "mean": mean,
                    "spread": spread,
                    "mean_over_range": mean_anywhere,
                    "spread_over_range": spread_anywhere,
                }
            )

    if as_json:
        weights = zoo.weights_hash(prior_name)
        report = {
            "prior": prior_name,
            "weights": weights,
            "images": len(photographs),
            "left_out": [file.name for file in photographs.left_out],
            "seed": seed,
            "as_file": as_file,
            "calibration": rows,
        }
        options.echo_json(report)
        photographs.end_measuring()
        return
    click.echo("        estimated : true, mean and spread")
    click.echo("noise   first minimum    lowest over the range")
    for row in rows:
        line = "{noise_std:<7g} {mean:.3f} +- {spread:.3f}  {mean_over_range:.3f} +- {spread_over_range:.3f}"
        click.echo(line.format(**row))
    photographs.end_measuring()
