"""A run: iterations, averaged weights, checkpoints and a log, whatever is learned.

A run lives in one folder: `checkpoint.pt` (everything the next iteration depends on), `log.jsonl` (one JSON object a line) and,
at its end, the prior itself. Interrupted at any moment, it loses at most what happened since the last checkpoint and goes on
with the same bits as if nothing had happened: a checkpoint is always of a moment between two iterations.
"""

from __future__ import annotations

import json
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from gnc_core.errors import InputError

from . import distributed
from .settings import Annealed

CHECKPOINT_SECONDS = 100.0
LOG_EVERY, VALIDATE_EVERY = 50, 500


class Learner(ABC):
    """What a run trains, step by step.

    settings: what it depends on, together with its images. generator: of all its random numbers. iteration, seconds: how far it
    is. recent: the last entries, what a line of the log is the mean of. averaged: the model with averaged weights.

    >>> from .settings import Settings
    >>> from .training import Trainer
    >>> tiny = {"channels": 8, "kernel_size": 3, "knots_u": 15, "knots_s": 4}
    >>> learner = Trainer(Settings(architecture=tiny, batch=2, patch=8), [torch.rand(32, 32)])
    >>> isinstance(learner, Learner), learner.step()["iteration"]
    (True, 1)
    """

    averaged: AveragedModel

    def __init__(self, settings: Annealed, device: str | torch.device) -> None:
        self.settings, self.device = settings, torch.device(device)
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.iteration, self.seconds = 0, 0.0
        self.recent: list[dict[str, float]] = []

    @abstractmethod
    def parts(self) -> dict[str, Any]:
        """What has a state that the next iteration depends on, by name: it has `state_dict` and `load_state_dict`."""

    @abstractmethod
    def iterate(self) -> dict[str, float]:
        """One iteration; returns what the log shows, "loss" first. Raises FloatingPointError by `check`, before any weight has
        changed."""

    @abstractmethod
    def validate(self) -> dict[str, float]:
        """What the log says of the averaged weights, on images of their own, always with the same noise."""

    @abstractmethod
    def finish(self) -> None:
        """What is done at the end; the same bits, should it be done again."""

    def step(self) -> dict[str, float]:
        """One iteration; returns what the log shows. Raises FloatingPointError when the loss or its gradient is not finite,
        before any weight has changed. Whatever is raised, the random numbers are those of an iteration under way: do not
        `save`, or go on, before another `load`."""
        started = time.perf_counter()
        entry = self.iterate()
        self.iteration += 1
        self.seconds += time.perf_counter() - started
        entry = {"iteration": self.iteration, **entry}
        self.recent = [*self.recent[-LOG_EVERY + 1 :], entry]
        return entry

    def average(self, averaged: Sequence[Tensor], current: Sequence[Tensor], seen: Tensor | int) -> None:
        """averaged <- d averaged + (1 - d) current, with d small at first: the start of a run soon is forgotten."""
        decay = min(self.settings.average, (1 + int(seen)) / (10 + int(seen)))
        for mean, weights in zip(averaged, current, strict=True):
            mean.lerp_(weights, 1 - decay)

    def check(self, number: Tensor, name: str) -> None:
        """Raises FloatingPointError unless `number` is finite."""
        if not torch.isfinite(number):
            raise FloatingPointError(
                f"The {name} is not finite at iteration {self.iteration}; the last checkpoint is kept. "
                "A smaller learning rate usually helps."
            )

    def save(self, path: Path) -> None:
        """Everything the next iteration depends on, in one move."""
        state = {name: part.state_dict() for name, part in self.parts().items()} | {
            "settings": asdict(self.settings),
            "generator": self.generator.get_state(),
            "iteration": self.iteration,
            "seconds": self.seconds,
            "recent": self.recent,
        }
        temporary = path.with_suffix(".tmp")
        torch.save(state, temporary)
        os.replace(temporary, path)

    def load(self, path: Path) -> None:
        """Go on from `save`. Raises InputError for a damaged file or one of other settings."""
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            settings = state["settings"]
        except Exception as error:
            raise InputError(f"{path} is not a checkpoint that can be read; remove it to start anew.") from error
        wanted = asdict(self.settings)
        other = [k for k, v in wanted.items() if k in settings and settings[k] != v]  # older checkpoints lack some
        if other:
            raise InputError(f"{path} belongs to a run with another {', '.join(other)}; resume with the same settings.")
        for name, part in self.parts().items():
            part.load_state_dict(state[name])
        self.generator.set_state(state["generator"].cpu())
        self.iteration, self.seconds, self.recent = state["iteration"], state["seconds"], state["recent"]


