"""What a board is refused for, one named error each: the text says what was found, what is wanted, and what
to do. None ever carries a key.
"""

from installation.errors import InstallationError


class BoardError(InstallationError):
    """A board was not written, or not as wanted."""


class ToolMissing(BoardError):  # noqa: N818  a thing that is missing
    """esptool, mpremote or the compiler is not there."""


class NoAnswer(BoardError):  # noqa: N818
    """Nothing that speaks our language is at the port."""


class WrongImage(BoardError):  # noqa: N818
    """The file is not the MicroPython image that these boards need, or not the file that was promised."""


class WrongChip(BoardError):  # noqa: N818
    """Another chip than an ESP32-S3, or one whose memory sits on pins that the boards use."""


class WrongFlash(BoardError):  # noqa: N818
    """The flash has not the size or not the partitions that the program needs."""


class WrongInterpreter(BoardError):  # noqa: N818
    """MicroPython is too old, or was built without something that the program stands on."""


class WrongBoard(BoardError):  # noqa: N818
    """The chips on the board are not those of the board that the site file names."""


class WrongRevision(BoardError):  # noqa: N818
    """The board's straps say a revision that this program was not written for."""


class OtherIdentity(BoardError):  # noqa: N818
    """The board is already somebody: another controller, with a journal of its own."""


class BadIdentity(BoardError):  # noqa: N818
    """Site file and secrets do not give a controller's identity."""


class NotKept(BoardError):  # noqa: N818
    """What was written is not what is read back."""
