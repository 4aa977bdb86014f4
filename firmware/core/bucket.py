"""Wrong tries: a bucket of ten, one more every 15 minutes of uptime, at most twenty a day.

A try is debited and flushed **before** anything is compared, and given back if the code was right, so that
a power cut between the two never makes a free try. Uptime, not the clock, refills it: no clock step and no
power cut refills it faster (invariant 16). Empty: the keypad asks for the long code, which nobody guesses,
so nobody can lock a customer out.
"""

import binascii
import struct

SIZE = 10
REFILL_MS = 15 * 60 * 1000
DAY_MS = 24 * 3600 * 1000
DAILY = 20

_PAGE = "<2sBBII"
PAGE_SIZE = 16


class Bucket:
    """Tries left. `page()` is what must be in flash before a comparison; `load` takes it back after a
    reboot.
    """

    def __init__(self) -> None:
        self.left = SIZE
        self.spent = 0
        """Tries spent in the current day of uptime, those given back excluded."""
        self._refill_ms = 0
        self._day_ms = 0
        self._seen_ms = 0

    def load(self, page: bytes) -> bool:
        """Restores a page; a damaged one empties the bucket (long codes go on working) and returns False."""
        if len(page) == PAGE_SIZE and binascii.crc32(page[:12]) == struct.unpack("<I", page[12:])[0]:
            magic, left, spent, refill_ms, day_ms = struct.unpack(_PAGE, page[:12])
            if magic == b"B\x01" and left <= SIZE and spent <= DAILY:
                self.left, self.spent, self._refill_ms, self._day_ms = left, spent, refill_ms, day_ms
                return True
        self.left, self.spent = 0, 0
        return False

    def page(self) -> bytes:
        """The 16 bytes to flush."""
        body = struct.pack(_PAGE, b"B\x01", self.left, self.spent, self._refill_ms, self._day_ms)
        return body + struct.pack("<I", binascii.crc32(body))

    def tick(self, now_ms: int) -> None:
        """Lets uptime pass."""
        passed = now_ms - self._seen_ms
        self._seen_ms = now_ms
        if passed <= 0:
            return
        self._day_ms += passed
        if self._day_ms >= DAY_MS:
            self._day_ms %= DAY_MS
            self.spent = 0
        if self.left >= SIZE:
            self._refill_ms = 0
            return
        self._refill_ms += passed
        while self._refill_ms >= REFILL_MS and self.left < SIZE:
            self._refill_ms -= REFILL_MS
            self.left += 1
        if self.left >= SIZE:
            # What was left over would fill it again at once while somebody empties it.
            self._refill_ms = 0

    def available(self, now_ms: int) -> int:
        """Tries that a person has now."""
        self.tick(now_ms)
        return min(self.left, DAILY - self.spent)

    def debit(self, now_ms: int) -> bool:
        """Takes one try; False if there is none. Flush `page()` before comparing."""
        if self.available(now_ms) <= 0:
            return False
        self.left -= 1
        self.spent += 1
        return True

    def give_back(self) -> None:
        """The code was right: the try was none."""
        if self.left < SIZE:
            self.left += 1
        if self.spent > 0:
            self.spent -= 1
