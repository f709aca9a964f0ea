"""The priors that come with the project do what their cards say."""

import math

import numpy as np
import pytest
import torch

from app.kept import planes
from gnc_core import images, problems, sweeps, zoo
from gnc_core.choices import SchemeChoice, choose_scheme
from gnc_core.measuring import landscape, metrics
from gnc_core.problems import Denoising
from gnc_core.restoration import schedules
from gnc_core.restoration.schemes import Flow, Learned

NOISE = 25 / 255


def restored(scheme, name):
    truth = images.crop_center(images.load_sample(name), 256)
    noisy = problems.add_noise(truth, NOISE, seed=0)
    for step in scheme.run(zoo.load("foe-l1"), Denoising(noisy, NOISE)):
        last = step
    return metrics.psnr(last.image, truth).item()


@pytest.mark.parametrize(("name", "flow", "learned"), [("Cameraman", 29.1, 29.3), ("Cat", 28.7, 28.7)])
def test_psnr_on_bundled_images(name, flow, learned):
    """Bounds 0.2 dB below what was measured."""
    assert restored(Flow(schedules.linear(NOISE, 0.01, 4)), name) > flow
    assert restored(Learned(zoo.find_family("foe-l1", "denoise").at(NOISE)), name) > learned


@pytest.mark.parametrize("task", ["deblur", "superres", "mri"])
def test_learned_schedules_of_linear_problems_are_better_than_the_flow_on_most_images(task):
    prior, gains = zoo.load("foe-l1"), []
    for name in images.sample_images():
        truth = images.crop_center(images.load_sample(name), 96)[:, :1]
        problem, found = problems.task(task).degrade(truth, 0.01, seed=0), []
        for choice in (SchemeChoice("flow"), SchemeChoice()):
            *_, last = choose_scheme(choice, prior, "foe-l1", task, 0.01).run(prior, problem)
            found.append(metrics.psnr(last.image, truth).item())
        gains.append(found[1] - found[0])
    assert np.median(gains) > 0.02


def test_kept_planes_of_energy_landscape_are_those_of_the_prior():
    for name in ("foe-l1", "foe-l3"):
        prior = zoo.load(name)
        for sample, plane in list(planes(name, zoo.weights_hash(name)).items())[:3]:
            x = images.crop_center(images.shrink(images.load_sample(sample), 256), 64)
            along, middle = landscape.unit(x.flip(3) - x), int(np.abs(plane["b"]).argmin())
            for k, sigma in ((0, prior.sigma_min), (7, prior.sigma_max)):
                [(_, energies)] = landscape.line(prior, x, along, plane["a"], [sigma])
                np.testing.assert_allclose(plane["energy"][k, middle], energies, rtol=1e-4)


@pytest.mark.parametrize("name", zoo.names())
def test_card_tells_how_the_prior_was_made(name):
    training = zoo.card(name)["training"]
    assert {"command", "seed", "data", "iterations", "minutes", "hardware"} <= set(training)
    families, problems = zoo.families(name)
    assert all(family.prior == name and family.command for family in families)
    assert not problems


@pytest.mark.parametrize("name", zoo.sweep_files())
def test_sweep_is_complete_and_of_a_prior_that_is_here(name):
    result = sweeps.load(zoo.sweep_files()[name])
    assert result.complete
    assert result.plan.weights == zoo.weights_hash(result.plan.prior)


@pytest.mark.parametrize("sigma", [0.05, 0.1, 0.2])
def test_the_energy_is_least_near_the_true_noise_level(sigma):
    """What joint minimisation needs: over s, R(y, s) is least where sigma is the noise in y."""
    prior = zoo.load("foe-l1")
    truth = images.crop_center(images.load_sample("Cat"), 160)
    noisy = problems.add_noise(truth, sigma, seed=1)
    s = torch.linspace(math.log(0.01), math.log(0.5), 60)
    with torch.no_grad():
        energies = torch.cat([prior.energy(noisy.expand(20, -1, -1, -1), part) for part in s.split(20)])
    assert 0.8 < s[energies.argmin()].exp() / sigma < 1.25


@pytest.mark.parametrize("graph", [True, False])
def test_one_image_at_five_smoothings_has_the_energies_of_each_alone(graph):
    """Broadcast wrongly, each energy also contained those before it."""
    prior = zoo.load("foe-l1")
    noisy = problems.add_noise(images.crop_center(images.load_sample("Cat"), 64), 0.1, seed=0)
    s = torch.linspace(math.log(0.01), math.log(0.5), 5)
    with torch.set_grad_enabled(graph):
        alone = [prior.energy(noisy, level).item() for level in s.tolist()]
        assert prior.energy(noisy, s).tolist() == pytest.approx(alone, abs=1)
        score, slope = prior.score_and_slope(noisy, s)
        for k, level in enumerate(s.tolist()):
            torch.testing.assert_close(prior.score(noisy, level)[0], score[k], rtol=1e-4, atol=1e-3)
            torch.testing.assert_close(prior.slope(noisy, level)[0], slope[k], rtol=1e-4, atol=0.1)
