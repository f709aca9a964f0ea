"""The prior: fields of experts with a learned function of (feature, smoothing) behind every kernel.

Method, section 2. With h_0 = x and h_l = phi_l(K_l h_{l-1}, s), the energy is R(x, s) = <1, h_L>, where s = log(sigma).
"""

from __future__ import annotations

import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gnc_core import checks
from gnc_core.errors import InputError

from . import splines, tiled
from .convolutions import adjoint, convolve
from .splines import Grid

FEATURE_RANGE = 3.5  # what a zero-mean kernel of unit norm, 7 x 7, can reach on an image in [0, 1]


class Splines(nn.Module):
    """One function phi_c(u, s) a channel, learned through its slopes.

    Weights are `offset + spacing * cumulated slopes`, zero at the middle knot but for the offset: a step on one slope
    changes phi' near one knot and nowhere else, whatever the number of knots. Those of a potential, whose phi' grows like
    1/sigma, are stored in units of 1/(7 sigma_k) (7: the norm of 48 kernels' adjoints together), so that one step size
    fits all smoothing levels and moves sigma times the score by about itself.

    With an `input_scale` (of the first layer) u is v / a(s), v the feature itself and a(s) = sqrt(sigma^2 + input_scale^2):
    derivatives in s are then those of phi(v / a(s), s) with v held, as functions of u still,

        d/ds = phi_s - b' u phi_u,    d2/ds2 = phi_ss - 2 b' u phi_su - b'' u phi_u + b'^2 u (u phi_u)_u,    b = log a.
    """

    scale: Tensor

    def __init__(
        self, channels: int, u: Grid, s: Grid, *, potential: bool, unit: Tensor | float = 1.0, input_scale: float = 0
    ) -> None:
        """unit: a(s) at the knots in s, what u is measured in; ones without scaling."""
        super().__init__()
        self.u, self.s, self.potential, self.input_scale = u, s, potential, input_scale
        self.slopes = nn.Parameter(torch.zeros(channels, u.weights - 1, s.weights))
        # A constant of a potential changes no score; `c` of the prior holds the one that matters.
        self.offset = None if potential else nn.Parameter(torch.zeros(channels, 1, s.weights))
        self.register_buffer("scale", torch.ones(s.weights), persistent=False)
        if potential:
            self.scale = (unit * torch.exp(-s.positions(dtype=torch.float64)) / 7).float()

    def start_from(self, slope: Tensor) -> None:
        """phi_c(u, s) with phi' = slope at the middles between knots: (weights_u - 1, weights_s), for all channels."""
        with torch.no_grad():
            self.slopes.copy_((slope / self.scale).expand_as(self.slopes))

    def weights(self) -> Tensor:
        """w[c, i, k] of method section 2: (C, weights_u, weights_s), in float64: polynomials are differences of weights,
        and what cancels in float32 would break their continuity."""
        rise = (self.slopes * self.scale * self.u.spacing).double().cumsum(1)
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
            by_u = splines.times_slope(partial[0], self.u)
            total.append(partial[1] - rise * by_u)
        if len(partial) > 2:
            mixed, twice = splines.times_slope(partial[1], self.u), splines.times_slope(by_u, self.u)
            total.append(partial[2] - 2 * rise * mixed - 2 * rise * (1 - rise) * by_u + rise**2 * twice)
        return total


