"""`python -m installation.boards flash|provision PORT …`: exit status 0 written and read back, 1 refused, 2
asked wrongly.
"""

import argparse
import sys
from pathlib import Path

from hardware.layout import load_layout
from installation.boards import image as images
from installation.boards import program
from installation.boards.faults import BoardError, WrongImage
from installation.boards.flashing import flash
from installation.boards.loader import EsptoolLoader
from installation.boards.person import identify
from installation.boards.provisioning import provision
from installation.boards.repl import MpremoteRepl

REPLACED = """A board put in another's place is a new controller. Give it an id of its own in the site
file (wall-1b after wall-1), run server setup, provision it under that id, revoke the old one: two boards that
speak under one name would each lack half of its journal."""


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./loquet", description="Write controllers.", allow_abbrev=False)
    verbs = parser.add_subparsers(dest="verb", required=True)
    first = verbs.add_parser("flash", help="put MicroPython and the partition table on a board")
    first.add_argument("port", help="serial port, as /dev/ttyACM0")
    first.add_argument(
        "--image", type=Path, required=True, help="MicroPython for ESP32_GENERIC_S3, the .bin for address 0"
    )
    checked = first.add_mutually_exclusive_group(required=True)
    checked.add_argument("--sha256", help="the image's SHA-256, from where you trust it")
    checked.add_argument("--sha256-file", type=Path, help="a file whose first word is it")
    kept = first.add_mutually_exclusive_group()
    kept.add_argument("--keep", action="store_true", help="new MicroPython, same controller")
    kept.add_argument("--replace", action="store_true", help="a controller forgets who it was")
    second = verbs.add_parser("provision", help="put the program and an identity on a board")
    second.add_argument("port", help="serial port, as /dev/ttyACM0")
    second.add_argument("--site", type=Path, required=True, help="site file")
    second.add_argument("--device", required=True, help="the controller's id in it")
    second.add_argument("--secrets", type=Path, required=True, help="what server setup wrote; mode 600")
    second.add_argument("--gateway", required=True, help="its broker for controllers, as 192.168.1.10:8884")
    second.add_argument("--wifi", help="name of a radio network, as the second way")
    second.add_argument("--wifi-key-file", type=Path, help="file with its key; mode 600")
    second.add_argument("--replace", action="store_true", help="a board forgets who it was")
    options = parser.parse_args(words)
    if options.verb == "provision" and (options.wifi is None) != (options.wifi_key_file is None):
        parser.error("--wifi and --wifi-key-file go together")
    return options


def _flash(options: argparse.Namespace) -> None:
    try:
        image = options.image.read_bytes()
        sha256 = options.sha256 or options.sha256_file.read_text(encoding="utf-8").split()[0]
    except (OSError, UnicodeDecodeError, IndexError) as error:
        raise WrongImage(f"the image or its SHA-256 can't be read: {error}") from None
    images.check(image, sha256, load_layout())  # before the board is disturbed
    with EsptoolLoader(options.port) as loader:
        flash(loader, image, sha256, _say, keep=options.keep, replace=options.replace)


def _provision(options: argparse.Namespace) -> None:
    wifi = (options.wifi, options.wifi_key_file) if options.wifi is not None else None
    person = identify(options.site, options.device, options.secrets, options.gateway, wifi)
    files = program.build()
    _say(f"program {program.version()} for {person.device} of {person.site} ({person.board})")
    with MpremoteRepl(options.port) as repl:
        provision(repl, person, files, _say, replace=options.replace)


def _say(text: str) -> None:
    print(text, flush=True)


def main(words: list[str]) -> int:
    """The exit status."""
    options = _arguments(words)
    try:
        if options.verb == "flash":
            _flash(options)
        else:
            _provision(options)
    except BoardError as error:
        print(f"loquet: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    if options.replace:
        _say(REPLACED)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
