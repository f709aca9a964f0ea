"""Samples from an energy R(x, s) that knows all smoothings: chains, reverse ODEs, and directions that know of curvature.

Minimising finds one image; samples show which others are as likely. A chain takes any prior or mixture, and any problem (then it
samples from the posterior), and yields states; the loop over them is the caller's."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
