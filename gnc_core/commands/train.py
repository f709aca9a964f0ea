"""`train`: learn a prior from photographs by joint score matching."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gnc_core import learning, zoo
from gnc_core.commands import options, runs
from gnc_core.errors import InputError

_DEFAULTS = learning.Settings()
_DEEP_RATE = 7e-3  # with 0.01, one of two runs of three layers diverged


def _architecture_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What a prior is made of; the command gets it as `architecture`."""
    return options.collected(
        command,
        "architecture",
        click.option("--layers", type=click.IntRange(1, 8), default=1, show_default=True, help="Number of layers L."),
        click.option("--channels", type=click.IntRange(1, 48), default=48, show_default=True, help="Kernels a layer."),
        click.option(
            "--knots-u",
            type=click.IntRange(5, 1001),
            default=127,
            show_default=True,
            help="Knots of a potential in the feature, on [-3.5, 3.5].",
        ),
        click.option(
            "--knots-hidden",
            type=click.IntRange(5, 1001),
            default=63,
            show_default=True,
            help="Knots of a hidden activation in the feature, on the same range.",
        ),
        click.option(
            "--knots-s", type=click.IntRange(3, 101), default=16, show_default=True, help="Knots in s = log(sigma)."
        ),
        click.option(
            "--input-scale",
            type=click.FloatRange(0),
            default=0.05,
            show_default=True,
            help="Images are divided by sqrt(sigma^2 + this^2) on their way into the first layer; 0 divides by nothing.",
        ),
    )


def _settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """How it is learned; the command gets it as `chosen`, by the names of `Settings`."""
    return options.collected(
        command,
        "chosen",
        *runs.annealed_options(
            _DEFAULTS,
            batch=", of all processes together (even for each: two share a smoothing level)",
            of_step=f" Default: {_DEFAULTS.learning_rate:g} for one layer, {_DEEP_RATE:g} for more.",
        ),
        click.option(
            "--smoothing-weight",
            type=click.FloatRange(0),
            default=_DEFAULTS.smoothing_weight,
            show_default=True,
            help="lambda, the weight of the loss in s against the loss in the image.",
        ),
        click.option(
            "--smoothing-term",
            type=click.Choice(["denoising", "implicit"]),
            default=_DEFAULTS.smoothing_term,
            show_default=True,
            help="Form of the loss in s: denoising (less noise) or the paper's implicit score matching.",
        ),
        click.option(
            "--ordering-weight",
            type=click.FloatRange(0),
            default=_DEFAULTS.ordering_weight,
            show_default=True,
            help="Weight of the term that makes the energy fall from far below an image's noise level towards it.",
        ),
        click.option(
            "--convexity-weight",
            type=click.FloatRange(0),
            default=1.0,
            show_default=True,
            help="Weight of the hinge on the potentials' curvature, which makes the energy convex at large sigma.",
        ),
        click.option(
            "--linearity-weight",
            type=click.FloatRange(0),
            default=0.3,
            show_default=True,
            help="Weight of the penalty on the curvature of hidden activations at large sigma.",
        ),
        click.option(
            "--roughness-weight",
            type=click.FloatRange(0),
            default=1e-6,
            show_default=True,
            help="Weight of the squared second differences of the potentials' increments, which keeps them smooth.",
        ),
        click.option(
            "--learn-from",
            type=click.FloatRange(0),
            default=0.0,
            show_default=True,
            help="Learn only the functions at smoothings from this sigma on; kernels, and all below, stay as in --start. 0: all.",
        ),
        click.option(
            "--convex-from",
            type=click.FloatRange(0),
            default=0.3,
            show_default=True,
            help="The energy is kept convex from this sigma on: potentials convex, hidden activations linear. 0 leaves it.",
        ),
    )


@click.command()
@runs.photograph_options
@click.option(
    "--start",
    "start_name",
    help="Prior, a name or a folder, that a new run starts from; --layers and the like are then its own. One without input "
    "scaling gets it first, with --knots-u and --knots-hidden.",
)
@click.option(
    "--noisy",
    metavar="NOISE",
    help="Learn from noisy images alone (Noise2Score), the score of their density, from which `restore denoise` finds what lies "
    "under the noise. gaussian:SIGMA, poisson:GAIN (1/photons at white) or gamma:SHAPE (speckle): every photograph is degraded "
    "once, before anything is learned. The kind alone, gaussian, poisson or gamma: the photographs are noisy already. The extra "
    "noise has sigma 0.01 to 0.04; terms in s, and what makes energies convex, are left out.",
)
@_architecture_options
@_settings_options
@runs.run_options
@options.seed_option
@options.device_option
def train(
    photographs: runs.Chosen,
    start_name: str | None,
    noisy: str | None,
    architecture: dict[str, float],
    chosen: dict[str, Any],
    out: Path,
    resume: bool,
    seed: int,
    device: str,
) -> None:
    """Learn a prior from the photographs in --data; files that are none, or too small, are left out and named.

    Interrupt it at any moment and go on with --resume: the result has the same bits. Ctrl-C waits for the end of the
    iteration and loses nothing; a second one, or a kill, loses at most two minutes of work. Under torchrun, many processes
    or GPUs share every batch. Never train on the images that you measure with.

    \b
    Examples:
      python -m gnc_core train --data bsds500/train --data bsds500/test --layers 1 --out runs/foe-l1
      torchrun --nproc-per-node 4 -m gnc_core train --data bsds500/train --layers 3 --batch 32 --out runs/foe-l3
      python -m gnc_core train --data microscope --noisy poisson --iterations 4000 --out runs/from-noisy
    """
    if chosen["batch"] % 2:
        raise InputError(f"--batch must be even, not {chosen['batch']}: two patches share each smoothing level.")
    if noisy:
        learning.noise2score.kind(noisy)
    photographs.check()
    start = zoo.load(start_name) if start_name else None
    scale = architecture["input_scale"]
    if start:
        if scale and not start.input_scale:
            knots = {name: int(architecture[name]) for name in ("knots_u", "knots_hidden")}
            start = learning.rescaled(start, scale, **knots)
        architecture = start.architecture
    elif chosen["learn_from"]:
        raise InputError("--learn-from keeps a part of --start; name one.")
    elif not scale:
        del architecture["input_scale"]
    if start_name and zoo.learned_from(start_name) != (noisy or ""):
        raise InputError(f"{start_name} was not learned from the images that --noisy says; start from one that was.")
    if noisy:
        chosen |= {"noisy": noisy, "smoothing_weight": 0.0, "ordering_weight": 0.0, "convex_from": 0.0}
        if not start:
            architecture |= learning.noise2score.ARCHITECTURE
    if chosen["learning_rate"] is None:
        chosen["learning_rate"] = _DEFAULTS.learning_rate if architecture["layers"] == 1 else _DEEP_RATE
    settings = learning.Settings(architecture=architecture, seed=seed, start=runs.origin(start_name), **chosen)
    with runs.place(device) as where:
        shown, held_out = photographs.load(settings.patch)
        if len(held_out) == 1:
            raise InputError("--validation needs at least two images: two share each smoothing level.")
        if noisy:
            shown, held_out = (learning.noise2score.observed(listed, noisy, seed) for listed in (shown, held_out))
        trainer = learning.Trainer(settings, shown, where, held_out, start)
        runs.run(trainer, out, resume)
        if learning.distributed.rank() == 0:
            what = {"what": f"The score of noisy images ({noisy}), learned from them alone (learning.noise2score)."}
            card = (what if noisy else {}) | {"training": runs.card(trainer, "train", photographs, where)}
            zoo.save(out, trainer.result, card)
            runs.tell(trainer, out)
