"""The trace of a restoration: what its rows hold, and its CSV."""

import csv
import io
import math

import numpy as np
import pytest
import torch
from stand_in import GaussianPrior

from gnc_core.errors import InputError
from gnc_core.measuring.trace import Trace, timed, whole_psnr
from gnc_core.problems import Denoising
from gnc_core.problems.degradations import add_noise
from gnc_core.restoration.schemes import Flow, Joint, Step


def traced(scheme, truth):
    x = torch.rand(3, 1, 16, 20, generator=torch.Generator().manual_seed(0))
    trace = Trace(x if truth else None)
    problem = Denoising(add_noise(x, 0.1, 1), 0.1)
    steps = list(scheme.run(GaussianPrior(), problem))
    for step in steps:
        trace.rows += trace.rows_of(step, 0.002 * step.index, problem.initial())
    return trace, steps, x


def test_rows_hold_sums_and_means_over_the_channels():
    trace, steps, x = traced(Joint(0.3, 3), truth=True)
    for row, step in zip(trace.rows[1:], steps, strict=True):
        assert row.step == step.index
        assert row.sigma == pytest.approx(sum(step.sigma) / 3)
        assert row.energy == pytest.approx(step.energy.sum().item())
        mse = (step.image.clamp(0, 1) - x).square().mean().item()
        assert row.psnr == pytest.approx(-10 * math.log10(mse), abs=1e-4)
    assert trace.milliseconds_a_step() == pytest.approx(4)


def test_first_row_is_the_image_before_the_first_step():
    trace, _, x = traced(Flow([0.2, 0.1]), truth=True)
    observation = add_noise(x, 0.1, 1)
    first = trace.rows[0]
    assert (first.step, first.sigma, first.milliseconds) == (0, 0.2, None)
    assert first.psnr == pytest.approx(whole_psnr(observation, x))
    energy = GaussianPrior().energy(observation, math.log(GaussianPrior().sigma_min))  # D is 0 at the observation
    assert first.energy == pytest.approx(energy.sum().item())


def test_timed_steps_are_the_steps():
    problem = Denoising(torch.rand(1, 1, 16, 20), 0.1)
    plain = Flow([0.2, 0.1]).run(GaussianPrior(), problem)
    for (step, seconds), same in zip(timed(Flow([0.2, 0.1]).run(GaussianPrior(), problem)), plain, strict=True):
        assert torch.equal(step.image, same.image)
        assert seconds > 0


def test_psnr_over_all_channels_is_no_mean_of_psnrs():
    truth = torch.zeros(3, 1, 4, 4)
    image = torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1, 1).expand_as(truth)
    assert whole_psnr(image, truth) == pytest.approx(-10 * math.log10((0.01 + 0.04 + 0.09) / 3), abs=1e-4)


def test_csv_leaves_out_what_is_unknown():
    trace, _, _ = traced(Flow([0.2, 0.1]), truth=False)
    rows = list(csv.DictReader(io.StringIO(trace.to_csv())))
    assert [row["step"] for row in rows] == ["0", "1", "2"]
    assert [(row["psnr"], row["ssim"]) for row in rows] == [("", "")] * 3
    assert [row["milliseconds"] == "" for row in rows] == [True, False, False]
    assert [float(row["sigma"]) for row in rows] == [0.2, 0.2, 0.1]
    assert Trace(None).milliseconds_a_step() is None


def test_rows_of_any_kind_of_sigma():
    x = torch.rand(1, 1, 16, 20, generator=torch.Generator().manual_seed(0))
    for sigma in (0.25, np.float32(0.25), torch.tensor(0.25), [0.25]):
        assert Trace(x).measure(Step(1, sigma, x, GaussianPrior(), Denoising(x, 0.1))).sigma == 0.25
    with pytest.raises(InputError, match="differ in shape"):
        whole_psnr(x, x[..., 1:])
    with pytest.raises(InputError, match="floating point"):
        whole_psnr((255 * x).byte(), x)
