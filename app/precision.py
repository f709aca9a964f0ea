"""PyTorch as the explorer computes with it: float32 throughout, and on which device."""

import torch

from gnc_core.choices import best_device

torch.backends.cudnn.allow_tf32 = False  # on a GPU too
DEVICE = best_device()
