"""The ring of records in flash: full, wrapped, torn, rotten, and cut at every step (invariants 11, 12)."""

from firmware.core.ring import BLOCK_HEAD, RECORD_HEAD, FlashError, Ring
from tests.firmware.core.flash import MemoryFlash, PowerCutError

EPOCH = 0xA1B2C3D4


def _ring(flash: MemoryFlash) -> Ring:
    ring = Ring(flash, 0)
    if not ring.mount():
        ring.format(EPOCH)
    return ring


def _content(ring: Ring, after: int = 0) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    record = ring.read_after(after)
    while record is not None:
        found.append(record)
        record = ring.read_after(record[0])
    return found


def _record(seq: int) -> bytes:
    return ("record " + str(seq) + " ").encode() * (1 + seq % 4)


def test_blank_flash_holds_no_ring_and_is_formatted() -> None:
    ring = Ring(MemoryFlash(4), 0)
    assert not ring.mount()
    ring.format(EPOCH)
    assert (ring.first, ring.last) == (1, 0)
    assert ring.read_after(0) is None
    assert ring.append(b"a") == 1


def test_what_was_appended_is_read_back_also_after_a_mount() -> None:
    flash = MemoryFlash(8)
    ring = _ring(flash)
    for seq in range(1, 60):
        assert ring.append(_record(seq)) == seq
    for again in (ring, _ring(flash)):
        assert again.epoch == EPOCH
        assert again.last == 59
        assert _content(again) == [(seq, _record(seq)) for seq in range(1, 60)]
        assert _content(again, 57) == [(58, _record(58)), (59, _record(59))]


def test_a_full_ring_drops_the_oldest_and_counts_only_unacknowledged_ones() -> None:
    flash = MemoryFlash(4)
    ring = _ring(flash)
    for seq in range(1, 200):
        ring.append(_record(seq))
    assert ring.first > 1
    assert ring.dropped == ring.first - 1
    assert _content(ring) == [(seq, _record(seq)) for seq in range(ring.first, 200)]
    ring.acked = 199
    dropped = ring.dropped
    for seq in range(200, 215):
        ring.append(_record(seq))
    assert ring.dropped == dropped


def test_an_erase_ahead_keeps_appending_free_of_erases() -> None:
    flash = MemoryFlash(4)
    ring = _ring(flash)
    for seq in range(1, 100):
        ring.append(_record(seq))
        erases = flash.erases
        ring.erase_ahead()
        assert not ring.erase_ahead()
        assert flash.erases - erases <= 1
        during = flash.erases
        if seq < 99:
            continue
        ring.append(_record(100))
        assert flash.erases == during


def test_a_torn_record_is_ignored_and_its_place_never_written_again() -> None:
    flash = MemoryFlash(4)
    ring = _ring(flash)
    ring.append(b"whole")
    flash.cut_at, flash.torn = flash.steps + 1, True
    try:
        ring.append(b"torn in the middle of it")
        raise AssertionError("the power cut was lost")
    except PowerCutError:
        flash.cut_at = 0
    again = _ring(flash)
    assert _content(again) == [(1, b"whole")]
    assert again.append(b"next") == 2
    assert _content(_ring(flash)) == [(1, b"whole"), (2, b"next")]


def test_a_first_record_torn_twice_hides_nothing() -> None:
    flash = MemoryFlash(6)
    for _ in range(2):
        ring = _ring(flash)
        flash.cut_at, flash.torn = flash.steps + 1, True
        try:
            ring.append(b"torn")
            raise AssertionError("the power cut was lost")
        except PowerCutError:
            flash.cut_at = 0
    ring = _ring(flash)
    for seq in range(1, 20):
        assert ring.append(_record(seq)) == seq
    assert _content(ring) == [(seq, _record(seq)) for seq in range(1, 20)]
    assert _content(_ring(flash), 3) == [(seq, _record(seq)) for seq in range(4, 20)]


