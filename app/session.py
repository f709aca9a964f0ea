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
"""

import json
from typing import Any, NoReturn

import streamlit as st

SHARED = ("prior", "image", "side")  # the keys of widgets that several pages draw, with the same meaning


def in_url(key: str) -> dict[str, Any]:
    """Keyword arguments that give a widget the key `key` and keep its value in the URL."""
    return {"key": key, "bind": "query-params"}


def keep_shared(page: str) -> None:
    """To be called before a page is drawn: what pages have in common stays when another one is opened."""
    if st.session_state.get("page") != page:
        st.session_state.page = page
        for key in SHARED:  # Streamlit forgets a widget with the page that drew it, but not what a program has set
            if key in st.session_state:
                st.session_state[key] = st.session_state[key]


def from_url(name: str, default: Any = None) -> Any:
    """The JSON value that the URL holds under `name`, or `default` if it is absent or no JSON.

    The value comes from whoever made the link: check it like any other input.
    """
    text = st.query_params.get(name)
    if text is None:
        return default
    try:
        return json.loads(text)
    except ValueError:
        return default


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
