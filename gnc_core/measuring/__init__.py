"""How good restorations are, how curved a prior is, and how fast it runs (method, section 5).

This room measures and changes nothing; `inspection` and `benchmark` are imported by those who ask for them."""

from .calibration import estimate_sigma
from .evaluation import evaluate
from .metrics import psnr, ssim
from .trace import Trace

__all__ = [
    "Trace",
    "estimate_sigma",
    "evaluate",
    "psnr",
    "ssim",
]