def test_a_rotten_record_in_the_middle_is_a_hole_and_nothing_more() -> None:
    flash = MemoryFlash(4)
    ring = _ring(flash)
    for seq in range(1, 6):
        ring.append(b"record" + bytes([48 + seq]))
    position = 1
    flash.blocks[position][BLOCK_HEAD + 2 * (RECORD_HEAD + 7) + RECORD_HEAD] ^= 0x04
    again = _ring(flash)
    assert again.last == 5
    assert [seq for seq, _ in _content(again)] == [1, 2, 4, 5]


def test_a_rotten_block_head_is_a_hole_and_nothing_more() -> None:
    flash = MemoryFlash(6)
    ring = _ring(flash)
    firsts: list[int] = []
    while len(firsts) < 4:
        ring.append(b"x" * 60)
        if flash.blocks[len(firsts) + 1][0] != 0xFF:
            firsts.append(ring.last)
    flash.blocks[2][5] ^= 0xFF
    again = _ring(flash)
    seqs = [seq for seq, _ in _content(again)]
    assert seqs == list(range(1, firsts[1])) + list(range(firsts[2], ring.last + 1))


def test_a_page_that_takes_no_bits_costs_its_block_and_no_record() -> None:
    class Worn(MemoryFlash):
        bad = -1

        def write(self, block: int, data: bytes | bytearray | memoryview, offset: int) -> None:
            super().write(block, data, offset)
            if block == self.bad and offset > BLOCK_HEAD:
                self.blocks[block][offset + 3] &= 0x0F
                self.blocks[block][offset + len(data) - 1] = 0

    flash = Worn(4)
    ring = _ring(flash)
    ring.append(b"first")
    flash.bad = 1
    assert ring.append(b"second") == 2
    assert _content(ring) == [(1, b"first"), (2, b"second")]
    assert _content(_ring(flash)) == [(1, b"first"), (2, b"second")]


def test_a_record_too_long_is_refused() -> None:
    ring = _ring(MemoryFlash(4, 4096))
    for data in (b"", b"x" * 1025):
        try:
            ring.append(data)
            raise AssertionError("taken")
        except FlashError:
            assert ring.last == 0


def test_format_begins_anew_under_a_new_epoch() -> None:
    flash = MemoryFlash(4)
    ring = _ring(flash)
    for seq in range(1, 100):
        ring.append(_record(seq))
    ring.format(7)
    assert _content(ring) == []
    ring.append(b"new")
    again = _ring(flash)
    assert (again.epoch, _content(again)) == (7, [(1, b"new")])


def _life(flash: MemoryFlash, durable: dict[int, bytes], count: int) -> None:
    """One life of a controller: mounts, appends until it ends or loses power; notes what was reported
    durable.
    """
    ring = _ring(flash)
    for at in range(count):
        data = b"%d-%d" % (flash.steps, at) + b"." * (at * 7 % 90)
        seq = ring.append(data)
        assert seq not in durable, "a number was given twice"
        durable[seq] = data
        if at % 3 == 0:
            ring.erase_ahead()


def _sweep(torn: bool) -> None:
    whole = MemoryFlash(4)
    _life(whole, {}, 40)
    for cut in range(1, whole.steps + 1):
        flash = MemoryFlash(4)
        durable: dict[int, bytes] = {}
        flash.cut_at, flash.torn = cut, torn
        try:
            _life(flash, durable, 40)
        except PowerCutError:
            flash.cut_at = 0
        reached = len(durable)
        ring = _ring(flash)
        assert ring.last in (reached, reached + 1), "not a prefix"
        held = dict(_content(ring))
        for seq in range(ring.first, reached + 1):
            assert held[seq] == durable[seq], "a durable record was lost"
        if ring.last > reached:
            durable[ring.last] = held[ring.last]
        _life(flash, durable, 12)


def test_power_cut_clean_at_every_step_leaves_a_prefix() -> None:
    _sweep(False)


def test_power_cut_torn_at_every_step_leaves_a_prefix() -> None:
    _sweep(True)
