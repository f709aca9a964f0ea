"""The one exception that means: the caller's input cannot be used."""


class InputError(ValueError):
    """Input that cannot be used. Its text is one sentence that says what is wrong and what would
    be right; the command line prints it and exits with code 2, the explorer shows it."""
