"""What the page Learning a score teaches, computed: a test a claim, named by it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from app.learnings import Learning, Plan
from app.lessons.learning import EXPERIMENTS
from app.noisy_learnings import NoisyLearning, NoisyPlan
from gnc_core.learning import noise2score
from gnc_core.measuring import psnr

KEYS = {
    "data": "data", "samples": "samples", "units": "units", "noises": "sigmas", "descent": "iterations", "learn-seed": "seed",
}  # fmt: skip


@cache
def run(name: str) -> Learning:
    """The run of an experiment, to its end."""
    learning = Learning(Plan(**{KEYS[key]: value for key, value in EXPERIMENTS[name][0].items() if key in KEYS}))
    learning.go_on()
    while learning.running:
        learning.advance()
    assert not learning.error
    return learning


def distance(name: str) -> np.ndarray:
    """By how much the network's error is from kernel regression's, as a share of it, at every look."""
    learning = run(name)
    assert learning.looks == learning.all_looks
    return np.abs(np.array(learning.errors) / np.array(learning.kernel_errors) - 1)


def best(name: str) -> int:
    """The iteration at which the error is least."""
    return run(name).looks[int(np.argmin(run(name).errors))]


def test_the_process_of_the_reference_is_this_one_in_other_coordinates() -> None:
    """Learning a score: "α x₀ + √h ξ with score (α f − x) / h is this one, seen at x / α, with σ² = h / α²"."""
    mixture, t = run("Stop early").mixture, 0.3
    alpha, h = np.exp(-t), 1 - np.exp(-2 * t)
    sigma = np.sqrt(h) / alpha
    x = torch.tensor([[0.2, 0.4], [-0.7, 0.1]], dtype=torch.float64, requires_grad=True)
    log_density = -mixture.energy(x / alpha, sigma)  # of alpha x_0 + sqrt(h) xi, without the constant
    (score,) = torch.autograd.grad(log_density.sum(), x)
    f = mixture.posterior_mean(x / alpha, sigma)
    torch.testing.assert_close((alpha * f - x) / h, score)


def test_the_error_is_least_after_some_50_iterations_and_a_third_above_at_the_end() -> None:
    """Stop early: "least after some 50 iterations of 4000, and at the end more than a third above that, although the training
    loss falls all the way, to less than half of the noise of the labels. Kernel regression ends still higher"."""
    learning = run("Stop early")
    assert learning.plan == Plan()
    assert 40 <= best("Stop early") <= 65
    assert learning.errors[-1] > 4 / 3 * min(learning.errors)
    assert (np.diff(learning.loss) < 0).all()
    assert learning.loss[-1] < learning.floor / 2
    assert learning.kernel_errors[-1] > learning.errors[-1]


def test_more_samples_halve_the_least_error_which_comes_later_and_stays() -> None:
    """More samples: "less than half of what it was, comes later, and to go on costs less than a tenth of it"."""
    more = run("More samples")
    assert min(more.errors) < min(run("Stop early").errors) / 2
    assert best("More samples") > best("Stop early")
    assert more.errors[-1] < 1.1 * min(more.errors)


def test_a_wide_network_is_within_a_tenth_of_kernel_regression() -> None:
    """A wide network: "within a tenth of kernel regression's at all iterations"."""
    assert distance("A wide network").max() < 0.1


def test_a_narrow_network_departs_from_kernel_regression() -> None:
    """A narrow network: "by more than a tenth in the first iterations, and by more than a fifth later. Its training loss falls to
    0.12, that of kernel regression to 0.02"."""
    learning = run("A narrow network")
    away = distance("A narrow network")
    assert away[:8].max() > 0.1
    assert away[-8:].max() > 0.2
    assert learning.loss[-1] == pytest.approx(0.12, abs=0.01)
    assert learning.kernel_loss[-1] == pytest.approx(0.02, abs=0.005)


def test_more_noise_makes_labels_noisier_and_the_score_easier() -> None:
    """More noise: "higher by more than a half. But the score is smoother, and the least error is less than a quarter"."""
    more, usual = run("More noise"), run("Stop early")
    assert more.floor > 1.5 * usual.floor
    assert min(more.errors) < min(usual.errors) / 4


