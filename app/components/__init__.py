"""The parts of the explorer that run in the browser: one folder each."""
