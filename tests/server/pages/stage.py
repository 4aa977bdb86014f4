"""A platform with something to look at: readings, orders in several states, troubles; told by controllers
through the API.
"""

import math
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import func, select

from firmware.contract import records
from server.foundation import migrate, timers
from server.foundation.audit import AuditEntry
from server.foundation.clock import from_unix
from server.people.access import order_token
from server.sitefile import document, loading, secrets_file
from server.sitefile.secrets_file import Secrets
from server.telemetry.models import Reading
from tests.server.bench import Bench, Device, MovedClock, make_context

SCENARIO = Path(__file__).resolve().parents[3] / "simulator" / "scenarios" / "farm.toml"
PERIOD = 300
MANAGER = "manager@example.org"


def prepare(folder: Path) -> Secrets:
    """A database as set-up leaves it, for the farm scenario."""
    context = make_context(folder, MovedClock())
    migrate.upgrade(context.store)
    site_file = document.read(SCENARIO)
    secrets = secrets_file.complete(folder / "secrets.json", site_file, context.ids.token, "")
    with context.store.write() as session:
        loading.load(session, context, site_file, secrets)
    context.store.close()
    return secrets


def copy(source: Path, target: Path) -> Path:
    """A database of one's own."""
    shutil.copytree(source, target)
    return target


