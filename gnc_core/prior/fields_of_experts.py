"""The prior: fields of experts with a learned function of (feature, smoothing) behind every kernel.

Method, section 2. With h_0 = x and h_l = phi_l(K_l h_{l-1}, s), the energy is R(x, s) = <1, h_L>, where s = log(sigma).
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn

from gnc_core import checks
from gnc_core.errors import InputError

from . import splines, tiled
from .convolutions import adjoint, convolve
from .functions import Splines
from .splines import Grid

FEATURE_RANGE = 3.5  # what a zero-mean kernel of unit norm, 7 x 7, can reach on an image in [0, 1]


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

    >>> prior = FieldsOfExperts(layers=2)
    >>> flat = torch.full((1, 1, 16, 16), 0.5)  # kernels have mean zero, so brightness changes no energy
    >>> bool(torch.isclose(prior.energy(flat, math.log(0.1)), prior.energy(flat + 0.3, math.log(0.1))))
    True
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
        # Stored with elements of about one, as the increments are: the same step size fits them. `kernels` scales them.
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
            f.start_from(torch.ones_like(f.increments[0]))
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
            return self._total(x, s) + self.constant(s) * x[0].numel()
        h = self.extend(self.scaled(x, s))
        for kernel, phi in zip(self.kernels(), self.functions, strict=True):
            h = splines.evaluate(phi.table(s), convolve(h, kernel), phi.u)
        return h.flatten(1).sum(1) + self.constant(s) * x[0].numel()

    def score(self, x: Tensor, s: float | Tensor) -> Tensor:
        """grad_x R(x, s): (N, 1, H, W), by the explicit reverse pass K_1^T phi_1' K_2^T phi_2' ... 1."""
        x, s = self._meet(x, s)
        if not torch.is_grad_enabled():
            return self._pull_back(x, s, along_s=False)[0]
        kernels = self.kernels()
        h, phi_u = self.extend(self.scaled(x, s)), []
        for kernel, phi in zip(kernels[:-1], self.functions, strict=False):
            h, derivative = splines.value_and_derivative(phi.table(s), convolve(h, kernel), phi.u)
            phi_u.append(derivative)
        last = self.potential
        g = splines.evaluate(last.table(s), convolve(h, kernels[-1]), last.u, order=1)
        while phi_u:
            g = adjoint(g, kernels[len(phi_u)]) * phi_u.pop()
        return self.scaled(self.extend_adjoint(adjoint(g, kernels[0])), s)

    def slope(self, x: Tensor, s: float | Tensor) -> Tensor:
        """dR/ds(x, s): (N,)."""
        if torch.is_grad_enabled() or self.layers > 1:
            return self.score_and_slope(x, s)[1]
        # With one layer it is a sum over features as the energy is, and needs no way back.
        x, s = self._meet(x, s)
        return self._total(x, s, order=1) + self.constant(s, order=1) * x[0].numel()

    def score_and_slope(self, x: Tensor, s: float | Tensor) -> tuple[Tensor, Tensor]:
        """grad_x R and dR/ds, (N, 1, H, W) and (N,): the reverse pass meets every function, so
        dR/ds = sum_l <dR/dh_l, dphi_l/ds (u_l)> comes on the way."""
        x, s = self._meet(x, s)
        if not torch.is_grad_enabled():
            score, along_s = self._pull_back(x, s)
            return score, along_s + self.constant(s, order=1) * x[0].numel()
        kernels, functions = self.kernels(), self.functions
        phi, phi_s = zip(*(f.tables(s) for f in functions), strict=True)
        seen = [convolve(self.extend(self.scaled(x, s)), kernels[0])]  # u_1 ... u_L
        for f, table, kernel in zip(functions, phi, kernels[1:], strict=False):
            seen.append(convolve(splines.evaluate(table, seen[-1], f.u), kernel))
        g, sums = splines.pull_back(phi[-1], seen[-1], self.potential.u)
        slope = self.constant(s, order=1) * x[0].numel() + (sums * phi_s[-1]).flatten(1).sum(1)
        for layer in reversed(range(self.layers - 1)):
            g = adjoint(g, kernels[layer + 1])
            g, sums = splines.pull_back(phi[layer], seen[layer], functions[layer].u, g)
            slope = slope + (sums * phi_s[layer]).flatten(1).sum(1)
        return self.scaled(self.extend_adjoint(adjoint(g, kernels[0])), s), slope

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
            h, phi_u = splines.value_and_derivative(phi.table(s), u, phi.u)
            h_dot = splines.evaluate(phi.table(s, 1), u, phi.u)
            if u_dot is not None:
                h_dot = h_dot + phi_u * u_dot
            seen.append((u, u_dot, phi_u))

        last = self.potential
        u = convolve(h, kernels[-1])
        u_dot = None if h_dot is None else convolve(h_dot, kernels[-1])
        g = splines.evaluate(last.table(s), u, last.u, order=1)
        slope = splines.total(last.table(s, 1), u, last.u)
        if u_dot is not None:
            slope = slope + (g * u_dot).flatten(1).sum(1)
        curvature = _second_in_s(last, s, u, u_dot, None)
        while seen:
            g = adjoint(g, kernels[len(seen)])
            phi = self.functions[len(seen) - 1]
            u, u_dot, phi_u = seen.pop()
            curvature = curvature + _second_in_s(phi, s, u, u_dot, g)
            g = g * phi_u
        n = x[0].numel()
        return (
            self.scaled(self.extend_adjoint(adjoint(g, kernels[0])), s),
            slope + self.constant(s, order=1) * n,
            curvature + self.constant(s, order=2) * n,
        )

    def _layers(self, s: Tensor, order: int = 0, along_s: bool = False) -> tiled.Layers:
        """What `tiled` computes with; order: of the derivative of phi in s that takes the place of phi."""
        at = s if s.stride(0) else s[:1]  # many images share a smoothing: then they share its tables
        phi = [f.table(at, order).expand(len(s), -1, -1, -1) for f in self.functions]
        phi_s = [f.table(at, 1).expand(len(s), -1, -1, -1) if along_s else None for f in self.functions]
        return tiled.Layers(self.kernels(), [f.u for f in self.functions], phi, phi_s, self.padding)

    def _total(self, x: Tensor, s: Tensor, order: int = 0) -> Tensor:
        """<1, h_L>, (N,), without a graph."""
        return tiled.total(self._layers(s, order), self.extend(self.scaled(x, s)))

    def _pull_back(self, x: Tensor, s: Tensor, along_s: bool = True) -> tuple[Tensor, Tensor]:
        """grad_x R and dR/ds without the constant's part, zero without `along_s`; without a graph."""
        gradient, sums = tiled.pull_back(self._layers(s, along_s=along_s), self.extend(self.scaled(x, s)))
        return self.scaled(self.extend_adjoint(gradient), s), sums

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
    """The 2D DCT basis without its constant element, from low to high frequency: (size^2 - 1, 1, size, size), size >= 2.

    >>> kernels = dct_kernels(7).flatten(1)
    >>> kernels.shape, torch.allclose(kernels @ kernels.T, torch.eye(48), atol=1e-6)
    (torch.Size([48, 49]), True)
    """
    size = checks.whole(size, "The size of the kernels", 2)
    n = torch.arange(size, dtype=torch.float64)
    basis = torch.cos(math.pi / size * (n + 0.5) * n[:, None])
    basis = basis / basis.norm(dim=1, keepdim=True)
    kernels = torch.einsum("iy,jx->ijyx", basis, basis).reshape(-1, 1, size, size)
    frequency = (n[:, None] ** 2 + n**2).flatten()
    return kernels[frequency.argsort(stable=True)][1:].float()
