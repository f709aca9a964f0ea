"""What the page Sampling teaches, computed: a test a claim, named by it."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from app.lessons.sampling import EXPERIMENTS, HOLE
from app.samplings import MIXTURES, PLANE, Drawing, Gaps, Walk, walked
from app.scenes import picture
from app.wanderings import Wander, Wandering
from gnc_core import images, zoo
from gnc_core.mixture import PRESETS
from gnc_core.mixture.flow import gnc_flow
from gnc_core.restoration.schedules import logarithmic
from gnc_core.sampling import MixtureEnergy, ReverseODE, comparison, last, smoothings
from gnc_core.sampling.walks import DENOISING_STEPS


def settings(name: str) -> dict[str, Any]:
    return EXPERIMENTS[name][0]


def walk(name: str, seed: int = 0) -> Walk:
    chosen = settings(name)
    assert chosen["draw-seed"] == 0
    return Walk(chosen["mixture"], chosen["chains"], chosen["moves"], chosen["langevin-size"], seed)


@cache
def drawing(name: str) -> Drawing:
    """The samples of an experiment, to their end."""
    chosen = settings(name)
    missing = None if chosen["gaps"] == HOLE else chosen["missing"]
    plan = Gaps(
        chosen["prior"], chosen["image"], chosen["part-side"], missing, chosen.get("hole", 24), chosen["samples"],
        chosen["inner"], chosen["draw-seed"],
    )  # fmt: skip
    work = Drawing(plan, None)
    while work.running:
        work.advance()
    assert not work.error
    return work


@cache
def wandering(name: str) -> Wandering:
    """The chain of an experiment, to its end."""
    chosen = settings(name)
    keys = ("prior", "chain-side", "wander-samples", "apart", "wander-size", "draw-seed")
    work = Wandering(Wander(*(chosen[key] for key in keys)))
    while work.running:
        work.advance()
    assert not work.error
    return work


@cache
def pictures() -> dict[str, np.ndarray]:
    """Samples of a chain, of noise alone, and photographs: (N, 64, 64)."""
    name = "Local, but not flat"
    samples, side = wandering(name).samples, settings(name)["chain-side"]
    photographs = [picture(photo, 256, False, False, None)[0] for photo in images.sample_images()]
    return {
        "chain": np.stack([one.sample for one in samples]),
        "alone": np.stack([one.alone for one in samples]),
        "photographs": np.stack([images.crop_center(photo, side)[0, 0].numpy() for photo in photographs]),
    }


@cache
def error(method: str, budget: int) -> float:
    chosen = settings("Rank one is not curvature")
    assert chosen["density"] == PLANE
    *_, cost = comparison.in_pieces(MIXTURES[PLANE], method, budget, chosen["drawn"], chosen["draw-seed"])
    assert cost
    return cost.error


def within_two_deviations(name: str) -> float:
    """The share of the missing pixels whose truth is that near to the mean."""
    work = drawing(name)
    looks = work.looks()
    assert looks
    hidden = ~work.problem.observed[0, 0].numpy()
    off = np.abs(looks.mean[-1] - work.truth[0, 0].numpy())
    return float((off <= 2 * looks.deviation[-1])[hidden].mean())


def test_a_draw_of_sigma_costs_32_energies() -> None:
    """Sampling: "A draw of σ costs 32 energies"."""
    for mixture in MIXTURES.values():
        assert len(smoothings(MixtureEnergy(mixture, 0.01, comparison.WALK), mixture.dimension)) == 32


def test_one_chain_changes_its_mode_only_far_up() -> None:
    """One chain: "24 times it goes from one to another, never from below σ = 0.06 ... its distance to the density is 0.19"."""
    found, mixture = walked(walk("One chain")), PRESETS["Dirac components"]
    x, sigma = torch.tensor(found.path)
    down = last(ReverseODE(DENOISING_STEPS).run(MixtureEnergy(mixture, 0.01, comparison.WALK), x[:, None], sigma)).x
    mode = (down - mixture.means[:, 0]).abs().argmin(1)
    changes = mode[1:] != mode[:-1]
    assert int(changes.sum()) == pytest.approx(24, abs=1)
    assert len(mode.unique()) == 4
    assert sigma[:-1][changes].min() > 0.06
    assert found.error[-1] == pytest.approx(0.19, abs=0.01)


def test_gnc_misses_the_deepest_well_and_chains_do_not() -> None:
    """The well that GNC misses: "GNC from a convex energy never ends there ... 35 % of the samples lie on the left, as the
    weights say"."""
    mixture = PRESETS["GNC fails"]
    starts = np.linspace(-1, 1, 41)[:, None]
    ends = gnc_flow(mixture, starts, logarithmic(2.0, 0.01, 256))[-1][:, 0]
    assert (ends > 0).all()
    assert mixture.energy([[-0.5]], 0.01) < mixture.energy(ends[:, None], 0.01).min()
    for seed in (0, 1):
        found = walked(walk("The well that GNC misses", seed))
        left = found.bins < -0.3
        assert found.exact[left].sum() == pytest.approx(35, abs=0.5)
        assert found.shares[-1][left].sum() == pytest.approx(35, abs=2)


