"""DS18B20 probes and their 1-Wire bus, slot by slot (Maxim 19-7487), with the ways in which they lie."""

from collections.abc import Callable
from dataclasses import dataclass, field

CONVERSION_S = 0.75
_SEARCH, _MATCH, _SKIP, _READ_ROM = 0xF0, 0x55, 0xCC, 0x33
_CONVERT, _READ, _WRITE, _COPY, _RECALL, _SUPPLY = 0x44, 0xBE, 0x4E, 0x48, 0xB8, 0xB4
_POWER_ON_RAW = 0x0550  # 85.0 °C
_LOWEST_RAW, _HIGHEST_RAW = -55 * 16, 125 * 16


def crc8(data: bytes) -> int:
    """The 1-Wire CRC (polynomial 0x8C, reflected)."""
    crc = 0
    for byte in data:
        for _ in range(8):
            crc, byte = crc >> 1 ^ (0x8C if (crc ^ byte) & 1 else 0), byte >> 1
    return crc


def rom_bytes(rom: str) -> bytes:
    """A ROM id of 16 hex digits, family first and CRC last, as it travels. ValueError if it is no such id."""
    data = bytes.fromhex(rom)
    if len(data) != 8:
        raise ValueError(f"a ROM id has 16 hex digits, not {rom!r}")
    return data


@dataclass
class Probe:
    """One sensor. `celsius` gives what it would feel now; the other fields are what is wrong with it."""

    rom: str
    celsius: Callable[[], float]
    unplugged: bool = False
    stuck: bool = False
    """Repeats its last value for ever."""
    resets: bool = False
    """Loses power in each conversion, so that it answers 85.0."""
    offset_c: float = 0.0
    """A drift, set from outside."""
    garbled: bool = False
    """One bit of each scratchpad arrives wrong."""
    note: Callable[[str], None] = lambda _what: None
    """Told when the plug is pulled or put back."""
    _raw: int = _POWER_ON_RAW
    _settings: bytearray = field(default_factory=lambda: bytearray((0x4B, 0x46, 0x7F)))
    _ready_at: float = 0.0
    _next_raw: int | None = None

    def unplug(self, on: bool = True) -> None:
        """Pull the plug (or put it back: the probe then starts anew)."""
        if self.unplugged and not on:
            self.power_on()
        if on != self.unplugged:
            self.unplugged = on
            self.note(f"probe {self.rom} {'unplugged' if on else 'plugged in again'}")

    def power_on(self) -> None:
        """Power has come back: 85.0 until the first conversion."""
        self._raw, self._next_raw = _POWER_ON_RAW, None

    def convert(self, now: float) -> None:
        """Start a conversion; the result can be read 750 ms later."""
        self.settle(now)
        if self.resets:
            self.power_on()
            return
        felt = round((self.celsius() + self.offset_c) * 16)
        self._next_raw = max(_LOWEST_RAW, min(_HIGHEST_RAW, felt))
        self._ready_at = now + CONVERSION_S

    def settle(self, now: float) -> bool:
        """Take over a finished conversion; whether the probe is idle."""
        if self._next_raw is None:
            return True
        if now < self._ready_at:
            return False
        if not self.stuck or self._raw == _POWER_ON_RAW:
            self._raw = self._next_raw
        self._next_raw = None
        return True

    def scratchpad(self, now: float) -> bytes:
        """Nine bytes with their CRC, as a genuine part fills them."""
        self.settle(now)
        body = self._raw.to_bytes(2, "little", signed=True) + bytes(self._settings)
        count_remain = 0x0C if self._raw == _POWER_ON_RAW else 0x10 - (self._raw & 0x0F)
        body += bytes((0xFF, count_remain, 0x10))
        frame = bytearray(body + bytes((crc8(body),)))
        if self.garbled:
            frame[0] ^= 0x04
        return bytes(frame)

    def settings(self, data: bytes) -> None:
        """Alarm limits and resolution, as written to the scratchpad."""
        self._settings = bytearray((data[0], data[1], data[2] & 0x60 | 0x1F))