class Stage(Bench):
    """The bench with a hangar, and words for what happens at the wall."""

    def __init__(self, folder: Path, secrets: Secrets, *, again: bool = False) -> None:
        """`again`: on a copy of a database that a stage has filled; its controllers begin a new journal."""
        super().__init__(folder, secrets)
        self.epoch = "00112233445566ff"
        self.hangar = Device("ferme", "hangar-1", bytes.fromhex(secrets["controllers"]["hangar-1"]["key"]))
        self._hangar_sent = 0
        self._live = 0
        self.last_reading: dict[str, Any] = {}
        timers.ensure_periodic(self.context)
        if again:
            self._go_on()
        self.sync()
        self.online("wall-1")
        self.online("hangar-1")

    def _go_on(self) -> None:
        with self.context.store.read() as session:
            newest = session.scalar(select(func.max(AuditEntry.at)))
            last = session.scalar(select(func.max(Reading.at)))
        assert newest is not None
        ended = from_unix((last or 0) + PERIOD)
        self.clock.moment = max(newest, ended)
        self.epoch = "ffeeddccbbaa9988"
        self.device.epoch = self.hangar.epoch = "1badcafe"

    # What the gateway says.

    def batch(self, fresh: list[dict[str, Any]], **how: Any) -> httpx.Response:
        """A batch of the gateway's present epoch."""
        return super().batch(fresh, **{"epoch": self.epoch, **how})

    def online(self, device: str, word: str = "online") -> None:
        """The gateway's word on a controller's presence."""
        record = {
            "v": 1,
            "k": "presence",
            "d": device,
            "s": word,
            "b": 1,
            "t": int(self.clock.now().timestamp()),
        }
        assert self.batch([record], device="gw").json()["rejected"] == []

    def events(self, device: Device) -> None:
        """Hands up what a controller has told since."""
        if device is self.device:
            self.flush()
            return
        fresh = device.told[self._hangar_sent :]
        self._hangar_sent = len(device.told)
        assert self.batch(fresh, device=device.name).json()["rejected"] == []

    def minute(self, device: Device, zones: dict[str, list[int | None]]) -> None:
        """One readings record that ends now: a mean per zone and probe, None for a silent probe."""
        now = int(self.clock.now().timestamp())
        rows: list[list[Any]] = []
        for zone, means in zones.items():
            for probe, mean in enumerate(means):
                if mean is None:
                    rows.append([zone, probe, 0, 0, 0, 0, records.SILENT])
                else:
                    rows.append([zone, probe, mean - 25, mean, mean + 30, PERIOD // 5, records.GOOD])
        told = len(device.told)
        device.tell("r", lane=records.READINGS, at=self.clock.now(), p0=now - PERIOD, s=PERIOD, z=rows)
        self.hand_up_reading(device.told.pop(told), device)

    def hand_up_reading(self, record: dict[str, Any], device: Device | None = None) -> None:
        """The gateway hands up one record of the readings lane."""
        self.last_reading = record
        self._live += 1
        name = (device or self.device).name
        answer = self.batch([record], lane="live", first=self._live, device=name)
        assert answer.json()["rejected"] == [], answer.text

    def hours(self, count: float, warm_last: int = 0) -> None:
        """Readings of both controllers, one zone warming in the last `warm_last` periods."""
        steps = int(count * 3600 / PERIOD)
        for step in range(steps):
            self.clock.advance(seconds=PERIOD)
            wave = int(60 * math.sin(step / 2.2))
            hot = max(0, step - (steps - warm_last)) * 70 if warm_last else 0
            self.minute(
                self.device,
                {"chilled": [230 + wave + hot, 205 + wave + hot], "frozen": [-2050 + wave, -2010 + wave]},
            )
            self.minute(
                self.hangar,
                {"room-1": [180 + wave, 195 + wave], "room-2": [210 + wave + hot, 240 + wave + hot]},
            )

    # What people do.

    def paid(self, products: tuple[str, ...], **how: Any) -> dict[str, Any]:
        """An order, paid and registered at the wall."""
        response = self.order(products, **how)
        assert response.status_code == 201, response.text
        order: dict[str, Any] = response.json()
        self.pay(order)
        self.sync()
        return order

    def load_all(self) -> None:
        """Every producer loads all their doors."""
        for producer in ("tilleuls", "pre-vert"):
            self.device.load(self.personal(producer), self.clock.now())
        self.sync()

    def link(self, order_id: str) -> str:
        """The path of the customer's page."""
        return f"/o/{order_id}/{order_token(self.context, order_id)}"

    def collect(self, order_id: str) -> None:
        """The customer takes everything out."""
        short, _ = self.codes(order_id)
        for grant in self.device.opens(short):
            self.device.after(grant, records.COLLECTED, records.ABSENT, self.clock.now())
        self.sync()

    # Troubles.

    def breach(self, zone: str = "chilled", block: str = "b1", device: Device | None = None) -> None:
        """The controller decides that a zone was warm for too long."""
        device = device or self.device
        now = self.clock.now()
        device.tell("alarm", at=now, a=records.WARM, s=1, z=zone, val=640)
        device.tell("block", at=now, id=block, z=zone, r=records.WARM, val=760)
        self.events(device)

    def jam(self, door: int) -> None:
        """A lock that does not let go."""
        now = self.clock.now()
        self.device.tell("lock", at=now, a="grant", g=1, d=door, o=records.JAMMED, x=3)
        self.device.tell("alarm", at=now, a=records.JAM, s=1, d=door)
        self.flush()

    def force(self, door: int) -> None:
        """A door that opens without anybody having asked."""
        now = self.clock.now()
        self.device.tell("door", at=now, d=door, s=1, x=1)
        self.device.tell("alarm", at=now, a=records.FORCED, s=1, d=door)
        self.flush()

    def cookie(self, email: str = MANAGER) -> str:
        """A session's cookie."""
        return self.login(email)["Authorization"].removeprefix("Bearer ")

    def page(self, path: str, email: str | None = MANAGER, **how: Any) -> Any:
        """A page as somebody logged in sees it."""
        headers = {} if email is None else {"Cookie": f"loquet={self.cookie(email)}"}
        return self.api("GET", path, headers={**headers, **how.pop("headers", {})}, **how)

    def form(self, path: str, by: str | None = MANAGER, /, **fields: str) -> Any:
        """A form as a browser of our own site sends it."""
        headers = {"Sec-Fetch-Site": "same-origin"}
        if by is not None:
            headers["Cookie"] = f"loquet={self.cookie(by)}"
        return self.api("POST", path, headers=headers, data=fields)


def fill(stage: Stage) -> dict[str, str]:
    """A day with everything on it; returns the ids of its orders by what became of them."""
    stage.hours(3)
    done = stage.paid(("tomates", "pommes"), reference="C-101")
    stage.load_all()
    stage.collect(done["id"])
    stage.clock.advance(minutes=40)
    stage.hours(0.25)
    ready = stage.paid(("tomates", "yaourts", "glace"), reference="C-102")
    stage.load_all()
    stage.hours(1)
    preparing = stage.paid(("poulet", "fromage"), reference="C-103", locale="en")
    held = stage.order(("pommes",), reference="C-104").json()
    stage.hours(0.5)
    return {"done": done["id"], "ready": ready["id"], "preparing": preparing["id"], "held": held["id"]}


def trouble(stage: Stage) -> None:
    """What a bad evening adds."""
    stage.hours(1, warm_last=9)
    stage.breach()
    stage.breach("room-2", "b2", stage.hangar)
    stage.jam(18)
    stage.force(21)
    stage.device.tell("probe", at=stage.clock.now() - timedelta(minutes=4), z="frozen", p=1, h=records.SILENT)
    stage.flush()
    stage.poll()
