from . import convexity, distributed, training
from .families import fit_family
from .fitting import fit_schedule
from .rescaling import rescaled
from .settings import Settings
from .training import Trainer

__all__ = [
    "Settings",
    "Trainer",
    "convexity",
    "distributed",
    "fit_family",
    "fit_schedule",
    "rescaled",
    "training",
]
