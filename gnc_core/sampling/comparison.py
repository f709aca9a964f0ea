"""How many scores a sample costs, and how far samples are from the density: on mixtures, where that is known exactly."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gnc_core import checks
from gnc_core.errors import InputError
from gnc_core.mixture import GaussianMixture
from gnc_core.problems.degradations import generator
from gnc_core.restoration.schedules import logarithmic

from .chains import AnnealedLangevin, LangevinGibbs
from .directions import Direction, ExactHessian, Plain, RankOne
from .joint import Counted, MixtureEnergy, last, noise_like, tweedie
from .reverse import ReverseODE

NOISE = 10.0  # sigma_max of what starts from noise: a mixture on [-1, 1] is none there but noise
WALK = 1.0  # sigma_max of chains, which need not go to where all is noise
BURN_IN = 20  # steps of a chain before its first sample
PER_CHAIN = 20  # samples of a chain
PIECE = 10  # steps of chains
AXES = 16  # directions in the plane that samples are seen along
POINTS = 2001  # that two distribution functions are compared at: 8,001 change distances on [-1, 1] by 1e-4
PLANE = GaussianMixture(
    [0.2, 0.3, 0.5], [[-0.7, -0.5], [0.6, -0.4], [0.0, 0.6]],
    [[[0.05, 0.03], [0.03, 0.03]], [[0.002, 0.0], [0.0, 0.03]], [[0.04, -0.03], [-0.03, 0.04]]],
)  # fmt: skip
"""Three components in the plane, turned and long: where directions of steps can be bent, which they cannot on the line."""


def cumulative(mixture: GaussianMixture, x: Tensor, axis: Tensor) -> Tensor:
    """The distribution function of <axis, X> at x, (n,), for X from the mixture; axis: (d,), of unit length.

    >>> two = GaussianMixture([0.5, 0.5], [-1.0, 1.0], [0.01, 0.01])
    >>> cumulative(two, torch.tensor([0.0, 9.0]), torch.ones(1)).tolist()
    [0.5, 1.0]
    """
    axis = axis.to(mixture.means)
    turned = axis.expand(len(mixture.means), -1)
    if mixture.axes is not None:
        turned = (mixture.axes.mT @ axis[:, None])[..., 0]
    deviation = (turned.square() * mixture.variances).sum(1).sqrt().clamp(min=1e-12)
    return torch.special.ndtr((x.to(axis)[:, None] - mixture.means @ axis) / deviation) @ mixture.weights


def kolmogorov_smirnov(samples: Tensor, mixture: GaussianMixture) -> float:
    """The largest difference between the distribution functions of samples, (N, d), and of the mixture, along the worst of the
    `axes`; in [0, 1]. Of exact samples it is below 1.63 / sqrt(N) in 99 of 100 cases, for d = 1.

    >>> two = GaussianMixture([0.5, 0.5], [-1.0, 1.0], [0.01, 0.01])
    >>> kolmogorov_smirnov(two.draw(1000, torch.Generator().manual_seed(0)), two) < 1.63 / 1000**0.5
    True
    """
    found, N = 0.0, len(samples)
    for axis in axes(mixture.dimension):
        F = cumulative(mixture, (samples.double() @ axis).sort().values, axis)
        steps = torch.arange(N + 1, dtype=torch.float64) / N
        found = max(found, float((F - steps[:-1]).max()), float((steps[1:] - F).max()))
    return found


def wasserstein(samples: Tensor, mixture: GaussianMixture) -> float:
    """The Wasserstein-1 distance of samples, (N, d), to the mixture, int |F_N - F|, in the unit of the points; in the plane the
    mean over the `axes` (sliced Wasserstein distance).

    >>> one = GaussianMixture([1.0], [0.25], [0.0])
    >>> round(wasserstein(torch.zeros(1, 1), one), 3)  # all has to go from 0 to 0.25
    0.25
    """
    found = []
    for axis in axes(mixture.dimension):
        seen, means = (samples.double() @ axis).sort().values, mixture.means.double() @ axis
        width = 6 * float(mixture.variances.max().sqrt()) + 1e-3
        low = min(float(seen[0]), float(means.min()) - width)
        high = max(float(seen[-1]), float(means.max()) + width)
        x = torch.linspace(low, high, POINTS, dtype=torch.float64)
        # NumPy's search goes on from the place before, where torch's begins anew: a tenth of the time.
        F_N = torch.from_numpy(np.searchsorted(seen.cpu().numpy(), x.numpy(), "right")) / len(seen)
        found.append(float((F_N - cumulative(mixture, x, axis)).abs().mean()) * (high - low))
    return sum(found) / len(found)


def axes(d: int) -> Tensor:
    """Directions of unit length that points of d = 1 or 2 numbers are seen along: (1 or 16, d), float64. Raises `InputError` for
    other d.

    >>> axes(1).tolist(), axes(2).shape
    ([[1.0]], torch.Size([16, 2]))
    """
    if d not in (1, 2):
        raise InputError(f"Samples are compared in one and two dimensions, not in {d}.")
    if d == 1:
        return torch.ones(1, 1, dtype=torch.float64)
    angle = torch.arange(AXES, dtype=torch.float64) * math.pi / AXES
    return torch.stack([angle.cos(), angle.sin()], 1)


@dataclass(frozen=True)
class Cost:
    """What samples of one method cost, and how far they are from the density.

    method: its name in `METHODS`. scores: evaluations of the score for a sample; those that a chain needs before its first
    sample are shared by all of it. energies: of the energy, which the draws of s need. error: `wasserstein`.

    >>> Cost("heun", 21.0, 0.0, 0.01).method
    'heun'
    """

    method: str
    scores: float
    energies: float
    error: float


def compare(
    mixture: GaussianMixture,
    methods: Iterable[str],
    budgets: Iterable[int],
    count: int = 4000,
    seed: int = 0,
    sigma_min: float = 0.01,
) -> Iterator[Cost]:
    """The errors of `count` samples of a mixture in one or two dimensions by each of the `METHODS`, at about so many scores a
    sample (`budgets`, from 4 on), one after the other.

    Compare them with the error of `count` exact samples, `exact_error`: none can be much below. Raises `InputError` for other
    methods and budgets.

    >>> from gnc_core.mixture import PRESETS
    >>> few, many = compare(PRESETS["Five components"], ["euler"], [5, 40], count=500)
    >>> few.error > many.error, many.scores
    (True, 40.0)
    """
    for method in methods:
        for budget in budgets:
            yield from filter(None, in_pieces(mixture, method, budget, count, seed, sigma_min))


def in_pieces(
    mixture: GaussianMixture, method: str, budget: int, count: int = 4000, seed: int = 0, sigma_min: float = 0.01
) -> Iterator[Cost | None]:
    """One cost of `compare`, at its end, and None before it, now and then: chains take long, and who shows them wants to stop.

    >>> from gnc_core.mixture import PRESETS
    >>> *before, cost = in_pieces(PRESETS["Five components"], "denoising MCMC", 5, count=20)
    >>> set(before), cost.method
    ({None}, 'denoising MCMC')
    """
    checks.whole(count, "The number of samples", PER_CHAIN)
    if method not in METHODS:
        raise InputError(f"There is no method {method!r}; there are {', '.join(METHODS)}.")
    checks.whole(budget, "The number of scores a sample", 4)
    yield from METHODS[method](method, mixture, budget, count, seed, sigma_min)


def exact_error(mixture: GaussianMixture, count: int, seed: int = 0) -> float:
    """`wasserstein` of so many exact samples.

    >>> from gnc_core.mixture import PRESETS
    >>> 0 < exact_error(PRESETS["Five components"], 1000) < 0.05
    True
    """
    return wasserstein(mixture.draw(count, generator(seed)), mixture)


Method = Callable[[str, GaussianMixture, int, int, int, float], Iterator[Cost | None]]


def _ode(scheme: str, direction: Callable[[MixtureEnergy], Direction]) -> Method:
    """The reverse ODE from noise."""

    def run(
        name: str, mixture: GaussianMixture, budget: int, count: int, seed: int, sigma_min: float
    ) -> Iterator[Cost | None]:
        exact = MixtureEnergy(mixture, sigma_min, NOISE)
        energy = Counted(exact)
        steps = (budget - 1) // 2 if scheme == "heun" else budget - 1
        x = NOISE * noise_like(mixture.means.new_zeros(count, mixture.dimension), generator(seed))
        x = last(ReverseODE(steps, scheme, direction=direction(exact)).run(energy, x, NOISE)).x
        yield Cost(name, float(energy.scores), 0.0, wasserstein(x, mixture))

    return run


def _annealed(direction: Callable[[MixtureEnergy], Direction]) -> Method:
    """Langevin steps at falling smoothings, from noise, and Tweedie's step."""

    def run(
        name: str, mixture: GaussianMixture, budget: int, count: int, seed: int, sigma_min: float
    ) -> Iterator[Cost | None]:
        exact = MixtureEnergy(mixture, sigma_min, NOISE)
        energy, noise = Counted(exact), generator(seed)
        x = NOISE * noise_like(mixture.means.new_zeros(count, mixture.dimension), noise)
        schedule = logarithmic(NOISE, sigma_min, budget - 1)
        state = last(AnnealedLangevin(schedule, h=1.0, direction=direction(exact)).run(energy, x, noise))
        x = tweedie(energy, state.x, state.sigma)
        yield Cost(name, float(energy.scores), 0.0, wasserstein(x, mixture))

    return run


