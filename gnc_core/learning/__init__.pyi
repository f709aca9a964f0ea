from . import distributed, training
from .fitting import fit_schedule
from .rescaling import rescaled
from .settings import Settings
from .training import Trainer

__all__ = [
    "Settings",
    "Trainer",
    "distributed",
    "fit_schedule",
    "rescaled",
    "training",
]
