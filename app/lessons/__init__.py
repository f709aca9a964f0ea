"""What pages teach: their texts, and experiments with what is to be seen. tests/claims computes every claim."""

from dataclasses import dataclass, field
from typing import Any

Experiments = dict[str, tuple[dict[str, Any], str]]


@dataclass(frozen=True)
class Lesson:
    """A page's lesson.

    text: in Markdown, what the page shows and which equation it is.
    experiments: at least three; each sets the page's controls (widgets by their keys) and says what to expect.
    """

    text: str
    experiments: Experiments = field(default_factory=dict)
