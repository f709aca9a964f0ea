"""Restorations that outlive a rerun: Streamlit may leave the page's script between any two steps, and go on later."""

import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import streamlit as st

from app.figures.restoration import Curve
from app.scenes import Prepared, Scene
from gnc_core import images, zoo
from gnc_core.choices import best_device, choose_scheme
from gnc_core.errors import InputError, out_of_memory
from gnc_core.measuring.trace import Row, Trace, timed
from gnc_core.prior.fields_of_experts import FieldsOfExperts
from gnc_core.problems import Denoising, Inpainting, Problem
from gnc_core.restoration.schemes import DIVERGED

SCHEMES = {"flow": "GNC flow", "joint": "Joint", "learned": "Learned schedule"}


@dataclass(frozen=True)
class Plan:
    """How a scene is to be restored. sigma0: initial smoothing; rate: step size of s in joint minimisation; None for the
    defaults of the task."""

    prior: str
    scheme: str
    steps: int
    sigma0: float | None = None
    rate: float | None = None

    @property
    def title(self) -> str:
        start = f", σ₀ {self.sigma0:g}" if self.sigma0 else ""
        rate = f", rate {self.rate:g}" if self.rate else ""
        return f"{SCHEMES[self.scheme]}, {self.steps} step{'s'[: self.steps > 1]}{start}{rate}, {self.prior}"


class Work(ABC):
    """Something that is done step by step, by whichever run of a page's script comes by.

    stopped: somebody has asked it to end. error: the sentence that it ended with, or "".
    """

    def __init__(self) -> None:
        self.stopped, self.error = False, ""
        self.device = best_device()
        self._lock = threading.Lock()

    @property
    @abstractmethod
    def finished(self) -> bool:
        """Whether nothing is left to be done."""

    @abstractmethod
    def _step(self) -> None:
        """Does the next step; what it brings is entered under `_lock`."""

    @property
    def running(self) -> bool:
        return not (self.stopped or self.error or self.finished)

    def advance(self) -> None:
        """Does the next step. Work that fails ends with a sentence in `error`.

        After a click, the script that was interrupted may still be in here while the next one already runs: they take
        turns.
        """
        with device_queue():
            if not self.running:
                return
            try:
                self._step()
            except InputError as error:
                self.error = str(error)
            except (MemoryError, RuntimeError) as error:
                if not out_of_memory(error):
                    raise
                self.error = "There is not enough memory for an image of this size; choose a shorter longest side."

    def stop(self) -> None:
        """What has been reached is final."""
        with self._lock:
            self.stopped = True


class Run(Work):
    """One plan at work on one scene. Every `advance` is a step; what is known so far is in `trace` and `image`.

    A step that a stop has overtaken is dropped. Raises `InputError` if no learned schedule fits, or the prior cannot take the
    sigmas.
    """

    def __init__(self, scene: Scene, plan: Plan, prepared: Prepared) -> None:
        super().__init__()
        self.scene, self.plan, self.prepared = scene, plan, prepared
        prior = load_prior(plan.prior)
        problem = _to_device(prepared.problem, self.device)
        scheme = choose_scheme(
            plan.scheme, prior, plan.prior, problem.name, problem.level, plan.steps, plan.sigma0, rate=plan.rate
        )
        self.steps = scheme.steps
        self.trace = Trace(prepared.truth)
        self.image = prepared.problem.initial()
        self._steps = timed(scheme.run(prior, problem))
        self._initial = problem.initial()

    @property
    def done(self) -> int:
        """Steps so far."""
        return self.trace.rows[-1].step if self.trace.rows else 0

    @property
    def finished(self) -> bool:
        return self.done == self.steps

    @property
    def title(self) -> str:
        return self.plan.title + (f" (stopped after {self.done})" if self.stopped and self.done < self.steps else "")

    def _step(self) -> None:
        step, seconds = next(self._steps)
        image = step.image.cpu()
        if step.diverged.any():
            raise InputError(DIVERGED)
        rows = self.trace.rows_of(step, seconds, self._initial)
        with self._lock:
            if not self.stopped:
                self.image = image
                self.trace.rows += rows

    @property
    def last(self) -> Row:
        return self.trace.rows[-1]

    @property
    def curve(self) -> Curve:
        column = self.trace.column
        psnr = None if self.prepared.truth is None else column("psnr")
        return Curve(self.title, column("step"), column("energy"), column("sigma"), psnr)

    @cached_property
    def result_png(self) -> bytes:
        """To be asked for when the run has ended."""
        return images.to_png(self.image)


def load_prior(name: str) -> FieldsOfExperts:
    """A prior of the zoo on this machine's device, loaded once; again when its file changes."""
    return _loaded(name, best_device(), zoo.weights_hash(name))


@st.cache_resource(max_entries=8, show_spinner="Loading the prior …")
def _loaded(name: str, device: str, weights: str) -> FieldsOfExperts:
    return zoo.load(name, device)


@st.cache_resource
def device_queue() -> threading.Lock:
    """One step at a time on the device, whoever asks: pages in several browsers take turns."""
    return threading.Lock()


def _to_device(problem: Problem, device: str) -> Problem:
    if isinstance(problem, Denoising):
        return Denoising(problem.observation.to(device), problem.noise_std)
    assert isinstance(problem, Inpainting)
    return Inpainting(problem.observation.to(device), problem.observed.to(device))
