"""Learning priors by joint score matching, and schedules by unrolling (method, sections 3 and 4).

This room holds the losses, the training with its checkpoints and logs, and the fit of schedules."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
