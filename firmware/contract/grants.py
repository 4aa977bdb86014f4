"""Grants: who may open which door from when to when, as fixed 64-byte records and sealed pieces (R-30 to
R-39).

A credential (one code, one person) has one or more grants, one a door. Records lie in flash as they came.
"""

import hashlib
import struct

from firmware.contract.errors import ContractError

SIZE = 64
LABEL = 24
MAX_GRANTS = 128
"""The most one controller holds: its set takes 8 kB of its 160 kB of heap, made at boot, and a snapshot that
is coming as much again. A server sells no more than fits.
"""

CUSTOMER = 1
"""Opens loaded doors once each; several doors of one credential open one after the other."""
LOADER = 2
"""A producer: opens the doors reserved for their lines until the goods are in."""
STAFF = 3
"""Staff on site without internet."""

ONCE = 0x01
"""Dead after the use that ended in a collection; without it the grant lives until `until`."""
NEEDS_LOAD = 0x02
"""Opens only while the compartment holds exactly the load named."""
MAKES_LOAD = 0x04
"""A cycle that leaves goods inside makes `load` the compartment's load; any older load's grants are dead."""

_RECORD = "<BBBBIIIII8s8s24s"
_PIECE = "<2sIIBBHBB8s"
PIECE_HEAD = 24
MAX_IN_PIECE = 30
"""Upserts a piece: 30 x 64 + head + deletes stay under 2 kB."""
MAX_DELETES = 24


class Grant:
    """One door for one credential. Times in Unix seconds; ids are never used twice in the life of a bank
    (R-31).
    """

    def __init__(
        self,
        grant_id: int,
        credential_id: int,
        kind: int,
        flags: int,
        door: int,
        start: int,
        until: int,
        load: int,
        short_mac: bytes,
        long_mac: bytes,
        label: str,
    ) -> None:
        self.grant_id = grant_id
        self.credential_id = credential_id
        self.kind = kind
        self.flags = flags
        self.door = door
        self.start = start
        self.until = until
        self.load = load
        self.short_mac = short_mac
        """MAC of the 8-digit code; eight zero bytes where the credential has only a long one."""
        self.long_mac = long_mac
        self.label = label
        """What the display says beside the door number: at most 24 bytes of UTF-8."""

    def pack(self) -> bytes:
        """The 64 bytes of this grant."""
        label = self.label.encode()
        if len(label) > LABEL:
            raise ContractError("label")
        return struct.pack(
            _RECORD,
            1,
            self.kind,
            self.flags,
            self.door,
            self.grant_id,
            self.credential_id,
            self.start,
            self.until,
            self.load,
            self.short_mac,
            self.long_mac,
            label,
        )


def unpack(record: bytes) -> Grant:
    """The grant in 64 bytes; raises ContractError("grant") for another size, version, kind or door 0."""
    if len(record) != SIZE:
        raise ContractError("grant")
    version, kind, flags, door, gid, cid, start, until, load, short, long, label = struct.unpack(
        _RECORD, record
    )
    if version != 1 or kind not in (CUSTOMER, LOADER, STAFF) or door == 0 or gid == 0:
        raise ContractError("grant")
    text = _label(label)
    if text is None:
        raise ContractError("grant")
    return Grant(gid, cid, kind, flags, door, start, until, load, short, long, text)


def _label(padded: bytes) -> str | None:
    try:
        return padded.rstrip(b"\x00").decode()
    except ValueError:
        return None


def grant_id_of(record: bytes) -> int:
    """The grant id of a packed record, without unpacking the rest."""
    return record[4] | record[5] << 8 | record[6] << 16 | record[7] << 24


def digest(records: list[bytes]) -> bytes:
    """8 bytes that name a whole set of packed grants, whatever their order (R-34)."""
    total = hashlib.sha256()
    for record in sorted(records, key=grant_id_of):
        total.update(record)
    return total.digest()[:8]


class Piece:
    """One sealed part of a change of a controller's grants: version `base` plus all parts gives `version`
    (R-32, R-33).

    `base` 0 starts from the empty set (a snapshot). `count` and `set_digest` describe the whole set
    afterwards.
    """

    def __init__(
        self,
        version: int,
        base: int,
        part: int,
        parts: int,
        count: int,
        set_digest: bytes,
        upserts: list[bytes],
        deletes: list[int],
    ) -> None:
        self.version = version
        self.base = base
        self.part = part
        self.parts = parts
        self.count = count
        self.set_digest = set_digest
        self.upserts = upserts
        self.deletes = deletes

    def pack(self) -> bytes:
        """The body to seal for the topic `desired`."""
        if len(self.upserts) > MAX_IN_PIECE or len(self.deletes) > MAX_DELETES:
            raise ContractError("piece")
        head = struct.pack(
            _PIECE,
            b"G\x01",
            self.version,
            self.base,
            self.part,
            self.parts,
            self.count,
            len(self.upserts),
            len(self.deletes),
            self.set_digest,
        )
        tail = b"".join([struct.pack("<I", gid) for gid in self.deletes])
        return head + b"".join(self.upserts) + tail


def unpack_piece(body: bytes) -> Piece:
    """The piece in an unsealed body; raises ContractError("piece") for another size or version."""
    if len(body) < PIECE_HEAD or body[:2] != b"G\x01":
        raise ContractError("piece")
    _, version, base, part, parts, count, n_up, n_del, set_digest = struct.unpack(_PIECE, body[:PIECE_HEAD])
    if len(body) != PIECE_HEAD + n_up * SIZE + n_del * 4 or not 1 <= part <= parts:
        raise ContractError("piece")
    upserts: list[bytes] = []
    at = PIECE_HEAD
    for _ in range(n_up):
        record = body[at : at + SIZE]
        unpack(record)
        upserts.append(record)
        at += SIZE
    deletes: list[int] = []
    for _ in range(n_del):
        deletes.append(struct.unpack("<I", body[at : at + 4])[0])
        at += 4
    return Piece(version, base, part, parts, count, set_digest, upserts, deletes)


def pieces(version: int, base: int, before: list[bytes], after: list[bytes]) -> list[bytes]:
    """Packed bodies of the change from the set `before` (empty if `base` is 0) to `after`, in the order to
    send.
    """
    old = {grant_id_of(record): record for record in before}
    new = {grant_id_of(record): record for record in after}
    upserts = [record for gid, record in new.items() if old.get(gid) != record]
    deletes = [gid for gid in old if gid not in new]
    parts = max(-(-len(upserts) // MAX_IN_PIECE), -(-len(deletes) // MAX_DELETES), 1)
    name = digest(after)
    bodies: list[bytes] = []
    for at in range(parts):
        piece = Piece(
            version,
            base,
            at + 1,
            parts,
            len(after),
            name,
            upserts[at * MAX_IN_PIECE : (at + 1) * MAX_IN_PIECE],
            deletes[at * MAX_DELETES : (at + 1) * MAX_DELETES],
        )
        bodies.append(piece.pack())
    return bodies
