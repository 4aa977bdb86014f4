"""What a board description can be refused for: one named error per mistake, each worded for whoever edits
the data.
"""


class BoardFault(Exception):  # noqa: N818  the field says "fault" of a design
    """A mistake in a board description. The message names the board, the thing at fault and what would be
    right.
    """


class PinUsedTwice(BoardFault):
    """One GPIO carries two nets."""


class NetUsedTwice(BoardFault):
    """One net name is driven by two GPIOs or declared by two expander ports."""


class NoSuchPin(BoardFault):
    """The GPIO does not exist or is not brought out of the module."""


class FlashPin(BoardFault):
    """The GPIO belongs to the module's flash or to its octal PSRAM."""


class StrappingPin(BoardFault):
    """A GPIO read by the boot ROM is used in a way that can change how the chip starts, or moves a coil."""


class UsbPin(BoardFault):
    """GPIO19/20 are the only way to flash and debug a board in the field: they stay USB."""


class ConsolePin(BoardFault):
    """The boot ROM prints on UART0: anything but a console there sees garbage at each start."""


class InputOnlyPin(BoardFault):
    """A pin that can only read is meant to drive something."""


class OutputOnlyLine(BoardFault):
    """An expander line that its maker admits as an output only is read, and nobody wrote down why that may
    be.
    """


class HighAtReset(BoardFault):
    """An output would be high before the firmware owns it: pulled up at reset, or glitching high at
    power-up.
    """


class UndefinedAtReset(BoardFault):
    """An output that must rest at a level is held there by no external resistor."""


class CoilUnguarded(BoardFault):
    """A coil line lacks its pull-down, its gate or its hardware cut-off."""


class CutoffTooLong(BoardFault):
    """The hardware monostable may hold a coil on for longer than the limit, at worst tolerances."""


class TooManyCoils(BoardFault):
    """The design lets more than one coil be on at a time."""


class DriverTooWeak(BoardFault):
    """A coil driver is rated below twice the coil current."""


class I2cAddressClash(BoardFault):
    """Two chips answer to the same address on one bus."""


class I2cAddressImpossible(BoardFault):
    """The address is not one that the part can be strapped to."""


class BusTooFast(BoardFault):
    """A bus is clocked faster than one of its chips allows."""


class LockBoardAddress(BoardFault):
    """A lock board's address is taken twice or lies outside 1 to 31."""


class RailOverBudget(BoardFault):
    """The loads of a rail, with headroom, exceed what feeds it."""


class ChipOverCurrent(BoardFault):
    """The outputs of one chip together exceed what its package may carry."""


class UnknownName(BoardFault):
    """A net, rail or bus is named that the board does not declare."""


class NetGoesNowhere(BoardFault):
    """A net ends at one place only: a trace to nothing."""


class RefUsedTwice(BoardFault):
    """Two parts carry one reference designator."""


class RevisionStraps(BoardFault):
    """The resistors that tell a board's revision say another one than its description."""


class NoLockOut(BoardFault):
    """Nothing but the program keeps two coils from being on at once."""


class HoldUpTooShort(BoardFault):
    """The capacitor is empty before what must be finished after a power failure is."""


class CableDrop(BoardFault):
    """A cable loses more of its rail's voltage than what hangs on it can do without."""


class ConnectorUnwired(BoardFault):
    """A connector has no cable, or a cable has another number of ends than its connector has poles."""


class FuseTooSmall(BoardFault):
    """A cable's fuse would blow at the current that the cable is meant for."""
