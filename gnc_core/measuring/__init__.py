"""How good restorations are, how curved a prior is, and how fast it runs (method, section 5).

This room measures and changes nothing."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
