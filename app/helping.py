"""A process beside the server's (`app.helpers`): it computes what it is asked for, until its input is closed."""

import os
import pickle
import sys

if hasattr(os, "nice"):
    os.nice(5)  # pages are drawn first, while this loads too

import torch

from app import memory, precision  # noqa: F401
from gnc_core.measuring.curvature import smallest_eigenvalue
from gnc_core.mixture import PRESETS
from gnc_core.prior import FieldsOfExperts
from gnc_core.sampling import walk


def load() -> None:
    """Has all that is loaded at its first use, compiled functions among it, there before anybody waits for it."""
    smallest_eigenvalue(FieldsOfExperts(), torch.rand(1, 1, 16, 16), -2.0)
    walk(PRESETS["Five components"], chains=1, steps=2, h=0.5, seed=0)


def serve() -> None:
    """Reads functions and arguments, and writes what they come to and None, or None and what they raise."""
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what is printed does not belong between the answers
    load()
    while True:
        try:
            function, arguments = pickle.load(source)
        except EOFError:
            return
        try:
            answer = function(*arguments), None
        except Exception as error:
            answer = None, error
        pickle.dump(answer, sink)
        sink.flush()
        memory.give_back()


if __name__ == "__main__":
    serve()
