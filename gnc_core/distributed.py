"""One process or many: training under `torchrun`, where every process computes its share of each batch.

Without torchrun there is one process, number 0 of 1, and all functions here do nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor


def rank() -> int:
    """Number of this process, from 0. Process 0 writes the files and the messages."""
    return dist.get_rank() if dist.is_initialized() else 0


def size() -> int:
    """Number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


@contextmanager
def processes(device: str) -> Iterator[str]:
    """Joins the processes that torchrun started, if it did; yields the device of this one.

    device: "cpu" (gloo) or "cuda" (NCCL, one GPU a process).
    """
    if "WORLD_SIZE" not in os.environ or int(os.environ["WORLD_SIZE"]) == 1:
        yield device
        return
    if device == "cuda":
        device = f"cuda:{int(os.environ.get('LOCAL_RANK', 0)) % torch.cuda.device_count()}"
        torch.cuda.set_device(device)
    dist.init_process_group("gloo" if device == "cpu" else "nccl")
    try:
        yield device
    finally:
        dist.destroy_process_group()


def share(batch: Tensor) -> Tensor:
    """The part of a batch (N, ...) that is this process's: (N / size, ...), in the order of the processes."""
    return batch.chunk(size())[rank()]


def gather(values: Tensor) -> Tensor:
    """The shares of all processes in their order, on all of them: what `share` took apart."""
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
