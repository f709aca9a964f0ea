"""What pages need and *Start* does not, loaded in the background while pages are read."""

import logging
import threading
from importlib import import_module

# The next page of the lecture comes first.
MODULES = ("app.precision", "app.drawing", "pandas", "app.runs", "app.inner", "app.landscapes", "app.samplings", "app.watching",
           "app.learnings")  # fmt: skip
PAUSE = 1.0  # seconds: the browser draws first
log = logging.getLogger(__name__)
_lock, _stop, _thread, _left = threading.Lock(), threading.Event(), threading.Thread(), list(MODULES)


def begin() -> None:
    """Goes on loading what is left; returns at once."""
    global _thread
    with _lock:
        if _left and not _thread.is_alive():
            _stop.clear()
            _thread = threading.Thread(target=_load, name="warming", daemon=True)
            _thread.start()


def give_way() -> None:
    """Ends the loading after the module that it is at: a page loads what it needs itself, and two threads that load modules
    which need each other could meet one that is half loaded."""
    with _lock:
        _stop.set()
        if _thread.is_alive():
            _thread.join()


def _load() -> None:
    pause = PAUSE
    while _left and not _stop.wait(pause):
        pause = 0.0
        try:
            import_module(_left.pop(0))
        except Exception:  # the page that needs it will say so
            log.exception("A module could not be loaded ahead")
