"""What all pages have in common to look at: the headline with its buttons, little room above the figures, lecture mode."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.components.keys import keys
from app.lessons import Lesson

STYLE = """<style>
.stMainBlockContainer { padding: 4rem 1.5rem 1rem; }
.stMainBlockContainer .stVerticalBlock { gap: 0.6rem; }
.stMainBlockContainer h1 { font-size: 1.6rem; padding: 0; }
.stMainBlockContainer h3 { font-size: 1.15rem; padding: 0.2rem 0 0; }
.stMetric [data-testid="stMetricValue"] { font-size: 1.4rem; line-height: 1.3; }
.stMetric > div { display: grid; grid-template-columns: auto auto; column-gap: 0.5rem; align-items: center; }
.stMetric [data-testid="stMetricLabel"] { grid-column: 1 / -1; }
.st-key-preview img, .st-key-live img { max-height: calc(100vh - 190px); object-fit: contain; object-position: left; }
.st-key-live img { max-height: max(240px, calc(100vh - 300px)); }
.stSidebar [data-testid="stSidebarHeader"] { height: 2.5rem; margin: 0; }
.stSidebar .stVerticalBlock { gap: 0.7rem; }
</style>"""
HIDDEN = {  # what `hide=` in a link takes away
    "sidebar": ".stSidebar, [data-testid=stExpandSidebarButton] { display: none; }",
    "text": ".st-key-headline, .stMainBlockContainer [data-testid=stCaptionContainer] { display: none; }",
}
LECTURE = "html { font-size: 21px; } .stMainBlockContainer { padding-top: 4.2rem; }"
state = st.session_state


def headline(title: str, lesson: Lesson) -> DeltaGenerator:
    """The page's title with the buttons that every page has, and little room around it; returns the row that it stands in, where
    the page's own buttons find a place. In lecture mode the current experiment stands below."""
    hidden = st.query_params.get("hide", state.get("hidden", ""))
    state.hidden = hidden
    more = [rule for name, rule in HIDDEN.items() if name in hidden.split(",")]
    row = st.container(horizontal=True, vertical_alignment="center", key="headline")
    row.title(title, width="content", anchor=False)
    with row.popover("", icon=":material/help:", help="What this page shows, and experiments.", key="help"):
        _help(lesson)
    state.save_place = row.container(width="content")
    if state.get("lecture"):
        more.append(LECTURE)
        _lecture(lesson)
    st.html(STYLE.replace("</style>", "".join(more) + "</style>"))
    return row


def _help(lesson: Lesson) -> None:
    st.markdown(lesson.text)
    for number, (name, (_, expected)) in enumerate(lesson.experiments.items()):
        row = st.container(horizontal=True, vertical_alignment="center")
        row.button(name, on_click=_choose, args=(lesson, number), help="Sets the controls.", width=190)
        row.markdown(expected, width="stretch")
    st.toggle(
        "Lecture mode", key="lecture", bind="query-params",
        help="Large type, and the arrow keys (or a presenter's remote control) go through the experiments. For a link without "
        "the surroundings add `?embed=true` and `hide=sidebar,text` to the address.",
    )  # fmt: skip


def _choose(lesson: Lesson, number: int) -> None:
    """Sets the controls of an experiment."""
    state.experiment = number
    state.update(list(lesson.experiments.values())[number][0])


def _lecture(lesson: Lesson) -> None:
    """The current experiment, in large type; the arrow keys change it."""
    count = len(lesson.experiments)
    if not count:
        return

    def move() -> None:
        way = state["keys"]["move"]
        if way:
            _choose(lesson, (state.get("experiment", 0 if way < 0 else -1) + way) % count)

    keys("keys", move)
    chosen = state.get("experiment")
    if chosen is None or chosen >= count:
        st.info(f"→ and ← go through the {count} experiments of this page.")
    else:
        name = list(lesson.experiments)[chosen]
        st.info(f"{chosen + 1}/{count} · **{name}** {lesson.experiments[name][1]}")
