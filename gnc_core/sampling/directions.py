"""Levenberg-Marquardt-Langevin: the direction of a step, bent by an estimate of the curvature.

With the noise direction e = sigma grad_x R and its running average e_bar, the Hessian is taken to be e_bar e_bar^T; damped by
lambda,

    v = lambda (lambda I + e_bar e_bar^T)^{-1} e = e - e_bar <e_bar, e> / (lambda + |e_bar|^2),

rescaled to the length of e, takes the place of e (Wang et al., Unleashing High-Quality Image Generation in Diffusion Sampling
Using Second-Order Levenberg-Marquardt-Langevin, 2025). In one dimension nothing changes, since v has the direction of e.

What holds only approximately: directions are bent, noise is not, so that chains no longer sample exp(-R). The error
of the ODE falls to that of the unbent one as steps get small, where e_bar has the direction of e. With few steps `RankOne` is an
extrapolation (away from where the steps before went), which helps Euler's method; it is not curvature that helps: with
the true Hessian in its place, the ODE no longer leads to p, while chains come closer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from gnc_core import checks
from gnc_core.errors import InputError

Bend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From the noise direction e, the points x, both (N, ...), and sigma, (N,), to the direction that is taken, (N, ...)."""


class Direction(Protocol):
    """How a run of so many steps bends its directions.

    >>> directions: list[Direction] = [Plain(), RankOne()]
    >>> e = torch.tensor([[3.0, 4.0]])
    >>> [direction.start(steps=10)(e, e, torch.ones(1)).tolist() for direction in directions]
    [[[3.0, 4.0]], [[3.0, 4.0]]]
    """

    def start(self, steps: int) -> Bend:
        """The function that is asked at every step, in turn."""


@dataclass(frozen=True)
class Plain:
    """e itself: first order; `PLAIN` is one.

    >>> Plain().start(steps=1)(torch.ones(1, 2), torch.zeros(1, 2), torch.ones(1)).tolist()
    [[1.0, 1.0]]
    """

    def start(self, steps: int) -> Bend:
        return lambda e, x, sigma: e


PLAIN = Plain()


@dataclass(frozen=True)
class RankOne:
    """The direction of Levenberg-Marquardt-Langevin, with e_bar e_bar^T for the Hessian.

    damping: lambda / n, > 0, for n numbers a point: |e|^2 is about n where points are all noise. memory: e_bar becomes
    memory e_bar + (1 - memory) e after every step, in [0, 1). off: the first share of the steps, in [0, 1], whose direction is e.
    Raises `InputError` for values outside.

    >>> bend = RankOne(damping=0.5, off=0.0).start(steps=2)
    >>> _ = bend(torch.tensor([[1.0, 0.0]]), torch.zeros(1, 2), torch.ones(1))
    >>> bend(torch.tensor([[0.6, 0.8]]), torch.zeros(1, 2), torch.ones(1))  # less of what the last step went along
    tensor([[0.3511, 0.9363]])
    """

    damping: float = 1.0
    memory: float = 0.5
    off: float = 0.2

    def __post_init__(self) -> None:
        checks.number(self.damping, "The damping", positive=True)
        _share(self.memory, "The memory of e_bar", below_one=True)
        _share(self.off, "The share of steps without curvature")

    def start(self, steps: int) -> Bend:
        e_bar, taken = None, 0

        def bend(e: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
            nonlocal e_bar, taken
            v, flat, taken = e, e.flatten(1), taken + 1
            if e_bar is not None and taken > self.off * steps:
                damping = self.damping * flat.shape[1]
                along = (e_bar * flat).sum(1, keepdim=True) / (damping + e_bar.square().sum(1, keepdim=True))
                v = _as_long_as(e, flat - e_bar * along)
            e_bar = flat if e_bar is None else self.memory * e_bar + (1 - self.memory) * flat
            return v

        return bend


@dataclass(frozen=True)
class ExactHessian:
    """The yardstick for `RankOne`: v = (lambda I + H)^{-1} e, as long as e, with the true Hessian H = sigma^2 hess_x R.

    of: what has a `hessian`, such as a `MixtureEnergy`. Negative eigenvalues of H, which a Gauss-Newton matrix has none of,
    count as 0. damping: lambda itself: H is I where points are all noise. off: as for `RankOne`; raises as it does.

    >>> from gnc_core.mixture import GaussianMixture
    >>> from gnc_core.sampling import MixtureEnergy
    >>> wide = MixtureEnergy(GaussianMixture([1.0], [[0.0, 0.0]], [[[0.0, 0.0], [0.0, 3.0]]]))
    >>> e = torch.ones(1, 2, dtype=torch.float64)
    >>> ExactHessian(wide, damping=0.1, off=0).start(1)(e, e, torch.ones(1)).numpy().round(3)  # further where it is flat
    array([[0.429, 1.348]])
    """

    of: Any
    damping: float = 0.5
    off: float = 0.2

    def __post_init__(self) -> None:
        checks.number(self.damping, "The damping", positive=True)
        _share(self.off, "The share of steps without curvature")

    def start(self, steps: int) -> Bend:
        taken = 0

        def bend(e: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
            nonlocal taken
            taken += 1
            if taken <= self.off * steps:
                return e
            H = sigma.to(x)[:, None, None] ** 2 * self.of.hessian(x, sigma.log())
            values, axes = torch.linalg.eigh(H)
            weighted = (axes.mT @ e.flatten(1)[..., None]) / (self.damping + values.clamp(min=0))[..., None]
            return _as_long_as(e, (axes @ weighted)[..., 0])

        return bend


def _as_long_as(e: Tensor, v: Tensor) -> Tensor:
    """v, (N, n), scaled to the lengths of e, in the shape of e."""
    lengths = e.flatten(1).norm(dim=1, keepdim=True), v.norm(dim=1, keepdim=True)
    return (v * (lengths[0] / lengths[1].clamp(min=torch.finfo(v.dtype).tiny))).view_as(e)


def _share(value: float, name: str, below_one: bool = False) -> None:
    if not 0 <= checks.number(value, name) <= 1 or (below_one and value == 1):
        raise InputError(f"{name} must lie in [0, 1{')' if below_one else ']'}, not {value:g}.")
