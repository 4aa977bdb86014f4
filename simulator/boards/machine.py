"""Stand-in for the ESP32's `machine`: pins, buses, timers, watchdog and resets of a simulated board."""

import _thread
import gc
import io
import os
import struct
import time

import micropython
import world_link as world
from micropython import const

PWRON_RESET = const(1)
HARD_RESET = const(2)
WDT_RESET = const(3)
DEEPSLEEP_RESET = const(4)
SOFT_RESET = const(5)

_POLL = const(3)
_READABLE = const(1)
_WRITABLE = const(4)


class Pin:
    """A GPIO. Levels, pulls and what hangs on the net are the world's business."""

    IN = 1
    OUT = 3
    OPEN_DRAIN = 7
    PULL_DOWN = 1
    PULL_UP = 2

    def __init__(self, id, mode=-1, pull=-1, *, value=None):
        self._get = bytes((id,))
        self._low = bytes((id, 0))
        self._high = bytes((id, 1))
        self.id = id
        if mode != -1 or pull != -1 or value is not None:
            self.init(mode, pull, value=value)

    def init(self, mode=-1, pull=-1, *, value=None):
        """Set direction, pull and level together, level first, as the chip does."""
        pull = 0 if pull is None else pull & 255
        world.ask(world.PIN_INIT, bytes((self.id, mode & 255, pull, 255 if value is None else bool(value))))

    def value(self, x=None):
        """Read the level, or set it."""
        if x is None:
            return world.ask(world.PIN_GET, self._get)
        world.ask(world.PIN_SET, self._high if x else self._low)

    def __call__(self, x=None):
        """Short for `value`."""
        return self.value(x)

    def on(self):
        """Drive high (let go, if open drain)."""
        world.ask(world.PIN_SET, self._high)

    def off(self):
        """Drive low."""
        world.ask(world.PIN_SET, self._low)

    def __repr__(self):
        return "Pin(%d)" % self.id


def _number(pin):
    return 255 if pin is None else pin if isinstance(pin, int) else pin.id


