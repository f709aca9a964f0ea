"""A small training run that is watched: what it learns from, its iterations, and whose turn it is on this server."""

import copy
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from app.own import OwnPrior
from app.runs import Work
from gnc_core import images
from gnc_core.choices import SchemeChoice, choose_scheme
from gnc_core.errors import InputError
from gnc_core.learning import Settings, Trainer
from gnc_core.measuring import inspection, psnr
from gnc_core.prior import FieldsOfExperts
from gnc_core.problems import TASKS

DATA = "GNC_TRAINING_DATA"
SAMPLES = "Sample images"
HELD_OUT = ("Cameraman", "Astronaut")  # validation; nothing learns from them
MOST_PHOTOGRAPHS, LONGEST = 200, 512  # of a folder, and the pixels a side that one contributes: its middle
CONTENT, CROP, PICTURE, CROPS = (
    256,
    48,
    96,
    8,
)  # pixels: of validation photographs, their crops, what is denoised; crops of each
NOISE = 0.1  # of what is denoised
LOOKS, RECENT = 20, 20  # how often a run is looked at; the iterations that the loss is a mean of
LEVELS, POINTS = 3, 33  # smoothings and points of the potentials that are drawn
CONSTANT_BATCHES = 10  # the loss does not see c(s), and training goes on fitting it
LEASE = 10.0  # seconds after which a run that nobody advances has lost its turn


@dataclass(frozen=True)
class Plan:
    """What a run depends on. photographs: `SAMPLES`, or the name of a folder that is allowed. weight: lambda of the loss."""

    photographs: str = SAMPLES
    kernels: int = 24
    size: int = 5
    iterations: int = 400
    batch: int = 8
    patch: int = 24
    weight: float = 1e-4
    seed: int = 0
    rate: float = 0.03
    knots: int = 63

    @property
    def settings(self) -> Settings:
        architecture = {
            "channels": self.kernels, "kernel_size": self.size, "knots_u": self.knots, "knots_s": 8, "input_scale": 0.05,
        }  # fmt: skip
        return Settings(
            architecture=architecture, iterations=self.iterations, batch=self.batch, patch=self.patch, seed=self.seed,
            learning_rate=self.rate, smoothing_weight=self.weight,
        )  # fmt: skip


def allowed_folders() -> dict[str, Path]:
    """The folders of photographs that visitors may train on, by their names alone: those in the environment variable `DATA`, with
    ":" between two of them (";" on Windows). No other path is opened, whatever a browser sends."""
    found: dict[str, Path] = {}
    for folder in filter(None, os.environ.get(DATA, "").split(os.pathsep)):
        name = unique = Path(folder).name or folder
        count = 1
        while unique in (*found, SAMPLES):
            count += 1
            unique = f"{name} ({count})"
        found[unique] = Path(folder)
    return found


@dataclass(frozen=True)
class Shown:
    """What a look at a run found. kernels: (C, k, k). sigma: (S,); u, phi: (S, C, P), on the effective range of the features.
    denoised: (h, w)."""

    kernels: np.ndarray
    sigma: np.ndarray
    u: np.ndarray
    phi: np.ndarray
    denoised: np.ndarray


