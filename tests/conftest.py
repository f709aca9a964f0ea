"""Tests compute on one thread: their images are small, and on a busy machine two pools of threads only wait for each other."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")
