"""The sample photographs that scikit-image brings along."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from torch import Tensor

from gnc_core.errors import InputError

from .reading import read_image

_SAMPLES = {
    "Cameraman": "camera.png",
    "Astronaut": "astronaut.png",
    "Cat": "chelsea.png",
    "Coffee cup": "coffee.png",
    "Rocket": "rocket.jpg",
    "Coins": "coins.png",
    "Motorcycle": "motorcycle_left.png",
    "Moon": "moon.png",
    "Printed page": "page.png",
    "Brick wall": "brick.png",
    "Gravel": "gravel.png",
    "Grass": "grass.png",
}


def sample_images() -> dict[str, Path]:
    """The sample photographs by name: freely licensed ones that scikit-image brings along.

    >>> sample_images()["Cat"].name
    'chelsea.png'
    """
    package = importlib.util.find_spec("skimage")
    if package is None or package.origin is None:
        raise InputError("scikit-image, which brings the sample images, is not installed.")
    folder = Path(package.origin).parent / "data"
    files = {name: folder / file for name, file in _SAMPLES.items()}
    return {name: file for name, file in files.items() if file.is_file()}


def load_sample(name: str, *, color: bool = False) -> Tensor:
    """The sample `name` (see `sample_images`) as `read_image` returns it.

    >>> load_sample("Cat").shape, load_sample("Cat", color=True).shape
    (torch.Size([1, 1, 300, 451]), torch.Size([1, 3, 300, 451]))
    """
    samples = sample_images()
    if name not in samples:
        raise InputError(f"There is no sample {name!r}; there are {', '.join(samples)}.")
    return read_image(samples[name], color=color, name=name)
