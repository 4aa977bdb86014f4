"""From a key to a verdict to the doors: the way of the customer, which needs nothing but this board
(invariant 8).
"""

import asyncio

from firmware.contract import records
from firmware.contract.seals import Mac, code_mac
from firmware.core import entry
from firmware.core.door import request_of
from firmware.core.entry import Line
from firmware.core.grantbook import Verdict
from firmware.drivers.keypad import Keypad
from firmware.services.attempts import Attempts
from firmware.services.doors import Doors
from firmware.services.holdings import Holdings
from firmware.services.recorder import Recorder
from firmware.services.screen import Screen
from firmware.supervisor import Heart

_SCAN_MS = 10
_TICK_EVERY = 50


class Entry:
    """The keypad's task."""

    def __init__(
        self,
        keypad: Keypad,
        code_key: Mac,
        holdings: Holdings,
        recorder: Recorder,
        doors: Doors,
        screen: Screen,
        heart: Heart,
    ) -> None:
        self._keypad = keypad
        self._code_key = code_key
        self._holdings = holdings
        self._recorder = recorder
        self._doors = doors
        self._screen = screen
        self._heart = heart
        self._line = Line()
        self._throttled = False
        self._attempts = Attempts(recorder, holdings.bucket)

    @property
    def in_use(self) -> bool:
        """True while somebody types."""
        return not self._line.is_empty

    async def run(self) -> None:
        """Scan every 10 ms for ever."""
        at = 0
        while True:
            self._heart.beat()
            key = self._keypad.scan(self._recorder.uptime.ms())
            if key:
                self.pressed(key)
            at += 1
            if at >= _TICK_EVERY:
                at = 0
                self._tick()
            await asyncio.sleep_ms(_SCAN_MS)

    def _tick(self) -> None:
        now_ms = self._recorder.uptime.ms()
        if self._line.tick(now_ms) == entry.CLEARED:
            self._screen.clear_message()
        if self._throttled and self._holdings.bucket.available(now_ms) > 0:
            self._throttled = False
            self._recorder.event("alarm", {"a": records.WRONG_CODES, "s": 0})

    def pressed(self, key: str) -> None:
        """One key."""
        line = self._line
        came = line.press(key, self._recorder.uptime.ms())
        if came == entry.CODE:
            self._judge(line.code, line.is_long)
            self._doors.speak()
        elif came == entry.SLIP:
            self._try(records.SLIP, 0)
            self._screen.message("slip")
        elif came == entry.CLEARED:
            if self._doors.bank.busy:
                self._doors.stop()
            self._screen.clear_message()
        elif came in (entry.EDITING, entry.WANTS_LONG):
            self._show_line()

    def _show_line(self) -> None:
        if self._line.missing == 1:
            self._doors.hush()
        name = "typing" if self._line.length == 8 else "typing_long"
        self._screen.message(name, self._line.masked(), "", entry.IDLE_MS)

    def _try(self, result: str, credential: int) -> None:
        self._attempts.record(result, credential, self._line.is_long)

    def _judge(self, code: str, is_long: bool) -> None:
        """A well-formed code. Short ones cost a try, debited and flushed before anything is compared."""
        holdings, recorder = self._holdings, self._recorder
        config = self._doors.config
        now_ms = recorder.uptime.ms()
        if not config.version:
            self._screen.message("unready")
            return
        if not is_long:
            if not holdings.bucket.debit(now_ms):
                self._refuse_throttled(now_ms)
                return
            if not holdings.keep_bucket():
                # A try that a power cut would give back is none to compare with: only long codes, then.
                holdings.bucket.give_back()
                self._ask_long(now_ms)
                return
        verdict = holdings.book.judge(
            code_mac(self._code_key, code),
            is_long,
            recorder.clock.now(now_ms),
            recorder.clock.is_valid,
            now_ms,
            config.reopen * 1000,
            holdings.blocked,
        )
        if not is_long and verdict.code != records.UNKNOWN_CODE:
            holdings.bucket.give_back()
        self._try(verdict.code, verdict.credential)
        if verdict.code == records.ACCEPTED:
            closed_to = _closed_to(verdict.reason) if verdict.blocked else ""
            self._doors.open([request_of(grant) for grant in verdict.grants], closed_to)
        else:
            self._refuse(verdict)
        if not is_long and verdict.code != records.UNKNOWN_CODE:
            # After the coil has started: a power cut before this line costs a try, never gives one.
            holdings.keep_bucket()

    def _ask_long(self, now_ms: int) -> None:
        self._try(records.THROTTLED, 0)
        self._line.ask_long(now_ms)
        self._screen.message("throttled")

    def _refuse_throttled(self, now_ms: int) -> None:
        self._ask_long(now_ms)
        if not self._throttled:
            self._throttled = True
            self._recorder.event("alarm", {"a": records.WRONG_CODES, "s": 1})

    def _refuse(self, verdict: Verdict) -> None:
        help_number = self._doors.config.help_number
        code = verdict.code
        if code == records.UNKNOWN_CODE:
            left = self._holdings.bucket.available(self._recorder.uptime.ms())
            self._screen.message("unknown", str(left))
        elif code == records.EARLY:
            self._screen.message("early", verdict.missing[0].label)
        elif code == records.BLOCKED:
            self._screen.message(_closed_to(verdict.reason), help_number)
        else:
            self._screen.message(code, help_number)


def _closed_to(reason: str) -> str:
    """The text for a person who stands before a blocked door."""
    return "blocked" if reason in (records.WARM, records.COLD, records.NO_DATA) else "held"
