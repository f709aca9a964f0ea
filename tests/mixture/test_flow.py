"""The GNC flow on Gaussian mixtures, its attainment, and what the page "GNC in one dimension" says about the presets."""

import math

import numpy as np
import pytest
import torch

from gnc_core.errors import InputError
from gnc_core.mixture.convexity import critical_sigma, global_minimisers, smallest_curvature, thresholds
from gnc_core.mixture.examples import PRESETS
from gnc_core.mixture.flow import SIGMA_END, TOLERANCE, attainment, gnc_flow, goals, spaced_steps
from gnc_core.mixture.gaussians import GaussianMixture

DEFAULT = PRESETS["Five components"]


def test_flow_returns_whole_trajectories_and_stays_among_the_data() -> None:
    starts = torch.linspace(-1, 1, 11, dtype=torch.float64)[:, None]
    paths = gnc_flow(DEFAULT, starts, np.geomspace(0.5, SIGMA_END, 32).tolist())
    assert paths.shape == (33, 11, 1)
    torch.testing.assert_close(paths[0], starts)
    one_step = starts - 0.5**2 * DEFAULT.gradient(starts, 0.5)
    torch.testing.assert_close(paths[1], one_step)
    assert paths[-1].sub(0.2).abs().max() < 1e-2
    # In the plane too, and for Dirac components: the flow ends at one of them.
    cloud = GaussianMixture([0.2, 0.3, 0.5], [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [0.0] * 3)
    end = gnc_flow(cloud, torch.zeros(1, 2, dtype=torch.float64), np.geomspace(2, 1e-3, 200))[-1]
    assert torch.cdist(end, cloud.means).min() < 1e-6


def by_running_every_start(mixture: GaussianMixture, sigma0: float, steps: int) -> float:
    schedule = np.geomspace(sigma0, SIGMA_END, steps) if steps > 1 else [sigma0]
    starts = torch.linspace(-1, 1, 401, dtype=torch.float64)[:, None]
    ends = gnc_flow(mixture, starts, schedule)[-1, :, 0]
    target = global_minimisers(mixture, 0.0 if mixture.has_density else SIGMA_END)
    return (ends[:, None] - target).abs().le(TOLERANCE).any(-1).double().mean().item()


@pytest.mark.parametrize("name", PRESETS)
def test_attainment_map_equals_running_every_start(name: str) -> None:
    sigma0, steps = [0.05, 0.2, 0.4, 1.0], [7, 1, 64, 2]
    expected = [[by_running_every_start(PRESETS[name], s, n) for n in steps] for s in sigma0]
    # A start that ends right at the tolerance may fall on either side by rounding.
    np.testing.assert_allclose(attainment(PRESETS[name], sigma0, steps), expected, atol=1.01 / 401)


def test_known_attainment_of_the_default_mixture() -> None:
    assert attainment(DEFAULT, [0.1], [128])[0, 0] == pytest.approx(0.24, abs=0.01)
    assert (attainment(DEFAULT, [0.5, 0.7, 1.0, 2.0], [32, 64, 128, 256]) == 1).all()
    whole = attainment(DEFAULT, np.geomspace(0.01, 2, 40), spaced_steps())
    assert whole.shape == (40, 40)
    assert (whole >= 0).all()
    assert (whole <= 1).all()


def test_five_components_teach_what_the_page_says() -> None:
    sigma0 = np.append(np.linspace(0.5, 2, 7), 0.55)
    assert (attainment(DEFAULT, sigma0, [32, 33, 40, 64, 128, 256]) == 1).all()
    threshold = 1.001 * critical_sigma(DEFAULT)
    slow, nearly, enough = attainment(DEFAULT, [threshold], [32, 66, 74])[0]
    assert slow < 0.8
    assert nearly < 1
    assert enough == 1
    assert (attainment(DEFAULT, [0.1], [1, 2, 4, 8, 16, 32, 64, 128, 256]) < 0.25).all()


def test_very_many_steps_teach_what_the_page_says() -> None:
    mixture = PRESETS["Very many steps"]
    assert 0.84 < critical_sigma(mixture) < 0.86
    few, many, enough = attainment(mixture, [1.0], [32, 295, 310])[0]
    assert few < 0.6
    assert many < 1
    assert enough == 1
    assert 0.5 < attainment(mixture, [0.86], [512])[0, 0] < 0.6
    # Nearly flat: a tenth of what it is at sigma = 1.
    near, far = smallest_curvature(mixture, [0.86, 1.0])
    assert 0 < near < far / 5


def test_gnc_fails_as_the_page_says() -> None:
    mixture = PRESETS["GNC fails"]
    assert global_minimisers(mixture).tolist() == pytest.approx([-0.5], abs=0.01)
    assert critical_sigma(mixture) < 1
    assert (attainment(mixture, [1.0, 1.3, 2.0], [1, 2, 3, 4, 8, 16, 64, 256]) == 0).all()
    assert attainment(mixture, [1.0], [1024])[0, 0] == 0


def test_dirac_components_teach_what_the_page_says() -> None:
    mixture = PRESETS["Dirac components"]
    diracs = thresholds(mixture)
    assert diracs.critical is not None
    assert diracs.critical < 0.5 < 0.75 == pytest.approx(diracs.half_diameter)
    assert (attainment(mixture, [1.0, 1.5], [64, 256]) == 1).all()
    rng = np.random.default_rng(0)
    for weights in 10 ** rng.uniform(-6, 0, (20, 4)):
        other = GaussianMixture(weights, mixture.means, mixture.covariances)
        assert (smallest_curvature(other, [0.75, 0.8, 1.5], (-5, 5)) >= -1e-9).all()


def test_any_of_several_equally_low_minima_is_attained() -> None:
    # From every start but the saddle between them the flow ends in one of the two.
    two = GaussianMixture([1, 1], [-0.5, 0.5], [0.01, 0.01])
    for sigma0, steps in ((0.3, 256), (0.05, 64), (1.0, 32)):
        rate = attainment(two, [sigma0], [steps])[0, 0]
        assert rate == pytest.approx(by_running_every_start(two, sigma0, steps), abs=2.01 / 401)
    assert attainment(two, [0.3], [256])[0, 0] == pytest.approx(400 / 401)
    four = GaussianMixture([1] * 4, [-0.8, -0.1, 0.3, 0.9], [0] * 4)
    assert attainment(four, [0.01, 1.0], [256]).ravel() == pytest.approx(1, abs=0.01)
    close = GaussianMixture([1, 1], [-0.03, 0.03], [0, 0])  # their neighbourhoods overlap: nothing counts twice
    assert attainment(close, [0.01, 1.0], [64]).ravel() == pytest.approx(1)


def test_steps_are_distinct_and_spaced_by_a_growing_amount() -> None:
    steps = spaced_steps()
    assert (len(steps), steps[0], steps[-1]) == (40, 1, 256)
    assert (np.diff(steps) > 0).all()
    for count, most in ((1, 5), (6, 5), (0, 0), (3, 2)):
        with pytest.raises(InputError, match="steps"):
            spaced_steps(count, most)


def test_the_flow_takes_lists_arrays_and_integers() -> None:
    expected = gnc_flow(DEFAULT, torch.tensor([[0.0], [1.0]], dtype=torch.float64), [1.0, 0.5])
    for starts, schedule in (([[0], [1]], (1, 0.5)), (np.array([[0], [1]]), np.array([1, 0.5], dtype=np.float32))):
        torch.testing.assert_close(gnc_flow(DEFAULT, starts, schedule), expected)
    expected_rate = attainment(DEFAULT, [1.0], [4, 2])
    np.testing.assert_array_equal(attainment(DEFAULT, 1, np.array([4, 2])), expected_rate)
    np.testing.assert_array_equal(attainment(DEFAULT, torch.tensor([1.0]), (4.0, 2.0), domain=[-1, 1]), expected_rate)


@pytest.mark.parametrize("schedule", [[], [0.5, 1.0], [1.0, 0.0], [1.0, -1.0], [1.0, math.nan], "fast", None, [[1.0]]])
def test_schedules_that_do_not_go_down_are_refused(schedule: object) -> None:
    with pytest.raises(InputError, match="schedule"):
        gnc_flow(DEFAULT, [[0.0]], schedule)


@pytest.mark.parametrize(
    "changed",
    [
        {"sigma0": [1e-4]},
        {"sigma0": []},
        {"sigma0": [1.0, math.nan]},
        {"sigma0": [math.inf]},
        {"sigma0": "wide"},
        {"steps": [0]},
        {"steps": []},
        {"steps": [2.5]},
        {"steps": [[1]]},
        {"starts": 0},
        {"starts": 1.5},
        {"domain": (1, -1)},
        {"sigma_end": 0.0},
        {"sigma_end": math.nan},
        {"tolerance": 0.0},
        {"tolerance": math.nan},
    ],
)
def test_unusable_questions_about_attainment_are_refused(changed: dict) -> None:
    with pytest.raises(InputError) as refusal:
        attainment(DEFAULT, **{"sigma0": [1.0], "steps": [8]} | changed)
    assert str(refusal.value).count(". ") == 0


def test_attainment_is_refused_in_the_plane() -> None:
    plane = GaussianMixture([1, 1], [[0, 0], [1, 1]], [0.1, 0.1])
    for ask in (goals, lambda m: attainment(m, [1.0], [8])):
        with pytest.raises(InputError, match="one dimension"):
            ask(plane)
