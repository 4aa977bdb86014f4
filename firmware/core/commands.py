"""Commands: may this act happen now, and has it happened already (R-50 to R-55).

The id is remembered in flash before the coil; a known id answers with its first result, also after a
reboot, and never acts again (invariant 6). Twelve commands a page, so that a page stays an inline file.
"""

import binascii
import struct

from firmware.contract.commands import MAX_TTL_MS, REMEMBERED, Command
from firmware.contract.records import DONE, FAILED, LATE, MALFORMED, OTHER_BOOT

UNFINISHED = "unfinished"
"""First result of a command whose end was lost in a power cut: it may have acted, so it never acts again."""

_RESULTS = (UNFINISHED, DONE, FAILED)
_ENTRY = 9
PER_PAGE = 12
PAGES = -(-REMEMBERED // PER_PAGE)
_HEAD = "<2sI"
PAGE_SIZE = 6 + PER_PAGE * _ENTRY + 4


def judge(command: Command, boot: int, uptime_ms: int) -> str:
    """Why the command may not act: `otherboot`, `late`, or `malformed` for an expiry too far ahead (R-55);
    "" if it may.
    """
    if command.boot != boot:
        return OTHER_BOOT
    if uptime_ms > command.not_after_ms:
        return LATE
    if command.not_after_ms - uptime_ms > MAX_TTL_MS:
        return MALFORMED
    return ""


class CommandMemory:
    """The last 32 command ids and their first result, in a ring of slots over three pages."""

    def __init__(self) -> None:
        self._ids: list[bytes] = [b""] * REMEMBERED
        self._results = bytearray(REMEMBERED)
        self._until_ms = [-1] * REMEMBERED
        """Expiry of those of this boot; of an earlier boot none can be replayed (R-50)."""
        self._count = 0
        """Commands ever remembered; the next slot is this modulo 32."""

    def first_result(self, command_id: str) -> str:
        """The first result of a known command, "" for an unknown one."""
        slot = self._find(command_id)
        return _RESULTS[self._results[slot]] if slot >= 0 else ""

    def remember(self, command: Command, uptime_ms: int) -> int:
        """Takes the oldest slot for a command about to act; returns the page to flush before it acts.

        -1: the oldest is itself still before its expiry, so that forgetting it would let it be replayed
        (R-55): refuse.
        """
        slot = self._count % REMEMBERED
        if self._until_ms[slot] >= uptime_ms:
            return -1
        self._count += 1
        self._ids[slot] = binascii.unhexlify(command.command_id)
        self._results[slot] = _RESULTS.index(UNFINISHED)
        self._until_ms[slot] = command.not_after_ms
        return slot // PER_PAGE

    def finish(self, command_id: str, result: str) -> int:
        """Notes how it ended; returns the page to flush, -1 for an id already forgotten."""
        slot = self._find(command_id)
        if slot < 0:
            return -1
        self._results[slot] = _RESULTS.index(result)
        return slot // PER_PAGE

    def page(self, number: int) -> bytes:
        """The bytes of one page (0 to PAGES - 1), at most 128."""
        body = struct.pack(_HEAD, b"M" + bytes([number]), self._count)
        for slot in range(number * PER_PAGE, (number + 1) * PER_PAGE):
            if slot < REMEMBERED and self._ids[slot]:
                body += self._ids[slot] + bytes([self._results[slot]])
            else:
                body += bytes(_ENTRY)
        return body + struct.pack("<I", binascii.crc32(body))

    def load(self, number: int, page: bytes) -> bool:
        """Restores a page; False if it is damaged (its commands are then refused as of another boot
        anyway).
        """
        if len(page) != PAGE_SIZE or page[:2] != b"M" + bytes([number]):
            return False
        if binascii.crc32(page[:-4]) != int.from_bytes(page[-4:], "little"):
            return False
        self._count = max(self._count, int.from_bytes(page[2:6], "little"))
        at = 6
        for slot in range(number * PER_PAGE, (number + 1) * PER_PAGE):
            entry = page[at : at + _ENTRY]
            at += _ENTRY
            if slot < REMEMBERED and entry[:8] != bytes(8) and entry[8] < len(_RESULTS):
                self._ids[slot] = entry[:8]
                self._results[slot] = entry[8]
        return True

    def _find(self, command_id: str) -> int:
        wanted = binascii.unhexlify(command_id)
        for slot in range(REMEMBERED):
            if self._ids[slot] == wanted:
                return slot
        return -1
