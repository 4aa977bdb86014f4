"""An eavesdropper on the wire between a gateway and its broker: hears every message, and can speak with the
gateway's rights.

A plain TCP relay that splits the stream into MQTT 3.1.1 packets (OASIS standard, §2.2). Neither side is told
of it.
"""

import asyncio
import time
from dataclasses import dataclass

from simulator.orchestrator.runfolder import LOOPBACK

PUBLISH = 3


@dataclass(frozen=True)
class Heard:
    """One PUBLISH. `from_gateway` False: on its way from the broker to the gateway."""

    at_monotonic: float
    from_gateway: bool
    topic: str
    payload: bytes
    retained: bool


def split(buffer: bytearray) -> list[bytes]:
    """Takes the whole packets off the front of `buffer`."""
    packets: list[bytes] = []
    while len(buffer) >= 2:
        length, shift, at = 0, 0, 1
        while at < len(buffer) and at <= 4:
            length |= (buffer[at] & 0x7F) << shift
            shift += 7
            at += 1
            if buffer[at - 1] < 0x80:
                break
        if buffer[at - 1] >= 0x80 or len(buffer) < at + length:
            break
        packets.append(bytes(buffer[: at + length]))
        del buffer[: at + length]
    return packets


def body_of(packet: bytes) -> bytes:
    """What follows the fixed header."""
    at = 1
    while packet[at] >= 0x80:
        at += 1
    return packet[at + 1 :]


def read_publish(packet: bytes) -> tuple[str, bytes, bool] | None:
    """(topic, payload, retained) of a PUBLISH packet, None for another."""
    if packet[0] >> 4 != PUBLISH:
        return None
    body = body_of(packet)
    length = int.from_bytes(body[:2], "big")
    topic = body[2 : 2 + length].decode()
    payload = body[2 + length + (2 if packet[0] & 0x06 else 0) :]
    return topic, payload, bool(packet[0] & 0x01)


def write_publish(topic: str, payload: bytes, retained: bool = False) -> bytes:
    """A QoS 0 PUBLISH packet."""
    body = len(topic.encode()).to_bytes(2, "big") + topic.encode() + payload
    header = bytearray([PUBLISH << 4 | (1 if retained else 0)])
    length = len(body)
    while True:
        length, digit = length >> 7, length & 0x7F
        header.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(header) + body


class Eavesdropper:
    """Listens on a port of its own and relays to the broker at `port`; `heard` is the separate ledger of the
    story.
    """

    def __init__(self, broker_port: int) -> None:
        self.port = 0
        self.heard: list[Heard] = []
        self._broker_port = broker_port
        self._server: asyncio.Server | None = None
        self._to_broker: asyncio.StreamWriter | None = None
        self._arrived = asyncio.Condition()
        self._pumps: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen on a free loopback port."""
        self._server = await asyncio.start_server(self._relay, LOOPBACK, 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """End every relay."""
        if self._server is not None:
            self._server.close()
        for pump in list(self._pumps):
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def publish(self, topic: str, payload: bytes, retained: bool = False) -> None:
        """Say something to the broker in the gateway's name, between two of its packets."""
        if self._to_broker is None or self._to_broker.is_closing():
            raise ConnectionError("the gateway is not connected to its broker")
        self._to_broker.write(write_publish(topic, payload, retained))
        await self._to_broker.drain()

    async def wait_for(self, topic: str, since: int = 0, timeout: float = 10.0) -> Heard:  # noqa: ASYNC109
        """The first message on `topic` from index `since` of `heard` on."""
        async with asyncio.timeout(timeout), self._arrived:
            while True:
                for heard in self.heard[since:]:
                    if heard.topic == topic:
                        return heard
                await self._arrived.wait()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_broker, to_broker = await asyncio.open_connection(LOOPBACK, self._broker_port)
        except OSError:
            writer.close()  # the broker is down: the gateway sees a refused connection, as without us
            return
        self._to_broker = to_broker
        up = asyncio.create_task(self._pump(reader, to_broker, True))
        down = asyncio.create_task(self._pump(from_broker, writer, False))
        self._pumps |= {up, down}
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (up, down):
                task.cancel()
            self._pumps -= {up, down}
            to_broker.close()
            writer.close()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, from_gateway: bool
    ) -> None:
        buffer = bytearray()
        try:
            while chunk := await reader.read(65536):
                buffer += chunk
                for packet in split(buffer):
                    writer.write(packet)
                    published = read_publish(packet)
                    if published is not None:
                        await self._note(Heard(time.monotonic(), from_gateway, *published))
                await writer.drain()
        except OSError:
            return  # either side was killed: the other is closed by the caller

    async def _note(self, heard: Heard) -> None:
        async with self._arrived:
            self.heard.append(heard)
            self._arrived.notify_all()
