"""Linear problems and photon counts: adjoints, proximal maps as minimisers, their gradients, and what is rejected."""

import math

import numpy as np
import pytest
import torch
from skimage.transform import radon
from torch.nn import functional

from gnc_core import images
from gnc_core.errors import InputError
from gnc_core.problems import (
    MRI,
    Deblurring,
    Linear,
    LinearOperator,
    Poisson,
    SuperResolution,
    Tomography,
    kernels,
)
from gnc_core.problems.solving import conjugate_gradients


def random(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)).double()


def every_second(x):
    return x[..., ::2] - 0.5 * x[..., 1::2]


def problems():
    return list(made())


def made():
    x = random(2, 1, 12, 12)
    kernel = torch.cat([kernels.motion(5, 30), kernels.gaussian(0.5)])
    for boundary in ("circular", "reflect", "replicate"):
        yield Deblurring(x, 0.1, kernel, boundary)
    for scale in ("2", "3"):
        yield SuperResolution.degrade(x, 0.1, seed=1, setting=scale)
    yield MRI.degrade(x, 0.1, seed=1, setting="3")
    yield Tomography.degrade(x, 0.1, seed=1, setting="7")
    yield LinearOperator(every_second(x), 0.1, every_second, (1, 12, 12))


CASES = pytest.mark.parametrize("problem", problems(), ids=lambda problem: type(problem).__name__)


@CASES
def test_adjoint(problem):
    x, y = random(*problem.shape, seed=3), problem.observation
    y = y * random(*y.shape, seed=4)
    left, right = (problem.forward(x) * y.conj()).real.sum(), (x * problem.adjoint(y)).sum()
    torch.testing.assert_close(left, right, rtol=1e-9, atol=1e-9)


@CASES
@pytest.mark.parametrize("tau", [1e-3, 0.1, 30.0])
def test_prox_is_the_minimiser(problem, tau):
    """The gradient of the strictly convex D(x) + |x - v|^2 / (2 tau) vanishes there, to the tolerance of conjugate gradients."""
    v = random(*problem.shape, seed=5)
    x = problem.prox(v, tau).requires_grad_()
    value = problem.energy(x).sum() + (x - v).square().sum() / (2 * tau)
    (gradient,) = torch.autograd.grad(value, x)
    right = v / tau + problem.back / problem.noise_std**2
    assert gradient.norm() < 1e-9 * right.norm()


@CASES
def test_prox_is_differentiable_in_v_and_tau(problem):
    v = random(*problem.shape, seed=6).requires_grad_()
    for tau in (torch.tensor(0.05).double(), torch.tensor([0.05, 0.3]).double().view(2, 1, 1, 1)):
        assert torch.autograd.gradcheck(problem.prox, (v, tau.requires_grad_()), fast_mode=True)


@CASES
def test_closed_forms_are_what_conjugate_gradients_find(problem):
    v = random(*problem.shape, seed=7)
    torch.testing.assert_close(problem.prox(v, 0.2), Linear.prox(problem, v, 0.2), rtol=0, atol=1e-8)


@CASES
def test_in_float32_and_per_image(problem):
    single, v = problem.to(torch.float32), random(*problem.shape, seed=8)
    tau = torch.tensor([0.05, 0.3]).double()
    both = problem.prox(v, tau)
    torch.testing.assert_close(single.prox(v.float(), tau.float()).double(), both, rtol=0, atol=2e-4)
    torch.testing.assert_close(both[1:], problem.prox(v, 0.3)[1:])


@CASES
def test_starts_and_pictures(problem):
    assert problem.initial().shape == problem.shown.shape == problem.shape
    for picture in problem.pictures().values():
        assert picture.ndim == 2
        assert 0 <= picture.min() <= picture.max() <= 1


def test_conjugate_gradients_solve_each_image_on_its_own():
    scale = torch.tensor([1.0, 100.0]).double().view(2, 1, 1, 1) * (1 + random(2, 1, 5, 5))
    right = random(2, 1, 5, 5, seed=1)
    found = conjugate_gradients(lambda x: scale * x, right, torch.zeros_like(right))
    torch.testing.assert_close(found, right / scale)
    nothing = torch.zeros_like(right)
    assert torch.equal(conjugate_gradients(lambda x: x, nothing, nothing), nothing)


# --- what is done to images --------------------------------------------------------------------------------------


def test_blur_is_a_convolution():
    x, kernel = random(1, 1, 9, 9), torch.zeros(1, 1, 3, 3).double()
    kernel[0, 0, 0, 2] = 1  # up and to the right
    for boundary in ("circular", "reflect"):
        blurred = Deblurring(x, 0.1, kernel, boundary).forward(x)
        torch.testing.assert_close(blurred[..., :-1, 1:], x[..., 1:, :-1])