class I2C:
    """An I2C bus: one call to the world for each transfer, start to stop."""

    def __init__(self, id=-1, *, scl=None, sda=None, freq=400000, timeout=50000):
        self._bus = id & 255
        world.ask(world.I2C_INIT, struct.pack("<BBBI", self._bus, _number(sda), _number(scl), freq))

    def _transfer(self, address, out, into):
        world.ask(world.I2C_TRANSFER, struct.pack("<BBH", self._bus, address, len(into)) + out, into)

    def scan(self):
        """Addresses that answer, 8 to 119."""
        found = []
        for address in range(8, 120):
            try:
                self._transfer(address, b"", b"")
            except OSError:
                continue
            found.append(address)
        return found

    def readfrom(self, addr, nbytes, stop=True):
        """`nbytes` from the chip at `addr`."""
        buf = bytearray(nbytes)
        self._transfer(addr, b"", buf)
        return bytes(buf)

    def readfrom_into(self, addr, buf, stop=True):
        """Fill `buf` from the chip at `addr`."""
        self._transfer(addr, b"", buf)

    def writeto(self, addr, buf, stop=True):
        """Write `buf`; returns the number of bytes acknowledged."""
        self._transfer(addr, buf, b"")
        return len(buf)

    def writevto(self, addr, vector, stop=True):
        """Write several buffers in one transfer."""
        out = b"".join(bytes(part) for part in vector)
        self._transfer(addr, out, b"")
        return len(out)

    def _register(self, memaddr, addrsize):
        return memaddr.to_bytes(addrsize // 8, "big")

    def readfrom_mem(self, addr, memaddr, nbytes, *, addrsize=8):
        """`nbytes` from register `memaddr` on."""
        buf = bytearray(nbytes)
        self._transfer(addr, self._register(memaddr, addrsize), buf)
        return bytes(buf)

    def readfrom_mem_into(self, addr, memaddr, buf, *, addrsize=8):
        """Fill `buf` from register `memaddr` on."""
        self._transfer(addr, self._register(memaddr, addrsize), buf)

    def writeto_mem(self, addr, memaddr, buf, *, addrsize=8):
        """Write `buf` to the registers from `memaddr` on."""
        self._transfer(addr, self._register(memaddr, addrsize) + buf, b"")


class SoftI2C(I2C):
    """The same bus, driven by pins."""

    def __init__(self, scl, sda, *, freq=400000, timeout=50000):
        super().__init__(-1, scl=scl, sda=sda, freq=freq)


class UART(io.IOBase):
    """A serial port. The line's speed is the world's: bytes arrive when they would."""

    def __init__(
        self, id, baudrate=115200, bits=8, parity=None, stop=1, *, tx=None, rx=None, timeout=0, **other
    ):
        self._id = bytes((id,))
        self._timeout_ms = timeout
        self.init(baudrate, bits, parity, stop, tx=tx, rx=rx, timeout=timeout, **other)

    def init(self, baudrate=115200, bits=8, parity=None, stop=1, *, tx=None, rx=None, timeout=0, **other):
        """Configure the port."""
        self._timeout_ms = timeout
        world.ask(world.UART_INIT, self._id + struct.pack("<BBI", _number(tx), _number(rx), baudrate))

    def any(self):
        """Bytes received and not yet read."""
        return world.ask(world.UART_ANY, self._id)

    def readinto(self, buf, nbytes=None):
        """What has arrived, at most the buffer's size, waiting up to `timeout`; None if nothing."""
        size = len(buf) if nbytes is None else min(nbytes, len(buf))
        start = time.ticks_ms()
        while True:
            count = world.ask(world.UART_READ, self._id + bytes((size & 255, size >> 8)), buf)
            if count or time.ticks_diff(time.ticks_ms(), start) >= self._timeout_ms:
                return count or None
            time.sleep_ms(1)

    def read(self, nbytes=None):
        """At most `nbytes` (all there is, without); None if nothing has arrived."""
        buf = bytearray(nbytes or max(self.any(), 1))
        count = self.readinto(buf)
        return bytes(buf[:count]) if count else None

    def write(self, buf):
        """Hand the bytes to the port; returns at once, as with a transmit buffer."""
        world.ask(world.UART_WRITE, self._id + bytes(buf))
        return len(buf)

    def txdone(self):
        """Whether the last bit has left."""
        return bool(world.ask(world.UART_TXDONE, self._id))

    def flush(self):
        """Wait until the last bit has left."""
        while not self.txdone():
            time.sleep_ms(1)

    def ioctl(self, request, argument):
        """For `select.poll` and asyncio streams."""
        if request != _POLL:
            return 0
        ready = argument & _WRITABLE
        if argument & _READABLE and self.any():
            ready |= _READABLE
        return ready

    def deinit(self):
        """Switch the port off."""


class SPI:
    """Only carried to `network.LAN`: nothing of the project speaks to a chip on SPI by itself."""

    MSB = 0
    LSB = 1

    def __init__(
        self, id, baudrate=500000, *, polarity=0, phase=0, bits=8, firstbit=0, sck=None, mosi=None, miso=None
    ):
        self.id = id
        self.baudrate = baudrate


def _scheduled(function, argument):
    """Whether the main thread has taken the call on; its queue is short."""
    try:
        micropython.schedule(function, argument)
    except RuntimeError:
        return False
    return True


class Timer:
    """A software timer as on the ESP32: its callback runs in the main thread between two bytecodes, also
    while the program hangs in a loop.
    """

    ONE_SHOT = 0
    PERIODIC = 1

    def __init__(self, id=-1, **options):
        self._turn = 0
        """Counts starts and stops, so that a thread of an older start falls silent."""
        self._callback = None
        if options:
            self.init(**options)

    def init(self, *, mode=PERIODIC, freq=-1, period=-1, callback=None, hard=False):
        """Start; an older start is forgotten."""
        if hard:
            raise ValueError("hard timers are not there")
        if freq > 0:
            period = int(1000 / freq)
        self._turn += 1
        self._callback = callback
        _thread.start_new_thread(self._wait, (self._turn, mode, period))

    def _wait(self, turn, mode, period):
        deadline = time.ticks_add(time.ticks_ms(), period)
        while True:
            time.sleep_ms(max(0, time.ticks_diff(deadline, time.ticks_ms())))
            if turn != self._turn:
                return
            while not _scheduled(self._fire, turn):
                time.sleep_ms(1)
            if mode == self.ONE_SHOT:
                return
            deadline = time.ticks_add(deadline, period)

    def _fire(self, turn):
        if turn == self._turn and self._callback is not None:
            world.link().run(self._call, turn)

    def _call(self, turn):
        if turn == self._turn:
            self._callback(self)

    def deinit(self):
        """Stop."""
        self._turn += 1


class WDT:
    """The watchdog: the world ends and restarts the controller when it is not fed."""

    def __init__(self, id=0, timeout=5000):
        world.ask(world.WATCHDOG_START, struct.pack("<I", timeout))

    def feed(self):
        """Put the end off by `timeout`; tells the world the heap in use, for the figures."""
        world.ask(world.WATCHDOG_FEED, struct.pack("<I", gc.mem_alloc()))


def reset():
    """Restart the processor. Chips keep their power and their registers."""
    world.ask(world.RESET)


def reset_cause():
    """Why the processor started last."""
    return world.ask(world.RESET_CAUSE)


def unique_id():
    """Six bytes, the same at each start of one controller."""
    name = os.getenv("LOQUET_CONTROLLER").encode()
    value = 0
    for byte in name:
        value = (value * 257 + byte) & 0xFFFFFFFFFF
    return b"\x02" + value.to_bytes(5, "big")


def freq(hz=None):
    """The processor's clock, Hz."""
    return 240000000


def idle():
    """Give way to other threads."""
    time.sleep_ms(0)
