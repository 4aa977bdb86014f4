"""The one error of this package: a line for the person at the machine, exit status 2."""


class InstallationError(Exception):
    """It can't be done, or not so; the text says what to do instead."""
