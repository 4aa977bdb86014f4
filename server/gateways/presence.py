"""Which controllers are there, with which boot and uptime: from each poll, and from `presence` records in
between."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from firmware.contract import topics
from server.foundation.context import Context
from server.gateways.dispatch import Item
from server.gateways.models import BootClock
from server.lockers.models import REVOKED, Controller

log = logging.getLogger(__name__)

MAX_ONLINE = 512
"""Entries in one poll."""
SLACK_MS = 5_000
"""A poll may have waited for this long on its way, another not."""
DRIFT = 1_000
"""One part in a thousand: ten times the worst crystal and twice what NTP slews a clock by."""
MAX_BOOTS = 256
"""Boots remembered of a controller."""


@dataclass(frozen=True)
class Online:
    """One `online=device,boot,uptime_ms` of a poll."""

    device: str
    boot: int
    uptime_ms: int


def parse(values: list[str]) -> list[Online]:
    """The `online` parameters of a poll. One of another shape is passed over and logged: a device that lies
    must not cut the feed of its whole site."""
    found = []
    for value in values:
        entry = _read(value)
        if entry is None:
            log.warning("an online entry of a poll is not DEVICE,BOOT,UPTIME_MS")
        else:
            found.append(entry)
    return found


def _read(value: str) -> Online | None:
    device, *numbers = value.split(",")
    if not topics.is_id(device) or len(numbers) != 2:
        return None
    if not all(word.isascii() and word.isdigit() and len(word) <= 16 for word in numbers):
        return None
    boot, uptime = map(int, numbers)
    return Online(device, boot, uptime) if max(boot, uptime) < 1 << 53 else None


def credible(claimed_ms: int, first_ms: int, passed_ms: int) -> int:
    """The uptime to reckon with: a claim, but no more than the first one of its boot, the time that has
    passed here since, SLACK_MS and one part in DRIFT of that time for clocks that differ.

    A gateway that says more than is true would make commands that stay good for as long as it likes.
    """
    return min(claimed_ms, first_ms + passed_ms + passed_ms // DRIFT + SLACK_MS)


def _uptime(session: Session, entry: Online, now: datetime) -> int:
    clock = session.get(BootClock, (entry.device, entry.boot))
    if clock is None:
        session.add(
            BootClock(
                controller_id=entry.device, boot=entry.boot, first_ms=entry.uptime_ms, passed_ms=0, at=now
            )
        )
        session.flush()
        _forget_boots(session, entry.device)
        return entry.uptime_ms
    # In steps between polls: a clock of ours that is set back costs one step, not the whole boot.
    clock.passed_ms += max(0, (now - clock.at) // timedelta(milliseconds=1))
    clock.at = now
    return credible(entry.uptime_ms, clock.first_ms, clock.passed_ms)


def _forget_boots(session: Session, device: str) -> None:
    oldest = session.scalars(
        select(BootClock.boot)
        .where(BootClock.controller_id == device)
        .order_by(BootClock.at.desc(), BootClock.boot.desc())
        .offset(MAX_BOOTS)
    ).all()
    session.execute(delete(BootClock).where(BootClock.controller_id == device, BootClock.boot.in_(oldest)))


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
        device.uptime_ms = _uptime(session, entry, now)
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
    if word == "online" and isinstance(boot, int) and device.boot < boot < 1 << 53:
        device.boot = boot
        device.uptime_ms = 0
        device.heard_at = context.clock.now()
