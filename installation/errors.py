"""The errors of this package: a line each for the person at the machine."""


class InstallationError(Exception):
    """It can't be done, or not so; the text says what to do instead."""


class Unwell(Exception):  # noqa: N818 - a finding, not a failure
    """The doctor found something bad: exit status 1."""
