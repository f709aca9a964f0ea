"""Sweeps that "Maps" shows: those in pretrained/, one from a file, and one of one's own that outlives a rerun."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import streamlit as st
from torch import Tensor

from app.controls import OWN
from app.figures.maps import Map
from app.runs import SCHEMES, Work, device_queue, load_prior
from app.scenes import Scene
from gnc_core import sweeps, zoo
from gnc_core.choices import best_device
from gnc_core.errors import InputError
from gnc_core.sweeps import Plan, Result

MOST_CELLS = 10_000


class OwnSweep(Work):
    """A sweep at work on one image. Every `advance` is a step of a run; what is known so far is in `result`.

    Given the result of one that was stopped, it goes on from there.
    """

    def __init__(self, plan: Plan, image: tuple[str, Tensor], result: Result | None = None) -> None:
        super().__init__()
        self.plan = plan
        self.result = result or Result.empty(plan)
        units = plan.units(self.result, self.device)
        self.total = plan.score_steps
        self.done = self.total - sum(unit.score_steps for unit in units)
        self._steps = sweeps.run(plan, load_prior(plan.prior), [image], units, self.device)

    @property
    def finished(self) -> bool:
        return self.result.complete

    def _step(self) -> None:
        progress = next(self._steps)
        with self._lock:
            self.done += progress.score_steps
            if progress.cell:
                self.result.put(progress.cell)


def ready_made() -> tuple[dict[str, dict[str, Result]], list[str]]:
    """The sweeps in pretrained/sweeps/ by task and prior, and a sentence for each file that cannot be read."""
    found: dict[str, dict[str, Result]] = {}
    problems = []
    for name, path in zoo.sweep_files().items():
        try:
            result = drawable(_loaded(path, path.stat().st_mtime_ns), path.name)
        except (InputError, OSError) as error:
            problems.append(
                str(error) if isinstance(error, InputError) else f"{path.name} cannot be read: {error.strerror}."
            )
            continue
        priors, prior = found.setdefault(task_title(result.plan), {}), result.plan.prior
        priors[prior if prior not in priors else f"{prior} ({name})"] = result
    return found, problems


@st.cache_resource(max_entries=64, show_spinner="Reading the sweeps …")
def _loaded(path: Path, time: int) -> Result:
    return sweeps.load(path, path.name)


def drawable(result: Result, name: str) -> Result:
    """The same result; raises `InputError` if it has too many cells for maps on a page."""
    _, sigmas, steps, _ = result.plan.shape
    if sigmas * steps > MOST_CELLS:
        raise InputError(f"{name} has {sigmas * steps:,} cells; this page draws at most {MOST_CELLS:,}.")
    return result


def task_title(plan: Plan) -> str:
    """The task and its level in words."""
    if plan.task == "denoise":
        return f"Denoise, noise {plan.level:.4g}"
    return f"Inpaint, {100 * plan.level:.4g} % missing"


@st.cache_data(max_entries=32, show_spinner="Measuring how long a step takes …")
def seconds_a_step(prior: str, weights: str, device: str, size: tuple[int, int], _plan: Plan, _image: Tensor) -> dict:
    """What `sweeps.estimate` needs, measured once for each prior and size of image, always with both schemes."""
    both = replace(_plan, schemes=sweeps.SCHEMES)
    with device_queue():
        return sweeps.measure_seconds(both, load_prior(prior), [("", _image)], device=device)


def duration(plan: Plan, image: Tensor, result: Result | None = None) -> str:
    """About how long a sweep will take on this machine, without what `result` already knows: "12 min on the CPU"."""
    device = best_device()
    seconds = seconds_a_step(plan.prior, plan.weights, device, plan.sizes[0], plan, image)
    words = sweeps.in_words(sweeps.estimate(plan.units(result, device), seconds))
    return f"{words} on the {'GPU' if device == 'cuda' else 'CPU'}"


def maps(result: Result, tolerance: float, schemes: Sequence[str]) -> list[Map]:
    """What `maps_figure` draws, of those schemes that the sweep has."""
    attainment, diverged = sweeps.attainment(result, tolerance), sweeps.diverged(result)
    psnr, spread, excess = sweeps.mean(result.psnr), sweeps.spread(result.psnr), sweeps.excess(result)
    return [
        Map(SCHEMES[name], attainment[i], psnr[i], spread[i], excess[i], diverged[i], sweeps.highest(psnr[i]))
        for i, name in enumerate(result.plan.schemes)
        if name in schemes
    ]


def settings_of_cell(
    plan: Plan, scheme: str, cell: tuple[int, int], scene: Scene
) -> dict[str, str | int | float | bool]:
    """The settings of "Restore an image" for a cell (sigma0, steps) of a sweep, with the image of `scene`, by their keys."""
    task: dict[str, str | float] = {"task": "Denoise", "noise": plan.level}
    if plan.task == "inpaint":
        task = {"task": "Inpaint", "mask": "Random pixels", "missing": plan.level}
    return {
        **({"image": scene.source} if isinstance(scene.source, str) else {"image": OWN, "file": "clean"}),
        "side": scene.longest,
        "color": False,
        **task,
        "prior": plan.prior,
        "scheme": scheme,
        "nsteps": plan.steps[cell[1]],
        "own-start": True,
        "smoothing": plan.sigma0[cell[0]],
        **({"rate": plan.rate} if scheme == SCHEMES["joint"] else {}),
    }
