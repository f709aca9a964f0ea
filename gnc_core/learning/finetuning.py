"""Fine-tuning: prior and schedules learned together, through unrolled steps, for one task (method, section 8)."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from pytorch_optimizer import AdaBelief
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from gnc_core import problems
from gnc_core.errors import InputError
from gnc_core.images import crop_center, random_patches, to_float
from gnc_core.prior.fields_of_experts import FieldsOfExperts
from gnc_core.problems import Problem
from gnc_core.restoration.families import ScheduleFamily, unfold

from .fitting import unrolled
from .runs import Learner
from .settings import FinetuneSettings

VALIDATION_CROP = 160  # pixels
START_PATCHES = 32  # a level


class _Network(nn.Module):
    """A variational network whose S stages are one energy at S smoothings: the prior, and the weights of its schedules."""

    def __init__(self, prior: FieldsOfExperts, family: ScheduleFamily) -> None:
        super().__init__()
        self.prior, self.family = prior, family
        self.schedules = nn.Parameter(torch.tensor(family.weights, dtype=torch.float64, device=prior.c.device))

    def forward(self, problem: Problem) -> Tensor:
        return unrolled(self.prior, problem, *unfold(self.schedules, self.family, problem.level, self.family.steps[0]))


class Finetuner(Learner):
    """Starts from a prior and its schedules, and makes both better at one task: one `step` is one iteration.

        minimise  E mean |x_S - truth|^2 / e(level)  over the prior's weights and the schedules',

    at a level and of patches of their own in every iteration, in the middle of the patches. e(level) is the error at the start:
    decibels count the same at every level, and pixels the same in flat patches and in others. AdaBelief, cosine annealing,
    averaged weights.

    images: photographs, (..., H, W), uint8 or float in [0, 1]. validation: others, restored now and then at both ends of the
    levels and between them. The energy that results is no negative log density any more. Raises `InputError` for a family of
    another task, or of other steps, and for patches without a middle.

    >>> from gnc_core import zoo
    >>> family, truth = zoo.find_family("foe-l1", "denoise"), [torch.rand(40, 40)]
    >>> small = FinetuneSettings(batch=1, patch=32, margin=4, steps=3)
    >>> finetuner = Finetuner(small, truth, zoo.load("foe-l1"), family)
    >>> sorted(finetuner.step()), finetuner.result[1].steps
    (['gradient', 'iteration', 'level', 'loss'], (3, 3))
    """

    def __init__(
        self,
        settings: FinetuneSettings,
        images: Sequence[Tensor],
        prior: FieldsOfExperts,
        family: ScheduleFamily,
        device: str | torch.device = "cpu",
        validation: Sequence[Tensor] = (),
    ) -> None:
        super().__init__(settings, device)
        self.settings: FinetuneSettings = settings
        if family.task != settings.task:
            raise InputError(f"The schedules are for {family.title}, not for {settings.task}.")
        if settings.patch <= 2 * settings.margin or settings.patch < prior.min_size:
            raise InputError(f"Patches of {settings.patch} pixels have no middle {settings.margin} from their border.")
        self.images = images
        start = copy.deepcopy(prior).requires_grad_().to(self.device)
        self.network = _Network(start, family.restricted(settings.levels, settings.steps))
        groups = [
            {"params": list(self.network.prior.parameters()), "base": settings.learning_rate},
            {"params": [self.network.schedules], "base": settings.schedule_rate},
        ]
        self.optimizer = AdaBelief(groups, lr=settings.learning_rate, weight_decay=0.0)
        self.averaged = AveragedModel(self.network, multi_avg_fn=self.average)
        self._start_error = self._errors_of_start()
        self._held_out = self._crops(validation)

    def parts(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("network", "averaged", "optimizer")}

    @property
    def result(self) -> tuple[FieldsOfExperts, ScheduleFamily]:
        """The prior and its schedules, with averaged weights."""
        network = cast(_Network, self.averaged.module)
        return network.prior, network.family.with_weights(network.schedules.tolist())

    def iterate(self) -> dict[str, float]:
        settings = self.settings
        place = 2 * torch.rand((), generator=self.generator).item() - 1
        (level,) = self.network.family.levels_at([place])
        truth = random_patches(self.images, settings.patch, settings.batch, self.generator).to(self.device)
        noise = int(torch.randint(2**31, (), generator=self.generator))
        problem = problems.task(settings.task).degrade(truth, level, noise)
        usual = math.exp(np.interp(place, *self._start_error))
        loss = self._error(self.network(problem), truth, settings.margin).mean() / usual
        self.check(loss, "loss")
        self.optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), settings.clip)
        self.check(norm, "gradient")
        share = settings.step_size(self.iteration) / settings.learning_rate
        for group in self.optimizer.param_groups:
            group["lr"] = share * group["base"]
        self.optimizer.step()
        self.averaged.update_parameters(self.network)
        return {"loss": loss.item(), "level": level, "gradient": norm.item()}

    @torch.no_grad()
    def _errors_of_start(self) -> tuple[list[float], list[float]]:
        """The logarithms of the mean squared errors before any training, at places from -1 to 1 of the levels' logits."""
        settings, generator = self.settings, torch.Generator().manual_seed(self.settings.seed)
        kind, places, found = problems.task(settings.task), [-1.0, -0.5, 0.0, 0.5, 1.0], []
        for index, level in enumerate(self.network.family.levels_at(places)):
            patches = random_patches(self.images, settings.patch, START_PATCHES, generator).to(self.device)
            errors = [
                self._error(
                    self.network(kind.degrade(truth, level, problems.image_seed(index, k))), truth, settings.margin
                )
                for k, truth in enumerate(patches.split(settings.batch))
            ]
            found.append(math.log(torch.cat(errors).mean().item() or math.ulp(0.0)))
        return places, found

    @staticmethod
    def _error(restored: Tensor, truth: Tensor, margin: int) -> Tensor:
        """The mean squared error of each image, margins left out: (N,)."""
        inner = slice(margin, -margin or None)
        return (restored - truth)[..., inner, inner].square().mean((1, 2, 3))

    def _crops(self, images: Sequence[Tensor]) -> list[list[tuple[Problem, Tensor]]]:
        """The middles of the validation images, degraded at three levels, always in the same way: a list a level."""
        kind, (low, high) = problems.task(self.settings.task), self.settings.levels
        crops = [to_float(crop_center(image, VALIDATION_CROP)) for image in images]
        truths = [crop.reshape(1, 1, *crop.shape[-2:]).to(self.device) for crop in crops]
        return [
            [(kind.degrade(truth, level, problems.image_seed(0, i)), truth) for i, truth in enumerate(truths)]
            for level in (low, math.sqrt(low * high), high)
        ]

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """PSNR in dB of the averaged network at three levels: the lowest, the geometric mean, the highest."""
        found = {}
        for name, pairs in zip(("low", "middle", "high"), self._held_out, strict=True):
            errors = [self._error(self.averaged(problem), truth, 0) for problem, truth in pairs]
            if errors:
                found[f"validation_{name}"] = -10 * torch.cat(errors).log10().mean().item()
        return found

    def finish(self) -> None:
        """Nothing: averaged weights are the result."""
