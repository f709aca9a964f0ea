"""The training loop: it learns, resumes with the same bits, and says what is wrong."""

import json
import math
import shutil
import sys

import pytest
import torch

from gnc_core.errors import InputError
from gnc_core.learning import convexity, runs, score_matching, training
from gnc_core.learning.runs import run
from gnc_core.learning.settings import Settings
from gnc_core.learning.training import Trainer

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
def short(monkeypatch):
    """One thread, and a last fit of c(s) that is long enough for being fitted anew."""
    monkeypatch.setattr(training, "CONSTANT_END", 50)
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
        start.potential.increments[..., :3] *= -0.5  # what is small at sigma_min is large for the noisy
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


@pytest.mark.parametrize("layers", [1, 2])
def test_only_what_large_smoothings_need_is_learned(tmp_path, layers):
    """Kernels and slopes at smaller knots keep their bits; the energy becomes convex from the given sigma on."""
    start = Trainer(settings(architecture=TINY | {"layers": layers, "knots_s": 12}), pictures()).prior.requires_grad_(
        False
    )
    for phi in start.functions:
        phi.increments += 0.3 * torch.randn(phi.increments.shape, generator=torch.Generator().manual_seed(0))
    options = {"architecture": start.architecture, "iterations": 20, "learn_from": 0.1, "convex_from": 0.3}
    trainer = Trainer(settings(**options), pictures(), start=start)
    list(run(trainer, tmp_path / "run"))
    assert all(torch.equal(a, b) for a, b in zip(trainer.result.kernels(), start.kernels(), strict=True))
    learned = start.potential.s.positions() >= math.log(0.1)
    for before, after in zip(start.functions, trainer.result.functions, strict=True):
        assert torch.equal(after.increments[..., ~learned], before.increments[..., ~learned])
        assert (after.increments[..., learned] != before.increments[..., learned]).any()
    assert convexity.convex_from(trainer.result) <= 0.3
    with pytest.raises(InputError, match="No function is learned"):
        Trainer(settings(**options | {"learn_from": 9.0}), pictures(), start=start)


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


SMALLEST = {"layers": 1, "channels": 2, "kernel_size": 3, "knots_u": 5, "knots_s": 3}


def interrupted(steps, monkeypatch, beginning, moment):
    """Runs to the end of an iteration, or to a Ctrl-C at the `moment`-th event from the Trainer's method `beginning` on: a call
    of a Python function, or the return from one of C to the training loop. Whether that moment came."""
    method, count = getattr(Trainer, beginning), 0

    def profile(frame, event, _):
        nonlocal count
        count += event == "call" or (
            event == "c_return" and frame.f_code.co_filename in (training.__file__, runs.__file__)
        )
        if count == moment:
            sys.setprofile(None)
            raise KeyboardInterrupt

    def watched(*arguments):
        sys.setprofile(profile)
        return method(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, beginning, watched)
        patched.setattr(sys, "unraisablehook", lambda _: None)  # where Python drops one: while it closes a generator
        try:
            next(steps)
        except KeyboardInterrupt:
            pass
        finally:
            sys.setprofile(None)
    steps.close()
    torch.set_grad_enabled(True)  # as in a new process
    return count == moment


def same(one, other):
    """Equal to the last bit, whatever tensors, dictionaries and lists are in it; but for times."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        timing = {"seconds", "images_per_second"}
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one.keys() - timing)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def log(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(("beginning", "every"), [("step", 7), ("save", 50)])
def test_an_interrupt_at_any_call_leaves_a_moment_between_two_iterations(tmp_path, monkeypatch, beginning, every):
    for name in ("LOG_EVERY", "VALIDATE_EVERY"):
        monkeypatch.setattr(runs, name, 1)
    monkeypatch.setattr(runs, "CHECKPOINT_SECONDS", 0 if beginning == "save" else math.inf)
    changes = {"architecture": SMALLEST, "iterations": 4, "batch": 2}
    straight, run_again = (Trainer(settings(**changes), pictures(), validation=pictures()[:2]) for _ in range(2))
    states = {}
    for entry in run(straight, tmp_path / "straight"):
        straight.save(tmp_path / "now.pt")
        states[entry["iteration"]] = torch.load(tmp_path / "now.pt")
        if entry["iteration"] == 2:
            shutil.copytree(tmp_path / "straight", tmp_path / "half")
            shutil.copy(tmp_path / "now.pt", tmp_path / "half" / "checkpoint.pt")
    lines = log(tmp_path / "straight")

    folder, moment, found = tmp_path / "run", 1, set()
    while True:
        shutil.copytree(tmp_path / "half", folder, dirs_exist_ok=True)
        came = interrupted(run(run_again, folder, resume=True), monkeypatch, beginning, moment)
        state = torch.load(folder / "checkpoint.pt")
        assert same(state, states[state["iteration"]]), moment
        assert same(log(folder)[: state["iteration"]], lines[: state["iteration"]]), moment
        found.add(state["iteration"])
        if not came or moment % 350 == 1:
            list(run(run_again, folder, resume=True))
            assert same(bits(run_again), bits(straight)), moment
            assert same(log(folder), lines), moment
        if not came:
            break
        moment += every
    assert moment > 300
    assert found == {2, 3}


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
