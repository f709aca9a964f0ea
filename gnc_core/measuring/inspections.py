"""What was measured of a prior by `inspection`, as it is saved with it; read without PyTorch."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_safetensors

from gnc_core import zoo
from gnc_core.errors import InputError
from gnc_core.files import write_bytes

FILE = "inspection.safetensors"
ROUNDING = 1e-6  # sigma^2 phi'' above minus this counts as convex
LANCZOS = 1e-3  # eigenvalues of sigma^2 hess R above minus this do


@dataclass(frozen=True, eq=False)
class Inspection:
    """A prior's functions on data, at S smoothing levels; arrays are float32, (S, L, C) unless stated otherwise.

    sigma: (S,), ascending. low, high: the effective range of the features, all but the share `inspection.TAIL` on either side.
    curvature, curvature_on_grid: the smallest phi'' over the effective range, and over the whole grid of knots.
    concave: share of the features at which phi'' < 0. gain: mean of phi' over the features.
    share: of a potential, its share of the energy, E[max(phi - m, 0)] with m its minimum over the effective range: a constant
    changes no score, and so counts for nothing. Of a hidden activation, its share of what goes up to the next layer:
    variance of phi times the squared norm of the kernels that take it up. Shares of a layer sum to one at every level.
    images: how many were measured.
    levels: (E,), ascending, the sigmas of `eigenvalues`, (E, I, 2): the smallest one of sigma^2 hess R at I images, clean and
    with noise of that level; E is 0 where they were not measured. proved: the sigma from which on the energy is proved convex on
    all of R^n; NaN if it is not.

    >>> found = load("foe-l1")
    >>> found.low.shape == (len(found.sigma), 1, 48), found.order(0, by="index").tolist() == list(range(48))
    (True, True)
    """

    sigma: np.ndarray
    low: np.ndarray
    high: np.ndarray
    curvature: np.ndarray
    curvature_on_grid: np.ndarray
    concave: np.ndarray
    gain: np.ndarray
    share: np.ndarray
    images: int
    levels: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    eigenvalues: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 2), np.float32))
    proved: float = math.nan

    @property
    def convex(self) -> np.ndarray:
        """Whether phi is convex on the effective range: bool (S, L, C)."""
        return self.scaled(self.curvature) >= -ROUNDING

    @property
    def convex_on_grid(self) -> np.ndarray:
        """Whether phi is convex on the whole grid of knots: bool (S, L, C)."""
        return self.scaled(self.curvature_on_grid) >= -ROUNDING

    @property
    def convex_above(self) -> np.ndarray:
        """The sigma above which phi is convex on the effective range, NaN if it never is: (L, C)."""
        return convex_above(self.sigma, self.scaled(self.curvature))

    @property
    def all_convex_above(self) -> float:
        """The sigma above which all potentials are convex; NaN if they never are."""
        return float(self.convex_above[-1].max())  # NaN if one of them is

    @property
    def smallest(self) -> np.ndarray:
        """The smallest eigenvalue of sigma^2 hess R at any image: (E,)."""
        return self.eigenvalues.min((1, 2), initial=math.inf)

    @property
    def sigma_c(self) -> float:
        """The sigma from which on the energy is convex at all images, as far as Lanczos tells; NaN if there is none."""
        return float(convex_above(self.levels, self.smallest, LANCZOS)) if len(self.levels) else math.nan

    @property
    def summary(self) -> str:
        """What is known of convexity, in a sentence or three."""
        words = [self._potentials()]
        if len(self.levels):
            count = self.eigenvalues.shape[1]
            at = f"at {count} image{'s'[: count > 1]}, clean and noisy"
            words.append(
                f"The energy is convex from sigma = {self.sigma_c:.3g} on ({at})."
                if math.isfinite(self.sigma_c)
                else f"The energy is convex at no sigma up to {self.levels[-1]:.3g} ({at})."
            )
        if math.isfinite(self.proved):
            words.append(f"It is proved to be, on all images, from sigma = {self.proved:.3g} on.")
        return " ".join(words)

    def _potentials(self) -> str:
        above = self.all_convex_above
        of = f"on the effective range of {self.images} image{'s'[: self.images > 1]}"
        if math.isfinite(above):
            return f"All potentials are convex above sigma = {above:.3g} ({of})."
        never = int((~self.convex[-1, -1]).sum())
        return f"{never} of {self.convex.shape[2]} potentials are not convex at sigma = {self.sigma[-1]:.3g} ({of})."

    def scaled(self, curvature: np.ndarray) -> np.ndarray:
        """sigma^2 times a curvature (S, ...): what it does in a step of the flow, x - sigma^2 grad R; it has no unit."""
        return curvature * (self.sigma**2).reshape(-1, *[1] * (curvature.ndim - 1))

    @property
    def reach(self) -> np.ndarray:
        """The largest |u| of the effective ranges: (L, C)."""
        return np.maximum(-self.low, self.high).max(0)

    def grid(self, layer: int, points: int) -> np.ndarray:
        """Equidistant u from `low` to `high`: (S, C, points)."""
        return np.linspace(self.low[:, layer], self.high[:, layer], points, axis=2)

    def order(self, layer: int, by: str) -> np.ndarray:
        """The channels of a layer, (C,): by "index", by "share" (largest first, mean over the levels), or by "convexity" (the
        sigma from which on they are convex, smallest first, those that never are by the share of concave features). Raises
        `InputError` for another order."""
        if by not in ("index", "share", "convexity"):
            raise InputError(f'Channels are ordered by "index", "share" or "convexity", not by {by!r}.')
        if by == "share":
            return np.argsort(-self.share[:, layer].mean(0), kind="stable")
        if by == "convexity":
            return np.lexsort((self.concave[:, layer].mean(0), self.convex_above[layer]))
        return np.arange(self.low.shape[2])


def save(name: str | os.PathLike, inspection: Inspection) -> Path:
    """Writes the inspection of a prior (see `zoo.folder_of`) into its folder, with the hash of the weights it belongs to.

    >>> import shutil, tempfile, torch
    >>> from gnc_core.measuring.inspection import measure
    >>> found = measure(zoo.load("foe-l1"), [torch.rand(1, 1, 16, 16)], levels=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = shutil.copy(zoo.folder_of("foe-l1") / zoo.WEIGHTS, folder)
    ...     save(folder, found).name
    'inspection.safetensors'
    """
    path = zoo.folder_of(name) / FILE
    arrays = {key: np.ascontiguousarray(v) for key, v in vars(inspection).items() if isinstance(v, np.ndarray)}
    numbers = {"images": str(inspection.images), "proved": str(inspection.proved)}
    write_bytes(path, to_safetensors(arrays, {"weights": zoo.weights_hash(name), **numbers}))
    return path


def load(name: str | os.PathLike) -> Inspection | None:
    """The inspection saved with a prior; None if there is none, or it is one of other weights.

    Raises `InputError` for an unknown prior and for a damaged file.

    >>> import shutil, tempfile, torch
    >>> from gnc_core.measuring.inspection import measure
    >>> found = measure(zoo.load("foe-l1"), [torch.rand(1, 1, 16, 16)], levels=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = shutil.copy(zoo.folder_of("foe-l1") / zoo.WEIGHTS, folder)
    ...     _ = save(folder, found)
    ...     np.array_equal(load(folder).share, found.share)
    True
    """
    path = zoo.folder_of(name) / FILE
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        if metadata.get("weights") != zoo.weights_hash(name):
            return None
        found = Inspection(**arrays, images=int(metadata["images"]), proved=float(metadata.get("proved", "nan")))
        shapes = {array.shape for key, array in arrays.items() if key not in ("sigma", "levels", "eigenvalues")}
        if (len(shapes) > 1 or found.low.ndim != 3 or found.sigma.shape != found.low.shape[:1]) or (
            found.eigenvalues.ndim != 3 or found.levels.shape != found.eigenvalues.shape[:1]
        ):
            raise ValueError("arrays that do not belong together")
        return found
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"The file {path} is damaged; make it again with `python -m gnc_core inspect`.") from error


def convex_above(sigma: np.ndarray, curvature: np.ndarray, tolerance: float = ROUNDING) -> np.ndarray:
    """The sigma above which a curvature (S, ...), times sigma^2, stays at zero or above, but for the tolerance; between two
    levels it is taken to be linear in s = log(sigma).

    sigma: (S,), ascending. Returns (...): sigma[0] where it is never negative, NaN where it is so at the largest level.

    >>> convex_above(np.array([0.1, 0.2, 0.4]), np.array([[-1.0], [0.0], [1.0]])).round(4)
    array([0.2])
    """
    negative = curvature < -tolerance
    s = np.log(sigma)
    last = len(s) - 1 - negative[::-1].argmax(0)  # the last level at which it is negative, if there is one
    after = np.minimum(last + 1, len(s) - 1)
    before, beyond = (np.take_along_axis(curvature, i[None], 0)[0] for i in (last, after))
    with np.errstate(invalid="ignore", divide="ignore"):
        place = np.clip(before / (before - beyond), 0, 1)
    result = np.exp(s[last] + place * (s[after] - s[last]))
    return np.where(negative[-1], np.nan, np.where(negative.any(0), result, sigma[0]))
