"""Mixtures for the tests, and a search of their smallest curvature that knows nothing of where to look."""

import math

import numpy as np

from gnc_core.mixture.examples import PRESETS
from gnc_core.mixture.gaussians import GaussianMixture

DEFAULT = PRESETS["Five components"]
WIDTHS = ["Dirac", "equal", "unequal", "some Dirac"]
SHARES = ["equal", "unequal", "extreme"]


def random_mixture(rng: np.random.Generator, widths: str, fewest: int = 1) -> GaussianMixture:
    """`fewest` to 8 components on [-1, 1], every third mixture crowded into a part of it."""
    K = int(rng.integers(fewest, 9))
    means = rng.uniform(-1, 1, K)
    if rng.random() < 1 / 3:
        means = 0.5 * means[0] + 0.4 * means * 10 ** rng.uniform(-2, 0)
    variances = {
        "Dirac": np.zeros(K),
        "equal": np.full(K, 10 ** rng.uniform(-4, -1)),
        "unequal": 10 ** rng.uniform(-4, 0, K),
        "some Dirac": np.where(rng.random(K) < 0.5, 0.0, 10 ** rng.uniform(-4, 0, K)),
    }[widths]
    weights = {"equal": np.ones(K), "unequal": rng.uniform(0.05, 1, K), "extreme": 10 ** rng.uniform(-9, 0, K)}
    return GaussianMixture(weights[SHARES[rng.integers(3)]], means, variances)


def slope_and_curvature(mixture: GaussianMixture, sigma: float, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """E' and E'' by the formulas of the method, written out."""
    mu, C = mixture.means[:, 0].numpy(), mixture.variances[:, 0].numpy() + sigma**2
    logs = np.log(mixture.weights.numpy()) - 0.5 * np.log(C) - (x[:, None] - mu) ** 2 / (2 * C)
    r = np.exp(logs - logs.max(1, keepdims=True))
    r /= r.sum(1, keepdims=True)
    a = (x[:, None] - mu) / C
    mean = (r * a).sum(1)
    return mean, (r / C).sum(1) - (r * (a - mean[:, None]) ** 2).sum(1)


def dense_smallest_curvature(
    mixture: GaussianMixture, sigma: float, domain: tuple[float, float] = (-1.0, 1.0)
) -> float:
    """Equidistant points, six to the shortest transition that there can be, C_min / D, then closer around the best."""
    shortest = float(mixture.variances.min()) + sigma**2
    shortest /= max(float(mixture.means.max() - mixture.means.min()), math.sqrt(shortest))
    x = np.linspace(*domain, int(6 * (domain[1] - domain[0]) / shortest) + 3)
    spacing = x[1] - x[0]
    y = np.concatenate(
        [slope_and_curvature(mixture, sigma, part)[1] for part in np.array_split(x, len(x) // 50_000 + 1)]
    )
    best = x[y.argsort()[:3], None]
    fine = (best + spacing * np.linspace(-1, 1, 2001)).clip(*domain).ravel()
    return float(slope_and_curvature(mixture, sigma, fine)[1].min())
