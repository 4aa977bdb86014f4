"""MQTT 3.1.1 without I/O: golden bytes, and the faults met in public clients, each its own test."""

from firmware.core import mqtt
from firmware.core.mqtt import (
    CONNECTED,
    DEAD,
    MESSAGE,
    PONG,
    PUBLISHED,
    QUIET,
    SEND_PING,
    SUBSCRIBED,
    Client,
    Event,
    MqttError,
)


def _client(max_in: int = 200) -> Client:
    client = Client("wall-1", 20, max_in, 400)
    client.connect("lk/1/ferme/wall-1/state", b"lost", 1, True, 0)
    return client


def _feed(client: Client, data: bytes, now_ms: int = 0, size: int = 1000) -> list[Event]:
    events: list[Event] = []
    for start in range(0, len(data), size):
        at, end = start, min(start + size, len(data))
        while at < end:
            at = client.receive(data, at, end, now_ms)
            event = client.take()
            if event is not None:
                events.append(event)
    return events


def _up(client: Client) -> Client:
    assert [event.kind for event in _feed(client, b"\x20\x02\x00\x00")] == [CONNECTED]
    return client


def _message(topic: bytes, payload: bytes, head: int = 0x30, packet_id: bytes = b"") -> bytes:
    body = bytes([len(topic) >> 8, len(topic) & 0xFF]) + topic + packet_id + payload
    length, size = b"", len(body)
    while True:
        byte, size = size & 0x7F, size >> 7
        length += bytes([byte | 0x80 if size else byte])
        if not size:
            return bytes([head]) + length + body


def _broken(client: Client, data: bytes) -> str:
    try:
        _feed(client, data)
    except MqttError as error:
        return error.reason
    return ""


def test_packets_are_the_standards_bytes() -> None:
    client = Client("wall-1", 20, 200, 400)
    assert bytes(client.connect("a/b", b"lost", 1, True, 0)) == (
        b"\x10\x1d\x00\x04MQTT\x04\x2e\x00\x14\x00\x06wall-1\x00\x03a/b\x00\x04lost"
    )
    _up(client)
    assert bytes(client.publish("a/b", b"hi")) == b"\x30\x07\x00\x03a/bhi"
    assert bytes(client.publish("a/b", b"hi", 1, True)) == b"\x33\x09\x00\x03a/b\x00\x01hi"
    assert bytes(client.subscribe(["a", "b/#"], 1)) == b"\x82\x0c\x00\x02\x00\x01a\x01\x00\x03b/#\x01"
    assert bytes(client.puback(0x1234)) == b"\x40\x02\x12\x34"
    assert bytes(client.ping(0)) == b"\xc0\x00"
    assert bytes(client.disconnect()) == b"\xe0\x00"


def test_a_longer_packet_has_a_longer_length() -> None:
    client = _up(_client())
    packet = bytes(client.publish("a", b"x" * 300))
    assert packet[:3] == b"\x30\xaf\x02"
    assert len(packet) == 3 + 303
    assert _feed(_up(_client(400)), packet)[0].payload == b"x" * 300


def test_session_present_is_no_error() -> None:
    # MQTT-3.2.2-2; a public client loops for ever on it.
    events = _feed(_client(), b"\x20\x02\x01\x00")
    assert (events[0].kind, events[0].session_present) == (CONNECTED, True)


def test_a_refusal_and_packets_before_the_connack_end_the_connection() -> None:
    assert _broken(_client(), b"\x20\x02\x00\x05") == "refused"
    assert _broken(_client(), b"\x20\x02\x02\x00") == "connack"
    assert _broken(_client(), _message(b"a", b"x")) == "early"
    assert _broken(_up(_client()), b"\x20\x02\x00\x00") == "connack"


def test_an_oversized_message_is_skipped_counted_and_costs_nothing_more() -> None:
    client = _up(_client(max_in=50))
    flood = _message(b"a/b", b"x" * 150_000)
    events = _feed(client, flood + _message(b"a/b", b"after"), 7, 1460)
    assert [(event.kind, event.payload) for event in events] == [(MESSAGE, b"after")]
    assert client.skipped == 1


def test_a_message_of_exactly_the_cap_is_taken() -> None:
    client = _up(_client(max_in=50))
    assert len(_feed(client, _message(b"a/b", b"x" * 45))[0].payload) == 45
    assert _feed(client, _message(b"a/b", b"x" * 46)) == []
    assert client.skipped == 1


