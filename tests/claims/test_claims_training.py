"""What the page Training teaches, computed: a test a claim, named by it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from app.lessons.training import EXPERIMENTS
from app.trainings import Plan, Training

KEYS = {
    "photos": "photographs", "kernels": "kernels", "kernel-size": "size", "iterations": "iterations", "batch": "batch",
    "patch": "patch", "lambda": "weight", "train-seed": "seed", "step-size": "rate", "knots": "knots",
}  # fmt: skip


@cache
def run(name: str) -> Training:
    """The run of an experiment, to its end."""
    training = Training(Plan(**{KEYS[key]: value for key, value in EXPERIMENTS[name][0].items()}))
    while training.running:
        training.advance()
    assert not training.error
    return training


def second_term(training: Training) -> float:
    assert training.trainer
    return training.trainer.validate()["validation_smoothing"]


def valleys(name: str, level: int) -> np.ndarray:
    """How many valleys each potential has that is drawn at a smoothing."""
    shown = run(name).shown
    assert shown
    falls = np.diff(shown.phi[level], axis=1) < 0
    return (falls[:, :-1] & ~falls[:, 1:]).sum(1)


def test_to_take_off_no_noise_costs_a_half() -> None:
    """Training: "to take off none costs ½"."""
    eta = torch.randn(1000, 24, 24, generator=torch.Generator().manual_seed(0))
    assert (0.5 * eta.square().mean()).item() == pytest.approx(0.5, abs=0.005)


def test_quadratic_potentials_denoise_by_2_db_and_400_iterations_make_that_7() -> None:
    """The usual run: "The prior starts with quadratic potentials, which denoise by 2.2 dB; 400 iterations make that 7 dB"."""
    training = run("The usual run")
    assert training.psnr[0] - training.noisy_psnr == pytest.approx(2.2, abs=0.15)
    assert training.psnr[-1] - training.noisy_psnr == pytest.approx(7, abs=0.3)


def test_all_but_1_db_is_there_after_a_quarter() -> None:
    """The usual run: "all but 1 dB of it is there after a quarter of them"."""
    training = run("The usual run")
    quarter = training.looks.index(100)
    assert training.psnr[-1] - training.psnr[quarter] < 1


def test_potentials_are_bowls_at_large_smoothing_and_have_valleys_at_small_smoothing() -> None:
    """The usual run: "At σ = 0.5 every potential ends as a bowl; at σ = 0.01 many have several valleys"."""
    assert (valleys("The usual run", -1) == 1).all()
    assert (valleys("The usual run", 0) > 1).mean() > 1 / 3


def test_few_small_kernels_end_with_a_higher_loss_and_0_4_db_worse() -> None:
    """Few small kernels: "the loss ends higher, and the photograph 0.4 dB worse"."""
    few, usual = run("Few small kernels"), run("The usual run")
    assert few.validation[-1] > usual.validation[-1] + 0.01
    assert usual.psnr[-1] - few.psnr[-1] == pytest.approx(0.4, abs=0.15)


def test_a_large_weight_halves_the_second_term_and_costs_0_9_db() -> None:
    """A large λ: "less than half of its usual value, and the first one pays for it. The photograph is 0.9 dB worse"."""
    large, usual = run("A large λ"), run("The usual run")
    assert second_term(large) < second_term(usual) / 2
    assert large.validation[-1] > usual.validation[-1] + 0.01
    assert usual.psnr[-1] - large.psnr[-1] == pytest.approx(0.9, abs=0.2)


def test_a_longer_run_lowers_the_loss_by_5_percent_and_gains_0_2_db() -> None:
    """A longer run: "the validation loss goes on falling, by 5 %, but the photograph gains only 0.2 dB"."""
    longer, usual = run("A longer run"), run("The usual run")
    assert 1 - longer.validation[-1] / usual.validation[-1] == pytest.approx(0.05, abs=0.02)
    assert longer.psnr[-1] - usual.psnr[-1] == pytest.approx(0.2, abs=0.15)
