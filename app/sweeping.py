"""Sweeps that "Maps" shows: those in pretrained/, one from a file, and one of one's own that outlives a rerun."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import streamlit as st
from torch import Tensor

from app.controls import OWN
from app.figures.maps import Map
from app.ranges import level_settings
from app.runs import Work, load_prior, usable_priors
from app.scenes import Scene, Upload
from app.session import plain
from app.turns import device_queue
from gnc_core import sweeps, zoo
from gnc_core.choices import SCHEMES, best_device
from gnc_core.errors import InputError
from gnc_core.problems import TASKS
from gnc_core.sweeps import Plan, Result

OWN_SWEEP, SWEEP_FILE = "A sweep of your own", "A sweep file (.npz)"
MOST_CELLS = 10_000


@dataclass(frozen=True)
class Picture:
    """The current image: what a click on a cell restores, and what a sweep of one's own is run on."""

    scene: Scene
    image: Tensor

    @property
    def name(self) -> str:
        return self.scene.source.name if isinstance(self.scene.source, Upload) else self.scene.source


class OwnSweep(Work):
    """A sweep at work on one image. Every `advance` is a step of a run; what is known so far is in `result`.

    Given the result of one that was stopped, it goes on from there.
    """

    def __init__(self, plan: Plan, image: tuple[str, Tensor], result: Result | None = None) -> None:
        super().__init__()
        self.plan = plan
        self.result = result or Result.empty(plan)
        units = sweeps.units_of_plan(plan, self.result, self.device)
        self.total = sweeps.score_steps(sweeps.units_of_plan(plan))
        self.done = self.total - sweeps.score_steps(units)
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


@dataclass(frozen=True)
class Shown:
    """A sweep that is looked at. key: what identifies one that all visitors can see, None for a visitor's own."""

    result: Result
    key: tuple[str, int] | None = None


def ready_made() -> tuple[dict[str, dict[str, Shown]], list[str]]:
    """The sweeps in pretrained/sweeps/ by task and prior, and a sentence for each file that cannot be read."""
    found: dict[str, dict[str, Shown]] = {}
    problems = []
    for name, path in zoo.sweep_files().items():
        try:
            time = path.stat().st_mtime_ns
            result = drawable(_loaded(path, time), path.name)
        except (InputError, OSError) as error:
            problems.append(
                str(error) if isinstance(error, InputError) else f"{path.name} cannot be read: {error.strerror}."
            )
            continue
        priors, prior = found.setdefault(task_title(result.plan), {}), result.plan.prior
        priors[prior if prior not in priors else f"{prior} ({name})"] = Shown(result, (str(path), time))
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
    kind = TASKS[plan.task]
    return f"{kind.title}, {kind.kind_of_level.short} {plan.level:.4g}"


def grid_title(plan: Plan) -> str:
    """How large a grid is, in words: "11 × 12 cells of GNC flow and Joint"."""
    _, sigmas, steps, _ = plan.shape
    return f"{sigmas} × {steps} cells of {' and '.join(SCHEMES[name] for name in plan.schemes)}"


def cell_title(plan: Plan, cell: tuple[int, int]) -> str:
    """What a cell (sigma0, steps) stands for: "σ₀ 0.1, 20 steps"."""
    number = plan.steps[cell[1]]
    return f"σ₀ {plan.sigma0[cell[0]]:.3g}, {number} step{'s'[: number > 1]}"


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
    words = sweeps.in_words(sweeps.estimate(sweeps.units_of_plan(plan, result, device), seconds))
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
    kind = TASKS[plan.task]
    return {
        **({"image": scene.source} if isinstance(scene.source, str) else {"image": OWN, "file": "clean"}),
        "side": scene.longest,
        "color": False,
        "task": kind.title,
        **level_settings(kind, plan.level),
        **({} if kind.takes_mask else {"as-file": False}),  # maps are of floats, as in the paper
        **({"start": "Grey"} if kind.starts else {}),
        "prior": plan.prior,
        "scheme": scheme,
        "nsteps": plan.steps[cell[1]],
        "own-start": True,
        "smoothing": plan.sigma0[cell[0]],
        **({"rate": plan.rate} if scheme == SCHEMES["joint"] else {}),
    }


def what_a_click_does(plan: Plan, current: Picture | None) -> str:
    """A sentence about a click on a cell of the maps, or "" without an image."""
    if plan.prior not in usable_priors()[0]:
        return f"(The prior {plain(plan.prior)} of this sweep is not in pretrained/.)"
    if current is None:
        return ""
    other = plan.weights and plan.weights != zoo.weights_hash(plan.prior)
    note = f" (The weights of {plain(plan.prior)} have changed since this sweep.)" if other else ""
    return f"A click on a cell restores the image on the left with that cell's setting.{note}"
