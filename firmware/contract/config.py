"""A controller's configuration: what its doors, boards, zones and probes are, and every delay and limit
(R-60 to R-64).

Sealed like a command, so that no gateway widens a limit. Body: `C`, 0x01, then JSON. Temperatures in
hundredths of a degree, times in seconds unless the name ends in `_ms`.
"""

from firmware.contract.errors import ContractError
from firmware.contract.records import decode, encode, integer, is_clean, text

BANK = "bank"
ROOM = "room"

RS485 = "8a80"
MCP = "mcp"
REACH = {RS485: (31, 24), MCP: (127, 8)}
"""Kind of lock board → highest bus address, most locks: the DIP switches and the frame of an 8A/80 board, the
lines of an MCP23017.
"""
MAX_PROBES = 16
"""Of all zones together: what one readings record holds."""


class Door:
    """A compartment's door: its number at the wall, its zone, where its lock hangs, its item sensor."""

    def __init__(self, number: int, zone: str, board: int, channel: int, item_sensor: bool) -> None:
        self.number = number
        self.zone = zone
        self.board = board
        """Index in `boards`."""
        self.channel = channel
        """Lock on that board, from 1."""
        self.item_sensor = item_sensor


class Board:
    """A lock board: its kind, bus address and number of locks."""

    def __init__(self, kind: str, address: int, locks: int) -> None:
        self.kind = kind
        self.address = address
        self.locks = locks


class Zone:
    """A cooled space (or a room), judged by its probes."""

    def __init__(
        self,
        zone_id: str,
        bus: int,
        probes: list[str],
        low: int,
        high: int,
        alert: int,
        delay: int,
        silence: int,
        ajar: int,
    ) -> None:
        self.zone_id = zone_id
        self.bus = bus
        """Index of the 1-Wire bus (or of the room's door contact) on the board."""
        self.probes = probes
        """ROM ids, 16 hex digits, in order of their numbers from 0."""
        self.low = low
        """Legal or physical lower limit, hundredths of a degree; -30000 for none."""
        self.high = high
        """Legal upper limit: the strictest of what the zone holds."""
        self.alert = alert
        """Above this the controller sounds at once."""
        self.delay = delay
        """Seconds above `high` (or below `low`) until it is a breach."""
        self.silence = silence
        """Seconds without one good probe until it is `no data`."""
        self.ajar = ajar
        """Seconds a door of the zone may stand open before the ajar alarm."""


class Config:
    """The whole document. `version` 0: a controller fresh from the factory, which opens nothing."""

    def __init__(
        self,
        version: int,
        kind: str,
        help_number: str,
        sample: int,
        period: int,
        pulse_ms: int,
        tries: int,
        retry: int,
        reopen: int,
        use: int,
        boards: list[Board],
        doors: list[Door],
        zones: list[Zone],
    ) -> None:
        self.version = version
        self.kind = kind
        self.help_number = help_number
        """Phone number shown when a person is stuck."""
        self.sample = sample
        self.period = period
        """Seconds a readings record covers."""
        self.pulse_ms = pulse_ms
        self.tries = tries
        self.retry = retry
        """Seconds between tries at a jammed lock."""
        self.reopen = reopen
        """Seconds in which the same code opens a door again whose goods are still inside."""
        self.use = use
        """Seconds after the open edge at which a use ends."""
        self.boards = boards
        self.doors = doors
        self.zones = zones

    def pack(self) -> bytes:
        """The body to seal for the topic `desired`."""
        return b"C\x01" + encode(
            {
                "v": 1,
                "ver": self.version,
                "kind": self.kind,
                "help": self.help_number,
                "smp": self.sample,
                "per": self.period,
                "pul": self.pulse_ms,
                "tri": self.tries,
                "ret": self.retry,
                "reo": self.reopen,
                "use": self.use,
                "boards": [[board.kind, board.address, board.locks] for board in self.boards],
                "doors": [
                    [d.number, d.zone, d.board, d.channel, 1 if d.item_sensor else 0] for d in self.doors
                ],
                "zones": [
                    [z.zone_id, z.bus, z.probes, z.low, z.high, z.alert, z.delay, z.silence, z.ajar]
                    for z in self.zones
                ],
            }
        )


def factory() -> Config:
    """What a controller knows before its first configuration: nothing, so it opens nothing."""
    return Config(0, BANK, "", 5, 60, 400, 3, 3, 300, 120, [], [], [])


def _rows(message: dict[str, object], key: str, width: int) -> list[list[object]]:
    rows = message.get(key)
    if not isinstance(rows, list) or len(rows) > 128:
        raise ContractError("config")
    checked: list[list[object]] = []
    for row in rows:
        if not isinstance(row, list) or len(row) != width:
            raise ContractError("config")
        checked.append(row)
    return checked


def _int(value: object, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ContractError("config")
    return value


def _str(value: object) -> str:
    if not isinstance(value, str) or len(value) > 32 or not is_clean(value):
        raise ContractError("config")
    return value


def _limits(message: dict[str, object], key: str, low: int, high: int) -> int:
    return _int(integer(message, key), low, high)


def unpack(body: bytes) -> Config:
    """The configuration in an unsealed body; raises ContractError("config") for what no controller should
    obey (R-62).

    A pulse is 50 to 1000 ms, whatever the server says (coil datasheets: more burns).
    """
    if body[:2] != b"C\x01":
        raise ContractError("config")
    message = decode(body[2:])
    kind = text(message, "kind")
    if kind not in (BANK, ROOM):
        raise ContractError("config")
    boards: list[Board] = []
    for row in _rows(message, "boards", 3):
        reach = REACH.get(_str(row[0]))
        if reach is None:
            raise ContractError("config")
        boards.append(Board(_str(row[0]), _int(row[1], 1, reach[0]), _int(row[2], 1, reach[1])))
    zones: list[Zone] = []
    probes_in_all = 0
    for row in _rows(message, "zones", 9):
        ids = row[2]
        if not isinstance(ids, list) or len(ids) > 4:
            raise ContractError("config")
        probes = [_str(rom) for rom in ids]
        probes_in_all += len(probes)
        zones.append(
            Zone(
                _str(row[0]),
                _int(row[1], 0, 7),
                probes,
                _int(row[3], -30000, 12500),
                _int(row[4], -30000, 12500),
                _int(row[5], -30000, 12500),
                _int(row[6], 1, 86400),
                _int(row[7], 1, 86400),
                _int(row[8], 1, 86400),
            )
        )
    if probes_in_all > MAX_PROBES:
        raise ContractError("config")
    doors: list[Door] = []
    numbers: list[int] = []
    locks: list[tuple[int, int]] = []
    for row in _rows(message, "doors", 5):
        door = Door(
            _int(row[0], 1, 255),
            _str(row[1]),
            _int(row[2], 0, len(boards) - 1),
            _int(row[3], 1, 48),
            _int(row[4], 0, 1) == 1,
        )
        lock = (door.board, door.channel)
        if door.channel > boards[door.board].locks or door.number in numbers or lock in locks:
            raise ContractError("config")
        numbers.append(door.number)
        locks.append(lock)
        doors.append(door)
    return Config(
        _limits(message, "ver", 1, 1 << 31),
        kind,
        text(message, "help"),
        _limits(message, "smp", 1, 300),
        _limits(message, "per", 1, 3600),
        _limits(message, "pul", 50, 1000),
        _limits(message, "tri", 1, 5),
        _limits(message, "ret", 1, 60),
        _limits(message, "reo", 1, 3600),
        _limits(message, "use", 10, 3600),
        boards,
        doors,
        zones,
    )
