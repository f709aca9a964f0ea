"""The prior, its training and a restoration away from the CPU: nothing is left behind there, and the numbers are the same.
What belongs to the whole process is left as its host has it."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gnc_core.learning import score_matching
from gnc_core.learning.runs import run
from gnc_core.learning.training import Trainer
from gnc_core.prior import tiled
from gnc_core.prior.fields_of_experts import FieldsOfExperts
from gnc_core.problems import Denoising
from gnc_core.restoration import schedules
from gnc_core.restoration.schemes import Flow
from tests.learning.test_training import bits, pictures, settings

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
def test_training_on_a_gpu_resumes_with_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
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


HOST = """
# what other packages change when they are loaded has been changed before
import importlib, os, pkgutil, random, signal, warnings
import click, numba, numpy, PIL.Image, PIL.ImageFile, pytorch_optimizer, safetensors.torch, scipy.sparse
import scipy.special, skimage.metrics, skimage.restoration, tifffile, torch, torch.distributed, torch._dynamo, tqdm


def state():
    tiny = torch.full((8,), 1e-40)
    cudnn = torch.backends.cudnn
    return {
        "TF32": (cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32, torch.get_float32_matmul_precision()),
        "cudnn": (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, torch.are_deterministic_algorithms_enabled()),
        "denormals": (0.5 * tiny).tolist(),
        "torch": (torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled()),
        "random": (torch.get_rng_state().tolist(), str(numpy.random.get_state()), random.getstate()),
        "warnings": list(warnings.filters),
        "numpy": (numpy.geterr(), str(numpy.get_printoptions())),
        "numba": {name: value for name, value in vars(numba.config).items() if name.isupper()},
        "Pillow": (PIL.Image.MAX_IMAGE_PIXELS, PIL.ImageFile.LOAD_TRUNCATED_IMAGES),
        "environment": dict(os.environ),
        "signals": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
    }


torch.manual_seed(7)
before = state()
import gnc_core

for module in pkgutil.walk_packages(gnc_core.__path__, "gnc_core."):
    if module.name not in ("gnc_core.deepinv", "gnc_core.prior.splines.gpu"):  # they need deepinv and Triton
        importlib.import_module(module.name)
from gnc_core.problems import Denoising
from gnc_core.restoration import Flow
from gnc_core.learning.training import Settings, Trainer
from gnc_core import zoo

trainer = Trainer(Settings(architecture={"layers": 2}, batch=2, patch=16, seed=3), [torch.full((32, 32), 0.5)])
trainer.step()
(step,) = Flow([0.1]).run(zoo.load("foe-l2"), Denoising(torch.full((1, 1, 32, 32), 0.5), 0.1))
step.energy
after = state()
print([name for name in before if before[name] != after[name]])
"""


def test_the_process_is_left_as_its_host_has_it():
    """Importing every module, training and restoring change no setting, no warning filter and no random numbers."""
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run([sys.executable, "-c", HOST], cwd=root, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


def test_a_trainer_starts_from_its_seed_whatever_the_host_draws():
    deep = {"architecture": settings().architecture | {"layers": 2}}
    torch.manual_seed(1)
    first = bits(Trainer(settings(**deep, seed=5), pictures()))
    drawn = torch.rand(3)
    again, other = (bits(Trainer(settings(**deep, seed=seed), pictures())) for seed in (5, 6))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(3), drawn)
