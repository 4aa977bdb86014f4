"""What a code opens: the held set, marks, loads (R-31 to R-39)."""

import sys

from firmware.contract import grants, records, seals
from firmware.contract.grants import CUSTOMER, LOADER, MAKES_LOAD, NEEDS_LOAD, ONCE, STAFF, Grant
from firmware.core import grantbook
from firmware.core.grantbook import BASE, DIGEST, IGNORED, READY, STAGED, GrantBook, Verdict

CODES = seals.derive(b"k" * 32, b"code")
START, UNTIL, NOON = 1_790_000_000, 1_790_086_400, 1_790_040_000
REOPEN_MS = 300_000


def _grant(
    gid: int,
    door: int,
    code: str = "12345678",
    kind: int = CUSTOMER,
    flags: int = ONCE | NEEDS_LOAD,
    load: int = 5,
) -> Grant:
    short, long = seals.code_mac(CODES, code), seals.code_mac(CODES, code + "8901")
    if kind != CUSTOMER:
        short = bytes(8)
    return Grant(gid, 1000 + int(code) % 1000, kind, flags, door, START, UNTIL, load, short, long, "Tomates")


def _book(*held: Grant) -> GrantBook:
    book = GrantBook()
    _change(book, [grant.pack() for grant in held])
    return book


def _change(book: GrantBook, after: list[bytes], base: int = 0) -> None:
    before = [book.record_at(at) for at in range(book.count)] if base else []
    for body in grants.pieces(book.version + 1, base, before, after):
        answer = book.stage(grants.unpack_piece(body))
    assert answer == READY
    assert [bytes(part) for part in book.staged_image()]
    book.commit()


def _image(book: GrantBook) -> bytes:
    return b"".join([bytes(part) for part in book.image()])


def _judge(
    book: GrantBook,
    code: str = "12345678",
    now: int = NOON,
    valid: bool = True,
    now_ms: int = 0,
    blocked: "dict[int, str] | None" = None,
) -> Verdict:
    mac = seals.code_mac(CODES, code)
    return book.judge(
        mac, len(code) == 12, now, valid, now_ms, REOPEN_MS, blocked if blocked is not None else {}
    )


def _load(book: GrantBook, door: int, load: int) -> None:
    maker = Grant(900 + door, 9, LOADER, MAKES_LOAD, door, START, UNTIL, load, bytes(8), bytes(8), "")
    book.settle(maker, records.LOADED, 0)


def _doors(verdict: Verdict) -> list[int]:
    return [grant.door for grant in verdict.grants]


def test_a_loaded_compartment_opens_for_its_code_and_no_other() -> None:
    book = _book(_grant(1, 4))
    _load(book, 4, 5)
    assert _doors(_judge(book)) == [4]
    assert _judge(book).credential == 1678
    assert _judge(book, "12345679").code == records.UNKNOWN_CODE
    assert _judge(book, "123456788901").code == records.ACCEPTED


def test_r37_nothing_opens_until_every_grant_is_loaded_and_the_missing_are_named() -> None:
    book = _book(_grant(1, 4), _grant(2, 2), _grant(3, 9))
    _load(book, 2, 5)
    verdict = _judge(book)
    assert (verdict.code, _doors(verdict)) == (records.EARLY, [])
    assert [grant.door for grant in verdict.missing] == [4, 9]
    _load(book, 4, 5)
    _load(book, 9, 5)
    assert _doors(_judge(book)) == [2, 4, 9]


def test_r35_a_newer_load_kills_the_grant() -> None:
    book = _book(_grant(1, 4))
    _load(book, 4, 4)
    assert _judge(book).code == records.EARLY
    _load(book, 4, 5)
    assert _judge(book).code == records.ACCEPTED
    _load(book, 4, 6)
    assert _judge(book).code == records.USED


def test_r31_a_collected_grant_is_dead_and_stays_so_through_a_reboot() -> None:
    book = _book(_grant(1, 4))
    _load(book, 4, 5)
    book.begin_use(1)
    mark_page, load_page = book.settle(_grant(1, 4), records.COLLECTED, 0)
    assert (mark_page, load_page) == (0, 0)
    assert _judge(book).code == records.USED
    again = GrantBook()
    assert again.load_image(_image(book))
    assert again.load_mark_page(0, book.mark_page(0))
    assert _judge(again).code == records.USED
    assert again.load_load_page(0, book.load_page(0))
    assert again.load_of(4) == 0
    assert book.recheck(1, NOON, True, 0, REOPEN_MS, {}) == records.USED


