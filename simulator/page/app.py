"""The page as an application: pages, a line of live changes, and one address to act through. Loopback only.

Served by uvicorn in the loop in which the world lives: every endpoint is `async` and touches it directly.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Annotated

from fastapi import Body, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulator.mailbox import LINK, Mail, Mailbox
from simulator.page import layout as layouts
from simulator.page.acts import Act, Hands, Refused
from simulator.page.scene import Json, changed, scene
from simulator.page.seams import Controllers, Controls, Link
from simulator.page.words import language, words
from simulator.world.world import World

HERE = Path(__file__).parent
PERIOD_S = 0.15
"""How often the world is looked at for changes, for each open page."""
BEAT_S = 5.0
"""A page that hears nothing for longer says so."""

_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        b"connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]


class SafeHeaders:
    """Adds the headers of every answer (plain ASGI, so that the line of changes passes untouched)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_HEADERS]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def linked(text: str) -> Markup:
    """A mail's text with its addresses to be clicked."""
    parts: list[Markup] = []
    end = 0
    for found in LINK.finditer(text):
        address = escape(found[0])
        parts += [escape(text[end : found.start()]), Markup(f'<a href="{address}">{address}</a>')]
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])


def degrees(celsius: float, lang: str) -> str:
    """A temperature as it is written in one language."""
    text = f"{celsius:.1f} °C".replace("-", "−")
    return text.replace(".", ",") if lang == "fr" else text


def mail_as_json(mail: Mail) -> dict[str, Json]:
    """A mail for tests and scripts."""
    return {
        "number": mail.number,
        "received_at": mail.received_at.isoformat(),
        "from": mail.sender,
        "to": list(mail.recipients),
        "subject": mail.subject,
        "text": mail.text,
        "links": list(mail.links),
    }


class Page:
    """The page over one world. `addresses` are the product's own pages, by `customer`, `producer`, `manager`
    or a name.
    """

    def __init__(
        self,
        world: World,
        site_file: Path,
        mailbox: Mailbox,
        links: Mapping[str, Link],
        controls: Controls,
        controllers: Controllers,
        addresses: Mapping[str, str],
    ) -> None:
        self._world = world
        self._mailbox = mailbox
        self._links = links
        self._controls = controls
        self._addresses = addresses
        self._hands = Hands(world, links, controls, controllers)
        self._layout = layouts.read(site_file, world.plans, links, controls.children)
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=select_autoescape(),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["linked"] = linked
        self._templates.filters["degrees"] = degrees

    def state(self) -> dict[str, Json]:
        """Everything that moves, now."""
        return scene(self._world, self._mailbox, self._links, self._controls)

    def render(self, template: str, lang: str | None, status: int = 200, **values: object) -> HTMLResponse:
        """One page in one language."""
        spoken = language(lang)
        text = self._templates.get_template(template).render(
            lang=spoken,
            words=words(spoken),
            layout=self._layout,
            addresses=self._addresses,
            mails=self._mailbox.count,
            **values,
        )
        return HTMLResponse(text, status)

    async def wall(self, lang: str | None = None) -> HTMLResponse:
        """The walls, rooms and machines."""
        zones = [zone for board in self._world.boards.values() for zone in board.zones.values()]
        speed = max((zone.speed for zone in zones), default=1.0)
        return self.render("world.html", lang, title="title", speed=speed)

    async def mail_list(self, lang: str | None = None) -> HTMLResponse:
        """All mail, newest first."""
        return self.render("mails.html", lang, title="mail", letters=self._mailbox.mails[::-1])

    async def mail_json(self, after: int = 0) -> JSONResponse:
        """Mails numbered above `after`, oldest first."""
        return JSONResponse([mail_as_json(mail) for mail in self._mailbox.mails if mail.number > after])

    async def mail_one(self, number: int, lang: str | None = None) -> HTMLResponse:
        """One mail."""
        mail = self._mailbox.mail(number)
        return self.render("mail.html", lang, 404 if mail is None else 200, title="mail", letter=mail)

    async def snapshot(self) -> JSONResponse:
        """The state, once."""
        return JSONResponse(self.state())

    async def act(self, act: Annotated[Act, Body()]) -> dict[str, bool]:
        """Do one thing. 404: no such target; 409: the world does not allow it now."""
        await self._hands.do(act)
        return {"done": True}

    async def changes(self) -> StreamingResponse:
        """Server-sent events: the whole state, then the sections that change."""
        return StreamingResponse(self._stream(), media_type="text/event-stream")

    async def _stream(self) -> AsyncIterator[str]:
        # Ends when the browser goes: the response is then cancelled.
        sent: dict[str, Json] = {}
        loop = asyncio.get_running_loop()
        last = loop.time()
        while True:
            news = changed(sent, self.state())
            if news or loop.time() - last > BEAT_S:
                yield f"data: {json.dumps(news, ensure_ascii=False, separators=(',', ':'))}\n\n"
                sent |= news
                last = loop.time()
            await asyncio.sleep(PERIOD_S)


async def _refused(_request: Request, refusal: Exception) -> Response:
    if not isinstance(refusal, Refused):
        raise refusal
    return JSONResponse({"code": refusal.code, "detail": str(refusal)}, refusal.status)


async def _invalid(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    detail = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
    return JSONResponse({"code": "failed", "detail": detail}, 422)


def create_app(
    world: World,
    site_file: Path,
    mailbox: Mailbox,
    links: Mapping[str, Link],
    controls: Controls,
    controllers: Controllers,
    addresses: Mapping[str, str],
) -> FastAPI:
    """The application, to be served in the world's own loop on 127.0.0.1."""
    page = Page(world, site_file, mailbox, links, controls, controllers, addresses)
    app = FastAPI(title="Loquet, the simulated world", docs_url=None, redoc_url=None)
    # Another site's page must not reach the world through a name that resolves to loopback.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_middleware(SafeHeaders)
    app.get("/", response_class=HTMLResponse)(page.wall)
    app.get("/mail", response_class=HTMLResponse)(page.mail_list)
    app.get("/mail.json")(page.mail_json)
    app.get("/mail/{number}", response_class=HTMLResponse)(page.mail_one)
    app.get("/state")(page.snapshot)
    app.get("/changes")(page.changes)
    app.post("/act")(page.act)
    app.mount("/static", StaticFiles(directory=HERE / "static"))
    return app
