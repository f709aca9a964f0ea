"""`inspect`: what a prior's functions look like on the range of the data, and from which smoothing on they are convex."""

from __future__ import annotations

from dataclasses import replace

import click
from tqdm import tqdm

from gnc_core import images, learning, measuring, zoo
from gnc_core.commands import options

from .photographs import Folder


@click.command()
@options.data_options(limit=16)
@options.prior_option
@options.seed_option
@options.device_option
@options.json_option
def inspect(folder: Folder, prior_name: str, seed: int, device: str, as_json: bool) -> None:
    """Measure the effective range, the smallest curvature and the share of every function of a prior, and the smallest eigenvalue
    of its Hessian.

    It is done on the middle of the images with noise of every level, and saved in the prior's folder, where the explorer's page
    "Inside the prior" finds it. Files that are no photographs are left out: each is named on standard error, and the exit code
    is 1.

    \b
    Example:
      python -m gnc_core inspect --prior foe-l1 --data bsds500/val
    """
    import numpy as np

    folder.check()
    prior = zoo.load(prior_name, options.choose_device(device))
    photographs = folder.photographs(prior.min_size)
    loaded = [images.crop_center(image, measuring.inspection.PATCH) for _, image in photographs]
    measured = measuring.inspection.measure(
        prior, loaded, seed=seed, progress=lambda levels: tqdm(levels, unit="level", disable=None)
    )
    curvature, within = (
        measuring.curvature,
        [s for s in measuring.curvature.SIGMAS if prior.sigma_min <= s <= prior.sigma_max],
    )
    measured = replace(
        measured,
        levels=np.array(within, np.float32),
        eigenvalues=curvature.eigenvalues(prior, loaded, tqdm(within, unit="level", disable=None), seed),
        proved=learning.convexity.convex_from(prior),
    )
    path = measuring.inspections.save(prior_name, measured)

    convex, on_grid = measured.convex[:, -1].mean(1), measured.convex_on_grid[:, -1].mean(1)
    concave = measured.concave[:, -1].mean(1)
    if as_json:
        report = {
            "prior": prior_name,
            "weights": zoo.weights_hash(prior_name),
            "images": len(loaded),
            "left_out": [file.name for file in photographs.left_out],
            "output": str(path),
            "sigma": measured.sigma.tolist(),
            "convex": convex.tolist(),
            "convex_on_grid": on_grid.tolist(),
            "concave": concave.tolist(),
            "all_convex_above": measured.all_convex_above,
            "levels": measured.levels.tolist(),
            "smallest_eigenvalue": measured.smallest.tolist(),
            "sigma_c": measured.sigma_c,
            "proved_from": measured.proved,
        }
        options.echo_json(report)
        photographs.end_measuring()
        return
    click.echo("         convex potentials:                   features at which")
    click.echo("   sigma  on the data  on the whole grid      phi'' < 0")
    for row in zip(measured.sigma, convex, on_grid, concave, strict=True):
        click.echo("{:8.4f} {:12.1%} {:18.1%} {:14.1%}".format(*row))
    click.echo("   sigma  smallest eigenvalue of sigma^2 hess R")
    for sigma, value in zip(measured.levels, measured.smallest, strict=True):
        click.echo(f"{sigma:8.4f} {value:12.4f}")
    click.echo(measured.summary)
    click.echo(f"Wrote {path}")
    photographs.end_measuring()
