"""The grants a bank holds, what has become of them, and what a code opens now (R-31 to R-39).

The set lies in one buffer of 64-byte records in order of grant id, as in flash, made once for the most a bank
may hold: a heap in use for weeks has no such piece left to give. A change that is coming is kept beside it as
the records of its pieces, and written into it when flash has the whole.
Marks (uses begun or ended) and loads (what is in each compartment) are kept apart, in pages of at most 128
bytes each, because they change with every opening.
"""

import binascii
import hashlib
import struct

from firmware.contract import grants, records
from firmware.contract.grants import Grant, Piece
from firmware.core.grantset import Change, GrantSet, digest, image, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MARKS_PER_PAGE = 23
LOADS_PER_PAGE = 29
LOAD_PAGES = -(-255 // LOADS_PER_PAGE)
MAX_ATTEMPTS = 3
"""Uses begun without a known end (brown-outs) after which a grant is used up (R-38)."""

_USED = 0x80
_TAKEN = 0x80000000

# What `stage` answers.
STAGED, READY, IGNORED, BASE, DIGEST, FULL = "staged", "ready", "ignored", "base", "digest", "full"


class Verdict:
    """What a code means now. `code`: an attempt result of `contract.records` (ACCEPTED, EARLY, …)."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.credential = 0
        self.kind = 0
        self.grants: list[Grant] = []
        """To open, in order of door numbers (ACCEPTED)."""
        self.missing: list[Grant] = []
        """Not loaded yet (EARLY)."""
        self.blocked: list[Grant] = []
        """In a blocked zone; the others may still open."""
        self.reason = ""
        """Why blocked."""
        self.clockless = False
        """True if the clock is invalid and the opening is to be flagged (R-39)."""


class GrantBook:
    """The held set with its marks and loads. Nothing here writes: images and pages to flush are returned."""

    def __init__(self) -> None:
        self.version = 0
        self.digest = hashlib.sha256(b"").digest()[:8]
        self._set = GrantSet()
        self._change: Change | None = None
        """What is coming, in force with `commit`."""
        self._staged_version = 0
        self._staged_part = 0
        self._mark_ids: list[int] = []
        self._mark_states = bytearray(0)
        self._loads = [0] * 256
        self._kept_ms: dict[int, int] = {}

    # The set.

    @property
    def count(self) -> int:
        """Grants held."""
        return self._set.count

    def load_image(self, image: bytes | memoryview) -> bool:
        """Takes the set from flash; False (and an empty set, so that a snapshot comes) if it is damaged."""
        found = parse(image)
        if found is None:
            self._take(0, memoryview(b""))
            return False
        self._take(found[0], found[1])
        return True

    def image(self) -> "Iterator[bytes | memoryview]":
        """The held set as it lies in flash, part by part; to be read before the next change."""
        return image(self.version, self.count, (self._set.body(),))

    def stage(self, piece: Piece) -> str:
        """Takes one piece of a change. READY: flush `staged_image()`, then `commit()`, or `discard()`.
        Otherwise STAGED (more parts to come), IGNORED (not newer), or the reason of a refusal: BASE, DIGEST,
        FULL (R-32 to R-34).
        """
        if piece.version <= self.version:
            return IGNORED
        if piece.base not in (0, self.version):
            self.discard()
            return BASE
        if piece.part == 1:
            self._change = Change(self._set, piece.base == 0)
        elif piece.version != self._staged_version or piece.part != self._staged_part + 1:
            self.discard()
        change = self._change
        if change is None:
            return BASE
        self._staged_version, self._staged_part = piece.version, piece.part
        came = self._take_piece(change, piece)
        if came not in (READY, STAGED):
            self.discard()
        return came

    def _take_piece(self, change: Change, piece: Piece) -> str:
        for grant_id in piece.deletes:
            change.drop(grant_id)
        for record in piece.upserts:
            if not change.put(record):
                return FULL
        if piece.part < piece.parts:
            return STAGED
        if change.count != piece.count or digest(change.records()) != piece.set_digest:
            return DIGEST
        return READY

    def staged_image(self) -> "Iterator[bytes | memoryview]":
        """The image of the set that is READY, part by part, to flush before `commit`; nothing if none is."""
        change = self._change
        if change is None:
            return iter(())
        return image(self._staged_version, change.count, change.records())

    def discard(self) -> None:
        """Forget the change that was coming; what is held stays."""
        self._change = None

    def commit(self) -> list[int]:
        """The READY set is in force; returns the mark pages to flush (marks of ids no longer in the set are
        gone).
        """
        change = self._change
        if change is not None:
            self._change = None
            # Should memory run out half way, a set of no version is held: the gateway sends it whole.
            self.version = 0
            change.apply()
            self.digest = digest((self._set.body(),))
            self.version = self._staged_version
        return self._prune()

    def record_at(self, at: int) -> bytes:
        """The packed grant at index `at`."""
        return self._set.record(at)

    def by_id(self, grant_id: int) -> Grant | None:
        """The held grant of that id."""
        at, found = self._set.place(grant_id)
        return grants.unpack(self._set.record(at)) if found else None

    def match(self, mac: bytes, is_long: bool) -> list[Grant]:
        """Every grant whose code has this MAC; the same work whatever matches (R-24)."""
        offset = 32 if is_long else 24
        found: list[Grant] = []
        any_bit = 0
        for at in range(8):
            any_bit |= mac[at]
        for index in range(self.count):
            if self._set.differs(index, offset, mac) == 0 and any_bit:
                found.append(grants.unpack(self.record_at(index)))
        return found

    # Marks and loads.

    def begin_use(self, grant_id: int) -> int:
        """Counts an attempt before the coil; returns the mark page to flush."""
        slot = self._slot(grant_id)
        if self._mark_states[slot] & 0x7F < 0x7F:
            self._mark_states[slot] += 1
        return slot // MARKS_PER_PAGE

    def attempts(self, grant_id: int) -> int:
        """Uses begun and not ended."""
        if grant_id not in self._mark_ids:
            return 0
        return self._mark_states[self._mark_ids.index(grant_id)] & 0x7F

    def is_used(self, grant_id: int) -> bool:
        """True if the grant is dead for good."""
        if grant_id not in self._mark_ids:
            return False
        state = self._mark_states[self._mark_ids.index(grant_id)]
        return state & _USED != 0 or state & 0x7F >= MAX_ATTEMPTS

    def interrupted(self) -> list[Grant]:
        """Grants whose use had begun and not ended: what a power cut interrupted."""
        begun: list[Grant] = []
        for slot in range(len(self._mark_ids)):
            state = self._mark_states[slot]
            if state and not state & _USED:
                grant = self.by_id(self._mark_ids[slot])
                if grant is not None:
                    begun.append(grant)
        return begun

    def settle(self, grant: Grant, result: str, now_ms: int) -> tuple[int, int]:
        """How a use ended: a result of a contact cycle, or a lock outcome without one (`jammed`,
        `noanswer`, …).

        Returns (mark page, load page) to flush, -1 where none changed. Collected or doubtful: dead. Kept,
        jammed, not loaded: the code stays live.
        """
        slot = self._slot(grant.grant_id)
        ended = result in (records.COLLECTED, records.DOUBTFUL)
        if result == records.LOADED or result == records.CHECKED:
            ended = grant.flags & grants.ONCE != 0
        if ended and grant.flags & grants.ONCE:
            self._mark_states[slot] |= _USED
        elif self._mark_states[slot] & _USED == 0:
            self._mark_states[slot] = 0
        if result == records.KEPT:
            self._kept_ms[grant.grant_id] = now_ms
        load_page = -1
        if result == records.LOADED and grant.flags & grants.MAKES_LOAD:
            self._loads[grant.door] = grant.load
            load_page = grant.door // LOADS_PER_PAGE
        elif result in (records.COLLECTED, records.DOUBTFUL) and self._loads[grant.door] == grant.load:
            self._loads[grant.door] = grant.load | _TAKEN
            load_page = grant.door // LOADS_PER_PAGE
        return slot // MARKS_PER_PAGE, load_page

    def load_of(self, door: int) -> int:
        """The load in a compartment, 0 if there is none or it was taken."""
        load = self._loads[door]
        return 0 if load & _TAKEN else load

    @property
    def mark_pages(self) -> int:
        """Number of mark pages in use."""
        return -(-len(self._mark_ids) // MARKS_PER_PAGE)

    def mark_page(self, number: int) -> bytes:
        """One page of marks, at most 128 bytes."""
        body = b"U" + bytes([number])
        first = number * MARKS_PER_PAGE
        for slot in range(first, min(first + MARKS_PER_PAGE, len(self._mark_ids))):
            body += struct.pack("<IB", self._mark_ids[slot], self._mark_states[slot])
        return body + struct.pack("<I", binascii.crc32(body))

    def load_mark_page(self, number: int, page: bytes) -> bool:
        """Takes a page of marks, pages in order from 0; False if it is damaged (then treat its grants as
        used).
        """
        body = _checked(page, b"U", number)
        if body is None:
            return False
        for at in range(2, len(body), 5):
            grant_id, state = struct.unpack("<IB", body[at : at + 5])
            if grant_id not in self._mark_ids:
                self._mark_ids.append(grant_id)
                self._mark_states.append(state)
        return True

    def load_page(self, number: int) -> bytes:
        """One page of loads, at most 128 bytes."""
        body = b"L" + bytes([number])
        first = number * LOADS_PER_PAGE
        for door in range(first, min(first + LOADS_PER_PAGE, 256)):
            body += struct.pack("<I", self._loads[door])
        return body + struct.pack("<I", binascii.crc32(body))

    def load_load_page(self, number: int, page: bytes) -> bool:
        """Takes a page of loads; False if it is damaged (its doors then hold no load, so they open for no
        customer).
        """
        body = _checked(page, b"L", number)
        if body is None:
            return False
        door = number * LOADS_PER_PAGE
        for at in range(2, len(body), 4):
            self._loads[door] = struct.unpack("<I", body[at : at + 4])[0]
            door += 1
        return True

    # The decision.

    def judge(
        self,
        mac: bytes,
        is_long: bool,
        now: int,
        clock_valid: bool,
        now_ms: int,
        reopen_ms: int,
        blocked: dict[int, str],
    ) -> Verdict:
        """What the code opens now. `now`: Unix seconds (the floor if the clock is invalid); `blocked`:
        reason by door.
        """
        found = self.match(mac, is_long)
        found.sort(key=_door_of)
        verdict = Verdict(records.UNKNOWN_CODE)
        worst = ""
        for grant in found:
            verdict.credential, verdict.kind = grant.credential_id, grant.kind
            status = self._status(grant, now, clock_valid, now_ms, reopen_ms)
            if status == records.EARLY:
                verdict.missing.append(grant)
            elif status == records.ACCEPTED and grant.door in blocked and grant.kind != grants.STAFF:
                verdict.blocked.append(grant)
                verdict.reason = blocked[grant.door]
            elif status == records.ACCEPTED:
                verdict.grants.append(grant)
            elif _RANK.index(status) >= _RANK.index(worst):
                worst = status
        if not found:
            return verdict
        verdict.clockless = not clock_valid
        if verdict.missing:
            verdict.code = records.EARLY
            verdict.grants = []
        elif verdict.grants:
            verdict.code = records.ACCEPTED
        elif verdict.blocked:
            verdict.code = records.BLOCKED
        else:
            verdict.code = worst
        return verdict

    def recheck(
        self, grant_id: int, now: int, clock_valid: bool, now_ms: int, reopen_ms: int, blocked: dict[int, str]
    ) -> str:
        """ACCEPTED if the grant may start the coil at this very moment, else why not.

        A visit takes minutes; meanwhile a grant may have been revoked, a zone blocked, a night begun.
        """
        grant = self.by_id(grant_id)
        if grant is None:
            return records.UNKNOWN_CODE
        status = self._status(grant, now, clock_valid, now_ms, reopen_ms)
        if status == records.ACCEPTED and grant.door in blocked and grant.kind != grants.STAFF:
            return records.BLOCKED
        return status

    def _status(self, grant: Grant, now: int, clock_valid: bool, now_ms: int, reopen_ms: int) -> str:
        if self.is_used(grant.grant_id):
            return records.USED
        held = self._loads[grant.door]
        if grant.flags & grants.NEEDS_LOAD and held != grant.load:
            # Load numbers grow in the life of a bank: a higher one is newer and has killed this grant.
            return records.USED if held & 0x7FFFFFFF >= grant.load else records.EARLY
        if grant.flags & grants.MAKES_LOAD and held & 0x7FFFFFFF >= grant.load:
            return records.USED
        if not clock_valid and grant.kind != grants.CUSTOMER:
            return records.CLOCKLESS
        kept = self._kept_ms.get(grant.grant_id, -1)
        if now >= grant.until and not (kept >= 0 and now_ms - kept <= reopen_ms):
            return records.EXPIRED
        if clock_valid and now < grant.start:
            return records.NOT_YET
        return records.ACCEPTED

    def _take(self, version: int, body: memoryview) -> None:
        self.discard()
        self.version = version
        self._set.fill(body)
        self.digest = digest((self._set.body(),))

    def _slot(self, grant_id: int) -> int:
        if grant_id in self._mark_ids:
            return self._mark_ids.index(grant_id)
        self._mark_ids.append(grant_id)
        self._mark_states.append(0)
        return len(self._mark_ids) - 1

    def _prune(self) -> list[int]:
        before = self.mark_pages
        ids: list[int] = []
        states = bytearray(0)
        for slot in range(len(self._mark_ids)):
            _, held = self._set.place(self._mark_ids[slot])
            if held and self._mark_states[slot]:
                ids.append(self._mark_ids[slot])
                states.append(self._mark_states[slot])
        self._mark_ids, self._mark_states = ids, states
        return list(range(before))


_RANK = ("", records.USED, records.EXPIRED, records.CLOCKLESS, records.NOT_YET)


def _door_of(grant: Grant) -> int:
    return grant.door


def _checked(page: bytes, magic: bytes, number: int) -> bytes | None:
    if len(page) < 6 or page[:2] != magic + bytes([number]):
        return None
    body = page[:-4]
    return body if binascii.crc32(body) == int.from_bytes(page[-4:], "little") else None
