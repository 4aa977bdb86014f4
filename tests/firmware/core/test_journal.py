"""Envelope, windows, gaps and acknowledgements of the journal (R-40 to R-46)."""

import json

from firmware.contract import records
from firmware.core.journal import RESEND_MS, Journal
from firmware.core.ring import Ring
from tests.firmware.core.flash import MemoryFlash, PowerCutError


def _journal(events: MemoryFlash, readings: MemoryFlash, boot: int = 1) -> Journal:
    journal = Journal(Ring(events, records.EVENTS), Ring(readings, records.READINGS))
    journal.mount(0xC0FFEE01)
    journal.boot = boot
    return journal


def _fresh() -> Journal:
    return _journal(MemoryFlash(8, 4096), MemoryFlash(8, 4096))


def _put(journal: Journal, count: int) -> None:
    for at in range(count):
        journal.append(records.EVENTS, "power", {"s": at % 2}, 1000 + at, 1_790_000_000, records.RTC)


def _sent(journal: Journal, now_ms: int) -> list[dict[str, object]]:
    messages: list[dict[str, object]] = []
    payload = journal.next_to_send(records.EVENTS, now_ms, 1_790_000_000, records.RTC)
    while payload is not None:
        message = json.loads(payload)
        records.check(message)
        messages.append(message)
        payload = journal.next_to_send(records.EVENTS, now_ms, 1_790_000_000, records.RTC)
    return messages


def _numbers(messages: list[dict[str, object]]) -> list[object]:
    return [message["n"] for message in messages]


def test_r40_numbers_grow_by_one_a_lane_and_go_on_after_a_reboot() -> None:
    events, readings = MemoryFlash(8), MemoryFlash(8)
    journal = _journal(events, readings)
    _put(journal, 3)
    rows = {"p0": 0, "s": 60, "z": [["chilled", 0, 310, 320, 330, 12, 0]]}
    assert journal.append(records.READINGS, "r", rows, 5, 0, 0) == 1
    again = _journal(events, readings, 2)
    assert again.epoch == journal.epoch == "c0ffee01"
    assert again.append(records.EVENTS, "power", {"s": 1}, 1, 0, 0) == 4
    again.connected(0)
    again.acknowledged(again.epoch, records.EVENTS, 0, 0)
    sent = _sent(again, 0)
    assert [(message["b"], message["n"]) for message in sent] == [(1, 1), (1, 2), (1, 3), (2, 4)]


def test_r44_at_most_32_records_are_ahead_of_the_acknowledgement() -> None:
    journal = _fresh()
    _put(journal, 50)
    journal.connected(0)
    assert _sent(journal, 10) == []
    journal.acknowledged(journal.epoch, records.EVENTS, 0, 10)
    assert _numbers(_sent(journal, 10)) == list(range(1, 33))
    assert journal.acknowledged(journal.epoch, records.EVENTS, 10, 20)
    assert _numbers(_sent(journal, 20)) == list(range(33, 43))


def test_r44_without_progress_for_5_s_the_lane_is_sent_again_from_the_first_unacknowledged() -> None:
    journal = _fresh()
    _put(journal, 5)
    journal.connected(0)
    journal.acknowledged(journal.epoch, records.EVENTS, 0, 0)
    assert len(_sent(journal, 0)) == 5
    journal.acknowledged(journal.epoch, records.EVENTS, 2, 100)
    assert _sent(journal, 100 + RESEND_MS - 1) == []
    assert _numbers(_sent(journal, 100 + RESEND_MS)) == [3, 4, 5]
    assert journal.windows[0].resent == 1


def test_a_receiver_that_says_nothing_is_sent_to_after_5_s() -> None:
    journal = _fresh()
    _put(journal, 2)
    journal.connected(1000)
    assert _sent(journal, 1000 + RESEND_MS - 1) == []
    assert _numbers(_sent(journal, 1000 + RESEND_MS)) == [1, 2]


def test_r46_a_receiver_restored_from_a_backup_is_sent_again_what_it_lost() -> None:
    journal = _fresh()
    _put(journal, 6)
    journal.connected(0)
    journal.acknowledged(journal.epoch, records.EVENTS, 6, 0)
    assert _sent(journal, 0) == []
    journal.connected(10)
    journal.acknowledged(journal.epoch, records.EVENTS, 4, 10)
    assert _numbers(_sent(journal, 10)) == [5, 6]


def test_r43_acknowledgements_that_cannot_be_are_ignored() -> None:
    journal = _fresh()
    _put(journal, 4)
    journal.connected(0)
    journal.acknowledged(journal.epoch, records.EVENTS, 0, 0)
    assert len(_sent(journal, 0)) == 4
    assert not journal.acknowledged("00000000", records.EVENTS, 3, 0)
    assert not journal.acknowledged(journal.epoch, 2, 3, 0)
    assert not journal.acknowledged(journal.epoch, records.EVENTS, 5, 0)
    assert not journal.acknowledged(journal.epoch, records.EVENTS, -1, 0)
    assert journal.acknowledged(journal.epoch, records.EVENTS, 3, 0)
    assert not journal.acknowledged(journal.epoch, records.EVENTS, 2, 0)
    assert journal.rings[0].acked == 3


