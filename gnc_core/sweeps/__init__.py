"""Sweeps over (initial smoothing, number of steps): final energy, PSNR and SSIM of every run (method, section 5).

    plan = make_plan(prior, images, "denoise", 0.1, ...)         what is to be computed
    score_steps(units_of_plan(plan))                             how much that is
    result = Result.empty(plan)                                  NaN wherever nothing is known yet
    for progress in run(plan, prior, images):                    a step at a time; close the generator to stop
        if progress.cell:
            result.put(progress.cell)
    attainment(result, tolerance), mean(result.psnr)             maps (schemes, sigma0, steps) for what is known so far

`Journal` keeps the cells on disk while a sweep runs, so that it can be interrupted; `save` and `load` are for results.
"""

from .journal import Journal
from .plan import (
    SCHEMES,
    STEPS,
    Plan,
    default_sigmas,
    make_plan,
    read_numbers,
    read_sigmas,
    spaced_sigmas,
)
from .results import (
    ARRAYS,
    Cell,
    Result,
    attainment,
    diverged,
    excess,
    highest,
    load,
    lowest_energy,
    mean,
    save,
    spread,
    to_bytes,
    to_csv,
    transfer,
)
from .running import Images, Progress, Seconds, estimate, in_words, measure_seconds, run
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
