"""What the page One dimension teaches, computed: a test a claim, named by it. Those of its presets: tests/mixture/test_flow."""

from typing import Any

import pytest
import torch

from app.lessons.one_dimension import LESSON
from app.line_settings import SETTINGS
from gnc_core.mixture import (
    PRESETS,
    SIGMA_END,
    GaussianMixture,
    arrived,
    attainment,
    gnc_flow,
    goals,
    take_apart,
    thresholds,
)
from gnc_core.restoration.schedules import linear, logarithmic


def asked(name: str) -> tuple[GaussianMixture, dict[str, Any]]:
    """The mixture and the settings of the plot of an experiment."""
    settings, _ = LESSON.experiments[name]
    assert settings.keys() == {"mixture", "line_asked"}
    return PRESETS[settings["mixture"]], {theirs: default for theirs, default, *_ in SETTINGS.values()} | settings[
        "line_asked"
    ]


def rate(name: str) -> float:
    """The attainment rate at the settings of an experiment."""
    mixture, settings = asked(name)
    return float(attainment(mixture, [settings["sigma0"]], [settings["steps"]])[0, 0])


def share(mixture: GaussianMixture, schedule: list[float]) -> float:
    """Of 401 starts, those that attain the global minimum along any schedule."""
    ends = gnc_flow(mixture, torch.linspace(-1, 1, 401, dtype=torch.float64)[:, None], schedule)[-1]
    return float((arrived(ends[:, 0], goals(mixture)) >= 0).double().mean())


def test_experiments_set_what_a_visitor_can_set() -> None:
    for name in LESSON.experiments:
        _, settings = asked(name)
        for theirs, _, _, right in SETTINGS.values():
            assert right(settings[theirs]), (name, theirs)
        assert settings.keys() == {theirs for theirs, *_ in SETTINGS.values()}


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


def test_a_linear_schedule_attains_where_a_logarithmic_one_and_gradient_descent_do_not() -> None:
    """One dimension, "Schedules"."""
    mixture, settings = asked("Schedules")
    sigma0, steps, fixed = settings["sigma0"], settings["steps"], settings["fixed"]
    assert (sigma0, steps, fixed) == (1.0, 64, 0.05)
    lines = {"linear": linear(sigma0, SIGMA_END, steps), "logarithmic": logarithmic(sigma0, SIGMA_END, steps)}
    assert share(mixture, lines["linear"]) == 1
    assert share(mixture, lines["logarithmic"]) == pytest.approx(0.55, abs=0.005)
    assert share(mixture, [fixed] * steps) == pytest.approx(0.5, abs=0.005)
    large = {name: sum(sigma > 0.1 for sigma in sigmas) for name, sigmas in lines.items()}
    assert large["linear"] > steps / 2 > large["logarithmic"]


def test_gradient_descent_never_raises_its_energy() -> None:
    """One dimension, the text."""
    for mixture in PRESETS.values():
        for sigma in (0.02, 0.2, 1.0):
            path = gnc_flow(mixture, torch.linspace(-1, 1, 41, dtype=torch.float64)[:, None], [sigma] * 32)
            assert (mixture.energy(path, sigma).diff(dim=0) <= 1e-9).all()


def test_a_step_goes_to_what_explains_x_at_its_sigma() -> None:
    """One dimension, "One step"."""
    mixture, settings = asked("One step")
    sigmas = logarithmic(settings["sigma0"], SIGMA_END, settings["steps"])
    first, later = (take_apart(mixture, settings["probe"], sigmas[step]) for step in (0, 8))
    assert settings["step"] == 0
    assert (first.x, first.sigma) == (-0.1, 0.5)
    assert first.step > 0
    assert first.mean == pytest.approx(0.06, abs=0.005)
    assert later.sigma == pytest.approx(0.1, abs=0.001)
    assert later.step < 0
    assert later.mean == pytest.approx(-0.17, abs=0.005)
    near, far = later.posterior.weights[1:3]  # of the components at -0.3 and 0.2
    assert near > far > 0
    assert near + far > 0.999
    assert first.posterior.weights.argmax() == 2
