"""`docs/protocol.md` and the tests agree: every rule is named by a test, and no test names a rule that is
none.
"""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RULES = set(
    re.findall(r"^\* \*\*R-(\d\d)\*\*", (ROOT / "docs/protocol.md").read_text(encoding="utf-8"), re.M)
)


def _named() -> set[str]:
    named: set[str] = set()
    for file in (ROOT / "tests").rglob("test_*.py"):
        text = file.read_text(encoding="utf-8")
        named |= set(re.findall(r"R-(\d\d)\b", text))
        for name in re.findall(r"def (test_\w+)", text):
            named |= set(re.findall(r"_r(\d\d)(?=_)", name))
        for first, last in re.findall(r"R-(\d\d) to R-(\d\d)", text):
            assert int(first) < int(last)
    return named


def test_every_rule_is_named_by_a_test() -> None:
    assert RULES, "no rules found: has the document changed its form?"
    assert RULES - _named() == set()


def test_no_test_names_a_rule_that_is_none() -> None:
    assert _named() - RULES == set()


def test_r23_nothing_in_the_gateway_can_make_or_open_a_seal() -> None:
    for file in (ROOT / "gateway").rglob("*.py"):
        assert "contract.seals" not in file.read_text(encoding="utf-8"), file
        assert "import seals" not in file.read_text(encoding="utf-8"), file
