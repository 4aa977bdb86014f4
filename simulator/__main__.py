"""`python -m simulator VERB`, and a clear line if the environment under it is damaged."""

import sys

OURS = {"firmware", "gateway", "hardware", "server", "simulator"}


def main(words: list[str]) -> int:
    """The exit status of the verb; 2 if a package of the environment is missing."""
    try:
        from simulator import commands
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] in OURS:
            raise
        print(
            f"loquet: the environment is damaged (no {error.name}): delete .loquet/venv and run this again",
            file=sys.stderr,
        )
        return 2
    return commands.main(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
