"""Gaussian mixtures, whose smoothed energies are known exactly (method, section 1).

This room computes them, the smoothing from which on they are convex,
and the flow that uses it; the page One dimension shows all this."""

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
from .flow import SIGMA_END, TOLERANCE, attainment, gnc_flow, goals, spaced_steps
from .gaussians import GaussianMixture

__all__ = [
    "DOMAIN",
    "PRESETS",
    "SIGMA_END",
    "TOLERANCE",
    "GaussianMixture",
    "Thresholds",
    "attainment",
    "critical_sigma",
    "global_minimisers",
    "gnc_flow",
    "goals",
    "local_minimisers",
    "one_dimensional",
    "smallest_curvature",
    "spaced_steps",
    "thresholds",
]
