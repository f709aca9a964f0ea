"""The learned functions of a layer: one of (feature, smoothing) a channel (method, section 2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import splines
from .splines import Grid


class Splines(nn.Module):
    """One function phi_c(u, s) a channel, learned through its increments.

    Weights are `offset + spacing * cumulated increments`, zero at the middle knot but for the offset: a step on one increment
    changes phi' near one knot and nowhere else, whatever the number of knots. Those of a potential, whose phi' grows like
    1/sigma, are stored in units of 1/(7 sigma_k) (7: the norm of 48 kernels' adjoints together), so that one step size
    fits all smoothing levels and moves sigma times the score by about itself.

    With an `input_scale` (of the first layer) u is v / a(s), v the feature itself and a(s) = sqrt(sigma^2 + input_scale^2):
    derivatives in s are then those of phi(v / a(s), s) with v held, as functions of u still,

        d/ds = phi_s - b' u phi_u,    d2/ds2 = phi_ss - 2 b' u phi_su - b'' u phi_u + b'^2 u (u phi_u)_u,    b = log a.

    >>> phi = Splines(48, Grid(-3.5, 3.5, 127), Grid(-4.6, -0.7, 16), potential=True)
    >>> phi.weights().shape, phi.table(torch.tensor([-2.0])).shape
    (torch.Size([48, 131, 20]), torch.Size([1, 48, 129, 5]))
    """

    scale: Tensor

    def __init__(
        self, channels: int, u: Grid, s: Grid, *, potential: bool, unit: Tensor | float = 1.0, input_scale: float = 0
    ) -> None:
        """unit: a(s) at the knots in s, what u is measured in; ones without scaling."""
        super().__init__()
        self.u, self.s, self.potential, self.input_scale = u, s, potential, input_scale
        self.increments = nn.Parameter(torch.zeros(channels, u.weights - 1, s.weights))
        # A constant of a potential changes no score; `c` of the prior holds the one that matters.
        self.offset = None if potential else nn.Parameter(torch.zeros(channels, 1, s.weights))
        self.register_buffer("scale", torch.ones(s.weights), persistent=False)
        if potential:
            self.scale = (unit * torch.exp(-s.positions(dtype=torch.float64)) / 7).float()

    def start_from(self, derivative: Tensor) -> None:
        """phi_c(u, s) with phi' = derivative at the middles between knots: (weights_u - 1, weights_s), for all channels."""
        with torch.no_grad():
            self.increments.copy_((derivative / self.scale).expand_as(self.increments))

    def weights(self) -> Tensor:
        """w[c, i, k] of method section 2: (C, weights_u, weights_s), in float64: polynomials are differences of weights,
        and what cancels in float32 would break their continuity."""
        rise = (self.increments * self.scale * self.u.spacing).double().cumsum(1)
        rise = F.pad(rise, (0, 0, 1, 0))
        middle = (self.u.weights - 1) // 2
        result = rise - rise[:, middle : middle + 1]
        return result if self.offset is None else result + self.offset

    def table(self, s: Tensor, order: int = 0) -> Tensor:
        """Polynomials in u of d^order phi / ds^order at s: (N,) to (N, C, knots + 2, 5)."""
        return self.tables(s, (order,))[0]

    def tables(self, s: Tensor, orders: tuple[int, ...] = (0, 1)) -> tuple[Tensor, ...]:
        """The tables of several orders, as `table` has them."""
        needed = range(max(orders) + 1) if self.input_scale else orders
        basis = torch.stack([splines.basis(s.double(), self.s, order) for order in needed])
        weights = torch.einsum("cik,onk->onci", self.weights(), basis)
        found = splines.polynomials(weights, continuation=2 if self.potential else 1)
        if not self.input_scale:
            return found.to(s.dtype).unbind()
        total = self._along(s.double(), found)
        return tuple(total[order].to(s.dtype) for order in orders)

    def _along(self, s: Tensor, partial: Tensor) -> list[Tensor]:
        """From the partial derivatives in s, of orders 0, 1, ..., to the total ones with the unscaled feature held."""
        sigma2 = (2 * s).exp().view(-1, 1, 1, 1)
        rise = sigma2 / (sigma2 + self.input_scale**2)  # b'
        total = [partial[0]]
        if len(partial) > 1:
            by_u = splines.times_derivative(partial[0], self.u)
            total.append(partial[1] - rise * by_u)
        if len(partial) > 2:
            mixed, twice = splines.times_derivative(partial[1], self.u), splines.times_derivative(by_u, self.u)
            total.append(partial[2] - 2 * rise * mixed - 2 * rise * (1 - rise) * by_u + rise**2 * twice)
        return total
