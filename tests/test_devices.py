"""The prior, its training and a restoration away from the CPU: nothing is left behind there, and the numbers are the same."""

import pytest
import torch
from test_training import bits, pictures, settings

from gnc_core.learning import score_matching
from gnc_core.learning.training import Trainer, run
from gnc_core.prior import tiled
from gnc_core.prior.fields_of_experts import FieldsOfExperts
from gnc_core.problems import Denoising
from gnc_core.restoration import schedules
from gnc_core.restoration.schemes import Flow

LAYERS = [1, 2, 3]
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="There is no NVIDIA GPU.")


def batch(device, size=40):
    g = torch.manual_seed(6)
    x, eta = torch.rand(2, 1, size, size + 1, generator=g), torch.randn(2, 1, size, size + 1, generator=g)
    return x.to(device), torch.tensor([-3.0, -1.5]).to(device), eta.to(device)


@pytest.mark.parametrize("layers", LAYERS)
def test_everything_is_computed_on_the_device_of_the_image(layers):
    """On PyTorch's device without data, where an operation with a tensor of the CPU is an error."""
    prior, (x, s, eta) = FieldsOfExperts(layers).to("meta"), batch("meta")
    for smoothing in (s, -2.0):
        for results in (prior.energy(x, smoothing), *prior.score_and_slope(x, smoothing), prior.score(x, smoothing)):
            assert results.is_meta
        with torch.no_grad():
            for results in (prior.energy(x, smoothing), *prior.score_and_slope(x, smoothing)):
                assert results.is_meta
    for form in (score_matching.denoising, score_matching.implicit):
        terms = form(prior, x, s, eta)
        terms.loss(0.1).backward()
        score_matching.SmoothingConstant(prior).update(s, terms.slope)
    assert all(p.grad.is_meta for p in prior.parameters())


@needs_gpu
@pytest.mark.parametrize("layers", LAYERS)
def test_the_prior_is_the_same_on_a_gpu(layers, monkeypatch):
    torch.manual_seed(layers)
    prior, (x, s, _) = FieldsOfExperts(layers), batch("cpu")
    expected = prior.energy(x, s), *prior.derivatives(x, s)
    prior, x, s = prior.cuda(), x.cuda(), s.cuda()
    graph = prior.energy(x, s), *prior.derivatives(x, s)
    with torch.no_grad():
        plain = prior.energy(x, s), *prior.score_and_slope(x, s)
        monkeypatch.setitem(tiled.MEMORY, "cuda", 1)
        tiles = prior.energy(x, s), *prior.score_and_slope(x, s)
    for results in (graph, plain, tiles):
        for a, b in zip(results, expected, strict=False):
            assert (a.cpu() - b).norm() <= 1e-4 * b.norm()


@needs_gpu
def test_training_on_a_gpu_resumes_with_the_same_bits(tmp_path):
    deep = {"architecture": settings().architecture | {"layers": 2}}
    straight, interrupted, resumed = (Trainer(settings(**deep), pictures(), "cuda") for _ in range(3))
    list(run(straight, tmp_path / "straight"))
    for entry in run(interrupted, tmp_path / "run"):
        if entry["iteration"] == 23:
            break
    list(run(resumed, tmp_path / "run", resume=True))
    for name, value in bits(straight).items():
        assert torch.equal(value, bits(resumed)[name]), name


@needs_gpu
def test_a_run_begun_on_a_gpu_goes_on_without_one(tmp_path):
    for entry in run(Trainer(settings(), pictures(), "cuda"), tmp_path):
        if entry["iteration"] == 5:
            break
    trainer = Trainer(settings(), pictures())
    assert all(torch.isfinite(torch.tensor(entry["loss"])) for entry in run(trainer, tmp_path, resume=True))


@needs_gpu
def test_a_restoration_is_the_same_on_a_gpu():
    prior, (x, _, eta) = FieldsOfExperts(2).requires_grad_(False), batch("cpu")
    flow = Flow(schedules.linear(0.1, 0.01, 5))
    *_, expected = flow.run(prior, Denoising(x + 0.1 * eta, 0.1))
    *_, last = flow.run(prior.cuda(), Denoising((x + 0.1 * eta).cuda(), 0.1))
    assert (last.image.cpu() - expected.image).abs().max() < 1e-4
