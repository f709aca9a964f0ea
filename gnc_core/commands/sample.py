"""`sample`: images that a prior finds likely."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from tqdm import tqdm

from gnc_core import images, sampling, zoo
from gnc_core.commands import options
from gnc_core.errors import InputError
from gnc_core.restoration import schedules

if TYPE_CHECKING:
    from gnc_core.sampling import State


@click.command()
@options.prior_option
@click.option(
    "--size", type=click.IntRange(1, 1024), default=96, show_default=True, help="Height and width, in pixels."
)
@click.option("--count", type=click.IntRange(1, 1000), default=4, show_default=True, help="How many samples.")
@click.option(
    "--steps",
    type=click.IntRange(1, schedules.MAX_STEPS),
    default=100,
    show_default=True,
    help="Steps of each chain: one of Langevin's in the image, and one draw of the smoothing.",
)
@click.option(
    "--denoising-steps",
    type=click.IntRange(1, schedules.MAX_STEPS),
    default=20,
    show_default=True,
    help="Steps of Heun's method from the chain's noisy image to a clean one.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Seed; sample i has one made of both.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder for sample-0001.png and so on; it is made if it is not there, and files of these names are replaced.",
)
@options.device_option
@options.json_option
def sample(
    prior_name: str,
    size: int,
    count: int,
    steps: int,
    denoising_steps: int,
    seed: int,
    out: Path,
    device: str,
    as_json: bool,
) -> None:
    """Draw images from a prior: denoising MCMC.

    Each sample is the end of a chain of its own. It starts from grey with noise of the prior's largest sigma, wanders on
    R(x, s), and is denoised by the reverse ODE. Textures and patches of grey with edges come of it, no objects: the priors
    see small windows. Chains are short, and the brightness, which the prior does not know, stays near grey.
    Files appear whole, one by one; Ctrl-C keeps those that are there.

    \b
    Example:
      python -m gnc_core sample --prior foe-l1 --count 4 --out samples
    """
    import torch

    from gnc_core.problems import image_seed
    from gnc_core.problems.degradations import generator

    if out.exists() and not out.is_dir():
        raise InputError(f"Cannot write samples into {out}: it is a file.")
    device = options.choose_device(device)
    prior = zoo.load(prior_name, device)
    if size < prior.min_size:
        raise InputError(f"This prior needs images of at least {prior.min_size} pixels a side, not --size {size}.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"Cannot make the folder {out}: {error.strerror or error}.") from error
    walk, down = sampling.LangevinGibbs(steps, near=8, exponential=True), sampling.ReverseODE(denoising_steps)
    files: list[dict[str, object]] = []
    with tqdm(total=count * (steps + denoising_steps + 1), unit="step", disable=None) as bar:
        for index in range(count):
            noise = generator(image_seed(seed, index))
            x = (0.5 + prior.sigma_max * torch.randn(1, 1, size, size, generator=noise)).to(device)
            walked = sampling.last(_ticking(walk.run(prior, x, prior.sigma_max, noise), bar))
            found = sampling.last(_ticking(down.run(prior, walked.x, walked.sigma), bar)).x
            if not found.isfinite().all():
                raise InputError("A chain diverged: this prior cannot be sampled from.")
            file = out / f"sample-{index + 1:04d}.png"
            images.write_image(file, found)
            files.append({"file": str(file), "sigma": walked.sigma.item()})
            if not as_json:
                click.echo(f"Wrote {file}")
    if as_json:
        report = {
            "prior": prior_name,
            "weights": zoo.weights_hash(prior_name),
            "size": size,
            "seed": seed,
            "steps": steps,
            "scores": steps + down.scores,
            "device": device,
            "samples": files,
        }
        options.echo_json(report)


def _ticking(states: Iterator[State], bar: tqdm) -> Iterator[State]:
    for state in states:
        bar.update()
        yield state
