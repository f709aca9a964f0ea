"""The names in a sweep come from whoever made its file: they are no formulas, and can be shown."""

import csv
import io
import re
from dataclasses import asdict, replace

import numpy as np
import pytest

from gnc_core import sweeps
from gnc_core.errors import InputError
from gnc_core.sweeps import Plan, Result

PLAN = Plan("denoise", 0.1, "small", "0123", ("flow",), (0.05, 0.1), (1, 3), ("a", "b"), ((8, 8), (8, 9)), "0" * 12)


def text_of(plan: Plan) -> str:
    """The CSV of a sweep whose energies are -1, -2, ..."""
    result = Result.empty(plan)
    result.initial_energy[:] = 100
    result.energy[:] = -1 - np.arange(8).reshape(1, 2, 2, 2)
    return sweeps.to_csv(result)


def table(plan: Plan) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text_of(plan), newline="")))


@pytest.mark.parametrize("name", ["=cmd()", "+1", "-1.png", "@sum", " =1", "\t=1", "\r=1", "\n=1"])
def test_names_are_no_formulas_in_the_table_and_numbers_stay_numbers(name: str) -> None:
    rows, harmless = table(replace(PLAN, names=(name, "b"))), table(PLAN)
    assert {row["image"] for row in rows} == {"'" + re.sub(r"\s", " ", name), "b"}
    assert [row | {"image": ""} for row in rows] == [row | {"image": ""} for row in harmless]
    assert [float(row["energy"]) for row in rows] == [100, 100, -1, -2, -3, -4, -5, -6, -7, -8]
    assert {row["image"] for row in harmless} == {"a", "b"}


@pytest.mark.parametrize("name", ["a\r=1", "a\n=1", 'a",=1', "a,\n=1"])
def test_names_stay_in_their_cell(name: str) -> None:
    plan = replace(PLAN, names=(name, "b"))
    assert len(text_of(plan).splitlines()) == 1 + len(table(plan))
    assert [row["scheme"] for row in table(plan)] == ["degraded"] * 2 + ["flow"] * 8


@pytest.mark.parametrize("change", [{"prior": "\ud800"}, {"names": ["\ud800", "b"]}, {"sizes": [[0, 4], [4, 4]]}])
def test_texts_that_cannot_be_shown_and_empty_images_are_refused(change: dict) -> None:
    assert Plan.from_dict(asdict(PLAN)) == PLAN
    with pytest.raises(InputError):
        Plan.from_dict(asdict(PLAN) | change)
