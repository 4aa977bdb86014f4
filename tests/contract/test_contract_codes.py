"""Codes and topics (R-01 to R-13)."""

from firmware.contract import codes, seals, topics
from firmware.contract.errors import ContractError


def _refused(name: str) -> bool:
    try:
        topics.parse(name)
    except ContractError as error:
        return error.reason == "topic"
    return False


def test_r01_topics_of_every_leaf_are_read_back() -> None:
    for leaf in topics.FROM_DEVICE + topics.TO_DEVICE:
        assert topics.parse(topics.topic("ferme", "wall-1", leaf)) == ("ferme", "wall-1", leaf)
    for leaf in topics.FROM_GATEWAY:
        assert topics.parse(topics.topic("ferme", "gw", leaf)) == ("ferme", "gw", leaf)


def test_r01_any_other_topic_is_refused() -> None:
    for name in (
        "",
        "lk/1/ferme/wall-1",
        "lk/1/ferme/wall-1/up/x",
        "lk/2/ferme/wall-1/up",
        "kl/1/ferme/wall-1/up",
        "lk/1/ferme/wall-1/door",
        "lk/1//wall-1/up",
        "lk/1/ferme/+/up",
        "lk/1/ferme/#/up",
        "$SYS/broker/load/messages/received",
        "lk/1/ferme/Wall/up",
        "lk/1/ferme/wall\u00e9/up",
        "lk/1/" + "x" * 33 + "/wall-1/up",
    ):
        assert _refused(name), name


def test_r02_ids_are_1_to_32_of_lower_case_digits_and_dash() -> None:
    for text in ("a", "a" * 32, "0-9"):
        assert topics.is_id(text), text
    for text in ("", "a" * 33, "A", "a_b", "a/b", "a b", "\u0663"):
        assert not topics.is_id(text), text


def test_r03_gw_is_reserved_for_the_gateway() -> None:
    assert _refused("lk/1/ferme/gw/up")
    assert _refused("lk/1/ferme/gw/cmd")
    assert _refused("lk/1/ferme/wall-1/time")


def test_r10_the_check_digit_of_the_published_example() -> None:
    # H. M. Damm's quasigroup: 572 has check digit 4.
    assert codes.check_digit("572") == "4"
    assert codes.is_well_formed("0000000" + codes.check_digit("0000000"))


def test_r10_lengths_of_codes() -> None:
    for length in range(1, 16):
        digits = "1" * (length - 1)
        code = digits + codes.check_digit(digits)
        assert codes.is_well_formed(code) == (length in (8, 12)), length


def test_r10_the_long_code_begins_with_the_short_one() -> None:
    short = "1234567" + codes.check_digit("1234567")
    long = short + "890" + codes.check_digit(short + "890")
    assert codes.is_well_formed(short)
    assert codes.is_well_formed(long)
    assert codes.grouped(long) == long[:4] + " " + long[4:8] + " " + long[8:]


def test_r11_every_single_slip_and_every_swap_of_neighbours_fails() -> None:
    # All states of the check and all pairs of digits: the quasigroup is small enough to try everything.
    for state in range(10):
        prefix = ""
        for candidate in range(10):
            if codes.check_digit(str(candidate)) == str(state):
                prefix = str(candidate)
        seen: dict[str, str] = {}
        for first in "0123456789":
            image = codes.check_digit(prefix + first)
            assert image not in seen, "two digits lead to one state: a wrong digit would pass"
            seen[image] = first
            for second in "0123456789":
                if first != second:
                    one = codes.check_digit(prefix + first + second)
                    other = codes.check_digit(prefix + second + first)
                    assert one != other, "a swap of neighbours would pass"


def test_r11_exhaustive_slips_of_some_whole_codes() -> None:
    for digits in ("0000000", "1234567", "9876543", "5550123", "8008135"):
        code = digits + codes.check_digit(digits)
        for at in range(len(code)):
            for digit in "0123456789":
                slip = code[:at] + digit + code[at + 1 :]
                assert codes.is_well_formed(slip) == (slip == code)
        for at in range(len(code) - 1):
            swap = code[:at] + code[at + 1] + code[at] + code[at + 2 :]
            assert codes.is_well_formed(swap) == (swap == code)


def test_codes_of_other_scripts_and_letters_are_no_codes() -> None:
    for text in ("", "1234567a", "\u0661" * 8, "12 45678", "+1234567"):
        assert not codes.is_well_formed(text)


def test_r13_a_code_is_known_by_8_bytes_under_the_controllers_own_key() -> None:
    one, two = seals.derive(b"k" * 32, b"code"), seals.derive(b"l" * 32, b"code")
    mac = seals.code_mac(one, "12345678")
    assert len(mac) == 8
    assert mac == one.digest(b"12345678")[:8]
    assert mac != seals.code_mac(two, "12345678")
    assert mac != seals.code_mac(one, "12345679")
