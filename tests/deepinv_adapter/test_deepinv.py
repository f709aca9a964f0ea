"""The learned prior in deepinv: their proximal gradient descent is our flow, on their physics.

Without deepinv (an extra, which continuous integration does not install) all of it is skipped."""

import doctest
import math

import pytest
import torch
from torch.testing import assert_close

from gnc_core import images, measuring, problems, restoration, zoo
from gnc_core.errors import InputError
from gnc_core.prior import ByChannel, FieldsOfExperts

deepinv = pytest.importorskip("deepinv", reason="deepinv is not installed; the extra [deepinv] brings it.")
from deepinv import optim, sampling  # noqa: E402

from gnc_core import deepinv as adapter  # noqa: E402

LEARNED = zoo.load("foe-l1")
TRUTH = images.load_sample("Cat")[..., :64, :64]


def flow(sigmas: list[float], data_fidelity: optim.DataFidelity) -> optim.PGD:
    """Their algorithm with our schedule, and tau = sigma^2."""
    taus = [sigma**2 for sigma in sigmas]
    prior = adapter.Prior(LEARNED)
    return optim.PGD(data_fidelity, prior, stepsize=taus, sigma_denoiser=sigmas, max_iter=len(sigmas), g_first=True)


def ours(sigmas: list[float], problem: problems.Problem, prior=LEARNED) -> torch.Tensor:
    *_, last = restoration.Flow(sigmas).run(prior, problem)
    return last.image


def noise(std: float) -> torch.nn.Module:
    return deepinv.physics.GaussianNoise(std, rng=torch.Generator().manual_seed(0))


def psnr(x: torch.Tensor, truth: torch.Tensor = TRUTH) -> float:
    return measuring.psnr(x, truth).mean().item()


# --- their proximal gradient descent is our flow ------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_denoising_is_the_flow(channels):
    truth = torch.cat([TRUTH, TRUTH.flip(2), TRUTH.flip(3)][:channels], 1)
    problem = problems.Denoising.degrade(truth, 0.1, seed=0)
    sigmas = restoration.linear(0.1, LEARNED.sigma_min, steps=4)
    theirs = flow(sigmas, optim.L2(0.1))(problem.observation, deepinv.physics.Denoising())
    assert_close(theirs, ours(sigmas, problem, ByChannel(LEARNED)), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("known_noise", "data_fidelity"), [("0.05", optim.L2(0.05)), ("0", optim.IndicatorL2(radius=0.0))]
)
def test_inpainting_is_the_flow(known_noise, data_fidelity):
    """Of noisy pixels, and of exact ones, whose data term is the indicator in both."""
    problem = problems.Inpainting.degrade(TRUTH, 0.5, seed=0, setting=known_noise)
    sigmas = restoration.linear(0.05, LEARNED.sigma_min, steps=20)
    physics = deepinv.physics.Inpainting(TRUTH.shape[1:], mask=problem.observed[0].float())
    theirs = flow(sigmas, data_fidelity)(physics.A(problem.observation), physics, init=problem.initial())
    assert_close(theirs, ours(sigmas, problem), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kernel", ["gaussian:1.6", "shake:1"])
def test_deblurring_is_the_flow(kernel):
    """With a circular boundary. Their kernels lie as ours do: that of a shaken hand is not symmetric."""
    problem = problems.Deblurring.degrade(TRUTH, 0.01, seed=0, setting=kernel)
    sigmas = restoration.linear(0.2, LEARNED.sigma_min, steps=20)
    physics = deepinv.physics.BlurFFT(TRUTH.shape[1:], problem.kernel)
    theirs = flow(sigmas, optim.L2(0.01))(problem.observation, physics, init=problem.initial())
    assert_close(theirs, ours(sigmas, problem), rtol=0, atol=1e-5)


def test_tomography():
    """Far above filtered back-projection, from the adjoint; the same as our flow with their operator, to the tolerance of their
    conjugate gradients."""
    truth = TRUTH[..., :32, :32]
    physics = deepinv.physics.Tomography(angles=20, img_width=32, normalize=True, noise_model=noise(0.01))
    y = physics(truth)
    sigmas = restoration.linear(0.2, LEARNED.sigma_min, steps=10)
    restored = flow(sigmas, optim.L2(0.01))(y, physics)
    assert psnr(restored, truth) > max(psnr(physics.fbp(y), truth), psnr(physics.A_adjoint(y), truth)) + 15
    problem = problems.LinearOperator(y, 0.01, physics.A, (1, 32, 32), physics.A_adjoint)
    assert_close(restored, ours(sigmas, problem), rtol=0, atol=5e-3)


def test_mri():
    """Complex images, real and imaginary part as two channels: far above the zero-filled image."""
    masks = deepinv.physics.generator.GaussianMaskGenerator(
        (64, 64), acceleration=4, rng=torch.Generator().manual_seed(0)
    )
    physics = deepinv.physics.MRI(**masks.step(1), img_size=(64, 64), noise_model=noise(0.01))
    truth = torch.cat([TRUTH, torch.zeros_like(TRUTH)], 1)
    y = physics(truth)
    restored = flow(restoration.linear(0.2, LEARNED.sigma_min, steps=20), optim.L2(0.01))(y, physics)
    assert psnr(restored, truth) > psnr(physics.A_adjoint(y), truth) + 5


# --- the prior and the denoiser -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sigma", [0.1, torch.tensor([0.05, 0.2], dtype=torch.float64)], ids=["a number", "one an image"]
)
def test_grad_is_the_gradient_of_fn(sigma):
    prior = adapter.Prior(FieldsOfExperts().double())
    x = torch.rand(2, 3, 16, 16, dtype=torch.float64, requires_grad=True)
    value = prior.fn(x, sigma)
    assert value.shape == (2,)
    (gradient,) = torch.autograd.grad(value.sum(), x)
    assert_close(prior.grad(x, sigma), gradient, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("sigma", [0.01, 0.03, 0.3])
def test_the_proximal_map_for_small_steps(sigma):
    """p = prox_{gamma R}(v) solves p - v + gamma grad R(p) = 0; their gradient descent finds it for gamma = sigma^2 / 4."""
    prior, gamma = adapter.Prior(LEARNED), sigma**2 / 4
    with torch.no_grad():
        p = prior.prox(TRUTH, sigma, gamma=gamma, tol_inter=1e-6)
        assert_close(p + gamma * prior.grad(p, sigma), TRUTH, rtol=0, atol=1e-5)


def test_the_denoiser_is_tweedies_step():
    """x + sigma^2 grad log p_sigma(x) = x - sigma^2 grad R."""
    x = torch.rand(2, 1, 16, 16)
    sigma = torch.tensor([0.05, 0.3])
    denoised = adapter.Denoiser(LEARNED)(x, sigma)
    score = -LEARNED.score(x, sigma.log())
    assert_close(denoised, x + sigma.square().view(-1, 1, 1, 1) * score, rtol=0, atol=1e-6)
    assert_close(adapter.Denoiser(LEARNED)(x[1:], 0.3), denoised[1:], rtol=0, atol=1e-6)


def test_the_denoiser_leaves_clean_images():
    """Below the prior's smallest sigma its score is the one there, and the step goes to zero with sigma^2."""
    x, denoiser = TRUTH[..., :16, :16], adapter.Denoiser(LEARNED)
    assert torch.equal(denoiser(x, 0.0), x)
    score = -LEARNED.score(x, math.log(LEARNED.sigma_min))
    assert_close(denoiser(x, 0.005), x + 0.005**2 * score, rtol=0, atol=1e-6)


def test_their_score_of_our_denoiser_is_ours():
    """Their prior by Tweedie's formula, of our denoiser, has the gradient of our prior."""
    x = TRUTH[..., :16, :16]
    theirs = optim.ScorePrior(adapter.Denoiser(LEARNED)).grad(x, 0.1)
    assert_close(theirs, adapter.Prior(LEARNED).grad(x, 0.1), rtol=1e-4, atol=1e-4)


def test_schedule_and_prior_are_learned_by_unfolding():
    prior = FieldsOfExperts()
    model = optim.PGD(
        optim.L2(0.1),
        adapter.Prior(prior),
        stepsize=[0.01, 0.001],
        sigma_denoiser=[0.1, 0.03],
        max_iter=2,
        g_first=True,
        unfold=True,
    )
    noisy = TRUTH[..., :16, :16] + 0.1
    model(noisy, deepinv.physics.Denoising()).square().sum().backward()
    fitted = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}
    assert {"params_algo.g_param.0", "params_algo.stepsize.1", "prior.0.learned.kernel"} <= fitted


