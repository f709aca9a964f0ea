"""Named mixtures in one dimension, each with something to teach about the GNC flow."""

from collections.abc import Sequence

import numpy as np

from gnc_core.errors import InputError

from .gaussians import GaussianMixture

MOST_COMPONENTS = 50


def one_dimensional(rows: Sequence[Sequence[float]]) -> GaussianMixture:
    """The mixture of a table: a row (weight, mean, standard deviation) per component.

    Means lie in the domain [-1, 1]; a standard deviation of 0 is a Dirac component.

    Raises:
        InputError: no row or more than 50, rows that are not three finite numbers, means outside the
            domain, negative weights or standard deviations.

    >>> mixture = one_dimensional([(1, -0.5, 0.1), (3, 0.5, 0.1)])
    >>> mixture.weights.tolist()
    [0.25, 0.75]
    """
    try:
        table = np.asarray(rows, dtype=float)
    except (TypeError, ValueError):
        table = np.full((1, 3), np.nan)
    if len(table) == 0:
        raise InputError("The table needs at least one component.")
    if table.ndim != 2 or table.shape[1] != 3 or not np.isfinite(table).all():
        raise InputError("Every component needs a finite weight, mean and standard deviation.")
    if len(table) > MOST_COMPONENTS:
        raise InputError(f"The table may have at most {MOST_COMPONENTS} components.")
    weights, means, deviations = table.T
    if (np.abs(means) > 1).any():
        raise InputError("Means must lie in the domain [-1, 1].")
    if (deviations < 0).any() or (deviations > 10).any():
        raise InputError("Standard deviations must lie between 0 (a Dirac component) and 10.")
    return GaussianMixture(weights.tolist(), means.tolist(), (deviations**2).tolist())


# What each of them shows has been computed, and tests/test_mixture.py holds it to that.
PRESETS: dict[str, GaussianMixture] = {
    # The running example: any sigma_0 from 0.5 on attains the minimum in 32 steps, the threshold itself in about 80.
    "Five components": one_dimensional(
        [
            (0.15, -0.75, 0.06),
            (0.15, -0.30, 0.04),
            (0.35, 0.20, 0.05),
            (0.20, 0.55, 0.05),
            (0.15, 0.85, 0.04),
        ]
    ),
    # Near the critical sigma the energy is flat and its minimum lies almost at 0, between two
    # nearly equal wells at the edges: from sigma_0 = 1 it takes about 320 steps to get across.
    "Very many steps": one_dimensional([(0.51, -0.85, 0.04), (0.49, 0.85, 0.04)]),
    # The narrow component has the deepest well, the wide one the mass: the minimum of the convex
    # energy lies with the mass, and no number of steps leads from there into the narrow well.
    "GNC fails": one_dimensional([(0.35, -0.50, 0.05), (0.65, 0.60, 0.20)]),
    # An empirical measure, the corollary: D/2 is a bound for any weights.
    "Dirac components": one_dimensional([(0.20, -0.80, 0.0), (0.30, -0.30, 0.0), (0.15, 0.30, 0.0), (0.35, 0.70, 0.0)]),
}
