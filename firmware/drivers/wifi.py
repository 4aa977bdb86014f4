"""The radio, second choice after the cable. Its status words lie after a router's restart, so the states are
our own.

Each join starts with a disconnect and a pause, lasts 20 s at most, and after five failures the radio is
switched off and on (micropython threads 7139, 17661, 3967: a second `connect` fails, `status` stays at "got
address" without a router).
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.drivers.seams import Station

_OFF, _PAUSE, _JOINING, _UP = 0, 1, 2, 3
_PAUSE_MS = 1_000
_JOIN_MS = 20_000
_FAILURES = 5


class Wifi:
    """`step` is called about once a second and says whether the site's network can be used."""

    def __init__(self, station: "Station", ssid: str, key: str) -> None:
        self._station = station
        self._ssid = ssid
        self._key = key
        self._state = _OFF
        self._waited_ms = 0
        self._failures = 0
        self.restarts = 0

    def step(self, elapsed_ms: int) -> bool:
        """True if the network is joined."""
        self._waited_ms += elapsed_ms
        try:
            return self._step()
        except OSError:
            self._failed()
            return False

    def _to(self, state: int) -> None:
        self._state = state
        self._waited_ms = 0

    def _failed(self) -> None:
        self._failures += 1
        if self._failures >= _FAILURES:
            self._failures = 0
            self.restarts += 1
            self._to(_OFF)
        else:
            self._to(_PAUSE)

    def _step(self) -> bool:
        if self._state == _OFF:
            self._to(_PAUSE)
            self._station.active(False)
            self._station.active(True)
        elif self._state == _PAUSE:
            if self._waited_ms >= _PAUSE_MS:
                self._station.disconnect()
                self._station.connect(self._ssid, self._key)
                self._to(_JOINING)
        elif self._station.isconnected():
            self._failures = 0
            self._state = _UP
            self._waited_ms = 0
            return True
        elif self._state == _UP or self._waited_ms >= _JOIN_MS:
            self._failed()
        return False