def test_the_score_of_more_noise_is_smoother() -> None:
    """More noise: "the score is smoother": its largest second derivative on the square of the page, at the least σ of each."""
    x = torch.cartesian_prod(*2 * [torch.linspace(-1.2, 1.2, 31, dtype=torch.float64)])
    mixture = run("Stop early").mixture
    bend = [mixture.hessian(x, sigma).reshape(31, 31, 4).diff(dim=0).abs().max() for sigma in (0.2, 0.5)]
    assert bend[1] < bend[0] / 10


def test_the_loss_is_below_the_noise_of_the_labels_when_the_error_begins_to_rise() -> None:
    """Learning a score: "Once the training loss is below the noise of the labels, noise is being learned"."""
    learning = run("Stop early")
    at = int(np.argmin(learning.errors))
    assert learning.loss[at] < learning.floor


# --- from one noisy image ----------------------------------------------------------------------------------------


@cache
def noisy_run(name: str, instead: str = "") -> NoisyLearning:
    """The run of an experiment, to its end; instead: of a kind of noise that the noisy image is taken for."""
    settings = EXPERIMENTS[name][0]
    kind = settings["noise-kind"].lower()
    noise = f"{kind}:{settings[f'{kind}-level']}"
    plan = NoisyPlan(
        settings["image"], noise, settings["noisy-side"], settings["noisy-descent"], settings["noisy-seed"]
    )
    learning = NoisyLearning(plan)
    if instead:
        learning.kind = noise2score.kind(instead)  # the noise stays what it is
        learning.flat = learning.kind.flat(learning.noisy)
    learning.go_on()
    while learning.running:
        learning.advance()
    assert not learning.error
    return learning


def level(name: str) -> float:
    """The estimated level, as a share of the true one."""
    learning = noisy_run(name)
    assert learning.told
    return learning.levels[-1] / learning.told.level


def test_one_noisy_image_is_enough_to_restore_it_and_its_noise_is_found() -> None:
    """One noisy image: "from 20.0 to more than 27.5 dB. The estimated σ is right to 3 %, and to be told the true one changes the
    result by less than 0.1 dB; twice the true one would cost more than 5 dB"."""
    learning = noisy_run("One noisy image")
    assert learning.noisy_psnr == pytest.approx(20.0, abs=0.1)
    assert learning.psnr[-1] > 27.5
    assert level("One noisy image") == pytest.approx(1, abs=0.03)
    told, twice = (
        psnr(noise2score.restore(learning.prior, noise2score.Gaussian(sigma), learning.noisy), learning.truth).item()
        for sigma in (0.1, 0.2)
    )
    assert abs(told - learning.psnr[-1]) < 0.1
    assert twice < learning.psnr[-1] - 5


def test_photon_counts_are_restored_and_worse_if_they_are_taken_for_gaussian_noise() -> None:
    """Photon counts: "from 23.9 to more than 29.5 dB, and ζ is found to 10 %. Taken for Gaussian noise [...] more than 0.5 dB
    worse"."""
    learning = noisy_run("Photon counts")
    assert learning.noisy_psnr == pytest.approx(23.9, abs=0.1)
    assert learning.psnr[-1] > 29.5
    assert level("Photon counts") == pytest.approx(1, abs=0.1)
    assert noisy_run("Photon counts", "gaussian").psnr[-1] < learning.psnr[-1] - 0.5


def test_speckle_is_restored_and_a_little_darker() -> None:
    """Speckle: "from 17.5 to more than 24 dB, and k is found to 10 %. [...] darker than the noisy one, by less than 5 %"."""
    learning = noisy_run("Speckle")
    assert learning.noisy_psnr == pytest.approx(17.5, abs=0.1)
    assert learning.psnr[-1] > 24
    assert level("Speckle") == pytest.approx(1, abs=0.1)
    assert learning.restored is not None
    assert 0.95 < (learning.restored.mean() / learning.noisy.mean()).item() < 1


def test_noise_is_the_same_in_dark_and_bright_parts_in_the_coordinates_that_are_learned_in() -> None:
    """Learning a score: "Counts are learned from in the coordinate √y, speckle in log y, where the noise is the same in dark and
    bright parts"."""
    grey = torch.tensor([0.2, 0.8]).view(1, 1, 2, 1).expand(1, 1, 2, 20_000)
    for text in ("poisson:0.01", "gamma:10"):
        noise = noise2score.noise(text)
        y = noise.degrade(grey, seed=0)
        (dark, bright), (before_dark, before_bright) = (each.std(3).flatten().tolist() for each in (noise.flat(y), y))
        assert bright / dark == pytest.approx(1, abs=0.05)
        assert before_bright / before_dark > 1.9