def test_r31_a_mark_is_kept_until_a_set_omits_the_id() -> None:
    book = _book(_grant(1, 4), _grant(2, 5))
    _load(book, 4, 5)
    book.begin_use(1)
    book.settle(_grant(1, 4), records.COLLECTED, 0)
    _change(book, [_grant(1, 4).pack(), _grant(3, 6).pack()], book.version)
    assert book.is_used(1)
    _change(book, [_grant(3, 6).pack()], book.version)
    assert not book.is_used(1)
    assert book.mark_pages == 0


def test_r38_kept_goods_keep_the_code_alive_even_past_its_end_for_the_reopen_time() -> None:
    book = _book(_grant(1, 4))
    _load(book, 4, 5)
    book.begin_use(1)
    book.settle(_grant(1, 4), records.KEPT, 1000)
    assert book.attempts(1) == 0
    assert _judge(book, now_ms=2000).code == records.ACCEPTED
    assert _judge(book, now=UNTIL + 5, now_ms=1000 + REOPEN_MS).code == records.ACCEPTED
    assert _judge(book, now=UNTIL + 5, now_ms=1001 + REOPEN_MS).code == records.EXPIRED


def test_r38_three_uses_without_a_known_end_are_the_last() -> None:
    book = _book(_grant(1, 4))
    _load(book, 4, 5)
    for _ in range(2):
        book.begin_use(1)
        assert _judge(book).code == records.ACCEPTED
    assert [grant.grant_id for grant in book.interrupted()] == [1]
    book.begin_use(1)
    assert _judge(book).code == records.USED


def test_a_jam_costs_the_customer_nothing() -> None:
    book = _book(_grant(1, 4))
    _load(book, 4, 5)
    for _ in range(5):
        book.begin_use(1)
        book.settle(_grant(1, 4), records.JAMMED, 0)
    assert _judge(book).code == records.ACCEPTED
    assert book.load_of(4) == 5


def test_from_and_until() -> None:
    book = _book(_grant(1, 4))
    _load(book, 4, 5)
    assert _judge(book, now=START - 1).code == records.NOT_YET
    assert _judge(book, now=START).code == records.ACCEPTED
    assert _judge(book, now=UNTIL - 1).code == records.ACCEPTED
    assert _judge(book, now=UNTIL).code == records.EXPIRED


def test_r39_without_a_clock_customers_open_and_loaders_and_staff_do_not() -> None:
    book = _book(
        _grant(1, 4),
        _grant(2, 5, "22222222", LOADER, MAKES_LOAD, 7),
        _grant(3, 6, "33333333", STAFF, 0, 0),
    )
    _load(book, 4, 5)
    verdict = _judge(book, now=START - 100, valid=False)
    assert (verdict.code, verdict.clockless) == (records.ACCEPTED, True)
    assert _judge(book, now=UNTIL, valid=False).code == records.EXPIRED
    assert _judge(book, "222222228901", valid=False).code == records.CLOCKLESS
    assert _judge(book, "333333338901", valid=False).code == records.CLOCKLESS
    assert _judge(book, "222222228901").code == records.ACCEPTED


def test_a_loader_opens_what_is_not_loaded_yet() -> None:
    book = _book(
        _grant(1, 4, "22222222", LOADER, MAKES_LOAD, 7),
        _grant(2, 5, "22222222", LOADER, MAKES_LOAD, 8),
    )
    assert _doors(_judge(book, "222222228901")) == [4, 5]
    book.settle(_grant(1, 4, "22222222", LOADER, MAKES_LOAD, 7), records.LOADED, 0)
    assert _doors(_judge(book, "222222228901")) == [5]
    book.settle(_grant(2, 5, "22222222", LOADER, MAKES_LOAD, 8), records.NOT_LOADED, 0)
    assert _doors(_judge(book, "222222228901")) == [5]
    book.settle(_grant(2, 5, "22222222", LOADER, MAKES_LOAD, 8), records.LOADED, 0)
    assert _judge(book, "222222228901").code == records.USED


def test_a_personal_code_has_no_short_form() -> None:
    book = _book(_grant(1, 4, "22222222", LOADER, MAKES_LOAD, 7))
    assert _judge(book, "22222222").code == records.UNKNOWN_CODE
    assert book.match(bytes(8), False) == []


