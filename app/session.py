"""What outlives a rerun of a page.

The page's settings in the URL
------------------------------
A link must reproduce a page. Widgets do this themselves when they are bound to the URL:

    st.slider("Steps", 1, 256, 32, **in_url("steps"))

The key is the name in the URL, so keys are short, and no two pages share one with another meaning.
A value equal to the widget's default leaves the URL; a value in the URL that the widget cannot take
is dropped by Streamlit, and the default is used. Set such a widget by program through
`st.session_state[key]` before it is drawn (or in a callback), never through `st.query_params`. `open_page` sets those of
another page.

What is not a widget's value (the rows of a table) goes through `from_url` and `to_url`.

What a page says
----------------
Names and messages are shown by way of `plain`: Streamlit takes every text for Markdown. Errors are told in a sentence, see
`sentence` and `errors_told`.
"""

import json
import logging
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import streamlit as st

from gnc_core.errors import InputError, out_of_memory

log = logging.getLogger(__name__)
MOST_CHARACTERS = 600  # of a message or a name
SHARED = ("prior", "image", "side", "lecture")  # the keys of widgets that several pages draw, with the same meaning


def in_url(key: str) -> dict[str, Any]:
    """Keyword arguments that give a widget the key `key` and keep its value in the URL."""
    return {"key": key, "bind": "query-params"}


def whole_in_url(key: str) -> dict[str, Any]:
    """As `in_url`, for a widget of whole numbers: Streamlit fails at an infinite one in a link. That is dropped here, and the
    page starts anew: Streamlit remembers the link that a page was opened with."""
    try:
        if math.isinf(float(st.query_params.get(key, 0))):
            del st.query_params[key]
            st.rerun()
    except ValueError:
        pass  # no number: Streamlit drops that itself
    return in_url(key)


def keep_shared(page: str) -> None:
    """To be called before a page is drawn: what pages have in common stays when another one is opened."""
    if st.session_state.get("page") != page:
        st.session_state.page = page
        for key in SHARED:  # Streamlit forgets a widget with the page that drew it, but not what a program has set
            if key in st.session_state:
                st.session_state[key] = st.session_state[key]


def from_url(name: str, default: Any = None) -> Any:
    """The JSON value that the URL holds under `name`, or `default` if it is absent or no JSON.

    The value comes from whoever made the link: check it like any other input. Raises `InputError` for JSON that is nested too
    deeply to be read.
    """
    text = st.query_params.get(name)
    if text is None:
        return default
    try:
        return json.loads(text)
    except ValueError:
        return default
    except RecursionError:
        raise InputError(f"What this link says about {name} cannot be read.") from None


def to_url(name: str, value: Any = None) -> None:
    """Put `value` as compact JSON under `name` into the URL; None takes the name out of it."""
    if value is None:
        st.query_params.pop(name, None)
        return
    text = json.dumps(value, separators=(",", ":"))
    if st.query_params.get(name) != text:
        st.query_params[name] = text


def open_page(page: str, settings: dict[str, str | int | float | bool]) -> NoReturn:
    """Go to the page at `page` (its file, from app/) with these values of its bound widgets. To be called before any widget
    is drawn.

    Streamlit takes the values of widgets that it knows from the session, and refuses them in the URL; those of widgets
    that it does not know yet reach the new page's URL only as query parameters."""
    known = {key: value for key, value in settings.items() if key in st.session_state}
    st.session_state.update(known)
    unknown = {key: value for key, value in settings.items() if key not in known}
    st.switch_page(page, query_params={key: _url_text(value) for key, value in unknown.items()})


def _url_text(value: str | int | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


# --- what a page says --------------------------------------------------------------------------------------------


def plain(text: str) -> str:
    """A text as Markdown that shows it as it is: no links, pictures, formulas, colours, icons or HTML; on one line, and without
    the middle of very long ones."""
    text = " ".join(text.encode(errors="replace").decode().split())
    text = text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS // 2]} … {text[-MOST_CHARACTERS // 2 :]}"
    text = re.sub(r"[\\`*_\[\]{}<>#&~$|!]", r"\\\g<0>", text)
    # Links, icons and emoji are looked for in what is no Markdown, too: U+2060, which has no width, keeps them apart.
    text = re.sub(r"(?<=[:@])(?=\S)|(?<=www)(?=\.)", "\u2060", text, flags=re.IGNORECASE)
    return re.sub(r"^(\d*)(?=[-+.)=])", r"\1\\", text)  # a list, or a line below a heading


def sentence(error: Exception) -> str:
    """What a visitor is told of an error; one that nobody foresaw is written to the log, with its traceback."""
    if isinstance(error, InputError):
        return str(error)
    if out_of_memory(error):
        return "There is not enough memory for an image of this size; choose a shorter longest side."
    log.error("An error that was not foreseen", exc_info=error)
    return "Something went wrong that was not foreseen; whoever runs this explorer finds it in the server's log."


@contextmanager
def errors_told() -> Iterator[None]:
    """Any error within ends it with a sentence on the page."""
    try:
        yield
    except Exception as error:
        st.error(plain(sentence(error)))
