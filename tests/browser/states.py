"""Every page in every state worth a look: what brings the farm there, and who looks."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from fastapi import FastAPI
from fastapi.routing import APIRoute
from playwright.async_api import Page
from sqlalchemy import select
from starlette.routing import BaseRoute

from server.background import tick
from server.foundation.outbox import OutboxMail
from server.lockers.models import Compartment
from server.orders.models import Claim
from server.orders.states import EXPIRED
from server.people import logins
from tests.server.pages.stage import MANAGER, Stage, trouble

PRODUCER = "tilleuls@example.org"
NOBODY = ""


@dataclass
class Scene:
    """The farm, the orders that matter, and the paths that states name."""

    stage: Stage
    orders: dict[str, str] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)

    def know(self, **orders: str) -> None:
        """Orders by what became of them; each one's page is a path of that name."""
        self.orders |= orders
        self.paths |= {name: self.stage.link(order) for name, order in orders.items()}


Prepare = Callable[[Scene], None]
Act = Callable[[Page, Scene], Awaitable[None]]


@dataclass(frozen=True)
class State:
    """A page as somebody sees it. `path` may name what the preparation gave: `{ready}`."""

    name: str
    route: str
    path: str
    who: str = MANAGER
    status: int = 200
    act: Act | None = None
    """What a person does on it before it is looked at."""


@dataclass(frozen=True)
class Phase:
    """A time of the farm's day, and the pages that are worth a look then."""

    name: str
    prepare: Prepare
    states: list[State]


def pages_of(app: FastAPI) -> set[str]:
    """The routes that answer a browser with a page: a new one without a state here fails a test."""

    def walk(routes: list[BaseRoute]) -> list[str]:
        found = []
        for route in routes:
            inner = getattr(route, "original_router", None)  # FastAPI keeps an included router whole
            if inner is not None:
                found += walk(inner.routes)
            elif (
                isinstance(route, APIRoute) and "GET" in (route.methods or ()) and not route.include_in_schema
            ):
                found.append(route.path)
        return found

    return {path for path in walk(app.routes) if not path.startswith("/live/")} - {"/"}


def click(name: str) -> Act:
    """Unfolds what has this heading."""

    async def act(page: Page, _scene: Scene) -> None:
        await page.locator("summary", has_text=name).first.click()

    return act


def fill(label: str, text: str, button: str, unfold: str = "") -> Act:
    """Fills a form's one field and sends it."""

    async def act(page: Page, _scene: Scene) -> None:
        if unfold:
            await page.locator("summary", has_text=unfold).first.click()
        await page.get_by_label(label).first.fill(text)
        await page.get_by_role("button", name=button).first.click()
        await page.wait_for_load_state()

    return act


SEND = """path => {
  const form = document.querySelector('form.shades');
  form.action = path;
  form.submit();
}"""


def post(path: str) -> Act:
    """Sends a form to `path`, as one does whose page is no longer true."""

    async def act(page: Page, scene: Scene) -> None:
        async with page.expect_navigation():
            await page.evaluate(SEND, path.format(**scene.paths))

    return act


async def silent(page: Page, _scene: Scene) -> None:
    """The line is there and says nothing, for more than a minute by the page's own clock."""
    await page.route("**/live/**", lambda route: route.fulfill(content_type="text/event-stream", body=""))
    await page.reload()
    await page.evaluate("Date.now = ((now) => () => now() + 65000)(Date.now.bind(Date))")
    await page.locator('[data-fresh="stale"]').first.wait_for()


def _link(stage: Stage) -> str:
    with stage.context.store.write() as session:
        return _local(logins.make_link(session, stage.context, MANAGER))


def _local(address: str) -> str:
    return address.removeprefix("http://server.test")


def _nothing(scene: Scene) -> None:
    stage = scene.stage
    order = stage.order(("tomates",), reference="V-1").json()
    used = _link(stage)
    stage.form(used, None)
    scene.know(held=order["id"])
    scene.paths |= {"pay": _local(order["payment"]["url"]), "fresh": _link(stage), "used": used}


NOTHING = Phase(
    "nothing yet",
    _nothing,
    [
        State("overview", "/manager", "/manager"),
        State("doors", "/manager/doors", "/manager/doors"),
        State("door", "/manager/doors/{device}/{number}", "/manager/doors/wall-1/1"),
        State("zone", "/manager/zones/{device}/{key}", "/manager/zones/wall-1/chilled?period=24h"),
        State("alarms", "/manager/alarms", "/manager/alarms"),
        State("orders", "/manager/orders", "/manager/orders"),
        State("hangar", "/manager/hangar", "/manager/hangar"),
        State("health", "/manager/health", "/manager/health"),
        State("run-sheet", "/producer", "/producer", PRODUCER),
        State("held", "/o/{order_id}/{token}", "{held}", NOBODY),
        State("pay", "/pay/test/{session_name}", "{pay}", NOBODY),
        State("login", "/login", "/login", NOBODY),
        State(
            "login sent",
            "/login",
            "/login",
            NOBODY,
            act=fill("Votre adresse électronique", "x@example.org", "Recevoir le lien"),
        ),
        State("login link", "/login/{token}", "{fresh}", NOBODY),
        State("login link used", "/login/{token}", "{used}", NOBODY, 410),
        State("logged out", "/manager", "/manager", NOBODY, 401),
        State("not yours", "/manager", "/manager", PRODUCER, 403),
        State("nowhere", "", "/nowhere", NOBODY, 404),
        State("not an address", "/manager/doors/{device}/{number}", "/manager/doors/wall-1/x", status=422),
        State("broken", "", "/broken", NOBODY, 500),
        State("away", "", "/away", NOBODY, 503),
    ],
)


