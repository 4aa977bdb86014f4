"""The RS-485 line between a controller's serial port and its lock boards: bytes take their time, frames end
by silence, and who holds the driver enabled hears nobody.
"""

from dataclasses import dataclass, field

from simulator.world.chips.lockboard import LockBoard

BAUD = 9600
BYTE_S = 10 / BAUD
SILENCE_S = 0.004
TURN_S = 0.020
"""From a frame's end by silence to a board's answer."""


@dataclass
class Line:
    """The line seen from the controller's port."""

    boards: list[LockBoard] = field(default_factory=list)
    baud: int = 0
    """Of the port; at another speed than the boards' nobody understands a byte."""
    broken: bool = False
    """The cable is cut."""
    spoilt: int = 0
    """Garble this many of the next answers."""
    _driving: bool = False
    _sent: bytearray = field(default_factory=bytearray)
    _heard: bool = True
    _busy_until: float = 0.0
    _deliver_at: float | None = None
    _answers: list[tuple[float, bytes]] = field(default_factory=list)
    _received: list[tuple[float, int]] = field(default_factory=list)

    def drive(self, on: bool, now: float) -> None:
        """The transceiver's driver is enabled or not."""
        if not on and now < self._busy_until:
            self._heard = False  # the last bits never left
        self._driving = on

    def write(self, data: bytes, now: float) -> None:
        """Bytes given to the port."""
        start = max(now, self._busy_until)
        self._busy_until = start + len(data) * BYTE_S
        self._sent += data
        self._heard = self._heard and self._driving
        self._deliver_at = self._busy_until + SILENCE_S

    def sent(self, now: float) -> bool:
        """Whether all given bytes have left."""
        return now >= self._busy_until

    def next_change(self) -> float | None:
        """When a frame reaches the boards, or an answer starts."""
        times = [at for at, _ in self._answers]
        if self._deliver_at is not None:
            times.append(self._deliver_at)
        return min(times, default=None)

    def advance(self, now: float) -> None:
        """Deliver what is due."""
        if self._deliver_at is not None and now >= self._deliver_at:
            at, self._deliver_at = self._deliver_at, None
            data, self._sent = bytes(self._sent), bytearray()
            heard, self._heard = self._heard, True
            if heard and not self.broken and self.baud == BAUD:
                for board in self.boards:
                    answer = board.receive(data, at)
                    if answer is not None:
                        self._answers.append((at + TURN_S, answer))
        for entry in [entry for entry in self._answers if entry[0] <= now]:
            self._answers.remove(entry)
            at, answer = entry
            if self._driving:
                continue
            if self.spoilt:
                self.spoilt -= 1
                answer = answer[:-1] + bytes((answer[-1] ^ 0x20,))
            self._received += [(at + (i + 1) * BYTE_S, byte) for i, byte in enumerate(answer)]

    def available(self, now: float) -> int:
        """Bytes that have arrived and were not read."""
        return sum(1 for at, _ in self._received if at <= now)

    def read(self, count: int, now: float) -> bytes:
        """At most `count` of them."""
        size = min(count, self.available(now))
        taken, self._received = self._received[:size], self._received[size:]
        return bytes(byte for _, byte in taken)

    def power_off(self) -> None:
        """Whatever was on its way is gone."""
        self._sent.clear()
        self._answers.clear()
        self._received.clear()
        self._deliver_at = None
        self._busy_until = 0.0
        self._driving, self._heard = False, True
