"""`docs/faults.md` and the markers on tests agree: each fault names the tests that show its behaviour, or
says why it does not concern us, and each marked test stands in its row.

Tests that MicroPython runs as well can't carry a marker; they are named in the page all the same, and exist.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.docs.test_documents import ROOT

PAGE = ROOT / "docs" / "faults.md"
REQUIRED = [*(f"F{number}" for number in range(39, 61)), *(f"S{number}" for number in range(1, 23))]
NOT_OURS = "does not concern us: "
REASON = 40
"""Characters that a reason has at least."""


def _rows() -> dict[str, str]:
    """Each fault's row: what shows it, as it is written in the page."""
    found: dict[str, str] = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and re.fullmatch(r"[FS]\d+", cells[0]):
            assert cells[0] not in found, f"{cells[0]} has two rows"
            assert len(cells) == 4, line
            assert all(cells), line
            found[cells[0]] = cells[3]
    return found


def _named(cell: str) -> set[str]:
    return set(re.findall(r"`(tests/[\w/]+\.py::\w+)`", cell))


def _marks(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.fault":
            yield from (str(ast.literal_eval(argument)) for argument in decorator.args)


def _tests(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        inside = node.body if isinstance(node, ast.ClassDef) else [node]
        for each in inside:
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each.name.startswith("test_"):
                yield each


def _marked() -> tuple[dict[str, set[str]], set[str]]:
    """(the tests that carry each fault's marker, all tests)."""
    marked: dict[str, set[str]] = {}
    everything: set[str] = set()
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for function in _tests(file):
            name = f"{file.relative_to(ROOT)}::{function.name}"
            everything.add(name)
            for fault in _marks(function):
                marked.setdefault(fault, set()).add(name)
    return marked, everything


def _without_pytest(name: str) -> bool:
    """Whether the file runs under MicroPython too, and so knows no markers."""
    return "import pytest" not in (ROOT / name.partition("::")[0]).read_text(encoding="utf-8")


def test_every_fault_is_shown_by_a_test_or_said_not_to_concern_us() -> None:
    rows = _rows()
    assert set(REQUIRED) <= set(rows)
    for fault, cell in rows.items():
        if cell.startswith(NOT_OURS):
            assert len(cell) > len(NOT_OURS) + REASON, f"{fault}: the reason is missing"
        else:
            assert _named(cell), f"{fault} names no test"


def test_the_page_and_the_markers_name_the_same_tests() -> None:
    marked, everything = _marked()
    rows = _rows()
    assert set(marked) <= set(rows), "a marker names no fault of the page"
    for fault, cell in rows.items():
        named = _named(cell)
        assert named <= everything, f"{fault}: {named - everything} is no test"
        assert {name for name in named if not _without_pytest(name)} == marked.get(fault, set()), fault


def test_a_test_named_after_a_fault_carries_its_marker() -> None:
    marked, everything = _marked()
    for name in everything:
        match = re.search(r"::test_([fs])(\d+)_", name)
        if match is not None:
            assert name in marked.get(match[1].upper() + match[2], set()), name
