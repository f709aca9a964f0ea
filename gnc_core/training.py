"""The training loop: AdaBelief, cosine annealing, exact resume.

A run lives in one folder: `checkpoint.pt` (everything the next iteration depends on), `log.jsonl` (one JSON object a line) and,
at its end, the prior itself. Interrupted at any moment, it loses at most what happened since the last checkpoint and goes on
with the same bits as if nothing had happened.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from pytorch_optimizer import AdaBelief
from torch import Tensor

from . import score_matching
from .errors import InputError
from .images import random_patches
from .prior import FieldsOfExperts

ARCHITECTURE = FieldsOfExperts().architecture  # the defaults, which a run may change
CHECKPOINT_SECONDS = 100.0
LOG_EVERY = 50
CONSTANT_START, CONSTANT_MEMORY, CONSTANT_END = 100, 1000, 1000  # batches that c(s) is fitted to: before, during, after


@dataclass(frozen=True)
class Settings:
    """What a run depends on, together with its images. All of it is in the checkpoint and in the card."""

    architecture: dict = field(default_factory=dict)  # keyword arguments of FieldsOfExperts
    iterations: int = 20_000
    batch: int = 8
    patch: int = 64
    learning_rate: float = 1e-2
    smoothing_weight: float = 1e-4  # lambda of the loss
    smoothing_term: str = "denoising"  # or "implicit", the paper's; see score_matching
    seed: int = 0

    def step_size(self, iteration: int) -> float:
        """Cosine annealing from `learning_rate` to zero, after a warm-up of 100 iterations."""
        warm_up = min(1.0, (iteration + 1) / 100)
        return warm_up * self.learning_rate / 2 * (1 + math.cos(math.pi * iteration / self.iterations))


class Trainer:
    """Prior, optimizer, random numbers and the fit of c(s): one `step` is one iteration."""

    def __init__(self, settings: Settings, images: Sequence[Tensor], device: str | torch.device = "cpu") -> None:
        torch.set_flush_denormal(True)
        torch.backends.cudnn.deterministic = True  # the same bits after a resume
        torch.manual_seed(settings.seed)
        self.settings, self.images, self.device = settings, images, torch.device(device)
        self.prior = FieldsOfExperts(**settings.architecture).to(self.device)
        self.optimizer = AdaBelief(self.prior.parameters(), lr=settings.learning_rate, weight_decay=0.0)
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.iteration = 0
        self.seconds = 0.0
        self.fit_constant(CONSTANT_START)

    def _batch(self) -> tuple[Tensor, Tensor, Tensor]:
        settings = self.settings
        x = random_patches(self.images, settings.patch, settings.batch, self.generator)
        low, high = math.log(self.prior.sigma_min), math.log(self.prior.sigma_max)
        pairs = settings.batch // 2  # uniform in s by strata, two patches at each s
        strata = (torch.arange(pairs) + torch.rand(pairs, generator=self.generator)) / pairs
        s = (low + (high - low) * strata).repeat_interleave(2)
        eta = torch.randn(x.shape, generator=self.generator)
        return x.to(self.device), s.to(self.device), eta.to(self.device)

    def fit_constant(self, batches: int) -> None:
        """Fit c(s) anew, the rest of the prior as it is."""
        self.prior.c.zero_()
        self.constant = score_matching.SmoothingConstant(self.prior, memory=batches)
        for _ in range(batches):
            x, s, eta = self._batch()
            with torch.no_grad():
                _, slope = self.prior.score_and_slope(x + s.exp().view(-1, 1, 1, 1) * eta, s)
            self.constant.update(s, slope / x[0].numel())
        self.constant.memory = CONSTANT_MEMORY

    def step(self) -> dict[str, float]:
        """One iteration; returns what the log shows. Raises FloatingPointError when the loss is not finite, before anything
        has changed."""
        started = time.perf_counter()
        settings = self.settings
        x, s, eta = self._batch()
        form = score_matching.denoising if settings.smoothing_term == "denoising" else score_matching.implicit
        terms = form(self.prior, x, s, eta)
        loss = terms.loss(settings.smoothing_weight)
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"The loss is not finite at iteration {self.iteration}; the last checkpoint is kept. "
                "A smaller learning rate usually helps."
            )
        self.optimizer.zero_grad()
        loss.backward()
        for group in self.optimizer.param_groups:
            group["lr"] = settings.step_size(self.iteration)
        self.optimizer.step()
        self.constant.update(s, terms.slope)
        self.iteration += 1
        self.seconds += time.perf_counter() - started
        return {
            "iteration": self.iteration,
            "loss": loss.item(),
            "image": terms.image.item(),
            "smoothing": terms.smoothing.item(),
            "slope": terms.slope.square().mean().sqrt().item(),
        }

    # --- checkpoints --------------------------------------------------------------------------------------------------

    def save(self, path: Path) -> None:
        """Everything the next iteration depends on, in one move."""
        state = {
            "settings": asdict(self.settings),
            "prior": self.prior.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "constant": self.constant.state_dict(),
            "generator": self.generator.get_state(),
            "iteration": self.iteration,
            "seconds": self.seconds,
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
        if settings != asdict(self.settings):
            other = [k for k, v in asdict(self.settings).items() if settings.get(k) != v]
            raise InputError(f"{path} belongs to a run with another {', '.join(other)}; resume with the same settings.")
        self.prior.load_state_dict(state["prior"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.constant.load_state_dict(state["constant"])
        self.generator.set_state(state["generator"].cpu())
        self.iteration, self.seconds = state["iteration"], state["seconds"]


def run(trainer: Trainer, folder: Path, resume: bool = False) -> Generator[dict[str, float]]:
    """Train to the end, yielding every iteration's entry; the mean of every `LOG_EVERY` goes to the log.

    folder: where the checkpoint and the log are; created if need be. Raises InputError if it holds a run and `resume` is
    False, or if there is nothing to resume. Whatever stops the loop, even closing the generator, leaves a checkpoint behind.
    """
    checkpoint, log = folder / "checkpoint.pt", folder / "log.jsonl"
    if checkpoint.exists() and not resume:
        raise InputError(f"{folder} already holds a run; resume it with --resume or choose another folder.")
    if resume and not checkpoint.exists():
        raise InputError(f"{folder} holds no run to resume.")
    folder.mkdir(parents=True, exist_ok=True)
    if resume:
        trainer.load(checkpoint)
    _keep_until(log, trainer.iteration)
    saved, recent = time.monotonic(), list[dict[str, float]]()
    try:
        while trainer.iteration < trainer.settings.iterations:
            entry = trainer.step()
            recent.append(entry)
            if trainer.iteration % LOG_EVERY == 0:
                _append(log, _summary(recent, trainer))
                recent.clear()
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                trainer.save(checkpoint)
                saved = time.monotonic()
            yield entry
        trainer.generator.manual_seed(
            trainer.settings.seed + 1
        )  # the same bits, should this fit be interrupted and done again
        trainer.fit_constant(CONSTANT_END)
    finally:
        trainer.save(checkpoint)


def _summary(entries: list[dict[str, float]], trainer: Trainer) -> dict[str, float]:
    """Means over the entries, with the step size and the speed."""
    mean = {key: sum(e[key] for e in entries) / len(entries) for key in entries[-1]}
    mean["iteration"] = trainer.iteration
    mean["step_size"] = trainer.settings.step_size(trainer.iteration)
    mean["images_per_second"] = round(trainer.iteration * trainer.settings.batch / trainer.seconds, 1)
    mean["seconds"] = round(trainer.seconds, 1)
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
