"""The explorer as a process of its own, for the tests in a browser."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Server:
    """A running one. url: its address, without a slash at its end. pid: of its process."""

    url: str
    pid: int


@contextmanager
def explorer(log: Path) -> Iterator[str]:
    """`streamlit run app/main.py`, as the README has it, on a free port; yields its address."""
    with server(log) as running:
        yield running.url


@contextmanager
def server(log: Path, script: Path = Path("app/main.py"), folder: Path = ROOT) -> Iterator[Server]:
    """`streamlit run` of a script in a folder, on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "STREAMLIT_SERVER_HEADLESS": "true",  # opens no browser of its own
        "STREAMLIT_SERVER_ADDRESS": "127.0.0.1",
        "STREAMLIT_SERVER_PORT": str(port),
    }
    # -P: as the command `streamlit`, without this folder on the path for modules
    command = [sys.executable, "-P", "-m", "streamlit", "run", str(script)]
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=os.environ | settings, stdout=output, stderr=subprocess.STDOUT
        )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 300
        while not _answers(f"{url}/_stcore/health"):
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"The explorer did not start:\n{log.read_text()}")
            time.sleep(0.2)
        yield Server(url, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False
