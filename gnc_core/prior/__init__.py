"""The learned energy R(x, s) of images x and of the smoothing s = log(sigma), and its score (method, section 2).

This room holds what a prior is, fields of experts with their splines and convolutions, and their fast passes without a graph."""

from .base import Prior
from .channels import ByChannel
from .fields_of_experts import FieldsOfExperts

__all__ = [
    "ByChannel",
    "FieldsOfExperts",
    "Prior",
]
