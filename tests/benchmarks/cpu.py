"""Prints the table of ratios (the same as `python -m gnc_core bench`) and exits with 1 if a row misses its target.

Run by hand on an idle machine: `python tests/benchmarks/cpu.py`. It is no part of `pytest`.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from gnc_core.measuring import benchmark

if __name__ == "__main__":
    missed = 0
    for timing in benchmark.timings():
        missed += timing.missed
        print(timing, flush=True)
    sys.exit(min(missed, 1))
