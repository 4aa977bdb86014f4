"""The gateway's health in one document: retained at the broker, every minute in the health lane (R-04)."""

from dataclasses import dataclass

from gateway import store
from gateway.lanes import NAMES, Lane
from gateway.moment import Moment
from gateway.site import Site


@dataclass(frozen=True)
class Vitals:
    """What the core cannot know by itself."""

    server_up: bool
    feed_up: bool
    queued: int
    failed_groups: int
    resident_kb: int
    free_mb: int
    certificate_ends: int | None


def document(site: Site, vitals: Vitals, now: Moment) -> dict[str, object]:
    """Depths and oldest ages of the lanes, drops by reason, link, store, disk, memory, clock; well under 2304
    bytes.
    """
    depths: dict[str, object] = {}
    for lane in Lane:
        depth, oldest = site.flow.depth(lane)
        age = 0 if oldest is None else max(0, (now.wall_ms - oldest) // 1000)
        depths[NAMES[lane]] = {"n": depth, "age": age}
    totals = sorted(site.tally.totals().items(), key=lambda pair: (-pair[1], pair[0]))
    found: dict[str, object] = {
        "v": 1,
        "k": "health",
        "t": now.unix_s,
        "lanes": depths,
        "aside": dict(totals[:20]),
        "online": len(site.roster.online(now)),
        "server": int(vitals.server_up),
        "feed": int(vitals.feed_up),
        "queued": vitals.queued,
        "unwritten": vitals.failed_groups,
        "store_kb": store.size_bytes(site.database) // 1024,
        "free_mb": vitals.free_mb,
        "rss_kb": vitals.resident_kb,
        "clock": {"q": site.clock.quality(now), "e": site.clock.epoch},
    }
    if vitals.certificate_ends is not None:
        found["cert"] = vitals.certificate_ends
    return found
