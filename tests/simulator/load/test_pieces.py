"""The load device's own pieces: its ring under the firmware's window, its records, its ledger."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.contract import records
from simulator.load import ledger, synthetic
from simulator.load.memory import MemoryRing


def test_a_ring_gives_back_what_it_holds_in_order() -> None:
    ring = MemoryRing(4)
    assert ring.read_after(0) is None
    assert [ring.append(b"%d" % number) for number in range(1, 4)] == [1, 2, 3]
    assert ring.read_after(0) == (1, b"1")
    assert ring.read_after(2) == (3, b"3")
    assert ring.read_after(3) is None


@given(st.lists(st.booleans(), max_size=60))
def test_a_ring_is_full_before_it_would_lose_an_unacknowledged_record(steps: list[bool]) -> None:
    ring = MemoryRing(5)
    for is_append in steps:
        if not is_append:
            ring.acked = min(ring.acked + 1, ring.last)
        elif not ring.is_full:
            seq = ring.append(b"%d" % (ring.last + 1))
            assert ring.read_after(seq - 1) == (seq, b"%d" % seq)
        for seq in range(ring.acked, ring.last):
            assert ring.read_after(seq) == (seq + 1, b"%d" % (seq + 1))
        assert ring.is_full == (ring.last - ring.acked == 5)


def test_a_ring_that_has_overwritten_says_where_it_begins() -> None:
    ring = MemoryRing(3)
    for _ in range(5):
        ring.append(b"x")
        ring.acked = ring.last
    assert (ring.first, ring.last) == (3, 5)
    assert ring.read_after(0) == (3, b"x")


def envelope(lane: int, seq: int, kind: str, fields: dict[str, object]) -> dict[str, object]:
    common: dict[str, object] = {"v": 1, "e": "0000002a", "l": lane, "b": 1, "n": seq, "u": 5, "t": 0, "q": 2}
    return {**common, "k": kind, **fields}


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 48))
def test_what_is_made_obeys_the_contract(number: int, seed: int, doors: int) -> None:
    door = synthetic.door(number, doors)
    records.check(envelope(0, number + 1, "door", door))
    records.check(envelope(0, 1, "boot", synthetic.boot("load")))
    reading = envelope(
        1, number + 1, "r", synthetic.reading(number, seed, 1_700_000_000, ["chilled", "frozen"])
    )
    records.check(reading)
    assert len(records.encode(reading)) < 512
    assert 1 <= synthetic.journal_epoch(seed) < 1 << 32


def test_a_door_is_opened_before_it_is_closed() -> None:
    told = [synthetic.door(number, 3) for number in range(9)]
    assert [(each["d"], each["s"]) for each in told] == [
        (1, 1), (2, 1), (3, 1), (1, 0), (2, 0), (3, 0), (1, 1), (2, 1), (3, 1),
    ]  # fmt: skip


def test_a_ledger_is_read_up_to_its_last_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    assert ledger.read(path) == ledger.Ledger()
    path.write_text(
        "link 1\nmade 0 1 1\nmade 0 1 2\nmade 1 1 1\nack 0 1 1\nlost [Errno 104] ECONNRESET\nack 0 1 2"
    )
    read = ledger.read(path)
    assert read.made == {0: [(1, 1), (1, 2)], 1: [(1, 1)]}
    assert (read.count, read.acked, read.links, read.has_ended) == (3, {0: 1}, 1, False)
    assert read.losses == ["[Errno 104] ECONNRESET"]
    path.write_text("end\n")
    assert ledger.read(path).has_ended


def test_a_foreign_line_in_a_ledger_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    path.write_text("made 0 1\n")
    with pytest.raises(ledger.LedgerError, match="made 0 1"):
        ledger.read(path)
