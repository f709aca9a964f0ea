"""Gaussian mixtures, whose smoothed energies are known exactly (method, section 1).

This room computes them, the smoothing from which on they are convex,
and the flow that uses it; the pages One dimension and Two dimensions show all this."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
