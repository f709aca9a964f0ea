"""What the page "Sampling" computes: chains on a mixture, errors against scores, and samples of a posterior."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import streamlit as st
import torch
from torch import Tensor

from app.figures.common import Figure
from app.figures.sampling import Looks, cost_figure, posterior_figure
from app.helpers import computed_in_turn
from app.own import folder_name
from app.runs import Work, load_prior
from app.scenes import Upload, picture
from gnc_core import checks, images, problems, zoo
from gnc_core.choices import SchemeChoice, scheme_for
from gnc_core.errors import InputError
from gnc_core.measuring.metrics import psnr
from gnc_core.mixture import PRESETS
from gnc_core.problems.degradations import generator
from gnc_core.restoration import Flow
from gnc_core.restoration.schemes import DIVERGED
from gnc_core.sampling import (
    AnnealedLangevin,
    Posterior,
    Walked,
    comparison,
    moments,
    walk,
)

PLANE = "Three in the plane"
MIXTURES = PRESETS | {PLANE: comparison.PLANE}
BUDGETS = (5, 7, 10, 16, 24, 40)  # scores a sample
CONTENT = 256  # photographs are scaled down to this longer side before the middle is taken


@dataclass(frozen=True)
class Walk:
    """Denoising MCMC on a mixture in one dimension. h: size of a Langevin step, in units of sigma^2."""

    mixture: str
    chains: int
    steps: int
    h: float
    seed: int


@st.cache_data(max_entries=16, show_spinner="Walking …")
def walked(plan: Walk) -> Walked:
    """The chains of a walk, from noise of the largest sigma."""
    return computed_in_turn(walk, MIXTURES[plan.mixture], plan.chains, plan.steps, plan.h, plan.seed)


@dataclass(frozen=True)
class Race:
    """Errors of as many samples of a mixture (`MIXTURES`) by all methods."""

    mixture: str
    count: int
    seed: int


class Racing(Work):
    """A race at work, a piece with every `advance`: each method at each number of scores, the slowest method last.

    exact: the error of exact samples, None before the first step. costs: what is known so far. What a race has come to is known
    to all visitors."""

    def __init__(self, plan: Race) -> None:
        super().__init__()
        self.plan = plan
        self.exact: float | None = None
        self.costs: list[comparison.Cost] = []
        bent = MIXTURES[plan.mixture].dimension > 1  # on the line, bent directions are the same
        methods = [method for method in comparison.METHODS if bent or "," not in method]
        self._todo = [(method, budget) for method in methods for budget in BUDGETS]
        if found := reached(plan, ""):
            self.exact, self.costs = found["all"]
        self._work = self._all()

    @property
    def finished(self) -> bool:
        return len(self.costs) == len(self._todo)

    @property
    def done(self) -> float:
        return len(self.costs) / len(self._todo)

    @property
    def doing(self) -> str:
        return "{}, {} scores".format(*self._todo[min(len(self.costs), len(self._todo) - 1)])

    @property
    def complete(self) -> int:
        """How much there is to be seen."""
        return len(self.costs)

    def _step(self) -> None:
        next(self._work)
        if self.finished:
            reached(self.plan, "")["all"] = self.exact, self.costs

    def _all(self) -> Iterator[None]:
        plan, mixture = self.plan, MIXTURES[self.plan.mixture]
        self.exact = comparison.exact_error(mixture, plan.count, plan.seed)
        yield
        for method, budget in self._todo:
            for cost in comparison.in_pieces(mixture, method, budget, plan.count, plan.seed):
                if cost is not None:
                    with self._lock:
                        self.costs = [*self.costs, cost]
                yield

    def figure(self, narrow: bool = False) -> Figure | None:
        """What is known so far; None before the first step."""
        found: dict[str, list[tuple[float, float]]] = {}
        for cost in self.costs:
            found.setdefault(cost.method, []).append((cost.scores, cost.error))
        return None if self.exact is None else cost_figure(found, self.exact, self.plan.count)


@dataclass(frozen=True)
class Gaps:
    """A photograph with missing pixels, and how samples of its posterior are drawn.

    crop: pixels a side. missing: the share at random, or None for a square hole of `hole` pixels a side. inner: Langevin steps at
    each smoothing. seed: of the missing pixels and of the samples."""

    prior: str
    source: str | Upload
    crop: int
    missing: float | None
    hole: int
    count: int
    inner: int
    seed: int


class Drawing(Work):
    """Samples of a posterior at work: first the flow, then a sample after the other. Every `advance` is a step.

    truth, flow: (1, 1, H, W). samples: as many as are known. What a sample photograph has come to is known to all visitors."""

    def __init__(self, plan: Gaps, data: bytes | None) -> None:
        super().__init__()
        self.plan, self._prior = plan, load_prior(plan.prior)
        whole, _ = picture(plan.source, CONTENT, False, False, data)
        self.truth = images.crop_center(whole, plan.crop)
        checks.check_size(self.truth, self._prior.min_size)
        if plan.missing is None:
            height, width = self.truth.shape[-2:]
            box = ((width - plan.hole) // 2, (height - plan.hole) // 2, plan.hole, plan.hole)
            self.problem = problems.Inpainting.hidden(self.truth, problems.box_mask(self.truth.shape, [box]))
        else:
            self.problem = problems.Inpainting.degrade(self.truth, plan.missing, plan.seed)
        scheme = scheme_for(SchemeChoice("flow"), self._prior, folder_name(plan.prior), self.problem)
        assert isinstance(scheme, Flow)
        self._scheme = scheme
        self._posterior = Posterior(1, AnnealedLangevin(scheme.schedule, inner=plan.inner))
        self._steps, self._total, self.doing = 0, scheme.steps + plan.count * self._posterior.steps, "the flow"
        self.flow: Tensor | None = None
        self.samples: list[Tensor] = []
        self._public = isinstance(plan.source, str) and plan.prior in zoo.names()
        if self._public and (found := reached(plan, zoo.weights_hash(plan.prior))):
            self.flow, self.samples = found["all"]
        self._work = self._all()

    @property
    def finished(self) -> bool:
        return len(self.samples) == self.plan.count

    @property
    def done(self) -> float:
        return self._steps / self._total

    @property
    def complete(self) -> int:
        """How much there is to be seen."""
        return len(self.samples) + (self.flow is not None)

    def _step(self) -> None:
        next(self._work)
        self._steps += 1
        if self.finished and self._public:
            reached(self.plan, zoo.weights_hash(self.plan.prior))["all"] = self.flow, self.samples

    def _all(self) -> Iterator[None]:
        # Of another seed than the missing pixels.
        noise, image = generator(problems.image_seed(self.plan.seed, 1)), None
        problem = self.problem.to(self.device)
        for step in self._scheme.run(self._prior, problem):
            image = step.image
            if step.index < self._scheme.steps:
                yield
        self.flow = finite(image)
        yield
        for number in range(1, self.plan.count + 1):
            self.doing = f"sample {number} of {self.plan.count}"
            for state in self._posterior.run(self._prior, problem, noise):
                if state.index == self._posterior.steps:
                    sample = finite(state.x)
                    with self._lock:
                        self.samples = [*self.samples, sample]
                yield

    def looks(self) -> Looks | None:
        """What the samples so far say; None before the first."""
        if not self.samples:
            return None
        x = torch.cat(self.samples)
        found = [moments(x[:n]) for n in range(1, len(x) + 1)]
        mean, deviation = (torch.cat(parts) for parts in zip(*found, strict=True))
        truth = self.truth.expand_as(x)
        return Looks(
            *(part[:, 0].numpy() for part in (x, mean, deviation)), psnr(x, truth).numpy(), psnr(mean, truth).numpy()
        )

    def figure(self, narrow: bool = False) -> Figure | None:
        """What is known so far, with a slider over the samples once it ends; None before the flow has ended. narrow: for a
        phone."""
        if self.flow is None:
            return None
        flow, hidden = self.flow[0, 0].numpy(), ~self.problem.observed[0, 0].numpy()
        looks, slider = self.looks(), not self.running and len(self.samples) > 1
        flow_psnr = psnr(self.flow, self.truth).item()
        return posterior_figure(self.truth[0, 0].numpy(), hidden, flow, flow_psnr, looks, slider, narrow)


def finite(x: Tensor | None) -> Tensor:
    """x on the CPU; raises `InputError` if it is none or has diverged."""
    if x is None or not x.isfinite().all():
        raise InputError(DIVERGED)
    return x.cpu()


@st.cache_resource(max_entries=64, show_spinner=False)
def reached(plan: Any, weights: str) -> dict[str, Any]:
    """Where a plan leaves what it has come to, under "all"; those of uploads leave nothing."""
    return {}
