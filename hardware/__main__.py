"""`python -m hardware` checks both boards and writes what is derived from them; `--check` writes nothing
and fails on drift.
"""

import argparse
import sys
from pathlib import Path

from hardware import pinmap, rules, wiring
from hardware.board import BOARD_NAMES, HERE, load_board, load_module
from hardware.drawing import coil_rail, field, sheet


def derived(root: Path) -> dict[Path, str]:
    """Every generated file below `root` with the text it must have."""
    boards = [load_board(name) for name in BOARD_NAMES]
    texts = {root / "firmware" / "pins.py": pinmap.render(boards)}
    for board in boards:
        module, folder = load_module(board.module), root / "docs" / "wiring"
        texts[folder / f"{board.name}.md"] = wiring.render(board, module)
        texts[folder / f"{board.name}-board.svg"] = sheet.render(board, module)
        texts[folder / f"{board.name}-site.svg"] = field.render(board)
        if board.coils is not None:
            texts[folder / f"{board.name}-coils.svg"] = coil_rail.render(board, board.coils)
    return texts


def main(arguments: list[str], root: Path = HERE.parent) -> int:
    """Returns the exit status: 0 when the boards are sound and the files are (now) right, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m hardware", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing, fail if a generated file is not up to date"
    )
    options = parser.parse_args(arguments)
    boards = [load_board(name) for name in BOARD_NAMES]
    found = [fault for board in boards for fault in rules.check(board, load_module(board.module))]
    for fault in found:
        print(f"{type(fault).__name__}: {fault}", file=sys.stderr)
    if found:
        return 1
    stale = [
        path for path, text in derived(root).items() if not path.exists() or path.read_text("utf-8") != text
    ]
    for path in stale:
        if options.check:
            print(
                f"{path.relative_to(root)} is not what the boards say; run: python -m hardware",
                file=sys.stderr,
            )
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(derived(root)[path], "utf-8")
            print(f"wrote {path.relative_to(root)}")
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
