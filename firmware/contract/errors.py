"""What can be wrong with bytes that arrived from elsewhere."""


class ContractError(Exception):
    """A message breaks a rule of the protocol; `reason` is one short word that is counted and reported."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
