"""What a command imports before it answers: questions about options come without PyTorch."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

LOADED = """
import json, sys
from gnc_core.__main__ import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print("\\n" + json.dumps(sorted(sys.modules)))
"""


def modules(*arguments: str) -> set[str]:
    """The names of all modules that a command has loaded when it ends."""
    done = subprocess.run([sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["restore", "--help"],
        ["train", "--help"],
        ["sweep", "--help"],
        ["sample", "--help"],
        ["info"],
        ["info", "foe-l1"],
        ["restore", "denoise", "--nonsense"],
        ["restore", "denoise", "--input", "a.png"],
        ["evaluate", "--data", ".", "--task", "denoise", "--noise-std", "-1"],
        ["fit-schedule", "--data", ".", "--task", "sharpen", "--out", "a.json"],
    ],
    ids=" ".join,
)
def test_questions_about_options_load_no_torch(arguments: list[str]) -> None:
    assert not modules(*arguments) & {"torch", "numba", "scipy", "skimage", "PIL"}


def test_restore_loads_nothing_that_training_needs(tmp_path) -> None:
    python = "import gnc_core; gnc_core.write_image('cat.png', gnc_core.load_sample('Cat')[..., :16, :16])"
    subprocess.run([sys.executable, "-c", python.replace("'cat.png'", repr(str(tmp_path / "cat.png")))], check=True)
    files = ["--input", str(tmp_path / "cat.png"), "--output", str(tmp_path / "out.png")]
    loaded = modules("restore", "denoise", *files, "--noise-std", "0.1")
    assert "torch" in loaded
    assert not loaded & {"pytorch_optimizer", "sympy", "gnc_core.learning.training", "gnc_core.sweeps.running"}
