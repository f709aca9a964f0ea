"""From the controls of "Energy landscape" to its arrays: the image, the directions, and work that is done a row at a time.

`python -m app.landscapes PRIOR ...` computes what the page begins with, of every sample image, and keeps it in pretrained/.
"""

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from app import kept
from app.drawing import Drawn, encoded
from app.figures.common import Figure
from app.figures.landscape import Mark, Track, descent_figure, plane_figure
from app.helpers import Elsewhere, computed
from app.own import folder_name, weights_of
from app.runs import Work, load_prior
from app.scenes import Upload, picture
from gnc_core import checks, images, problems, zoo
from gnc_core.choices import SCHEMES, SchemeChoice, choose_scheme, has_learned
from gnc_core.errors import InputError
from gnc_core.measuring import curvature, landscape

CONTENT = 256  # photographs are scaled down to this longer side before the middle is taken
LEVELS, FINE_LEVELS = 8, 17  # smoothings of the plane, and of the line
LINE_POINTS = 41
SKETCHED, LINE_SKETCHED = 4, 10  # intervals a side of a sketch of the plane, and of the line
# Along a line every other energy is computed. Cubic splines miss those between by less than 0.2 % of a level's range, except
# along an eigenvector, where the energy has a kink.
LINE_STEP = 2
REACH = 1.8  # of directions without an end, in norms: about where an eigenvector's pattern has reached black or white
BENDING, MIRROR, CLEAN = "Smallest curvature", "To its mirror image", "To the clean image"
BLURRED, RANDOM = "To a blurred one", "Random"
DIRECTIONS = [BENDING, MIRROR, CLEAN, BLURRED, RANDOM]
ENDS = {CLEAN: "clean", BLURRED: "blurred", MIRROR: "mirrored"}


@dataclass(frozen=True)
class View:
    """All that determines a landscape.

    noise: of the image in the middle, 0 for the clean one. crop: pixels a side. first, second: names of directions; second is
    None for a line over all smoothings. zoom: of the distances. points: a side of the grid. seed: of noise and of random
    directions, 0 where there are none. bend: the sigma of the curvature. blur: in pixels. steps, sigma0: of the schemes that go
    along a line."""

    prior: str
    source: str | Upload
    noise: float
    first: str
    second: str | None
    crop: int = 64
    zoom: float = 1.0
    points: int = 17
    seed: int = 0
    bend: float = 0.02
    blur: float = 2.0
    steps: int = 10
    sigma0: float = 0.3

    def __post_init__(self) -> None:
        if not self.noise and RANDOM not in (self.first, self.second):
            object.__setattr__(self, "seed", 0)  # or the same view would be another one

    @property
    def energies(self) -> "View":
        """One of those with the same energies, always the same."""
        return replace(self, steps=0, sigma0=0.0)


def first_view(prior: str, source: str | Upload) -> View:
    """What the page shows of an image at first."""
    return View(prior, source, 0.0, MIRROR, BENDING)


