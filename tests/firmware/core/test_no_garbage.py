"""What runs many times a second while nothing happens allocates nothing, shown with the heap locked.

On CPython, where there is no such lock, the same calls are simply made.
"""

import sys

from firmware.core.bank import Bank
from firmware.core.bucket import Bucket
from firmware.core.door import Limits
from firmware.core.entry import Line
from firmware.core.journal import Journal
from firmware.core.mqtt import Client
from firmware.core.probe import Probe
from firmware.core.ring import Ring
from firmware.core.timekeeping import Clock
from tests.firmware.core.flash import MemoryFlash

if sys.implementation.name == "micropython":
    from micropython import heap_lock as lock  # type: ignore[import-not-found]
    from micropython import heap_unlock as unlock
else:

    def lock() -> None:
        """Nothing to lock."""

    def unlock() -> None:
        """Nothing to unlock."""


def _client() -> Client:
    client = Client("wall-1", 20, 300, 300)
    client.connect("s", b"lost", 1, True, 0)
    client.receive(b"\x20\x02\x00\x00", 0, 4, 0)
    client.take()
    return client


def test_the_proof_itself_notices_an_allocation() -> None:
    noticed = sys.implementation.name != "micropython"
    lock()
    try:
        bytearray(64)
    except MemoryError:
        noticed = True
    finally:
        unlock()
    assert noticed


def test_a_bank_at_rest() -> None:
    bank = Bank(list(range(1, 25)), Limits(3, 3000, 120_000, 60_000))
    lock()
    try:
        for now in range(1_000_000, 1_001_000, 40):
            bank.tick(now)
    finally:
        unlock()


def test_a_keypad_at_rest() -> None:
    line, bucket = Line(), Bucket()
    lock()
    try:
        for now in range(1000, 100_000, 10):
            line.tick(now)
            bucket.tick(now)
    finally:
        unlock()


def test_an_idle_link_and_an_empty_journal() -> None:
    client = _client()
    journal = Journal(Ring(MemoryFlash(4), 0), Ring(MemoryFlash(4), 1))
    journal.mount(1)
    journal.connected(0)
    lock()
    try:
        for now in range(0, 20_000, 50):
            client.tick(now)
            client.take()
            journal.next_to_send(0, now, 0, 0)
            journal.next_to_send(1, now, 0, 0)
    finally:
        unlock()


def test_time_and_a_probes_nine_bytes() -> None:
    clock, probe = Clock(1_790_000_000), Probe()
    clock.battery_clock(1_790_000_001, False, 0)
    pad = bytearray([0x20, 0x00, 0x4B, 0x46, 0x7F, 0xFF, 0x10, 0x10, 0xC1])
    lock()
    try:
        now, health = clock.now(5000), probe.scratchpad(pad, 1000)
    finally:
        unlock()
    assert (now, health, probe.value) == (1_790_000_006, 0, 200)
