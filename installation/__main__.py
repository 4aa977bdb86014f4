"""`python -m installation …`: what `./loquet` becomes for install, doctor, backup, restore, upgrade."""

import sys

from sqlalchemy.exc import DBAPIError

from installation import commands
from installation.errors import InstallationError, Unwell


def main(words: list[str]) -> int:
    """Runs a verb and prints its lines; 0, 1 if the doctor found something bad, 2 with one line on stderr."""
    arguments = commands.parser().parse_args(words)
    try:
        for line in arguments.act(arguments):
            print(line, flush=True)
    except BrokenPipeError:  # whoever read the lines went away: `| head`
        sys.stdout = sys.stderr
        print(
            "loquet: the output was cut off; what was done stays, run it again for the rest", file=sys.stderr
        )
        return 2
    except Unwell as error:
        print(f"loquet: {error}", file=sys.stderr)
        return 1
    except InstallationError as error:
        print(f"loquet: {error}", file=sys.stderr)
        return 2
    except DBAPIError as error:
        # The driver's own first line: the rest of the text is our statement and its values.
        print(f"loquet: the database: {(str(error.orig).splitlines() or [''])[0]}", file=sys.stderr)
        return 2
    except OSError as error:  # no room, no right, a disk that fails
        print(f"loquet: {error.filename or 'this machine'}: {error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("loquet: broken off", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
