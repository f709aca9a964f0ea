"""Priors with potentials that are switched off or bent: still one function, and the prior that they come from is as it was."""

import math

import numpy as np
import pytest
import torch

from gnc_core.errors import InputError
from gnc_core.prior import FieldsOfExperts, splines
from gnc_core.prior.surgery import FeatureRange, bent, without

S = math.log(0.1)
CHANNELS, CHANNEL = 5, 2
RANGE = FeatureRange(np.array([0.01, 0.1, 0.5]), np.array([-0.9, -1.0, -1.6]), np.array([0.9, 1.1, 1.6]))
HANDLES = [0.0, -0.4, 0.3, 0.0, 0.2]


def a_prior(layers: int = 1, input_scale: float = 0.0) -> FieldsOfExperts:
    torch.manual_seed(layers)
    prior = FieldsOfExperts(
        layers, channels=CHANNELS, kernel_size=3, knots_u=127, knots_hidden=21, knots_s=16, input_scale=input_scale
    ).double()
    for parameter in prior.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    prior.c.normal_()
    return prior


def an_image() -> torch.Tensor:
    return torch.rand(1, 1, 9, 10, generator=torch.manual_seed(5), dtype=torch.float64)


def curve(prior: FieldsOfExperts, u: np.ndarray, sigma: float, channel: int = CHANNEL) -> np.ndarray:
    """phi(u, log sigma) of a channel, u in the unit of the image."""
    s = torch.tensor([math.log(sigma)], dtype=torch.float64)
    scaled = torch.from_numpy(u) / prior.unit(s)
    table = prior.potential.table(s)[:, channel : channel + 1]
    return splines.evaluate(table, scaled.view(1, 1, 1, -1), prior.potential.u).flatten().detach().numpy()


