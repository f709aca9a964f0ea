"""The three schemes on a Gaussian prior, where every number is known."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
import torch
from stand_in import GaussianPrior

from gnc_core.errors import InputError
from gnc_core.prior.fields_of_experts import FieldsOfExperts
from gnc_core.problems import Denoising, Inpainting
from gnc_core.restoration import schedules
from gnc_core.restoration.schedules import LearnedSchedule
from gnc_core.restoration.schemes import Flow, Joint, Learned, Step, image_step

PRIOR = GaussianPrior()
NOISE = 0.1


@dataclass(frozen=True)
class NoData:
    """D = 0: the image step is a step of the GNC flow without observation."""

    image: torch.Tensor
    name = "none"
    level = 0.0

    def initial(self):
        return self.image

    def energy(self, x):
        return x.new_zeros(len(x))

    def prox(self, v, tau):
        return v


def problem(count=2, size=8, noise_std=NOISE, seed=0):
    truth = PRIOR.sample(count, size, seed)
    generator = torch.Generator().manual_seed(seed + 1)
    noisy = truth + noise_std * torch.randn(truth.shape, generator=generator)
    return Denoising(noisy, noise_std), truth


def test_tweedie_one_step_is_the_posterior_mean():
    z = problem()[0].observation
    for sigma in (0.05, 0.1, 0.3):
        (step,) = Flow([sigma]).run(PRIOR, NoData(z))
        torch.testing.assert_close(step.image, PRIOR.posterior_mean(z, sigma))


def test_flow_equals_the_recursion_by_hand():
    denoising, _ = problem()
    z = x = denoising.observation
    sigmas = schedules.linear(0.3, 0.01, 4)
    for step, sigma in zip(Flow(sigmas).run(PRIOR, denoising), sigmas, strict=True):
        v = x - sigma**2 * (x - 0.4) / (0.04 + sigma**2)
        x = (v + sigma**2 / NOISE**2 * z) / (1 + sigma**2 / NOISE**2)
        torch.testing.assert_close(step.image, x)
        assert step.sigma.tolist() == [sigma] * len(z)
    assert step.index == 4


def test_flow_with_constant_sigma_reaches_the_posterior_mean():
    prior = GaussianPrior(sigma_min=1e-4)
    denoising, _ = problem()
    # tau = sigma^2 is small, so many steps; the fixed point minimises D(x) + R(x, log sigma).
    steps = list(Flow([0.05] * 1000).run(prior, denoising))
    smoothed = GaussianPrior(variance=0.04 + 0.05**2)
    expected = smoothed.posterior_mean(denoising.observation, NOISE)
    torch.testing.assert_close(steps[-1].image, expected, rtol=0, atol=1e-5)


def test_inpainting_keeps_the_observed_and_fills_the_missing():
    _, truth = problem()
    observed = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(3)) < 0.5
    inpainting = Inpainting(truth, observed)
    schemes = (Flow([0.5] * 60), Joint(0.5, 60), Learned(learned((0.5,) * 60, (0.25,) * 60)))
    for scheme in schemes:
        *_, last = scheme.run(PRIOR, inpainting)
        assert torch.equal(last.image[:, observed[0]], truth[:, observed[0]])
        assert torch.isfinite(last.energy).all()
    *_, last = schemes[0].run(PRIOR, inpainting)
    missing = last.image[:, ~observed[0]]
    torch.testing.assert_close(missing, torch.full_like(missing, PRIOR.mean))


def learned(sigma, tau):
    return LearnedSchedule(tuple(sigma), tuple(tau), "denoise", NOISE, "stand-in")


def test_learned_with_squared_sigmas_is_the_flow():
    denoising, _ = problem()
    sigmas = schedules.logarithmic(0.2, 0.01, 5)
    flow = Flow(sigmas).run(PRIOR, denoising)
    same = Learned(learned(sigmas, [s**2 for s in sigmas])).run(PRIOR, denoising)
    for a, b in zip(flow, same, strict=True):
        assert torch.equal(a.image, b.image)


def test_joint_moves_s_down_the_energy_and_each_image_has_its_own():
    truth = PRIOR.sample(1, 32, 0)
    z = torch.cat([truth, (truth - 0.4) * 3 + 0.4])  # the second looks much noisier
    steps = list(Joint(0.2, 3, rate=0.5).run(PRIOR, NoData(z)))
    assert steps[0].sigma.tolist() == pytest.approx([0.2, 0.2])
    s = torch.full((2,), math.log(0.2))
    slope = PRIOR.slope(steps[0].image, s)
    expected = torch.exp(s - 0.5 / 32**2 * slope)
    assert steps[1].sigma.tolist() == pytest.approx(expected.tolist())
    assert slope[0] * (steps[1].sigma[0] - 0.2) < 0
    assert steps[1].sigma[0] != steps[1].sigma[1]


def test_joint_step_in_s_lowers_the_energy():
    denoising, _ = problem(size=32)
    for step, following in pairwise(Joint(0.4, 6).run(PRIOR, denoising)):
        before = PRIOR.energy(step.image, step.sigma.log())
        after = PRIOR.energy(step.image, following.sigma.log())
        assert (after <= before + 1e-3).all()


def test_joint_clips_s_to_the_range_of_the_prior():
    mean = torch.full((1, 1, 8, 8), PRIOR.mean)
    far = mean + 5
    down = list(Joint(0.5, 12, rate=1.9).run(GaussianPrior(variance=1e-6), NoData(mean)))
    assert down[-1].sigma.tolist() == pytest.approx([PRIOR.sigma_min])
    up = list(Joint(0.011, 3, rate=1.9).run(GaussianPrior(variance=1e-6), NoData(far)))
    assert max(step.sigma[0] for step in up) == pytest.approx(PRIOR.sigma_max)


def test_joint_finds_the_noise_level():
    # White noise far stronger than the prior's own variance: R(z, s) is lowest where
    # sigma^2 + variance is the variance of z.
    prior = GaussianPrior(variance=1e-6)
    z = prior.mean + 0.2 * torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))

    @dataclass(frozen=True)
    class Held(NoData):
        def prox(self, v, tau):
            return self.image

    # There d2R/ds2 = 2 n, so that the steps of s converge for rates below 1 and swing to and fro from 1 on.
    *_, last = Joint(0.5, 200, rate=0.5).run(prior, Held(z))
    assert last.sigma.tolist() == pytest.approx([z.sub(prior.mean).square().mean().sqrt().item()], rel=1e-3)


def test_energy_is_reported_at_the_smallest_sigma():
    denoising, _ = problem()
    for scheme in (Flow([0.4, 0.2]), Joint(0.4, 2)):
        for step in scheme.run(PRIOR, denoising):
            expected = denoising.energy(step.image) + PRIOR.energy(step.image, math.log(0.01))
            torch.testing.assert_close(step.energy, expected)


@pytest.mark.parametrize("scheme", [Flow([0.2] * 1000), Joint(0.2, 1000), Learned(learned([0.2] * 9, [0.1] * 9))])
def test_steps_are_computed_when_asked_for(scheme):
    class Counting(GaussianPrior):
        calls = 0

        def score(self, x, s):
            Counting.calls += 1
            return super().score(x, s)

    run = scheme.run(Counting(), problem()[0])
    assert Counting.calls == 0
    next(run)
    next(run)
    assert Counting.calls <= 3
    calls = Counting.calls
    run.close()
    with pytest.raises(StopIteration):
        next(run)
    assert Counting.calls == calls


def test_running_builds_no_graph_and_leaves_the_callers_mode_alone():
    denoising, _ = problem()
    weight = torch.ones((), requires_grad=True)

    class Trainable(GaussianPrior):
        def score(self, x, s):
            return weight * super().score(x, s)

    for scheme in (Flow([0.2, 0.1]), Joint(0.2, 2)):
        for step in scheme.run(Trainable(), denoising):
            assert not step.image.requires_grad
            assert torch.is_grad_enabled()


def test_image_step_is_differentiable_in_sigma_and_tau():
    z = PRIOR.sample(2, 3, 0).double()
    denoising = Denoising(z + 0.1, NOISE)

    def step(sigma, tau):
        return image_step(PRIOR, denoising, z, sigma, tau)

    for shape in ((), (2,)):
        sigma = torch.full(shape, 0.2, dtype=torch.float64, requires_grad=True)
        tau = torch.full(shape, 0.03, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(step, (sigma, tau))


def test_bad_schemes():
    denoising, _ = problem()
    for make in (lambda: Flow([]), lambda: Flow([0.1] * 1001), lambda: Joint(0.1, 0)):
        with pytest.raises(InputError, match=r"1 \.\.\. 1000"):
            make()
    for rate in (0, -0.1, 2, 1e300, math.inf, math.nan, "fast", None):
        with pytest.raises(InputError, match="rate"):
            Joint(0.1, 5, rate=rate)
    assert Joint(0.1, 5, rate=1.9).rate == 1.9
    for steps in (2.0, "2", True, None):
        with pytest.raises(InputError, match="whole number"):
            Joint(0.1, steps)
    for schedule in ([0.1, math.nan], [0.0], [-0.1], ["0.1"], "0.1", 0.1, None, torch.full((2, 1), 0.1)):
        with pytest.raises(InputError, match="schedule's sigmas"):
            Flow(schedule)
    with pytest.raises(InputError, match="sigma"):
        image_step(PRIOR, denoising, denoising.observation, -0.1, 0.1)
    for scheme in (Flow([0.6, 0.1]), Flow([0.1, 0.001]), Joint(0.7, 5), Joint(float("nan"), 5)):
        with pytest.raises(InputError, match=r"\[0\.01, 0\.5\]"):  # before the first step
            scheme.run(PRIOR, denoising)
    with pytest.raises(InputError, match="range"):
        Learned(learned((0.9,), (0.1,))).run(PRIOR, denoising)


def test_schedules_of_numpy_and_torch():
    """Steps, sigmas and the trace of a schedule are those of the list with the same numbers."""
    denoising, _ = problem()
    expected = list(Flow([0.25, 0.125]).run(PRIOR, denoising))
    sigmas = [0.25, 0.125]
    for schedule in (np.array(sigmas, np.float32), np.array(sigmas), torch.tensor(sigmas), tuple(sigmas), iter(sigmas)):
        flow = Flow(schedule)
        assert flow == Flow(sigmas)
        assert hash(flow) == hash(Flow(sigmas))
        for step, same in zip(flow.run(PRIOR, denoising), expected, strict=True):
            assert torch.equal(step.sigma, same.sigma)
            assert torch.equal(step.image, same.image)
    fitted = LearnedSchedule(np.float32(sigmas), torch.tensor([0.5, 0.25]), "denoise", np.float32(0.5), "a")
    assert fitted == LearnedSchedule((0.25, 0.125), (0.5, 0.25), "denoise", 0.5, "a")
    assert LearnedSchedule.from_json(fitted.to_json()) == fitted
    joint = list(Joint(np.float32(0.25), np.int64(2), np.float32(0.5)).run(PRIOR, denoising))
    for step, same in zip(joint, Joint(0.25, 2, 0.5).run(PRIOR, denoising), strict=True):
        assert torch.equal(step.sigma, same.sigma)


@pytest.mark.parametrize("scheme", [Flow([0.2, 0.1]), Joint(0.2, 2), Learned(learned([0.2, 0.1], [0.04, 0.01]))])
@pytest.mark.parametrize(("of_prior", "of_image"), [(torch.float32, torch.float64), (torch.float64, torch.float32)])
@torch.no_grad()
def test_prior_and_observation_of_different_types_meet(scheme, of_prior, of_image):
    """The result is that of the narrower type, up to its rounding; the image takes the wider one."""
    prior = FieldsOfExperts(1, channels=3, kernel_size=3).to(of_prior)
    same = FieldsOfExperts(1, channels=3, kernel_size=3)
    z = PRIOR.sample(2, 12, 0)
    observed = torch.rand(1, 1, 12, 12, generator=torch.Generator().manual_seed(1)) < 0.5
    for make in (lambda z: Denoising(z, NOISE), lambda z: Inpainting(z, observed)):
        for step, expected in zip(scheme.run(prior, make(z.to(of_image))), scheme.run(same, make(z)), strict=True):
            torch.testing.assert_close(step.image.float(), expected.image, rtol=0, atol=1e-5)
            torch.testing.assert_close(step.energy.float(), expected.energy, rtol=1e-4, atol=1e-2)
            assert step.image.dtype == torch.float64


def test_an_image_below_the_size_of_the_kernels_is_refused():
    small = Denoising(torch.rand(1, 1, 3, 9), NOISE)
    for scheme in (Flow([0.2]), Joint(0.2, 1)):
        with pytest.raises(InputError, match="9 x 3 pixels; this prior needs at least 4 x 4"):
            next(scheme.run(FieldsOfExperts(), small))


def test_which_images_have_diverged():
    z = torch.zeros(5, 1, 4, 4)
    z[0] = 3  # the largest that the schemes start from
    images = z.clone()
    images[1, 0, 1, 2], images[2, 0, 0, 0], images[3, 0, 0, 0], images[4, 0, 3, 3] = torch.nan, -torch.inf, 31, -29
    step = Step(1, 0.1, images, PRIOR, Denoising(z, NOISE))
    assert step.diverged.tolist() == [False, True, True, True, False]
    assert not any(step.diverged.any() for step in Joint(0.2, 3).run(PRIOR, problem()[0]))
    assert step != Step(1, 0.1, images, PRIOR, Denoising(z, NOISE))


def test_rates_near_the_noise_level():
    """A step multiplies the error of s by 1 - 2 c where d2R/ds2 = 2 n: it shrinks for c < 1, and swings from there on."""
    prior = GaussianPrior(variance=1e-8)
    z = prior.mean + 0.2 * torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))

    @dataclass(frozen=True)
    class Held(NoData):
        def prox(self, v, tau):
            return self.image

    level = math.log(z.sub(prior.mean).square().mean().sqrt().item())
    start = math.exp(level + 0.01)
    for rate in (0.3, 0.5, 0.8, 1.2):
        first, second = Joint(start, 2, rate).run(prior, Held(z))
        errors = [math.log(step.sigma[0]) - level for step in (first, second)]
        assert errors[1] / errors[0] == pytest.approx(1 - 2 * rate, abs=0.05)
