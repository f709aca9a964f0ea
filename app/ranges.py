"""What the controls with a number take: their names, the least and the most; and values from links and files that fit them."""

from typing import Any

import streamlit as st

from app.session import plain
from gnc_core import checks
from gnc_core.errors import InputError
from gnc_core.problems import TASKS, Level, Problem


def level_title(task: type[Problem]) -> str:
    name = task.kind_of_level.name
    return name[0].upper() + name[1:]


def level_key(task: type[Problem]) -> str:
    """The key of the control of a task's level, and its name in links: tasks whose levels are told in the same words have ranges
    of their own."""
    short = task.kind_of_level.short
    first = next(kind for kind in TASKS.values() if kind.kind_of_level.short == short)
    return short if task.kind_of_level is first.kind_of_level else f"{task.name}-{short}"


def setting_key(task: type[Problem]) -> str:
    """The key of the control of what else degrades: the option's name."""
    return task.setting.option.strip("-") if task.setting else ""


# What the controls of these keys take: their names, the least and the most.
RANGES = {
    **{level_key(kind): (level_title(kind), *kind.kind_of_level.usual[:2]) for kind in TASKS.values()},
    "smoothing": ("Initial smoothing σ₀", 0.01, 0.5),
    "rate": ("Rate c of σ", 0.01, 1.99),
}


def beyond_told(key: str, level: Level) -> None:
    """Says so if the link has a value for this slider that it does not take, such as 25 for 25/255: Streamlit drops it."""
    text = st.query_params.get(key)
    name, least, most = RANGES[key]
    if text is None:
        return
    try:
        value = level.check(checks.said(text, name), name)
        if least <= value <= most and "/" not in text and "%" not in text:
            return
        problem = f"{name} {text} in this link is not between {least:g} and {most:g}."
    except InputError as error:
        problem = str(error)
    st.warning(plain(f"{problem} The link's value was left out."))


def level_settings(task: type[Problem], level: float, setting: str = "") -> dict[str, Any]:
    """The values of controls, by their keys, of a task's level and setting."""
    masked = {"mask": "Random pixels"} if task.takes_mask else {}
    usual = {setting_key(task): setting} if task.setting and setting in task.setting.usual else {}
    return {level_key(task): level} | masked | usual


def nearest(settings: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Values of controls by their keys, moved to the nearest ones that these take, and a sentence for each that was moved."""
    taken, notes = dict(settings), []
    for key, (name, least, most) in RANGES.items():
        value = settings.get(key, least)
        taken |= {key: min(max(value, least), most)} if key in settings else {}
        if not least <= value <= most:
            notes.append(
                f"{name} {value:.4g} is beyond what this page offers; it was set to the nearest, {taken[key]:g}."
            )
    return taken, notes
