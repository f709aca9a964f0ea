"""Training by score matching: AdaBelief, cosine annealing, averaged weights, exact resume, one process or many.

Under torchrun every process draws the same batch and computes its part of it; the gradients are averaged over them all.
N processes thus follow the loss curve of one, up to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import torch
from pytorch_optimizer import AdaBelief
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from gnc_core.errors import InputError
from gnc_core.images import crop_center, random_patches, to_float
from gnc_core.prior.fields_of_experts import FieldsOfExperts

from . import distributed, score_matching
from .convexity import ConvexPriors
from .runs import Learner
from .score_matching import Terms
from .settings import Settings

DENSITY_PATCHES, PROJECT_EVERY = 64, 10
VALIDATION_CROP = 160  # pixels
CONSTANT_START, CONSTANT_MEMORY, CONSTANT_END = 100, 1000, 1000  # batches that c(s) is fitted to: before, during, after


class _Loss(nn.Module):
    """What is learned from a part of a batch."""

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


class Trainer(Learner):
    """Prior, optimizer, random numbers and the fit of c(s): one `step` is one iteration.

    images: training photographs, (..., H, W), uint8 or float in [0, 1]. validation: photographs that the loss is measured on
    now and then. start: the prior to start from, of the settings' architecture. constant_start: batches that c(s) is fitted to
    before the first iteration, `CONSTANT_START` unless told. Raises InputError if the batch cannot be shared among the processes.

    What belongs to the whole process is its host's to set, and `train` sets it: on a GPU a resumed run has the same bits only
    with `torch.backends.cudnn.deterministic = True`, and float32 only without TF32 (see `convolutions`); on a CPU
    `torch.set_flush_denormal(True)` is faster.

    >>> tiny = {"channels": 8, "kernel_size": 3, "knots_u": 15, "knots_s": 4}
    >>> trainer = Trainer(Settings(architecture=tiny, batch=2, patch=8), [torch.rand(32, 32)])
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
        constant_start: int | None = None,
    ) -> None:
        if settings.batch % (2 * distributed.size()):
            raise InputError(
                f"A batch of {settings.batch} patches cannot be shared in pairs by {distributed.size()} processes."
            )
        super().__init__(settings, device)
        self.settings: Settings = settings
        self.images = images
        start_numbers = torch.Generator().manual_seed(settings.seed)
        self.prior = FieldsOfExperts(**settings.architecture, generator=start_numbers).to(self.device)
        if start is not None:
            self.prior.load_state_dict(start.state_dict())
        self._lowest = self._freeze(settings.learn_from) if settings.learn_from else math.log(self.prior.sigma_min)
        self.convex = self._convex_set() if settings.convex_from else None
        self.optimizer = AdaBelief(self.prior.parameters(), lr=settings.learning_rate, weight_decay=0.0)
        self.averaged = AveragedModel(self.prior, multi_avg_fn=self.average)
        self.loss = _Loss(self.prior, settings)
        self.constant = self._fit_constant(self.prior, constant_start or CONSTANT_START)
        self._held_out = self._crops(validation) if validation else None

    def parts(self) -> dict[str, Any]:
        names = ("prior", "averaged", "optimizer", "constant")
        return {name: getattr(self, name) for name in names}

    @property
    def result(self) -> FieldsOfExperts:
        """The prior with averaged weights: what a run is for."""
        return cast(FieldsOfExperts, self.averaged.module)

    def _freeze(self, sigma: float) -> float:
        """Leave only the increments at the knots in s from `sigma` on to be learned; returns the lowest s that they reach."""
        self.prior.requires_grad_(False)
        grid = self.prior.potential.s
        learned = grid.positions(dtype=torch.float64) >= math.log(sigma)
        for phi in self.prior.functions:
            mask = learned.to(phi.increments)
            phi.increments.requires_grad_().register_hook(lambda gradient, mask=mask: gradient * mask)
        first = grid.positions(dtype=torch.float64)[learned]
        if not len(first):
            raise InputError(
                f"No function is learned from sigma = {sigma:g} on; the prior ends at {self.prior.sigma_max:g}."
            )
        return max(grid.low, float(first[0]) - 2.5 * grid.spacing)

    def _levels(self, pairs: int, generator: torch.Generator, low: float) -> Tensor:
        """s, (2 pairs,), from `low` on, uniform by strata, with two patches at each s."""
        high = math.log(self.prior.sigma_max)
        strata = (torch.arange(pairs) + torch.rand(pairs, generator=generator)) / pairs
        return (low + (high - low) * strata).repeat_interleave(2)

    def _batch(self, everywhere: bool = False) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """This process's part of the next batch: x and eta, (N, 1, patch, patch), s and the places of `ordering`, (N,).

        everywhere: at all smoothings, whether functions are learned there or not."""
        settings = self.settings
        x = random_patches(self.images, settings.patch, settings.batch, self.generator)
        low = math.log(self.prior.sigma_min) if everywhere else self._lowest
        s = self._levels(settings.batch // 2, self.generator, low)
        eta = torch.randn(x.shape, generator=self.generator)
        place = torch.rand(len(s), generator=self.generator)
        if settings.noisy:  # antithetic variates: next to much noise in the image, tiny eta would teach slowly
            x[1::2], eta[1::2] = x[0::2], -eta[0::2]
        x, s, eta, place = (distributed.part(t).to(self.device) for t in (x, s, eta, place))
        return x, s, eta, place

    def _fit_constant(self, prior: FieldsOfExperts, batches: int) -> score_matching.SmoothingConstant:
        """Fits c(s) of a prior anew, the rest of it as it is; returns the fit, to go on with."""
        prior.c.zero_()
        constant = score_matching.SmoothingConstant(prior, memory=batches)
        for _ in range(batches):
            x, s, eta, _ = self._batch(everywhere=True)
            with torch.no_grad():
                _, slope = prior.score_and_slope(x + s.exp().view(-1, 1, 1, 1) * eta, s)
            constant.update(distributed.gather(s), distributed.gather(slope / x[0].numel()))
        constant.memory = CONSTANT_MEMORY
        return constant

    def _patches(self) -> Tensor:
        """Clean patches, always the same, that densities of features are measured on."""
        generator = torch.Generator().manual_seed(self.settings.seed)
        return random_patches(self.images, self.settings.patch, DENSITY_PATCHES, generator).to(self.device)

    def _convex_set(self) -> ConvexPriors:
        """What the prior is kept in, which it enters."""
        found = ConvexPriors(self.prior, self.settings.convex_from, self._patches())
        found.project(self.prior)
        return found

    def finish(self) -> None:
        """Make potentials convex where the settings say so, then fit c(s) of the averaged prior, with random numbers of its own:
        the same bits, should it be done again."""
        if self.convex:
            self.convex.project(self.result)
        self.generator.manual_seed(self.settings.seed + 1)
        self._fit_constant(self.result, CONSTANT_END)

    def iterate(self) -> dict[str, float]:
        settings = self.settings
        x, s, eta, place = self._batch()
        loss, terms = self.loss(x, s, eta, place)
        slope = distributed.gather(terms.slope)
        means = distributed.mean(torch.stack([loss.detach(), terms.image.detach(), terms.smoothing.detach()]))
        self.check(means[0], "loss")
        self.optimizer.zero_grad()
        loss.backward()
        distributed.average(p.grad for p in self.prior.parameters() if p.grad is not None)
        norm = nn.utils.clip_grad_norm_(self.prior.parameters(), settings.clip)
        self.check(norm, "gradient")
        for group in self.optimizer.param_groups:
            group["lr"] = settings.step_size(self.iteration)
        self.optimizer.step()
        if self.convex and self.iteration % PROJECT_EVERY == 0:
            self.convex.project(self.prior)
        self.constant.update(distributed.gather(s), slope)
        self.averaged.update_parameters(self.prior)
        return {
            "loss": means[0].item(),
            "image": means[1].item(),
            "smoothing": means[2].item(),
            "slope": slope.square().mean().sqrt().item(),
            "gradient": norm.item(),
        }

    def _crops(self, images: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """The middles of the validation images with fixed noise, at fixed smoothing levels: x, s, eta as in `_batch`."""
        side = min(VALIDATION_CROP, *(min(image.shape[-2:]) for image in images))
        crops = [to_float(crop_center(image, side)) for image in images[: len(images) // 2 * 2]]
        generator = torch.Generator().manual_seed(0)
        x = torch.stack(crops).reshape(-1, 1, side, side)
        s = self._levels(len(x) // 2, generator, math.log(self.prior.sigma_min))
        return x.to(self.device), s.to(self.device), torch.randn(x.shape, generator=generator).to(self.device)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Both terms of the loss of the averaged prior on the validation images, always with the same noise."""
        if self._held_out is None:
            return {}
        terms = score_matching.denoising(self.result, *self._held_out)
        return {"validation": terms.image.item(), "validation_smoothing": terms.smoothing.item()}
