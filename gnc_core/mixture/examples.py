"""Named mixtures in one dimension, each with something to teach about the GNC flow."""

from collections.abc import Sequence

import numpy as np

from gnc_core.errors import InputError

from .gaussians import GaussianMixture
from .tables import ROWS

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


PRESETS: dict[str, GaussianMixture] = {name: one_dimensional(rows) for name, rows in ROWS.items()}
