"""What attempts at the keypad leave in the journal, however many there are."""

import json

from firmware.contract import records
from firmware.core.bucket import Bucket
from firmware.core.journal import Journal
from firmware.core.ring import Ring
from firmware.core.timekeeping import Clock
from firmware.services.attempts import Attempts
from firmware.services.recorder import Recorder, Uptime
from tests.firmware.core.flash import MemoryFlash

DAY_MS = 24 * 3600 * 1000


class Passing(Uptime):
    """Uptime that a test moves."""

    def __init__(self) -> None:
        self.now = 0

    def ms(self) -> int:
        return self.now


class Keypad:
    """A recorder of attempts over a small journal."""

    def __init__(self) -> None:
        self.journal = Journal(Ring(MemoryFlash(16, 4096), 0), Ring(MemoryFlash(4, 4096), 1))
        self.journal.mount(0xC0FFEE01)
        self.journal.boot = 1
        self.uptime = Passing()
        self.recorder = Recorder(self.journal, self.uptime, Clock(0))
        self.attempts = Attempts(self.recorder, Bucket())

    def tries(self) -> list[dict[str, object]]:
        """The records, each checked against the contract."""
        found: list[dict[str, object]] = []
        record = self.journal.rings[0].read_after(0)
        while record is not None:
            message: dict[str, object] = json.loads(record[1])
            records.check(message)
            if message["k"] == "try":
                found.append(message)
            record = self.journal.rings[0].read_after(record[0])
        return found


def test_somebody_who_drums_on_the_keypad_pushes_nothing_out_of_the_journal() -> None:
    keypad = Keypad()
    keypad.recorder.event("alarm", {"a": records.FORCED, "s": 1, "d": 20})
    for at in range(5000):
        keypad.uptime.now = 800 * at
        keypad.attempts.record(records.SLIP, 0, False)
        keypad.attempts.record(records.THROTTLED, 0, False)
        keypad.attempts.record(records.UNKNOWN_CODE, 0, True)
        keypad.attempts.record(records.EXPIRED, 7, False)
    assert keypad.journal.rings[0].first == 1
    told = keypad.tries()
    assert 40 <= len(told) < 80


def test_what_was_only_counted_is_told_with_the_next_one() -> None:
    keypad = Keypad()
    for _ in range(50):
        keypad.attempts.record(records.SLIP, 0, False)
    assert len(keypad.tries()) == 20
    keypad.uptime.now = DAY_MS
    keypad.attempts.record(records.SLIP, 0, False)
    keypad.attempts.record(records.SLIP, 0, False)
    assert [message.get("x", 0) for message in keypad.tries()[20:]] == [30, 0]


def test_what_opens_or_costs_a_try_is_always_told() -> None:
    keypad = Keypad()
    for _ in range(60):
        keypad.attempts.record(records.SLIP, 0, False)
        keypad.attempts.record(records.EXPIRED, 7, False)
    before = len(keypad.tries())
    for _ in range(20):
        keypad.attempts.record(records.ACCEPTED, 7, False)
        keypad.attempts.record(records.UNKNOWN_CODE, 0, False)
    assert len(keypad.tries()) - before == 40
