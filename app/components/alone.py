"""A component as a page of its own, which needs no network and no server."""

import json
from html import escape
from typing import Any

# What Streamlit's theme says, where there is no Streamlit.
THEME = """:root { --st-text-color: #31333f; --st-font: sans-serif; --st-background-color: white; --st-primary-color: #ff4b4b;
  --st-secondary-background-color: #f0f2f6; --st-border-color: #d5d6d8; color-scheme: light; }
body { margin: 1rem; }"""


def alone(title: str, html: str, css: str, js: str, data: dict[str, Any]) -> str:
    """The page of a component whose JavaScript exports a function by default, with the data that this takes. What it would tell
    the server is lost."""
    told = json.dumps(data).replace("<", "\\u003c")
    start = js.replace("export default function", "const start = function")
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{escape(title)}</title><style>{THEME}
{css}</style></head><body><h1>{escape(title)}</h1>
{html}
<script type="module">{start}
start({{ data: {told}, parentElement: document.body, setStateValue() {{}} }});</script></body></html>"""