def test_boundaries_differ_only_near_the_border():
    x, kernel = random(1, 1, 24, 24), kernels.gaussian(0.7)
    inner = (..., slice(3, -3), slice(3, -3))
    circular, reflect = (Deblurring(x, 0.1, kernel, boundary).forward(x) for boundary in ("circular", "reflect"))
    torch.testing.assert_close(circular[inner], reflect[inner])
    assert (circular - reflect).abs().max() > 0.01


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_reduction_is_bicubic_with_antialiasing(scale):
    x = images.load_sample("Cat")[..., :48, :48].double()
    ours = SuperResolution(x[..., ::scale, ::scale], 0.1, scale).forward(x)
    theirs = functional.interpolate(x, scale_factor=1 / scale, mode="bicubic", antialias=True, align_corners=False)
    inner = (..., slice(3, -3), slice(3, -3))
    torch.testing.assert_close(ours[inner], theirs[inner], rtol=0, atol=1e-6)


def test_super_resolution_takes_the_part_that_its_scale_divides():
    assert SuperResolution.part(torch.rand(1, 1, 17, 20), "3").shape == (1, 1, 15, 18)
    with pytest.raises(InputError, match="multiples"):
        SuperResolution.degrade(torch.rand(1, 1, 17, 20), 0.1, seed=0, setting="3")


def test_sinogram_is_the_radon_transform():
    """Of a smooth blob off the middle, where scikit-image's interpolation is exact enough."""
    place = torch.arange(64.0).double()
    blob = torch.exp(-((place[:, None] - 24) ** 2 + (place - 38) ** 2) / (2 * 5**2))
    problem = Tomography.degrade(blob[None, None], 1e-6, seed=0, setting="12")
    ours = 64 * problem.observation[0, 0].T.numpy()
    # scikit-image turns clockwise, about the pixel 32, and centres its detectors there.
    theirs = radon(np.pad(blob.numpy(), ((14, 15), (14, 15))), theta=-np.arange(0, 180, 15), circle=True)
    for angle in range(12):
        ours_middle, theirs_middle = (
            (np.arange(len(p)) - (len(p) - 1) / 2) @ p / p.sum() for p in (ours[:, angle], theirs[:, angle])
        )
        assert ours[:, angle].sum() == pytest.approx(blob.sum().item(), rel=1e-4)
        assert theirs_middle == pytest.approx(ours_middle, abs=0.8)
    assert np.abs(np.sort(ours.max(0)) - np.sort(theirs.max(0))).max() < 0.02 * theirs.max()


def test_mri_measures_the_lowest_frequencies_and_so_many_columns():
    problem = MRI.degrade(random(1, 1, 16, 100), 0.01, seed=0, setting="4")
    measured = problem.measured[0, 0]
    assert (measured == measured[:1]).all()
    assert measured[0].sum() == 25
    assert measured[0, :4].all()
    assert measured[0, -4:].all()
    density = (
        torch.stack([MRI.degrade(random(1, 1, 2, 100), 0.01, seed=k).measured[0, 0, 0] for k in range(200)])
        .double()
        .mean(0)
    )
    assert density[5:20].mean() > 2 * density[35:50].mean()


def test_mri_of_everything_without_noise_is_the_image():
    x = random(1, 1, 16, 17)
    problem = MRI.degrade(x, 1e-9, seed=0, setting="1")
    torch.testing.assert_close(problem.initial(), x, rtol=0, atol=1e-7)


@pytest.mark.parametrize("kind", [Deblurring, SuperResolution, MRI, Tomography])
def test_noise_has_its_level(kind):
    x = torch.full((1, 1, 192, 192), 0.5)
    problem = kind.degrade(x, 0.05, seed=3)
    noise = problem.observation - problem.forward(x)
    if kind is MRI:
        noise = torch.view_as_real(noise[problem.measured])
    assert noise.std().item() == pytest.approx(0.05, rel=0.03)


@pytest.mark.parametrize(
    "text", ["gaussian:1.6", "gaussian:3", "motion:15", "motion:15:30", "motion:1", "shake:0", "shake:7"]
)
def test_kernels_sum_to_one_with_odd_sides_around_their_middle(text):
    kernel = kernels.kernel(text)
    assert kernel.sum().item() == pytest.approx(1, abs=1e-5)
    assert (kernel >= 0).all()
    assert all(side % 2 for side in kernel.shape[2:])
    if not text.startswith("shake"):
        place = torch.arange(kernel.shape[2]) - kernel.shape[2] // 2
        assert (kernel[0, 0].sum(1) @ place.float()).item() == pytest.approx(0, abs=1e-4)


