"""What the page Inside the prior teaches, computed: a test a claim, named by it."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
import torch

from app.lessons.inside import EXPERIMENTS, HANDLES, PRIOR, SURGERY
from app.operations import Change, Operation, Outcome
from gnc_core import images, zoo
from gnc_core.measuring import inspection, inspections
from gnc_core.measuring.inspections import Inspection

SIDE = 480  # of the page's image, which its longest map allows


@cache
def measured() -> Inspection:
    found = inspections.load(PRIOR)
    assert found is not None
    return found


def level(sigma: float) -> int:
    return int(np.abs(measured().sigma - sigma).argmin())


@cache
def photograph() -> torch.Tensor:
    return images.shrink(images.load_sample("Cat"), SIDE)


@cache
def restored(off: tuple[int, ...] = (), kernel: int = 1, handles: tuple[float, ...] = (0.0,) * 5) -> Operation:
    """What surgery on the page comes to, kernels counted from 1."""
    change = Change(PRIOR, (), 0.1, off=tuple(number - 1 for number in off), channel=kernel - 1, handles=handles)
    work = Operation(change, photograph(), measured())
    while work.running:
        work.advance()
    assert not work.error
    return work


def lost(work: Operation) -> float:
    """How much PSNR the change costs, in dB."""
    before, after = _ends(work)
    assert before.psnr is not None
    assert after.psnr is not None
    return before.psnr - after.psnr


def _ends(work: Operation) -> tuple[Outcome, Outcome]:
    assert work.before is not None
    assert work.after is not None
    return work.before, work.after


# --- Inside the prior --------------------------------------------------------------------------------------------


def test_with_one_layer_the_energy_is_convex_where_all_potentials_are() -> None:
    """The title's question mark: "With one layer the energy is convex wherever all potentials are"."""
    found = measured()
    assert zoo.load(PRIOR).layers == 1
    above = found.levels >= found.all_convex_above
    assert above.any()
    assert (found.eigenvalues[above] >= -inspections.LANCZOS).all()


def test_surgery_works_on_a_copy() -> None:
    """The title's question mark: "Surgery works on a copy"; so the first half is the same after any change."""
    kernels = zoo.load(PRIOR).potential.increments.clone()
    first, _ = _ends(restored((6,)))
    again, _ = _ends(restored(kernel=45, handles=(0.0, 0.0, 0.5, 0.0, 0.0)))
    torch.testing.assert_close(again.image, first.image)
    torch.testing.assert_close(zoo.load(PRIOR).potential.increments, kernels)


def test_potentials_widen() -> None:
    """The title's question mark: "widen": the effective range of every potential is larger at the largest sigma."""
    width = measured().high[:, -1] - measured().low[:, -1]
    assert (width[-1] > width[0]).all()


def test_potentials_turn_convex_and_most_at_the_end() -> None:
    """Turning convex: "At σ = 0.01 none of the 48 ...; at 0.108 five are, and from σ = 0.253 on all of them. ... at 0.214, one
    level earlier, 11 are"."""
    found, count = measured(), measured().convex[:, -1].sum(1)
    assert found.convex.shape[2] == 48
    assert count[level(0.01)] == 0
    assert count[level(0.108)] == 5
    assert float(f"{found.all_convex_above:.3g}") == 0.253
    assert level(0.253) == level(0.214) + 1
    assert count[level(0.214)] == 11
    assert (count[level(0.253) :] == 48).all()


def test_the_sum_turns_convex_before_its_terms_do() -> None:
    """The sum is earlier: convex at all 16 photographs from σ = 0.2 on, −0.72 at 0.1, the lowest, −0.33 at 0.01; "only some of
    its potentials are there"."""
    found = measured()
    assert found.eigenvalues.shape[1] == 16
    assert found.sigma_c == pytest.approx(0.2)
    assert found.sigma_c < found.all_convex_above
    assert 0 < found.convex[level(0.2), -1].sum() < 48
    assert found.smallest[found.smallest.argmin()] == pytest.approx(-0.72, abs=0.005)
    assert found.levels[found.smallest.argmin()] == pytest.approx(0.1)
    assert found.smallest[0] == pytest.approx(-0.33, abs=0.005)


