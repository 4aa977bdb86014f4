"""The first look at a message from the broker: whose it is, whether it is one, and whether the quota allows
it.

Runs on the network thread, before the queue, so that what babbles or is broken costs the others nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass

from firmware.contract import records, topics
from firmware.contract.errors import ContractError
from gateway.moment import Moment
from gateway.quota import Quotas
from gateway.tally import Tally

STATE_LANE = -1
"""Quota lane of `state`, `hello` and whatever can't be read."""
QUOTA = "quota"


@dataclass(frozen=True)
class Arrival:
    """A message that passed. `message` is None if it can't be read, for `reason`."""

    device: str
    leaf: str
    payload: bytes
    message: dict[str, object] | None
    reason: str
    retained: bool
    at: Moment


class Gate:
    """Judges topics, devices and quotas of one site; `known` says which devices are the site's."""

    def __init__(self, site: str, known: Callable[[str], bool], quotas: Quotas, tally: Tally) -> None:
        self._site = site
        self._known = known
        self._quotas = quotas
        self._tally = tally

    def pass_in(self, topic: str, payload: bytes, retained: bool, now: Moment) -> Arrival | None:
        """The message to take in, or None: counted, with its reason."""
        try:
            device, leaf = self._sender(topic)
        except ContractError as error:
            self._tally.add("-", error.reason)
            return None
        message: dict[str, object] | None = None
        reason = ""
        try:
            message = records.decode(payload)
        except ContractError as error:
            reason = error.reason
        lane = message.get("l") if message is not None and leaf == "up" else STATE_LANE
        bucket = lane if isinstance(lane, int) and lane in records.LANES else STATE_LANE
        if not self._quotas.admits(device, bucket, now.mono_ms):
            self._tally.refuse(device, QUOTA, now.mono_ms, bucket)
            return None
        return Arrival(device, leaf, payload[: topics.MAX_MESSAGE], message, reason, retained, now)

    def _sender(self, topic: str) -> tuple[str, str]:
        site, device, leaf = topics.parse(topic)
        if site != self._site or device == topics.GATEWAY or leaf not in topics.FROM_DEVICE:
            raise ContractError("topic")
        if not self._known(device):
            raise ContractError("device")
        return device, leaf
