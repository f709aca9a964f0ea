"""Distances to a mixture in closed form, and what a sample costs by each method."""

import pytest
import torch
from mixture_cases import DEFAULT
from scipy import stats

from gnc_core.errors import InputError
from gnc_core.mixture import GaussianMixture
from gnc_core.sampling import comparison
from gnc_core.sampling.comparison import PLANE


def errors(mixture: GaussianMixture, method: str, *budgets: int, count: int = 3000) -> list[float]:
    return [cost.error for cost in comparison.compare(mixture, [method], budgets, count)]


def test_distances_on_the_line_are_those_of_the_textbook() -> None:
    one = GaussianMixture([1.0], [0.0], [1.0])
    x = torch.randn(400, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ks = comparison.kolmogorov_smirnov(x, one)
    assert ks == pytest.approx(stats.kstest(x[:, 0].numpy(), "norm").statistic)
    diracs = GaussianMixture([0.5, 0.5], [-1.0, 1.0], [0.0, 0.0])
    assert comparison.wasserstein(torch.tensor([[-0.5], [1.5]]), diracs) == pytest.approx(0.5, abs=0.002)
    shifted = comparison.wasserstein(PLANE.draw(20_000, torch.Generator().manual_seed(0)) + 0.5, PLANE)
    along = comparison.axes(2).sum(1).abs().mean() * 0.5
    assert shifted == pytest.approx(float(along), abs=0.02)


def test_the_distribution_function_is_that_of_draws() -> None:
    x = PLANE.draw(50_000, torch.Generator().manual_seed(0))
    for axis in comparison.axes(2)[::5]:
        at = torch.linspace(-1, 1, 7, dtype=torch.float64)
        share = ((x @ axis)[:, None] <= at).double().mean(0)
        torch.testing.assert_close(comparison.cumulative(PLANE, at, axis), share, atol=0.01, rtol=0)


def test_scores_are_what_was_asked_for() -> None:
    for method in comparison.METHODS:
        (cost,) = comparison.compare(PLANE, [method], [12], count=40)
        assert cost.method == method
        assert 10 <= cost.scores <= 13
        assert (cost.energies > 0) == (method == "denoising MCMC")


@pytest.mark.parametrize("mixture", [DEFAULT, PLANE], ids=["line", "plane"])
def test_denoising_mcmc_needs_fewer_scores_than_from_noise(mixture: GaussianMixture) -> None:
    """At about 6 scores a sample it is closer than Euler's or Heun's method from noise at 10."""
    (ours,) = errors(mixture, "denoising MCMC", 6)
    assert ours < min(errors(mixture, "euler", 10) + errors(mixture, "heun", 10))
    assert ours < 0.6 * errors(mixture, "euler", 6)[0]


def test_more_scores_lead_to_smaller_errors() -> None:
    for method in ("euler", "heun", "langevin", "euler, rank one"):
        few, some, many = errors(PLANE, method, 8, 16, 40, count=2000)
        assert many < some < few


def test_rank_one_shortens_eulers_way_but_not_langevins() -> None:
    """With few steps it acts as an extrapolation of the direction; noise in the directions of chains undoes that."""
    assert errors(PLANE, "euler, rank one", 10)[0] < 0.75 * errors(PLANE, "euler", 10)[0]
    assert errors(PLANE, "langevin, rank one", 24)[0] > errors(PLANE, "langevin", 24)[0]


def test_the_exact_hessian_helps_langevin_but_leads_the_ode_astray() -> None:
    plain, exact = (errors(PLANE, method, 40, count=3000)[0] for method in ("euler", "euler, exact Hessian"))
    assert exact > 1.2 * plain
    assert errors(PLANE, "langevin, exact Hessian", 40)[0] < errors(PLANE, "langevin", 40)[0]


def test_unusable_comparisons_are_refused() -> None:
    for make in (
        lambda: list(comparison.compare(DEFAULT, ["newton"], [5])),
        lambda: list(comparison.compare(DEFAULT, ["euler"], [2])),
        lambda: comparison.axes(3),
    ):
        with pytest.raises(InputError):
            make()
