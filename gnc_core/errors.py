"""What can go wrong without being a fault of the program: input that cannot be used, and too little memory."""

import re


class InputError(ValueError):
    """Input that cannot be used. Its text is one sentence that says what is wrong and what would
    be right; the command line prints it and exits with code 2, the explorer shows it.

    >>> from gnc_core import zoo
    >>> zoo.load("foe-l9")
    Traceback (most recent call last):
    gnc_core.errors.InputError: There is no prior 'foe-l9'; there are foe-l1, foe-l2, foe-l3, or name a prior's folder.
    """


def out_of_memory(error: BaseException) -> bool:
    """Whether `error` means that memory ran out: PyTorch says so in a RuntimeError, on the CPU in its text alone.

    >>> out_of_memory(MemoryError()), out_of_memory(RuntimeError("shapes differ"))
    (True, False)
    """
    lack = isinstance(error, RuntimeError) and re.search("(not enough|out of|allocate) memory", str(error))
    return isinstance(error, MemoryError) or bool(lack)
