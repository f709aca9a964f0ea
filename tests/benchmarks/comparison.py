"""Learned regularizers side by side: PSNR, SSIM and seconds an image, of all methods on the same observations. By hand:

    python tests/benchmarks/comparison.py --data bsds500/val --list bsds500/bsds68.txt [--crop 192] [--limit 20] [PRIOR ...]

Denoising at 0.1; deblurring with a Gaussian and a measured kernel, noise 0.01; colours at 25/255, by channel (the same schedule
for red, green and blue) and in luminance and chrominance. BM3D runs where the package bm3d is installed, DPIR with
Tweedie's step as its denoiser where deepinv is.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))


from gnc_core import choices, problems, zoo
from gnc_core.choices import SchemeChoice
from gnc_core.commands import options
from gnc_core.commands.photographs import Folder
from gnc_core.measuring import baselines, evaluation
from gnc_core.prior import ByChannel, Prior
from gnc_core.problems import Problem

CASES = [("denoise", 0.1, ""), ("deblur", 0.01, "gaussian:1.6"), ("deblur", 0.01, "shake:1")]
COLOURS = 25 / 255
Method = tuple[str, Prior, Callable[[Problem], Tensor]]


def methods(names: list[str], task: str) -> Iterator[Method]:
    """Name, prior that measures the energy, and the method itself."""
    priors = {name: ByChannel(zoo.load(name)) for name in names}
    first = next(iter(priors.values()))
    for name, method in baselines.BASELINES[task].items():
        yield baselines.TITLES[name], first, method
    if task == "denoise" and importlib.util.find_spec("bm3d"):
        yield "BM3D", first, bm3d
    for name, prior in priors.items():
        tuned_for = zoo.card(name)["training"].get("task")
        if tuned_for not in (None, task):
            continue
        if not tuned_for:
            yield f"{name}, {choices.SCHEMES['flow']}", prior, with_choice(SchemeChoice("flow"), prior, name)
        if choices.has_learned(name, task):
            yield f"{name}, {choices.SCHEMES['learned']}", prior, with_choice(SchemeChoice("learned"), prior, name)
        if not tuned_for and importlib.util.find_spec("deepinv"):
            yield f"{name}, DPIR's schedule", prior, dpir(zoo.load(name))


def with_choice(choice: SchemeChoice, prior: Prior, name: str) -> Callable[[Problem], Tensor]:
    """The scheme of a choice, for whatever problem comes."""

    def restore(problem: Problem) -> Tensor:
        return evaluation.with_scheme(prior, choices.scheme_for(choice, prior, name, problem))(problem)

    return restore


def by_channel(prior: Prior, name: str) -> Callable[[Problem], Tensor]:
    """The same scheme for red, green and blue."""

    def restore(problem: Problem) -> Tensor:
        scheme = choices.choose_scheme(SchemeChoice(), prior, name, problem.name, problem.level)
        return evaluation.with_scheme(prior, scheme)(problem)

    return restore


def bm3d(problem: Problem) -> Tensor:
    from bm3d import bm3d as block_matching

    z = problem.observation[0, 0].double().numpy()
    return torch.from_numpy(np.asarray(block_matching(z, problem.level))).float()[None, None]


def dpir(prior: Prior) -> Callable[[Problem], Tensor]:
    """DPIR (Zhang et al., 2021) as deepinv has it, eight steps, with Tweedie's step of the prior as its denoiser."""
    importlib.import_module("deepinv_adapter.conftest")  # lets deepinv be imported beside a CPU build of PyTorch
    from deepinv import optim, physics

    from gnc_core.deepinv import Denoiser

    denoiser = Denoiser(prior)

    def restore(problem: Problem) -> Tensor:
        z = problem.observation
        blurred = isinstance(problem, problems.Deblurring)
        forward = physics.BlurFFT(z.shape[1:], problem.kernel) if blurred else physics.Denoising()
        return optim.DPIR(problem.level, denoiser)(z, forward)

    return restore


def show(title: str, method: Callable[[Problem], Tensor], prior: Prior, images: object, case: tuple) -> None:
    task, level, setting = case
    found = evaluation.mean(evaluation.evaluate(method, prior, images, task, level, setting=setting))
    print(f"| {title} | {found['psnr']:.2f}, {found['ssim']:.3f} | {found['seconds']:.2f} |", flush=True)


@click.command()
@options.data_options()
@click.argument("names", nargs=-1)
def main(folder: Folder, names: tuple[str, ...]) -> None:
    names = names or ("foe-l1", "foe-l3", "foe-l3-denoise")
    for case in CASES:
        print(f"\n| {problems.task(case[0]).words(case[1], case[2])} | PSNR, SSIM | seconds |\n|---|---|---|")
        for title, prior, method in methods(list(names), case[0]):
            show(title, method, prior, folder.photographs(prior.min_size, silent=True), case)
    print(f"\n| colours, {problems.task('denoise').words(COLOURS, '')} | PSNR, SSIM | seconds |\n|---|---|---|")
    for name in names:
        prior = ByChannel(zoo.load(name))
        colour = folder.photographs(prior.min_size, color=True, silent=True)
        case = ("denoise", COLOURS, "")
        show(f"{name}, by channel", by_channel(prior, name), prior, colour, case)
        luminance = with_choice(SchemeChoice(), prior, name)
        show(f"{name}, luminance and chrominance", luminance, prior, colour, case)


if __name__ == "__main__":
    main()
