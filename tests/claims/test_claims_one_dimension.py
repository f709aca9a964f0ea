"""What the page One dimension teaches, computed: a test a claim, named by it."""

from app.lessons.one_dimension import LESSON
from gnc_core.mixture.convexity import thresholds
from gnc_core.mixture.examples import PRESETS
from gnc_core.mixture.flow import attainment


def rate(name: str) -> float:
    """The attainment rate at the settings of an experiment."""
    settings, _ = LESSON.experiments[name]
    return float(attainment(PRESETS[settings["mixture"]], [settings["sigma0"]], [settings["steps"]])[0, 0])


def test_above_the_threshold_all_starts_attain_the_global_minimum() -> None:
    """One dimension, "Start convex"."""
    assert abs(thresholds(PRESETS["Five components"]).critical - 0.386) < 5e-4
    assert rate("Start convex") == 1


def test_below_the_threshold_most_starts_are_trapped() -> None:
    """One dimension, "Start too low"."""
    assert 0 < rate("Start too low") < 1 / 3


def test_a_convex_start_and_many_steps_may_fail() -> None:
    """One dimension, "Where it fails"."""
    assert thresholds(PRESETS["GNC fails"]).critical < 1
    assert rate("Where it fails") == 0
