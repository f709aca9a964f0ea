from . import convexity, distributed, noise2score, regression, training
from .families import fit_family
from .finetuning import Finetuner
from .fitting import fit_schedule, fitting_rounds
from .rescaling import rescaled
from .runs import Learner, run
from .settings import FinetuneSettings, Settings
from .training import Trainer

__all__ = [
    "FinetuneSettings",
    "Finetuner",
    "Learner",
    "Settings",
    "Trainer",
    "convexity",
    "distributed",
    "fit_family",
    "fit_schedule",
    "fitting_rounds",
    "noise2score",
    "regression",
    "rescaled",
    "run",
    "training",
]
