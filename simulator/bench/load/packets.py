"""The few MQTT 3.1.1 packets that a crowd of devices needs, built and taken apart without a client library: a
load must cost less than what it loads. Section numbers: OASIS MQTT 3.1.1.
"""

import struct

CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP = 2, 3, 4, 9, 13
PING = b"\xc0\x00"


def _text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack(">H", len(raw)) + raw


def _packet(first: int, body: bytes) -> bytes:
    """Fixed header (2.2) with the remaining length in base 128."""
    length, left = bytearray(), len(body)
    while True:
        length.append(left & 0x7F | (0x80 if left > 0x7F else 0))
        left >>= 7
        if not left:
            return bytes((first,)) + bytes(length) + body


def connect(client_id: str, user: str, password: str, keepalive_s: int) -> bytes:
    """CONNECT (3.1) with a clean session, a user and a password."""
    head = _text("MQTT") + bytes((4, 0xC2)) + struct.pack(">H", keepalive_s)
    return _packet(0x10, head + _text(client_id) + _text(user) + _text(password))


def subscribe(packet_id: int, topics: list[str]) -> bytes:
    """SUBSCRIBE (3.8), QoS 0."""
    body = struct.pack(">H", packet_id) + b"".join(_text(topic) + b"\0" for topic in topics)
    return _packet(0x82, body)


def publish(topic: str, payload: bytes, *, retain: bool = False, packet_id: int = 0) -> bytes:
    """PUBLISH (3.3): QoS 1 with a packet id, else QoS 0."""
    middle = struct.pack(">H", packet_id) if packet_id else b""
    first = 0x30 | (0x02 if packet_id else 0) | (0x01 if retain else 0)
    return _packet(first, _text(topic) + middle + payload)


def take(buffer: bytearray) -> list[tuple[int, bytes]]:
    """Whole packets at the start of the buffer as (type, body), removed from it; a PUBLISH's body is its
    payload (only QoS 0 is ever sent to a crowd), a PUBACK's its two bytes.
    """
    found: list[tuple[int, bytes]] = []
    at = 0
    while True:
        end, start = _bounds(buffer, at)
        if end < 0:
            break
        kind, body = buffer[at] >> 4, bytes(buffer[start:end])
        if kind == PUBLISH:
            body = body[2 + struct.unpack_from(">H", body)[0] :]
        found.append((kind, body))
        at = end
    del buffer[:at]
    return found


def _bounds(buffer: bytearray, at: int) -> tuple[int, int]:
    """(end of the packet, start of its body) of the packet at `at`; (-1, 0) if it is not whole."""
    length, shift, start = 0, 0, at + 1
    while start < len(buffer):
        byte = buffer[start]
        length |= (byte & 0x7F) << shift
        shift, start = shift + 7, start + 1
        if not byte & 0x80:
            end = start + length
            return (end, start) if end <= len(buffer) else (-1, 0)
    return -1, 0
