"""The training loop: it learns, resumes with the same bits, and says what is wrong."""

import json
import math

import pytest
import torch

from gnc_core.errors import InputError
from gnc_core.learning import convexity, score_matching
from gnc_core.learning.training import Settings, Trainer, run

TINY = {"layers": 1, "channels": 8, "kernel_size": 3, "knots_u": 15, "knots_s": 5}


def pictures():
    """Images of few edges: the integral of sparse noise."""
    g = torch.Generator().manual_seed(0)
    spikes = (torch.rand(4, 48, 48, generator=g) < 0.01) * torch.randn(4, 48, 48, generator=g)
    return list((0.5 + 0.05 * spikes.cumsum(1).cumsum(2)).clamp(0, 1))


def settings(**changes):
    values = {"architecture": TINY, "iterations": 60, "batch": 4, "patch": 16}
    return Settings(**values | changes)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def bits(trainer):
    state = trainer.result.state_dict()
    return {name: value.clone() for name, value in state.items()}


def test_the_loss_falls(tmp_path):
    trainer = Trainer(settings(iterations=300), pictures())
    entries = list(run(trainer, tmp_path / "run"))
    first, last = (sum(e["image"] for e in part) / 50 for part in (entries[:50], entries[-50:]))
    assert last < 0.7 * first
    assert all(math.isfinite(e["loss"]) for e in entries)


def test_a_run_starts_from_a_prior_and_its_ordering_term_is_learned(tmp_path):
    trainer = Trainer(settings(iterations=200), pictures())
    list(run(trainer, tmp_path / "first"))
    start = trainer.result
    with torch.no_grad():
        start.potential.slopes[..., :3] *= -0.5  # what is small at sigma_min is large for the noisy
    options = {"iterations": 200, "learning_rate": 3e-3, "ordering_weight": 0.1}
    again = Trainer(settings(**options), pictures(), start=start)
    assert all(torch.equal(a, b) for a, b in zip(again.prior.parameters(), start.parameters(), strict=True))

    def rise(prior):
        g = torch.Generator().manual_seed(1)
        x = torch.stack([picture[:32, :32] for picture in pictures()])[:, None]
        y = x + 0.3 * torch.randn(x.shape, generator=g)
        with torch.no_grad():
            s = torch.full((4,), math.log(0.3))
            return score_matching.ordering(prior, y, s, torch.linspace(0, 1, 4)).item()

    before = rise(again.prior)
    list(run(again, tmp_path / "second"))
    assert rise(again.result) < 0.8 * before


@pytest.mark.parametrize("graduated", [{}, {"convexity_weight": 1.0, "roughness_weight": 1e-6, "convex_from": 0.1}])
def test_resumes_with_the_same_bits(tmp_path, graduated):
    def new():
        return Trainer(settings(**graduated), pictures())

    straight = new()
    list(run(straight, tmp_path / "straight"))
    if graduated:
        assert convexity.convex_from(straight.result) <= 0.1

    interrupted = new()
    for entry in run(interrupted, tmp_path / "run"):
        if entry["iteration"] == 23:
            break
    resumed = new()
    list(run(resumed, tmp_path / "run", resume=True))

    again = new()  # as if only the last fit of c(s) had been interrupted
    list(run(again, tmp_path / "run", resume=True))

    for name, value in bits(straight).items():
        assert torch.equal(value, bits(resumed)[name]), name
        assert torch.equal(value, bits(again)[name]), name


def test_the_log_has_one_line_an_interval_even_after_a_cut(tmp_path):
    folder = tmp_path / "run"
    trainer = Trainer(settings(iterations=200), pictures())
    for entry in run(trainer, folder):
        if entry["iteration"] == 120:
            break
    with (folder / "log.jsonl").open("a") as file:  # what a kill leaves behind: later entries, the last one cut off
        file.write('{"iteration": 150, "loss": 1.0}\n{"iterat')
    list(run(Trainer(settings(iterations=200), pictures()), folder, resume=True))
    entries = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [e["iteration"] for e in entries] == [50, 100, 150, 200]
    assert {"loss", "image", "smoothing", "images_per_second", "step_size"} <= set(entries[-1])


def test_a_loss_that_is_not_finite_changes_nothing(tmp_path):
    trainer = Trainer(settings(), pictures())
    steps = run(trainer, tmp_path / "run")
    next(steps)
    before = bits(trainer)
    trainer.images = [torch.full((48, 48), torch.nan)]
    with pytest.raises(FloatingPointError, match="iteration 1"):
        next(steps)
    assert all(torch.equal(value, before[name]) for name, value in bits(trainer).items())
    kept = Trainer(settings(), pictures())
    kept.load(tmp_path / "run" / "checkpoint.pt")
    assert kept.iteration == 0  # where the last checkpoint was


def test_refusals_are_one_sentence(tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(InputError, match="no run to resume"):
        next(run(Trainer(settings(), pictures()), folder, resume=True))
    assert not folder.exists()
    steps = run(Trainer(settings(), pictures()), folder)
    next(steps)
    steps.close()
    with pytest.raises(InputError, match="already holds a run"):
        next(run(Trainer(settings(), pictures()), folder))
    with pytest.raises(InputError, match="another seed"):
        next(run(Trainer(settings(seed=1), pictures()), folder, resume=True))
    (folder / "checkpoint.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(InputError, match="not a checkpoint"):
        next(run(Trainer(settings(), pictures()), folder, resume=True))
