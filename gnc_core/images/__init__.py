"""Images as the method sees them: float32 tensors (N, C, H, W) in [0, 1], C = 1 for grey and 3 for colour.

This room reads and writes them, cuts patches for training out of them, and knows the sample photographs."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
