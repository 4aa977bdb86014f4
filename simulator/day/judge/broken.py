"""How a broken promise is told."""


class InvariantError(Exception):
    """A promise of the system was broken; the text begins with its number and says which."""


def hold(holds: object, broken: str) -> None:
    """Raises InvariantError unless it holds."""
    if not holds:
        raise InvariantError(broken)
