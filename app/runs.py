"""Restorations that outlive a rerun: Streamlit may leave the page's script between any two steps, and go on later."""

import itertools
import math
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from app.figures.restoration import Curve
from app.own import folder_name, own_priors
from app.scenes import Prepared, Scene
from app.session import sentence
from app.turns import Account, device_queue, turns
from gnc_core import images, zoo
from gnc_core.choices import SCHEMES, SchemeChoice, best_device, scheme_for
from gnc_core.errors import InputError
from gnc_core.measuring import baselines, calibration
from gnc_core.measuring.trace import Trace, TraceRow, timed
from gnc_core.prior import ByChannel, FieldsOfExperts, Prior
from gnc_core.problems import Denoising, Problem
from gnc_core.restoration import LearnedSchedule
from gnc_core.restoration.schemes import DIVERGED, Step, energy

_numbers = itertools.count()
MOST_FRAMES, FRAME_SIDE = 21, 256  # of the images of the steps that are kept, and their longer side in pixels


@dataclass(frozen=True)
class BaselineChoice:
    """A method without a learned prior (`measuring.baselines`); `prior` measures the energy of what it comes to."""

    prior: str
    baseline: str


@dataclass(frozen=True)
class Choice:
    """How a scene is to be restored. steps; sigma0: initial smoothing; rate: step size of s in joint minimisation; start: what
    missing pixels start from (`Inpainting.start`); None for the defaults of the task. blind: nobody tells the noise level, the
    prior estimates it. schedule: one of the visitor's own, for "learned"."""

    prior: str
    scheme: str
    steps: int | None = None
    sigma0: float | None = None
    rate: float | None = None
    start: str | None = None
    blind: bool = False
    schedule: LearnedSchedule | None = None

    @property
    def title(self) -> str:
        start = f", σ₀ {self.sigma0:g}" if self.sigma0 else ""
        rate = f", rate {self.rate:g}" if self.rate else ""
        steps = f", {self.steps} step{'s'[: self.steps > 1]}" if self.steps else ""
        gaps = f", from {self.start}" if self.start else ""
        blind = ", blind" if self.blind else ""
        own = f", fitted to {self.schedule.title}" if self.schedule else ""
        return f"{SCHEMES[self.scheme]}{steps}{start}{rate}{gaps}{blind}, {self.prior}{own}"


class Work(ABC):
    """Something that is done step by step, by whichever run of a page's script comes by.

    stopped: somebody has asked it to end. error: the sentence that it ended with, or "".
    """

    def __init__(self) -> None:
        self.stopped, self.error = False, ""
        self.device = best_device()
        self._lock, self._advancing, self._account = threading.Lock(), threading.Lock(), Account()

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

    def advance(self, seconds: float = 0.0) -> None:
        """Does the next step, and more for so many seconds. Work that fails, in whatever way, ends with a sentence in `error`.

        After a click, the script that was interrupted may still be in here while the next one already runs: they take
        turns.
        """
        with self._advancing, self._turn():
            until = time.monotonic() + seconds
            while self.running:
                try:
                    self._step()
                except Exception as error:  # its generator cannot go on
                    self.error = sentence(error)
                if time.monotonic() >= until:
                    return

    def seen(self) -> None:
        """There is something to be seen of it now: others, of whom there is nothing yet, go first."""
        self._account.seen = True

    def _turn(self) -> AbstractContextManager[None]:
        """What holds back others while this computes."""
        return turns().turn(self._account)

    def stop(self) -> None:
        """What has been reached is final, unless it is asked to go on."""
        with self._lock:
            self.stopped = True

    def go_on(self) -> None:
        """Takes back a stop."""
        self._account.come_anew()
        with self._lock:
            self.stopped = False


