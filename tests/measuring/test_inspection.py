"""The inspection of a prior: closed forms, finite differences in float64, and what is saved with it."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from gnc_core import images, zoo
from gnc_core.__main__ import main
from gnc_core.errors import InputError
from gnc_core.measuring import curvature, inspection, inspections
from gnc_core.measuring.inspections import Inspection
from gnc_core.prior.convolutions import convolve
from gnc_core.prior.fields_of_experts import FieldsOfExperts
from gnc_core.prior.functions import Splines
from gnc_core.prior.splines import Grid

SMALL = {"channels": 6, "kernel_size": 3, "knots_u": 15, "knots_hidden": 9, "knots_s": 6}
S = torch.log(torch.tensor([0.02, 0.1, 0.4], dtype=torch.float64))


def spline(derivative, knots=29, channels=2, potential=True) -> Splines:
    """Functions with the given phi'(u, s), exact for slopes that are polynomials of degree 1."""
    phi = Splines(
        channels, Grid(-3.5, 3.5, knots), Grid(math.log(0.01), math.log(0.5), 8), potential=potential
    ).double()
    grid = phi.u
    u = grid.positions(dtype=torch.float64)[:-1] + grid.spacing / 2
    phi.start_from(derivative(u[:, None], phi.s.positions(dtype=torch.float64)))
    return phi.requires_grad_(False)


def a_prior(layers=1) -> FieldsOfExperts:
    torch.manual_seed(1)
    prior = FieldsOfExperts(layers, **SMALL)
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return prior.requires_grad_(False)


def photographs(count=2, size=40):
    return [images.load_sample("Cameraman")[..., 60 * i : 60 * i + size, 100 : 100 + size] for i in range(count)]


def everywhere(phi, low, high):
    shape = len(S), len(phi.increments)
    return inspection.least_second_derivative(phi, S, torch.full(shape, low), torch.full(shape, high))


# --- functions ---------------------------------------------------------------------------------------------------


def test_quadratic_is_convex_everywhere_even_outside_the_grid():
    phi = spline(lambda u, s: 3 * u + 0 * s)
    u = torch.linspace(-9, 9, 101, dtype=torch.float64).expand(3, 2, -1)
    torch.testing.assert_close(inspection.values(phi, u, S, 2), torch.full_like(u, 3), atol=1e-5, rtol=0)
    rise = inspection.values(phi, u, S) - inspection.values(phi, 0 * u, S)
    torch.testing.assert_close(rise, 1.5 * u**2, atol=1e-4, rtol=0)
    for reach in (0.3, 3.5, 9.0):
        torch.testing.assert_close(everywhere(phi, -reach, reach), torch.full((3, 2), 3.0).double(), atol=1e-5, rtol=0)


def test_derivatives_are_those_of_finite_differences():
    phi = spline(lambda u, s: torch.sin(3 * u) * torch.exp(-s / 2))
    h = 1e-5
    u = torch.linspace(-4.2, 4.2, 57, dtype=torch.float64).expand(3, 2, -1)
    for order in (1, 2, 3):
        below, above = (inspection.values(phi, u + d, S, order - 1) for d in (-h, h))
        exact = inspection.values(phi, u, S, order)
        torch.testing.assert_close((above - below) / (2 * h), exact, atol=1e-5 * exact.abs().max().item(), rtol=0)


def test_least_second_derivative_is_that_of_a_dense_grid():
    torch.manual_seed(0)
    phi = spline(lambda u, s: torch.randn(u.shape[0], s.shape[0]).double())
    low = torch.tensor([[-4.0, -0.31], [-1.0, 0.2], [0.05, -3.5]])
    high = torch.tensor([[-3.6, 0.4], [1.0, 0.21], [0.06, 5.0]])
    places = torch.linspace(0, 1, 20_001, dtype=torch.float64)
    u = low[..., None] + (high - low)[..., None] * places
    dense = inspection.values(phi, u, S, 2).amin(2)
    found = inspection.least_second_derivative(phi, S, low, high)
    torch.testing.assert_close(found, dense, rtol=1e-4, atol=1e-4)
    assert (found <= dense + 1e-9).all()


