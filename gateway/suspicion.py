"""Which batches make the server fail by what is in them: 500 again and again to the same rows, while the
server answers everything else.

A server that is down, restarting, or behind a proxy that is, says something else, or also fails at a batch
without rows; then nothing is ever dropped, however long it lasts.
"""

from gateway.lanes import Lane

FAULT = 500
"""The one status that can be a record's doing: 502 to 504 are a proxy's or a busy server's."""
TRIES = 3
"""Equal answers to equal rows before they are suspected."""


class Suspicion:
    """Counts failures by lane and first row; one thread's."""

    def __init__(self) -> None:
        self._last: tuple[Lane, int, int] | None = None
        self._count = 0
        self._narrowing: set[Lane] = set()

    def failed(self, lane: Lane, first: int, rows: int) -> bool:
        """The server failed at a batch of `rows` from number `first`: whether to ask it with an empty one.

        Once a lane was found guilty its batches are halved without patience, but a record that stands alone
        gets its TRIES.
        """
        this = (lane, first, rows)
        self._count = self._count + 1 if this == self._last else 1
        self._last = this
        return self._count >= (1 if rows > 1 and lane in self._narrowing else TRIES)

    def guilty(self, lane: Lane, rows: int) -> None:
        """The server took the empty batch: the rows are the cause."""
        self._count = 0
        if rows > 1:
            self._narrowing.add(lane)
        else:
            self._narrowing.discard(lane)

    def innocent(self) -> None:
        """The server failed at the empty batch too: counting begins anew."""
        self._count = 0
        self._narrowing.clear()
