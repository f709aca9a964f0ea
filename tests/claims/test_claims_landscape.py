"""What the pages Energy landscape and Schedules teach, computed: a test a claim, named by it."""

import math
from functools import cache
from typing import Any

import numpy as np
import pytest

from app.fits import LEARNED, LINEAR, LOGARITHMIC, OWN, Fit, Goal, family_of, known, line
from app.landscapes import BENDING, CLEAN, MIRROR, RANDOM, Landscape, View
from app.runs import load_prior
from gnc_core import images
from gnc_core.measuring import curvature
from gnc_core.measuring.landscape import grid_minima, random_direction, unit
from gnc_core.measuring.landscape import line as line_of

# --- Energy landscape --------------------------------------------------------------------------------------------


@cache
def landscape(first: str, second: str | None, noise: float = 0) -> Landscape:
    return done(Landscape(View("foe-l1", "Cameraman", noise, first, second), None))


def done(work: Any) -> Any:
    while work.running:
        work.advance()
    assert not work.error
    return work


def test_two_wells_melt_into_one_bowl() -> None:
    """Energy landscape, "Two wells": up to σ = 0.094 two wells, one near the photograph and one near its mirror image; from 0.16
    on one bowl whose lowest point is half of the way."""
    shown = landscape(MIRROR, BENDING)
    way = shown.marks[1].a
    spacing = shown.a[1] - shown.a[0]
    assert shown.sigma[4] == pytest.approx(0.094, abs=5e-4)
    assert shown.sigma[5] == pytest.approx(0.164, abs=5e-4)
    for level in shown.energy[:5]:
        a = sorted(shown.a[j] for _, j in grid_minima(level))
        assert len(a) == 2
        assert a[0] < way / 4
        assert a[1] > 3 * way / 4
    for level in shown.energy[5:]:
        [(_, j)] = grid_minima(level)
        assert shown.a[j] == pytest.approx(way / 2, abs=spacing)


def test_random_directions_show_one_minimum_at_every_sigma() -> None:
    """Energy landscape, "Random directions": one minimum at every σ."""
    assert [len(grid_minima(level)) for level in landscape(RANDOM, RANDOM).energy] == [1] * 8


def test_chance_does_not_find_the_directions_along_which_the_energy_bends_down() -> None:
    """Energy landscape, "Random directions": the energy is far from convex, but a random direction mixes all, whose mean
    curvature is positive."""
    x, prior, sigma = landscape(RANDOM, RANDOM).x, load_prior("foe-l1"), 0.02
    smallest, _ = curvature.smallest_eigenvalue(prior, x, math.log(sigma))
    assert smallest < -0.1
    h, found = 0.1, []
    for seed in range(8):
        [(_, energies)] = line_of(prior, x, random_direction(x, seed), [-h, 0, h], [sigma])
        found.append(sigma**2 * np.diff(energies, 2)[0] / h**2)
    assert min(found) > 0.1


def test_the_noisy_image_prefers_its_noise_level_and_the_clean_one_a_small_sigma() -> None:
    """Energy landscape, "Ways down": at the noisy image R is lowest near the noise level 0.1, at the clean one below 0.02."""
    shown = landscape(CLEAN, None, 0.1)
    energy, marks = shown.energy[:, 0], {mark.name: mark.a for mark in shown.marks}
    noisy, clean = (
        shown.sigma[energy[:, np.abs(shown.a - marks[name]).argmin()].argmin()] for name in ("noisy", "clean")
    )
    assert 0.07 < noisy < 0.13
    assert clean < 0.02


def test_energies_between_those_that_are_computed_along_a_line_are_right() -> None:
    """Every other energy of a line is a cubic spline's, less than 0.2 % of its level's range from the true one."""
    shown = landscape(CLEAN, None, 0.1)
    clean, noisy = images.crop_center(images.shrink(images.load_sample("Cameraman"), 256), 64), shown.x
    for k in (0, 8, 16):
        [(_, energies)] = line_of(load_prior("foe-l1"), noisy, unit(clean - noisy), shown.a[1::2], shown.sigma[[k]])
        level = shown.energy[k, 0]
        assert np.abs(energies - level[1::2]).max() < 0.002 * np.ptp(level)


def test_all_schemes_end_near_the_clean_image_at_a_lower_energy() -> None:
    """Energy landscape, "Ways down": all three schemes end more than half of the way along, at a lower R."""
    shown = landscape(CLEAN, None, 0.1)
    way = next(mark.a for mark in shown.marks if mark.name == "clean")
    assert [track.name for track in shown.tracks] == ["GNC flow", "Joint", "Learned schedule"]
    for track in shown.tracks:
        places = [
            (np.abs(shown.sigma - track.sigma[i]).argmin(), np.abs(shown.a - track.a[i]).argmin()) for i in (0, -1)
        ]
        first, last = (shown.energy[k, 0, j] for k, j in places)
        assert way / 2 < track.a[-1] < 1.1 * way
        assert last < first


# --- Schedules ---------------------------------------------------------------------------------------------------


def learned(level: float, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """sigma_i and c_i of the learned schedule of foe-l1."""
    found = line(LEARNED, known(Goal("foe-l1", "denoise", level, steps), family_of("foe-l1", "denoise"))[LEARNED])
    return found.sigma, found.c


def test_learned_schedules_start_near_the_noise_level_and_fall() -> None:
    """Schedules, "More noise": it starts within a tenth of the noise level, at 0.1 a quarter above it; from there its σ only
    falls."""
    for level, ratio in ((0.1, 1.25), (0.3, 1.0)):
        sigma, _ = learned(level, 4)
        assert sigma[0] / level == pytest.approx(ratio, abs=0.03 if level == 0.1 else 0.1)
        assert (np.diff(sigma) < 0).all()


def test_few_steps_are_long_and_many_are_short() -> None:
    """Schedules, "More steps": with 20 steps all c are below 1, with four all but the last above."""
    assert (learned(0.1, 20)[1] < 1).all()
    assert (learned(0.1, 4)[1] > 1).tolist() == [True, True, True, False]


def test_a_fit_never_gets_worse_and_ends_above_all_others() -> None:
    """Schedules, "Fit one": no round makes the PSNR worse; it ends above all others, the learned one is next, the logarithmic one
    last."""
    goal = Goal("foe-l1", "denoise", 0.1, 4)
    fit = done(Fit(goal, known(goal, family_of("foe-l1", "denoise")), ["Cameraman", "Astronaut"], None))
    assert (np.diff(fit.rounds_psnr) >= 0).all()
    assert sorted(fit.psnr, key=fit.psnr.__getitem__) == [LOGARITHMIC, LINEAR, LEARNED, OWN]


def test_a_fitted_schedule_is_one_of_gnc() -> None:
    """Schedules, the text: σ₁ ≥ σ₂ ≥ … and cᵢ in [0.1, 2]; the weight of the data term is 1 for the others."""
    goal = Goal("foe-l1", "denoise", 0.1, 3)
    fit = Fit(goal, {}, ["Cat"], None)
    for _ in range(2):
        fit.advance()
    assert fit.schedule is not None
    assert fit.schedule.weight != 1
    assert {schedule.weight for schedule in known(goal, family_of("foe-l1", "denoise")).values()} == {1}
    found = line(OWN, fit.schedule)
    assert (np.diff(found.sigma) <= 0).all()
    assert (found.c >= 0.1 - 1e-6).all()
    assert (found.c <= 2 + 1e-6).all()
