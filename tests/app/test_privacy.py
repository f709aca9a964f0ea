"""What visitors upload stays theirs and in memory, and nothing that a browser sends is opened as a path."""

import asyncio
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from stand_in import save_small
from starlette.requests import Request
from streamlit.testing.v1 import AppTest

from app.figures.restoration import Curve, curves_figure
from gnc_core import zoo

APP = Path(__file__).resolve().parents[2] / "app"
opened: list[tuple[str, bool]] | None = None  # paths, and whether they were to be written, while somebody watches


def watch(event: str, arguments: tuple) -> None:
    if opened is not None and event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
        path, mode, flags = os.fsdecode(arguments[0]), str(arguments[1] or ""), arguments[2] or 0
        opened.append((path, any(c in mode for c in "wax+") or bool(flags & (os.O_WRONLY | os.O_RDWR))))


sys.addaudithook(watch)


@pytest.fixture
def files() -> Iterator[list[tuple[str, bool]]]:
    """What is opened from now on."""
    global opened
    opened = []
    yield opened
    opened = None


@pytest.fixture(autouse=True)
def small_prior(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pretrained/ folder with one quick prior, "small"."""
    monkeypatch.setattr(zoo, "PRETRAINED", tmp_path)
    return save_small(tmp_path / "small", steps=(1, 20))


def open_page(view: str = "restore", **settings: str) -> AppTest:
    app = AppTest.from_file(APP / "views" / f"{view}.py", default_timeout=300)
    app.query_params.update({"side": "64", "nsteps": "2", "scheme": "GNC flow"} | settings)
    return checked(app.run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception
    return app


def restored(app: AppTest) -> AppTest:
    return checked(next(button for button in app.button if button.label == "Restore").click().run())


def png(grey: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (32, 24), grey).save(buffer, "PNG")
    return buffer.getvalue()


def upload(app: AppTest, data: bytes, name: str = "mine.png") -> AppTest:
    return checked(app.file_uploader[0].upload(name, data).run())


# --- in memory ---------------------------------------------------------------------------------------------------


def test_an_upload_is_never_written_to_a_file(files: list[tuple[str, bool]]) -> None:
    settings = {"image": "Upload an image", "file": "degraded"}
    restored(upload(open_page(**settings), png(10)))  # whatever is imported or compiled is now
    files.clear()
    app = restored(upload(open_page(**settings), png(60)))
    assert app.metric
    assert files  # the watch works: samples, priors and cards are read
    assert [path for path, written in files if written and path != os.devnull] == []


def test_large_uploads_do_not_pass_through_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    checked(AppTest.from_file(APP / "main.py", default_timeout=300).run())

    def refuse(*arguments: Any, **options: Any) -> None:
        raise AssertionError("a temporary file")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    content = bytes(5_000_000)
    part = b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.png"\r\n\r\n' + content + b"\r\n--x--\r\n"

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": part, "more_body": False}

    async def received() -> bytes:
        headers = [(b"content-type", b"multipart/form-data; boundary=x")]
        form = await Request({"type": "http", "method": "PUT", "headers": headers}, receive).form()
        file = form["f"]
        assert not isinstance(file, str)
        return await file.read()

    assert asyncio.run(received()) == content


# --- each visitor's own ------------------------------------------------------------------------------------------


def test_files_of_one_name_are_each_visitors_own() -> None:
    """Everything that is cached is cached for all visitors at once."""
    settings = {"image": "Upload an image", "file": "degraded"}
    first, second = (upload(open_page(**settings), png(grey)) for grey in (51, 204))
    for app, value in ((first, 0.2), (second, 0.8), (first, 0.2)):
        run = restored(app).session_state.runs[-1]
        np.testing.assert_allclose(run.prepared.problem.observation, value, atol=1e-6)
    assert len(first.session_state.visit) == 2
    assert len(second.session_state.visit) == 1


def test_a_file_that_is_replaced_by_another_of_its_name_is_that_one() -> None:
    app = upload(open_page(image="Upload an image", file="degraded"), png(51))
    upload(app, png(204))
    run = restored(app).session_state.runs[-1]
    np.testing.assert_allclose(run.prepared.problem.observation, 0.8, atol=1e-6)


def test_uploaded_masks_are_each_visitors_own() -> None:
    settings = {"image": "Cat", "task": "Inpaint", "mask": "Uploaded mask"}
    missing = []
    for top in (0, 40):
        app = open_page(**settings)
        mask = np.ones((300, 451), bool)
        mask[top : top + 9] = False
        buffer = io.BytesIO()
        np.save(buffer, mask)
        upload(app, buffer.getvalue(), "mask.npy")
        missing.append((~restored(app).session_state.runs[-1].prepared.problem.observed[0, 0]).nonzero()[0, 0].item())
    assert missing[0] < missing[1]


# --- no paths ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("view", ["restore", "landscape", "inside", "maps", "schedules"])
@pytest.mark.parametrize("name", ["/etc/passwd", "../../secret", "file:///etc/passwd", "small/../../secret"])
def test_names_in_links_are_no_paths(view: str, name: str, files: list[tuple[str, bool]]) -> None:
    names = {key: name for key in ("prior", "map-prior", "image", "maps", "run", "fit-images", "mask", "density")}
    open_page(view, crop="32", grid="9", second="Random", **names)
    assert files
    assert [path for path, _ in files if "passwd" in path or "secret" in path] == []


@pytest.mark.parametrize("name", ["../../secret.png", "/etc/passwd.png", "C:\\secret.png"])
def test_the_name_of_an_upload_is_no_path(name: str, files: list[tuple[str, bool]]) -> None:
    app = restored(upload(open_page(image="Upload an image", file="degraded"), png(77), name))
    assert app.metric or app.error
    assert [path for path, _ in files if "passwd" in path or "secret" in path] == []


# --- no markup ---------------------------------------------------------------------------------------------------


def test_names_of_runs_are_texts_in_a_figure() -> None:
    figure = curves_figure([Curve("<a href='x'>flow</a>", [0, 1], [2.0, 1.0], [0.1, 0.1], None)])
    assert figure["data"][0]["name"] == "&lt;a href='x'&gt;flow&lt;/a&gt;"
