"""PyTorch as the explorer computes with it: float32 throughout, on which device, and with how many threads."""

import sys

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
