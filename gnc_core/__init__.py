"""Graduated non-convexity learned by score matching (Kobler & Pock, 2023).

    >>> import gnc_core
    >>> prior = gnc_core.load_prior("foe-l1")
    >>> truth = gnc_core.load_sample("Cat")[..., :64, :64]
    >>> problem = gnc_core.Denoising.degrade(truth, 0.1, seed=0)
    >>> *_, last = gnc_core.Flow(gnc_core.linear(0.1, prior.sigma_min, steps=4)).run(prior, problem)
    >>> bool(gnc_core.psnr(last.image, truth) > gnc_core.psnr(problem.initial(), truth) + 8)
    True

The rooms below hold the rest: `prior`, `problems`, `restoration`, `learning`, `measuring`, `sweeps`, `images`, `mixture`.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PLACES = {
    "Denoising": "problems",
    "Flow": "restoration",
    "Inpainting": "problems",
    "InputError": "errors",
    "Joint": "restoration",
    "Learned": "restoration",
    "linear": "restoration",
    "load_prior": "zoo",
    "load_sample": "images",
    "logarithmic": "restoration",
    "psnr": "measuring",
    "read_image": "images",
    "write_image": "images",
}
__all__ = ["__version__", *_PLACES]


def __getattr__(name: str) -> Any:
    """The public names, imported when they are asked for: the command line's help comes without PyTorch."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), "load" if name == "load_prior" else name)
