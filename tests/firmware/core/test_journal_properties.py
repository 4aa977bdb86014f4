"""A journal and a receiver over a line that loses, repeats and breaks, with power cuts at flash steps
(invariants 11, 12).
"""

import json

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from firmware.contract import records
from firmware.core.journal import RESEND_MS, Journal
from firmware.core.ring import Ring
from tests.firmware.core.flash import MemoryFlash, PowerCutError


class Line(RuleBasedStateMachine):
    """The device's journal against a receiver that stores a contiguous prefix and acknowledges it."""

    def __init__(self) -> None:
        super().__init__()
        self.flash = MemoryFlash(5, 2048), MemoryFlash(5, 2048)
        self.durable: dict[int, str] = {}
        """What `append` reported as durable: seq to mark."""
        self.stored: dict[int, str | None] = {}
        """The receiver's disk: seq to mark, None for a number that a gap record closed."""
        self.boot = 0
        self.made = 0
        self.start_up()

    def start_up(self) -> None:
        self.boot += 1
        self.now_ms = 0
        self.flash[0].cut_at = self.flash[1].cut_at = 0
        self.journal = Journal(Ring(self.flash[0], 0), Ring(self.flash[1], 1))
        self.journal.mount(0xC0FFEE01)
        self.journal.boot = self.boot
        ring = self.journal.rings[0]
        newest = max(self.durable, default=0)
        assert ring.last in (newest, newest + 1), "a durable record was lost or a number skipped"
        if ring.last > newest:
            found = ring.read_after(newest)
            assert found is not None
            self.durable[ring.last] = json.loads(found[1])["r"]
        self.connect()

    def connect(self) -> None:
        self.journal.connected(self.now_ms)

    @property
    def prefix(self) -> int:
        return max(self.stored, default=0)

    def append(self, count: int) -> None:
        for _ in range(count):
            self.made += 1
            mark = f"mark {self.made}"
            fields: dict[str, object] = {"f": 0, "r": mark}
            seq = self.journal.append(0, "gap", fields, self.now_ms, 0, 0)
            assert seq not in self.durable, "a number was given twice"
            self.durable[seq] = mark

    @rule(count=st.integers(1, 30))
    def events_happen(self, count: int) -> None:
        self.append(count)

    @rule(count=st.integers(1, 30), step=st.integers(1, 12), torn=st.booleans())
    def power_is_cut(self, count: int, step: int, torn: bool) -> None:
        flash = self.flash[0]
        flash.cut_at, flash.torn = flash.steps + step, torn
        try:
            self.append(count)
            self.journal.rings[0].erase_ahead()
        except PowerCutError:
            self.start_up()
        flash.cut_at = 0

    @rule()
    def idle(self) -> None:
        self.journal.rings[0].erase_ahead()

    @rule(lose=st.integers(0, 2), acknowledge=st.booleans(), wait=st.booleans())
    def records_travel(self, lose: int, acknowledge: bool, wait: bool) -> None:
        if wait:
            self.now_ms += RESEND_MS
        sent = 0
        payload = self.journal.next_to_send(0, self.now_ms, 0, 0)
        while payload is not None:
            sent += 1
            assert sent <= records.WINDOW, "more than the window at once"
            if lose == 0 or sent % (lose + 1):
                self.receive(json.loads(payload))
            payload = self.journal.next_to_send(0, self.now_ms, 0, 0)
        if acknowledge:
            self.journal.acknowledged(self.journal.epoch, 0, self.prefix, self.now_ms)

    @rule()
    def link_breaks(self) -> None:
        self.connect()
        self.journal.acknowledged(self.journal.epoch, 0, self.prefix, self.now_ms)

    @rule(keep=st.integers(0, 40))
    def receiver_is_restored_from_a_backup(self, keep: int) -> None:
        self.stored = {seq: mark for seq, mark in self.stored.items() if seq <= keep}
        self.link_breaks()

    def receive(self, message: dict[str, object]) -> None:
        seq = int(str(message["n"]))
        first = int(str(message["f"])) or seq
        if first > self.prefix + 1 or seq <= self.prefix:
            return
        if message["f"]:
            for number in range(self.prefix + 1, seq + 1):
                self.stored[number] = None
        else:
            self.stored[seq] = str(message["r"])

    @invariant()
    def what_is_stored_is_what_was_journalled(self) -> None:
        for seq, mark in self.stored.items():
            assert mark is None or self.durable[seq] == mark
        assert list(self.stored) == list(range(1, self.prefix + 1))

    @invariant()
    def what_the_flash_still_holds_is_never_called_lost(self) -> None:
        ring = self.journal.rings[0]
        held = ring.read_after(ring.first - 1)
        assert held is not None or ring.last < ring.first
        assert ring.acked <= ring.last

    def teardown(self) -> None:
        """In the end everything arrives: each number once, or in a gap for what the ring had overwritten."""
        self.link_breaks()
        for _ in range(2 * len(self.durable) + 4):
            self.records_travel(0, True, True)
        assert self.prefix == max(self.durable, default=0)


Line.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestLine = Line.TestCase
