"""The three ways down: GNC flow, joint minimisation, learned schedule (method, section 4).

Each scheme is a generator of steps: nothing is computed before it is asked for, and closing the
generator stops the run. All three share one image step,

    x <- prox_{tau D}( x - tau grad_x R(x, log sigma) ).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from gnc_core import checks
from gnc_core.prior import Prior
from gnc_core.problems import Problem

from .schedules import LearnedSchedule, check_rate, check_sigma, check_steps

DIVERGED = "The restoration diverged; choose another scheme, initial smoothing, rate or number of steps."


@torch.no_grad()
def energy(prior: Prior, problem: Problem, x: Tensor) -> Tensor:
    """`D(x) + R(x, log sigma_min)` of each image, (N,): comparable between all schedules (method, section 4).

    >>> from gnc_core import images, problems, zoo
    >>> x = images.load_sample("Cat")[..., :32, :32]
    >>> energy(zoo.load("foe-l1"), problems.Denoising(x, 0.1), x).shape
    torch.Size([1])
    """
    return problem.energy(x) + prior.energy(x, math.log(prior.sigma_min))


def diverged(problem: Problem, x: Tensor) -> Tensor:
    """Whether each image is no result: bool (N,). Some pixel is not finite, or ten times as far from zero as any pixel that
    schemes start from (at least 1).

    It is for whoever shows or keeps the image to ask. A message for it is `DIVERGED`.

    >>> from gnc_core import problems
    >>> problem = problems.Denoising(torch.rand(2, 1, 4, 4), 0.1)
    >>> diverged(problem, torch.stack([torch.zeros(1, 4, 4), torch.full((1, 4, 4), 100.0)])).tolist()
    [False, True]
    """
    largest = problem.initial().abs().amax().clamp(min=1)
    return ~(x.abs().flatten(1).amax(1) <= 10 * largest)  # NaN is not smaller, either


@dataclass(frozen=True, eq=False)
class Step:
    """A restoration after `index` steps, counted from 1.

    sigma: the smoothing that the step used on each image, (N,), in units of [0, 1]. image: x, (N, C, H, W).
    energy: `D(x) + R(x, log sigma_min)` of each image, (N,), computed when it is first asked for.

    >>> from gnc_core import images, problems, zoo
    >>> problem = problems.Denoising.degrade(images.load_sample("Cat")[..., :32, :32], 0.1, seed=0)
    >>> first, *_, last = Flow([0.1, 0.05, 0.01]).run(zoo.load("foe-l1"), problem)
    >>> last.index, last.image.shape, bool(last.energy < first.energy)
    (3, torch.Size([1, 1, 32, 32]), True)
    """

    index: int
    sigma: Tensor
    image: Tensor
    _prior: Prior = field(repr=False)
    _problem: Problem = field(repr=False)

    def energy_of(self, x: Tensor) -> Tensor:
        """The energy of other images of the same problem, such as those before the first step: (N,)."""
        return energy(self._prior, self._problem, x)

    @cached_property
    def energy(self) -> Tensor:
        return self.energy_of(self.image)

    @cached_property
    def diverged(self) -> Tensor:
        """Whether each image is no result: bool (N,), see `diverged`."""
        return diverged(self._problem, self.image)


class Scheme(Protocol):
    """A way to restore images with a prior.

    >>> schemes: list[Scheme] = [Flow([0.1, 0.05, 0.01]), Joint(sigma0=0.1, steps=5)]
    >>> [scheme.steps for scheme in schemes]
    [3, 5]
    """

    @property
    def name(self) -> str: ...

    @property
    def steps(self) -> int: ...

    def run(self, prior: Prior, problem: Problem) -> Iterator[Step]:
        """Yields steps 1 ... `steps`; raises `InputError` if the prior cannot take the sigmas."""


def image_step(
    prior: Prior,
    problem: Problem,
    x: Tensor,
    sigma: float | Tensor,
    tau: float | Tensor,
    weight: float | Tensor = 1.0,
) -> Tensor:
    """`prox_{tau w D}(x - tau grad_x R(x, log sigma))`: (N, C, H, W), differentiable in sigma, tau and the weight w.

    sigma, tau: numbers, 0-dimensional tensors, or (N,), in units of [0, 1] and its square. weight: of the data term, 1 but for
    learned schedules. Where prior and problem are of
    different floating-point types, the image takes the wider one. Raises `InputError` for a sigma that is not positive, and for
    images that the prior cannot take.

    >>> from gnc_core import images, problems, zoo
    >>> problem = problems.Denoising.degrade(images.load_sample("Cat")[..., :32, :32], 0.1, seed=0)
    >>> image_step(zoo.load("foe-l1"), problem, problem.initial(), sigma=0.1, tau=0.01).shape
    torch.Size([1, 1, 32, 32])
    """
    s = torch.log(sigma) if isinstance(sigma, Tensor) else math.log(checks.number(sigma, "sigma", positive=True))
    tau = checks.per_image(tau, max(len(x), s.numel() if isinstance(s, Tensor) else 1), "The step size tau")
    return problem.prox(x - tau * prior.score(x, s), weight * tau)


@dataclass(frozen=True)
class Flow:
    """GNC flow with data: the image step with a given schedule and `tau_i = sigma_i^2`.

    schedule: sigma_0, sigma_1, ... (see `schedules.linear`), a list or an array, in units of [0, 1].
    Raises `InputError` for no step, more than 1000, sigmas that are not positive, and (when run) for sigmas outside the
    prior's range.

    >>> from gnc_core import images, problems, zoo
    >>> problem = problems.Denoising.degrade(images.load_sample("Cat")[..., :32, :32], 0.1, seed=0)
    >>> [step.sigma.item() for step in Flow([0.1, 0.05, 0.01]).run(zoo.load("foe-l1"), problem)]
    [0.1, 0.05, 0.01]
    """

    schedule: Sequence[float]
    name: ClassVar[str] = "flow"

    def __post_init__(self) -> None:
        object.__setattr__(self, "schedule", checks.numbers(self.schedule, "The schedule's sigmas", positive=True))
        check_steps(len(self.schedule))

    @property
    def steps(self) -> int:
        return len(self.schedule)

    def run(self, prior: Prior, problem: Problem) -> Iterator[Step]:
        return _follow(prior, problem, self.schedule, [sigma**2 for sigma in self.schedule])


@dataclass(frozen=True)
class Learned:
    """The learned schedule (variational network): the image step with fitted sigma_i, tau_i, and weight of the data term.

    Raises `InputError` (when run) for sigmas outside the prior's range.

    >>> from gnc_core import images, problems, zoo
    >>> from gnc_core.restoration import LearnedSchedule
    >>> schedule = LearnedSchedule((0.1, 0.02), (0.01, 0.0004), "denoise", 0.1, "foe-l1")
    >>> problem = problems.Denoising.degrade(images.load_sample("Cat")[..., :32, :32], 0.1, seed=0)
    >>> len(list(Learned(schedule).run(zoo.load("foe-l1"), problem)))
    2
    """

    schedule: LearnedSchedule
    name: ClassVar[str] = "learned"

    @property
    def steps(self) -> int:
        return self.schedule.steps

    def run(self, prior: Prior, problem: Problem) -> Iterator[Step]:
        return _follow(prior, problem, self.schedule.sigma, self.schedule.tau, self.schedule.weight)


@dataclass(frozen=True)
class Joint:
    """Algorithm 2: x and s go down together; nothing tells s the noise level.

    sigma0: initial smoothing, in units of [0, 1]. rate: the step size c of s, 0 < c < 2. A step multiplies the error of s by
    1 - (c / n) d2R/ds2; for pure noise of the level that s stands for, d2R/ds2 = 2 n: there s converges for c < 1. Rates from
    1 on are for energies that bend less in s; elsewhere s swings to and fro without end. Every problem says a rate that suits
    it (`Problem.rate`). Every image of a batch has its own s. Raises `InputError` for steps outside 1 ... 1000, a rate
    outside (0, 2), and (when run) for sigma0 outside the prior's range.

    >>> from gnc_core import images, problems, zoo
    >>> problem = problems.Denoising.degrade(images.load_sample("Cat")[..., :32, :32], 0.1, seed=0)
    >>> steps = list(Joint(sigma0=0.5, steps=3).run(zoo.load("foe-l1"), problem))
    >>> steps[2].sigma.item() < steps[1].sigma.item() < 0.5  # s follows the image down
    True
    """

    sigma0: float
    steps: int
    rate: float = 0.9
    name: ClassVar[str] = "joint"

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", check_steps(self.steps))
        object.__setattr__(self, "rate", check_rate(self.rate))

    def run(self, prior: Prior, problem: Problem) -> Iterator[Step]:
        sigma0 = check_sigma(self.sigma0, prior.sigma_min, prior.sigma_max)
        return self._algorithm_2(prior, problem, sigma0)

    @torch.no_grad()
    def _algorithm_2(self, prior: Prior, problem: Problem, sigma0: float) -> Iterator[Step]:
        x = problem.initial()
        n = x[0].numel()
        s_min, s_max = math.log(prior.sigma_min), math.log(prior.sigma_max)
        s = x.new_full((len(x),), math.log(sigma0))
        for index in range(1, self.steps + 1):
            sigma = torch.exp(s)
            # x <- prox_{sigma^2 D}(x - sigma^2 grad_x R(x, s))
            x = image_step(prior, problem, x, sigma, sigma**2)
            yield Step(index, sigma, x, prior, problem)
            # s <- clip(s - (c / n) dR/ds(x, s), s_min, s_max)
            s = (s - self.rate / n * prior.slope(x, s)).clamp(s_min, s_max)


def _follow(
    prior: Prior, problem: Problem, schedule: Sequence[float], step_sizes: Sequence[float], weight: float = 1.0
) -> Iterator[Step]:
    """The steps of a schedule that is known beforehand."""
    for sigma in schedule:
        check_sigma(sigma, prior.sigma_min, prior.sigma_max)
    return _descend(prior, problem, schedule, step_sizes, weight)


@torch.no_grad()
def _descend(
    prior: Prior, problem: Problem, schedule: Sequence[float], step_sizes: Sequence[float], weight: float
) -> Iterator[Step]:
    x = problem.initial()
    for index, (sigma, tau) in enumerate(zip(schedule, step_sizes, strict=True), start=1):
        x = image_step(prior, problem, x, sigma, tau, weight)
        yield Step(index, torch.full((len(x),), sigma, dtype=torch.float64), x, prior, problem)