class Landscape(Work):
    """A view at work: first its directions, then the energies, a row at a time, and the paths of the schemes.

    a, b: distances; b is (0,) for a line. sigma: (K,), ascending. energy: (K, B, A), NaN where nothing is known yet.
    sketch: the same from a few points, as long as not all are known. marks: images that lie in the plane or on
    the line. tracks: the paths of the schemes. What a view of a sample has come to is known to all visitors, the energies as
    soon as they are there: whoever comes next goes on from them. anew: from nothing that is known, and for nobody else.
    """

    def __init__(self, view: View, data: bytes | None, anew: bool = False) -> None:
        super().__init__()
        self.view = view
        self._prior = load_prior(view.prior)
        self._energies_of = Elsewhere(self._prior) if self.device == "cpu" else self._prior
        whole, _ = picture(view.source, CONTENT, False, False, data)
        self._clean = images.crop_center(whole, view.crop)
        checks.check_size(self._clean, self._prior.min_size)
        if view.noise == 0 and CLEAN in (view.first, view.second):
            raise InputError("The image in the middle is the clean one: choose the noisy image, or another direction.")
        self.x = problems.add_noise(self._clean, view.noise, view.seed) if view.noise else self._clean
        self.sigma = np.geomspace(self._prior.sigma_min, self._prior.sigma_max, LEVELS if view.second else FINE_LEVELS)
        self.a = self.b = np.zeros(1)
        self.energy = self.sketch = np.full((len(self.sigma), 1, 1), np.nan)
        self.marks: list[Mark] = []
        self.tracks: list[Track] = []
        self.doing, self.done, self._over = "directions", 0.0, False
        self._steps = self._work()
        self._public = not anew and isinstance(view.source, str) and view.prior in zoo.names()
        self.shared, self._known = (
            [known(one, zoo.weights_hash(view.prior)) for one in (view, view.energies)] if self._public else [{}, {}]
        )
        if self._public and view == first_view(view.prior, view.source):
            self._take_kept()
        if "all" in self.shared:
            self.a, self.b, self.energy, self.marks, self.tracks = self.shared["all"]
            self.sketch, self._over = self.energy, True

    def _take_kept(self) -> None:
        plane = kept.planes(self.view.prior, zoo.weights_hash(self.view.prior)).get(str(self.view.source))
        if plane is not None:
            names = "clean", ENDS[MIRROR]
            marks = [Mark(name, *place) for name, place in zip(names, plane["marks"].tolist(), strict=True)]
            self.shared["all"] = plane["a"], plane["b"], plane["energy"].astype(np.float64), marks, []

    @property
    def finished(self) -> bool:
        return self._over

    @property
    def levels(self) -> np.ndarray:
        """The smoothings whose energies are all known, as indices."""
        return np.flatnonzero(np.isfinite(self.energy).all((1, 2)))

    @property
    def complete(self) -> int:
        """How many levels and paths can be drawn; a level counts once more when its sketch is replaced."""
        return len(self.levels) + int(np.isfinite(self.sketch).all((1, 2)).sum()) + len(self.tracks)

    def _step(self) -> None:
        self._over = next(self._steps, None) is None
        if self._over:
            self.shared["all"] = self.a, self.b, self.energy, self.marks, self.tracks

    def _work(self) -> Iterator[bool]:
        view, x = self.view, self.x.to(self.device)
        clean = self._clean.to(self.device)
        first = _direction(view, view.first, x, clean, view.seed)
        if view.first == BENDING:  # the only one that takes a while
            yield True
        second = first
        if view.second:
            beside = first if view.first == BENDING else None
            second = landscape.orthogonal(_direction(view, view.second, x, clean, view.seed + 1, beside), first)
            if view.second == BENDING:
                yield True
        targets = {name: _target(view, name, x, clean) for name in ENDS}
        self.a = _distances(view, view.first, x, targets)
        self.b = _distances(view, view.second, x, targets) if view.second else np.zeros(1)
        names = [ENDS[name] for name in (view.first, view.second) if name in ENDS]
        self.marks = [Mark("noisy" if view.noise else "clean", 0.0, 0.0)] + [
            Mark(ENDS[name], *landscape.places(target, x, [first, second])[0].tolist())
            for name, target in targets.items()
            if ENDS[name] in names and target is not None
        ]
        self.sketch = np.full((len(self.sigma), len(self.b), len(self.a)), np.nan)
        self.energy = self._known.setdefault("energy", self.sketch.copy())
        yield from self._energies(x, first, second)
        if view.second is None:
            yield from self._paths(x, first)

    def _energies(self, x: Tensor, first: Tensor, second: Tensor) -> Iterator[bool]:
        """A sketch of every level, where there are many points, and then all of it; from the bowl down. A sketch is one piece of
        work, as a row is later: whoever waits for a first figure would wait for a turn with each of them."""
        order, line = range(len(self.sigma))[::-1], self.view.second is None
        least = LINE_STEP if line and self.view.first != BENDING else 1
        sketched = (len(self.a) - 1) // (LINE_SKETCHED if line else SKETCHED)
        passes = [sketched, least] if sketched > least else [least]
        total = sum(len(self.a[::apart]) * len(self.b[::apart]) for apart in passes) * len(order)
        number = 0
        for apart in passes:
            for k in order:
                self.doing, found_any = f"σ = {self.sigma[k]:.3g}", False
                for i in range(0, len(self.b), apart):
                    row = self.energy[k, i]
                    missing = np.arange(0, len(self.a), apart)
                    missing = missing[np.isnan(row[missing])]
                    number += len(self.a[::apart])
                    if len(missing):
                        place = self.a[missing], self.b[[i]], self.sigma[[k]]
                        [(_, _, found)] = landscape.plane(self._energies_of, x, (first, second), *place)
                        row[missing], found_any = found, True
                        self.done = number / total
                        if apart == least:
                            yield True
                if apart > 1:
                    self._between(k, apart, apart == least)
                if apart > least and found_any:
                    yield True

    def _between(self, k: int, apart: int, last: bool) -> None:
        """Fills a level between points that are known: its sketch or, for good, the level itself."""
        filled = landscape.between(self.energy[k, ::apart, ::apart], apart)
        with self._lock:
            if last:
                self.energy[k] = filled
            else:
                self.sketch = self.sketch.copy()
                self.sketch[k] = filled

    def _paths(self, x: Tensor, first: Tensor) -> Iterator[bool]:
        """The three schemes, from the noisy image down."""
        view, prior = self.view, self._prior
        problem = problems.Denoising(x, view.noise)
        choices = [SchemeChoice("flow", view.steps, view.sigma0), SchemeChoice("joint", view.steps, view.sigma0)]
        if has_learned(folder_name(view.prior), problem.name):
            choices.append(SchemeChoice("learned"))
        for choice in choices:
            reached, sigmas = [x], list[float]()
            self.doing = SCHEMES[choice.scheme or ""]
            for step in choose_scheme(choice, prior, folder_name(view.prior), problem.name, view.noise).run(
                prior, problem
            ):
                reached.append(step.image)
                sigmas.append(float(step.sigma))
                yield True
            path = landscape.Path.of(torch.cat(reached), [sigmas[0], *sigmas], x, first)
            track = Track(SCHEMES[choice.scheme or ""], path.along, path.sigma, path.off)
            with self._lock:
                self.tracks = [*self.tracks, track]


