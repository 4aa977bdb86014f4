"""What a transaction wants done once it is on disk: nothing leaves the gateway before that."""

from dataclasses import dataclass

from firmware.contract import records, topics


@dataclass(frozen=True)
class Publish:
    """A message for the broker."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


class Effects:
    """Collects the effects of a group of tasks; acknowledgements of one lane become one, the highest."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._acks: dict[tuple[str, str, int], tuple[int, int]] = {}
        self._publishes: list[Publish] = []
        self.upstream = False
        """Something new waits for the server."""
        self.resync = False
        """A snapshot must be fetched from the server."""
        self.revoked: list[str] = []
        """Devices whose access is to be taken away."""

    def acknowledge(self, device: str, epoch: str, lane: int, boot: int, seq: int) -> None:
        """Tell a device how far its lane is on disk (R-43)."""
        self._acks[device, epoch, lane] = (boot, seq)

    def publish(self, device: str, leaf: str, payload: bytes, qos: int = 0, retain: bool = False) -> None:
        """Send a payload to one leaf of a device (or of `gw`)."""
        self._publishes.append(Publish(topics.topic(self._site, device, leaf), payload, qos, retain))

    def messages(self) -> list[Publish]:
        """What is to be published, acknowledgements first."""
        acks = [
            Publish(
                topics.topic(self._site, device, "ack"), records.encode(records.ack(epoch, lane, boot, seq))
            )
            for (device, epoch, lane), (boot, seq) in self._acks.items()
        ]
        return acks + self._publishes
