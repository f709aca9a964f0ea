"""Chains: Langevin steps in x at a smoothing that is drawn as well, or given (denoising MCMC; annealed Langevin dynamics).

All share one step, scaled with sigma^2, of size h <= 1,

    x <- prox_{tau D}( x - tau v + sqrt(2 tau) xi ),    tau = h sigma^2 / 2,    v = grad_x R(x, log(sigma)),    xi ~ N(0, I),

and with a problem they sample from exp(-R(x, s) - D(x)): the posterior, if images had the smoothed density p_sigma. Chains that
draw sigma as well, of images, have to leave noise as large as it is, see `langevin_step`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gnc_core import checks
from gnc_core.errors import InputError
from gnc_core.problems import Problem
from gnc_core.restoration.schedules import check_sigma, check_steps

from .directions import PLAIN, Bend, Direction
from .joint import JointEnergy, State, each, noise_direction, noise_like


def langevin_step(
    energy: JointEnergy,
    x: Tensor,
    sigma: Tensor,
    h: float,
    generator: torch.Generator,
    problem: Problem | None = None,
    bend: Bend | None = None,
    exponential: bool = False,
) -> Tensor:
    """One Langevin step from x, (N, ...), at the smoothings sigma, (N,): as x.

    h: its size in units of sigma^2. As h goes to 0, many steps sample exp(-R(x, s) - D(x)) exactly; of a finite h, a Gaussian of
    variance C comes out as C / (1 - h sigma^2 / (4 C)), at most a third too much at h = 1. The proximal map after the noise is
    that of Durmus, Majewski and Miasojedow (Analysis of Langevin Monte Carlo via Convex Optimization, 2019). Where D says that
    some pixels are known, they stay, and the step is Langevin's in the others.

    >>> from gnc_core.mixture import PRESETS
    >>> from gnc_core.sampling import MixtureEnergy
    >>> energy, x = MixtureEnergy(PRESETS["Five components"]), torch.zeros(4, 1, dtype=torch.float64)
    >>> langevin_step(energy, x, torch.full((4,), 0.5), h=0.5, generator=torch.Generator().manual_seed(0)).shape
    torch.Size([4, 1])
    """
    e = noise_direction(energy, x, sigma)
    v = e if bend is None else bend(e, x, sigma)
    width = each(sigma, x)
    down, anew = (-math.expm1(-h / 2), math.sqrt(-math.expm1(-h))) if exponential else (h / 2, math.sqrt(h))
    x = x - down * width * v + anew * width * noise_like(x, generator)
    return x if problem is None else problem.prox(x, down * sigma.to(x) ** 2)


def draw_smoothing(
    energy: JointEnergy, x: Tensor, at: Tensor, grid: Tensor, generator: torch.Generator, log_prior: Tensor, near: int
) -> Tensor:
    """The Gibbs step: s drawn from p(s | x) ~ exp(-R(x, s)) p(s) on a grid; indices into it, (N,), for indices `at`.

    grid: (K,), values of s. log_prior: log p(s) there, (K,). near: among how many values s is drawn, each an energy: K for
    all, or a block of so many that holds the present one. Where blocks begin is drawn first, so that this too leaves
    exp(-R(x, s)) p(s) as it is.

    >>> from gnc_core.mixture import GaussianMixture
    >>> from gnc_core.sampling import MixtureEnergy
    >>> dirac = MixtureEnergy(GaussianMixture([1.0], [0.0], [0.0]))
    >>> grid, at = torch.tensor([0.01, 0.1, 1.0]).log(), torch.tensor([0])
    >>> draw_smoothing(dirac, torch.full((1, 1), 2.0), at, grid, torch.Generator().manual_seed(0), torch.zeros(3), 3).tolist()
    [2]
    """
    K, near = len(grid), min(near, len(grid))
    first = torch.zeros_like(at)
    if near < K:
        begin = torch.randint(near, at.shape, generator=generator).to(at.device)
        first = at - (at + begin) % near
    block = first[:, None] + torch.arange(near, device=at.device)
    inside, block = (block >= 0) & (block < K), block.clamp(0, K - 1)
    R = energy.energy(x.repeat_interleave(near, 0), grid[block].flatten()).view(block.shape)  # (N, near)
    log_p = torch.where(inside, log_prior[block] - R.double(), -torch.inf)
    drawn = torch.multinomial(log_p.softmax(1).cpu(), 1, generator=generator).to(at.device)
    return block.gather(1, drawn)[:, 0]


@dataclass(frozen=True, eq=False)
class LangevinGibbs:
    """Denoising Langevin Gibbs: Langevin steps in x and draws of s in turn, on exp(-R(x, s)) p(s) (Kim and Ye, Denoising MCMC for
    Accelerating Diffusion-Based Generative Models, 2022). They train a classifier for the draws; a joint energy has p(s | x).

    steps: how many of both. h: size of a Langevin step, in units of sigma^2. inner: Langevin steps before each draw.
    grid: values of s, rising; None is `smoothings` of the energy. log_prior: log p(s) on them; None is flat. near: see
    `draw_smoothing`; None is the whole grid. exponential: see `langevin_step`. Raises `InputError` for values outside their
    ranges.

    Denoise its states by `ReverseODE`, each from its own sigma. Of points with n numbers s is known up to about 1/sqrt(2 n):
    chains of mixtures wander over all smoothings, those of images go no further than that in a step. They need `exponential`
    steps, else the growing noise takes them to the largest sigma, where they stay; and how long they stay at a sigma is the
    learned prior's word, whose exp(-R(., s)) have integrals that nothing in its training makes equal.

    >>> from gnc_core.mixture import PRESETS
    >>> from gnc_core.sampling import MixtureEnergy, last
    >>> energy, generator = MixtureEnergy(PRESETS["Five components"]), torch.Generator().manual_seed(0)
    >>> state = last(LangevinGibbs(steps=20).run(energy, torch.zeros(100, 1, dtype=torch.float64), 0.5, generator))
    >>> bool(state.sigma.min() < 0.05), bool(state.sigma.max() > 0.2)
    (True, True)
    """

    steps: int
    h: float = 0.5
    inner: int = 1
    grid: Tensor | None = None
    log_prior: Tensor | None = None
    near: int | None = None
    exponential: bool = False

    def __post_init__(self) -> None:
        check_steps(self.steps)
        check_size(self.h)
        checks.whole(self.inner, "The number of Langevin steps before each draw", 1)
        if self.near is not None:
            checks.whole(self.near, "The number of values that s is drawn among", 2)

    def run(
        self,
        energy: JointEnergy,
        x: Tensor,
        sigma: float | Tensor,
        generator: torch.Generator,
        problem: Problem | None = None,
    ) -> Iterator[State]:
        """From points x, (N, ...), N chains, at the values of the grid next to sigma, a number or (N,)."""
        grid = smoothings(energy, x[0].numel()) if self.grid is None else self.grid.double()
        prior = torch.zeros_like(grid) if self.log_prior is None else self.log_prior.double()
        if grid.ndim != 1 or prior.shape != grid.shape or len(grid) < 2 or (grid.diff() <= 0).any():
            raise InputError("Smoothings s are drawn from a grid, (K,), that rises, with a log p(s) for each of them.")
        grid, prior = grid.to(x.device), prior.to(x.device)
        s = torch.as_tensor(sigma, dtype=torch.float64).to(x.device).log().expand(len(x))
        at = (s[:, None] - grid).abs().argmin(1)
        return self._chain(energy, x, at, grid, prior, generator, problem)

    @torch.no_grad()
    def _chain(
        self,
        energy: JointEnergy,
        x: Tensor,
        at: Tensor,
        grid: Tensor,
        log_prior: Tensor,
        generator: torch.Generator,
        problem: Problem | None,
    ) -> Iterator[State]:
        for index in range(1, self.steps + 1):
            for _ in range(self.inner):
                x = langevin_step(energy, x, grid[at].exp(), self.h, generator, problem, exponential=self.exponential)
            at = draw_smoothing(energy, x, at, grid, generator, log_prior, self.near or len(grid))
            yield State(index, grid[at].exp(), x)


def smoothings(energy: JointEnergy, n: int) -> Tensor:
    """Values of s to draw from, for points of n numbers: (K,), float64, from log sigma_min to log sigma_max, no further apart
    than p(s | x) is wide, 1/sqrt(2 n), and at least 32.

    >>> from gnc_core.prior import FieldsOfExperts
    >>> len(smoothings(FieldsOfExperts(), 2)), len(smoothings(FieldsOfExperts(), 96 * 96))
    (32, 533)
    """
    low, high = math.log(energy.sigma_min), math.log(energy.sigma_max)
    count = max(32, math.ceil((high - low) * math.sqrt(2 * n)) + 1)
    return torch.linspace(low, high, count, dtype=torch.float64)


@dataclass(frozen=True)
class AnnealedLangevin:
    """Langevin steps at given smoothings, `inner` at each (Song and Ermon, Generative Modeling by Estimating Gradients of the
    Data Distribution, 2019); with a problem, the way from a guess to samples of the posterior.

    sigmas: from the first to the last, in units of the points. h: size of a step, in units of sigma^2. direction: see
    `directions`. Samples are those of the last smoothing as far as its steps mix; between modes that it no longer joins, the
    shares are those of the smoothings before. Raises `InputError` as `Flow` does, and for h outside (0, 2).

    >>> from gnc_core import images, problems, zoo
    >>> from gnc_core.restoration import logarithmic
    >>> problem = problems.Inpainting.degrade(images.load_sample("Cat")[..., :32, :32], 0.5, seed=0)
    >>> chain = AnnealedLangevin(logarithmic(0.1, 0.01, 5))
    >>> start = problem.initial().expand(3, -1, -1, -1)
    >>> [state.x.shape[0] for state in chain.run(zoo.load("foe-l1"), start, torch.Generator().manual_seed(0), problem)]
    [3, 3, 3, 3, 3]
    """

    sigmas: Sequence[float]
    h: float = 0.5
    inner: int = 1
    direction: Direction = PLAIN

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigmas", checks.numbers(self.sigmas, "The chain's sigmas", positive=True))
        check_steps(len(self.sigmas))
        check_size(self.h)
        checks.whole(self.inner, "The number of Langevin steps at each smoothing", 1)

    @property
    def steps(self) -> int:
        return len(self.sigmas)

    def run(
        self, energy: JointEnergy, x: Tensor, generator: torch.Generator, problem: Problem | None = None
    ) -> Iterator[State]:
        """From points x, (N, ...), N chains; a state for each smoothing."""
        for sigma in self.sigmas:
            check_sigma(sigma, energy.sigma_min, energy.sigma_max)
        return self._chain(energy, x, generator, problem)

    @torch.no_grad()
    def _chain(
        self, energy: JointEnergy, x: Tensor, generator: torch.Generator, problem: Problem | None
    ) -> Iterator[State]:
        bend = self.direction.start(self.steps * self.inner)
        for index, value in enumerate(self.sigmas, start=1):
            sigma = torch.full((len(x),), value, dtype=torch.float64, device=x.device)
            for _ in range(self.inner):
                x = langevin_step(energy, x, sigma, self.h, generator, problem, bend)
            yield State(index, sigma, x)


def check_size(h: float) -> float:
    """`h`, the size of a Langevin step in units of sigma^2. Raises `InputError` unless it lies in (0, 2).

    >>> check_size(0.5)
    0.5
    """
    if not 0 < checks.number(h, "The size h of a Langevin step") < 2:
        raise InputError(f"The size h of a Langevin step lies in (0, 2), not at {h:g}: chains get too wide.")
    return h
