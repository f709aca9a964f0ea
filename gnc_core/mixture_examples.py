"""Named mixtures in one dimension, each with something to teach about the GNC flow."""

from gnc_core.mixture import GaussianMixture


def _example(weights: list[float], means: list[float], deviations: list[float]) -> GaussianMixture:
    return GaussianMixture(weights, means, [v**2 for v in deviations])


# What each of them shows has been computed, and tests/test_mixture.py holds it to that.
PRESETS: dict[str, GaussianMixture] = {
    # The running example: any sigma_0 above the threshold attains the minimum in 32 steps.
    "Five components": _example(
        [0.15, 0.15, 0.35, 0.20, 0.15],
        [-0.75, -0.30, 0.20, 0.55, 0.85],
        [0.06, 0.04, 0.05, 0.05, 0.04],
    ),
    # Near the critical sigma the energy is flat and its minimum lies almost at 0, between two
    # nearly equal wells at the edges: from sigma_0 = 1 it takes about 500 steps to get across.
    "Very many steps": _example([0.51, 0.49], [-0.85, 0.85], [0.04, 0.04]),
    # The narrow component has the deepest well, the wide one the mass: the minimum of the convex
    # energy lies with the mass, and no number of steps leads from there into the narrow well.
    "GNC fails": _example([0.35, 0.65], [-0.50, 0.60], [0.05, 0.20]),
    # An empirical measure, the corollary: D/2 is a bound for any weights.
    "Dirac components": _example([0.20, 0.30, 0.15, 0.35], [-0.80, -0.30, 0.30, 0.70], [0.0] * 4),
}
