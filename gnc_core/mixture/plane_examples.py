"""Sets of points in the plane, each with something to teach about convexity and the GNC flow."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from gnc_core.errors import InputError

from .gaussians import GaussianMixture

MOST_POINTS = 150
PLANE = 1.0  # points lie in [-PLANE, PLANE]^2
PLANE_SIGMAS = (0.05, 1.5)  # smoothings that are shown; flows end at the smaller
STARTS_A_SIDE = 9


def two_dimensional(points: Any) -> GaussianMixture:
    """The empirical measure of points in the plane, (N, 2): Dirac components of equal weight, p = sum_i delta(mu_i) / N.

    Points lie in [-1, 1]^2. Their energy exists for sigma > 0: E(x, sigma) = -log sum_i N(x; mu_i, sigma^2 I) / N.

    Raises:
        InputError: no point or more than 150, points that are not two finite numbers, or outside the square.

    >>> two_dimensional([(-0.5, 0.0), (0.5, 0.0)]).posterior_mean([[0.0, 0.3]], sigma=0.4).tolist()
    [[0.0, 0.0]]
    """
    try:
        array = np.asarray(points, dtype=float)
    except (TypeError, ValueError, OverflowError):
        raise InputError("Points must be pairs of numbers (x1, x2).") from None
    if array.size == 0:
        raise InputError("The plane needs at least one point.")
    if array.ndim != 2 or array.shape[1] != 2 or not np.isfinite(array).all():
        raise InputError("Points must be pairs of finite numbers (x1, x2).")
    if len(array) > MOST_POINTS:
        raise InputError(f"The plane may have at most {MOST_POINTS} points.")
    if (np.abs(array) > PLANE).any():
        raise InputError("Points must lie in the square [-1, 1] x [-1, 1].")
    return GaussianMixture(np.ones(len(array)), array, np.zeros(len(array)))


def plane_starts(a_side: int = STARTS_A_SIDE) -> Tensor:
    """Starts of flows: a_side^2 points equally spaced on [-1, 1]^2, (a_side^2, 2), float64; x1 runs fastest.

    Raises `InputError` unless a_side >= 2.

    >>> plane_starts(2).tolist()
    [[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]]
    """
    if a_side < 2:
        raise InputError("A grid of starts has at least 2 on a side.")
    line = torch.linspace(-PLANE, PLANE, a_side, dtype=torch.float64)
    return torch.cartesian_prod(line, line).flip(-1)


# What each of them shows has been computed; tests/claims holds the page to it.
PLANE_PRESETS: dict[str, list[tuple[float, float]]] = {
    # The running example: 14 points and 8.
    "Two clusters": [
        (-0.23, -0.63),
        (-0.45, -0.37),
        (-0.56, -0.33),
        (-0.76, -0.33),
        (-0.61, 0.13),
        (-0.47, -0.35),
        (-0.54, -0.39),
        (-0.64, -0.35),
        (-0.44, -0.33),
        (-0.38, -0.33),
        (-0.5, -0.1),
        (-0.43, -0.37),
        (-0.52, -0.23),
        (-0.25, -0.34),
        (0.52, 0.53),
        (0.43, 0.36),
        (0.66, 0.48),
        (0.56, 0.49),
        (0.18, 0.53),
        (0.43, 0.18),
        (0.59, 0.49),
        (0.49, 0.26),
    ],
    # The bound D/2 is exact.
    "Two points": [(-0.6, 0), (0.6, 0)],
    # Four corners: half a side is enough, D/2 is the square root of two times as much.
    "Square": [(-0.6, -0.6), (0.6, -0.6), (0.6, 0.6), (-0.6, 0.6)],
    # The threshold is D/2 again, but what is not convex just below it lies far outside.
    "Triangle": [(-0.6, -0.35), (0.6, -0.35), (0, 0.69)],
    # One minimum in the middle, where there is no data, which then breaks up.
    "Ring": [
        (0.8, 0),
        (0.74, 0.31),
        (0.57, 0.57),
        (0.31, 0.74),
        (0, 0.8),
        (-0.31, 0.74),
        (-0.57, 0.57),
        (-0.74, 0.31),
        (-0.8, 0),
        (-0.74, -0.31),
        (-0.57, -0.57),
        (-0.31, -0.74),
        (-0, -0.8),
        (0.31, -0.74),
        (0.57, -0.57),
        (0.74, -0.31),
    ],
    # A tight group of 8 is the deepest well, a wide one of 24 has the mass.
    "GNC fails": [
        (-0.6, 0.55),
        (-0.57, 0.56),
        (-0.6, 0.57),
        (-0.6, 0.53),
        (-0.59, 0.56),
        (-0.6, 0.53),
        (-0.6, 0.5),
        (-0.59, 0.56),
        (-0.13, -0.23),
        (0.05, -0.05),
        (-0.23, -0.49),
        (0.48, 0.05),
        (-0.26, -0.38),
        (0.39, -0.41),
        (0.71, -0.56),
        (0.39, -0.52),
        (0.67, -0.26),
        (0.2, -0.7),
        (0.74, -0.05),
        (0.5, 0.05),
        (0.39, -0.42),
        (0.09, -0.46),
        (0.66, -0.63),
        (0.14, -0.33),
        (0.36, -0.1),
        (-0.02, -0.7),
        (0.3, 0.07),
        (0.5, -0.19),
        (0.22, -0.17),
        (0.24, -0.04),
        (0.09, -0.22),
        (0.27, -0.11),
    ],
}
