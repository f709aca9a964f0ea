"""The parts of pages that run in the browser: a folder each, with its JavaScript and a thin face in Python."""
