"""Measuring on a set of images, with a Gaussian prior whose errors are known."""

import math

import numpy as np
import pytest
import torch
from stand_in import GaussianPrior

from gnc_core import problems
from gnc_core.errors import InputError
from gnc_core.measuring import evaluation
from gnc_core.measuring.metrics import psnr
from gnc_core.problems import Denoising
from gnc_core.restoration.schedules import LearnedSchedule
from gnc_core.restoration.schemes import Flow, Learned, energy

PRIOR = GaussianPrior(mean=0.5, variance=0.01)
IMAGES = [(f"image {i}", PRIOR.sample(1, 48, i)) for i in range(3)]


def test_results_come_one_by_one_and_are_right():
    def posterior_mean(problem):
        return PRIOR.posterior_mean(problem.observation, problem.noise_std)

    results = list(evaluation.evaluate(posterior_mean, PRIOR, IMAGES, "denoise", 0.1))
    assert [result.name for result in results] == [name for name, _ in IMAGES]
    # mean squared errors: noise^2 before, variance noise^2 / (variance + noise^2) after
    means = evaluation.mean(results)
    assert means["psnr_degraded"] == pytest.approx(20, abs=0.3)
    assert means["psnr"] == pytest.approx(-10 * math.log10(0.005), abs=0.3)
    assert means["psnr"] == pytest.approx(sum(result.psnr for result in results) / 3)
    lazy = evaluation.evaluate(posterior_mean, PRIOR, iter(IMAGES), "denoise", 0.1)
    assert next(lazy) is not None
    lazy.close()


def test_a_scheme_is_a_method():
    method = evaluation.with_scheme(PRIOR, Flow([0.2, 0.1]))
    (result,) = evaluation.evaluate(method, PRIOR, IMAGES[:1], "denoise", 0.1)
    problem = Denoising.degrade(IMAGES[0][1], 0.1, problems.image_seed(0, 0))
    *_, last = Flow([0.2, 0.1]).run(PRIOR, problem)
    assert result.psnr == psnr(last.image, IMAGES[0][1]).item()
    assert result.energy == last.energy.item() == energy(PRIOR, problem, last.image).item()


def test_degradations_depend_on_seed_and_index_alone():
    seeds = {problems.image_seed(seed, index) for seed in range(20) for index in range(20)}
    assert len(seeds) == 400
    seen = []

    def remember(problem):
        seen.append(problem.initial())
        return problem.initial()

    for images, seed in ((IMAGES, 0), (IMAGES[:2], 0), (IMAGES[:1], 1)):
        list(evaluation.evaluate(remember, PRIOR, images, "denoise", 0.1, seed=seed))
    assert torch.equal(seen[0], seen[3])
    assert torch.equal(seen[1], seen[4])
    assert not torch.equal(seen[0], seen[5])


def test_a_diverged_restoration_is_no_result():
    wild = LearnedSchedule((0.1,), (1e6,), "denoise", 0.1, "stand-in")  # a finite image, far outside its range
    broken = (
        evaluation.with_scheme(GaussianPrior(mean=0.4), Learned(wild)),
        lambda problem: problem.initial() * torch.nan,
        lambda problem: problem.initial() + torch.inf,
    )
    for method in broken:
        with pytest.raises(InputError, match="image 0: The restoration diverged"):
            list(evaluation.evaluate(method, PRIOR, IMAGES, "inpaint", 0.5))
    with pytest.raises(InputError, match="no results"):
        evaluation.mean([])


@pytest.mark.parametrize("kind", problems.TASKS.values(), ids=problems.TASKS)
def test_what_cannot_be_degraded(kind):
    truth = IMAGES[0][1]
    for wrong in ((255 * truth).byte(), truth[0], truth * torch.nan, truth.numpy(), None):
        with pytest.raises(InputError):
            kind.degrade(wrong, 0.5, 0)
    same = kind.degrade(truth, np.float32(0.5), np.int64(3))
    assert torch.equal(same.initial(), kind.degrade(truth, 0.5, 3).initial())
    assert kind.degrade(truth.double(), 0.5, 3).observation.real.dtype == torch.float64


def test_what_cannot_be_measured():
    truth = IMAGES[0][1]
    assert problems.image_seed(np.int64(3), torch.tensor(1)) == problems.image_seed(3, 1)
    for wrong in (-1, 0.5, "0", None):
        with pytest.raises(InputError, match="whole number"):
            problems.image_seed(wrong, 0)

    def nothing(problem):
        return problem.initial()

    for images, device, message in (
        ([("two", truth.expand(2, -1, -1, -1))], "cpu", "single image"),
        (IMAGES, "gpu", 'must be "cpu" or "cuda"'),
        (IMAGES, "mps", 'must be "cpu" or "cuda"'),
        (IMAGES, f"cuda:{torch.cuda.device_count()}", "no device cuda"),
    ):
        with pytest.raises(InputError, match=message):
            next(evaluation.evaluate(nothing, PRIOR, images, "denoise", 0.1, device=device))
