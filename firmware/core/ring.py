"""A ring of numbered records on raw flash blocks (R-40, R-42, R-48; invariants 11, 12).

A block opens with a header (magic, version, lane, epoch, block number, first seq, CRC); records follow,
each with length, seq and CRC, written in one go into erased flash. The next block is erased ahead of need,
so that a record before a coil never waits for an erase. Block number k lives at position k modulo the
number of blocks: a torn header is simply written again. After a power cut the ring holds a prefix of what
was appended; a record that was reported durable is there.
"""

import binascii
import struct

MAX_RECORD = 1024
BLOCK_HEAD = 20
RECORD_HEAD = 12
SCRATCH = RECORD_HEAD + MAX_RECORD
_BLOCK = "<2sBBIII"
_RECORD = "<HHII"
_BLANK = memoryview(b"\xff" * 256)


class FlashError(Exception):
    """The flash didn't take what was written (read back, it differs), or the record is too long for it."""


class Device:
    """What a ring needs of flash; the shell gives one over `esp32.Partition`, tests one in memory.

    Erased flash reads 0xFF; writing clears bits. Blocks count from 0.
    """

    block_size = 4096
    block_count = 0

    def read(self, block: int, buffer: bytearray | memoryview, offset: int) -> None:
        """Fills `buffer` from `offset` in `block`."""
        raise FlashError("read", block, len(buffer), offset)

    def write(self, block: int, data: bytes | bytearray | memoryview, offset: int) -> None:
        """Writes without erasing; durable when it returns."""
        raise FlashError("write", block, len(data), offset)

    def erase(self, block: int) -> None:
        """Sets a whole block to 0xFF."""
        raise FlashError("erase", block)


