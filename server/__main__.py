"""`./loquet server run|setup|restored|rebuild-telemetry|login-link|openapi`: parses the command line."""

import argparse
import json
import sys
from pathlib import Path

from sqlalchemy.exc import OperationalError

from server.foundation.errors import ConfigurationError, Problem


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./loquet server")
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="serve until stopped")
    setup = verbs.add_parser("setup", help="migrate the database, load the site file, write missing secrets")
    restored = verbs.add_parser("restored", help="say that the database was put back from a backup")
    link = verbs.add_parser("login-link", help="print a one-time login link")
    rebuild = verbs.add_parser(
        "rebuild-telemetry", help="make the views of the readings anew from their ledger; the server may run"
    )
    verbs.add_parser("openapi", help="print the OpenAPI document")
    for verb in (run, setup, restored, link, rebuild):
        verb.add_argument("--config", type=Path, default=Path("server.toml"))
    setup.add_argument("--site", type=Path, required=True)
    setup.add_argument("--secrets", type=Path, required=True)
    link.add_argument("email")
    rebuild.add_argument("--store", choices=("sql", "influx"), default="sql")
    return parser.parse_args()


def main() -> int:
    """Runs a verb; returns the exit status. A fault in settings or files is one line on stderr, status 2."""
    arguments = _arguments()
    # It takes two seconds to import: whoever only asks for help does not wait for it.
    from server import commands

    try:
        if arguments.verb == "run":
            commands.run(arguments.config)
        elif arguments.verb == "setup":
            commands.setup(arguments.config, arguments.site, arguments.secrets)
        elif arguments.verb == "restored":
            print(f"documents of {commands.restored(arguments.config)} controllers begin anew")
        elif arguments.verb == "rebuild-telemetry":
            commands.rebuild_telemetry(arguments.config, arguments.store)
        elif arguments.verb == "login-link":
            print(commands.login_link(arguments.config, arguments.email))
        else:
            print(json.dumps(commands.openapi(), indent=2, sort_keys=True))
    except (ConfigurationError, Problem) as error:
        print(f"loquet server: {error}", file=sys.stderr)
        return 2
    except OperationalError as error:
        # Its text may name a host and a user; the class of it says enough.
        print(f"loquet server: the database does not answer ({type(error.orig).__name__})", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
