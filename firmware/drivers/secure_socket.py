"""One TLS connection with a pre-shared key (MicroPython 1.29): no certificates, so no clock is needed to
trust the peer.

Every wait is bounded and none blocks the loop; a socket whose connect failed is closed, for it is of no use
any more.
"""

import asyncio
import errno
import select
import socket
import time

import tls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.drivers.seams import Connection

_IPPROTO_TCP = 6
_TCP_NODELAY = 1
_POLL_MS = 5


class LinkError(OSError):
    """The peer could not be reached in time."""


def context(psk_identity: str, psk: bytes) -> tls.SSLContext:
    """A client's context. The pair of attributes is younger than the type stubs, hence by name."""
    made = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    settings: tuple[tuple[str, object], ...] = (
        ("verify_mode", tls.CERT_NONE),
        ("psk_identity", psk_identity.encode()),
        ("psk_key", psk),
    )
    for name, value in settings:
        setattr(made, name, value)
    return made


async def connect(host: str, port: int, secured: tls.SSLContext, within_ms: int) -> "Connection":
    """Connect to an address (not a name: resolving blocks the loop) and begin TLS; raises OSError."""
    raw = socket.socket()
    try:
        raw.setblocking(False)
        raw.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)
        address = socket.getaddrinfo(host, port)[0][-1]
        try:
            raw.connect(address)
        except OSError as error:
            if error.errno != errno.EINPROGRESS:
                raise
        await _writable(raw, within_ms)
        wrapped = secured.wrap_socket(raw, do_handshake_on_connect=False)
        wrapped.setblocking(False)
    except OSError:
        raw.close()
        raise
    return Stream(wrapped)


async def _writable(raw: socket.socket, within_ms: int) -> None:
    poller = select.poll()
    poller.register(raw, select.POLLOUT)
    begun = time.ticks_ms()
    while True:
        for _, events in poller.poll(0):
            if events & (select.POLLERR | select.POLLHUP):
                raise LinkError(errno.ECONNREFUSED)
            return
        if time.ticks_diff(time.ticks_ms(), begun) > within_ms:
            raise LinkError(errno.ETIMEDOUT)
        await asyncio.sleep_ms(_POLL_MS)


class Stream:
    """Reading and writing apart, so that two tasks can use one connection."""

    def __init__(self, wrapped: object) -> None:
        self._reader = asyncio.StreamReader(wrapped)
        self._writer = asyncio.StreamWriter(wrapped)

    async def read_into(self, buffer: bytearray) -> int:
        """Bytes received, at least one; raises OSError at the end of the stream."""
        while True:
            count = await self._reader.readinto(buffer)
            if count == 0:
                raise LinkError(errno.ECONNRESET)
            if count:
                return count

    async def send(self, packet: memoryview) -> None:
        """Hand over a packet and wait until the connection has taken it."""
        self._writer.write(packet)
        await self._writer.drain()

    async def close(self) -> None:
        """Give the socket back."""
        self._writer.close()
        await self._writer.wait_closed()