class Training(Work):
    """A run. Every `advance` reads a photograph, or is an iteration, with a look at what has been reached now and then.

    loss: image term of every iteration. looks: iterations, validation: the same term of averaged weights on photographs that
    nothing learns from, psnr: of one of them, denoised. noisy, noisy_psnr: that photograph before. doing: what is being done.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan, self.doing = plan, "reading photographs"
        self.trainer: Trainer | None = None
        folders = allowed_folders()
        if plan.photographs != SAMPLES and plan.photographs not in folders:
            raise InputError(f"Nobody allowed a folder {plan.photographs!r} to be trained on.")
        samples = images.sample_images()
        self._files = [path for name, path in samples.items() if name not in HELD_OUT]
        if plan.photographs != SAMPLES:
            self._files = images.image_files(folders[plan.photographs])[:MOST_PHOTOGRAPHS]
        self.count = 0
        self.loss: list[float] = []
        self.looks: list[int] = []
        self.validation: list[float] = []
        self.psnr: list[float] = []
        self.shown: Shown | None = None
        held_out = [images.shrink(images.load_sample(name), CONTENT) for name in HELD_OUT]
        self._truth = images.crop_center(held_out[0], PICTURE)
        self._problem = TASKS["denoise"].degrade(self._truth, NOISE, 0)
        self.noisy = self._problem.observation[0, 0].numpy()
        self.noisy_psnr = psnr(self._problem.observation, self._truth).item()
        self._crops = images.random_patches(held_out, CROP, CROPS * len(held_out), torch.Generator().manual_seed(0))
        self._pieces = self._work()

    @property
    def finished(self) -> bool:
        return len(self.loss) == self.plan.iterations and bool(self.looks) and self.looks[-1] == self.plan.iterations

    @property
    def done(self) -> float:
        """The share of the iterations that are over."""
        return len(self.loss) / self.plan.iterations

    @property
    def seconds(self) -> float:
        """That the iterations took."""
        return self.trainer.seconds if self.trainer else 0.0

    @property
    def recent(self) -> np.ndarray:
        """The loss, at every iteration the mean of the last `RECENT`."""
        total = np.concatenate([[0.0], np.cumsum(self.loss)])
        last = np.arange(1, len(total))
        first = np.maximum(last - RECENT, 0)
        return (total[last] - total[first]) / (last - first)

    def _step(self) -> None:
        next(self._pieces)

    def _work(self) -> Iterator[None]:
        photographs: list[Tensor] = []
        for number, file in enumerate(self._files):
            self.doing = f"reading photographs, {number} of {len(self._files)}"
            photographs += _photograph(file, self.plan.patch)
            yield
        if not photographs:
            raise InputError(
                f"None of the images in {self.plan.photographs} holds a patch of {self.plan.patch} pixels."
            )
        self.count, settings = len(photographs), self.plan.settings
        self.trainer = trainer = Trainer(
            settings, photographs, self.device, list(self._crops), constant_start=CONSTANT_BATCHES
        )
        self._look(trainer)
        every = max(1, settings.iterations // LOOKS)
        while len(self.loss) < settings.iterations:
            self.doing = f"iteration {len(self.loss)} of {settings.iterations}"
            try:
                entry = trainer.step()
            except FloatingPointError:
                raise InputError(
                    f"The loss is not finite any more at iteration {trainer.iteration}; a smaller step size usually helps."
                ) from None
            with self._lock:
                self.loss.append(entry["image"])
            if trainer.iteration % every == 0 or trainer.iteration == settings.iterations:
                self._look(trainer)
            yield

    def _look(self, trainer: Trainer) -> None:
        """Measures the averaged weights."""
        prior = trainer.result
        validation = trainer.validate()["validation"]
        with torch.no_grad():
            scheme = choose_scheme(SchemeChoice("flow"), prior, None, self._problem.name, NOISE)
            *_, last = scheme.run(prior, self._problem.to(self.device))
            found = inspection.measure(prior, [self._truth], LEVELS)
            phi = inspection.curves(prior, found, 0, POINTS)
            kernels = prior.kernels()[0][:, 0].cpu().numpy()
        denoised = last.image.cpu()
        shown = Shown(kernels, found.sigma, found.grid(0, POINTS), phi, denoised[0, 0].numpy())
        with self._lock:
            self.looks.append(trainer.iteration)
            self.validation.append(validation)
            self.psnr.append(psnr(denoised, self._truth).item())
            self.shown = shown

    def result(self) -> OwnPrior:
        """The averaged weights as they are, and what their card says."""
        assert self.trainer is not None
        prior: FieldsOfExperts = copy.deepcopy(self.trainer.result).eval().requires_grad_(False)
        training = {key: value for key, value in asdict(self.plan.settings).items() if key != "architecture"} | {
            "made by": "the explorer's page Training",
            "iterations done": len(self.loss),
            "data": f"{self.count} photographs, {self.plan.photographs}",
            "validation": {"validation": self.validation[-1], "images": len(HELD_OUT)},
        }
        return OwnPrior(prior, {"training": training})


def _photograph(file: Path, patch: int) -> list[Tensor]:
    """The middle of a photograph in grey, in 8 bits; nothing for what is no image, and for one that holds no patch."""
    try:
        image = images.crop_center(images.read_image(file), LONGEST)
    except InputError:
        return []
    return [images.compact(image)] if min(image.shape[-2:]) >= patch else []


class Turn:
    """Whose turn it is to train: one run at a time. A run keeps its turn while somebody advances it, and no longer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._run: Training | None = None
        self._taken = 0.0

    def take(self, run: Training) -> bool:
        """To be called before every step; False if it is another's turn."""
        with self._lock:
            if self._busy() not in (None, run):
                return False
            self._run, self._taken = run, time.monotonic()
            return True

    def give(self, run: Training) -> None:
        """The turn is over, for whatever reason."""
        with self._lock:
            if self._run is run:
                self._run = None

    def other(self, run: Training | None) -> float | None:
        """How far another's run is, if there is one: the share of its iterations, and nothing else of it."""
        with self._lock:
            busy = self._busy()
            return None if busy in (None, run) else busy.done

    def _busy(self) -> Training | None:
        run = self._run
        return run if run is not None and run.running and time.monotonic() - self._taken < LEASE else None


@st.cache_resource
def turn() -> Turn:
    """That of this server."""
    return Turn()