def test_double_well_is_convex_from_its_known_smoothing_on():
    """phi = u^4/4 + (s - s0) u^2/2, whose curvature at 0, the smallest, is s - s0."""
    s0 = math.log(0.1)
    phi = spline(lambda u, s: u**3 + (s - s0) * u, knots=401)
    curvature = everywhere(phi, -1.0, 1.0)
    torch.testing.assert_close(curvature, (S - s0)[:, None].expand(3, 2), atol=1e-3, rtol=0)
    sigma = np.geomspace(0.02, 0.4, 12)
    above = inspections.convex_above(sigma, np.stack([np.log(sigma) - s0, np.ones(12), -np.ones(12)], 1))
    np.testing.assert_allclose(above[:2], [0.1, 0.02], rtol=1e-6)
    assert math.isnan(above[2])


def test_convexity_that_is_lost_again_does_not_count():
    sigma = np.array([0.1, 0.2, 0.4, 0.8])
    curvature = np.array([1.0, 1.0, -1.0, 1.0])
    assert inspections.convex_above(sigma, curvature) == pytest.approx(0.4 * 2**0.5)


def test_spectrum_of_a_difference():
    spectrum = inspection.spectrum(np.array([[1.0, -1.0]]), 32)
    frequency = (np.arange(32) - 16) / 32
    np.testing.assert_allclose(spectrum, np.broadcast_to(2 * np.abs(np.sin(np.pi * frequency)), (32, 32)), atol=1e-12)


# --- kernels and features ----------------------------------------------------------------------------------------


def test_image_kernels_are_the_layers_composed():
    prior = a_prior(layers=3)
    for phi in prior.functions[:-1]:  # activations that are linear with known slopes, so that linearised means exact
        phi.increments.copy_(torch.linspace(0.5, 1.5, 6)[:, None, None].expand_as(phi.increments))
        phi.offset.zero_()
    gain = np.tile(np.linspace(0.5, 1.5, 6, dtype=np.float32), (3, 1))
    x = torch.randn(1, 1, 20, 21)
    h = x
    for layer, (kernel, a) in enumerate(zip(prior.kernels(), gain, strict=True)):
        u = convolve(h, kernel)
        whole = inspection.image_kernels(prior, layer, gain)
        assert whole.shape == (6, 1, 3 + 2 * layer, 3 + 2 * layer)
        torch.testing.assert_close(convolve(x, whole), u, atol=1e-4, rtol=1e-4)
        h = u * torch.from_numpy(a).view(-1, 1, 1)


@pytest.mark.parametrize("layers", [1, 3])
def test_responses_of_all_channels_sum_up_to_the_energy(layers):
    prior, s = a_prior(layers), math.log(0.1)
    x = photographs(1, 24)[0]
    found = [inspection.response(prior, x, s, layers - 1, channel) for channel in range(6)]
    assert {part.shape for parts in found for part in parts} == {(24, 24)}
    energy = sum(phi.sum() for _, phi, _ in found) + prior.constant(torch.tensor([s])) * x.numel()
    torch.testing.assert_close(energy, prior.energy(x, s), rtol=1e-4, atol=1e-2)
    u, _, curvature = found[2]
    expected = inspection.values(prior.potential, u.expand(1, 6, 24, 24).flatten(2), torch.tensor([s]), 2)[0, 2]
    torch.testing.assert_close(curvature.flatten(), expected.float(), rtol=1e-3, atol=1e-3)


# --- measuring ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def measured() -> Inspection:
    return inspection.measure(a_prior(layers=2), photographs(), levels=5)


def test_inspection_has_shapes_and_shares_that_sum_to_one(measured):
    assert measured.sigma.shape == (5,)
    np.testing.assert_allclose(measured.sigma[[0, -1]], [0.01, 0.5], rtol=1e-6)
    assert measured.low.shape == measured.concave.shape == measured.gain.shape == (5, 2, 6)
    assert measured.images == 2
    np.testing.assert_allclose(measured.share.sum(2), 1, rtol=1e-5)
    assert (measured.share >= 0).all()
    assert (measured.low < measured.high).all()
    assert ((measured.concave >= 0) & (measured.concave <= 1)).all()
    assert (measured.curvature_on_grid <= measured.curvature + 1e-4).all()


def test_effective_range_leaves_out_the_tails():
    """Of features of a flat image, which are the noise: normal, with the standard deviation sigma."""
    prior = FieldsOfExperts(1, **SMALL).requires_grad_(False)
    found = inspection.measure(prior, [torch.full((1, 1, 128, 128), 0.5)] * 4, levels=3)
    np.testing.assert_allclose(found.high[:, 0] / found.sigma[:, None], 3.09, atol=0.15)
    np.testing.assert_allclose(found.low, -found.high, rtol=0.1)
    assert found.convex.all()  # the quadratic that an untrained prior starts from
    np.testing.assert_allclose(found.share, 1 / 6, atol=0.01)
    assert found.all_convex_above == pytest.approx(0.01)
    assert (found.concave == 0).all()


