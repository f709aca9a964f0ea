"""What the page Maps teaches, computed from the sweeps in pretrained/sweeps/: a test a claim, named by it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.lessons.maps import DENOISE, EXPERIMENTS, INPAINT, PRIOR
from app.sweeping import ready_made
from gnc_core import sweeps
from gnc_core.restoration import schedules
from gnc_core.sweeps import Result

SIGMA_MIN = 0.01  # of the prior
PAGE = Path(__file__).resolve().parents[2] / "app" / "views" / "maps.py"
SETTINGS = {"denoise": DENOISE, "inpaint": INPAINT}


def result_of(task: str) -> Result:
    """The sweep that the experiments show."""
    found, problems = ready_made()
    assert not problems
    return found[SETTINGS[task]["maps"]][SETTINGS[task]["map-prior"]].result


def maps_of(task: str, tolerance: float = 0.01) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Name, mean PSNR and attainment of each scheme."""
    result = result_of(task)
    return list(zip(result.plan.schemes, sweeps.mean(result.psnr), sweeps.attainment(result, tolerance), strict=True))


def cell(values: np.ndarray) -> tuple[int, int]:
    """Where a map is highest."""
    found = sweeps.highest(values)
    assert found is not None
    return found


def test_experiments_set_controls_that_exist() -> None:
    """Maps: the title's question mark."""
    for settings, _ in EXPERIMENTS.values():
        app = AppTest.from_file(PAGE, default_timeout=300)
        for key, value in settings.items():
            app.session_state[key] = value
        app.run()
        assert not app.exception
        assert not app.error
        assert [app.selectbox(key=key).value for key in ("maps", "map-prior")] == [settings["maps"], PRIOR]
        assert app.slider(key="tolerance").value == settings["tolerance"]


@pytest.mark.parametrize("task", ["denoise", "inpaint"])
def test_experiments_show_sweeps_of_both_schemes_and_many_images(task: str) -> None:
    """Maps: "of many images (of BSDS68: the middle 128 x 128 pixels, 32 images with one layer, 20 with three), by the GNC
    flow ... and by joint minimisation"."""
    plan = result_of(task).plan
    assert (plan.prior, plan.schemes) == (PRIOR, ("flow", "joint"))
    assert len(plan.names) == 32
    assert set(plan.sizes) == {(128, 128)}
    deep = ready_made()[0][SETTINGS[task]["maps"]]["foe-l3"].result.plan
    assert (len(deep.names), set(deep.sizes), deep.schemes) == (20, {(128, 128)}, plan.schemes)
    assert {settings["map-prior"] for settings, _ in EXPERIMENTS.values()} == {PRIOR}


@pytest.mark.parametrize("scheme", [0, 1])
def test_where_denoising_is_best_hardly_any_image_attains_the_lowest_energy(scheme: int) -> None:
    """Denoise: "At the stars fewer than 5 % of the images attain E*"; "the PSNR is highest before the lowest energy is
    attained"."""
    _, psnr, attainment = maps_of("denoise")[scheme]
    star, most = cell(psnr), cell(attainment)
    assert attainment[star] < 0.05
    assert star[1] < most[1]  # fewer steps


def test_where_most_attain_the_lowest_energy_denoising_is_more_than_1_db_worse() -> None:
    """Denoise: "Where most do, far to the right, the flow's PSNR is more than 1 dB lower"; "More steps lower the energy further
    and make the image worse"."""
    _, psnr, attainment = maps_of("denoise")[0]
    most = cell(attainment)
    assert attainment[most] > 0.5
    assert most[1] == psnr.shape[1] - 1
    assert psnr[most] < psnr.max() - 1
    excess = sweeps.excess(result_of("denoise"))[0]
    for row, energies in zip(psnr, excess, strict=True):  # from the best number of steps on, for every sigma0
        best = row.argmax()
        assert (np.diff(row[best:]) < 0).all()
        assert (np.diff(energies[best:]) < 0).all()


@pytest.mark.parametrize("scheme", [0, 1])
def test_where_most_attain_the_lowest_energy_inpainting_is_best(scheme: int) -> None:
    """Inpaint: "where most images attain E* (with the flow, half of them), the PSNR is within 0.1 dB of the highest"."""
    _, psnr, attainment = maps_of("inpaint")[scheme]
    assert attainment.max() == 0.5 if scheme == 0 else attainment.max() > 0.5
    assert psnr[cell(attainment)] > psnr.max() - 0.1


@pytest.mark.parametrize("scheme", [0, 1])
def test_inpainting_needs_enough_of_both(scheme: int) -> None:
    """Inpaint: "from the smallest σ₀ even 100 steps end 2.5 dB or more below the star, and so do 8 steps from any σ₀"."""
    _, psnr, _ = maps_of("inpaint")[scheme]
    steps = result_of("inpaint").plan.steps
    assert steps[-1] == 100
    assert psnr[0, -1] < psnr.max() - 2.5
    assert psnr[:, steps.index(8)].max() < psnr.max() - 2.5


def test_joint_minimisation_finds_its_way_down_from_anywhere_and_the_flow_does_not() -> None:
    """Where to start: "the column of 20 steps upwards from σ₀ = 0.108: the PSNR of joint minimisation changes by less than
    0.3 dB, that of the flow by more than 1 dB"."""
    plan = result_of("denoise").plan
    column, first = plan.steps.index(20), [f"{sigma:.3g}" for sigma in plan.sigma0].index("0.108")
    (_, flow, _), (_, joint, _) = maps_of("denoise")
    assert np.ptp(joint[first:, column]) < 0.3
    assert np.ptp(flow[first:, column]) > 1


def test_the_number_of_steps_at_small_smoothings_decides() -> None:
    """The last steps: "with 8 or more steps at σ ≤ 0.02, more than half of the images do, with 5 or fewer less than a quarter";
    "A larger σ₀ leaves fewer steps for the end"."""
    plan, (_, _, attainment) = result_of("denoise").plan, maps_of("denoise")[0]
    late = np.array(
        [[sum(s <= 0.02 for s in schedules.linear(sigma, SIGMA_MIN, n)) for n in plan.steps] for sigma in plan.sigma0]
    )
    assert attainment[late >= 8].min() > 0.5
    assert attainment[late <= 5].max() < 0.25
    assert (np.diff(late, axis=0) <= 0).all()


def test_a_generous_tolerance_moves_the_lines_and_the_stars_are_near_but_not_at_the_lowest_energy() -> None:
    """A generous tolerance: "half of the images attain E* in at least four times as many cells, and at the stars more than 15 %
    do"."""
    for (_, psnr, strict), (_, _, generous) in zip(maps_of("denoise"), maps_of("denoise", 0.1), strict=True):
        assert (generous >= 0.5).sum() >= max(1, 4 * (strict >= 0.5).sum())
        assert 0.15 < generous[cell(psnr)] < 1
        assert strict[cell(psnr)] < 0.05
