"""A score learned as a regression with noisy labels: a two-layer network under gradient descent, and its tangent kernel.

    x = x_0 + sigma xi,   minimise  E |x_0 - f(sigma, x)|^2,   score(x, sigma) = (f(sigma, x) - x) / sigma^2

Of all functions f, the posterior mean E[x_0 | x] has the least risk, and its score is grad log p_sigma (Tweedie's formula,
method, section 1): x_0 is that mean with noise, a noisy label. A network that learns the labels of a few samples to the end
learns their noise. Its error against the true score is least before, and that is where to stop.

The reference has the Ornstein-Uhlenbeck process x_t = alpha x_0 + sqrt(h) xi and score = (alpha f - x_t) / h. In the coordinates
x_t / alpha it is the process above, with sigma^2 = h / alpha^2; so all is said in sigma, as elsewhere in this package. As there,
only the first layer is trained, from Gaussian weights; the signs of the second one are fixed.

Reference: Han, Razaviyayn & Xu, "Neural Network-Based Score Estimation in Diffusion Models: Optimization and Generalization"
(2024, arXiv 2401.15604).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from gnc_core import checks
from gnc_core.errors import InputError
from gnc_core.mixture.gaussians import GaussianMixture

MOST_SAMPLES, MOST_UNITS = 2000, 8192
GAIN = 2.0  # of x among the inputs, chosen for data in [-1, 1]^d: about as large as log(sigma)


@dataclass(frozen=True)
class Samples:
    """N draws of x = x_0 + sigma xi. x0: (N, d), the labels. sigma: (N,). x: (N, d).

    >>> one = Samples(torch.zeros(1, 2), torch.ones(1), torch.ones(1, 2))
    >>> one.inputs.tolist()
    [[2.0, 2.0, 0.0, 1.0]]
    """

    x0: Tensor
    sigma: Tensor
    x: Tensor

    @property
    def inputs(self) -> Tensor:
        """What a network sees of them, (N, d + 2)."""
        return inputs(self.x, self.sigma)


def inputs(x: Tensor, sigma: Tensor | float) -> Tensor:
    """u = (2 x, log sigma, 1), (..., d + 2), of points (..., d) and sigma > 0, which broadcasts with (...): time, and a bias.

    >>> inputs(torch.tensor([[0.5, -0.5]]), 1.0).tolist()
    [[1.0, -1.0, 0.0, 1.0]]
    """
    s = torch.as_tensor(sigma, dtype=x.dtype).log().expand(x.shape[:-1])[..., None]
    return torch.cat([GAIN * x, s, torch.ones_like(s)], -1)


def draw(mixture: GaussianMixture, count: int, sigmas: tuple[float, float], seed: int = 0) -> Samples:
    """Samples with x_0 from a mixture, log sigma uniform on [log sigmas[0], log sigmas[1]], and xi ~ N(0, I).

    Raises `InputError` unless count is in 1 ... 2000 and 0 < sigmas[0] <= sigmas[1].

    >>> drawn = draw(GaussianMixture([1.0], [[0.0, 0.0]], [0.01]), 3, (0.1, 0.5))
    >>> drawn.x0.shape, bool((drawn.sigma >= 0.1).all() and (drawn.sigma <= 0.5).all())
    (torch.Size([3, 2]), True)
    """
    checks.whole(count, "The number of samples", 1, MOST_SAMPLES)
    low, high = (checks.number(sigma, "sigma", positive=True) for sigma in sigmas)
    if low > high:
        raise InputError(f"The range of sigma runs upwards, not from {low:g} to {high:g}.")
    random, dtype = torch.Generator().manual_seed(seed), mixture.means.dtype
    x0 = mixture.draw(count, random)
    sigma = low * (high / low) ** torch.rand(count, generator=random, dtype=dtype)
    xi = torch.randn(x0.shape, generator=random, dtype=dtype)
    return Samples(x0, sigma, x0 + sigma[:, None] * xi)


@dataclass(frozen=True)
class Network:
    """f(u) = sum_r a_r relu(w_r . u), two layers. W: (m, d + 2), trained. a: (m, d), of size 1 / sqrt(m), fixed.

    >>> net = Network(torch.tensor([[1.0, 0.0, 0.0, 0.0]]), torch.tensor([[1.0, -1.0]]))
    >>> net(torch.tensor([[3.0, 0.0, 0.0, 1.0]])).tolist()
    [[3.0, -3.0]]
    """

    W: Tensor
    a: Tensor

    def __call__(self, u: Tensor) -> Tensor:
        return ((u.to(self.W.dtype) @ self.W.T).relu() @ self.a).to(u.dtype)


def initial_network(width: int, dimension: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Network:
    """W ~ N(0, I), and a of random signs / sqrt(m), for an output of `dimension` d.

    Every second unit has the weights of the one before and the opposite sign, so that f = 0 at the beginning, as in kernel
    regression; the tangent kernel does not notice. Raises `InputError` unless width m is even, in 2 ... 8192.

    >>> initial_network(8, 2)(torch.rand(5, 4)).abs().max().item() < 1e-6  # but for rounding
    True
    """
    checks.whole(width, "The width of the network", 2, MOST_UNITS)
    if width % 2:
        raise InputError(f"The width of the network is even, for pairs of units, not {width}.")
    random = torch.Generator().manual_seed(seed)
    W = torch.randn(width // 2, dimension + 2, generator=random, dtype=dtype)
    sign = 2.0 * torch.randint(0, 2, (width // 2, dimension), generator=random) - 1
    a = torch.stack([sign, -sign], 1).reshape(width, dimension).to(dtype) / math.sqrt(width)
    return Network(W.repeat_interleave(2, 0), a)


def gradient_descent(network: Network, samples: Samples, rate: float) -> Iterator[Network]:
    """The network after 0, 1, 2, ... iterations of gradient descent on L(W) = sum_j |f(u_j) - x0_j|^2 / (2 N).

        dL / dw_r = 1/N sum_j (a_r . (f(u_j) - x0_j)) 1{w_r . u_j > 0} u_j

    Full batches, always the same samples. Without end; raises `InputError` once the loss is not finite.

    >>> data = draw(GaussianMixture([1.0], [[0.5, 0.0]], [0.01]), 50, (0.2, 0.4))
    >>> start, *_, end = (net for net, _ in zip(gradient_descent(initial_network(64, 2), data, 0.5), range(20)))
    >>> loss(end(data.inputs), data) < loss(start(data.inputs), data)
    True
    """
    W, a, dtype = network.W, network.a, network.W.dtype
    u, x0 = samples.inputs.to(dtype), samples.x0.to(dtype)
    while True:
        yield Network(W, a)
        hidden = u @ W.T
        residual = hidden.relu() @ a - x0
        W = W - rate / len(u) * ((residual @ a.T) * (hidden > 0)).T @ u
        if not residual.sum().isfinite():
            raise InputError("Gradient descent diverged; a smaller step size or a wider network usually helps.")


def tangent_kernel(u: Tensor, v: Tensor) -> Tensor:
    """K(u, v) of inputs (N, k) and (M, k), (N, M): that of the network at its start, as its width goes to infinity.

        K(u, v) = E_w [ u . v  1{w . u > 0} 1{w . v > 0} ] = u . v (pi - angle(u, v)) / (2 pi),   w ~ N(0, I)

    the derivative of an arc-cosine kernel; outputs have nothing to do with each other.

    >>> tangent_kernel(torch.tensor([[2.0, 0.0]]), torch.tensor([[2.0, 0.0], [0.0, 2.0], [-2.0, 0.0]])).tolist()
    [[2.0, 0.0, -0.0]]
    """
    product = u @ v.T
    cosine = product / (u.norm(dim=-1)[:, None] * v.norm(dim=-1)[None])
    return product * (math.pi - cosine.clamp(-1, 1).acos()) / (2 * math.pi)


class KernelRegression:
    """Gradient descent in function space with the tangent kernel, from f = 0: what a network does as its width goes to infinity.

    With K = V diag(l) V' of the samples, k iterations leave (1 - rate l / N)^k of a label's part along an eigenvector, so that

        f_k(u) = K(u, U) V diag( (1 - (1 - rate l_i / N)^k) / l_i ) V' x0

    without any iteration. rate: of gradient descent, for the network too: N / l_max, half of what is stable.

    >>> data = draw(GaussianMixture([1.0], [[0.5, 0.0]], [0.01]), 50, (0.2, 0.4))
    >>> regression = KernelRegression(data)
    >>> fits = [loss(regression.after(k, data.inputs), data) for k in (0, 10, 1000)]
    >>> fits == sorted(fits, reverse=True)
    True
    """

    def __init__(self, samples: Samples) -> None:
        self._u = samples.inputs
        eigenvalues, self._V = torch.linalg.eigh(tangent_kernel(self._u, self._u))
        largest = eigenvalues[-1]
        self._eigenvalues = eigenvalues.clamp(min=1e-14 * float(largest))  # some are below 0, by rounding
        self._labels = self._V.T @ samples.x0
        self.rate = len(self._u) / float(largest)

    def after(self, iterations: float, u: Tensor) -> Tensor:
        """f_k at inputs (M, d + 2), (M, d), after k >= 0 iterations."""
        return self.path([iterations], u)[0]

    def path(self, iterations: list[float] | list[int], u: Tensor) -> Tensor:
        """f_k at inputs (M, d + 2) after several numbers of iterations, (len(iterations), M, d)."""
        left = (1 - self._eigenvalues / self._eigenvalues[-1]).clamp(min=1e-300).log()  # of a part, after an iteration
        k = torch.as_tensor(iterations, dtype=left.dtype)[:, None]
        learned = -torch.expm1(k * left) / self._eigenvalues  # (len(iterations), N)
        return (tangent_kernel(u, self._u) @ self._V) @ (learned[..., None] * self._labels)


def score(f: Tensor, x: Tensor, sigma: Tensor | float) -> Tensor:
    """(f - x) / sigma^2, (..., d), of a prediction f of x_0 at points x (..., d); sigma > 0 broadcasts with (...).

    >>> score(torch.tensor([[0.0, 0.5]]), torch.tensor([[1.0, 0.5]]), 0.5).tolist()
    [[-4.0, 0.0]]
    """
    return (f - x) / torch.as_tensor(sigma, dtype=x.dtype)[..., None] ** 2


def loss(f: Tensor, samples: Samples) -> float:
    """The mean of |x_0 - f|^2 over samples; f: predictions (N, d).

    >>> loss(torch.zeros(1, 2), Samples(torch.tensor([[3.0, 4.0]]), torch.ones(1), torch.ones(1, 2)))
    25.0
    """
    return (samples.x0 - f).square().sum(-1).mean().item()


def score_error(f: Tensor, samples: Samples, exact: Tensor) -> float:
    """E |s - grad log p_sigma|^2 / E |grad log p_sigma|^2 with s = (f - x) / sigma^2, as means over samples that nothing has
    learned from; f: predictions (N, d). exact: grad log p_sigma there, (N, d). 0 for the posterior mean, 1 for s = 0.

    >>> mixture = GaussianMixture([0.5, 0.5], [[-1.0, 0.0], [1.0, 0.0]], [0.01, 0.01])
    >>> held_out = draw(mixture, 100, (0.2, 0.5))
    >>> exact = -mixture.gradient(held_out.x, held_out.sigma)
    >>> score_error(mixture.posterior_mean(held_out.x, held_out.sigma), held_out, exact) < 1e-20
    True
    >>> score_error(held_out.x, held_out, exact)
    1.0
    """
    learned = score(f, samples.x, samples.sigma)
    return ((learned - exact).square().sum() / exact.square().sum()).item()