def test_blocked_doors_stay_shut_and_the_others_open() -> None:
    book = _book(_grant(1, 4), _grant(2, 5), _grant(3, 6, "33333333", STAFF, 0, 0))
    _load(book, 4, 5)
    _load(book, 5, 5)
    verdict = _judge(book, blocked={4: "warm"})
    assert (verdict.code, _doors(verdict), verdict.reason) == (records.ACCEPTED, [5], "warm")
    verdict = _judge(book, blocked={4: "warm", 5: "warm"})
    assert (verdict.code, _doors(verdict), len(verdict.blocked)) == (records.BLOCKED, [], 2)
    assert _judge(book, "333333338901", blocked={6: "warm"}).code == records.ACCEPTED
    assert book.recheck(1, NOON, True, 0, REOPEN_MS, {4: "warm"}) == records.BLOCKED


def test_r31_a_revoked_grant_is_unknown_at_the_coil() -> None:
    book = _book(_grant(1, 4), _grant(2, 5))
    _load(book, 4, 5)
    assert book.recheck(1, NOON, True, 0, REOPEN_MS, {}) == records.ACCEPTED
    _change(book, [_grant(2, 5).pack()], book.version)
    assert book.recheck(1, NOON, True, 0, REOPEN_MS, {}) == records.UNKNOWN_CODE


def test_r33_a_piece_of_another_base_or_order_is_refused() -> None:
    book = _book(_grant(1, 4))
    held = _image(book)
    many = [_grant(gid, 4).pack() for gid in range(1, 80)]
    bodies = [grants.unpack_piece(body) for body in grants.pieces(5, 1, [_grant(1, 4).pack()], many)]
    assert len(bodies) == 3
    assert book.stage(grants.Piece(5, 3, 1, 1, 0, bytes(8), [], [])) == BASE
    assert book.stage(bodies[1]) == BASE
    assert book.stage(bodies[0]) == STAGED
    assert book.stage(bodies[2]) == BASE
    assert book.stage(bodies[1]) == BASE
    for piece in bodies[:2]:
        assert book.stage(piece) == STAGED
    assert _image(book) == held
    assert book.stage(bodies[2]) == READY
    book.commit()
    assert (book.version, book.count) == (5, 79)
    assert book.digest == grants.digest(many)


def test_r33_a_version_not_above_the_held_one_is_ignored() -> None:
    book = _book(_grant(1, 4))
    for base in (0, 1):
        piece = grants.unpack_piece(grants.pieces(1, base, [], [_grant(2, 4).pack()])[0])
        assert book.stage(piece) == IGNORED
    snapshot = grants.unpack_piece(grants.pieces(9, 0, [], [_grant(2, 4).pack()])[0])
    assert book.stage(snapshot) == READY
    book.commit()
    assert book.by_id(1) is None
    assert book.version == 9


def test_r34_a_set_of_another_digest_or_count_is_not_applied() -> None:
    book = _book(_grant(1, 4))
    held = _image(book)
    piece = grants.unpack_piece(grants.pieces(2, 1, [_grant(1, 4).pack()], [_grant(1, 5).pack()])[0])
    piece.set_digest = bytes(8)
    assert book.stage(piece) == DIGEST
    piece = grants.unpack_piece(grants.pieces(2, 1, [], [_grant(3, 5).pack()])[0])
    assert book.stage(piece) == DIGEST
    book.commit()
    assert _image(book) == held


def test_r34_the_digest_agrees_with_the_contracts() -> None:
    held = [_grant(gid, 4).pack() for gid in (7, 3, 300, 70000, 12)]
    book = GrantBook()
    _change(book, held)
    assert book.digest == grants.digest(held)
    assert GrantBook().digest == grants.digest([])


def test_too_many_grants_are_refused() -> None:
    book = GrantBook()
    answer = ""
    many = [_grant(gid, 4).pack() for gid in range(1, grants.MAX_GRANTS + 2)]
    for body in grants.pieces(1, 0, [], many):
        answer = book.stage(grants.unpack_piece(body))
    assert answer == grantbook.FULL
    assert book.count == 0


def test_the_most_grants_fit_a_heap_that_has_no_large_piece_left() -> None:
    book = GrantBook()
    ids = range(1, grants.MAX_GRANTS + 1)
    sets = [[_grant(gid + shift, 4).pack() for gid in ids] for shift in (0, 1)]
    pieces = [grants.unpack_piece(body) for body in grants.pieces(1, 0, [], sets[0])]
    pieces += [grants.unpack_piece(body) for body in grants.pieces(2, 1, sets[0], sets[1])]
    pieces += [grants.unpack_piece(body) for body in grants.pieces(3, 0, [], sets[0])]
    hog: list[list[bytearray]] = []
    for piece in pieces:
        hog.append(_hog())
        if book.stage(piece) == READY:
            assert sum([len(part) for part in book.staged_image()]) > grants.MAX_GRANTS * grants.SIZE
            book.commit()
    hog.clear()
    assert (book.version, book.count, book.digest) == (3, grants.MAX_GRANTS, grants.digest(sets[0]))
    assert [book.record_at(at) for at in range(book.count)] == sets[0]


