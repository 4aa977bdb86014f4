"""Lock boards of the "8A/80" family on RS-485, 9600 8N1, DIP addresses 1 to 31, up to 24 locks.

    open one    8A addr lock 11 xor  →  8A addr lock state xor     the board times the pulse itself
    query all   80 addr 00   33 xor  →  80 addr s1 s2 s3 33 xor    s1: locks 1 to 8 (bit 0 is lock 1), s2: 9 …

`lock` 00 in an open order fires every lock of the board: no frame with it is ever made. The answer to an
order says that the pulse was sent, never that a door opened. An 8-lock board may answer with as many state
bytes as a 24-lock one, so a frame ends by silence and is believed by its XOR; the number of locks comes from
the configuration. Whether a 1 means open or closed depends on how the feedback switches are wired.
"""

import asyncio
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.drivers.seams import OutputPin, SerialPort

_OPEN = 0x8A
_STATE = 0x80
_FIRE = 0x11
_QUERY = 0x33
_SEND_MS = 4
"""Most of the 5.2 ms that five characters take at 9600 baud."""
_ANSWER_MS = 60
_POLL_MS = 4
_SILENCE_MS = 5
"""Five characters at 9600 baud: no board pauses so long inside a frame."""
_CAP = 32
_PULSE_MS = 600
"""The board's own pulse is set to 500 ms; after this the coil is off."""
_TRIES = 2
LOCKS_MOST = 24


def frame(head: int, address: int, lock: int, tail: int) -> bytes:
    """A five-byte order with its XOR; raises ValueError for an open order of lock 0 or above 24, or an
    address.
    """
    if not 1 <= address <= 31 or (head == _OPEN and not 1 <= lock <= LOCKS_MOST):
        raise ValueError(address, lock)
    return bytes((head, address, lock, tail, head ^ address ^ lock ^ tail))


def is_whole(answer: bytes | bytearray, head: int, address: int) -> bool:
    """True if the bytes are one frame of that board with a right XOR."""
    if len(answer) < 5 or answer[0] != head or answer[1] != address:
        return False
    total = 0
    for value in answer:
        total ^= value
    return total == 0


def state_bits(answer: bytes | bytearray) -> int:
    """The state bytes of an answer to *query all* as one number, bit `lock - 1`."""
    bits = 0
    for at in range(len(answer) - 4):
        bits |= answer[2 + at] << (8 * at)
    return bits


class Rs485:
    """The bus all lock boards share: one conversation at a time, half duplex with a driver-enable pin."""

    def __init__(self, port: "SerialPort", drive: "OutputPin") -> None:
        self._port = port
        self._drive = drive
        self._free = asyncio.Lock()
        self._answer = bytearray(_CAP)
        self.noise = 0
        """Answers that were no whole frame."""
        self.silent = 0
        """Orders nobody answered."""

    async def ask(self, order: bytes, head: int, address: int) -> bytes:
        """Send an order and return the board's frame, empty if none came in time or it was damaged."""
        async with self._free:
            while self._port.any():
                # Stale bytes of an answer that came too late would be taken for the new one.
                self._port.read()
            self._drive.value(1)
            self._port.write(order)
            await asyncio.sleep_ms(_SEND_MS)
            # The rest is waited for on the spot: the board answers at once, and must not find us still
            # talking.
            self._port.flush()
            self._drive.value(0)
            got = await self._listen()
        if got == 0:
            self.silent += 1
            return b""
        answer = bytes(self._answer[:got])
        if not is_whole(answer, head, address):
            self.noise += 1
            return b""
        return answer

    async def _listen(self) -> int:
        got = 0
        begun = time.ticks_ms()
        last = begun
        while True:
            await asyncio.sleep_ms(_POLL_MS)
            now = time.ticks_ms()
            if self._port.any():
                piece = self._port.read()
                if piece is not None:
                    for value in piece:
                        if got < _CAP:
                            self._answer[got] = value
                            got += 1
                last = now
            elif got:
                if time.ticks_diff(now, last) >= _SILENCE_MS:
                    return got
            elif time.ticks_diff(now, begun) >= _ANSWER_MS:
                return 0


class LockBoard8a80:
    """One board. `open_level` is the state bit that means "door open", by how the feedback switches are
    wired.
    """

    def __init__(self, bus: Rs485, address: int, locks: int, open_level: int = 1) -> None:
        if locks > LOCKS_MOST:
            raise ValueError(locks)
        self._bus = bus
        self._address = address
        self._query = frame(_STATE, address, 0, _QUERY)
        self._flip = 0 if open_level else (1 << locks) - 1
        self._mask = (1 << locks) - 1
        self.locks = locks
        self.open_bits = 0

    async def pulse(self, channel: int, pulse_ms: int) -> bool:  # noqa: ARG002 - the board times the pulse itself
        """Order one pulse, once: an unanswered order may have been carried out, so it is never repeated."""
        if not 1 <= channel <= self.locks:
            return False
        order = frame(_OPEN, self._address, channel, _FIRE)
        answer = await self._bus.ask(order, _OPEN, self._address)
        # Also an unanswered order may have been carried out: the next coil waits for the end of this pulse.
        await asyncio.sleep_ms(_PULSE_MS)
        return len(answer) == 5 and answer[2] == channel

    async def refresh(self) -> bool:
        """Read all door contacts into `open_bits`; asking again does no harm, so it is tried twice."""
        for _ in range(_TRIES):
            answer = await self._bus.ask(self._query, _STATE, self._address)
            if len(answer) >= 6 and answer[-2] == _QUERY and (len(answer) - 4) * 8 >= self.locks:
                self.open_bits = (state_bits(answer) ^ self._flip) & self._mask
                return True
        return False

    def guard(self) -> None:
        """Nothing to end: the board ends its pulses itself."""
