"""Surgery on "Inside the prior": a copy of the prior without some kernels, or with a bent potential, restores beside it."""

from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from app.figures.common import Figure
from app.figures.inside import potentials_figure
from app.figures.pictures import grey_png
from app.figures.restoration import comparison_figure
from app.runs import Work, load_prior
from gnc_core import checks, images
from gnc_core.choices import SchemeChoice, choose_scheme
from gnc_core.measuring import inspection, psnr
from gnc_core.measuring.inspections import Inspection
from gnc_core.prior.fields_of_experts import FieldsOfExperts
from gnc_core.prior.surgery import FeatureRange, bent, without
from gnc_core.problems import Denoising
from gnc_core.restoration.schemes import energy

SIDE = 128  # pixels of the image's longer side
CURVE_POINTS = 129


@dataclass(frozen=True)
class Change:
    """What is done, and to what. prior, image: what identifies them; noise: that the image gets, or is taken to have, `degraded`,
    if it came with it. off: the potentials that are switched off, counted from 0. channel, handles: the one that is bent, and
    how (see `surgery.bent`)."""

    prior: str
    image: tuple
    noise: float
    degraded: bool = False
    off: tuple[int, ...] = ()
    channel: int = 0
    handles: tuple[float, ...] = (0.0, 0.0)

    @property
    def nothing(self) -> bool:
        return not self.off and not any(self.handles)


@dataclass(frozen=True)
class Outcome:
    """What a prior has restored. psnr: in dB, None without a truth. own, untouched: the energy D(x) + R(x, log sigma_min) by that
    prior itself, and by the untouched one."""

    image: Tensor
    psnr: float | None
    own: float
    untouched: float


def operated(prior: FieldsOfExperts, change: Change, measured: Inspection) -> FieldsOfExperts:
    """A copy of a prior with the change."""
    last = prior.layers - 1
    features = FeatureRange(
        measured.sigma, measured.low[:, last, change.channel], measured.high[:, last, change.channel]
    )
    return without(bent(prior, change.channel, change.handles, features), change.off)


class Operation(Work):
    """Two restorations of a noisy image by the scheme that suits, first with the prior as it is, then with the changed one; every
    `advance` is a step.

    observation: (1, 1, H, W). before, after: what they come to. done: the share of the steps. An `earlier` operation on the same
    image and prior lends its first half.
    """

    def __init__(self, change: Change, image: Tensor, measured: Inspection, earlier: "Operation | None" = None) -> None:
        super().__init__()
        self.change = change
        self.before: Outcome | None = None
        self.after: Outcome | None = None
        self._prior, self._measured = load_prior(change.prior), measured
        small = (images.crop_center if change.degraded else images.shrink)(image, SIDE)
        checks.check_size(small, self._prior.min_size)
        self._truth = None if change.degraded else small
        problem = Denoising(small, change.noise) if change.degraded else Denoising.degrade(small, change.noise, 0)
        self.observation = problem.observation
        self._problem = problem.to(self.device)
        self._scheme = choose_scheme(SchemeChoice(), self._prior, change.prior, problem.name, change.noise)
        if earlier is not None and _same_start(earlier.change, change):
            self.before = earlier.before
        self._left = self._scheme.steps * (2 if self.before is None else 1)
        self._steps, self._total = self._work(), self._left

    @property
    def finished(self) -> bool:
        return self.after is not None

    @property
    def done(self) -> float:
        return 1 - self._left / self._total

    def _step(self) -> None:
        next(self._steps, None)

    def _work(self) -> Generator[None, None, None]:
        if self.before is None:
            self.before = yield from self._restored(self._prior)
        changed = operated(self._prior, self.change, self._measured)
        self.after = self.before if self.change.nothing else (yield from self._restored(changed))

    def _restored(self, prior: FieldsOfExperts) -> Generator[None, None, Outcome]:
        x = self._problem.initial()
        for step in self._scheme.run(prior, self._problem):
            x, self._left = step.image, self._left - 1
            yield
        own, untouched = (float(energy(which, self._problem, x)) for which in (prior, self._prior))
        x = x.cpu()
        return Outcome(x, None if self._truth is None else float(psnr(x, self._truth)), own, untouched)

    @property
    def noisy_psnr(self) -> float | None:
        return None if self._truth is None else float(psnr(self.observation, self._truth))


def _same_start(one: Change, other: Change) -> bool:
    bare = {"off": (), "channel": 0, "handles": ()}
    return replace(one, **bare) == replace(other, **bare)


def pictures_figure(work: Operation) -> Figure:
    """The noisy image, and both restorations as far as they are known."""
    found = [("Untouched", work.before), ("Changed", work.after)]
    shown = [("Noisy", work.observation)] + [(title, one.image) for title, one in found if one is not None]
    panels = [(title, grey_png(x[0, 0].numpy(), 0, 1)) for title, x in shown]
    height, width = work.observation.shape[-2:]
    return comparison_figure(panels, (width, height), hover=False)


def bent_figure(change: Change, measured: Inspection, level: int) -> Figure:
    """The potential with the handles before and after, at a level, on the effective range."""
    prior = load_prior(change.prior)
    last, channel = prior.layers - 1, change.channel
    u = measured.grid(last, CURVE_POINTS)[level, channel]
    before, after = (
        inspection.curves(which, measured, last, CURVE_POINTS)[level, channel]
        for which in (prior, operated(prior, change, measured))
    )
    title = f"φ(u, σ) of kernel {channel + 1} at σ = {measured.sigma[level]:.3f}"
    return potentials_figure(u, before, after, np.linspace(u[0], u[-1], len(change.handles)), title)