def test_a_potential_bends_down_along_edges() -> None:
    """Where a potential bends down: 18% of the pixels at σ = 0.108, where grey values change half as much again; 48% at 0.01,
    next to none at 0.3. "Kernel 1 compares left with right"."""
    prior, x = zoo.load(PRIOR), photograph()
    down = x[0, 0, 1:, :-1] - x[0, 0, :-1, :-1]
    across = x[0, 0, :-1, 1:] - x[0, 0, :-1, :-1]
    change = torch.hypot(down, across)

    def red(sigma: float) -> torch.Tensor:
        s = math.log(float(measured().sigma[level(sigma)]))
        return inspection.response(prior, x, s, 0, 0)[2] < 0

    assert red(0.01).float().mean() == pytest.approx(0.48, abs=0.005)
    assert red(0.108).float().mean() == pytest.approx(0.18, abs=0.005)
    assert red(0.3).float().mean() < 0.005
    edges = red(0.108)[:-1, :-1]
    assert change[edges].mean() / change[~edges].mean() == pytest.approx(1.5, abs=0.1)
    kernel = prior.kernels()[0][0, 0]
    assert kernel[:, 0].mean() * kernel[:, -1].mean() < 0
    assert kernel.mean(0).std() > 3 * kernel.mean(1).std()


def test_the_kernel_with_the_largest_share_is_not_missed() -> None:
    """The largest share: kernel 6, 8.5%; "the same to a few hundredths of a dB"; "kernel 45 off instead: 0.8 dB are lost"."""
    share = measured().share[:, -1].mean(0)
    assert share.argmax() == 5
    assert share.max() == pytest.approx(0.085, abs=0.0005)
    assert abs(lost(restored((6,)))) < 0.05
    assert lost(restored((45,))) == pytest.approx(0.8, abs=0.05)


def test_without_the_fine_kernels_the_noise_stays() -> None:
    """Without the fine kernels: 25 to 48, "the finer ones", the PSNR is that of the noisy image; without 1 to 24 it is 1.3 dB
    below the untouched prior's."""
    kernels = zoo.load(PRIOR).kernels()[0][:, 0].detach().numpy()
    frequency = np.hypot(*np.meshgrid(*2 * [np.arange(-32, 32) / 64]))
    spectra = np.stack([inspection.spectrum(kernel) ** 2 for kernel in kernels])
    mean = (spectra * frequency).sum((1, 2)) / spectra.sum((1, 2))
    assert mean[24:].mean() > mean[:24].mean()
    without = restored(tuple(range(25, 49)))
    _, after = _ends(without)
    assert after.psnr == pytest.approx(without.noisy_psnr, abs=0.02)
    assert lost(restored(tuple(range(1, 25)))) == pytest.approx(1.3, abs=0.05)


def test_a_hill_in_the_middle_of_a_potential_makes_patterns() -> None:
    """A hill in the middle: "The PSNR falls by more than 6 dB, and by the untouched prior the energy is higher by 12,000"; "the
    pattern of kernel 45 comes out twice as strong"."""
    work = restored(kernel=45, handles=(0.0, 0.0, 0.5, 0.0, 0.0))
    before, after = _ends(work)
    assert lost(work) > 6
    assert after.untouched - before.untouched == pytest.approx(12_000, abs=500)
    kernel = zoo.load(PRIOR).kernels()[0][44:45]
    features = [torch.nn.functional.conv2d(x.image, kernel).std() for x in (before, after)]
    assert features[1] / features[0] == pytest.approx(2, abs=0.1)


def test_experiments_set_what_the_tests_compute() -> None:
    """The settings of the experiments, and no other kernels or handles."""
    chosen = {name: settings for name, (settings, _) in EXPERIMENTS.items()}
    assert len(chosen) >= 3
    assert {settings["prior"] for settings in chosen.values()} == {PRIOR}
    surgery = {name: settings for name, settings in chosen.items() if settings["part"] == SURGERY}
    operated = {name: (s["off"], s["kernel"], [s[key] for key in HANDLES]) for name, s in surgery.items()}
    assert operated == {
        "The largest share": ([6], 6, [0.0] * 5),
        "Without the fine kernels": (list(range(25, 49)), 1, [0.0] * 5),
        "A hill in the middle": ([], 45, [0.0, 0.0, 0.5, 0.0, 0.0]),
    }
