"""Sweeps over (initial smoothing, number of steps): final energy, PSNR and SSIM of every run (method, section 5).

    plan = make_plan(prior, images, "denoise", 0.1, Runs(...))   what is to be computed
    score_steps(units_of_plan(plan))                             how much that is
    result = Result.empty(plan)                                  NaN wherever nothing is known yet
    for progress in run(plan, prior, images):                    a step at a time; close the generator to stop
        if progress.cell:
            result.put(progress.cell)
    attainment(result, tolerance), mean(result.psnr)             maps (schemes, sigma0, steps) for what is known so far

`Journal` keeps the cells on disk while a sweep runs, so that it can be interrupted; `save` and `load` are for results.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
