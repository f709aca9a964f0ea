"""The ways down: schedules of smoothings, and the three schemes that follow them (method, section 4).

A scheme takes any prior and any problem and yields steps; the loop over them is the caller's."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
