"""The log of a training run, as it is written and read again."""

import json

import pytest

from gnc_core.errors import InputError
from gnc_core.learning.logs import LOG, read_log

LINES = [
    {"iteration": 50, "loss": 0.5, "image": 0.4, "smoothing": 2.0, "step_size": 0.01, "seconds": 3.5},
    {
        "iteration": 100,
        "loss": 0.4,
        "image": 0.3,
        "smoothing": 1.0,
        "step_size": 0.01,
        "seconds": 7,
        "validation": 0.35,
    },
]


def write(folder, text):
    (folder / LOG).write_text(text)
    return folder


def test_lines_come_back_in_their_order(tmp_path):
    text = "".join(json.dumps(line) + "\n" for line in LINES)
    assert read_log(write(tmp_path, text)) == LINES
    assert read_log(write(tmp_path, text.rstrip("\n"))) == LINES


def test_last_line_that_is_cut_off_is_left_out(tmp_path):
    text = "".join(json.dumps(line) + "\n" for line in LINES)
    for missing in (2, 5, 40, 100):
        assert read_log(write(tmp_path, text[:-missing])) == LINES[:1]
    assert read_log(write(tmp_path, "")) == []


@pytest.mark.parametrize(
    "line", ["", "no log", '{"iteration": 3}', "[1, 2]", '{"iteration": 1, "loss": "x"}', "3", "\x00"]
)
def test_foreign_files_are_one_sentence(tmp_path, line):
    with pytest.raises(InputError, match=r"Line 2 of .* is not one of a training run's log"):
        read_log(write(tmp_path, json.dumps(LINES[0]) + "\n" + line + "\n" + json.dumps(LINES[1]) + "\n"))


def test_folder_without_a_log_is_one_sentence(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere", ""):
        with pytest.raises(InputError, match=r"no log of a training run.*log\.jsonl"):
            read_log(folder)


@pytest.mark.parametrize("folder", [None, ["a"], 3.0], ids=str)
def test_what_is_no_folder_is_refused(folder):
    with pytest.raises(InputError, match="path"):
        read_log(folder)
