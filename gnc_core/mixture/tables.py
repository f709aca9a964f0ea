"""The mixtures in one dimension that have names, as tables: they are told without PyTorch.

What each of them shows has been computed; tests/claims holds the explorer to it.
"""

Rows = list[tuple[float, float, float]]  # (weight, mean, standard deviation) of each component

ROWS: dict[str, Rows] = {
    # The running example: any sigma_0 from 0.5 on attains the minimum in 32 steps, the threshold itself in about 70.
    "Five components": [
        (0.15, -0.75, 0.06),
        (0.15, -0.30, 0.04),
        (0.35, 0.20, 0.05),
        (0.20, 0.55, 0.05),
        (0.15, 0.85, 0.04),
    ],
    # Near the critical sigma the energy is flat and its minimum lies almost at 0, between two
    # nearly equal wells at the edges: from sigma_0 = 1 it takes about 310 steps to get across.
    "Very many steps": [(0.51, -0.85, 0.04), (0.49, 0.85, 0.04)],
    # The narrow component has the deepest well, the wide one the mass: the minimum of the convex
    # energy lies with the mass, and no number of steps leads from there into the narrow well.
    "GNC fails": [(0.35, -0.50, 0.05), (0.65, 0.60, 0.20)],
    # An empirical measure, the corollary: D/2 is a bound for any weights.
    "Dirac components": [(0.20, -0.80, 0.0), (0.30, -0.30, 0.0), (0.15, 0.30, 0.0), (0.35, 0.70, 0.0)],
}