class FieldsOfExperts(nn.Module):
    """R(x, s) of method section 2, for any number of layers.

    layers: L >= 1. channels: kernels a layer (48 with `kernel_size` 7 starts from the whole DCT basis).
    knots_u, knots_hidden, knots_s: knots of the potentials, of the hidden activations, and in s.
    sigma_min, sigma_max: range of the smoothing, in units of the image's range [0, 1].

    generator: of the random start of `hidden_kernels`; default: torch's global one.

    Everywhere images x are (N, 1, H, W), H and W at least `min_size`, and s = log(sigma) is a number or (N,); a single image
    goes with many s, and a single s with many images. Both are converted to the type of the weights (float64 to float32, say),
    and so are the results. Raises `InputError` for anything else: other shapes, integer images, images on another device.

    Boundary: the image is continued by reflection, just as far as all layers together reach; all convolutions are valid ones;
    the score applies the exact adjoint of that.
    """

    c: Tensor

    def __init__(
        self,
        layers: int = 1,
        channels: int = 48,
        kernel_size: int = 7,
        knots_u: int = 127,
        knots_hidden: int = 31,
        knots_s: int = 16,
        sigma_min: float = 0.01,
        sigma_max: float = 0.5,
        input_scale: float = 0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        layers, channels = checks.whole(layers, "layers", 1), checks.whole(channels, "channels", 1)
        kernel_size = checks.whole(kernel_size, "kernel_size", 1)
        knots_u, knots_hidden, knots_s = (
            checks.whole(k, "A number of knots", 2) for k in (knots_u, knots_hidden, knots_s)
        )
        sigma_min, sigma_max = (checks.number(v, "sigma", positive=True) for v in (sigma_min, sigma_max))
        if channels > kernel_size**2 - 1 or kernel_size % 2 == 0 or sigma_min >= sigma_max:
            raise InputError("A prior needs an odd kernel_size, channels < kernel_size^2, and sigma_min < sigma_max.")
        self.architecture = {
            "layers": layers,
            "channels": channels,
            "kernel_size": kernel_size,
            "knots_u": knots_u,
            "knots_hidden": knots_hidden,
            "knots_s": knots_s,
            "sigma_min": sigma_min,
            "sigma_max": sigma_max,
        }
        if input_scale:
            self.architecture["input_scale"] = input_scale
        self.input_scale = input_scale
        self.layers, self.channels = layers, channels
        self.sigma_min, self.sigma_max = sigma_min, sigma_max
        self.padding = kernel_size // 2 + layers - 1
        self.min_size = self.padding + 1

        s = Grid(math.log(sigma_min), math.log(sigma_max), knots_s)
        # Stored with elements of about one, as the slopes are: the same step size fits them. `kernels` scales them.
        self.kernel = nn.Parameter(kernel_size * dct_kernels(kernel_size)[:channels])
        self.hidden_kernels = nn.ParameterList(
            torch.randn(channels, channels, 3, 3, generator=generator) for _ in range(layers - 1)
        )
        reach = FEATURE_RANGE / (math.hypot(sigma_min, input_scale) if input_scale else 1)
        hidden, last = (Grid(-reach, reach, k) for k in (knots_hidden, knots_u))
        unit = self.unit(s.positions(dtype=torch.float64))
        scales = [input_scale, *[0.0] * (layers - 1)]  # the first layer meets the scaled image
        self.hidden = nn.ModuleList(
            Splines(channels, hidden, s, potential=False, unit=unit, input_scale=scale) for scale in scales[:-1]
        )
        self.potential = Splines(channels, last, s, potential=True, unit=unit, input_scale=scales[-1])
        self._start()
        # c(s) a pixel, which no score determines (method, section 3): weights of a spline in s, fitted in training.
        self.register_buffer("c", torch.zeros(s.weights))

    def _start(self) -> None:
        """Hidden functions start as the identity; the last one as the quadratic that would be right for
        white images of variance 0.1^2 (the adjoint chain gains 49, then 2 a hidden layer)."""
        for f in self.functions[:-1]:
            f.start_from(torch.ones_like(f.slopes[0]))
        last = self.potential
        grid = last.u
        u = grid.positions(dtype=torch.float64)[:-1] + grid.spacing / 2
        sigma2 = torch.exp(2 * last.s.positions(dtype=torch.float64))
        gain = self.kernel.shape[-1] ** 2 * 2 ** (self.layers - 1)
        unit = self.unit(last.s.positions(dtype=torch.float64))
        last.start_from((unit**2 * u[:, None] / (sigma2 + 0.1**2) / gain).float())

    # --- the layers -----------------------------------------------------------------------------------------------

    def kernels(self) -> list[Tensor]:
        """K_1 with zero mean and unit norm a kernel (C, 1, 7, 7), then K_2, ... (C, C, 3, 3), Kaiming's scale for normal
        parameters."""
        k = self.kernel - self.kernel.mean((2, 3), keepdim=True)
        kaiming = math.sqrt(2 / (9 * self.channels))
        return [k / k.flatten(1).norm(dim=1).view(-1, 1, 1, 1), *(kaiming * k for k in self.hidden_kernels)]

    def extend(self, x: Tensor) -> Tensor:
        """The image continued by reflection: (N, 1, H, W) to (N, 1, H + 2p, W + 2p)."""
        x = self._images(x)
        return _unfold(_unfold(x, 2, self.padding), 3, self.padding)

    def extend_adjoint(self, y: Tensor) -> Tensor:
        """The exact adjoint of `extend`: what lies outside is added back to where it was reflected from."""
        return _fold(_fold(y, 2, self.padding), 3, self.padding)

    @property
    def functions(self) -> list[Splines]:
        """phi_1 ... phi_L, from the image upwards."""
        return [*cast(list[Splines], list(self.hidden)), self.potential]

    def _images(self, x: Tensor) -> Tensor:
        """The images in the type of the weights, if they can be taken."""
        checks.check_image(x)
        if x.shape[1] != 1:
            raise InputError(
                f"This prior is of grey images, not of {x.shape[1]} channels; `ByChannel` takes them one by one."
            )
        checks.check_size(x, self.min_size)
        if x.device != self.c.device:
            raise InputError(f"The images are on {x.device}, but the prior is on {self.c.device}.")
        return x.to(self.c.dtype)

    def _meet(self, x: Tensor, s: float | Tensor) -> tuple[Tensor, Tensor]:
        """As many images, (N, 1, H, W), as smoothings, (N,), in the type of the weights."""
        x = self._images(x)
        if isinstance(s, Tensor):
            s = s.to(x)
        elif getattr(s, "ndim", 0) or isinstance(s, (list, tuple)):
            s = x.new_tensor(checks.numbers(s, "The smoothings s"))
        elif abs(s := checks.number(s, "The smoothing s")) <= 700:
            s = x.new_full((), s)
        else:
            raise InputError(f"The smoothing s is the logarithm of sigma, which is no number for s = {s:g}.")
        count = len(x) if s.ndim == 0 or s.shape == (1,) else s.numel()
        if s.ndim > 1 or not count or len(x) not in (1, count):
            raise InputError(
                f"{len(x)} images do not go with smoothings s of the shape {tuple(s.shape)}; give one, or as many."
            )
        return x.expand(count, -1, -1, -1), s.expand(count)

    def unit(self, s: Tensor) -> Tensor:
        """a(s) = sqrt(sigma^2 + input_scale^2), what images are divided by; 1 without scaling."""
        return torch.sqrt((2 * s).exp() + self.input_scale**2) if self.input_scale else torch.ones_like(s)

    def scaled(self, x: Tensor, s: Tensor) -> Tensor:
        """x / a(s), what the layers see; also what turns their gradient into the score."""
        return x / self.unit(s).view(-1, 1, 1, 1) if self.input_scale else x

    # --- energy and score -----------------------------------------------------------------------------------------

    def energy(self, x: Tensor, s: float | Tensor) -> Tensor:
        """R(x, s) an image: (N,)."""
        x, s = self._meet(x, s)
        if not torch.is_grad_enabled():
            return tiled.energy(self, x, s)
        h = self.extend(self.scaled(x, s))
        for kernel, phi in zip(self.kernels(), self.functions, strict=True):
            h = splines.evaluate(phi.table(s), convolve(h, kernel), phi.u)
        return h.flatten(1).sum(1) + self.constant(s) * x[0].numel()

    def score(self, x: Tensor, s: float | Tensor) -> Tensor:
        """grad_x R(x, s): (N, 1, H, W), by the explicit reverse pass K_1^T phi_1' K_2^T phi_2' ... 1."""
        x, s = self._meet(x, s)
        if not torch.is_grad_enabled():
            return tiled.score_and_slope(self, x, s, with_slope=False)[0]
        kernels = self.kernels()
        h, slopes = self.extend(self.scaled(x, s)), []
        for kernel, phi in zip(kernels[:-1], self.functions, strict=False):
            h, slope = splines.value_and_derivative(phi.table(s), convolve(h, kernel), phi.u)
            slopes.append(slope)
        last = self.potential
        g = splines.evaluate(last.table(s), convolve(h, kernels[-1]), last.u, order=1)
        while slopes:
            g = adjoint(g, kernels[len(slopes)]) * slopes.pop()
        return self.scaled(self.extend_adjoint(adjoint(g, kernels[0])), s)

    def slope(self, x: Tensor, s: float | Tensor) -> Tensor:
        """dR/ds(x, s): (N,)."""
        if torch.is_grad_enabled():
            return self.score_and_slope(x, s)[1]
        return tiled.slope(self, *self._meet(x, s))

    def score_and_slope(self, x: Tensor, s: float | Tensor) -> tuple[Tensor, Tensor]:
        """grad_x R and dR/ds, (N, 1, H, W) and (N,): the reverse pass meets every function, so
        dR/ds = sum_l <dR/dh_l, dphi_l/ds (u_l)> comes on the way."""
        x, s = self._meet(x, s)
        if not torch.is_grad_enabled():
            return tiled.score_and_slope(self, x, s)
        kernels, functions = self.kernels(), self.functions
        tables, slopes = zip(*(phi.tables(s) for phi in functions), strict=True)
        seen = [convolve(self.extend(self.scaled(x, s)), kernels[0])]  # u_1 ... u_L
        for phi, table, kernel in zip(functions, tables, kernels[1:], strict=False):
            seen.append(convolve(splines.evaluate(table, seen[-1], phi.u), kernel))
        g, sums = splines.pull_back(tables[-1], seen[-1], self.potential.u)
        slope_s = self.constant(s, order=1) * x[0].numel() + (sums * slopes[-1]).flatten(1).sum(1)
        for layer in reversed(range(self.layers - 1)):
            g = adjoint(g, kernels[layer + 1])
            g, sums = splines.pull_back(tables[layer], seen[layer], functions[layer].u, g)
            slope_s = slope_s + (sums * slopes[layer]).flatten(1).sum(1)
        return self.scaled(self.extend_adjoint(adjoint(g, kernels[0])), s), slope_s

    def derivatives(self, x: Tensor, s: float | Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """grad_x R (N, 1, H, W), dR/ds (N,) and d2R/ds2 (N,): what the loss of section 3 needs.

        Tangents in s go up through the layers, u' = K_l h', h' = phi' u' + phi_s; what a layer adds to the second
        derivative, q_l = phi'' u'^2 + 2 phi_s' u' + phi_ss, is met by the reverse pass: d2R/ds2 = sum_l <dR/dh_l, q_l>.
        """
        x, s = self._meet(x, s)
        kernels = self.kernels()
        seen: list[tuple[Tensor, Tensor | None, Tensor]] = []
        h, h_dot = self.extend(self.scaled(x, s)), None
        for kernel, phi in zip(kernels[:-1], self.functions, strict=False):
            u = convolve(h, kernel)
            u_dot = None if h_dot is None else convolve(h_dot, kernel)
            h, slope = splines.value_and_derivative(phi.table(s), u, phi.u)
            h_dot = splines.evaluate(phi.table(s, 1), u, phi.u)
            if u_dot is not None:
                h_dot = h_dot + slope * u_dot
            seen.append((u, u_dot, slope))

        last = self.potential
        u = convolve(h, kernels[-1])
        u_dot = None if h_dot is None else convolve(h_dot, kernels[-1])
        g = splines.evaluate(last.table(s), u, last.u, order=1)
        slope_s = splines.total(last.table(s, 1), u, last.u)
        if u_dot is not None:
            slope_s = slope_s + (g * u_dot).flatten(1).sum(1)
        curvature_s = _second_in_s(last, s, u, u_dot, None)
        while seen:
            g = adjoint(g, kernels[len(seen)])
            phi = self.functions[len(seen) - 1]
            u, u_dot, slope = seen.pop()
            curvature_s = curvature_s + _second_in_s(phi, s, u, u_dot, g)
            g = g * slope
        n = x[0].numel()
        return (
            self.scaled(self.extend_adjoint(adjoint(g, kernels[0])), s),
            slope_s + self.constant(s, order=1) * n,
            curvature_s + self.constant(s, order=2) * n,
        )

    def constant(self, s: Tensor, order: int = 0) -> Tensor:
        """c(s) a pixel, or its derivative of an order: (N,) to (N,). See method, section 3."""
        return splines.basis(s, self.potential.s, order) @ self.c


# The library's own reflection has an adjoint that adds in any order on a GPU, so that its last bits vary. These two do not.


def _unfold(x: Tensor, dim: int, p: int) -> Tensor:
    """Continues the rows (or columns) by p beyond each end, by reflection."""
    first, last = x.narrow(dim, 1, p), x.narrow(dim, x.shape[dim] - 1 - p, p)
    return torch.cat([first.flip(dim), x, last.flip(dim)], dim)


def _fold(y: Tensor, dim: int, p: int) -> Tensor:
    """The adjoint of `_unfold`."""
    size = y.shape[dim] - 2 * p
    out = y.narrow(dim, p, size).clone()
    out.narrow(dim, 1, p).add_(y.narrow(dim, 0, p).flip(dim))
    out.narrow(dim, size - 1 - p, p).add_(y.narrow(dim, p + size, p).flip(dim))
    return out


def _second_in_s(phi: Splines, s: Tensor, u: Tensor, u_dot: Tensor | None, weight: Tensor | None) -> Tensor:
    """<weight, phi'' u_dot^2 + 2 phi_s' u_dot + phi_ss> an image: (N,)."""
    result = splines.total(phi.table(s, 2), u, phi.u, weight=weight)
    if u_dot is None:
        return result
    weighted = u_dot if weight is None else weight * u_dot
    result = result + 2 * splines.total(phi.table(s, 1), u, phi.u, weight=weighted, order=1)
    return result + splines.total(phi.table(s), u, phi.u, weight=weighted * u_dot, order=2)


def dct_kernels(size: int) -> Tensor:
    """The 2D DCT basis without its constant element, from low to high frequency: (size^2 - 1, 1, size, size), size >= 2."""
    size = checks.whole(size, "The size of the kernels", 2)
    n = torch.arange(size, dtype=torch.float64)
    basis = torch.cos(math.pi / size * (n + 0.5) * n[:, None])
    basis = basis / basis.norm(dim=1, keepdim=True)
    kernels = torch.einsum("iy,jx->ijyx", basis, basis).reshape(-1, 1, size, size)
    frequency = (n[:, None] ** 2 + n**2).flatten()
    return kernels[frequency.argsort(stable=True)][1:].float()