class Ring:
    """Records in flash, numbered from 1 without end. `mount` first; then `append` and `read_after`."""

    def __init__(self, device: Device, lane: int, scratch: bytearray | None = None) -> None:
        """`scratch`: `SCRATCH` bytes that rings of one task share; nothing in them outlives a call."""
        self.device = device
        self.lane = lane
        self.epoch = 0
        """Number made when the ring was formatted; 0 before `mount` or `format`."""
        self.last = 0
        """Seq of the newest durable record, 0 if none."""
        self.acked = 0
        """Highest seq the receiver is known to have; the caller sets it."""
        self.dropped = 0
        """Unacknowledged records overwritten because the ring was full."""
        self._size = device.block_size
        self._count = device.block_count
        self._firsts = [0] * device.block_count
        """First seq of the block at each position; 0: not part of the ring."""
        self._number = 0
        """Number of the block being written; its position is this modulo the block count. 0: none yet."""
        self._at = 0
        """Where the next record goes in it."""
        self._erased = -1
        """Position known to be blank, -1 for none."""
        self._buffer = bytearray(SCRATCH) if scratch is None else scratch
        self._view = memoryview(self._buffer)
        self._cursor_seq = 0
        self._cursor_number = 0
        self._cursor_at = 0

    def mount(self) -> bool:
        """Finds what the flash holds; False if there is no ring in it (then `format`)."""
        newest, epoch = 0, 0
        numbers = [0] * self._count
        for position in range(self._count):
            head = self._head(position)
            if head is None:
                continue
            number, block_epoch, first = head
            numbers[position] = number
            self._firsts[position] = first
            if number > newest:
                newest, epoch = number, block_epoch
        if newest == 0:
            return False
        self.epoch = epoch
        for position in range(self._count):
            head_number = numbers[position]
            if head_number == 0 or head_number + self._count <= newest or not self._of_epoch(position):
                self._firsts[position] = 0
        self._measure(newest)
        following = (newest + 1) % self._count
        # A record that goes on in a block without a header: the newest header has rotted. Left alone, its
        # numbers would be given a second time, and the receiver would take new records for known ones.
        if self._head(following) is None and self._record(following, BLOCK_HEAD)[0] == self.last + 1:
            self._firsts[following] = self.last + 1
            self._measure(newest + 1)
        following = (self._number + 1) % self._count
        if self._is_blank(following, 0):
            self._erased = following
        return True

    def _measure(self, number: int) -> None:
        """Takes the block of that number for the newest: finds its last record and the place of the next."""
        self._number = number
        position = number % self._count
        self._at = BLOCK_HEAD
        self.last = self._firsts[position] - 1
        at = BLOCK_HEAD
        while True:
            seq, length = self._record(position, at)
            if not length:
                break
            at += RECORD_HEAD + length
            if seq > self.last:
                self.last, self._at = seq, at
        if not self._is_blank(position, self._at):
            # A torn tail: what follows is written to a fresh block.
            self._at = self._size

    def format(self, epoch: int) -> None:
        """Begins an empty ring under a new epoch (1 to 2^32 - 1)."""
        self.epoch = epoch
        for position in range(self._count):
            if not self._is_blank(position, 0):
                self.device.erase(position)
            self._firsts[position] = 0
        self.last = self.acked = self._number = 0
        self._cursor_seq = 0
        self._erased = -1
        self._open_block()

    def renew(self, epoch: int) -> None:
        """Begins an empty ring under a new epoch behind the blocks of the old one, which are given up; erases
        one block at most.
        """
        self.epoch = epoch
        for position in range(self._count):
            self._firsts[position] = 0
        self.last = self.acked = self._cursor_seq = 0
        self._open_block()

    @property
    def first(self) -> int:
        """Seq of the oldest record held; above `last` if the ring is empty."""
        oldest = 0
        for value in self._firsts:
            if value and (oldest == 0 or value < oldest):
                oldest = value
        return oldest

    def append(self, data: bytes) -> int:
        """Writes one record; returns its seq. It is durable when this returns."""
        if not 0 < len(data) <= MAX_RECORD:
            raise FlashError("length")
        # A page that doesn't take what is written costs the rest of its block, once.
        if not self._write(data) and not self._write(data):
            raise FlashError("write")
        self.last += 1
        return self.last

    def _write(self, data: bytes) -> bool:
        length, seq = len(data), self.last + 1
        total = RECORD_HEAD + length
        if self._at + total > self._size:
            self._open_block()
        check = (length ^ seq ^ (seq >> 16) ^ 0xA55A) & 0xFFFF
        struct.pack_into(_RECORD, self._buffer, 0, length, check, seq, binascii.crc32(data, seq))
        self._buffer[RECORD_HEAD:total] = data
        position, at = self._number % self._count, self._at
        # Whatever happens now, these bytes of flash are no longer blank.
        self._at = self._size
        self.device.write(position, self._view[:total], at)
        if self._record(position, at) != (seq, length):
            return False
        self._at = at + total
        return True

    def erase_ahead(self) -> bool:
        """Erases the next block if that is still to do; call when idle. True if it erased (tens of ms)."""
        following = (self._number + 1) % self._count
        if self._erased == following:
            return False
        self._forget(following)
        if self._is_blank(following, 0):
            self._erased = following
            return False
        self.device.erase(following)
        self._erased = following
        return True

    def read_after(self, seq: int) -> tuple[int, bytes] | None:
        """The first readable record above `seq`, None if there is none. A jump of more than one is a hole."""
        wanted = max(seq + 1, self.first)
        if wanted > self.last:
            return None
        if self._cursor_seq != wanted:
            self._seek(wanted)
        while True:
            found, length = self._record(self._cursor_number % self._count, self._cursor_at)
            if length:
                self._cursor_at += RECORD_HEAD + length
                if found >= wanted:
                    self._cursor_seq = found + 1
                    return found, bytes(self._view[RECORD_HEAD : RECORD_HEAD + length])
                continue
            # This block has ended, or the rest of it is unreadable.
            if self._cursor_number >= self._number:
                self._cursor_seq = 0
                return None
            self._cursor_number += 1
            self._cursor_at = BLOCK_HEAD if self._firsts[self._cursor_number % self._count] else self._size

    def _seek(self, seq: int) -> None:
        """Sets the cursor to the start of the newest block that begins at or before `seq`."""
        number = self._number
        while number > 1 and number > self._number - self._count:
            first = self._firsts[number % self._count]
            if first and first <= seq:
                break
            number -= 1
        self._cursor_number, self._cursor_at = number, BLOCK_HEAD

    def _open_block(self) -> None:
        number = self._number + 1
        position = number % self._count
        if self._erased != position:
            self._forget(position)
            if not self._is_blank(position, 0):
                self.device.erase(position)
        self._erased = -1
        first = self.last + 1
        head = bytearray(BLOCK_HEAD)
        struct.pack_into(_BLOCK, head, 0, b"LJ", 1, self.lane, self.epoch, number, first)
        struct.pack_into("<I", head, BLOCK_HEAD - 4, binascii.crc32(head[: BLOCK_HEAD - 4]))
        self.device.write(position, head, 0)
        self._number = number
        self._firsts[position] = first
        self._at = BLOCK_HEAD

    def _forget(self, position: int) -> None:
        """A block is about to be erased: its records are dropped, the unacknowledged ones counted."""
        first = self._firsts[position]
        if not first:
            return
        self._firsts[position] = 0
        if position == self._cursor_number % self._count:
            self._cursor_seq = 0
        following = self.first
        end = following if following > first else self.last + 1
        start = max(first, self.acked + 1)
        if end > start:
            self.dropped += end - start

    def _head(self, position: int) -> tuple[int, int, int] | None:
        """(block number, epoch, first seq) of a valid header at this position."""
        head = self._view[:BLOCK_HEAD]
        self.device.read(position, head, 0)
        magic, version, lane, epoch, number, first = struct.unpack_from(_BLOCK, self._buffer, 0)
        check = struct.unpack_from("<I", self._buffer, BLOCK_HEAD - 4)[0]
        if (
            magic != b"LJ"
            or version != 1
            or lane != self.lane
            or check != binascii.crc32(head[: BLOCK_HEAD - 4])
        ):
            return None
        if number == 0 or first == 0 or number % self._count != position:
            return None
        return number, epoch, first

    def _of_epoch(self, position: int) -> bool:
        head = self._head(position)
        return head is not None and head[1] == self.epoch

    def _record(self, position: int, at: int) -> tuple[int, int]:
        """(seq, length) of the record at this place, its bytes left in the buffer.

        (0, length) for one whose content is damaged but whose length is known, (0, 0) if there is none.
        """
        if at + RECORD_HEAD > self._size:
            return 0, 0
        self.device.read(position, self._view[:RECORD_HEAD], at)
        length, check, seq, crc = struct.unpack_from(_RECORD, self._buffer, 0)
        if check != (length ^ seq ^ (seq >> 16) ^ 0xA55A) & 0xFFFF or not 0 < length <= MAX_RECORD:
            return 0, 0
        if at + RECORD_HEAD + length > self._size:
            return 0, 0
        data = self._view[RECORD_HEAD : RECORD_HEAD + length]
        self.device.read(position, data, at + RECORD_HEAD)
        if binascii.crc32(data, seq) != crc:
            return 0, length
        return seq, length

    def _is_blank(self, position: int, at: int) -> bool:
        while at < self._size:
            length = min(len(_BLANK), self._size - at)
            part = self._view[:length]
            self.device.read(position, part, at)
            if part != _BLANK[:length]:
                return False
            at += length
        return True
