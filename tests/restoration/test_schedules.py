"""Schedules decrease from sigma0 to sigma_min; learned ones survive a file, damaged ones do not."""

import itertools
import json
import math

import numpy as np
import pytest
import torch
from stand_in import GaussianPrior

from gnc_core.choices import SchemeChoice, choose_scheme
from gnc_core.errors import InputError
from gnc_core.restoration.schedules import LearnedSchedule, check_rate, check_sigma, linear, logarithmic
from gnc_core.restoration.schemes import Flow, Joint, Learned

LEARNED = LearnedSchedule((0.2, 0.05), (0.04, 0.0), "denoise", 0.1, "foe-l1")


@pytest.mark.parametrize("schedule", [linear, logarithmic])
@pytest.mark.parametrize("steps", [2, 3, 10, 1000])
def test_schedules_decrease_between_their_ends(schedule, steps):
    sigma = schedule(0.4, 0.01, steps)
    assert len(sigma) == steps
    assert sigma[0] == 0.4
    assert sigma[-1] == 0.01
    assert all(a > b for a, b in itertools.pairwise(sigma))


def test_spacing():
    assert linear(0.5, 0.1, 5) == pytest.approx([0.5, 0.4, 0.3, 0.2, 0.1])
    assert logarithmic(0.8, 0.1, 4) == pytest.approx([0.8, 0.4, 0.2, 0.1])


@pytest.mark.parametrize("schedule", [linear, logarithmic])
def test_one_step_and_bad_input(schedule):
    assert schedule(0.3, 0.01, 1) == [0.3]
    assert schedule(0.01, 0.01, 3) == pytest.approx([0.01] * 3)
    for steps in (0, -1, 1001, 2.5, True):
        with pytest.raises(InputError, match=r"1 \.\.\. 1000"):
            schedule(0.3, 0.01, steps)
    for sigma0, sigma_min in ((0.001, 0.01), (-1, 0.01), (float("nan"), 0.01), (0.1, 0), (1e999, 1)):
        with pytest.raises(InputError):
            schedule(sigma0, sigma_min, 5)


def test_sigma_must_lie_in_the_range_of_the_prior():
    for sigma in (0.01, 0.2, 0.5, 0.5 * (1 + 1e-7)):
        check_sigma(sigma, 0.01, 0.5)
    for sigma in (0.009, 0.51, float("nan"), -0.2):
        with pytest.raises(InputError, match=r"\[0\.01, 0\.5\]"):
            check_sigma(sigma, 0.01, 0.5)


def test_learned_schedule_survives_a_file(tmp_path):
    LEARNED.save(tmp_path / "schedule.json")
    assert LearnedSchedule.load(tmp_path / "schedule.json") == LEARNED
    assert LEARNED.steps == 2
    assert "0.1" in LEARNED.title


@pytest.mark.parametrize(
    "change",
    [
        {"sigma": [0.2]},
        {"sigma": []},
        {"sigma": [0.2, float("nan")]},
        {"sigma": [0.2, -0.1]},
        {"sigma": "ab"},
        {"sigma": None},
        {"tau": [0.1, -0.1]},
        {"tau": [0.1, float("inf")]},
        {"task": "sharpen"},
        {"level": 0},
        {"level": "x"},
    ],
)
def test_bad_learned_schedules(change):
    text = json.dumps(json.loads(LEARNED.to_json()) | change)
    with pytest.raises(InputError, match=r"^a\.json"):
        LearnedSchedule.from_json(text, name="a.json")


def test_files_that_are_no_schedules(tmp_path):
    for number, data in enumerate([b"", b"{", b"[1]", b"\xff\xfe", b"{}", b"[" * 100000]):
        path = tmp_path / f"{number}.json"
        path.write_bytes(data)
        with pytest.raises(InputError, match="not a learned schedule"):
            LearnedSchedule.load(path)
    with pytest.raises(InputError, match="Cannot read"):
        LearnedSchedule.load(tmp_path / "nothing.json")


def test_numbers_of_other_libraries():
    for number in (np.float32, np.float64, torch.tensor):
        for make in (linear, logarithmic):
            values = make(number(0.5), number(0.125), np.int64(3))
            assert values == pytest.approx(make(0.5, 0.125, 3))
            assert {type(value) for value in values} == {float}


def test_what_is_no_number():
    for wrong in ("0.1", None, True, [0.1], math.nan, math.inf, torch.tensor([0.1, 0.2])):
        for call in (
            lambda v: linear(v, 0.01, 3),
            lambda v: logarithmic(0.5, v, 3),
            lambda v: check_sigma(v, 0.01, 0.5),
            lambda v: check_rate(v),
            lambda v: linear(0.5, 0.01, v),
        ):
            with pytest.raises(InputError):
                call(wrong)


def test_a_scheme_is_chosen_by_its_name():
    prior = GaussianPrior()

    def choose(name, task="denoise", level=0.1, **settings):
        return choose_scheme(SchemeChoice(name, **settings), prior, "foe-l1", task, level)

    assert isinstance(choose("flow"), Flow)
    assert isinstance(choose("joint", steps=np.int64(3), sigma0=np.float32(0.2)), Joint)
    assert isinstance(choose("learned", schedule=LEARNED), Learned)
    for name in ("langevin", "Flow", ""):
        with pytest.raises(InputError, match="there are flow, joint, learned"):
            choose(name)
    for changes, message in (
        ({"task": "sharpen"}, "no task 'sharpen'"),
        ({"level": math.nan}, "level must be a positive number"),
        ({"steps": 1.5}, "whole number"),
        ({"sigma0": "0.1"}, "sigma must be a number"),
        ({"sigma0": 0.9}, "range of this prior"),
        ({"rate": 2}, "below 2"),
    ):
        with pytest.raises(InputError, match=message):
            choose("joint", **changes)
