"""From choices to schemes: what is taken where nothing is said."""

import pytest
import torch
from stand_in import GaussianPrior

from gnc_core import zoo
from gnc_core.choices import SchemeChoice, choose_scheme, has_learned
from gnc_core.errors import InputError
from gnc_core.restoration import Flow, Learned, LearnedSchedule, ScheduleFamily

PRIOR = GaussianPrior()


@pytest.fixture
def name(tmp_path):
    """The folder of a prior with learned schedules to denoise."""
    (tmp_path / "prior.safetensors").write_bytes(b"")
    weights = torch.zeros(7, 9).tolist()
    zoo.save_family(tmp_path, ScheduleFamily(weights, "denoise", "a", (0.02, 0.4), (3, 20), 0.01, 0.5))
    return tmp_path


def chosen(name, task="denoise", level=0.1, **choice):
    return choose_scheme(SchemeChoice(**choice), PRIOR, name, task, level)


def test_from_grey_the_flow_suits_as_schedules_are_learned_from_the_fill():
    prior = zoo.load("foe-l1")
    for start, kind in ((None, Learned), ("harmonic", Learned), ("grey", Flow)):
        assert isinstance(choose_scheme(SchemeChoice(), prior, "foe-l1", "inpaint", 0.8, start), kind)


def test_those_for_deblurring_suit_gaussian_kernels_and_motions():
    prior = zoo.load("foe-l1")
    for kernel, kind in (("", Learned), ("gaussian:3", Learned), ("motion:15:30", Learned), ("shake:1", Flow)):
        assert isinstance(choose_scheme(SchemeChoice(), prior, "foe-l1", "deblur", 0.01, setting=kernel), kind)


def test_the_learned_schedules_are_taken_where_there_are_some(name):
    for level in (0.02, 0.0735, 0.4):
        scheme = chosen(name, level=level)
        assert (scheme.name, scheme.steps, scheme.schedule.level) == ("learned", 4, level)
    assert (chosen(name, steps=7).name, chosen(name, steps=7).steps) == ("learned", 7)
    assert has_learned(name, "denoise")
    assert not has_learned(name, "inpaint")


def test_otherwise_the_flow_with_the_steps_that_suit_the_task(name):
    assert (chosen(name, "inpaint", 0.5).name, chosen(name, "inpaint", 0.5).steps) == ("flow", 20)
    assert (chosen(name, steps=50).name, chosen(name, steps=50).steps) == ("flow", 50)  # schedules are for 3 to 20
    assert (chosen(name, scheme="flow").name, chosen(name, scheme="flow").steps) == ("flow", 4)
    assert chosen(name, scheme="flow").schedule[0] == 0.1


def test_what_belongs_to_one_scheme_names_it(name):
    assert chosen(name, sigma0=0.2).name == "flow"
    assert chosen(name, rate=0.5).name == "joint"
    own = LearnedSchedule((0.1, 0.02), (0.01, 0.0004), "denoise", 0.1, "a")
    assert chosen(name, schedule=own).schedule == own
    for wrong in (
        {"scheme": "learned", "sigma0": 0.1},
        {"sigma0": 0.1, "schedule": own},
        {"scheme": "flow", "schedule": own},
    ):
        with pytest.raises(InputError):
            SchemeChoice(**wrong)
    with pytest.raises(InputError, match="3 \\.\\.\\. 20"):
        chosen(name, scheme="learned", steps=30)


def test_blind_denoising_may_follow_any_scheme_at_the_level_that_was_estimated(name):
    for scheme in (None, "flow", "joint", "learned"):
        assert chosen(name, scheme=scheme, blind=True).steps > 1
    assert chosen(name, scheme="joint", blind=True).sigma0 == 0.5
    with pytest.raises(InputError, match="only the task denoise"):
        chosen(name, "inpaint", 0.5, blind=True)
