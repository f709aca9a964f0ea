"""The splines' passes in Triton against the definition, on a GPU or, with TRITON_INTERPRET=1, in Triton's interpreter."""

import os

import pytest
import torch
from spline_cases import (
    FUNCTIONS,
    WIDE,
    adversarial,
    check_agreement,
    check_second_derivatives,
    check_what_is_not_a_number,
    close,
)

from gnc_core.prior import splines

pytest.importorskip("triton", reason="Triton is not installed.")
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"


@pytest.fixture
def device(monkeypatch):
    """Where the passes of `splines.gpu` are what tensors meet."""
    if INTERPRETED:
        from gnc_core.prior.splines import gpu

        monkeypatch.setattr(splines, "cpu", gpu)
        monkeypatch.setattr(gpu, "_PROGRAMS", 16)  # few: a program then takes several blocks of these small inputs, too
        return "cpu"
    if not torch.cuda.is_available() or torch.cuda.get_device_capability() < (8, 0):
        pytest.skip("There is no NVIDIA GPU (Ampere or later), and TRITON_INTERPRET is not 1.")
    return "cuda"


@pytest.mark.parametrize("shared", [False, True], ids=["table an image", "one table"])
@pytest.mark.parametrize("u", adversarial())
def test_float32_agrees_with_the_definition(u, shared, device):
    check_agreement(u.to(device), shared)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_second_derivatives_of_the_fast_passes(function, device):
    check_second_derivatives(function, device)


def test_what_is_not_a_number_stays_so_and_harms_nothing(device):
    check_what_is_not_a_number(device)


def test_several_programs_a_plane_and_several_blocks_a_program(device):
    """Sums of positive numbers over more pixels than one program takes, row by row; and the same bits each time."""
    torch.manual_seed(4)
    planes, pixels = (3, 2500) if INTERPRETED else (300, 250_000)
    u = 0.3 * torch.randn(1, planes, 1, pixels, device=device)
    g = torch.rand_like(u)
    sums = splines.moments(g, u, WIDE)
    exact = splines.moments(g.double(), u.double(), WIDE)
    assert close(sums[..., ::2], exact[..., ::2])
    assert torch.equal(sums, splines.moments(g, u, WIDE))


def test_a_plane_that_ends_within_a_block(device):
    torch.manual_seed(5)
    u = 0.3 * torch.randn(1, 2, 1, 2500, device=device)
    table = torch.randn(1, 2, WIDE.knots + 2, 5, device=device)
    value, derivative = splines.value_and_derivative(table, u, WIDE)
    assert close(value, splines.definition.evaluate(table.double(), u.double(), WIDE))
    assert close(derivative, splines.definition.evaluate(table.double(), u.double(), WIDE, order=1))


def test_more_elements_than_32_bits_count(device):
    """The last plane of a tensor with more than 2^31 elements, and the rows of all of it."""
    needed = 40 * 2**30
    if INTERPRETED or torch.cuda.mem_get_info()[0] < needed:
        pytest.skip("Needs a GPU with 40 GiB of free memory.")
    planes, pixels = 2**11 + 1, 2**20
    u = torch.zeros(1, planes, 1, pixels, device=device)
    u[:, -1] = torch.linspace(-3, 3, pixels, device=device)
    table = torch.randn(1, planes, WIDE.knots + 2, 5, device=device)
    value = splines.evaluate(table, u, WIDE)
    last = splines.definition.evaluate(table[:, -1:].double(), u[:, -1:].double(), WIDE)
    assert close(value[:, -1:], last)
    sums = splines.moments(torch.ones_like(u), u, WIDE)
    assert (sums[..., 0].sum(-1) == pixels).all()
