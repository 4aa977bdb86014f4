"""A bank's set of packed grants in a buffer of fixed size, in order of grant id, and a change that is still
coming (R-30, R-32, R-34).
"""

import binascii
import hashlib
import struct

from firmware.contract import grants
from firmware.contract.grants import MAX_GRANTS, SIZE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

IMAGE_HEAD = 10
_TAIL = 4


class GrantSet:
    """Packed grants in order of id, in one buffer made for the most a bank may hold."""

    def __init__(self) -> None:
        self.count = 0
        self._buffer = bytearray(MAX_GRANTS * SIZE)
        self._view = memoryview(self._buffer)

    def body(self) -> memoryview:
        """The records."""
        return self._view[: self.count * SIZE]

    def fill(self, body: memoryview) -> None:
        """Takes the records of an image."""
        self.count = len(body) // SIZE
        self.body()[:] = body

    def view(self, at: int) -> memoryview:
        """The packed grant at index `at`, good until the next change."""
        return self._view[at * SIZE : (at + 1) * SIZE]

    def record(self, at: int) -> bytes:
        """A copy of the packed grant at index `at`."""
        return bytes(self.view(at))

    def id_at(self, at: int) -> int:
        """Grant id of the record at index `at`."""
        held, start = self._buffer, at * SIZE
        return held[start + 4] | held[start + 5] << 8 | held[start + 6] << 16 | held[start + 7] << 24

    def differs(self, at: int, offset: int, mac: bytes) -> int:
        """0 if the 8 bytes at `offset` of the record at index `at` are `mac`; the same work whatever differs
        (R-24).
        """
        held = self._buffer
        base = at * SIZE + offset
        difference = 0
        for index in range(8):
            difference |= held[base + index] ^ mac[index]
        return difference

    def place(self, grant_id: int) -> tuple[int, bool]:
        """Index of a grant id, or of where it belongs, and whether it is there."""
        low, high = 0, self.count
        while low < high:
            middle = (low + high) // 2
            found = self.id_at(middle)
            if found == grant_id:
                return middle, True
            if found < grant_id:
                low = middle + 1
            else:
                high = middle
        return low, False

    def put(self, record: bytes) -> bool:
        """Adds or replaces one record; False if there is no room."""
        at, found = self.place(grants.grant_id_of(record))
        if not found:
            if self.count >= MAX_GRANTS:
                return False
            self._move(at, at + 1)
            self.count += 1
        self.view(at)[:] = record
        return True

    def drop(self, grant_id: int) -> None:
        """Takes one record out, if it is there."""
        at, found = self.place(grant_id)
        if found:
            self._move(at + 1, at)
            self.count -= 1

    def _move(self, source: int, target: int) -> None:
        """Shifts the records from index `source` to the end; a view's slices may overlap."""
        length = (self.count - source) * SIZE
        start, goal = source * SIZE, target * SIZE
        self._view[goal : goal + length] = self._view[start : start + length]


class Change:
    """What is to become of a set, piece by piece, while the set itself stays in force: the records that come
    and the ids that go. A second whole set is never made; an order costs a few hundred bytes.
    """

    def __init__(self, held: GrantSet, fresh: bool) -> None:
        self._held = held
        self._fresh = fresh
        """True if nothing of the held set stays (a snapshot)."""
        self._upserts: list[bytes] = []
        """In order of id."""
        self._drops: list[int] = []
        self.count = 0 if fresh else held.count
        """Grants of the set to come."""

    def put(self, record: bytes) -> bool:
        """Adds or replaces one record; False if there is no room."""
        grant_id = grants.grant_id_of(record)
        at, found = self._place(grant_id)
        if found:
            self._upserts[at] = record
            return True
        if not self._stays(grant_id):
            if self.count >= MAX_GRANTS:
                return False
            self.count += 1
        self._upserts.insert(at, record)
        return True

    def drop(self, grant_id: int) -> None:
        """Takes one record out, if it is there."""
        stays = self._stays(grant_id)
        at, found = self._place(grant_id)
        if found:
            del self._upserts[at]
        if stays:
            self._drops.append(grant_id)
        if found or stays:
            self.count -= 1

    def _stays(self, grant_id: int) -> bool:
        """True if the held set has it and nothing so far takes it out."""
        return not self._fresh and grant_id not in self._drops and self._held.place(grant_id)[1]

    def _place(self, grant_id: int) -> tuple[int, bool]:
        for at in range(len(self._upserts)):
            found = grants.grant_id_of(self._upserts[at])
            if found >= grant_id:
                return at, found == grant_id
        return len(self._upserts), False

    def records(self) -> "Iterator[bytes | memoryview]":
        """The set to come, in order of id."""
        coming, at = self._upserts, 0
        for index in range(0 if self._fresh else self._held.count):
            grant_id = self._held.id_at(index)
            while at < len(coming) and grants.grant_id_of(coming[at]) < grant_id:
                yield coming[at]
                at += 1
            is_replaced = at < len(coming) and grants.grant_id_of(coming[at]) == grant_id
            if not is_replaced and grant_id not in self._drops:
                yield self._held.view(index)
        while at < len(coming):
            yield coming[at]
            at += 1

    def apply(self) -> None:
        """Makes the held set the one to come, in its own buffer; the change is spent."""
        if self._fresh:
            self._held.count = 0
        for grant_id in self._drops:
            self._held.drop(grant_id)
        for record in self._upserts:
            self._held.put(record)


def digest(records: "Iterable[bytes | memoryview]") -> bytes:
    """8 bytes that name a set, from its records in order of id (R-34)."""
    total = hashlib.sha256()
    for record in records:
        total.update(record)
    return total.digest()[:8]


def image(
    version: int, count: int, records: "Iterable[bytes | memoryview]"
) -> "Iterator[bytes | memoryview]":
    """A set as it lies in flash, part by part: head (magic, version, count), records, CRC."""
    head = struct.pack("<2sII", b"GS", version, count)
    check = binascii.crc32(head)
    yield head
    for record in records:
        check = binascii.crc32(record, check)
        yield record
    yield struct.pack("<I", check)


def parse(image: bytes | memoryview) -> tuple[int, memoryview] | None:
    """Version and records of an image from flash; None if it is damaged."""
    if len(image) < IMAGE_HEAD + _TAIL or image[:2] != b"GS":
        return None
    body = memoryview(image)[IMAGE_HEAD:-_TAIL]
    count = int.from_bytes(image[6:10], "little")
    if binascii.crc32(memoryview(image)[:-_TAIL]) != int.from_bytes(image[-_TAIL:], "little"):
        return None
    if len(body) != count * SIZE or count > MAX_GRANTS:
        return None
    return int.from_bytes(image[2:6], "little"), body
