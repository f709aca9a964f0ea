"""The built package: it brings the priors, a command, types, and asks for what the library needs alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = re.compile(r"^[\w-]+")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source archive, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("built")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, installed into a folder of its own; what it needs comes from this environment."""
    folder = tmp_path_factory.mktemp("installed")
    (wheel,) = built.glob("*.whl")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--target",
        str(folder),
        str(wheel),
    ]
    subprocess.run(command, check=True)
    return folder


def run(installed: Path, folder: Path, *arguments: str) -> str:
    """What a program prints, in another working directory, with the installed package and no checkout in sight."""
    environment = {**os.environ, "PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_installed_package_restores_an_image_elsewhere(installed: Path, tmp_path: Path) -> None:
    cat = "import gnc_core as g; g.write_image('cat.png', g.load_sample('Cat')[..., :48, :48]); print(g.__file__)"
    assert run(installed, tmp_path, sys.executable, "-c", cat).startswith(str(installed))
    gnc = str(installed / "bin" / "gnc")
    assert "foe-l1" in run(installed, tmp_path, sys.executable, gnc, "info")
    restore = ["restore", "denoise", "--input", "cat.png", "--output", "out.png", "--simulate", "--noise-std", "0.1"]
    assert "PSNR" in run(installed, tmp_path, sys.executable, gnc, *restore)
    assert (tmp_path / "out.png").exists()


def test_the_wheel_holds_the_priors_and_types_and_no_app(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = {file.relative_to(ROOT).as_posix() for file in (ROOT / "pretrained").rglob("*") if file.is_file()}
    assert {f"gnc_core/{name}" for name in shipped} <= names
    assert {"gnc_core/py.typed", "gnc_core/restoration/__init__.pyi"} <= names
    assert not [name for name in names if not name.startswith(("gnc_core/", "gnc_explorer-"))]


def test_the_source_archive_holds_all_rooms(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        tops = {name.split("/")[1] for name in opened.getnames() if "/" in name}
    assert {"app", "gnc_core", "pretrained", "tests", "README.md", "LICENSE", "requirements.txt"} <= tops


def test_the_library_asks_for_no_app_and_no_test_tools(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    archive = zipfile.ZipFile(wheel)
    (metadata,) = (name for name in archive.namelist() if name.endswith("METADATA"))
    wanted = Parser().parsestr(archive.read(metadata).decode()).get_all("Requires-Dist") or []
    plain = {PACKAGE.match(line)[0] for line in wanted if "extra ==" not in line}  # type: ignore[index]
    assert not plain & {"streamlit", "plotly", "pytest", "playwright", "ruff", "mypy", "import-linter"}
    assert {"torch", "numpy", "click"} <= plain


def test_requirements_and_extras_name_the_same_packages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    declared = [*project["dependencies"], *extras["app"], *extras["test"][1:]]
    listed = [
        line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and not line.startswith("#")
    ]
    exact = {line for line in listed if not line.startswith("torch")}
    assert exact == {line for line in declared if not line.startswith("torch")}