def test_gaussian_kernel_has_its_deviation():
    kernel = kernels.gaussian(1.6)[0, 0].sum(0)
    place = torch.arange(len(kernel)) - len(kernel) // 2
    assert math.sqrt((kernel * place**2).sum()) == pytest.approx(1.6, rel=1e-2)


def test_motion_runs_anticlockwise_from_the_right():
    kernel = kernels.motion(15, 90)[0, 0]
    assert kernel.sum(1).count_nonzero() > 10
    assert kernel.sum(0).count_nonzero() <= 3
    diagonal = kernels.motion(15, 45)[0, 0]
    assert diagonal.flip(0).diagonal().sum() > 0.5


def test_a_measured_kernel_is_read_and_normalised(tmp_path):
    values = np.zeros((4, 5), np.float32)
    values[1:3, 2] = 0.5, 0.25
    np.save(tmp_path / "kernel.npy", values)
    kernel = kernels.read_kernel(tmp_path / "kernel.npy")
    assert kernel.shape == (1, 1, 5, 5)
    torch.testing.assert_close(kernel.flatten().sort().values[-2:], torch.tensor([1 / 3, 2 / 3]))


# --- photons -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tau", [1e-4, 0.01, 3.0])
def test_poisson_prox_is_the_minimiser(tau):
    z, v = random(2, 1, 4, 4), random(2, 1, 4, 4, seed=1) - 0.3
    z[0, 0, 0] = 0  # nothing counted
    problem = Poisson(z, shot_noise=0.1)
    x = problem.prox(v, tau)

    def objective(x):
        return problem.energy(x) + (x - v).square().sum((1, 2, 3)) / (2 * tau)

    assert (x >= 0).all()
    best = objective(x)
    for seed in range(20):
        other = (x + 1e-3 * torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))).clamp_min(0)
        assert (objective(other) > best).all()


def test_poisson_prox_is_differentiable():
    problem = Poisson(random(1, 1, 3, 3) + 0.1, 0.2)
    v = (random(1, 1, 3, 3, seed=1) - 0.2).requires_grad_()
    assert torch.autograd.gradcheck(problem.prox, (v, torch.tensor(0.05).double().requires_grad_()))


def test_counts_are_poisson():
    problem = Poisson.degrade(torch.full((1, 1, 200, 200), 0.36), 0.1, seed=0)
    counts = 100 * problem.observation
    assert torch.equal(counts.round(), counts.round(decimals=3))
    assert counts.mean().item() == pytest.approx(36, rel=0.01)
    assert counts.var().item() == pytest.approx(36, rel=0.05)


# --- what is rejected --------------------------------------------------------------------------------------------


def test_what_is_rejected():
    x = torch.rand(1, 1, 16, 16)
    with pytest.raises(InputError, match="adjoint is none"):
        LinearOperator(x[..., ::2], 0.1, lambda x: x[..., ::2], (1, 16, 16), lambda y: torch.cat([y, y], -1))
    with pytest.raises(InputError, match="but z is"):
        LinearOperator(x, 0.1, lambda x: x[..., ::2], (1, 16, 16))
    with pytest.raises(InputError, match="larger than"):
        Deblurring(x, 0.1, kernels.gaussian(3))
    with pytest.raises(InputError, match="odd sides"):
        Deblurring(x, 0.1, torch.ones(1, 1, 2, 2))
    with pytest.raises(InputError, match="boundary"):
        Deblurring(x, 0.1, kernels.gaussian(0.5), "zero")
    for text in (
        "gaussian",
        "gaussian:x",
        "gaussian:-1",
        "motion:0",
        "box:3",
        "gaussian:inf",
        "",
        "shake:0.5",
        "gaussian:1:2",
    ):
        with pytest.raises(InputError):
            kernels.kernel(text)
    with pytest.raises(InputError, match="scale"):
        SuperResolution.degrade(x, 0.1, seed=0, setting="5")
    with pytest.raises(InputError, match="acceleration"):
        MRI.degrade(x, 0.1, seed=0, setting="0")
    with pytest.raises(InputError, match="angles"):
        Tomography.degrade(x, 0.1, seed=0, setting="many")
    with pytest.raises(InputError, match="complex"):
        MRI(x, 0.1, torch.ones(1, 1, 16, 16, dtype=torch.bool))
    with pytest.raises(InputError, match="detectors"):
        Tomography(torch.rand(1, 1, 7, 16), 0.1, (16, 16))
    with pytest.raises(InputError, match="not negative"):
        Poisson(x - 0.5, 0.1)
    with pytest.raises(InputError, match="finite"):
        Deblurring(x.log().log(), 0.1, kernels.gaussian(0.5))
    with pytest.raises(InputError, match="complex"):
        MRI.of(x, 0.1)
    with pytest.raises(InputError, match="48 or 50 detectors"):
        Tomography.of(torch.rand(1, 1, 7, 49), 0.1)
