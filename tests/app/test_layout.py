"""The headline: experiments, lecture mode, and what a link hides."""

import pytest
from streamlit.testing.v1 import AppTest

from app.layout import HIDDEN


def page() -> None:
    import streamlit as st

    from app.layout import headline
    from app.lessons import Lesson

    experiments = {
        "First": ({"level": 3, "name": "b"}, "Expect the first."),
        "Second": ({"level": 5}, "Expect the second."),
        "Third": ({"level": 7, "name": "c"}, "Expect the third."),
    }
    headline("A page", Lesson("What it shows.", experiments))
    with st.sidebar:
        st.slider("Level", 0, 10, 1, key="level", bind="query-params")
        st.selectbox("Name", ["a", "b", "c"], key="name", bind="query-params")


def open_page(**settings: str) -> AppTest:
    app = AppTest.from_function(page, default_timeout=300)
    app.query_params.update(settings)
    app.run()
    assert not app.exception
    return app


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    return app


def style(app: AppTest) -> str:
    return " ".join(element.proto.body for element in app.get("html"))


def test_the_question_mark_holds_the_text_and_a_button_an_experiment() -> None:
    app = open_page()
    assert app.title[0].value == "A page"
    texts = [markdown.value for markdown in app.markdown]
    assert texts == ["What it shows.", "Expect the first.", "Expect the second.", "Expect the third."]
    assert [button.label for button in app.button] == ["First", "Second", "Third"]


def test_an_experiment_sets_the_controls_that_it_names() -> None:
    app = press(open_page(), "First")
    assert (app.slider(key="level").value, app.selectbox(key="name").value) == (3, "b")
    assert app.query_params["level"] == "3"
    press(app, "Second")
    assert (app.slider(key="level").value, app.selectbox(key="name").value) == (5, "b")


def test_lecture_mode_says_which_experiment_is_shown() -> None:
    app = open_page()
    assert not app.info
    assert "html { font-size" not in style(app)
    app.toggle(key="lecture").set_value(True).run()
    assert "go through the 3 experiments" in app.info[0].value
    assert "html { font-size" in style(app)
    press(app, "Third")
    assert app.info[0].value == "3/3 · **Third** Expect the third."


def test_lecture_mode_can_be_a_link() -> None:
    app = open_page(lecture="true")
    assert app.toggle(key="lecture").value
    assert app.info


@pytest.mark.parametrize("hide", ["sidebar", "text", "sidebar,text"])
def test_a_link_hides_what_it_names(hide: str) -> None:
    app = open_page(hide=hide)
    assert [name for name, rule in HIDDEN.items() if rule in style(app)] == hide.split(",")
    app.slider(key="level").set_value(2).run()
    assert [name for name, rule in HIDDEN.items() if rule in style(app)] == hide.split(",")


@pytest.mark.parametrize("hide", ["", "everything", "</style><script>alert(1)</script>", "sidebar;body"])
def test_what_a_link_hides_by_another_name_changes_nothing(hide: str) -> None:
    assert style(open_page(hide=hide)) == style(open_page())
