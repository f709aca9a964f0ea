"""Learning priors by joint score matching, and schedules by unrolling (method, sections 3 and 4).

This room holds the losses, the training with its checkpoints and logs, and the fit of schedules. In `regression` the score of a
mixture is learned by a two-layer network, as a regression with noisy labels; in `noise2score` a prior is learned from noisy
images alone, and restores them by Tweedie's formula."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
