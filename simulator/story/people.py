"""Who acts in the story: a shop with its token, a bank with its secret, people with browsers and fingers."""

import asyncio
import hashlib
import hmac
import itertools
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx

from simulator.orchestrator.stage import Stage
from simulator.story.markup import Element, Page
from simulator.story.runner import require

WAIT_S = 15.0
POLL_S = 0.05

_references = itertools.count(1001)


T = TypeVar("T")


async def eventually(
    look: Callable[[], Awaitable[T]],
    holds: Callable[[T], object],
    what: str,
    timeout: float = WAIT_S,  # noqa: ASYNC109
) -> T:
    """Looks until what is seen holds, and returns it; TimeoutError says what was seen last."""
    deadline = time.monotonic() + timeout
    while True:
        seen = await look()
        if holds(seen):
            return seen
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout:.0f} s in vain: {what}; last seen: {str(seen)[:400]}")
        await asyncio.sleep(POLL_S)


class Shop:
    """An online shop that sends orders to the API."""

    def __init__(self, stage: Stage) -> None:
        name, token = next(iter(stage.secrets.shops.items()))
        self.name = name
        self._client = stage.client()
        self._client.headers["Authorization"] = f"Bearer {token}"

    def body(self, bank: str, products: list[str], email: str) -> dict[str, Any]:
        """A request for one of each product, to be collected from now to tomorrow."""
        now = datetime.now(UTC)
        return {
            "reference": f"C{next(_references)}",
            "bank": bank,
            "customer": {"email": email, "name": "Jeanne Petit", "locale": "fr"},
            "window": {
                "start": (now - timedelta(minutes=1)).isoformat(),
                "end": (now + timedelta(hours=24)).isoformat(),
            },
            "lines": [{"product": product, "quantity": 1} for product in products],
        }

    async def send(self, body: dict[str, Any], key: str) -> dict[str, Any]:
        """Send a request under an idempotency key; the server's answer."""
        answer = await self._client.post("/api/v1/orders", json=body, headers={"Idempotency-Key": key})
        require(
            answer.status_code in (200, 201), f"the order was refused: {answer.status_code} {answer.text}"
        )
        return dict(answer.json())

    async def order(self, bank: str, products: list[str], email: str) -> dict[str, Any]:
        """A new order."""
        return await self.send(self.body(bank, products, email), str(uuid.uuid4()))

    async def see(self, order_id: str) -> dict[str, Any]:
        """The order as the API shows it to its shop."""
        answer = await self._client.get(f"/api/v1/orders/{order_id}")
        answer.raise_for_status()
        return dict(answer.json())

    async def until(self, order_id: str, *states: str, timeout: float = WAIT_S) -> dict[str, Any]:  # noqa: ASYNC109
        """The order once it is in one of these states."""
        return await eventually(
            lambda: self.see(order_id),
            lambda order: order["state"] in states,
            f"order in state {'/'.join(states)}",
            timeout,
        )


class Bank:
    """The built-in test provider, from its own side: signed webhooks, and the page on which customers pay."""

    def __init__(self, stage: Stage) -> None:
        self._client = stage.client()
        self._secret = stage.secrets.webhook_secret

    async def pay_by_page(self, order: dict[str, Any]) -> None:
        """The customer pays on the provider's page."""
        url = order["payment"]["url"]
        page = Page((await self._client.get(url)).text)
        forms = [element for element in page.elements if element.tag == "form"]
        require(forms, "the payment page has nothing to press")
        answer = await self._client.post(forms[0].attributes.get("action") or url, data={"outcome": "pay"})
        require(answer.status_code < 400, f"the payment page answered {answer.status_code}")

    def event(
        self, order: dict[str, Any], kind: str = "payment.captured", created: int | None = None
    ) -> bytes:
        """An event of the provider about an order's payment."""
        return json.dumps(
            {
                "id": "ev_" + uuid.uuid4().hex,
                "type": kind,
                "session": order["payment"]["session"],
                "amount_cents": order["total_cents"],
                "currency": order["currency"],
                "created": int(time.time()) if created is None else created,
            }
        ).encode()

    async def send(self, event: bytes, secret: str | None = None) -> int:
        """Post an event, signed; returns the status."""
        moment = str(int(time.time()))
        key = (secret or self._secret).encode()
        seal = hmac.new(key, moment.encode() + b"." + event, hashlib.sha256).hexdigest()
        answer = await self._client.post(
            "/webhooks/payments/test",
            content=event,
            headers={"Loquet-Signature": f"t={moment},v1={seal}", "Content-Type": "application/json"},
        )
        return answer.status_code


