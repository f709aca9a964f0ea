"""What the page Start teaches, computed."""

import pytest
import torch

from app.lessons.start import COUNT, LESSON, SCENES, SENTENCES, SIGMA_END, STEPS, TEXT
from gnc_core import zoo
from gnc_core.mixture import (
    PRESETS,
    TOLERANCE,
    critical_sigma,
    global_minimisers,
    gnc_flow,
    local_minimisers,
)
from gnc_core.restoration.schedules import logarithmic


def found(scene: str) -> int:
    """How many of the animation's points end in the deepest valley."""
    name, sigma0, _ = SCENES[scene]
    starts = torch.linspace(-1, 1, COUNT, dtype=torch.float64)[:, None]
    ends = gnc_flow(PRESETS[name], starts, logarithmic(sigma0, SIGMA_END, STEPS))[-1]
    return int(((ends - global_minimisers(PRESETS[name], SIGMA_END)).abs() <= TOLERANCE).sum())


def test_texts_are_those_that_are_tested() -> None:
    assert f"{COUNT} points" in TEXT
    assert f"{STEPS} steps" in TEXT
    assert {name: expected for name, (_, expected) in LESSON.experiments.items()} == {
        name: expected for name, (_, _, expected) in SCENES.items()
    }


def test_smoothed_first() -> None:
    """Start: "From σ₀ = 0.5 there is one valley: all 17 points end in the deepest one." """
    name, sigma0, text = SCENES["Smoothed first"]
    assert "all 17 points" in text
    assert sigma0 == 0.5 > critical_sigma(PRESETS[name])
    assert len(local_minimisers(PRESETS[name], sigma0)) == 1
    assert found("Smoothed first") == COUNT == 17


def test_hardly_smoothed() -> None:
    """Start: "From σ₀ = 0.1 there are several valleys: only 4 of the 17 points find the deepest." """
    name, sigma0, text = SCENES["Hardly smoothed"]
    assert "only 4 of the 17" in text
    assert sigma0 == 0.1
    assert len(local_minimisers(PRESETS[name], sigma0)) > 1
    assert found("Hardly smoothed") == 4


def test_where_it_fails() -> None:
    """Start: "The deepest valley is narrow, the mass lies elsewhere: none of the 17 points finds it." """
    name, _, text = SCENES["Where it fails"]
    assert "none of the 17" in text
    mixture = PRESETS[name]
    deepest = (mixture.means[:, 0] - global_minimisers(mixture)).abs().argmin()
    assert mixture.variances[deepest, 0] == mixture.variances.min()
    assert mixture.weights[deepest] < 0.5
    assert found("Where it fails") == 0


def test_plain_descent_stays_in_its_valley() -> None:
    """Start: "plain descent ends in the one that it starts in": with σ fixed, no step leaves the valley."""
    assert "plain descent ends in the one that it starts in" in " ".join(SENTENCES.split())
    mixture, sigma = PRESETS["Five components"], 0.02
    minima = local_minimisers(mixture, sigma)
    line = torch.linspace(-1, 1, 4001, dtype=torch.float64)[:, None]
    energy = mixture.energy(line, sigma)
    hills = line[1:-1, 0][(energy[1:-1] > energy[:-2]) & (energy[1:-1] > energy[2:])]
    starts = torch.linspace(-0.99, 0.99, 67, dtype=torch.float64)[:, None]
    ends = gnc_flow(mixture, starts, [sigma] * 2000)[-1, :, 0]
    assert (torch.bucketize(starts[:, 0], hills) == torch.bucketize(ends, hills)).all()
    assert ((ends[:, None] - minima).abs().amin(1) < TOLERANCE).all()


@pytest.mark.parametrize("name", zoo.names())
def test_schedules_are_learned_too(name: str) -> None:
    """Start: "the energy is learned from images, for every σ at once, and so are schedules of σ"."""
    assert "so are schedules of σ" in " ".join(SENTENCES.split())
    assert zoo.families(name)[0]
    assert "sigma" in " ".join(zoo.card(name)["architecture"])
