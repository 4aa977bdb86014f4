"""Attempts at the keypad as records: what a person typed came to this, never what it was."""

from firmware.contract import records
from firmware.core.bucket import Bucket
from firmware.services.recorder import Recorder
from firmware.services.throttle import Throttle

_REFILL_MS = 300_000
"""Refusals that cost no try may come at any rate; more than 20 and then 288 a day would push what matters out
of a journal that waits for its gateway.
"""


class Attempts:
    """Writes `try` records."""

    def __init__(self, recorder: Recorder, bucket: Bucket) -> None:
        self._recorder = recorder
        self._bucket = bucket
        self._noise = Throttle(_REFILL_MS)
        """Slips, codes while there are no tries, long codes of nobody."""
        self._refusals = Throttle(_REFILL_MS)
        """Codes of somebody that do not open now."""

    def record(self, result: str, credential: int, is_long: bool) -> None:
        """One attempt. Of those that open nothing and cost no try only some are told, each with the number of
        those before it that were not.
        """
        now_ms = self._recorder.uptime.ms()
        fields: dict[str, object] = {"r": result, "c": credential, "w": self._bucket.available(now_ms)}
        costs_a_try = result == records.UNKNOWN_CODE and not is_long
        if result != records.ACCEPTED and not costs_a_try:
            throttle = self._refusals if credential else self._noise
            if not throttle.allows(now_ms):
                return
            untold = throttle.untold()
            if untold:
                fields["x"] = untold
        self._recorder.event("try", fields)
