"""What is to be restored: an observation, its data term, and how it is made of a true image (method, section 4).

Every problem is a file of its own and a line in `TASKS` below; commands, sweeps and pages offer what stands there."""

from typing import TYPE_CHECKING

import lazy_loader

from gnc_core.errors import InputError

from . import kernels
from .base import Level, Problem, Setting, image_seed
from .deblurring import Deblurring
from .denoising import Denoising
from .inpainting import Inpainting
from .linear import Linear, LinearOperator
from .mri import MRI
from .poisson import Poisson
from .superresolution import SuperResolution
from .tomography import Tomography

if TYPE_CHECKING:
    from .degradations import add_noise, box_mask, in_a_file, random_mask, text_mask

TASKS: dict[str, type[Problem]] = {
    Denoising.name: Denoising,
    Inpainting.name: Inpainting,
    Deblurring.name: Deblurring,
    SuperResolution.name: SuperResolution,
    MRI.name: MRI,
    Tomography.name: Tomography,
    Poisson.name: Poisson,
}
"""All problems, by their names."""

__getattr__, _, _ = lazy_loader.attach(
    __name__, submod_attrs={"degradations": ["add_noise", "box_mask", "in_a_file", "random_mask", "text_mask"]}
)


def task(name: str) -> type[Problem]:
    """The problem of that name; raises `InputError` for another one.

    >>> task("denoise").words(0.1)
    'denoise, noise 0.1'
    """
    if not isinstance(name, str) or name not in TASKS:
        raise InputError(f"There is no task {name!r}; there are {', '.join(TASKS)}.")
    return TASKS[name]


__all__ = [
    "MRI",
    "TASKS",
    "Deblurring",
    "Denoising",
    "Inpainting",
    "Level",
    "Linear",
    "LinearOperator",
    "Poisson",
    "Problem",
    "Setting",
    "SuperResolution",
    "Tomography",
    "add_noise",
    "box_mask",
    "image_seed",
    "in_a_file",
    "kernels",
    "random_mask",
    "task",
    "text_mask",
]
