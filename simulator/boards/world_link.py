"""One loopback connection from a controller to the simulated world: one request, one answer.

Request: operation (1 byte), length (2, little endian), payload. Answer: error number (1; 0 for none), value
(2), length (2), payload. The operations are listed in `simulator/world/wire.py`.

Environment: LOQUET_WORLD (host:port) and LOQUET_CONTROLLER (id). The connection is made at the first call, so
that importing does nothing. When the world is gone the controller ends: there is nothing left to stand on.
"""

import os
import socket

from micropython import const

HELLO = const(1)
PIN_INIT = const(2)
PIN_GET = const(3)
PIN_SET = const(4)
I2C_INIT = const(5)
I2C_TRANSFER = const(6)
UART_INIT = const(7)
UART_WRITE = const(8)
UART_ANY = const(9)
UART_READ = const(10)
UART_TXDONE = const(11)
WIRE_RESET = const(12)
WIRE_WRITE_BIT = const(13)
WIRE_READ_BIT = const(14)
WIRE_WRITE = const(15)
WIRE_READ = const(16)
WATCHDOG_START = const(17)
WATCHDOG_FEED = const(18)
RESET = const(19)
RESET_CAUSE = const(20)
FLASH_WRITE = const(21)
FLASH_ERASE = const(22)
NET_STATE = const(23)

_SMALL = const(96)
_SOL_TCP = const(6)
_TCP_NODELAY = const(1)


class _Link:
    def __init__(self):
        host, port = os.getenv("LOQUET_WORLD").split(":")
        self.busy = False
        self.waiting = []
        """Timer callbacks that came while a request was on its way."""
        self._head = bytearray(5)
        self._request = bytearray(3 + _SMALL)
        self._view = memoryview(self._request)
        self._socket = socket.socket()
        self._socket.setsockopt(_SOL_TCP, _TCP_NODELAY, 1)
        self._socket.connect(socket.getaddrinfo(host, int(port))[0][-1])
        self.call(HELLO, os.getenv("LOQUET_CONTROLLER").encode(), None)

    def call(self, operation, payload, into):
        """Ask and wait. `into` takes the answer's payload. Returns the answer's value; OSError with its error
        number.
        """
        size = len(payload)
        self.busy = True
        if size <= _SMALL:
            request = self._request
            request[0] = operation
            request[1] = size
            request[2] = 0
            request[3 : 3 + size] = payload
            self._socket.write(self._view[: 3 + size])
        else:
            self._socket.write(bytes((operation, size & 255, size >> 8)))
            self._socket.write(payload)
        head = self._head
        if self._socket.readinto(head) != 5:
            raise SystemExit("the simulated world is gone")
        length = head[3] | head[4] << 8
        if length:
            if into is None or len(into) < length:
                raise ValueError("an answer longer than its buffer")
            self._socket.readinto(into, length)
        error, value = head[0], head[1] | head[2] << 8
        self.busy = False
        while self.waiting and not self.busy:
            callback, argument = self.waiting.pop(0)
            callback(argument)
        if error:
            raise OSError(error)
        return value

    def run(self, callback, argument):
        """Run a timer's callback now, or as soon as the request on its way is answered: the wire knows one at
        a time.
        """
        if self.busy:
            self.waiting.append((callback, argument))
        else:
            callback(argument)


_link = None


def link():
    """The connection, made at first use."""
    global _link
    if _link is None:
        _link = _Link()
    return _link


def ask(operation, payload=b"", into=None):
    """One request to the world; see `_Link.call`."""
    return (_link or link()).call(operation, payload, into)