OPERATIONS = {
    "off": lambda prior: without(prior, [0, 3]),
    "bent": lambda prior: bent(prior, CHANNEL, HANDLES, RANGE),
    "both": lambda prior: bent(without(prior, [0]), CHANNEL, HANDLES, RANGE),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("input_scale", [0.0, 0.05])
def test_score_and_slope_are_derivatives_of_the_energy(operation: str, layers: int, input_scale: float) -> None:
    prior, x = OPERATIONS[operation](a_prior(layers, input_scale)), an_image()
    direction, h = torch.randn_like(x), 1e-6
    with torch.no_grad():
        score, slope = prior.score(x, S), prior.slope(x, S)
        along_x = (prior.energy(x + h * direction, S) - prior.energy(x - h * direction, S)) / (2 * h)
        along_s = (prior.energy(x, S + h) - prior.energy(x, S - h)) / (2 * h)
    torch.testing.assert_close((score * direction).sum()[None], along_x, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(slope, along_s, rtol=1e-6, atol=1e-7)


def test_nothing_off_and_handles_at_rest_is_the_same_prior() -> None:
    prior = a_prior()
    for same in (without(prior, []), bent(prior, CHANNEL, [0] * 5, RANGE), bent(prior, CHANNEL, [0.3] * 5, RANGE)):
        assert same is not prior
        torch.testing.assert_close(same.state_dict(), prior.state_dict(), rtol=0, atol=1e-12)


def test_without_all_potentials_nothing_but_the_constant_is_left() -> None:
    prior, x = a_prior(2), an_image()
    nothing = without(prior, range(CHANNELS))
    left = nothing.energy(x, S) - nothing.constant(torch.tensor([S], dtype=torch.float64)) * x.numel()
    assert left.item() == 0
    assert not nothing.score(x, S).any()


def test_energies_of_potentials_add_up() -> None:
    """R is a sum over channels: what one of them leaves out is what all others together leave."""
    prior, x = a_prior(), an_image()
    constant = prior.constant(torch.tensor([S], dtype=torch.float64)) * x.numel()
    alone = [without(prior, set(range(CHANNELS)) - {channel}).energy(x, S) - constant for channel in range(CHANNELS)]
    torch.testing.assert_close(sum(alone) + constant, prior.energy(x, S))
    torch.testing.assert_close(without(prior, [1]).energy(x, S) + alone[1], prior.energy(x, S))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_prior_itself_stays_as_it_was(operation: str) -> None:
    prior = a_prior()
    before = {key: value.clone() for key, value in prior.state_dict().items()}
    changed = OPERATIONS[operation](prior)
    torch.testing.assert_close(prior.state_dict(), before, rtol=0, atol=0)
    assert not torch.equal(changed.potential.increments, prior.potential.increments)
    assert torch.equal(changed.kernel, prior.kernel)


# With input scaling, knots are a(s) times as far from each other: where sigma is large, too far for five handles.
@pytest.mark.parametrize(("sigma", "input_scale"), [(0.01, 0.0), (0.1, 0.0), (0.4, 0.0), (0.01, 0.05), (0.1, 0.05)])
def test_at_the_handles_the_potential_moves_by_their_share_of_its_height(sigma: float, input_scale: float) -> None:
    """But for a constant, and for what lies between knots."""
    prior = a_prior(input_scale=input_scale)
    low, high = (float(bound[0]) for bound in RANGE.at(np.array([sigma])))
    u = np.linspace(low, high, 257)
    before, after = curve(prior, u, sigma), curve(bent(prior, CHANNEL, HANDLES, RANGE), u, sigma)
    moved = (after - before) / np.ptp(before)
    at_handles = moved[::64] - moved[0]
    np.testing.assert_allclose(at_handles, np.array(HANDLES) - HANDLES[0], atol=0.03)
    between = (moved[32] - moved[0], (at_handles[0] + at_handles[1]) / 2)
    assert between[0] == pytest.approx(between[1], abs=0.05)


def test_beyond_the_range_and_in_other_channels_the_slope_is_untouched() -> None:
    prior = a_prior()
    changed = bent(prior, CHANNEL, HANDLES, RANGE)
    for outside in (np.linspace(1.8, 3.4, 50), np.linspace(-3.4, -1.8, 50)):
        before, after = curve(prior, outside, 0.1), curve(changed, outside, 0.1)
        np.testing.assert_allclose(np.diff(after), np.diff(before), rtol=1e-4, atol=1e-4 * np.ptp(before))
    inside = np.linspace(-0.8, 0.8, 33)
    np.testing.assert_allclose(curve(changed, inside, 0.1, 0), curve(prior, inside, 0.1, 0), atol=1e-12)


@pytest.mark.parametrize("channels", [[CHANNELS], [-1], [1.5]])
def test_a_channel_that_is_not_there_is_refused(channels: list) -> None:
    with pytest.raises(InputError, match="channel"):
        without(a_prior(), channels)
    with pytest.raises(InputError, match="channel"):
        bent(a_prior(), channels[0], HANDLES, RANGE)


@pytest.mark.parametrize("offsets", [[], [0.1], [0.0, math.nan], [math.inf, 0.0], ["much", 0.0]])
def test_offsets_that_bend_nothing_are_refused(offsets: list) -> None:
    with pytest.raises(InputError):
        bent(a_prior(), CHANNEL, offsets, RANGE)


@pytest.mark.parametrize(
    ("sigma", "low", "high"),
    [
        ([], [], []),
        ([0.1], [-1.0, 0.0], [1.0]),
        ([0.1], [1.0], [1.0]),
        ([0.2, 0.1], [-1.0, -1.0], [1.0, 1.0]),
        ([0.0], [-1.0], [1.0]),
        ([0.1], [-math.inf], [1.0]),
    ],
)
def test_ranges_that_are_none_are_refused(sigma: list, low: list, high: list) -> None:
    with pytest.raises(InputError):
        FeatureRange(np.array(sigma), np.array(low), np.array(high))


def test_float32_bends_as_float64_does() -> None:
    x, s = an_image(), torch.tensor([S], dtype=torch.float64)
    prior = a_prior()
    single = bent(prior.float(), CHANNEL, HANDLES, RANGE)
    with torch.no_grad():
        found = single.energy(x, s).double()
        torch.testing.assert_close(found, bent(a_prior(), CHANNEL, HANDLES, RANGE).energy(x, s), rtol=1e-4, atol=1e-4)
