"""What stands where: drawn once from the site file and the names of links and programs. What moves is in
`scene`.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.world.plan import ControllerPlan

_HIGH = 4
"""Doors stand four high on a large wall."""
_LOW = 2
"""And two high on one of at most `_SMALL` doors."""
_SMALL = 10
_NO_LIMIT_C = 100.0


@dataclass(frozen=True)
class ZoneDrawing:
    """A cooled zone or room. `high_c` is the legal limit, degrees Celsius; `probes` are ROM ids."""

    id: str
    name: str
    climate: str
    high_c: float
    probes: tuple[str, ...]


@dataclass(frozen=True)
class Cabinet:
    """Doors of one climate that stand together; `zone` is None where nothing cools or measures."""

    climate: str
    doors: tuple[int, ...]
    columns: int
    zone: ZoneDrawing | None


@dataclass(frozen=True)
class ControllerDrawing:
    """One wall (`bank`) or hangar (`room`)."""

    id: str
    name: str
    kind: str
    cabinets: tuple[Cabinet, ...]
    zones: tuple[ZoneDrawing, ...]


@dataclass(frozen=True)
class SiteDrawing:
    """One site with its controllers."""

    id: str
    name: str
    controllers: tuple[ControllerDrawing, ...]


@dataclass(frozen=True)
class Step:
    """One thing in a row of the network: a `process` or a `link`, under the name by which it is acted on."""

    kind: str
    name: str
    role: str


@dataclass(frozen=True)
class Row:
    """One site's machines and wires, from the doors to the server; the last row is what no site owns."""

    name: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Layout:
    """Everything that does not move."""

    sites: tuple[SiteDrawing, ...]
    network: tuple[Row, ...]
    products: tuple[str, ...]

    @property
    def controllers(self) -> dict[str, ControllerDrawing]:
        """All controllers by id."""
        return {controller.id: controller for site in self.sites for controller in site.controllers}


def read(
    site_file: Path, plans: dict[str, ControllerPlan], links: Iterable[str], processes: Iterable[str]
) -> Layout:
    """The layout of a site file. OSError, TOMLDecodeError or KeyError if it is no site file."""
    document = tomllib.loads(site_file.read_text(encoding="utf-8"))
    sites = tuple(
        SiteDrawing(
            raw["id"], raw["name"], tuple(_controller(own, plans[own["id"]]) for own in raw["controllers"])
        )
        for raw in document["sites"]
    )
    products = tuple(product["name"] for product in document.get("products", []))
    return Layout(sites, network(sites, list(links), list(processes)), products)


def _controller(raw: dict[str, Any], plan: ControllerPlan) -> ControllerDrawing:
    zones = {
        zone["id"]: ZoneDrawing(
            zone["id"], zone["name"], zone["climate"], zone.get("high_c", _NO_LIMIT_C), tuple(zone["probes"])
        )
        for zone in raw.get("zones", [])
    }
    height = _HIGH if len(plan.doors) > _SMALL else _LOW
    groups: dict[str, list[int]] = {}
    for door in plan.doors:
        groups.setdefault(door.zone, []).append(door.number)
    cabinets = tuple(
        Cabinet(
            zones[zone].climate if zone in zones else "ambient",
            tuple(doors),
            -(-len(doors) // height),
            zones.get(zone),
        )
        for zone, doors in groups.items()
    )
    return ControllerDrawing(raw["id"], raw["name"], raw["kind"], cabinets, tuple(zones.values()))


def network(sites: tuple[SiteDrawing, ...], links: list[str], processes: list[str]) -> tuple[Row, ...]:
    """One row a site, in the order in which a record travels; then what belongs to no site.

    A name belongs to a site if the part after its colon is the site's id or one of its controllers'.
    """
    rows: list[Row] = []
    rest = [("link", name) for name in links] + [("process", name) for name in processes]
    for site in sites:
        owned = {site.id, *(controller.id for controller in site.controllers)}
        mine = [(kind, name) for kind, name in rest if _owner(name) in owned]
        rest = [item for item in rest if item not in mine]
        steps = tuple(Step(kind, name, _role(name)) for kind, name in sorted(mine, key=_nearness))
        if steps:
            rows.append(Row(site.name, steps))
    if rest:
        rows.append(Row("Internet", tuple(Step(kind, name, _role(name)) for kind, name in rest)))
    return tuple(rows)


def _owner(name: str) -> str:
    return name.partition(":")[2] or name


def _role(name: str) -> str:
    return name.partition(":")[0]


def _nearness(item: tuple[str, str]) -> tuple[int, str]:
    """How far from the doors: controllers' wires, broker, its wire to the gateway, gateway, wire to the
    server.
    """
    kind, name = item
    order = {"process": {"broker": 1, "gateway": 3}, "link": {"broker": 2, "server": 4, "gateway": 4}}
    return order[kind].get(_role(name), 0), name
