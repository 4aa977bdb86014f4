"""The journal: two lanes of records in flash, and what of them is to be sent now (R-40 to R-48).

Events never wait behind readings: each lane has its ring, its window of 32 ahead of the last
acknowledgement, and its own resend. Numbers that can't come any more (overwritten, unreadable) are closed
by a gap record made when their turn comes.
"""

from firmware.contract import records
from firmware.core.ring import Ring

RESEND_MS = 5000
"""Without progress for that long a lane is sent again from the first unacknowledged record (R-44)."""


class Window:
    """What of one lane is on its way: `sent` is the highest number published on this connection."""

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        self.sent = 0
        self.resent = 0
        """Times the lane was sent again for want of progress."""
        self._greeted = False
        self._progress_ms = 0

    def connected(self, now_ms: int) -> None:
        """A new connection: nothing is sent until the receiver has said what it holds, or has been silent
        for 5 s.
        """
        self.sent = self.ring.acked
        self._greeted = False
        self._progress_ms = now_ms

    def acknowledged(self, seq: int, now_ms: int) -> bool:
        """An `ack` of this lane came; True if it moved the window.

        The first one of a connection is the receiver's whole knowledge and may lie behind (a store restored
        from a backup): then what is still held is sent again. Later ones only go forward.
        """
        ring = self.ring
        if not 0 <= seq <= ring.last:
            return False
        if not self._greeted:
            self._greeted = True
            moved = seq != ring.acked
            ring.acked = self.sent = seq
            self._progress_ms = now_ms
            return moved
        if seq <= ring.acked:
            return False
        ring.acked = seq
        self.sent = max(self.sent, seq)
        self._progress_ms = now_ms
        return True

    def is_open(self, now_ms: int) -> bool:
        """True if a record may be published now; rewinds a lane without progress."""
        acked, waited = self.ring.acked, now_ms - self._progress_ms
        if not self._greeted:
            if waited < RESEND_MS:
                return False
            self._greeted = True
        if self.sent > acked and waited >= RESEND_MS:
            self.sent = acked
            self.resent += 1
        if self.sent <= acked:
            self._progress_ms = now_ms
        return self.sent < self.ring.last and self.sent - acked < records.WINDOW


class Journal:
    """Appends records with their envelope and says what to publish. `boot` and the rings' epoch number
    them.
    """

    def __init__(self, events: Ring, readings: Ring) -> None:
        self.rings = (events, readings)
        self.windows = (Window(events), Window(readings))
        self.boot = 0
        self.epoch = ""
        """8 hex digits."""
        self.outrun = False
        """True when the receiver has a number of this epoch that was never given: the flash has lost records
        and their numbers are being given again. Only `renew` helps.
        """

    def mount(self, fresh_epoch: int) -> bool:
        """Mounts both rings, formatting what holds none under `fresh_epoch` (random, not 0). The events
        ring's epoch rules: readings of another one are given up. False if something had to be formatted.
        """
        events, readings = self.rings
        whole = events.mount()
        if not whole:
            events.format(fresh_epoch)
        if not readings.mount() or readings.epoch != events.epoch:
            whole = False
            readings.format(events.epoch)
        self.epoch = "%08x" % events.epoch
        return whole

    def renew(self, fresh_epoch: int) -> None:
        """Begins both lanes anew under `fresh_epoch` (random, not 0); what was held is given up. Say `hello`
        again.
        """
        for ring in self.rings:
            ring.renew(fresh_epoch)
        self.epoch = "%08x" % fresh_epoch
        self.outrun = False

    def append(
        self, lane: int, kind: str, fields: dict[str, object], uptime_ms: int, unix: int, quality: int
    ) -> int:
        """Writes one record of `kind` with its own `fields` (see `contract.records.required`); returns its
        seq, durable.
        """
        ring = self.rings[lane]
        return ring.append(self._encode(lane, ring.last + 1, kind, fields, uptime_ms, unix, quality))

    def next_to_send(self, lane: int, uptime_ms: int, unix: int, quality: int) -> bytes | None:
        """The next record to publish on this lane, None if the window is closed or empty. Call until None."""
        window = self.windows[lane]
        if not window.is_open(uptime_ms):
            return None
        ring = self.rings[lane]
        found = ring.read_after(window.sent)
        expected = window.sent + 1
        if found is None or found[0] > expected:
            last = ring.last if found is None else found[0] - 1
            window.sent = last
            reason = "full" if last < ring.first else "corrupt"
            return self._encode(lane, last, "gap", {"f": expected, "r": reason}, uptime_ms, unix, quality)
        window.sent = found[0]
        return found[1]

    def connected(self, now_ms: int) -> None:
        """A new connection to the broker: both windows start from the last acknowledgement."""
        for window in self.windows:
            window.connected(now_ms)

    def acknowledged(self, epoch: str, lane: int, seq: int, now_ms: int) -> bool:
        """An `ack` came (R-43); True if it was of this epoch and brought progress."""
        if epoch != self.epoch or lane not in records.LANES:
            return False
        if seq > self.rings[lane].last:
            self.outrun = True
            return False
        return self.windows[lane].acknowledged(seq, now_ms)

    def range_of(self, lane: int) -> tuple[int, int]:
        """(first, last) seq held, last < first if empty: what `hello` says (R-46)."""
        ring = self.rings[lane]
        return ring.first, ring.last

    def _encode(
        self,
        lane: int,
        seq: int,
        kind: str,
        fields: dict[str, object],
        uptime_ms: int,
        unix: int,
        quality: int,
    ) -> bytes:
        message: dict[str, object] = {
            "v": 1,
            "e": self.epoch,
            "l": lane,
            "b": self.boot,
            "n": seq,
            "u": uptime_ms,
            "t": unix,
            "q": quality,
            "k": kind,
        }
        message.update(fields)
        return records.encode(message)
