"""Grants and their pieces (R-30 to R-34)."""

from firmware.contract import grants
from firmware.contract.errors import ContractError
from firmware.contract.topics import MAX_MESSAGE


def _grant(gid: int, door: int = 3, label: str = "Tomates 1 kg", kind: int = grants.CUSTOMER) -> bytes:
    return grants.Grant(
        gid,
        70 + gid,
        kind,
        grants.ONCE,
        door,
        1_790_000_000,
        1_790_003_600,
        5,
        b"shortmac",
        b"long-mac",
        label,
    ).pack()


def _reason(call: object, *args: object) -> str:
    try:
        call(*args)  # type: ignore[operator]
    except ContractError as error:
        return error.reason
    return ""


def test_r30_a_grant_is_64_bytes_and_reads_back() -> None:
    record = _grant(0x01020304, 200, "Cr\u00e8me fra\u00eeche")
    assert len(record) == grants.SIZE == 64
    grant = grants.unpack(record)
    assert grant.pack() == record
    assert (grant.grant_id, grant.door, grant.label) == (0x01020304, 200, "Cr\u00e8me fra\u00eeche")
    assert (grant.start, grant.until, grant.load) == (1_790_000_000, 1_790_003_600, 5)
    assert grants.grant_id_of(record) == 0x01020304


def test_r30_no_other_size_version_kind_or_door_zero() -> None:
    record = _grant(9)
    assert _reason(grants.unpack, record[:-1]) == "grant"
    assert _reason(grants.unpack, record + b"\x00") == "grant"
    for at, value in ((0, 2), (1, 0), (1, 4), (3, 0), (4, 0)):
        altered = bytearray(record)
        altered[at] = value
        if at == 4:
            altered[4:8] = bytes(4)
        assert _reason(grants.unpack, bytes(altered)) == "grant", at
    altered = bytearray(record)
    altered[40:42] = b"\xc3\x28"
    assert _reason(grants.unpack, bytes(altered)) == "grant"


def test_r30_a_label_is_at_most_24_bytes() -> None:
    assert _reason(grants.Grant(1, 1, 1, 0, 1, 0, 1, 0, bytes(8), bytes(8), "\u00e9" * 13).pack) == "label"


def test_r32_pieces_stay_within_a_message_with_their_seal() -> None:
    after = [_grant(gid) for gid in range(1, 101)]
    bodies = grants.pieces(2, 0, [], after)
    assert len(bodies) == 4
    for body in bodies:
        assert len(body) + 16 <= MAX_MESSAGE
    full = grants.Piece(2, 1, 1, 1, 0, bytes(8), after[:30], list(range(1, 25)))
    assert len(full.pack()) <= 2048


def test_r32_pieces_carry_the_change_and_nothing_else() -> None:
    before = [_grant(gid) for gid in range(1, 41)]
    after = [_grant(gid) for gid in range(30, 60)] + [_grant(5, 7)]
    held = {grants.grant_id_of(record): record for record in before}
    upserts = 0
    for body in grants.pieces(8, 7, before, after):
        piece = grants.unpack_piece(body)
        assert (piece.version, piece.base, piece.count) == (8, 7, 31)
        for gid in piece.deletes:
            del held[gid]
        for record in piece.upserts:
            upserts += 1
            held[grants.grant_id_of(record)] = record
    assert upserts == 20
    assert grants.digest(list(held.values())) == piece.set_digest
    assert sorted(held.values()) == sorted(after)


def test_r34_the_digest_names_the_set_whatever_its_order() -> None:
    records = [_grant(gid) for gid in (3, 1, 2)]
    assert grants.digest(records) == grants.digest(records[::-1])
    assert grants.digest(records) != grants.digest(records[:2])
    assert len(grants.digest([])) == 8


def test_pieces_of_another_shape_are_refused() -> None:
    body = grants.pieces(1, 0, [], [_grant(1)])[0]
    assert grants.unpack_piece(body).upserts == [_grant(1)]
    for altered in (b"", body[:23], body[:-1], body + b"\x00", b"G\x02" + body[2:], b"C\x01" + body[2:]):
        assert _reason(grants.unpack_piece, altered) == "piece"
    for part, parts in ((0, 1), (2, 1)):
        misnumbered = bytearray(body)
        misnumbered[10], misnumbered[11] = part, parts
        assert _reason(grants.unpack_piece, bytes(misnumbered)) == "piece"
    too_many = grants.Piece(1, 0, 1, 1, 31, bytes(8), [_grant(gid) for gid in range(1, 32)], [])
    assert _reason(too_many.pack) == "piece"
