from .schedules import LearnedSchedule, linear, logarithmic
from .schemes import DIVERGED, Flow, Joint, Learned, Scheme, Step, image_step

__all__ = [
    "DIVERGED",
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
