"""One process or many: under `torchrun`, every process computes its part of a batch (training) or of the runs (sweeps).

Without torchrun there is one process, number 0 of 1, and all functions here do nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from gnc_core.errors import InputError

T = TypeVar("T")


def rank() -> int:
    """Number of this process, from 0. Process 0 writes the files and the messages."""
    return dist.get_rank() if dist.is_initialized() else 0


def size() -> int:
    """Number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


@contextmanager
def processes(device: str, backend: str | None = None, patience: timedelta | None = None) -> Iterator[str]:
    """Joins the processes that torchrun started, if it did; yields the device of this one.

    device: "cpu" (gloo) or "cuda" (NCCL, one GPU a process); `backend` chooses another than that in brackets.
    patience: how long a process waits for the others before it gives up; default: the library's, minutes.
    """
    if "WORLD_SIZE" not in os.environ or int(os.environ["WORLD_SIZE"]) == 1:
        yield device
        return
    if device == "cuda":
        device = f"cuda:{int(os.environ.get('LOCAL_RANK', 0)) % torch.cuda.device_count()}"
        torch.cuda.set_device(device)
    # Its functions have the group that there is when it is loaded as their default: loaded later, by a part of PyTorch that needs
    # it, it would keep ours beyond its end, with threads that the process may fall over when it exits (SIGABRT).
    import_module("torch.distributed.nn")
    dist.init_process_group(backend or ("gloo" if device == "cpu" else "nccl"), timeout=patience)
    try:
        yield device
    finally:
        dist.destroy_process_group()


def wait() -> None:
    """Returns when all processes have come here."""
    if size() > 1:
        dist.barrier()


def from_first(make: Callable[[], T]) -> T:
    """What `make` returns in process 0, in all of them; no other calls it.

    An `InputError` that it raises is raised in process 0; the others end without a word, and with exit code 0, lest
    torchrun stop process 0 before it has spoken."""
    if size() == 1:
        return make()
    outcome: list[Any] = [None]
    if rank() == 0:
        try:
            outcome = [make()]
        except InputError as error:
            outcome = [error]
    dist.broadcast_object_list(outcome)
    if isinstance(outcome[0], InputError):
        raise outcome[0] if rank() == 0 else SystemExit(0)
    return outcome[0]


def any_of(wish: bool, device: torch.device) -> bool:
    """Whether one of the processes wishes it, the same in all of them. device: of this process."""
    return wish if size() == 1 else mean(torch.tensor(float(wish), device=device)).item() > 0


def part(batch: Tensor) -> Tensor:
    """The part of a batch (N, ...) that is this process's: (N / size, ...), in the order of the processes."""
    return batch.chunk(size())[rank()]


def gather(values: Tensor) -> Tensor:
    """The parts of all processes in their order, on all of them: what `part` took apart."""
    if size() == 1:
        return values
    parts = [torch.empty_like(values) for _ in range(size())]
    dist.all_gather(parts, values.contiguous())
    return torch.cat(parts)


def mean(values: Tensor) -> Tensor:
    """The mean over the processes, on all of them."""
    if size() == 1:
        return values
    total = values.clone()
    dist.all_reduce(total)
    return total / size()


def average(gradients: Iterable[Tensor]) -> None:
    """Sets gradients to their means over the processes, in one message after the whole pass back.

    PyTorch's own module for this keeps the group, and its threads, for as long as there is a model.

    >>> average([torch.ones(2)])  # one process: they stay
    """
    if size() > 1:
        gradients = list(gradients)
        means = mean(torch.cat([gradient.flatten() for gradient in gradients]))
        for gradient, value in zip(gradients, means.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(value.view_as(gradient))
