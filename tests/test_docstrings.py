"""Public functions and classes have an example in their docstrings; `pytest --doctest-modules` runs them."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest

import gnc_core

WITHOUT = {
    "gnc_core.__main__": "the command line; its help has examples",
    "gnc_core.commands": "the command line",
    "gnc_core.deepinv": "needs deepinv; tests/deepinv_adapter runs its examples",
    "gnc_core.images.decoding": "what read_image and read_mask are made of",
    "gnc_core.images.netpbm": "what read_image and write_image are made of",
    "gnc_core.images.pictures": "what read_image and write_image are made of",
    "gnc_core.images.tiff": "what read_image and write_image are made of",
    "gnc_core.learning.distributed": "needs several processes",
    "gnc_core.measuring.benchmark.timings": "takes minutes",
    "gnc_core.prior.splines.cpu": "what splines is made of",
    "gnc_core.prior.splines.gpu": "what splines is made of, and needs a GPU",
    "gnc_core.prior.splines.layer": "what tiled is made of",
    "gnc_core.prior.threads": "what tiled is made of",
    "gnc_core.prior.tiled": "what FieldsOfExperts is made of",
}


def without(name: str) -> bool:
    return any(name == other or name.startswith(f"{other}.") for other in WITHOUT)


def public() -> Iterator[tuple[str, Any]]:
    """What modules define under names without an underscore, and what rooms hand on, by full names."""
    for module in pkgutil.walk_packages(gnc_core.__path__, "gnc_core."):
        if without(module.name):
            continue
        found = importlib.import_module(module.name)
        names = {*vars(found), *getattr(found, "__all__", ())}
        for value in (getattr(found, name) for name in names if not name.startswith("_")):
            full = f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', '')}"
            ours = full.startswith("gnc_core.") and not without(full)
            if ours and (inspect.isfunction(value) or inspect.isclass(value)):
                yield full, value


PUBLIC = dict(sorted(public()))


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_have_an_example(name: str) -> None:
    assert ">>> " in (PUBLIC[name].__doc__ or ""), f"{name} has no example in its docstring"


def test_every_room_is_walked() -> None:
    """Rooms that hand on their names when they are asked for, too, and files that are no room."""
    assert {"gnc_core.mixture.flow.gnc_flow", "gnc_core.restoration.schemes.Flow", "gnc_core.zoo.load"} <= set(PUBLIC)
    assert {name.split(".")[1] for name in PUBLIC} >= {"checks", "errors", "files", "images", "learning", "measuring"}