def run(learner: Learner, folder: Path, resume: bool = False) -> Generator[dict[str, float]]:
    """Learn to the end, yielding every iteration's entry; the mean of every `LOG_EVERY` goes to the log.

    folder: where the checkpoint and the log are; created if need be; written by process 0 alone. Raises InputError if it
    holds a run and `resume` is False, or if there is nothing to resume. Stopped between two iterations, as by closing the
    generator, it leaves a checkpoint of that moment; by an exception within one (Ctrl-C, numbers gone bad), the last one
    from before, at most `CHECKPOINT_SECONDS` and an iteration old.

    >>> from tempfile import TemporaryDirectory
    >>> from .settings import Settings
    >>> from .training import Trainer
    >>> tiny = {"channels": 8, "kernel_size": 3, "knots_u": 15, "knots_s": 4}
    >>> with TemporaryDirectory() as folder:
    ...     learner = Trainer(Settings(architecture=tiny, batch=2, patch=8), [torch.rand(32, 32)])
    ...     first = next(run(learner, Path(folder)))  # stopped here
    ...     sorted(os.listdir(folder)), first["iteration"]
    (['checkpoint.pt', 'log.jsonl'], 1)
    """
    checkpoint, log = folder / "checkpoint.pt", folder / "log.jsonl"
    if checkpoint.exists() and not resume:
        raise InputError(f"{folder} already holds a run; resume it with --resume or choose another folder.")
    if resume and not checkpoint.exists():
        raise InputError(f"{folder} holds no run to resume.")
    if resume:
        learner.load(checkpoint)
    distributed.wait()  # until all have looked: what process 0 writes now is no earlier run
    writes = distributed.rank() == 0
    if writes:
        folder.mkdir(parents=True, exist_ok=True)
        _keep_until(log, learner.iteration)
        learner.save(checkpoint)
    saved, whole = time.monotonic(), True  # whole: no iteration is under way, and all that is over are in the log
    try:
        while learner.iteration < learner.settings.iterations:
            whole = False
            entry = learner.step()
            if learner.iteration % LOG_EVERY == 0 and writes:
                last = learner.iteration == learner.settings.iterations
                validation = learner.validate() if last or learner.iteration % VALIDATE_EVERY == 0 else {}
                _append(log, _summary(learner) | validation)
            whole = True
            if time.monotonic() - saved > CHECKPOINT_SECONDS and writes:
                learner.save(checkpoint)
                saved = time.monotonic()
            yield entry
    finally:
        if whole and writes:
            learner.save(checkpoint)
    learner.finish()


def _summary(learner: Learner) -> dict[str, float]:
    """Means over the last `LOG_EVERY` entries, with the step size and the speed."""
    entries = learner.recent
    mean = {key: sum(e[key] for e in entries) / len(entries) for key in entries[-1]}
    mean["iteration"] = learner.iteration
    mean["step_size"] = learner.settings.step_size(learner.iteration)
    mean["images_per_second"] = round(learner.iteration * learner.settings.batch / learner.seconds, 1)
    mean["seconds"] = round(learner.seconds, 1)
    return mean


def _append(log: Path, entry: dict[str, float]) -> None:
    with log.open("a") as file:
        file.write(json.dumps(entry) + "\n")


def _keep_until(log: Path, iteration: int) -> None:
    """Drop what an interrupted run logged after its last checkpoint; it will be computed, and logged, again."""
    lines = log.read_text().splitlines() if log.exists() else []
    kept = []
    for line in lines:
        try:
            if json.loads(line)["iteration"] <= iteration:
                kept.append(line + "\n")
        except ValueError:  # a line cut off by a kill
            continue
    temporary = log.with_suffix(".tmp")
    temporary.write_text("".join(kept))
    os.replace(temporary, log)
