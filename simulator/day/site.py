"""The whole site of a simulated day, wired: walls, hangar, controllers, gateways, the server, the judge."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from firmware.contract import topics
from firmware.services.identity import Identity
from server.foundation.errors import ConfigurationError
from server.sitefile import document
from server.sitefile.document import ControllerPart, ProductPart, SiteFile
from simulator.day.board import Board, Record
from simulator.day.diary import Diary
from simulator.day.gateway import Gateway
from simulator.day.judge import Judge
from simulator.day.office import Office
from simulator.day.street import Street
from simulator.day.timeline import Timeline
from simulator.day.wall import Wall
from simulator.world import plan
from simulator.world.plan import ControllerPlan, PlanError

_KEPT_SECRET = ("id", "g", "dg", "fw", "m0", "m1")
"""Fields that the log does not show: names for machines alone."""
_OVERHEARD = 60


class SiteError(Exception):
    """The day can't be told: the site file is none, or lacks what a day needs."""


class Site:
    """Everything of one run. Made inside `timeline.micropython()`."""

    def __init__(
        self,
        timeline: Timeline,
        site_file: SiteFile,
        plans: list[ControllerPlan],
        also: Callable[[str], None],
        haste: float = 1.0,
    ) -> None:
        self.timeline = timeline
        self._haste = haste
        self.diary = Diary(timeline, also)
        self.office = Office(site_file, timeline, self.diary)
        self.judge = Judge(self.office)
        self.boards: dict[str, Board] = {}
        self.gateways: dict[str, Gateway] = {}
        self.streets: dict[str, Street] = {}
        self._parts = {part.id: part for site in site_file.sites for part in site.controllers}
        for name in dict.fromkeys(each.site for each in plans):
            devices = [each.id for each in plans if each.site == name]
            self.gateways[name] = Gateway(name, devices, timeline, self.office, self._down)
            self.judge.hear(self.gateways[name])
        for each in plans:
            self._build(each)

    def part(self, controller: str) -> ControllerPart:
        """A controller as the site file describes it."""
        return self._parts[controller]

    def _build(self, each: ControllerPlan) -> None:
        wall = Wall(each, self.timeline, self.diary)
        key = bytes.fromhex(self.office.secrets["controllers"][each.id]["key"])
        identity = Identity(each.site, each.id, self.part(each.id).board, "", 0, bytes(32), key)
        gateway = self.gateways[each.site]

        def told(kind: str, lane: int, number: int, fields: Record) -> None:
            self._told(each.id, kind, lane, number, fields)

        def up(leaf: str, payload: bytes) -> None:
            gateway.heard(each.id, leaf, payload)

        board = self.boards[each.id] = Board(wall, identity, told, up)
        self.judge.watch(wall, board, gateway, self.part(each.id))
        self.streets[each.id] = Street(wall, board, self.office, gateway, self.judge, self.diary, self._haste)

    def _told(self, device: str, kind: str, lane: int, number: int, fields: Record) -> None:
        self.judge.told(device, kind, lane, number, fields)
        self.diary.counts[f"record {kind}"] += 1
        if kind == "try":
            self.diary.counts[f"try {fields['r']}"] += 1
        if kind != "r":
            shown = [f"{key}={value}" for key, value in fields.items() if key not in _KEPT_SECRET]
            self.diary.say(device, " ".join([kind, *shown]))

    def _down(self, topic: str, payload: bytes) -> None:
        _, device, leaf = topics.parse(topic)
        if device == topics.GATEWAY:
            site = topic.split("/")[2]
            for board in self.boards.values():
                if board.identity.site == site:
                    board.receive(topic, payload)
            return
        if leaf in ("desired", "cmd"):
            overheard = self.streets[device].overheard
            overheard.append((topic, payload))
            del overheard[:-_OVERHEARD]
        self.boards[device].receive(topic, payload)

    def products(self, controller: str) -> list[ProductPart]:
        """What may lie behind a wall's doors."""
        climates = {zone.id: zone.climate for zone in self.part(controller).zones}
        here = {climates.get(door.zone, "ambient") for door in self.streets[controller].wall.plan.doors}
        return [each for each in self.office.site_file.products if each.climate in here]

    def mend(self) -> None:
        """All is over, whatever trouble lasts: what is still to arrive has power and whole lines."""
        for board in self.boards.values():
            board.keep.supply.cut_in = None
            if board.keep.files.refuses:
                board.keep.files.refuses = False
                self.judge.flash_mended(board.id)
            board.power(True)
            if not board.wire_is_whole:
                board.wire(True)
        for gateway in self.gateways.values():
            gateway.offset_s = 0
            gateway.power(True)
            gateway.wire(True)
        self.judge.lines_changed()

    def close(self) -> None:
        """Forget everything."""
        for board in self.boards.values():
            board.wall.on_coil = lambda _door, _on: None
            board.on_power = lambda _on: None
            board.power(False)
        pending = asyncio.all_tasks(self.timeline.loop)
        for task in pending:
            task.cancel()
        if pending:
            self.timeline.loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        for gateway in self.gateways.values():
            gateway.close()
        self.office.close()


def read(file: Path, period_s: int) -> tuple[SiteFile, list[ControllerPlan]]:
    """A site file, as the server and the world know it, with readings every `period_s` seconds and samples
    five times as often. Raises SiteError.
    """
    try:
        site_file = document.read(file)
        plans = plan.read(file)
    except (ConfigurationError, PlanError, OSError) as error:
        raise SiteError(str(error)) from error
    if not site_file.shops or not any(person.role == "manager" for person in site_file.people):
        raise SiteError(f"{file}: a day needs a shop and a manager")
    if not any(each.kind == "bank" for each in plans):
        raise SiteError(f"{file}: a day needs a wall")
    update = {"period_s": period_s, "sample_s": max(1, period_s // 5)}
    sites = [
        site.model_copy(update={"controllers": [c.model_copy(update=update) for c in site.controllers]})
        for site in site_file.sites
    ]
    return site_file.model_copy(update={"sites": sites}), plans