class Customer:
    """Somebody with a mailbox, a phone and fingers."""

    def __init__(self, stage: Stage, email: str) -> None:
        self.email = email
        self._stage = stage
        self._browser = stage.client()
        self.link = ""

    async def read_mail(self) -> None:
        """Wait for the mail with the code and keep its link."""
        mail = await self._stage.mailbox.wait_for(
            lambda mail: mail.to(self.email) and any("/o/" in link for link in mail.links), WAIT_S
        )
        self.link = next(link for link in mail.links if "/o/" in link)
        self.mail = mail

    async def page(self) -> Page:
        """The order's page as it is now."""
        answer = await self._browser.get(self.link)
        answer.raise_for_status()
        return Page(answer.text)

    async def until(self, state: str, timeout: float = WAIT_S) -> Page:  # noqa: ASYNC109
        """The page once it shows the order in this state."""
        return await eventually(
            self.page,
            lambda page: page.only("order-state").data("order-state") == state,
            f"the customer's page says {state}",
            timeout,
        )

    async def code(self) -> str:
        """The collection code on the page."""
        return (await self.page()).only("code").text.replace(" ", "")

    async def press(self, ending: str) -> httpx.Response:
        """Press the button of a form of the page."""
        forms = (await self.page()).forms(ending)
        require(forms, f"the customer's page offers no {ending}")
        return await self._browser.post(forms[0].attributes["action"])


class Producer:
    """Brings goods; has a run-sheet on the phone and a personal code."""

    def __init__(self, stage: Stage, email: str) -> None:
        self.email = email
        self._stage = stage

    async def sheet(self) -> Page:
        """The run-sheet as it is now."""
        client = await self._stage.login(self.email)
        answer = await client.get("/producer")
        answer.raise_for_status()
        return Page(answer.text)

    async def doors(self, *states: str) -> set[int]:
        """Doors on the run-sheet, in these states if any are named."""
        rows = [row for row in (await self.sheet()).with_data("door") if row.tag == "tr"]
        return {
            int(row.data("door"))
            for row in rows
            if row.data("door") and (not states or row.data("state") in states)
        }

    async def code(self) -> str:
        """The personal code for the keypad."""
        return (await self.sheet()).only("personal-code").text.replace(" ", "")


class Manager:
    """Watches everything, opens, releases, confirms; each act with a reason."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.email = str(stage.document["people"][0]["email"])
        self.name = str(stage.document["people"][0]["name"])

    async def browser(self) -> httpx.AsyncClient:
        """The manager's browser, logged in."""
        return await self._stage.login(self.email)

    async def page(self, path: str) -> Page:
        """One of the manager's pages."""
        answer = await (await self.browser()).get(path)
        answer.raise_for_status()
        return Page(answer.text)

    async def door(self, bank: str, number: int) -> Element:
        """A door in the doors page."""
        page = await self.page("/manager/doors")
        inside = False
        for element in page.elements:
            if element.tag == "section" and "data-bank" in element.attributes:
                inside = element.data("bank") == bank
            elif inside and element.data("door") == str(number):
                return element
        raise LookupError(f"no door {number} of {bank} on the manager's page")

    async def until_door(self, bank: str, number: int, *states: str) -> Element:
        """The door once it is in one of these states."""
        return await eventually(
            lambda: self.door(bank, number),
            lambda door: door.data("state") in states,
            f"door {number} of {bank} shown as {'/'.join(states)}",
        )

    async def act(self, path: str, **fields: str) -> httpx.Response:
        """Post a form."""
        answer = await (await self.browser()).post(path, data=fields)
        require(answer.status_code < 400, f"{path} answered {answer.status_code}: {answer.text[:300]}")
        return answer

    async def open(self, bank: str, number: int, reason: str) -> float:
        """Open a door remotely, by its page; the moment of the click, on the monotonic clock."""
        href = (await self.door(bank, number)).attributes["href"]
        clicked = time.monotonic()
        await self.act(href + "/open", reason=reason)
        return clicked

    async def alarms(self) -> list[Element]:
        """Alarms on the alarms page, open and closed."""
        return (await self.page("/manager/alarms")).with_data("alarm")

    async def until_alarm(self, kind: str, device: str, door: int | None = None, zone: str = "") -> Element:
        """The alarm of that kind once it is shown open."""

        def matches(alarm: Element) -> bool:
            return (
                alarm.data("alarm") == kind
                and alarm.data("device") == device
                and (door is None or alarm.data("door") == str(door))
                and (not zone or alarm.data("zone") == zone)
                and alarm.data("state") != "closed"
            )

        alarms = await eventually(
            self.alarms,
            lambda seen: any(matches(a) for a in seen),
            f"alarm {kind} of {device} on the page",
            30.0,
        )
        return next(alarm for alarm in alarms if matches(alarm))

    async def records(self, device: str, lane: int = 0) -> list[dict[str, Any]]:
        """Every record the server holds of a device, in the order of their numbers, read page by page."""
        client = await self.browser()
        found: list[dict[str, Any]] = []
        after: str | None = "0"
        while after is not None:
            answer = await client.get(
                "/api/v1/records", params={"controller": device, "after": after, "limit": 100}
            )
            answer.raise_for_status()
            document = answer.json()
            found += [row for row in document["items"] if row["lane"] == lane]
            after = document.get("next")
        return found
