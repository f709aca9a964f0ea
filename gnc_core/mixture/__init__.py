"""Gaussian mixtures, whose smoothed energies are known exactly (method, section 1).

This room computes them, the smoothing from which on they are convex,
and the flow that uses it; the page One dimension shows all this."""

from .examples import PRESETS, one_dimensional
from .flow import SIGMA_END, TOLERANCE, attainment, global_minimiser, gnc_flow, local_minimisers, spaced_steps
from .gaussians import DOMAIN, GaussianMixture
from .thresholds import Thresholds, critical_sigma, smallest_curvature, thresholds

__all__ = [
    "DOMAIN",
    "PRESETS",
    "SIGMA_END",
    "TOLERANCE",
    "GaussianMixture",
    "Thresholds",
    "attainment",
    "critical_sigma",
    "global_minimiser",
    "gnc_flow",
    "local_minimisers",
    "one_dimensional",
    "smallest_curvature",
    "spaced_steps",
    "thresholds",
]
