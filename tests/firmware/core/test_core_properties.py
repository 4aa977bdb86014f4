"""Bytes from a hostile peer, and tries under any pattern of time and power."""

from hypothesis import given
from hypothesis import strategies as st

from firmware.contract.records import GOOD
from firmware.core import bucket as b
from firmware.core import probe
from firmware.core.bucket import Bucket
from firmware.core.mqtt import Client, Event, MqttError


def _drive(client: Client, chunks: list[bytes]) -> list[Event]:
    events: list[Event] = []
    for chunk in chunks:
        at = 0
        while at < len(chunk):
            reached = client.receive(chunk, at, len(chunk), 0)
            assert reached > at, "no progress"
            at = reached
            event = client.take()
            if event is not None:
                events.append(event)
    return events


def _client(max_in: int = 64) -> Client:
    client = Client("wall-1", 20, max_in, 4096)
    client.connect("s", b"lost", 1, True, 0)
    _drive(client, [b"\x20\x02\x00\x00"])
    return client


@given(st.lists(st.binary(min_size=1, max_size=80), max_size=10))
def test_no_bytes_end_the_client_but_by_its_own_error(chunks: list[bytes]) -> None:
    reason = "none"
    try:
        _drive(_client(), chunks)
    except MqttError as error:
        reason = error.reason
    assert reason.isalpha()


@given(
    st.lists(st.tuples(st.text("abc/", min_size=1, max_size=8), st.binary(max_size=120)), max_size=8),
    st.lists(st.integers(1, 40), min_size=1, max_size=8),
)
def test_messages_survive_any_slicing_and_only_the_oversized_are_lost(
    messages: list[tuple[str, bytes]], sizes: list[int]
) -> None:
    sender, stream = _client(), b""
    for topic, payload in messages:
        stream += bytes(sender.publish(topic, payload, len(payload) % 2))
    chunks, at, turn = [], 0, 0
    while at < len(stream):
        size = sizes[turn % len(sizes)]
        chunks.append(stream[at : at + size])
        at, turn = at + size, turn + 1
    receiver = _client(64)
    fitting = [
        (topic, payload)
        for topic, payload in messages
        if 2 + len(topic) + 2 * (len(payload) % 2) + len(payload) <= 64
    ]
    assert [(event.topic, event.payload) for event in _drive(receiver, chunks)] == fitting
    assert receiver.skipped == len(messages) - len(fitting)


@given(st.lists(st.tuples(st.integers(0, b.DAY_MS // 8), st.booleans(), st.booleans()), max_size=120))
def test_invariant_9_tries_never_come_back_faster_than_their_rate(
    steps: list[tuple[int, bool, bool]],
) -> None:
    bucket, uptime, total, wrong = Bucket(), 0, 0, 0
    page = bucket.page()
    for passed, power_cut, right in steps:
        uptime += passed
        total += passed
        if power_cut:
            bucket, uptime = Bucket(), 0
            assert bucket.load(page)
        if bucket.debit(uptime):
            page = bucket.page()
            if right:
                bucket.give_back()
                page = bucket.page()
            else:
                wrong += 1
        assert wrong <= b.SIZE + total // b.REFILL_MS
        assert wrong <= b.DAILY * (1 + total // b.DAY_MS)


@given(st.binary(min_size=9, max_size=9))
def test_a_scratchpad_is_good_only_with_its_checksum_and_in_range(data: bytes) -> None:
    if probe.health_of(data) == GOOD:
        assert probe.crc8(data, 8) == data[8]
        assert probe.LOWEST <= probe.hundredths(probe.raw_sixteenths(data)) <= probe.HIGHEST
