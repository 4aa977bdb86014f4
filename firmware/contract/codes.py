"""Codes that people type: random digits and one Damm check digit (R-10 to R-13).

Damm's quasigroup of order 10 (H. M. Damm, *Total anti-symmetrische Quasigruppen*, 2004) catches every
single wrong digit and every swap of neighbours, so a slip of the finger never is another customer's code.
"""

SHORT = 8
"""Collection code: 7 random digits and the check digit."""
LONG = 12
"""Long code (the short one, 3 random digits, a check digit) and personal codes (11 random digits, a check
digit).
"""

_DAMM = (
    b"\x00\x03\x01\x07\x05\x09\x08\x06\x04\x02"
    b"\x07\x00\x09\x02\x01\x05\x04\x08\x06\x03"
    b"\x04\x02\x00\x06\x08\x07\x01\x03\x05\x09"
    b"\x01\x07\x05\x00\x09\x08\x03\x04\x02\x06"
    b"\x06\x01\x02\x03\x00\x04\x05\x09\x07\x08"
    b"\x03\x06\x07\x04\x02\x00\x09\x05\x08\x01"
    b"\x05\x08\x06\x09\x07\x02\x00\x01\x03\x04"
    b"\x08\x09\x04\x05\x03\x06\x02\x00\x01\x07"
    b"\x09\x04\x03\x08\x06\x01\x07\x02\x00\x05"
    b"\x02\x05\x08\x01\x04\x03\x06\x07\x09\x00"
)


def check_digit(digits: str) -> str:
    """The Damm digit to append to a string of decimal digits."""
    interim = 0
    for char in digits:
        interim = _DAMM[interim * 10 + ord(char) - 48]
    return chr(48 + interim)


def is_digits(text: str) -> bool:
    """True for a non-empty string of ASCII digits (`str.isdigit` would take other scripts' digits too)."""
    for char in text:
        if not "0" <= char <= "9":
            return False
    return len(text) > 0


def is_well_formed(code: str) -> bool:
    """True if the length is that of a code and its check digit holds; false for any slip, at no cost
    (R-11).
    """
    if len(code) != SHORT and len(code) != LONG:
        return False
    return is_digits(code) and check_digit(code) == "0"


def grouped(code: str) -> str:
    """The code as shown to people: groups of four, `1234 5678`; what is shown is what the keypad accepts."""
    return " ".join([code[at : at + 4] for at in range(0, len(code), 4)])
