"""Runs a program with one named fault in it: `python -m simulator.story.broken NAME PROGRAM …`."""

import runpy
import shutil
import sys
from pathlib import Path

from simulator.story.plants import PATCHES, SabotageError


def altered_firmware(source: Path, target: Path, file: str, text: str, replacement: str) -> Path:
    """The firmware's sources with `text` of `file` replaced. Raises SabotageError if it is not there once."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    path = target / file
    content = path.read_text(encoding="utf-8")
    if content.count(text) != 1:
        raise SabotageError(f"{file} holds the text to break {content.count(text)} times")
    path.write_text(content.replace(text, replacement), encoding="utf-8")
    return target


def main(words: list[str]) -> None:
    """Plant the fault, then become the program."""
    name, program, *arguments = words
    PATCHES[name]()
    sys.argv = [program, *arguments]
    runpy.run_module(program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
