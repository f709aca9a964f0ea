"""Restorations that outlive a rerun: Streamlit may leave the page's script between any two steps, and go on later."""

import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property

import streamlit as st

from app.figures.restoration import Curve
from app.scenes import Prepared, Scene
from app.session import sentence
from gnc_core import images, zoo
from gnc_core.choices import SCHEMES, SchemeChoice, best_device, choose_scheme
from gnc_core.errors import InputError
from gnc_core.measuring.trace import Trace, TraceRow, timed
from gnc_core.prior import ByChannel, FieldsOfExperts
from gnc_core.restoration import LearnedSchedule
from gnc_core.restoration.schemes import DIVERGED


@dataclass(frozen=True)
class Choice:
    """How a scene is to be restored. steps; sigma0: initial smoothing; rate: step size of s in joint minimisation; start: what
    missing pixels start from (`Inpainting.start`); None for the defaults of the task. schedule: one of the visitor's own, for
    "learned"."""

    prior: str
    scheme: str
    steps: int | None = None
    sigma0: float | None = None
    rate: float | None = None
    start: str | None = None
    schedule: LearnedSchedule | None = None

    @property
    def title(self) -> str:
        start = f", σ₀ {self.sigma0:g}" if self.sigma0 else ""
        rate = f", rate {self.rate:g}" if self.rate else ""
        steps = f", {self.steps} step{'s'[: self.steps > 1]}" if self.steps else ""
        gaps = f", from {self.start}" if self.start else ""
        own = f", fitted to {self.schedule.title}" if self.schedule else ""
        return f"{SCHEMES[self.scheme]}{steps}{start}{rate}{gaps}, {self.prior}{own}"


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
        """Does the next step. Work that fails, in whatever way, ends with a sentence in `error`.

        After a click, the script that was interrupted may still be in here while the next one already runs: they take
        turns.
        """
        with device_queue():
            if not self.running:
                return
            try:
                self._step()
            except Exception as error:  # its generator cannot go on
                self.error = sentence(error)

    def stop(self) -> None:
        """What has been reached is final, unless it is asked to go on."""
        with self._lock:
            self.stopped = True

    def go_on(self) -> None:
        """Takes back a stop."""
        with self._lock:
            self.stopped = False


class Run(Work):
    """One choice at work on one scene. Every `advance` is a step; what is known so far is in `trace` and `image`.

    A step that a stop has overtaken is dropped. Raises `InputError` if no learned schedule fits, or the prior cannot take the
    sigmas.
    """

    def __init__(self, scene: Scene, choice: Choice, prepared: Prepared) -> None:
        super().__init__()
        self.scene, self.choice, self.prepared = scene, choice, prepared
        prior = ByChannel(load_prior(choice.prior))
        problem = prepared.problem.from_start(choice.start).to(self.device)
        how = SchemeChoice(choice.scheme, choice.steps, choice.sigma0, choice.rate, choice.schedule)
        scheme = choose_scheme(how, prior, choice.prior, problem.name, problem.level)
        suits = choose_scheme(SchemeChoice(), prior, choice.prior, problem.name, problem.level)
        self.suits = scheme == suits  # what is taken where nothing is said
        self.steps, self.note = scheme.steps, problem.note(scheme.steps)
        self.trace = Trace(prepared.truth)
        self._initial = problem.initial()
        self.image = self._initial.cpu()
        self._steps = timed(scheme.run(prior, problem))

    @property
    def done(self) -> int:
        """Steps so far."""
        return self.trace.rows[-1].step if self.trace.rows else 0

    @property
    def finished(self) -> bool:
        return self.done == self.steps

    @property
    def title(self) -> str:
        title = replace(self.choice, steps=self.steps).title
        return title + (f" (stopped after {self.done})" if self.stopped and self.done < self.steps else "")

    def _step(self) -> None:
        step, seconds = next(self._steps)
        image = step.image.cpu()
        if step.diverged.any() or not step.energy.isfinite().all():
            raise InputError(DIVERGED)
        rows = self.trace.rows_of(step, seconds, self._initial)
        with self._lock:
            if not self.stopped:
                self.image = image
                self.trace.rows += rows

    @property
    def last(self) -> TraceRow:
        return self.trace.rows[-1]

    @property
    def curve(self) -> Curve:
        column = self.trace.column
        psnr = None if self.prepared.truth is None else column("psnr")
        return Curve(self.title, column("step"), column("energy"), column("sigma"), psnr)

    @cached_property
    def result_png(self) -> bytes:
        """To be asked for when the run has ended, as the next one."""
        return images.to_png(self.image)

    @cached_property
    def result_files(self) -> dict[str, bytes]:
        """The result by the endings of files that hold it as the upload does: a PNG, and for floats .npy as well."""
        photo = images.Photo(self.image, self.prepared.encoding)
        return {suffix: images.encode(suffix, [photo]) for suffix in (".png", ".npy")[: 1 + (not photo.encoding.bits)]}


def load_prior(name: str) -> FieldsOfExperts:
    """A prior of the zoo on this machine's device, loaded once; again when its file changes.

    Raises `InputError` for any other name: it may come from a link or a file, and no path in one is to be opened."""
    if name not in zoo.names():
        raise InputError(f"There is no prior {name!r} in the folder pretrained/.")
    return _loaded(name, best_device(), zoo.weights_hash(name))


@st.cache_resource(max_entries=8, show_spinner="Loading the prior …")
def _loaded(name: str, device: str, weights: str) -> FieldsOfExperts:
    return zoo.load(name, device)


def usable_priors() -> tuple[list[str], list[str]]:
    """As `zoo.usable`; the files are read again when one of them has changed."""
    files = [zoo.PRETRAINED / name / file for name in zoo.names() for file in (zoo.WEIGHTS, zoo.CARD)]
    return _usable(tuple((str(file), file.stat().st_mtime_ns if file.exists() else 0) for file in files))


@st.cache_data(max_entries=8, show_spinner="Reading the priors …")
def _usable(files: tuple) -> tuple[list[str], list[str]]:
    return zoo.usable()


@st.cache_resource
def device_queue() -> threading.Lock:
    """One step at a time on the device, whoever asks: pages in several browsers take turns."""
    return threading.Lock()
