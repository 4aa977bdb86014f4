"""A bank's set of packed grants in a buffer of fixed size, in order of grant id (R-30, R-32, R-34)."""

import binascii
import hashlib
import struct

from firmware.contract import grants
from firmware.contract.grants import MAX_GRANTS, SIZE

IMAGE_HEAD = 10
_TAIL = 4


class GrantSet:
    """Packed grants in order of id, in a buffer that is at the same time their image in flash: head (magic,
    version, count), records, CRC.
    """

    def __init__(self) -> None:
        self.count = 0
        self._buffer = bytearray(IMAGE_HEAD + MAX_GRANTS * SIZE + _TAIL)
        self._view = memoryview(self._buffer)

    def body(self) -> memoryview:
        """The records."""
        return self._view[IMAGE_HEAD : IMAGE_HEAD + self.count * SIZE]

    def digest(self) -> bytes:
        """8 bytes that name the set (R-34)."""
        return hashlib.sha256(self.body()).digest()[:8]

    def fill(self, body: memoryview) -> None:
        """Takes the records of another set."""
        self.count = len(body) // SIZE
        self.body()[:] = body

    def record(self, at: int) -> bytes:
        """The packed grant at index `at`."""
        start = IMAGE_HEAD + at * SIZE
        return bytes(self._view[start : start + SIZE])

    def differs(self, at: int, offset: int, mac: bytes) -> int:
        """0 if the 8 bytes at `offset` of the record at index `at` are `mac`; the same work whatever differs
        (R-24).
        """
        held = self._buffer
        base = IMAGE_HEAD + at * SIZE + offset
        difference = 0
        for index in range(8):
            difference |= held[base + index] ^ mac[index]
        return difference

    def place(self, grant_id: int) -> tuple[int, bool]:
        """Index of a grant id, or of where it belongs, and whether it is there."""
        held = self._buffer
        low, high = 0, self.count
        while low < high:
            middle = (low + high) // 2
            at = IMAGE_HEAD + middle * SIZE
            found = held[at + 4] | held[at + 5] << 8 | held[at + 6] << 16 | held[at + 7] << 24
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
        start = IMAGE_HEAD + at * SIZE
        self._view[start : start + SIZE] = record
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
        start, goal = IMAGE_HEAD + source * SIZE, IMAGE_HEAD + target * SIZE
        self._view[goal : goal + length] = self._view[start : start + length]

    def image(self, version: int) -> memoryview:
        """The set as it lies in flash."""
        end = IMAGE_HEAD + self.count * SIZE
        struct.pack_into("<2sII", self._buffer, 0, b"GS", version, self.count)
        struct.pack_into("<I", self._buffer, end, binascii.crc32(self._view[:end]))
        return self._view[: end + _TAIL]


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
