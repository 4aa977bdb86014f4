"""The keypad's line, the bucket of tries, the display's words (R-11, R-12; invariants 9, 16)."""

from firmware.contract.codes import check_digit
from firmware.core import bucket as b
from firmware.core import entry as e
from firmware.core import texts
from firmware.core.bucket import Bucket
from firmware.core.entry import Line

SHORT = "1234567" + check_digit("1234567")
LONG = SHORT + "890" + check_digit(SHORT + "890")


def _type(line: Line, keys: str) -> int:
    answer = e.NOTHING
    for key in keys:
        answer = line.press(key, 0)
    return answer


def test_r12_eight_digits_are_judged_at_once() -> None:
    line = Line()
    assert _type(line, SHORT[:7]) == e.EDITING
    assert line.press(SHORT[7], 0) == e.CODE
    assert (line.code, line.is_long, line.is_empty) == (SHORT, False, True)


def test_r12_star_asks_for_twelve() -> None:
    line = Line()
    assert line.press("*", 0) == e.WANTS_LONG
    assert _type(line, SHORT) == e.EDITING
    assert _type(line, LONG[8:]) == e.CODE
    assert (line.code, line.is_long) == (LONG, True)
    assert _type(line, SHORT) == e.CODE


def test_r12_hash_clears() -> None:
    line = Line()
    _type(line, "*123")
    assert line.press("#", 0) == e.CLEARED
    assert line.is_empty
    assert _type(line, SHORT) == e.CODE


def test_r11_a_slip_is_no_code() -> None:
    line = Line()
    wrong = SHORT[:7] + str((int(SHORT[7]) + 1) % 10)
    assert _type(line, wrong) == e.SLIP
    assert line.code == ""
    assert _type(line, SHORT) == e.CODE


def test_the_line_is_masked_but_for_the_last_digit() -> None:
    line = Line()
    assert line.masked() == "____ ____"
    _type(line, "12345")
    assert line.masked() == "**** 5___"
    line.press("*", 0)
    assert line.masked() == "____ ____ ____"
    _type(line, "1")
    assert line.masked() == "1___ ____ ____"


def test_a_line_nobody_goes_on_with_is_cleared_once() -> None:
    line = Line()
    assert line.tick(10**9) == e.NOTHING
    line.press("1", 1000)
    assert line.tick(1000 + e.IDLE_MS - 1) == e.NOTHING
    assert line.tick(1000 + e.IDLE_MS) == e.CLEARED
    assert line.tick(1000 + e.IDLE_MS) == e.NOTHING
    assert line.is_empty


def test_other_keys_do_nothing() -> None:
    line = Line()
    for key in ("", "A", "12", "\u0661"):
        assert line.press(key, 0) == e.NOTHING
    assert line.is_empty


def test_ten_wrong_tries_then_the_long_code_is_needed() -> None:
    bucket = Bucket()
    assert [bucket.debit(0) for _ in range(11)] == [True] * 10 + [False]


def test_a_try_comes_back_every_15_minutes_of_uptime() -> None:
    bucket = Bucket()
    for _ in range(10):
        bucket.debit(0)
    assert bucket.available(b.REFILL_MS - 1) == 0
    assert bucket.available(b.REFILL_MS) == 1
    assert bucket.available(4 * b.REFILL_MS) == 4
    assert bucket.available(100 * b.REFILL_MS) == 10


def test_quiet_hours_fill_the_bucket_and_save_up_no_more() -> None:
    bucket = Bucket()
    bucket.debit(0)
    morning = 8 * b.REFILL_MS
    assert [bucket.debit(morning + now) for now in range(11)] == [True] * 10 + [False]


def test_twenty_wrong_tries_a_day_and_no_more() -> None:
    bucket = Bucket()
    wrong = 0
    for now in range(0, b.DAY_MS - 1, 60_000):
        wrong += bucket.debit(now)
    assert wrong == b.DAILY
    assert bucket.debit(b.DAY_MS)


def test_a_right_code_gives_its_try_back() -> None:
    bucket = Bucket()
    for _ in range(50):
        assert bucket.debit(0)
        bucket.give_back()
    assert (bucket.left, bucket.spent) == (10, 0)


def test_a_power_cut_gives_nothing_back() -> None:
    bucket = Bucket()
    for _ in range(10):
        bucket.debit(0)
    page = bucket.page()
    assert len(page) <= 128
    for _ in range(30):
        again = Bucket()
        assert again.load(page)
        # Each life lasts nearly a refill and loses it: never faster than the rate.
        assert not again.debit(b.REFILL_MS - 1)
        page = again.page() if again.left else page
    assert again.debit(b.REFILL_MS)


def test_a_damaged_page_empties_the_bucket() -> None:
    page = Bucket().page()
    for at in range(len(page)):
        bucket = Bucket()
        assert not bucket.load(page[:at] + bytes([page[at] ^ 1]) + page[at + 1 :])
        assert not bucket.debit(0)
    assert not Bucket().load(b"")


def test_every_screen_is_four_rows_of_20_ascii_characters() -> None:
    for name, rows in texts.TEXTS.items():
        for line in rows:
            plain = line.replace("{0}", "").replace("{1}", "")
            assert len(plain) <= 20, (name, line)
            assert all(" " <= char <= "~" for char in line), (name, line)
        shown = texts.screen(name, "Cr\u00e8me fra\u00eeche \u00e9paisse", "02 33 00 00 00")
        assert [len(line) for line in shown] == [20] * 4
        assert all(" " <= char <= "~" for line in shown for char in line)
        assert rows[0], name
        assert rows[2], name


def test_accents_are_folded_and_foreign_characters_are_marked() -> None:
    assert texts.ascii_fold("P\u00e2t\u00e9 d\u2019\u0153uf \u00e0 5 \u20ac") == "Pate d'ouf a 5 E"
    assert texts.ascii_fold("\u6c34\n") == "??"
    assert len(texts._FOLD_FROM) == len(texts._FOLD_TO)


def test_degrees_are_rounded_to_a_tenth() -> None:
    assert [texts.degrees(value) for value in (400, -1850, -4, 5, 4, -1796)] == [
        "4.0",
        "-18.5",
        "0.0",
        "0.1",
        "0.0",
        "-18.0",
    ]