def test_the_remaining_length_has_at_most_four_bytes() -> None:
    assert _broken(_up(_client()), b"\x30\x80\x80\x80\x80\x01") == "length"
    assert _broken(_up(_client()), b"\x30\xff\xff\xff\xff\x7f") == "length"


def test_packet_ids_wrap_from_65535_to_1() -> None:
    # A public client publishes id 0 after 65,535 messages, and the broker drops the link.
    client = _up(_client())
    seen = [0, 0]
    for count in range(1, 65_537):
        packet = client.publish("a", b"", 1)
        seen = [seen[1], packet[5] << 8 | packet[6]]
        assert client.last_id == seen[1]
        if count == 65_535:
            assert seen[1] == 65_535
    assert seen == [65_535, 1]


def test_messages_come_out_whole_however_the_bytes_arrive() -> None:
    stream = (
        _message(b"a/b", b"one", 0x31)
        + _message(b"c", b"", 0x32, b"\x00\x07")
        + b"\xd0\x00\x40\x02\x00\x09\x90\x04\x00\x0a\x00\x80"
        + _message(b"d", b"x" * 190, 0x3A, b"\x01\x02")
    )
    for size in (1, 2, 3, 7, 1000):
        events = _feed(_up(_client()), stream, 0, size)
        assert [event.kind for event in events] == [MESSAGE, MESSAGE, PONG, PUBLISHED, SUBSCRIBED, MESSAGE]
        assert (events[0].topic, events[0].payload, events[0].retained) == ("a/b", b"one", True)
        assert (events[1].qos, events[1].packet_id, events[1].retained) == (1, 7, False)
        assert (events[3].packet_id, events[4].granted) == (9, b"\x00\x80")
        assert (events[5].duplicate, events[5].payload) == (True, b"x" * 190)


def test_packets_that_break_the_standard_end_the_connection() -> None:
    for data in (
        b"\x30\x01\x00",
        b"\x30\x02\x00\x05",
        b"\x32\x04\x00\x01a\x00",
        b"\x34\x05\x00\x01a\x00\x01",
        b"\x40\x01\x00",
        b"\x90\x02\x00\x01",
        b"\xd0\x01\x00",
        b"\x00\x00",
        b"\x10\x00",
        b"\xf0\x00",
    ):
        assert _broken(_up(_client()), data) in ("publish", "packet"), data


def test_a_topic_that_is_no_text_is_nobodys() -> None:
    assert _feed(_up(_client()), _message(b"a\xff\xfe", b"x"))[0].topic in ("", "a\xff\xfe")


def test_a_new_connection_forgets_a_packet_half_received() -> None:
    client = _up(_client())
    _feed(client, _message(b"a/b", b"half")[:5])
    client.connect("s", b"lost", 1, True, 0)
    _up(client)
    assert _feed(client, _message(b"a/b", b"whole"))[0].payload == b"whole"


def test_a_silent_link_is_noticed_within_1_25_keepalives() -> None:
    client = _up(_client())
    assert client.tick(9_999) == QUIET
    assert client.tick(10_000) == SEND_PING
    client.ping(10_000)
    assert client.tick(19_999) == QUIET
    assert client.tick(20_000) == SEND_PING
    assert client.tick(24_999) == SEND_PING
    assert client.tick(25_000) == DEAD


def test_any_byte_is_a_sign_of_life() -> None:
    client = _up(_client())
    _feed(client, b"\xd0\x00", 9_000)
    assert client.tick(18_000) == QUIET
    _feed(client, b"\x30", 18_000)
    assert client.tick(42_999) == SEND_PING
    assert client.tick(43_000) == DEAD


def test_connecting_has_its_own_deadline() -> None:
    client = _client()
    assert client.tick(mqtt.CONNECT_WITHIN_MS - 1) == QUIET
    assert client.tick(mqtt.CONNECT_WITHIN_MS) == DEAD


def test_what_does_not_fit_the_buffer_is_refused_before_a_byte_is_sent() -> None:
    client = _up(_client())
    for topic, payload in (("a", b"x" * 400), ("t" * 500, b""), ("", b"")):
        reason = ""
        try:
            if topic:
                client.publish(topic, payload)
            else:
                client.subscribe(["t" * 200, "t" * 200])
        except MqttError as error:
            reason = error.reason
        assert reason == "size"
    assert bytes(client.publish("a/b", b"hi")) == b"\x30\x07\x00\x03a/bhi"