def drawn(work: Landscape, narrow: bool) -> Figure | Drawn | None:
    """`figure_of`; where the work is over, as it is sent, made once for all visitors."""
    if not work.finished:
        return figure_of(work, narrow)
    made = work.shared.setdefault("drawn", {})
    if narrow not in made:
        made[narrow] = encoded(figure_of(work, narrow) or {"data": [], "layout": {}})
    return made[narrow]


def figure_of(work: Landscape, narrow: bool = False) -> Figure | None:
    """Of all levels that are known, if only as a sketch; None where there is nothing to be drawn yet. narrow: for a page with
    little room."""
    view, energy = work.view, work.sketch.copy()
    energy[work.levels] = work.energy[work.levels]
    known = np.flatnonzero(np.isfinite(energy).all((1, 2)))
    sigma, energy = work.sigma[known], energy[known]
    if view.second is None:
        line = work.a, sigma, energy[:, 0], view.first.lower(), work.marks, work.tracks
        return descent_figure(*line, narrow) if len(known) > 1 else None
    minima = [landscape.grid_minima(level) for level in energy]
    titles = view.first.lower(), view.second.lower()
    return plane_figure(work.a, work.b, sigma, energy, minima, titles, work.marks, narrow) if len(known) else None


def _target(view: View, name: str, x: Tensor, clean: Tensor) -> Tensor | None:
    """The image that a direction leads to, if there is one."""
    if name == CLEAN:
        return clean if view.noise else None
    return landscape.blurred(x, view.blur) if name == BLURRED else clean.flip(3) if name == MIRROR else None


def _direction(view: View, name: str, x: Tensor, clean: Tensor, seed: int, beside: Tensor | None = None) -> Tensor:
    """A direction by its name. seed: of a random one. beside: an eigenvector that is already taken."""
    target = _target(view, name, x, clean)
    if target is not None:
        return landscape.unit(target - x)
    if name == RANDOM:
        return landscape.random_direction(x, seed)
    key = (view.source, view.crop, view.noise, view.noise and view.seed, weights_of(view.prior))
    return _bending(view.prior, key, view.bend, beside is not None, x, beside)


@st.cache_resource(max_entries=256, show_spinner=False)
def known(view: View, weights: str) -> dict[str, Any]:
    """Where a view of a sample leaves what it has come to, under "all"."""
    return {}


@st.cache_resource(max_entries=64, show_spinner=False)
def _bending(name: str, key: tuple, sigma: float, second: bool, _x: Tensor, _beside: Tensor | None) -> Tensor:
    """The eigenvector of the smallest eigenvalue of the Hessian at x, or of the second one."""
    find, given = curvature.smallest_eigenvalue, (load_prior(name), _x, math.log(sigma), 1e-3, _beside)
    return (computed(find, *given) if _x.device.type == "cpu" else find(*given))[1]


def _distances(view: View, name: str, x: Tensor, targets: dict[str, Tensor | None]) -> np.ndarray:
    """Distances along a direction: half of the way to its end before the image and behind it, else as far to both sides."""
    target, count = targets.get(name), LINE_POINTS if view.second is None else view.points
    if target is None:
        return view.zoom * REACH * np.linspace(-1, 1, count)
    length = float((target - x).norm())
    return length * (0.5 + view.zoom * np.linspace(-1, 1, count))


def keep(prior: str) -> None:
    """Computes what the page begins with, of every sample image, and keeps it with the prior."""
    planes = dict[str, kept.Plane]()
    for sample in images.sample_images():
        work = Landscape(first_view(prior, sample), None, anew=True)
        while work.running:
            work.advance()
        if work.error:
            raise InputError(work.error)
        marks = np.array([[mark.a, mark.b] for mark in work.marks])
        planes[sample] = {"a": work.a, "b": work.b, "energy": work.energy.astype(np.float32), "marks": marks}
    kept.keep(prior, planes)


if __name__ == "__main__":
    for name in sys.argv[1:] or zoo.names():
        keep(name)
