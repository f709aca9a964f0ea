from . import comparison
from .chains import AnnealedLangevin, LangevinGibbs, draw_smoothing, langevin_step, smoothings
from .directions import Direction, ExactHessian, Plain, RankOne
from .joint import Counted, JointEnergy, MixtureEnergy, State, last, noise_direction, tweedie
from .reverse import ReverseODE, spaced

__all__ = [
    "AnnealedLangevin",
    "Counted",
    "Direction",
    "ExactHessian",
    "JointEnergy",
    "LangevinGibbs",
    "MixtureEnergy",
    "Plain",
    "RankOne",
    "ReverseODE",
    "State",
    "comparison",
    "draw_smoothing",
    "langevin_step",
    "last",
    "noise_direction",
    "smoothings",
    "spaced",
    "tweedie",
]