def test_negative_curvature_is_found_where_the_data_are_and_only_there():
    prior = FieldsOfExperts(1, **SMALL).requires_grad_(False)
    prior.potential.increments[2] *= -1  # one potential upside down
    found = inspection.measure(prior, photographs(), levels=3)
    assert found.convex[:, 0].sum(1).tolist() == [5, 5, 5]
    assert math.isnan(found.all_convex_above)
    np.testing.assert_allclose(found.concave[:, 0, 2], 1)
    assert found.order(0, "convexity")[-1] == 2
    last = prior.potential.increments[0, -2:]
    last *= -5  # beyond the features
    found = inspection.measure(prior, photographs(), levels=3)
    assert found.convex[:2, 0, 0].all()
    assert not found.convex_on_grid[:, 0, 0].any()


def test_orders_are_permutations_and_share_is_largest_first(measured):
    for by in ("index", "share", "convexity"):
        assert sorted(measured.order(1, by)) == list(range(6))
    shares = measured.share[:, 1].mean(0)[measured.order(1, "share")]
    assert (np.diff(shares) <= 0).all()


def test_same_seed_same_numbers_and_progress_sees_the_levels(measured):
    seen = []
    again = inspection.measure(
        a_prior(2), photographs(), 5, progress=lambda levels: (seen.append(x) or x for x in levels)
    )
    np.testing.assert_array_equal(again.low, measured.low)
    np.testing.assert_allclose(seen, measured.sigma, rtol=1e-6)


def test_curves_lie_on_the_effective_range_and_potentials_start_at_zero(measured):
    prior = a_prior(layers=2)
    curves = inspection.curves(prior, measured, 1, 9)
    assert curves.shape == measured.grid(1, 9).shape == (5, 6, 9)
    np.testing.assert_allclose(curves.min(2), 0)
    np.testing.assert_array_equal(measured.grid(1, 9)[..., 0], measured.low[:, 1])
    derivative = inspection.curves(prior, measured, 1, 9, order=1)
    assert np.abs(derivative).max() > 0


# --- saved with the prior ----------------------------------------------------------------------------------------


@pytest.fixture
def work(tmp_path, monkeypatch):
    """pretrained/ with the prior "small", and a folder of two images."""
    monkeypatch.setattr(zoo, "PRETRAINED", tmp_path / "pretrained")
    zoo.save(tmp_path / "pretrained" / "small", a_prior(), {})
    (tmp_path / "data").mkdir()
    for i, image in enumerate(photographs()):
        images.write_image(tmp_path / "data" / f"{i}.png", image)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_saved_inspection_is_read_again_until_the_weights_change(work, measured):
    assert inspections.load("small") is None
    path = inspections.save("small", measured)
    assert path.stat().st_size < 200_000
    again = inspections.load("small")
    for name in ("sigma", "low", "high", "curvature", "curvature_on_grid", "concave", "gain", "share", "images"):
        np.testing.assert_array_equal(getattr(again, name), getattr(measured, name))
    zoo.save(work / "pretrained" / "small", FieldsOfExperts(1, **SMALL), {})
    assert inspections.load("small") is None


@pytest.mark.parametrize("damage", [lambda data: data[:-40], lambda data: b"", lambda data: b"x" * 300])
def test_damaged_inspection_is_one_sentence(work, measured, damage):
    path = inspections.save("small", measured)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match="is damaged; make it again"):
        inspections.load("small")


@pytest.mark.parametrize("change", [{"low": np.zeros(3, np.float32)}, {"sigma": np.ones(1, np.float32)}])
def test_inspection_of_arrays_that_do_not_belong_together_is_one_sentence(work, measured, change):
    inspections.save("small", replace(measured, **change))
    with pytest.raises(InputError, match="is damaged; make it again"):
        inspections.load("small")


