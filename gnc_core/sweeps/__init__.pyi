from .journal import Journal
from .maps import attainment, diverged, excess, highest, lowest_energy, mean, spread
from .plan import (
    SCHEMES,
    STEPS,
    Plan,
    Runs,
    default_sigmas,
    make_plan,
    read_numbers,
    read_sigmas,
    spaced_sigmas,
)
from .results import ARRAYS, Cell, Result, transfer
from .running import Images, Progress, Seconds, estimate, in_words, measure_seconds, run
from .storage import load, save, to_bytes, to_csv
from .units import Unit, score_steps, units_of_plan, units_of_process

__all__ = [
    "ARRAYS",
    "SCHEMES",
    "STEPS",
    "Cell",
    "Images",
    "Journal",
    "Plan",
    "Progress",
    "Result",
    "Runs",
    "Seconds",
    "Unit",
    "attainment",
    "default_sigmas",
    "diverged",
    "estimate",
    "excess",
    "highest",
    "in_words",
    "load",
    "lowest_energy",
    "make_plan",
    "mean",
    "measure_seconds",
    "read_numbers",
    "read_sigmas",
    "run",
    "save",
    "score_steps",
    "spaced_sigmas",
    "spread",
    "to_bytes",
    "to_csv",
    "transfer",
    "units_of_plan",
    "units_of_process",
]
