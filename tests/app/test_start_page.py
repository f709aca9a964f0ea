"""The page "Start" without a browser: what it says, its doors, and how little it loads."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app import warming
from app.lessons.start import LESSON, SCENES
from app.pages import PAGES
from gnc_core import zoo

MAIN = Path(__file__).resolve().parents[2] / "app" / "main.py"
LOADED = f"""
import json, sys
from streamlit.testing.v1 import AppTest
from app import warming
warming.begin = lambda: None
before = set(sys.modules)
app = AppTest.from_file({str(MAIN)!r}, default_timeout=300).run()
assert not app.exception and not app.error and app.title[0].value == "Graduated non-convexity"
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def open_page(**settings: str) -> AppTest:
    app = AppTest.from_file(MAIN, default_timeout=300)
    app.query_params.update(settings)
    app.run()
    assert not app.exception
    assert not app.error
    return app


def captions(app: AppTest) -> list[str]:
    return [caption.value for caption in app.caption]


def test_the_bare_address_is_start_with_a_door_to_every_page() -> None:
    app = open_page()
    assert app.title[0].value == "Graduated non-convexity"
    doors = [link.proto for link in app.get("page_link")]
    assert [door.label for door in doors] == [f"**{k}. {page.title}**" for k, page in enumerate(PAGES, start=1)]
    assert [door.page for door in doors] == [page.name.replace("_", "-") for page in PAGES]
    assert [page.lesson in captions(app) for page in PAGES] == [True] * len(PAGES)
    for page in PAGES:
        assert (MAIN.parent / page.file).is_file()


def test_it_names_the_priors_and_the_device() -> None:
    import app.precision  # noqa: F401

    shown = " ".join(captions(open_page()))
    assert all(name in shown.replace("\\", "") for name in zoo.names())
    assert "the CPU" in shown or "a GPU" in shown


@pytest.mark.parametrize("scene", list(SCENES))
def test_every_scene_says_what_is_to_be_seen(scene: str) -> None:
    app = open_page(scene=scene)
    assert captions(app)[0] == SCENES[scene][2]
    assert LESSON.experiments[scene][0] == {"scene": scene}


def test_a_scene_that_there_is_not_is_the_first_one() -> None:
    app = open_page(scene="Nowhere")
    assert captions(app)[0] == next(iter(SCENES.values()))[2]
    assert "scene" not in app.query_params


def test_it_loads_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True, cwd=MAIN.parents[1]
    )
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert "gnc_core.zoo" in loaded
    heavy = {"torch", "plotly", "scipy", "numba", "pandas", "skimage"}  # plotly: more of it than Streamlit loads itself
    assert not {name.split(".")[0] for name in loaded} & heavy


def test_what_is_loaded_ahead_can_be_loaded() -> None:
    for name in warming.MODULES:
        import_module(name)


def test_loading_ahead_goes_on_until_a_page_needs_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "_left", ["colorsys", "chunk_that_is_not_there", "colorsys"])
    monkeypatch.setattr(warming, "PAUSE", 0.0)
    warming.begin()
    warming._thread.join(300)
    assert warming._left == []
    monkeypatch.setattr(warming, "PAUSE", 60.0)
    monkeypatch.setattr(warming, "_left", ["colorsys"])
    warming.begin()
    warming.give_way()
    assert not warming._thread.is_alive()
    assert warming._left == ["colorsys"]
