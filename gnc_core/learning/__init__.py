"""Learning priors by joint score matching, and schedules by unrolling (method, sections 3 and 4).

This room holds the losses, the training with its checkpoints and logs, and the fit of schedules."""

from .fitting import fit_schedule
from .training import Settings, Trainer

__all__ = [
    "Settings",
    "Trainer",
    "fit_schedule",
]
