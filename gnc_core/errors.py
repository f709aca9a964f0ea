"""What can go wrong without being a fault of the program: input that cannot be used, and too little memory."""

import re


class InputError(ValueError):
    """Input that cannot be used. Its text is one sentence that says what is wrong and what would
    be right; the command line prints it and exits with code 2, the explorer shows it."""


def out_of_memory(error: BaseException) -> bool:
    """Whether `error` means that memory ran out: PyTorch says so in a RuntimeError, on the CPU in its text alone."""
    lack = isinstance(error, RuntimeError) and re.search("(not enough|out of|allocate) memory", str(error))
    return isinstance(error, MemoryError) or bool(lack)
