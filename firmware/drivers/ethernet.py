"""The wired port: a W5500 on SPI.

Every wait is bounded; a port that stays down is switched off and on again.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.drivers.seams import Port

_PATIENCE_MS = 30_000


class Ethernet:
    """`step` is called about once a second and says whether the site's network can be used."""

    def __init__(self, port: "Port") -> None:
        self._port = port
        self._active = False
        self._waited_ms = 0
        self.restarts = 0

    def step(self, elapsed_ms: int) -> bool:
        """True if link and address are there; switches the port on, and off and on again after 30 s without
        them.
        """
        try:
            if not self._active:
                self._port.active(True)
                self._active = True
                self._waited_ms = 0
            if self._port.isconnected():
                self._waited_ms = 0
                return True
            self._waited_ms += elapsed_ms
            if self._waited_ms >= _PATIENCE_MS:
                self.restarts += 1
                self._port.active(False)
                self._active = False
        except OSError:
            # No chip, or it does not answer: the next step tries again.
            self.restarts += 1
            self._active = False
        return False
