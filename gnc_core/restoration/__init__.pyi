from .families import ScheduleFamily
from .schedules import LearnedSchedule, linear, logarithmic
from .schemes import DIVERGED, Flow, Joint, Learned, Scheme, Step, image_step

__all__ = [
    "DIVERGED",
    "Flow",
    "Joint",
    "Learned",
    "LearnedSchedule",
    "ScheduleFamily",
    "Scheme",
    "Step",
    "image_step",
    "linear",
    "logarithmic",
]
