"""Tests compute on one thread: their images are small, and on a busy machine two pools of threads only wait for each other.
On a GPU they compute in float32, as the commands and the explorer do."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import torch  # after the numbers of threads

torch.backends.cudnn.allow_tf32 = False
