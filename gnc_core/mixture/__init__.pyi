from .convexity import (
    DOMAIN,
    Thresholds,
    critical_sigma,
    global_minimisers,
    local_minimisers,
    smallest_curvature,
    thresholds,
)
from .examples import PRESETS, one_dimensional
from .flow import SIGMA_END, TOLERANCE, arrived, attainment, gnc_flow, goals, spaced_steps
from .gaussians import GaussianMixture
from .plane import convex_from, distinct, plane_minimisers, smallest_eigenvalue
from .plane_examples import PLANE_PRESETS, plane_starts, two_dimensional
from .steps import TakenApart, posterior, take_apart
from .tables import ROWS

__all__ = [
    "DOMAIN",
    "PLANE_PRESETS",
    "PRESETS",
    "ROWS",
    "SIGMA_END",
    "TOLERANCE",
    "GaussianMixture",
    "TakenApart",
    "Thresholds",
    "arrived",
    "attainment",
    "convex_from",
    "critical_sigma",
    "distinct",
    "global_minimisers",
    "gnc_flow",
    "goals",
    "local_minimisers",
    "one_dimensional",
    "plane_minimisers",
    "plane_starts",
    "posterior",
    "smallest_curvature",
    "smallest_eigenvalue",
    "spaced_steps",
    "take_apart",
    "thresholds",
    "two_dimensional",
]
