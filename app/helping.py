"""A process beside the server's (`app.helpers`): it computes what it is asked for, until its input is closed."""

import os
import pickle
import sys

if hasattr(os, "nice"):
    os.nice(5)  # pages are drawn first, while this loads too

from app import precision  # noqa: F401


def serve() -> None:
    """Reads functions and arguments, and writes what they come to and None, or None and what they raise."""
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what is printed does not belong between the answers
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


if __name__ == "__main__":
    serve()