def test_a_sampler_of_the_posterior():
    """Half of the pixels, by diffusion posterior sampling: near the truth, and other with another seed."""
    physics = deepinv.physics.Inpainting(
        TRUTH.shape[1:], 0.5, rng=torch.Generator().manual_seed(0), noise_model=noise(0.02)
    )
    denoiser = adapter.Denoiser(LEARNED)
    sde = sampling.VarianceExplodingDiffusion(denoiser, sigma_min=0.02, sigma_max=1.0, alpha=1.0)
    solver = sampling.EulerSolver(torch.linspace(1, 0, 50), rng=torch.Generator())
    guided = sampling.DPSDataFidelity(guidance="annealed")
    model = sampling.PosteriorDiffusion(guided, denoiser, sde, solver)
    y = physics(TRUTH)
    first, second = (model(y, physics, seed=seed).float() for seed in (0, 1))
    assert min(psnr(first), psnr(second)) > 25
    assert (first - second).std() > 0.01


@pytest.mark.parametrize("sigma", [0.6, -0.1, math.nan, None, "0.1", torch.rand(3)])
def test_sigmas_that_are_none(sigma):
    x = torch.rand(2, 1, 16, 16)
    for of in (adapter.Prior(LEARNED).fn, adapter.Prior(LEARNED).grad, adapter.Denoiser(LEARNED)):
        with pytest.raises(InputError, match="sigma"):
            of(x, sigma)


def test_the_prior_takes_no_sigma_below_its_smallest():
    with pytest.raises(InputError, match=r"\[0.01, 0.5\]"):
        adapter.Prior(LEARNED).grad(TRUTH, 0.005)


def test_the_examples_hold():
    assert doctest.testmod(adapter).failed == 0
    assert all(">>> " in (thing.__doc__ or "") for thing in (adapter.Prior, adapter.Denoiser))
