"""What is to be restored: an observation, its data term, and how it is made of a true image (method, section 4).

Every problem is a file of its own, with its data term, its proximal map and its degradation."""

from .base import Problem, image_seed
from .degradations import add_noise, box_mask, random_mask, text_mask
from .degrade_all import degrade
from .denoising import Denoising
from .inpainting import Inpainting

__all__ = [
    "Denoising",
    "Inpainting",
    "Problem",
    "add_noise",
    "box_mask",
    "degrade",
    "image_seed",
    "random_mask",
    "text_mask",
]