def test_r45_overwritten_numbers_are_closed_by_one_gap_record() -> None:
    journal = _journal(MemoryFlash(3), MemoryFlash(3))
    _put(journal, 30)
    first = journal.rings[0].first
    assert first > 1
    journal.connected(0)
    journal.acknowledged(journal.epoch, records.EVENTS, 0, 0)
    sent = _sent(journal, 0)
    assert sent[0]["k"] == "gap"
    assert (sent[0]["f"], sent[0]["n"], sent[0]["r"]) == (1, first - 1, "full")
    assert _numbers(sent[1:]) == list(range(first, 31))
    assert records.first_seq(sent[0]) == 1


def test_r42_nothing_is_sent_that_a_power_cut_kept_from_the_flash() -> None:
    events = MemoryFlash(8, 4096)
    journal = _journal(events, MemoryFlash(8, 4096))
    _put(journal, 2)
    events.cut_at, events.torn = events.steps + 1, True
    try:
        _put(journal, 1)
        raise AssertionError("the power cut was lost")
    except PowerCutError:
        events.cut_at = 0
    journal.connected(0)
    journal.acknowledged(journal.epoch, records.EVENTS, 0, 0)
    assert _numbers(_sent(journal, 0)) == [1, 2]


def test_r48_the_last_durable_numbers_of_the_boot_before_are_known_at_boot() -> None:
    events, readings = MemoryFlash(8), MemoryFlash(8)
    journal = _journal(events, readings)
    _put(journal, 3)
    journal.append(records.READINGS, "r", {"p0": 0, "s": 60, "z": []}, 0, 0, 0)
    again = _journal(events, readings, 2)
    assert (again.range_of(records.EVENTS), again.range_of(records.READINGS)) == ((1, 3), (1, 1))


def test_events_never_wait_behind_readings() -> None:
    journal = _fresh()
    rows = {"p0": 0, "s": 60, "z": []}
    for at in range(10):
        journal.append(records.READINGS, "r", rows, at, 0, 0)
    _put(journal, 1)
    journal.connected(0)
    journal.acknowledged(journal.epoch, records.EVENTS, 0, 0)
    assert _numbers(_sent(journal, 0)) == [1]


def test_readings_of_another_epoch_are_given_up() -> None:
    readings = MemoryFlash(4)
    _journal(MemoryFlash(4), readings).append(records.READINGS, "r", {"p0": 0, "s": 60, "z": []}, 0, 0, 0)
    other = Journal(Ring(MemoryFlash(4), records.EVENTS), Ring(readings, records.READINGS))
    assert not other.mount(5)
    assert other.epoch == "00000005"
    assert other.range_of(records.READINGS) == (1, 0)


def _rot(flash: MemoryFlash, journal: Journal) -> None:
    """One bit of the newest block's header falls over."""
    ring = journal.rings[records.EVENTS]
    flash.blocks[ring._number % flash.block_count][5] ^= 1


def test_r40_a_rotten_newest_header_gives_no_number_twice() -> None:
    events, readings = MemoryFlash(8), MemoryFlash(8)
    journal = _journal(events, readings)
    _put(journal, 13)
    _rot(events, journal)
    for boot in (2, 3):
        again = _journal(events, readings, boot)
        assert again.epoch == journal.epoch
        assert again.append(records.EVENTS, "power", {"s": 1}, 1, 0, 0) == 12 + boot
    again.connected(0)
    again.acknowledged(again.epoch, records.EVENTS, 0, 0)
    sent = _sent(again, 0)
    assert [message["k"] for message in sent] == ["power"] * 15
    assert _numbers(sent) == list(range(1, 16))


def test_r40_an_acknowledgement_of_a_number_never_given_asks_for_a_new_epoch() -> None:
    events, readings = MemoryFlash(8), MemoryFlash(8)
    journal = _journal(events, readings)
    _put(journal, 20)
    position = journal.rings[records.EVENTS]._number % 8
    events.blocks[position] = bytearray(b"\x00" * 512)
    again = _journal(events, readings, 2)
    assert again.range_of(records.EVENTS)[1] < 20
    again.connected(0)
    outrun = []
    for epoch in ("00000000", again.epoch):
        assert not again.acknowledged(epoch, records.EVENTS, 20, 0)
        outrun.append(again.outrun)
    assert outrun == [False, True]
    again.renew(0xC0FFEE02)
    assert (again.outrun, again.epoch) == (False, "c0ffee02")
    assert (again.range_of(0), again.range_of(1)) == ((1, 0), (1, 0))
    _put(again, 40)
    third = _journal(events, readings, 3)
    assert third.epoch == "c0ffee02"
    third.connected(0)
    third.acknowledged(third.epoch, records.EVENTS, 8, 0)
    assert _numbers(_sent(third, 0)) == list(range(9, 41))
