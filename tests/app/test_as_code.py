"""The page's settings as a command line and as Python: both come to what the page comes to."""

from __future__ import annotations

import contextlib
import io
import json
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from app.as_code import AsCode
from app.runs import Choice, Run
from app.scenes import MARKED, Scene, Upload, prepare
from gnc_core import images
from gnc_core.__main__ import main
from gnc_core.restoration import LearnedSchedule

SCENE = Scene("Cat", 64, color=False, level=0.1, seed=3)
INPAINT = replace(SCENE, task="inpaint", level=0.4, mask="random")
MASKED = replace(SCENE, task="inpaint", level=None, seed=None)
FLOW = Choice("foe-l1", "flow", 3)
OWN = LearnedSchedule((0.1, 0.02), (0.009, 0.0003), "denoise", 0.1, "foe-l1")
UPLOAD = Upload("a", "$(evil) 'name'; rm.npy")


def floats() -> bytes:
    """Noisy colours, 60 x 50, with values beyond [0, 1]."""
    buffer = io.BytesIO()
    np.save(buffer, np.random.default_rng(0).normal(0.5, 0.2, (50, 60, 3)).astype(np.float32))
    return buffer.getvalue()


def gaps() -> bytes:
    values = np.linspace(0, 1, 3000, dtype=np.float32).reshape(50, 60)
    buffer = io.BytesIO()
    np.save(buffer, np.where((values > 0.4) & (values < 0.45), np.nan, values))
    return buffer.getvalue()


KNOWN = {
    "as the page starts": (replace(SCENE, as_file=True), Choice("foe-l1", "learned")),
    "flow": (SCENE, Choice("foe-l1", "flow", 3, 0.2)),
    "joint, in colour": (replace(SCENE, color=True), Choice("foe-l1", "joint", 3, 0.3, 0.5)),
    "blind": (replace(SCENE, as_file=True), Choice("foe-l1", "joint", 4, blind=True)),
    "blind, floats": (replace(SCENE, level=0.0980392), Choice("foe-l1", "learned", 3, blind=True)),
    "random pixels": (INPAINT, Choice("foe-l1", "flow", 3, start="grey")),
    "text": (replace(MASKED, mask="text", text='don\'t "stop"'), FLOW),
    "boxes": (replace(MASKED, mask="boxes", boxes=((4, 5, 6, 7), (20, 9, 3, 3))), FLOW),
    "upload": (replace(SCENE, source=UPLOAD, color=True), FLOW),
    "a schedule of one's own": (SCENE, Choice("foe-l1", "learned", schedule=OWN)),
}
DEGRADED = {
    "floats": (replace(SCENE, source=UPLOAD, color=True, degraded=True, seed=None), FLOW, floats()),
    "blind": (replace(SCENE, source=UPLOAD, degraded=True, seed=None), replace(FLOW, blind=True), floats()),
    "marked": (replace(MASKED, source=UPLOAD, mask=MARKED, degraded=True), FLOW, gaps()),
}


def ended(scene: Scene, choice: Choice, data: bytes | None = None) -> tuple[Run, AsCode]:
    """What the page comes to, and its code."""
    prepared = prepare(scene, data, None, 8)
    run = Run(scene, choice, prepared)
    while run.running:
        run.advance()
    assert not run.error
    return run, AsCode(scene, choice, prepared)


def write_files(code: AsCode, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for name, data in code.files.items():
        (folder / name).write_bytes(data)


def command(code: AsCode) -> dict:
    """What the command line reports, its result written as floats."""
    first, *words = shlex.split(code.command.replace("restored.png", "restored.npy"))
    assert first == "gnc"
    done = CliRunner().invoke(main, [*words, "--device", "cpu", "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", KNOWN)
def test_command_and_python_come_to_the_page_s_psnr(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene, choice = KNOWN[name]
    run, code = ended(scene, choice, floats() if isinstance(scene.source, Upload) else None)
    write_files(code, tmp_path, monkeypatch)
    report = command(code)
    assert report["psnr"] == pytest.approx(run.last.psnr, abs=0.002)
    assert report["energy"] == pytest.approx(run.last.energy, rel=1e-4)
    assert report["steps"] == run.steps
    assert len(code.python.splitlines()) == 5
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code.python, "page", "exec"), {})
    assert printed.getvalue() == f"{run.last.psnr:.2f} dB\n"


@pytest.mark.parametrize("name", DEGRADED)
def test_command_and_python_restore_degraded_files(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene, choice, data = DEGRADED[name]
    run, code = ended(scene, choice, data)
    write_files(code, tmp_path, monkeypatch)
    command(code)
    result = images.read_image(tmp_path / "restored.npy", color=scene.color)
    np.testing.assert_allclose(result, run.image, atol=1e-4)
    exec(compile(code.python, "page", "exec"), {})
    written = images.read_image(tmp_path / "restored.png", color=scene.color)
    np.testing.assert_allclose(written, run.image.clamp(0, 1), atol=0.003)


def test_no_text_of_a_visitor_becomes_code_or_a_path() -> None:
    for scene, choice, data in DEGRADED.values():
        _, code = ended(scene, choice, data)
        assert "evil" not in code.command + code.python
    scene = replace(MASKED, mask="text", text="x\"); print('evil')  #")
    code = AsCode(scene, FLOW, prepare(scene, None, None, 8))
    assert "evil" not in code.command
    assert repr(scene.text) in code.python
