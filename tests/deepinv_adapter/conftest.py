"""deepinv needs torchvision, whose wheel has operators compiled for CUDA; beside a CPU build of PyTorch they do not load, and the
import fails because nothing has declared them. None is called here, so that declaring them is enough."""

import importlib.util

import torch

OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def declare() -> torch.library.Library:
    library = torch.library.Library("torchvision", "DEF")
    for operator in OPERATORS:
        library.define(operator)
    return library


if importlib.util.find_spec("torchvision"):
    try:
        import torchvision
    except RuntimeError:
        kept = declare()  # for as long as it is referred to
        import torchvision  # noqa: F401
