"""Data terms: proximal maps against a numerical minimiser, and what is rejected."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from gnc_core import checks
from gnc_core.errors import InputError
from gnc_core.problems import TASKS, Denoising, Inpainting, task


def images(count=2, size=(3, 4)):
    return torch.rand(count, 1, *size, generator=torch.Generator().manual_seed(count)).double()


@pytest.mark.parametrize("tau", [1e-4, 0.01, 3.0])
def test_denoising_prox_is_the_minimiser(tau):
    z, v = images(), images() - 0.3
    problem = Denoising(z, noise_std=0.1)

    def objective(flat):
        x = torch.from_numpy(flat).reshape(v.shape).requires_grad_()
        value = problem.energy(x).sum() + (x - v).square().sum() / (2 * tau)
        (gradient,) = torch.autograd.grad(value, x)
        return value.item(), gradient.flatten().numpy()

    found = minimize(objective, v.flatten().numpy(), jac=True, method="BFGS", options={"gtol": 1e-9})
    expected = torch.from_numpy(found.x).reshape(v.shape)
    torch.testing.assert_close(problem.prox(v, tau), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("tau", [0.01, 3.0])
def test_inpainting_prox_is_the_nearest_feasible_image(tau):
    z, v = images(), images() - 0.3
    observed = torch.rand(1, 1, 3, 4, generator=torch.Generator().manual_seed(5)) < 0.5
    problem = Inpainting(z, observed)
    x = problem.prox(v, tau)
    assert (problem.energy(x) == 0).all()
    # Every other feasible image is farther from v.
    for seed in range(20):
        noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed)).double()
        other = torch.where(observed, x, x + 0.1 * noise)
        assert (problem.energy(other) == 0).all()
        assert (other - v).square().sum() > (x - v).square().sum()


def test_prox_is_differentiable_in_tau_and_v():
    problem = Denoising(images(), noise_std=0.2)
    v = images().requires_grad_()
    for tau in (torch.tensor(0.05).double(), torch.tensor([0.05, 0.3]).double().view(2, 1, 1, 1)):
        assert torch.autograd.gradcheck(problem.prox, (v, tau.requires_grad_()))


def test_energies():
    z = images()
    x = z.clone()
    x[1, 0, 0, 0] += 0.3
    energy = Denoising(z, noise_std=0.1).energy(x)
    torch.testing.assert_close(energy, torch.tensor([0, 0.09 / 0.02]).double())
    observed = torch.ones(1, 1, 3, 4, dtype=torch.bool)
    assert Inpainting(z, observed).energy(x).tolist() == [0, torch.inf]
    observed[0, 0, 0, 0] = False
    assert Inpainting(z, observed).energy(x).tolist() == [0, 0]


def test_initial_images():
    z = images()
    assert torch.equal(Denoising(z, 0.1).initial(), z)
    observed = torch.ones(1, 1, 3, 4, dtype=torch.bool)
    observed[..., 0] = False
    broken = z.clone()
    broken[..., 0] = torch.nan  # what is missing may hold anything
    start = Inpainting(broken, observed, "grey").initial()
    assert (start[..., 0] == 0.5).all()
    assert torch.equal(start[..., 1:], z[..., 1:])


def test_levels():
    observed = torch.ones(1, 1, 3, 4, dtype=torch.bool)
    observed[..., 0] = False
    assert Denoising(images(), 0.1).level == 0.1
    assert Inpainting(images(), observed).level == 0.25


@pytest.mark.parametrize("noise_std", [0, -0.1, float("nan"), float("inf")])
def test_noise_level_must_be_positive(noise_std):
    with pytest.raises(InputError, match="noise level"):
        Denoising(images(), noise_std)


def test_bad_observations():
    z = images()
    for bad in (z[0], z[..., :0], (255 * z).to(torch.uint8)):
        with pytest.raises(InputError):
            Denoising(bad, 0.1)
    z[0, 0, 0, 0] = torch.nan
    with pytest.raises(InputError, match="NaN"):
        Denoising(z, 0.1)
    with pytest.raises(InputError, match="NaN"):
        Inpainting(z, torch.ones(1, 1, 3, 4, dtype=torch.bool))


def test_bad_masks():
    z = images()
    with pytest.raises(InputError, match="All pixels"):
        Inpainting(z, torch.zeros(1, 1, 3, 4, dtype=torch.bool))
    with pytest.raises(InputError, match="size"):
        Inpainting(z, torch.ones(1, 1, 4, 4, dtype=torch.bool))
    with pytest.raises(InputError, match="bool"):
        Inpainting(z, torch.ones(1, 1, 3, 4))
    with pytest.raises(InputError, match="3 masks"):
        Inpainting(z, torch.ones(3, 1, 3, 4, dtype=torch.bool))


@pytest.mark.parametrize("kind", TASKS.values(), ids=TASKS)
def test_a_task_degrades_moves_and_stacks(kind):
    truth, level = kind.part(images(3, (16, 17)).float()), kind.kind_of_level.example
    problems = [kind.degrade(x[None], level, seed) for seed, x in enumerate(truth)]
    assert problems[0].level == pytest.approx(level, abs=0.01)
    assert problems[0].shape == problems[0].initial().shape == problems[0].shown.shape == (1, *truth.shape[1:])
    again, other = kind.degrade(truth[:1], level, 0), kind.degrade(truth[:1], level, 1)
    assert torch.equal(again.initial(), problems[0].initial())
    assert not torch.equal(other.initial(), problems[0].initial())
    together = kind.stack(problems)
    v = truth + 0.1
    each = torch.cat([problem.prox(x[None], 0.01) for problem, x in zip(problems, v, strict=True)])
    # A transform of several images rounds otherwise than that of one; conjugate gradients in
    # float32 leave what tomography hardly determines near where they started.
    tolerance = {"denoise": 0, "inpaint": 0, "photons": 0, "ct": 2e-2}.get(kind.name, 1e-4)
    torch.testing.assert_close(together.prox(v, 0.01), each, rtol=0, atol=tolerance)
    double = together.to(torch.float64)
    assert double.initial().dtype == torch.float64
    torch.testing.assert_close(double.prox(v.double(), 0.01).float(), each, rtol=0, atol=max(tolerance, 1e-4))
    assert together.to("cpu").initial().equal(together.initial())


@pytest.mark.parametrize("kind", TASKS.values(), ids=TASKS)
def test_a_colour_image_is_its_channels(kind):
    truth = kind.part(torch.rand(1, 3, 16, 17, generator=torch.Generator().manual_seed(0)))
    problem = kind.degrade(truth, kind.kind_of_level.example, 0)
    assert problem.energy(problem.prox(truth, 0.01)).shape == (1,)
    assert problem.prox(truth, 0.01).shape == truth.shape


@pytest.mark.parametrize("kind", TASKS.values(), ids=TASKS)
def test_a_level_outside_its_range_is_refused_and_named(kind):
    level = kind.kind_of_level
    for value in (level.low, -1.0, float("nan"), level.high, 1000.0):
        with pytest.raises(InputError, match="must"):
            level.check(value)
        with pytest.raises(InputError):
            kind.degrade(images(), value, 0)
    assert level.check(level.example) == level.example
    lowest, highest, first, step = level.usual
    assert level.low < lowest <= first <= highest < level.high
    assert step > 0


def test_a_level_in_another_unit_is_refused_with_what_was_likely_meant():
    for wrong in (25, 25.0, np.float32(25), torch.tensor(25)):
        with pytest.raises(
            InputError, match=r"^The noise level 25 is 25 times the image's range; did you mean 25/255 \(0.098\)\?$"
        ):
            Denoising(images(), wrong)
    with pytest.raises(InputError, match=r"^--missing 80 is 80 times all pixels; did you mean 80% \(0.8\)\?$"):
        Inpainting.kind_of_level.check(80, "--missing")
    for kind, wrong in ((Denoising, 300.0), (Inpainting, 101)):  # no level in any unit
        with pytest.raises(InputError, match=f"must lie between 0 and 1, not {wrong:g}"):
            kind.kind_of_level.check(wrong)


@pytest.mark.parametrize(
    ("text", "number"),
    [("0.098", 0.098), ("25/255", 25 / 255), (" 1e-1 ", 0.1), ("80%", 0.8), ("1/2%", 0.005), ("-3", -3)],
)
def test_numbers_in_words(text, number):
    assert checks.said(text, "It") == pytest.approx(number)


@pytest.mark.parametrize("text", ["", "x", "25/", "/255", "1/0", "1/2/3", "%", "25 255", "0,1"])
def test_texts_that_say_no_number(text):
    with pytest.raises(InputError, match=r"^It must be a number, such as 0\.098 or 25/255, not "):
        checks.said(text, "It")


def test_first_smoothings():
    assert [Denoising.first_sigma(level, 0.01, 0.5) for level in (0.1, 0.001, 2)] == [0.1, 0.01, 0.5]
    assert [Inpainting.first_sigma(0.3, low, 0.5) for low in (0.01, 0.1)] == [0.05, 0.1]


def test_different_problems_are_not_stacked_and_unknown_ones_named():
    with pytest.raises(InputError, match="noise_std"):
        Denoising.stack([Denoising(images(), 0.1), Denoising(images(), 0.2)])
    with pytest.raises(InputError, match="there are denoise, inpaint"):
        task("sharpen")


def test_problems_are_equal_only_if_they_are_the_same():
    z, observed = images(), torch.ones(1, 1, 3, 4, dtype=torch.bool)
    first, second, third = Denoising(z, 0.1), Denoising(z.clone(), 0.1), Inpainting(z, observed)
    assert first == first
    assert first != second
    assert third not in (first, second, Inpainting(z, observed))
    assert len({first, second, third, first}) == 3


def test_numbers_of_other_libraries():
    z = images()
    v, expected = z + 0.2, Denoising(z, 0.5).prox(z + 0.2, 0.25)
    for number in (np.float32(0.5), np.float64(0.5), torch.tensor(0.5), np.array(0.5)):
        problem = Denoising(z, number)
        assert type(problem.level) is float
        for tau in (np.float32(0.25), torch.tensor(0.25), torch.full((2,), 0.25), torch.full((2, 1, 1, 1), 0.25)):
            torch.testing.assert_close(problem.prox(v, tau), expected)
    tau = torch.tensor([0.1, 0.4], dtype=torch.float64)  # one an image
    both = Denoising(z, 0.5).prox(v, tau)
    for k in range(2):
        torch.testing.assert_close(both[k : k + 1], Denoising(z[k : k + 1], 0.5).prox(v[k : k + 1], tau[k].item()))
    for wrong in ("0.1", None, True, [0.1], z):
        with pytest.raises(InputError, match="noise level must be a positive number"):
            Denoising(z, wrong)


def test_images_that_do_not_fit_the_observation():
    z, observed = images(), torch.ones(1, 1, 3, 4, dtype=torch.bool)
    for problem in (Denoising(z, 0.1), Inpainting(z, observed)):
        for wrong in (
            z[..., :2],
            z[:, 0],
            z[:1].expand(3, -1, -1, -1),
            z.int(),
            z.to("meta"),
            None,
        ):
            with pytest.raises(InputError):
                problem.energy(wrong)
            with pytest.raises(InputError):
                problem.prox(wrong, 0.1)
        for tau in (torch.ones(3), torch.ones(4), torch.ones(2, 1), torch.ones(0), "1", None):
            with pytest.raises(InputError, match="step size tau"):
                problem.prox(z, tau)
        assert problem.energy(z[:1].expand(2, -1, -1, -1)).shape == (2,)


# --- missing pixels, and noise in the others ---------------------------------------------------------------------


@pytest.mark.parametrize("clipped", [False, True])
def test_noisy_inpainting_is_denoising_at_the_known_pixels(clipped):
    z, v = images(), images() - 0.3
    z[0, 0, 0, 0] = 0.0
    observed = torch.rand(1, 1, 3, 4, generator=torch.Generator().manual_seed(5)) < 0.5
    noisy, denoising = Inpainting(z, observed, noise_std=0.1, clipped=clipped), Denoising(z, 0.1, clipped)
    known = observed.expand_as(z)
    x = noisy.prox(v, 0.02)
    assert torch.equal(x[known], denoising.prox(v, 0.02)[known])
    assert torch.equal(x[~known], v[~known])
    torch.testing.assert_close(noisy.energy(x), torch.where(known, denoising.parts(x), 0).sum((1, 2, 3)))


def test_noise_of_known_pixels_is_drawn_and_told():
    truth = torch.full((1, 1, 64, 64), 0.5)
    problem = Inpainting.degrade(truth, 0.5, seed=0, setting="0.1")
    noise = (problem.observation - truth)[problem.observed]
    assert problem.noise_std == 0.1
    assert noise.std().item() == pytest.approx(0.1, rel=0.05)
    assert Inpainting.degrade(truth, 0.5, seed=0).noise_std == 0
    assert Inpainting.degrade(truth, 0.5, seed=0, as_file=True, setting="0.1").clipped
    for wrong in ("-0.1", "much", "2"):
        with pytest.raises(InputError):
            Inpainting.degrade(truth, 0.5, seed=0, setting=wrong)
