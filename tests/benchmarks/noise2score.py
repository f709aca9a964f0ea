"""Priors learned from noisy images alone beside one that was learned from clean ones: PSNR, and levels of noise. By hand:

    python tests/benchmarks/noise2score.py --data bsds500/val --list bsds500/bsds68.txt [--limit 20] [--crop 192] RUNS

RUNS holds the runs `clean`, `gaussian`, `poisson` and `gamma`; pretrained/README.md says how they were made. Image i has the
noise of `image_seed(0, i)`, neither clipped nor rounded.
"""

import math
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[2]))

from gnc_core import problems, zoo
from gnc_core.choices import SchemeChoice, choose_scheme
from gnc_core.commands import options
from gnc_core.commands.photographs import Folder
from gnc_core.learning import noise2score
from gnc_core.learning.noise2score import KINDS, Gaussian, Noise
from gnc_core.measuring import calibration, evaluation, psnr
from gnc_core.prior import Prior
from gnc_core.problems import Denoising

TRIED = np.linspace(0.6, 1.6, 51)  # deviations that total variation chooses from, in units of the true one
Found = tuple[str, Tensor, Noise | None]


def tweedie(prior: Prior, sigma: float) -> Callable[[Denoising], Tensor]:
    """One step of a prior that was learned from clean images."""
    return lambda problem: (
        problem.observation - sigma**2 * prior.score(problem.observation, math.log(max(sigma, prior.sigma_min)))
    )


def flow(prior: Prior, sigma: float) -> Callable[[Denoising], Tensor]:
    """Four steps of it."""
    return evaluation.with_scheme(prior, choose_scheme(SchemeChoice("flow", 4), prior, None, "denoise", sigma))


def methods(priors: dict[str, Prior], noise: Noise, y: Tensor) -> Iterator[Found]:
    """Names, results, and the level that was found on the way, where it was."""
    own, kind = priors[noise.name], type(noise)
    yield "as it is", y, None
    yield "learned from noisy images, level told", noise2score.restore(own, noise, y), None
    found = noise2score.estimate(own, kind, y)
    yield "level estimated from S(t + n) - S(t)", noise2score.restore(own, found, y), found
    tried = [noise.of_deviation(noise.deviation * factor) for factor in TRIED]
    least = noise2score.least_total_variation(own, tried, y)
    yield "level of the least total variation", noise2score.restore(own, least, y), least
    if isinstance(noise, Gaussian):
        problem = Denoising(y, noise.level)
        yield "learned from clean images, Tweedie's step", tweedie(priors["clean"], noise.level)(problem), None
        yield "learned from clean images, flow of 4 steps", flow(priors["clean"], noise.level)(problem), None
        return
    other = noise2score.estimate(priors["gaussian"], Gaussian, y)
    yield "learned from Gaussian noise, blind", noise2score.restore(priors["gaussian"], other, y), None
    blind = calibration.blind(priors["clean"], y)
    yield "learned from clean images, flow of 4 steps, blind", flow(priors["clean"], blind.level)(blind), None


@click.command()
@options.data_options()
@click.argument("runs", type=click.Path(path_type=Path))
@torch.no_grad()
def main(folder: Folder, runs: Path) -> None:
    folder.check()
    priors: dict[str, Prior] = {name: zoo.load(runs / name) for name in ("clean", *KINDS)}
    photographs = folder.photographs(priors["clean"].min_size)
    for name in KINDS:
        noise = noise2score.noise(zoo.learned_from(runs / name))
        decibels, ratios = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
        for index, (_, x) in enumerate(photographs):
            y = noise.degrade(x, problems.image_seed(0, index))
            for method, restored, found in methods(priors, noise, y):
                decibels[method].append(psnr(restored, x).item())
                if found is not None:
                    ratios[method].append(found.level / noise.level)
        click.echo(f"{noise.text}, {len(photographs)} images")
        for method, listed in decibels.items():
            of_level = ratios.get(method)
            told = f", level / true {np.mean(of_level):.3f} +- {np.std(of_level):.3f}" if of_level else ""
            click.echo(f"  {method:50} {np.mean(listed):6.2f} dB{told}")


if __name__ == "__main__":
    main()
