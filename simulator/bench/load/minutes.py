"""A load of readings for a server: a site with many probes, and batches of its minutes as a gateway's."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware.contract import records
from server.foundation import migrate
from server.foundation.context import Context
from server.sitefile import loading, secrets_file
from server.sitefile.document import SiteFile

SITE = "bench"
EPOCH = "be9c000000000001"
PERIOD_S = 60


@dataclass(frozen=True)
class Farm:
    """How large the site is."""

    devices: int = 20
    zones: int = 2
    probes: int = 4
    """In each zone."""
    period_s: int = PERIOD_S

    @property
    def names(self) -> list[str]:
        """Ids of the controllers."""
        return [f"room-{number:02}" for number in range(1, self.devices + 1)]

    @property
    def readings(self) -> int:
        """Readings in one record: a probe's minute each."""
        return self.zones * self.probes


def site_file(farm: Farm) -> SiteFile:
    """The site file of a farm of rooms."""

    def zones(device: int) -> list[dict[str, Any]]:
        return [
            {
                "id": f"zone-{zone}",
                "name": f"Zone {zone}",
                "climate": "chilled",
                "bus": 0,
                "probes": [f"28{device:04x}{zone:02x}{probe:08x}" for probe in range(farm.probes)],
                "low_c": -1.0,
                "high_c": 4.0,
                "alert_c": 4.0,
            }
            for zone in range(1, farm.zones + 1)
        ]

    rooms = [
        {"id": name, "kind": "room", "board": "cold-room", "name": name, "zones": zones(number)}
        for number, name in enumerate(farm.names)
    ]
    return SiteFile.model_validate(
        {
            "platform": {"name": "Bench", "help": "-"},
            "people": [{"email": "manager@example.org", "name": "Camille Roy", "role": "manager"}],
            "sites": [{"id": SITE, "name": "Bench", "controllers": rooms}],
        }
    )


def set_up(context: Context, farm: Farm, secrets: Path) -> str:
    """Migrates and loads the database; returns the gateway's token."""
    migrate.upgrade(context.store)
    document = site_file(farm)
    kept = secrets_file.complete(secrets, document, context.ids.token, "")
    with context.store.write() as session:
        loading.load(session, context, document, kept)
    return kept["gateways"][SITE]


def record(farm: Farm, number: int, start: int) -> dict[str, Any]:
    """A device's record `number` (from 1): the minute that begins at `start`."""
    rows = [
        [f"zone-{zone}", probe, mean - 20, mean, mean + 25, 12, records.GOOD]
        for zone in range(1, farm.zones + 1)
        for probe in range(farm.probes)
        for mean in (200 + (number * 7 + probe * 13) % 90,)
    ]
    return {
        "v": 1,
        "e": "0badcafe",
        "l": records.READINGS,
        "b": 1,
        "n": number,
        "u": number * farm.period_s * 1000,
        "t": start + farm.period_s,
        "q": records.DISCIPLINED,
        "k": "r",
        "p0": start,
        "s": farm.period_s,
        "z": rows,
    }


def batches(
    farm: Farm, count: int, size: int, until: int, *, by_device: bool = False, names: list[str] | None = None
) -> list[dict[str, Any]]:
    """`count` batches of `size` records that end at `until` (Unix s), for `POST /v1/gateway/batches`.

    Live, the devices take turns; `by_device`: one device's journal after the other, as after an outage.
    `names`: of these devices only.
    """
    names = farm.names if names is None else names
    each = count * size // len(names)
    first = until - each * farm.period_s
    places = (
        [(name, number) for name in names for number in range(1, each + 1)]
        if by_device
        else [(name, number) for number in range(1, each + 1) for name in names]
    )
    items = [
        {
            "seq": seq,
            "device": name,
            "received_ms": (first + number * farm.period_s) * 1000,
            "record": record(farm, number, first + (number - 1) * farm.period_s),
        }
        for seq, (name, number) in enumerate(places, 1)
    ]
    lane = "backfill" if by_device else "live"
    return [
        {"epoch": EPOCH, "lane": lane, "items": items[at : at + size]} for at in range(0, len(items), size)
    ]


def bodies(made: list[dict[str, Any]]) -> list[bytes]:
    """Batches as they cross the wire."""
    return [json.dumps(batch, separators=(",", ":")).encode() for batch in made]
