from . import baselines, benchmark, calibration, curvature, evaluation, inspection, inspections, landscape, metrics
from .calibration import estimate_sigma
from .evaluation import evaluate
from .metrics import psnr, ssim
from .trace import Trace, timed

__all__ = [
    "Trace",
    "baselines",
    "benchmark",
    "calibration",
    "curvature",
    "estimate_sigma",
    "evaluate",
    "evaluation",
    "inspection",
    "inspections",
    "landscape",
    "metrics",
    "psnr",
    "ssim",
    "timed",
]
