"""What a problem is: an observation z and its data term D(x), with a closed proximal map (method, section 4)."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from torch import Tensor

from gnc_core import checks


class Problem(Protocol):
    """What a scheme needs to know of an observation z. Images are (N, 1, H, W)."""

    @property
    def name(self) -> str:
        """ "denoise" or "inpaint"."""

    @property
    def level(self) -> float:
        """How bad the degradation is: the noise level, or the share of missing pixels."""

    def initial(self) -> Tensor:
        """Where every scheme starts: (N, 1, H, W)."""

    def energy(self, x: Tensor) -> Tensor:
        """D(x) of each image: (N,)."""

    def prox(self, v: Tensor, tau: float | Tensor) -> Tensor:
        """argmin_x D(x) + |x - v|^2 / (2 tau): (N, 1, H, W), differentiable in v and tau.

        `tau` > 0 is a number, a 0-dimensional tensor, (N,), or (N, 1, 1, 1).
        """


def image_seed(seed: int, index: int) -> int:
    """The seed of image number `index` (from 0) of a set: hashed from both by numpy's SeedSequence.

    Every image thus has noise of its own, which depends neither on the images before it nor on
    how many are evaluated, and which no other `seed` repeats.
    """
    seed, index = checks.whole(seed, "The seed", 0), checks.whole(index, "The number of an image", 0)
    return int(np.random.SeedSequence([seed, index]).generate_state(1, np.uint64)[0] >> 1)