class Wire:
    """The bus: presence, search, ROM and function commands, for the probes that hang on it."""

    def __init__(self, probes: list[Probe]) -> None:
        self.probes = probes
        self.shorted = False
        self.broken = False
        """The cable is cut behind the controller: nobody there."""
        self._selected: list[Probe] = []
        self._phase = "idle"
        self._shift = 0
        self._bits = 0
        self._collected = bytearray()
        self._out: list[int] = []
        self._searching: list[tuple[Probe, int]] = []
        self._search_bit = 0
        self._search_step = 0

    def _there(self) -> list[Probe]:
        return [] if self.broken else [probe for probe in self.probes if not probe.unplugged]

    def reset(self) -> bool:
        """A reset pulse; whether the line was pulled in answer."""
        self._selected = []
        self._phase = "rom"
        self._shift = self._bits = 0
        self._out = []
        return self.shorted or bool(self._there())

    def write_bit(self, bit: int, now: float) -> None:
        """One write slot."""
        if self.shorted or self._phase == "idle":
            return
        if self._phase == "search":
            self._choose(bit)
            return
        self._shift |= (bit & 1) << self._bits
        self._bits += 1
        if self._bits == 8:
            byte, self._shift, self._bits = self._shift, 0, 0
            self._byte(byte, now)

    def read_bit(self, now: float) -> int:
        """One read slot: low wins."""
        if self.shorted:
            return 0
        if self._phase == "search":
            return self._offer()
        if self._phase == "busy":
            return int(not [probe for probe in self._selected if not probe.settle(now)])
        return self._out.pop(0) if self._out else 1

    def write(self, byte: int, now: float) -> None:
        """Eight write slots."""
        for index in range(8):
            self.write_bit(byte >> index & 1, now)

    def read(self, now: float) -> int:
        """Eight read slots."""
        return sum(self.read_bit(now) << index for index in range(8))

    def _byte(self, byte: int, now: float) -> None:
        if self._phase == "rom":
            self._rom_command(byte)
        elif self._phase == "match":
            self._collected.append(byte)
            if len(self._collected) == 8:
                wanted = bytes(self._collected)
                self._selected = [probe for probe in self._there() if rom_bytes(probe.rom) == wanted]
                self._phase = "function"
        elif self._phase == "function":
            self._function(byte, now)
        elif self._phase == "settings":
            self._collected.append(byte)
            if len(self._collected) == 3:
                for probe in self._selected:
                    probe.settings(bytes(self._collected))
                self._phase = "idle"

    def _rom_command(self, byte: int) -> None:
        if byte == _SKIP:
            self._selected, self._phase = self._there(), "function"
        elif byte == _MATCH:
            self._collected, self._phase = bytearray(), "match"
        elif byte == _READ_ROM:
            self._selected, self._phase = self._there(), "function"
            self._answer([rom_bytes(probe.rom) for probe in self._selected])
        elif byte == _SEARCH:
            self._searching = [(p, int.from_bytes(rom_bytes(p.rom), "little")) for p in self._there()]
            self._search_bit = self._search_step = 0
            self._phase = "search"
        else:
            self._phase = "idle"

    def _function(self, byte: int, now: float) -> None:
        if byte == _CONVERT:
            for probe in self._selected:
                probe.convert(now)
            self._phase = "busy"
        elif byte == _READ:
            self._answer([probe.scratchpad(now) for probe in self._selected])
            self._phase = "idle"
        elif byte == _WRITE:
            self._collected, self._phase = bytearray(), "settings"
        else:
            # Copy and recall end at once; asked for its supply, a probe with its own answers 1, the idle
            # level.
            self._phase = "idle"

    def _answer(self, frames: list[bytes]) -> None:
        """Several devices talking at once: the wired AND of what they say."""
        self._out = []
        for index in range(max((len(frame) for frame in frames), default=0) * 8):
            self._out.append(int(all(frame[index // 8] >> index % 8 & 1 for frame in frames)))

    def _offer(self) -> int:
        """The two read slots of a search triplet: the bit, then its complement."""
        wanted = self._search_step % 2
        self._search_step += 1
        return int(all((rom >> self._search_bit & 1) ^ wanted for _, rom in self._searching))

    def _choose(self, bit: int) -> None:
        """The write slot of the triplet: devices with the other bit fall silent."""
        self._searching = [(p, rom) for p, rom in self._searching if rom >> self._search_bit & 1 == bit]
        self._search_bit += 1
        self._search_step = 0
        if self._search_bit == 64:
            self._selected, self._phase = [probe for probe, _ in self._searching], "function"
