"""PyTorch as the explorer computes with it: float32 throughout, on which device, and with how many threads."""

import os
import sys

# A convolution is compiled for every size of an image, and kept: of the many that visitors choose, fewer than the 1,024 that
# oneDNN keeps by itself, 40 kB each. It reads this once, at the first convolution.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128")

import torch

from gnc_core.choices import best_device

torch.backends.cudnn.allow_tf32 = False  # on a GPU too
DEVICE = best_device()
CORES = torch.get_num_threads()
torch.set_num_threads(
    1
)  # outside of turns: a page's small tensors gain nothing from more, and those of many pages would meet
# Whoever computes gives Python away and takes it back with every operation; among many pages that each keep it for 5 ms, as they
# do by default, that would take longer than the operations.
sys.setswitchinterval(0.001)
