"""`python -m gateway broker|run --config gateway.toml`."""

import argparse
import sys
from pathlib import Path

from gateway import loglines, settings
from gateway.app import Gateway
from gateway.broker import files, revocation
from gateway.errors import GatewayError


def main(arguments: list[str]) -> int:
    """Run a verb; its exit status: 0, or 2 with one line on the error stream."""
    parser = argparse.ArgumentParser(prog="gateway", description="A site's gateway.")
    parser.add_argument(
        "verb", choices=("broker", "run"), help="write the broker's files and print where; or run"
    )
    parser.add_argument("--config", type=Path, required=True, help="the settings file, gateway.toml")
    chosen = parser.parse_args(arguments)
    try:
        read = settings.read(chosen.config)
        if chosen.verb == "broker":
            print(files.write(read, revocation.admitted(read)).configuration)
            return 0
        loglines.set_up()
        return Gateway(read).run()
    except GatewayError as error:
        print(f"gateway: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