class Restoration(Work):
    """A method at work on one scene. Every `advance` is a step; what is known so far is in `trace`, `image` and `frames`.

    number: no other one has it. steps: how many it takes. name: of the method. suits: it is what is taken where nothing is said.
    note: see `Problem.note`. estimate: the noise level that the prior has found, of blind restorations, after so many `looks`.
    frames: some of the images of the steps, small, as JPEG files, by the number of the step, from 0. A step that a stop has
    overtaken is dropped.
    """

    def __init__(self, scene: Scene, choice: Choice | BaselineChoice, prepared: Prepared, name: str) -> None:
        super().__init__()
        self.scene, self.choice, self.prepared, self.name = scene, choice, prepared, name
        self.number = next(_numbers)
        self.steps, self.suits, self.note = 1, False, ""
        self.estimate: float | None = None
        self.looks = 0
        self.trace = Trace(prepared.truth)
        self.image = self._initial = prepared.problem.initial()
        self.frames: dict[int, bytes] = {}

    @property
    def done(self) -> int:
        """Steps so far."""
        return self.trace.rows[-1].step if self.trace.rows else 0

    @property
    def finished(self) -> bool:
        return self.done == self.steps

    @property
    def title(self) -> str:
        return self._title() + (f" (stopped after {self.done})" if self.stopped and self.done < self.steps else "")

    @abstractmethod
    def _title(self) -> str:
        """The method with its settings, in words."""

    def _enter(self, image: Tensor, rows: list[TraceRow]) -> None:
        """What a step has come to, unless a stop has overtaken it: the image, on the CPU, and the rows of the trace."""
        if not torch.isfinite(image).all() or not all(math.isfinite(row.energy) for row in rows):
            raise InputError(DIVERGED)
        frames = {
            row.step: self._frame(image if row.step else self._initial.cpu()) for row in rows if self._kept(row.step)
        }
        with self._lock:
            if not self.stopped:
                self.image = image
                self.trace.rows += rows
                self.frames |= frames

    def _kept(self, step: int) -> bool:
        """Of many steps, as many as are shown, equally far from each other, the last one among them."""
        return (self.steps - step) % math.ceil((self.steps + 1) / MOST_FRAMES) == 0 or step == 0

    @staticmethod
    def _frame(image: Tensor) -> bytes:
        small = images.shrink(image.clamp(0, 1), FRAME_SIDE)
        return images.encode(".jpg", [images.Photo(small, images.PLAIN)])

    @property
    def blind(self) -> bool:
        """Whether nobody tells the noise level."""
        return isinstance(self.choice, Choice) and self.choice.blind

    @property
    def last(self) -> TraceRow:
        return self.trace.rows[-1]

    @property
    def seconds(self) -> float:
        """What the steps took, without energies and metrics."""
        return sum(row.milliseconds or 0 for row in self.trace.rows) / 1000

    @property
    def curve(self) -> Curve:
        column, problem = self.trace.column, self.prepared.problem
        psnr = None if self.prepared.truth is None else column("psnr")
        told = problem.level if self.estimate and self.prepared.truth is not None else None
        return Curve(self.title, column("step"), column("energy"), column("sigma"), psnr, self.estimate, told)

    @cached_property
    def differences(self) -> list[tuple[str, np.ndarray]]:
        """Error, where the truth is known, and residual of the result, as titles and arrays (H, W), means over the channels."""
        z, x, truth = self.prepared.problem.observation, self.image, self.prepared.truth
        found = {} if truth is None else {"Error x − x₀": x - truth}
        found["Residual z − x"] = z - x
        return [(title, difference[0].mean(0).numpy()) for title, difference in found.items()]

    @cached_property
    def result_png(self) -> bytes:
        """To be asked for when the run has ended, as the next ones."""
        return images.to_png(self.image)

    @cached_property
    def result_files(self) -> dict[str, bytes]:
        """The result by the endings of files that hold it as the upload does: a PNG, and for floats .npy as well."""
        photo = images.Photo(self.image, self.prepared.encoding)
        return {suffix: images.encode(suffix, [photo]) for suffix in (".png", ".npy")[: 1 + (not photo.encoding.bits)]}