def _denoising_mcmc(
    name: str, mixture: GaussianMixture, budget: int, count: int, seed: int, sigma_min: float
) -> Iterator[Cost | None]:
    """Half of the scores go into the chain between two samples, half into denoising them."""
    energy, noise = Counted(MixtureEnergy(mixture, sigma_min, WALK)), generator(seed)
    apart = max(1, (budget - 1) // 2)
    down = ReverseODE(max(1, (budget - apart - 1) // 2), "heun")
    chains = math.ceil(count / PER_CHAIN)
    x = noise_like(mixture.means.new_zeros(chains, mixture.dimension), noise)
    walk = LangevinGibbs(BURN_IN + PER_CHAIN * apart, h=1.0).run(energy, WALK * x, WALK, noise)
    kept = []
    for state in walk:
        if state.index > BURN_IN and (state.index - BURN_IN) % apart == 0:
            kept.append(state)
        if state.index % PIECE == 0:
            yield None
    walked, energies = energy.scores, energy.energies
    x, sigma = torch.cat([state.x for state in kept]), torch.cat([state.sigma for state in kept])
    x = last(down.run(energy, x, sigma)).x
    scores = walked / PER_CHAIN + energy.scores - walked
    yield Cost(name, scores, energies / PER_CHAIN, wasserstein(x, mixture))


METHODS: dict[str, Method] = {
    "euler": _ode("euler", lambda exact: Plain()),
    "euler, rank one": _ode("euler", lambda exact: RankOne()),
    "euler, exact Hessian": _ode("euler", ExactHessian),
    "heun": _ode("heun", lambda exact: Plain()),
    "langevin": _annealed(lambda exact: Plain()),
    "langevin, rank one": _annealed(lambda exact: RankOne()),
    "langevin, exact Hessian": _annealed(ExactHessian),
    "denoising MCMC": _denoising_mcmc,
}
"""From noise by the reverse ODE and by annealed Langevin steps, each also with bent directions; and denoising MCMC."""
