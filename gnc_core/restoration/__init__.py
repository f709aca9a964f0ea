"""The ways down: schedules of smoothings, and the three schemes that follow them (method, section 4).

A scheme takes any prior and any problem and yields steps; the loop over them is the caller's."""

from .schedules import LearnedSchedule, linear, logarithmic
from .schemes import Flow, Joint, Learned, Scheme, Step, image_step

__all__ = [
    "Flow",
    "Joint",
    "Learned",
    "LearnedSchedule",
    "Scheme",
    "Step",
    "image_step",
    "linear",
    "logarithmic",
]
