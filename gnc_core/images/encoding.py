"""What a file holds besides brightness in [0, 1]: the numbers that stand for it, and what else it carries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Encoding:
    """How a file holds an image: its number v stands for the brightness x = (v - black) / (white - black).

    bits: of an integer, 8 to 16, or 0 for floats; noise in integers is rounded and clipped. white, black: the numbers of the
    file that 1 and 0 stand for. dpi: pixels an inch, across and down. icc: the colour profile. alpha: opacity in [0, 1],
    (H, W), or None where every pixel is opaque.

    >>> twelve = Encoding(bits=16, white=4095)
    >>> (2048 - twelve.black) / (twelve.white - twelve.black) > 0.5  # the brightness of the number 2048
    True
    """

    bits: int
    white: float
    black: float = 0.0
    dpi: tuple[float, float] | None = None
    icc: bytes | None = None
    alpha: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Photo:
    """An image (1, C, H, W), nominally in [0, 1], and how its file holds it.

    >>> from gnc_core import images
    >>> photo = images.read(images.to_png(images.load_sample("Cat")))[0]
    >>> photo.image.shape[:2], photo.encoding.bits
    (torch.Size([1, 1]), 8)
    """

    image: Tensor
    encoding: Encoding

    def likely_white(self) -> int | None:
        """What white seems to be, where all values lie far below that of the file, or None: 4095 for 12 bits stored in 16.

        >>> import torch
        >>> Photo(torch.tensor([[[[0.0, 3900 / 65535]]]]), Encoding(16, 65535)).likely_white()
        4095
        """
        bits, white = self.encoding.bits, self.encoding.white
        if not bits:
            return None
        largest = round(float(self.image.nan_to_num(0).max()) * white)
        fitting = [2**n - 1 for n in (8, 10, 12, 14) if n <= bits - 2 and largest < 2**n]
        return fitting[0] if fitting and largest > 0 and white == 2**bits - 1 else None


PLAIN = Encoding(8, 255)
"""What pictures are written in if nothing else is asked for."""


class Stored(NamedTuple):
    """A picture as it is stored. values: (H, W), or (H, W, channels) with opacity as the second or fourth channel.

    bits: as in `Encoding`. white: the number that white is, or 0 if the file does not say. orientation: 1 ... 8, as EXIF has it.

    >>> import numpy as np
    >>> stored = Stored(np.array([[0, 4095]]), bits=16, white=4095)
    >>> (stored.values / stored.white).tolist()
    [[0.0, 1.0]]
    """

    values: np.ndarray
    bits: int
    white: int
    orientation: int = 1
    dpi: tuple[float, float] | None = None
    icc: bytes | None = None
