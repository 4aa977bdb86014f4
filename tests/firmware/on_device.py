"""Run by MicroPython: calls every `test_*` of the modules named in the arguments; exits 1 if one fails."""

import sys


def run(name: str) -> int:
    """Imports one module and calls its tests; returns how many failed."""
    module = __import__(name, None, None, ["tests"])
    failed = ran = 0
    for entry in sorted(dir(module)):
        if not entry.startswith("test_"):
            continue
        ran += 1
        try:
            getattr(module, entry)()
        except Exception as error:  # noqa: BLE001 - whatever a test raises is its failure
            failed += 1
            print("FAIL " + name + "." + entry)
            sys.print_exception(error)  # type: ignore[attr-defined]
    print(name + ": " + str(ran) + " ran, " + str(failed) + " failed")
    return failed if ran else 1


if __name__ == "__main__":
    sys.exit(1 if sum([run(name) for name in sys.argv[1:]]) else 0)