def test_command_writes_the_file_and_says_what_is_convex(work):
    result = run("inspect", "--prior", "small", "--data", work / "data", "--limit", 2, "--device", "cpu", "--json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    saved = inspections.load("small")
    assert saved.images == report["images"] == 2
    assert len(report["sigma"]) == inspection.LEVEL_COUNT
    np.testing.assert_allclose(report["convex"], saved.convex[:, -1].mean(1))
    assert saved.eigenvalues.shape == (len(report["levels"]), 2, 2)
    np.testing.assert_allclose(report["smallest_eigenvalue"], saved.eigenvalues.min((1, 2)))
    text = run("inspect", "--prior", "small", "--data", work / "data", "--device", "cpu").stdout
    sentence = text.splitlines()[-2]
    assert "convex" in sentence
    assert sentence in run("info", "small").stdout
    assert json.loads(run("info", "small", "--json").stdout)["small"]["convexity"] == sentence


def test_sigma_c_is_where_eigenvalues_stop_being_negative(measured):
    """Linear in log(sigma) between two levels; what is above -0.001 counts as convex."""
    levels, ones = np.array([0.1, 0.2, 0.4], np.float32), np.ones((3, 4, 2), np.float32)

    def sigma_c(*lowest):
        eigenvalues = ones * np.array(lowest, np.float32)[:, None, None]
        eigenvalues[:, 1:] += 1  # the lowest of all images counts
        return replace(measured, levels=levels, eigenvalues=eigenvalues).sigma_c

    assert sigma_c(-0.2, -0.1, 0.1) == pytest.approx(0.2 * 2**0.5)
    assert sigma_c(-0.2, -0.1, -5e-4) == pytest.approx(0.4)
    assert sigma_c(-5e-4, -5e-4, 0.0) == pytest.approx(0.1)
    assert math.isnan(sigma_c(0.0, 0.0, -0.002))
    assert math.isnan(measured.sigma_c)  # not measured


def test_eigenvalues_are_those_of_each_image_clean_and_noisy():
    prior, x = a_prior(1), photographs(2)
    found = curvature.eigenvalues(prior, x, [0.05, 0.3], seed=4)
    assert found.shape == (2, 2, 2)
    generator = torch.Generator().manual_seed(4)
    for k, sigma in enumerate((0.05, 0.3)):
        for i, image in enumerate(x):
            clean = images.crop_center(image, curvature.CROP)
            noisy = clean + sigma * torch.randn(clean.shape, generator=generator)
            expected = [curvature.smallest_eigenvalue(prior, y, math.log(sigma))[0] for y in (clean, noisy)]
            np.testing.assert_allclose(found[k, i], expected, rtol=1e-6)


def test_command_refuses_bad_input_and_writes_nothing(work):
    (work / "small images").mkdir()
    images.write_image(work / "small images" / "tiny.png", torch.zeros(1, 1, 1, 1))
    for arguments in (["--prior", "small", "--data", work / "nowhere"], ["--prior", "none", "--data", work / "data"],
                      ["--prior", "small", "--data", work / "small images"]):  # fmt: skip
        result = run("inspect", *arguments)
        assert result.exit_code == 2
        assert result.stderr.startswith("Error: ")
        assert len(result.stderr.splitlines()) == 1
    assert inspections.load("small") is None


def test_what_a_prior_does_not_have_cannot_be_inspected():
    prior, x = a_prior(2), photographs(1)[0]
    measured = inspection.measure(prior, [x], levels=np.int64(2), seed=np.int64(0))
    assert measured == measured
    assert measured != inspection.measure(prior, [x], levels=2)
    for call in (
        lambda: inspection.measure(prior, []),
        lambda: inspection.measure(prior, [x], levels=0),
        lambda: inspection.measure(prior, [x * torch.nan], levels=2),
        lambda: inspection.measure(prior, [x[..., :2]], levels=2),
        lambda: inspection.measure(prior, [x, x[0]], levels=2),
        lambda: inspection.response(prior, x, -1.0, 2, 0),
        lambda: inspection.response(prior, x, -1.0, 0, prior.channels),
        lambda: inspection.response(prior, x, -1.0, -1, 0),
        lambda: inspection.response(prior, x, math.nan, 0, 0),
        lambda: inspection.response(prior, x.byte(), -1.0, 0, 0),
        lambda: inspection.curves(prior, measured, 2, 9),
        lambda: inspection.image_kernels(prior, -1, measured.gain[0]),
        lambda: measured.order(0, "size"),
    ):
        with pytest.raises(InputError):
            call()
    for a, b in zip(
        inspection.response(prior, x.double(), -1, 1, 0), inspection.response(prior, x, -1.0, 1, 0), strict=True
    ):
        torch.testing.assert_close(a, b)
