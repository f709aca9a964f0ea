"""Arrays as encoded pictures, for figures that hold them as files."""

import io

import numpy as np
from PIL import Image

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
