"""MQTT 3.1.1 without I/O: bytes in, events out; packets are built whole in one buffer and written in one go.

Written against faults met in public clients: session-present is no error, packet ids wrap from 65535 to 1,
a message over the size cap is skipped and counted instead of killing the reader, the remaining length has
at most four bytes, a silent link is noticed within 1.25 keepalives, connecting has its own deadline.
Section numbers: OASIS MQTT 3.1.1.
"""

import struct

# Kinds of event.
CONNECTED, MESSAGE, PUBLISHED, SUBSCRIBED, PONG = 1, 2, 3, 4, 5

# What `tick` asks for.
QUIET, SEND_PING, DEAD = 0, 1, 2

CONNECT_WITHIN_MS = 10_000

_CONNECT, _CONNACK, _PUBLISH, _PUBACK, _SUBSCRIBE, _SUBACK, _PINGREQ, _PINGRESP, _DISCONNECT = (
    1,
    2,
    3,
    4,
    8,
    9,
    12,
    13,
    14,
)


class MqttError(Exception):
    """The peer broke the protocol or refused us; the connection must be closed. `reason` is one word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Event:
    """Something that arrived. Which attributes mean something depends on `kind`."""

    def __init__(self, kind: int) -> None:
        self.kind = kind
        self.topic = ""
        self.payload = b""
        self.qos = 0
        self.retained = False
        self.duplicate = False
        self.packet_id = 0
        """Of PUBLISHED and SUBSCRIBED: what was acknowledged; of a MESSAGE with QoS 1: what to `puback`."""
        self.session_present = False
        self.granted = b""
        """SUBSCRIBED: one QoS a topic, 0x80 for refused."""


class Client:
    """One connection's protocol state. Packets come back as memoryviews of one buffer, valid until the next
    is built.
    """

    def __init__(self, client_id: str, keepalive_s: int, max_in: int, max_out: int) -> None:
        self.client_id = client_id
        self.keepalive_ms = keepalive_s * 1000
        self.connected = False
        self.skipped = 0
        """Messages larger than `max_in` that were skipped."""
        self._out = bytearray(max_out)
        self._out_view = memoryview(self._out)
        self._in = bytearray(max_in)
        self._in_view = memoryview(self._in)
        self._packet_id = 0
        self._reset(0)

    def _reset(self, now_ms: int) -> None:
        self.connected = False
        self._event: Event | None = None
        self._head = -1
        self._length = 0
        self._shift = 0
        self._got = 0
        self._in_body = False
        self._started_ms = now_ms
        self._heard_ms = now_ms
        self._pinged_ms = now_ms

    # Packets out.

    def connect(
        self, will_topic: str, will_payload: bytes, will_qos: int, will_retain: bool, now_ms: int
    ) -> memoryview:
        """CONNECT with a clean session and a will (3.1); begins a new connection. TLS-PSK names the user."""
        self._reset(now_ms)
        flags = 0x02 | 0x04 | will_qos << 3 | (0x20 if will_retain else 0)
        at = self._begin()
        at = self._text(at, b"MQTT")
        self._out[at] = 4
        self._out[at + 1] = flags
        struct.pack_into(">H", self._out, at + 2, self.keepalive_ms // 1000)
        at = self._text(at + 4, self.client_id.encode())
        at = self._text(at, will_topic.encode())
        at = self._text(at, will_payload)
        return self._finish(_CONNECT << 4, at)

    def publish(
        self, topic: str, payload: bytes, qos: int = 0, retain: bool = False, duplicate: bool = False
    ) -> memoryview:
        """PUBLISH (3.3). With QoS 1 `last_id` is the id to wait for."""
        at = self._begin()
        at = self._text(at, topic.encode())
        if qos:
            struct.pack_into(">H", self._out, at, self._next_id())
            at += 2
        at = self._bytes(at, payload)
        head = _PUBLISH << 4 | (0x08 if duplicate else 0) | qos << 1 | (1 if retain else 0)
        return self._finish(head, at)

    def subscribe(self, topics: list[str], qos: int = 0) -> memoryview:
        """SUBSCRIBE to some topics (3.8)."""
        at = self._begin()
        struct.pack_into(">H", self._out, at, self._next_id())
        at += 2
        for topic in topics:
            at = self._bytes(self._text(at, topic.encode()), bytes([qos]))
        return self._finish(_SUBSCRIBE << 4 | 2, at)

    def puback(self, packet_id: int) -> memoryview:
        """PUBACK for a QoS 1 message (3.4)."""
        at = self._begin()
        struct.pack_into(">H", self._out, at, packet_id)
        return self._finish(_PUBACK << 4, at + 2)

    def ping(self, now_ms: int) -> memoryview:
        """PINGREQ (3.12)."""
        self._pinged_ms = now_ms
        return self._finish(_PINGREQ << 4, self._begin())

    def disconnect(self) -> memoryview:
        """DISCONNECT (3.14): a goodbye, so that the will is not sent."""
        self.connected = False
        return self._finish(_DISCONNECT << 4, self._begin())

    @property
    def last_id(self) -> int:
        """Packet id of the last SUBSCRIBE or QoS 1 PUBLISH."""
        return self._packet_id

    # Bytes in.

    def receive(self, data: bytes | bytearray | memoryview, start: int, end: int, now_ms: int) -> int:
        """Consumes bytes of `data[start:end]` up to the end of one packet; returns where it stopped. Then
        `take()`.

        Raises MqttError if the peer breaks the protocol. Call again while the result is below `end`.
        """
        at = start
        while at < end and self._event is None:
            if not self._in_body:
                at = self._fixed_header(data[at], at)
            else:
                count = min(end - at, self._length - self._got)
                if self._length <= len(self._in):
                    self._in_view[self._got : self._got + count] = memoryview(data)[at : at + count]
                self._got += count
                at += count
            self._heard_ms = now_ms
            if self._in_body and self._got == self._length:
                self._packet()
        return at

    def take(self) -> Event | None:
        """The event of the packet just completed, None if there is none."""
        event, self._event = self._event, None
        return event

    def tick(self, now_ms: int) -> int:
        """DEAD if the peer has been silent too long, SEND_PING if a ping is due, else QUIET."""
        if not self.connected:
            return DEAD if now_ms - self._started_ms >= CONNECT_WITHIN_MS else QUIET
        silent = now_ms - self._heard_ms
        if silent >= self.keepalive_ms + self.keepalive_ms // 4:
            return DEAD
        half = self.keepalive_ms // 2
        return SEND_PING if silent >= half and now_ms - self._pinged_ms >= half else QUIET

    def _fixed_header(self, byte: int, at: int) -> int:
        if self._head < 0:
            self._head = byte
            self._length = self._shift = self._got = 0
            return at + 1
        if self._shift > 21:
            raise MqttError("length")
        self._length |= (byte & 0x7F) << self._shift
        self._shift += 7
        if byte & 0x80 == 0:
            self._in_body = True
        return at + 1

    def _packet(self) -> None:
        head, length = self._head, self._length
        self._head, self._in_body = -1, False
        if length > len(self._in):
            self.skipped += 1
            return
        kind = head >> 4
        if not self.connected and kind != _CONNACK:
            raise MqttError("early")
        if kind == _PUBLISH:
            self._event = self._message(head, length)
        elif kind == _CONNACK:
            self._event = self._connack(length)
        elif kind == _PUBACK and length == 2:
            self._event = Event(PUBLISHED)
            self._event.packet_id = self._in[0] << 8 | self._in[1]
        elif kind == _SUBACK and length >= 3:
            self._event = Event(SUBSCRIBED)
            self._event.packet_id = self._in[0] << 8 | self._in[1]
            self._event.granted = bytes(self._in_view[2:length])
        elif kind == _PINGRESP and length == 0:
            self._event = Event(PONG)
        else:
            raise MqttError("packet")

    def _connack(self, length: int) -> Event:
        if self.connected or length != 2 or self._in[0] > 1:
            raise MqttError("connack")
        if self._in[1]:
            raise MqttError("refused")
        self.connected = True
        event = Event(CONNECTED)
        event.session_present = self._in[0] == 1
        return event

    def _message(self, head: int, length: int) -> Event:
        qos = head >> 1 & 3
        if length < 2 or qos > 1:
            raise MqttError("publish")
        name = self._in[0] << 8 | self._in[1]
        at = 2 + name
        if at + (2 if qos else 0) > length:
            raise MqttError("publish")
        event = Event(MESSAGE)
        try:
            event.topic = bytes(self._in_view[2:at]).decode()
        except ValueError:
            # No topic of ours; the shell meets an empty name, which is foreign to it.
            event.topic = ""
        if qos:
            event.packet_id = self._in[at] << 8 | self._in[at + 1]
            at += 2
        event.qos = qos
        event.retained = head & 1 != 0
        event.duplicate = head & 8 != 0
        event.payload = bytes(self._in_view[at:length])
        return event

    # The buffer: five bytes are left free in front for the fixed header, so that a packet is built once.

    def _begin(self) -> int:
        return 5

    def _text(self, at: int, data: bytes) -> int:
        if at + 2 + len(data) > len(self._out):
            raise MqttError("size")
        struct.pack_into(">H", self._out, at, len(data))
        return self._bytes(at + 2, data)

    def _bytes(self, at: int, data: bytes) -> int:
        if at + len(data) > len(self._out):
            raise MqttError("size")
        self._out[at : at + len(data)] = data
        return at + len(data)

    def _finish(self, head: int, end: int) -> memoryview:
        length = end - 5
        size = 1 if length < 128 else 2 if length < 16_384 else 3 if length < 2_097_152 else 4
        start = 4 - size
        self._out[start] = head
        for at in range(size):
            byte = length & 0x7F
            length >>= 7
            self._out[start + 1 + at] = byte | (0x80 if at < size - 1 else 0)
        return self._out_view[start:end]

    def _next_id(self) -> int:
        self._packet_id = self._packet_id + 1 if self._packet_id < 65_535 else 1
        return self._packet_id
