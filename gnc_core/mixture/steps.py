"""A single step of the GNC flow in one dimension, taken apart (method, section 1).

If y = x + sigma eta with x from the mixture, then p(x | y) is a mixture again: component i has the weight r_i(y), the mean
(v_i y + sigma^2 mu_i) / C_i and the variance v_i sigma^2 / C_i, with C_i = v_i + sigma^2. Its mean is where the step
y - sigma^2 E'(y, sigma) leads (Tweedie), and its variance is sigma^2 times that mean's derivative, sigma^2 (1 - sigma^2 E'').
"""

from dataclasses import dataclass
from typing import Any

import torch

from gnc_core.errors import InputError

from .convexity import numbers, one_dimensional_means
from .gaussians import GaussianMixture


@dataclass(frozen=True)
class TakenApart:
    """A step from x at the smoothing sigma.

    energy, gradient: E(x, sigma) and E'(x, sigma). step: -sigma^2 E', what is added to x. mean: of the posterior, found from its
    components alone; it is x + step. deviation: the posterior's standard deviation. posterior: p(. | x).

    >>> from gnc_core.mixture import PRESETS
    >>> taken = take_apart(PRESETS["Five components"], 0.2, 0.3)
    >>> isinstance(taken, TakenApart), abs(taken.mean - (taken.x + taken.step)) < 1e-9
    (True, True)
    """

    x: float
    sigma: float
    energy: float
    gradient: float
    step: float
    mean: float
    deviation: float
    posterior: GaussianMixture


def posterior(mixture: GaussianMixture, y: float, sigma: float) -> GaussianMixture:
    """p(x | y) for y = x + sigma eta with x from a mixture in one dimension.

    Raises:
        InputError: a mixture in more dimensions, y that is no finite number, sigma that is not positive.

    >>> seen = posterior(GaussianMixture([0.5, 0.5], [-1.0, 1.0], [0.0, 0.0]), y=0.0, sigma=0.5)
    >>> seen.weights.tolist(), seen.means[:, 0].tolist()  # at equal distance: as likely the one as the other
    ([0.5, 0.5], [-1.0, 1.0])
    """
    mu = one_dimensional_means(mixture)
    y_, sigma_ = _one(y, "y"), _one(sigma, "sigma")
    if sigma_ <= 0:
        raise InputError("A step needs a smoothing sigma that is positive.")
    v = mixture.variances[:, 0]
    C = mixture.smoothed_variances(sigma_)[:, 0]
    r = torch.softmax(mixture.weights.log() - 0.5 * ((y_ - mu) ** 2 / C + C.log()), 0)
    return GaussianMixture(r, (v * y_ + sigma_**2 * mu) / C, v * sigma_**2 / C, mixture.means.dtype)


def take_apart(mixture: GaussianMixture, x: float, sigma: float) -> TakenApart:
    """The step x - sigma^2 E'(x, sigma) of Algorithm 1, and the posterior whose mean it leads to.

    Raises `InputError` as `posterior`.

    >>> apart = take_apart(GaussianMixture([1.0], [0.0], [0.25]), x=1.0, sigma=0.5)  # halfway to the mean of a Gaussian
    >>> apart.step, apart.mean, round(apart.deviation, 4)
    (-0.5, 0.5, 0.3536)
    """
    seen = posterior(mixture, x, sigma)
    mean = (seen.weights * seen.means[:, 0]).sum()
    variance = (seen.weights * (seen.variances[:, 0] + (seen.means[:, 0] - mean) ** 2)).sum()
    gradient = float(mixture.gradient([x], sigma))
    return TakenApart(
        float(x), float(sigma), float(mixture.energy([x], sigma)), gradient, -float(sigma) ** 2 * gradient, float(mean),
        float(variance.sqrt()), seen,
    )  # fmt: skip


def _one(value: Any, name: str) -> float:
    found = numbers(value, name)
    if len(found) != 1:
        raise InputError(f"{name} must be one number.")
    return float(found[0])