def _day(scene: Scene) -> None:
    scene.stage.hours(0.25)
    scene.stage.poll()


DAY = Phase(
    "a day",
    _day,
    [
        State("overview", "/manager", "/manager"),
        State("overview, nothing heard", "/manager", "/manager", act=silent),
        State("doors", "/manager/doors", "/manager/doors"),
        State("zone, a day", "/manager/zones/{device}/{key}", "/manager/zones/wall-1/frozen?period=24h"),
        State(
            "zone, its table",
            "/manager/zones/{device}/{key}",
            "/manager/zones/hangar-1/room-1?period=1h",
            act=click("Tableau des relevés"),
        ),
        State("orders, one to refund", "/manager/orders", "/manager/orders", act=click("Rembourser")),
        State("health, revoking", "/manager/health", "/manager/health", act=click("Révoquer")),
        State("run-sheet", "/producer", "/producer", PRODUCER, act=click("Mon code au clavier")),
        State("ready", "/o/{order_id}/{token}", "{ready}", NOBODY, act=click("Code long et QR")),
        State("ready, nothing heard", "/o/{order_id}/{token}", "{ready}", NOBODY, act=silent),
        State("preparing, in English", "/o/{order_id}/{token}", "{preparing}", NOBODY),
        State("collected", "/o/{order_id}/{token}", "{done}", NOBODY),
        State("refund refused", "", "{ready}", NOBODY, 409, act=post("{ready}/refund")),
        State(
            "door, opening",
            "/manager/doors/{device}/{number}",
            "/manager/doors/wall-1/5",
            act=fill("Motif", "Un sac oublié", "Ouvrir la porte 5"),
        ),
    ],
)


def _evening(scene: Scene) -> None:
    stage = scene.stage
    trouble(stage)
    stage.sync()
    mismatch = stage.order(("pommes",), reference="C-106", key="other-sum").json()
    stage.webhook(stage.event(mismatch, "evt-other-sum", amount_cents=1))
    with stage.context.store.write() as session:
        mail = session.scalars(select(OutboxMail).limit(1)).one()
        mail.sealed, mail.failure = None, "SMTPRecipientsRefused 550"


EVENING = Phase(
    "a bad evening",
    _evening,
    [
        State("overview", "/manager", "/manager"),
        State("doors", "/manager/doors", "/manager/doors"),
        State("door, jammed", "/manager/doors/{device}/{number}", "/manager/doors/wall-1/18"),
        State("door, forced", "/manager/doors/{device}/{number}", "/manager/doors/wall-1/21"),
        State("door, opened", "/manager/doors/{device}/{number}", "/manager/doors/wall-1/5"),
        State(
            "zone, a block to release",
            "/manager/zones/{device}/{key}",
            "/manager/zones/wall-1/chilled?period=6h",
            act=click("Libérer"),
        ),
        State("alarms, one to acknowledge", "/manager/alarms", "/manager/alarms", act=click("Acquitter")),
        State(
            "alarms, one acknowledged",
            "/manager/alarms",
            "/manager/alarms",
            act=fill("Ce que vous avez vu ou fait", "Regardé", "Acquitter", "Acquitter"),
        ),
        State("a form refused", "/manager/doors", "/manager/doors?note=reason-needed"),
        State("orders, a sum that is not right", "/manager/orders", "/manager/orders"),
        State("hangar, a room refused", "/manager/hangar", "/manager/hangar?note=room-breached"),
        State("health, verified", "/manager/health", "/manager/health?verify=yes"),
        State("blocked", "/o/{order_id}/{token}", "{ready}", NOBODY),
    ],
)


def _after(scene: Scene) -> None:
    stage = scene.stage
    stage.form(f"/manager/orders/{scene.orders['preparing']}/refund", MANAGER, reason="Client malade")
    stage.sync()
    stage.sync()
    refunding = stage.paid(("pommes",), reference="C-107", key="given-up")
    stage.form(f"/manager/orders/{refunding['id']}/refund", MANAGER, reason="Client malade")
    scene.know(refunding=refunding["id"])
    stage.clock.advance(hours=8)
    tick(stage.context)
    stage.online("wall-1", "lost")
    with stage.context.store.read() as session:
        number = session.scalar(
            select(Compartment.number)
            .join(Claim, Claim.compartment_id == Compartment.id)
            .where(Claim.order_id == scene.orders["ready"], Claim.state == EXPIRED)
            .limit(1)
        )
    scene.paths["door"] = f"/manager/doors/wall-1/{number}"


AFTER = Phase(
    "afterwards",
    _after,
    [
        State("overview", "/manager", "/manager"),
        State(
            "zone without data", "/manager/zones/{device}/{key}", "/manager/zones/wall-1/chilled?period=1h"
        ),
        State("orders", "/manager/orders", "/manager/orders"),
        State("zone, a year", "/manager/zones/{device}/{key}", "/manager/zones/wall-1/chilled?period=1y"),
        State("a door to confirm", "/manager/doors/{device}/{number}", "{door}"),
        State("expired", "/o/{order_id}/{token}", "{ready}", NOBODY),
        State("lapsed", "/o/{order_id}/{token}", "{held}", NOBODY),
        State("refunding", "/o/{order_id}/{token}", "{refunding}", NOBODY),
        State("refunded", "/o/{order_id}/{token}", "{preparing}", NOBODY),
        State("run-sheet, to take back", "/producer", "/producer", PRODUCER),
        State("a controller away", "/manager/doors", "/manager/doors?note=offline"),
    ],
)

LATER = [DAY, EVENING, AFTER]
