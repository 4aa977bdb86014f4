"""Which controllers are there, with which boot and uptime: from each poll, and from `presence` records in
between."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from server.foundation.context import Context
from server.foundation.errors import Unprocessable
from server.gateways.dispatch import Item
from server.lockers.models import REVOKED, Controller


@dataclass(frozen=True)
class Online:
    """One `online=device,boot,uptime_ms` of a poll."""

    device: str
    boot: int
    uptime_ms: int


def parse(values: list[str]) -> list[Online]:
    """The `online` parameters of a poll; raises Unprocessable for another shape."""
    found = []
    for value in values:
        parts = value.split(",")
        if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts[1:]):
            raise Unprocessable("online is DEVICE,BOOT,UPTIME_MS")
        boot, uptime = int(parts[1]), int(parts[2])
        if len(parts[0]) > 32 or "\x00" in parts[0] or boot >= 1 << 53 or uptime >= 1 << 53:
            raise Unprocessable("online is DEVICE,BOOT,UPTIME_MS")
        found.append(Online(parts[0], boot, uptime))
    return found


def note(session: Session, site_id: str, online: list[Online], now: datetime) -> None:
    """Keeps what a poll told. A device of another site, or unknown, is passed over."""
    for entry in online:
        device = session.get(Controller, entry.device)
        if device is None or device.site_id != site_id or device.presence == REVOKED:
            continue
        if device.presence != "online":
            device.presence = "online"
            device.presence_at = now
        device.boot = entry.boot
        device.uptime_ms = entry.uptime_ms
        device.heard_at = now


def on_presence(
    session: Session, context: Context, _device: Controller | None, record: dict[str, Any], item: Item
) -> None:
    """A `presence` record: `d` is the device, `s` online, off or lost, `b` its boot."""
    device = session.get(Controller, str(record.get("d")))
    word, boot = record.get("s"), record.get("b")
    if device is None or device.site_id != item.site_id or word not in ("online", "off", "lost"):
        return
    if device.presence == REVOKED:
        return
    device.presence = word
    device.presence_at = item.at
    if word == "online" and isinstance(boot, int) and boot > device.boot:
        device.boot = boot
        device.uptime_ms = 0
        device.heard_at = context.clock.now()