def _hog() -> list[bytearray]:
    """Takes every piece of memory of 4 kB and more; on CPython, whose heap has no end, a few."""
    taken: list[bytearray] = []
    full = False
    while not full:
        try:
            taken.append(bytearray(4096))
            full = sys.implementation.name != "micropython" and len(taken) > 8
        except MemoryError:
            full = True
    return taken


def test_a_discarded_change_leaves_what_is_held() -> None:
    book = _book(_grant(1, 4), _grant(3, 5))
    held = _image(book)
    before = [book.record_at(at) for at in range(2)]
    body = grants.pieces(2, 1, before, [_grant(2, 9).pack()])[0]
    assert book.stage(grants.unpack_piece(body)) == READY
    book.discard()
    book.commit()
    assert _image(book) == held
    assert book.stage(grants.unpack_piece(body)) == READY
    book.commit()
    assert (book.version, book.count, book.by_id(1)) == (2, 1, None)


def test_a_damaged_image_is_an_empty_set_of_version_0() -> None:
    image = _image(_book(_grant(1, 4), _grant(2, 5)))
    for at in range(len(image)):
        altered = bytearray(image)
        altered[at] ^= 1
        book = GrantBook()
        assert not book.load_image(bytes(altered))
        assert (book.version, book.count) == (0, 0)
    for length in range(0, len(image), 7):
        assert not GrantBook().load_image(image[:length])


def test_pages_are_at_most_128_bytes_and_a_damaged_one_is_refused() -> None:
    many = [_grant(gid, 1 + gid % 200) for gid in range(1, 100)]
    book = _book(*many)
    for grant in many:
        book.begin_use(grant.grant_id)
    assert book.mark_pages == 5
    again = GrantBook()
    for number in range(book.mark_pages):
        page = book.mark_page(number)
        assert len(page) <= 128
        assert not GrantBook().load_mark_page(number + 1, page)
        assert not GrantBook().load_mark_page(number, page[:-1] + bytes([page[-1] ^ 1]))
        assert again.load_mark_page(number, page)
    assert all(again.attempts(grant.grant_id) == 1 for grant in many)
    for number in range(grantbook.LOAD_PAGES):
        assert len(book.load_page(number)) <= 128
    _load(book, 255, 77)
    _load(book, 1, 78)
    other = GrantBook()
    for number in range(grantbook.LOAD_PAGES):
        assert other.load_load_page(number, book.load_page(number))
    assert (other.load_of(255), other.load_of(1), other.load_of(2)) == (77, 78, 0)


def test_r24_a_match_does_the_same_work_whatever_the_code() -> None:
    class Counted(bytearray):
        looks = 0

        def __getitem__(self, at):  # type: ignore[no-untyped-def]
            if isinstance(at, int):
                Counted.looks += 1
            return bytearray.__getitem__(self, at)

    if not hasattr(bytearray, "__getitem__"):
        # MicroPython's native types can't be watched; the loop is the same file.
        return
    looks: list[int] = []
    for code in ("12345678", "99999999"):
        book = _book(_grant(1, 4), _grant(2, 5, "22222222"))
        _load(book, 4, 5)
        book._set._buffer = Counted(book._set._buffer)
        Counted.looks = 0
        book.match(seals.code_mac(CODES, code), False)
        looks.append(Counted.looks)
    assert looks[0] == looks[1] == 16


def test_a_change_in_parts_adds_replaces_and_drops_in_order_and_leaves_the_held_set_alone() -> None:
    held = [_grant(gid, 4) for gid in range(10, 90, 2)]
    book = _book(*held)
    before = _image(book)
    after = [grant for grant in held if grant.grant_id % 3] + [_grant(gid, 9) for gid in range(1, 200, 5)]
    wanted = {grant.grant_id: grant.pack() for grant in after}
    bodies = grants.pieces(2, 1, [grant.pack() for grant in held], list(wanted.values()))
    assert len(bodies) > 1
    answers = []
    for body in bodies:
        answers.append(book.stage(grants.unpack_piece(body)))
        assert _image(book) == before
    assert answers == [STAGED] * (len(bodies) - 1) + [READY]
    flashed = b"".join([bytes(part) for part in book.staged_image()])
    book.commit()
    assert flashed == _image(book)
    assert [book.record_at(at) for at in range(book.count)] == [wanted[gid] for gid in sorted(wanted)]
    assert book.digest == grants.digest(list(wanted.values()))
