"""The training loop: AdaBelief, cosine annealing, averaged weights, exact resume, one process or many.

A run lives in one folder: `checkpoint.pt` (everything the next iteration depends on), `log.jsonl` (one JSON object a line) and,
at its end, the prior itself. Interrupted at any moment, it loses at most what happened since the last checkpoint and goes on
with the same bits as if nothing had happened: a checkpoint is always of a moment between two iterations.

Under torchrun every process draws the same batch and computes its share of it; DistributedDataParallel averages the gradients.
N processes thus follow the loss curve of one, up to rounding.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Generator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import cast

import torch
from pytorch_optimizer import AdaBelief
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from gnc_core.errors import InputError
from gnc_core.images import crop_center, random_patches, to_float
from gnc_core.prior.fields_of_experts import FieldsOfExperts

from . import distributed, score_matching
from .convexity import make_convex, make_linear
from .score_matching import Terms
from .settings import Settings

CHECKPOINT_SECONDS = 100.0
LOG_EVERY, VALIDATE_EVERY = 50, 500
DENSITY_PATCHES = 64
VALIDATION_CROP = 160  # pixels
CONSTANT_START, CONSTANT_MEMORY, CONSTANT_END = 100, 1000, 1000  # batches that c(s) is fitted to: before, during, after


class _Loss(nn.Module):
    """The loss as a module, as DistributedDataParallel wants it."""

    def __init__(self, prior: FieldsOfExperts, settings: Settings) -> None:
        super().__init__()
        self.prior, self.weight, self.ordering = prior, settings.smoothing_weight, settings.ordering_weight
        self.penalties = (
            (settings.convexity_weight, score_matching.convexity),
            (settings.linearity_weight, score_matching.linearity),
            (settings.roughness_weight, score_matching.roughness),
        )
        self.form = score_matching.denoising if settings.smoothing_term == "denoising" else score_matching.implicit

    def forward(self, x: Tensor, s: Tensor, eta: Tensor, place: Tensor) -> tuple[Tensor, Terms]:
        terms = self.form(self.prior, x, s, eta)
        loss = terms.loss(self.weight)
        if self.ordering:
            y = x[::4] + s[::4].exp().view(-1, 1, 1, 1) * eta[::4]
            loss = loss + self.ordering * score_matching.ordering(self.prior, y, s[::4], place[::4])
        for weight, penalty in self.penalties:
            if weight:
                loss = loss + weight * penalty(self.prior)
        return loss, terms


class Trainer:
    """Prior, optimizer, random numbers and the fit of c(s): one `step` is one iteration.

    images: training photographs, (..., H, W), uint8 or float in [0, 1]. validation: photographs that the loss is measured on
    now and then. start: the prior to start from, of the settings' architecture. Raises InputError if the
    batch cannot be shared among the processes.

    What belongs to the whole process is its host's to set, and `train` sets it: on a GPU a resumed run has the same bits only
    with `torch.backends.cudnn.deterministic = True`, and float32 only without TF32 (see `convolutions`); on a CPU
    `torch.set_flush_denormal(True)` is faster.

    >>> tiny = {"channels": 8, "kernel_size": 3, "knots_u": 15, "knots_s": 4}
    >>> trainer = Trainer(Settings(tiny, batch=2, patch=8), [torch.rand(32, 32)])
    >>> sorted(trainer.step())
    ['gradient', 'image', 'iteration', 'loss', 'slope', 'smoothing']
    """

    def __init__(
        self,
        settings: Settings,
        images: Sequence[Tensor],
        device: str | torch.device = "cpu",
        validation: Sequence[Tensor] = (),
        start: FieldsOfExperts | None = None,
    ) -> None:
        if settings.batch % (2 * distributed.size()):
            raise InputError(
                f"A batch of {settings.batch} patches cannot be shared in pairs by {distributed.size()} processes."
            )
        self.settings, self.images, self.device = settings, images, torch.device(device)
        start_numbers = torch.Generator().manual_seed(settings.seed)
        self.prior = FieldsOfExperts(**settings.architecture, generator=start_numbers).to(self.device)
        if start is not None:
            self.prior.load_state_dict(start.state_dict())
            if settings.convex_from:
                patches = self._patches()
                make_linear(self.prior, settings.convex_from, patches)
                make_convex(self.prior, settings.convex_from, patches)
        self.optimizer = AdaBelief(self.prior.parameters(), lr=settings.learning_rate, weight_decay=0.0)
        self.averaged = AveragedModel(self.prior, multi_avg_fn=self._average)
        self.loss: nn.Module = _Loss(self.prior, settings)
        if distributed.size() > 1:
            self.loss = DistributedDataParallel(self.loss, broadcast_buffers=False)
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.iteration = 0
        self.seconds = 0.0
        self.recent: list[dict[str, float]] = []  # the last entries, what a line of the log is the mean of
        self.constant = self._fit_constant(self.prior, CONSTANT_START)
        self._held_out = self._crops(validation) if validation else None

    @property
    def result(self) -> FieldsOfExperts:
        """The prior with averaged weights: what a run is for."""
        return cast(FieldsOfExperts, self.averaged.module)

    def _average(self, averaged: Sequence[Tensor], current: Sequence[Tensor], seen: Tensor | int) -> None:
        """averaged <- d averaged + (1 - d) current, with d small at first: the start of a run soon is forgotten."""
        decay = min(self.settings.average, (1 + int(seen)) / (10 + int(seen)))
        for mean, weights in zip(averaged, current, strict=True):
            mean.lerp_(weights, 1 - decay)

    def _levels(self, pairs: int, generator: torch.Generator) -> Tensor:
        """s, (2 pairs,), uniform by strata, with two patches at each s."""
        low, high = math.log(self.prior.sigma_min), math.log(self.prior.sigma_max)
        strata = (torch.arange(pairs) + torch.rand(pairs, generator=generator)) / pairs
        return (low + (high - low) * strata).repeat_interleave(2)

    def _batch(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """This process's share of the next batch: x and eta, (N, 1, patch, patch), s and the places of `ordering`, (N,)."""
        settings = self.settings
        x = random_patches(self.images, settings.patch, settings.batch, self.generator)
        s = self._levels(settings.batch // 2, self.generator)
        eta = torch.randn(x.shape, generator=self.generator)
        place = torch.rand(len(s), generator=self.generator)
        x, s, eta, place = (distributed.share(t).to(self.device) for t in (x, s, eta, place))
        return x, s, eta, place

    def _fit_constant(self, prior: FieldsOfExperts, batches: int) -> score_matching.SmoothingConstant:
        """Fits c(s) of a prior anew, the rest of it as it is; returns the fit, to go on with."""
        prior.c.zero_()
        constant = score_matching.SmoothingConstant(prior, memory=batches)
        for _ in range(batches):
            x, s, eta, _ = self._batch()
            with torch.no_grad():
                _, slope = prior.score_and_slope(x + s.exp().view(-1, 1, 1, 1) * eta, s)
            constant.update(distributed.gather(s), distributed.gather(slope / x[0].numel()))
        constant.memory = CONSTANT_MEMORY
        return constant

    def _patches(self) -> Tensor:
        """Clean patches, always the same, that densities of features are measured on."""
        generator = torch.Generator().manual_seed(self.settings.seed)
        return random_patches(self.images, self.settings.patch, DENSITY_PATCHES, generator).to(self.device)

    def finish(self) -> None:
        """Make potentials convex where the settings say so, then fit c(s) of the averaged prior, with random numbers of its own:
        the same bits, should it be done again."""
        if self.settings.convex_from:
            make_convex(self.result, self.settings.convex_from, self._patches())
        self.generator.manual_seed(self.settings.seed + 1)
        self._fit_constant(self.result, CONSTANT_END)

    def step(self) -> dict[str, float]:
        """One iteration; returns what the log shows. Raises FloatingPointError when the loss or its gradient is not finite,
        before any weight has changed. Whatever is raised, the random numbers are those of an iteration under way: do not
        `save`, or go on, before another `load`."""
        started = time.perf_counter()
        settings = self.settings
        x, s, eta, place = self._batch()
        loss, terms = self.loss(x, s, eta, place)
        slope = distributed.gather(terms.slope)
        means = distributed.mean(torch.stack([loss.detach(), terms.image.detach(), terms.smoothing.detach()]))
        self._check(means[0], "loss")
        self.optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.prior.parameters(), settings.clip)
        self._check(norm, "gradient")
        for group in self.optimizer.param_groups:
            group["lr"] = settings.step_size(self.iteration)
        self.optimizer.step()
        self.constant.update(distributed.gather(s), slope)
        self.averaged.update_parameters(self.prior)
        self.iteration += 1
        self.seconds += time.perf_counter() - started
        entry = {
            "iteration": self.iteration,
            "loss": means[0].item(),
            "image": means[1].item(),
            "smoothing": means[2].item(),
            "slope": slope.square().mean().sqrt().item(),
            "gradient": norm.item(),
        }
        self.recent = [*self.recent[-LOG_EVERY + 1 :], entry]
        return entry

    def _check(self, number: Tensor, name: str) -> None:
        if not torch.isfinite(number):
            raise FloatingPointError(
                f"The {name} is not finite at iteration {self.iteration}; the last checkpoint is kept. "
                "A smaller learning rate usually helps."
            )

    def _crops(self, images: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """The middles of the validation images with fixed noise, at fixed smoothing levels: x, s, eta as in `_batch`."""
        side = min(VALIDATION_CROP, *(min(image.shape[-2:]) for image in images))
        crops = [to_float(crop_center(image, side)) for image in images[: len(images) // 2 * 2]]
        generator = torch.Generator().manual_seed(0)
        x = torch.stack(crops).reshape(-1, 1, side, side)
        s = self._levels(len(x) // 2, generator)
        return x.to(self.device), s.to(self.device), torch.randn(x.shape, generator=generator).to(self.device)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Both terms of the loss of the averaged prior on the validation images, always with the same noise."""
        if self._held_out is None:
            return {}
        terms = score_matching.denoising(self.result, *self._held_out)
        return {"validation": terms.image.item(), "validation_smoothing": terms.smoothing.item()}

    # --- checkpoints --------------------------------------------------------------------------------------------------

    def save(self, path: Path) -> None:
        """Everything the next iteration depends on, in one move."""
        state = {
            "settings": asdict(self.settings),
            "prior": self.prior.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "constant": self.constant.state_dict(),
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
        self.prior.load_state_dict(state["prior"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.constant.load_state_dict(state["constant"])
        self.generator.set_state(state["generator"].cpu())
        self.iteration, self.seconds, self.recent = state["iteration"], state["seconds"], state["recent"]


def run(trainer: Trainer, folder: Path, resume: bool = False) -> Generator[dict[str, float]]:
    """Train to the end, yielding every iteration's entry; the mean of every `LOG_EVERY` goes to the log.

    folder: where the checkpoint and the log are; created if need be; written by process 0 alone. Raises InputError if it
    holds a run and `resume` is False, or if there is nothing to resume. Stopped between two iterations, as by closing the
    generator, it leaves a checkpoint of that moment; by an exception within one (Ctrl-C, numbers gone bad), the last one
    from before, at most `CHECKPOINT_SECONDS` and an iteration old.

    >>> from tempfile import TemporaryDirectory
    >>> tiny = {"channels": 8, "kernel_size": 3, "knots_u": 15, "knots_s": 4}
    >>> with TemporaryDirectory() as folder:
    ...     trainer = Trainer(Settings(tiny, batch=2, patch=8), [torch.rand(32, 32)])
    ...     first = next(run(trainer, Path(folder)))  # stopped here
    ...     sorted(os.listdir(folder)), first["iteration"]
    (['checkpoint.pt', 'log.jsonl'], 1)
    """
    checkpoint, log = folder / "checkpoint.pt", folder / "log.jsonl"
    if checkpoint.exists() and not resume:
        raise InputError(f"{folder} already holds a run; resume it with --resume or choose another folder.")
    if resume and not checkpoint.exists():
        raise InputError(f"{folder} holds no run to resume.")
    if resume:
        trainer.load(checkpoint)
    distributed.wait()  # until all have looked: what process 0 writes now is no earlier run
    writes = distributed.rank() == 0
    if writes:
        folder.mkdir(parents=True, exist_ok=True)
        _keep_until(log, trainer.iteration)
        trainer.save(checkpoint)
    saved, whole = time.monotonic(), True  # whole: no iteration is under way, and all that is over are in the log
    try:
        while trainer.iteration < trainer.settings.iterations:
            whole = False
            entry = trainer.step()
            if trainer.iteration % LOG_EVERY == 0 and writes:
                last = trainer.iteration == trainer.settings.iterations
                validation = trainer.validate() if last or trainer.iteration % VALIDATE_EVERY == 0 else {}
                _append(log, _summary(trainer) | validation)
            whole = True
            if time.monotonic() - saved > CHECKPOINT_SECONDS and writes:
                trainer.save(checkpoint)
                saved = time.monotonic()
            yield entry
    finally:
        if whole and writes:
            trainer.save(checkpoint)
    trainer.finish()


def _summary(trainer: Trainer) -> dict[str, float]:
    """Means over the last `LOG_EVERY` entries, with the step size and the speed."""
    entries = trainer.recent
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
