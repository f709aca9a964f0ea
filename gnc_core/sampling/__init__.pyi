from . import comparison
from .chains import AnnealedLangevin, LangevinGibbs, draw_smoothing, langevin_step, smoothings
from .directions import Direction, ExactHessian, Plain, RankOne
from .joint import Counted, JointEnergy, MixtureEnergy, State, last, noise_direction, tweedie
from .posterior import Moments, Posterior, moments
from .reverse import ReverseODE, spaced
from .walks import Walked, walk

__all__ = [
    "AnnealedLangevin",
    "Counted",
    "Direction",
    "ExactHessian",
    "JointEnergy",
    "LangevinGibbs",
    "MixtureEnergy",
    "Moments",
    "Plain",
    "Posterior",
    "RankOne",
    "ReverseODE",
    "State",
    "Walked",
    "comparison",
    "draw_smoothing",
    "langevin_step",
    "last",
    "moments",
    "noise_direction",
    "smoothings",
    "spaced",
    "tweedie",
    "walk",
]
