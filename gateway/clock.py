"""How far this host's clock can be trusted, and what `gw/time` says (R-49, R-70).

Trusted: the kernel says that it is disciplined, or the server's clock agreed within AGREE_MS; until it steps.
A step starts a new clock epoch and the trust with it.
"""

from collections.abc import Callable

from firmware.contract import records
from gateway.moment import Moment

STEP_MS = 2000
"""A difference between the clocks that is no drift between two looks."""
AGREE_MS = 2000
NEVER_BEFORE_S = 1_767_225_600
"""1 January 2026: a clock that shows an earlier time was never set."""


class SiteClock:
    """The trust in this host's clock. `new_epoch` makes eight random hex digits."""

    def __init__(self, new_epoch: Callable[[], str]) -> None:
        self._new_epoch = new_epoch
        self._offset_ms: int | None = None
        self._confirmed = False
        self._disciplined = False
        self.epoch = new_epoch()
        """Changes whenever the clock steps."""

    def look(self, now: Moment, disciplined: bool) -> None:
        """Compare the clocks (call it every few seconds); `disciplined` is the kernel's own word."""
        offset = now.wall_ms - now.mono_ms
        if self._offset_ms is not None and abs(offset - self._offset_ms) > STEP_MS:
            self.epoch = self._new_epoch()
            self._confirmed = False
        self._offset_ms = offset
        self._disciplined = disciplined

    def hear(self, server_ms: int, sent: Moment, now: Moment) -> None:
        """The server's time, in an answer to a request sent at `sent`: confirms or shakes the trust.

        The server read its clock somewhere between request and answer, so the round trip is the uncertainty.
        """
        round_trip = now.mono_ms - sent.mono_ms
        middle = now.wall_ms - round_trip // 2
        self._confirmed = abs(server_ms - middle) <= AGREE_MS + round_trip // 2

    def trusted(self, now: Moment) -> bool:
        """Whether this host's time may set other clocks and judge records."""
        return (self._disciplined or self._confirmed) and now.unix_s >= NEVER_BEFORE_S

    def quality(self, now: Moment) -> int:
        """The quality that `gw/time` states."""
        return records.DISCIPLINED if self.trusted(now) else records.UNKNOWN

    def message(self, now: Moment) -> dict[str, object]:
        """The body of `gw/time`."""
        return {"v": 1, "t": now.unix_s, "q": self.quality(now), "e": self.epoch}
