"""The light at each door: 16 outputs a chip, chip by lock board, bit by lock."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.drivers.mcp23017 import Mcp23017


class Leds:
    """Lights of all doors of a bank; only one is lit at a time, the one a person should look at."""

    def __init__(self, chips: list["Mcp23017"]) -> None:
        self._chips = chips

    def setup(self) -> bool:
        """All lights off; False if a chip does not answer."""
        there = True
        for chip in self._chips:
            chip.latch = 0
            there = chip.setup() and there
        return there

    def only(self, board: int, channel: int) -> None:
        """Light one door's lamp and no other; board -1 for none."""
        for at in range(len(self._chips)):
            wanted = 1 << (channel - 1) if at == board and 1 <= channel <= 16 else 0
            if self._chips[at].latch != wanted:
                self._chips[at].write(wanted)

    def check(self) -> None:
        """Write the lights again if a chip has forgotten them."""
        for chip in self._chips:
            chip.check()