def test_samples_of_a_chain_have_contrast_and_those_of_noise_alone_are_flat() -> None:
    """Local, but not flat: "contrast 0.07, where photographs have 0.17 ... it rises from 0.11 to 0.15 and more"; "Grey values 8
    pixels apart correlate ... with 0.45 (from noise alone 0.05)"; "kurtosis of differences 8.8, photographs 11"."""
    contrast, far, tails = {}, {}, {}
    for name, x in pictures().items():
        contrast[name] = x.std((1, 2))
        off, steps = x - x.mean((1, 2), keepdims=True), np.diff(x, axis=2)
        far[name] = (off[..., 8:] * off[..., :-8]).mean() / (off**2).mean()
        tails[name] = (steps**4).mean() / (steps**2).mean() ** 2
    assert contrast["alone"].mean() == pytest.approx(0.07, abs=0.005)
    assert contrast["photographs"].mean() == pytest.approx(0.17, abs=0.005)
    assert contrast["chain"][0] == pytest.approx(0.11, abs=0.01)
    assert contrast["chain"][-1] == pytest.approx(0.15, abs=0.01)
    assert contrast["chain"].max() > 0.155
    assert far == pytest.approx({"chain": 0.45, "alone": 0.05, "photographs": 0.45}, abs=0.03)
    assert tails["chain"] == pytest.approx(8.8, abs=0.6)
    assert tails["photographs"] == pytest.approx(11, abs=0.5)


def test_a_chain_of_images_stays_at_large_sigma_and_moves_slowly() -> None:
    """Local, but not flat: "σ stays between 0.42 and 0.5, and samples 20 steps apart still correlate with 0.5"; "windows of 7 × 7
    pixels"."""
    sigma, x = wandering("Local, but not flat").sigma, pictures()["chain"]
    assert settings("Local, but not flat")["apart"] == 20
    assert min(sigma) == pytest.approx(0.42, abs=0.015)
    assert max(sigma) == pytest.approx(0.5, abs=0.001)
    both = [np.corrcoef(one.ravel(), other.ravel())[0, 1] for one, other in pairwise(x)]
    assert np.mean(both) == pytest.approx(0.5, abs=0.07)
    prior = zoo.load("foe-l1")
    assert (prior.layers, *prior.kernel.shape[-2:]) == (1, 7, 7)


def test_rank_one_helps_euler_and_the_exact_hessian_does_not() -> None:
    """Rank one is not curvature: "At 10 scores rank one takes Euler's error from 0.058 to 0.035 ... with the exact Hessian in its
    place Euler's method gets worse, 0.034 against 0.021 at 40"."""
    assert error("euler", 10) == pytest.approx(0.058, abs=0.002)
    assert error("euler, rank one", 10) == pytest.approx(0.035, abs=0.002)
    assert error("euler, exact Hessian", 10) > error("euler", 10)
    assert error("euler, exact Hessian", 40) == pytest.approx(0.034, abs=0.002)
    assert error("euler", 40) == pytest.approx(0.021, abs=0.002)


def test_with_langevin_steps_it_is_the_other_way_round() -> None:
    """Rank one is not curvature: "at 40 the Hessian helps, 0.049 against 0.067, and rank one harms, 0.095"."""
    assert error("langevin, exact Hessian", 40) == pytest.approx(0.049, abs=0.003)
    assert error("langevin", 40) == pytest.approx(0.067, abs=0.003)
    assert error("langevin, rank one", 40) == pytest.approx(0.095, abs=0.005)


def test_denoising_mcmc_is_at_6_scores_where_euler_is_at_10() -> None:
    """Rank one is not curvature: "Denoising MCMC is at 6 scores where Euler is at 10"."""
    assert error("denoising MCMC", 5) == pytest.approx(error("euler", 10), rel=0.2)


def test_a_sample_is_worse_than_the_mean_which_does_not_beat_the_flow() -> None:
    """80 % missing: "2.4 dB worse than the mean of 12 ... does not beat the flow, 28.7 against 28.9 dB"."""
    work = drawing("80 % missing")
    looks, flow = work.looks(), work.flow
    assert looks
    assert flow is not None
    assert looks.mean_psnr[-1] - looks.sample_psnr.mean() == pytest.approx(2.4, abs=0.1)
    assert looks.mean_psnr[-1] == pytest.approx(28.7, abs=0.1)
    mse = float((flow.clamp(0, 1) - work.truth).square().mean())
    assert -10 * math.log10(mse) == pytest.approx(28.9, abs=0.1)


def test_known_pixels_agree_and_85_percent_are_within_two_deviations() -> None:
    """80 % missing: "At 85 % of the missing pixels the truth is within two standard deviations"; the text: "images that agree
    with all known pixels"."""
    work = drawing("80 % missing")
    for sample in work.samples:
        assert torch.equal(sample[work.problem.observed], work.truth[work.problem.observed])
    assert within_two_deviations("80 % missing") == pytest.approx(0.85, abs=0.03)
    assert math.erf(2 / math.sqrt(2)) == pytest.approx(0.95, abs=0.005)


def test_in_a_hole_the_deviation_rises_inwards_and_is_too_small() -> None:
    """A hole: "The deviation rises from 0.03 at the hole's edge to 0.055 in its middle ... only 63 % of the truth"."""
    looks, side = drawing("A hole").looks(), settings("A hole")["hole"]
    assert looks
    first = (settings("A hole")["part-side"] - side) // 2
    inside = looks.deviation[-1][first : first + side, first : first + side]
    edge = np.ones_like(inside, dtype=bool)
    edge[2:-2, 2:-2] = False
    middle = inside[side // 2 - 3 : side // 2 + 3, side // 2 - 3 : side // 2 + 3]
    assert inside[edge].mean() == pytest.approx(0.03, abs=0.004)
    assert middle.mean() == pytest.approx(0.055, abs=0.006)
    assert within_two_deviations("A hole") == pytest.approx(0.63, abs=0.03)
