"""Arrays as pictures: encoded, for figures that hold them as files, or as traces of a figure."""

import io

import numpy as np
from PIL import Image

from app.figures.common import Part, on_panel

RED = np.array([220, 45, 50])


def png(picture: np.ndarray) -> bytes:
    """A picture of whole numbers up to 255 as a PNG file: (H, W) grey, (H, W, 2) grey and opacity, (H, W, 3) colour."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def grey_png(values: np.ndarray, low: float, high: float, marked: np.ndarray | None = None) -> bytes:
    """(H, W) as a grey picture, `low` black and `high` white; pixels that are `marked` (bool) are tinted red."""
    grey = 255 * np.clip((values - low) / max(high - low, 1e-12), 0, 1)
    if marked is None:
        return png(np.rint(grey).astype(np.uint8))
    tinted = np.where(marked[..., None], 0.45 * grey[..., None] + 0.55 * RED, grey[..., None])
    return png(np.rint(tinted).astype(np.uint8))


def grey_bytes(picture: np.ndarray) -> np.ndarray:
    """Grey values from 0 to 1 as whole numbers to 255; what is beyond is cut off.

    >>> grey_bytes(np.array([-0.1, 0.5, 1.0])).tolist()
    [0, 128, 255]
    """
    return np.clip(np.rint(255 * picture), 0, 255).astype(np.uint8)


def grey(picture: np.ndarray, number: int, name: str) -> Part:
    """A picture (H, W) on a panel, black 0 and white 1; what is NaN stays empty.

    >>> grey(np.zeros((2, 2)), 1, "black")["type"]
    'heatmap'
    """
    shown = np.rint(255 * np.clip(picture, 0, 1)) if np.isnan(picture).any() else grey_bytes(picture)
    return on_panel(
        {"type": "heatmap", "z": shown, "zmin": 0, "zmax": 255, "colorscale": "Greys", "reversescale": True, "showscale": False,
         "hoverinfo": "skip", "name": name}, number
    )  # fmt: skip