class Run(Restoration):
    """A choice of a prior and a scheme at work.

    Raises `InputError` if no learned schedule fits, or the prior cannot take the sigmas.
    """

    def __init__(self, scene: Scene, choice: Choice, prepared: Prepared) -> None:
        super().__init__(scene, choice, prepared, SCHEMES[choice.scheme])
        prior = ByChannel(load_prior(choice.prior))
        problem = prepared.problem.from_start(choice.start).to(self.device)
        how = SchemeChoice(choice.scheme, choice.steps, choice.sigma0, choice.rate, choice.schedule, choice.blind)
        name = folder_name(choice.prior)
        scheme = scheme_for(how, prior, name, problem, choice.start, scene.setting)
        suits = scheme_for(SchemeChoice(), prior, name, problem, choice.start, scene.setting)
        self.suits = scheme == suits and not choice.blind
        self.steps, self.note = scheme.steps, problem.note(scheme.steps)
        self._set = replace(choice, steps=self.steps)
        self._start_from(problem)
        self._steps: Iterator[tuple[Step, float] | None] = (
            self._blindly(prior, problem, how) if choice.blind else timed(scheme.run(prior, problem))
        )

    def _start_from(self, problem: Problem) -> None:
        self._initial = problem.initial()
        self.image = self._initial.cpu()

    def _blindly(self, prior: Prior, problem: Problem, how: SchemeChoice) -> Iterator[tuple[Step, float] | None]:
        """The steps of a scheme that is told what the prior sees in the observation. To see it takes a while: before the steps
        come pieces of that, None each."""
        guess = yield from calibration.blind_in_pieces(
            prior, problem.observation, isinstance(problem, Denoising) and problem.clipped
        )
        self.estimate = guess.level
        self._start_from(guess)
        scheme = scheme_for(how, prior, folder_name(self._set.prior), guess)
        yield from timed(scheme.run(prior, guess))

    def _title(self) -> str:
        return self._set.title

    def _step(self) -> None:
        found = next(self._steps)
        if found is None:
            self.looks += 1
            return
        step, seconds = found
        if step.diverged.any():
            raise InputError(DIVERGED)
        self._enter(step.image.cpu(), self.trace.rows_of(step, seconds, self._initial))


class BaselineRun(Restoration):
    """A baseline at work, in one piece. It holds back no one but other baselines: some take many seconds."""

    choice: BaselineChoice

    def __init__(self, scene: Scene, choice: BaselineChoice, prepared: Prepared) -> None:
        super().__init__(scene, choice, prepared, baselines.TITLES[choice.baseline])
        self.device = "cpu"
        self._method = baselines.baseline(choice.baseline, scene.task)

    def _title(self) -> str:
        return self.name

    def _turn(self) -> AbstractContextManager[None]:
        return baseline_turn()

    def _step(self) -> None:
        problem, begin = self.prepared.problem, time.perf_counter()
        image = self._method(problem)
        seconds = time.perf_counter() - begin
        with device_queue():
            prior = ByChannel(load_prior(self.choice.prior))
            energies = [energy(prior, problem.to(best_device()), x.to(best_device())) for x in (self._initial, image)]
        steps = zip((0, 1), (self._initial, image), energies, (None, seconds), strict=True)
        rows = [self.trace.row(index, math.nan, x, found.cpu(), took) for index, x, found, took in steps]
        self._enter(image, rows)

    @property
    def curve(self) -> Curve:
        psnr = None if self.last.psnr is None else [self.last.psnr]
        return Curve(self.title, [1], [self.last.energy], [math.nan], psnr)


def load_prior(name: str) -> FieldsOfExperts:
    """A prior of the zoo on this machine's device, loaded once; again when its file changes. Or one of this visit's own.

    Raises `InputError` for any other name: it may come from a link or a file, and no path in one is to be opened."""
    own = own_priors().get(name)
    if own is not None:
        return own.prior
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
def baseline_turn() -> threading.Lock:
    """One baseline at a time."""
    return threading.Lock()
