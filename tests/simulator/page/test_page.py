"""The page over HTTP: acts happen in the world, refusals say why, changes are sent, nothing leaks."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from simulator.page.app import degrees, linked
from simulator.page.layout import SiteDrawing, network
from simulator.page.scene import changed
from simulator.page.serve import ServeError, serving
from tests.simulator.page.playground import Played, Supply

pytestmark = pytest.mark.anyio

WALL, HANGAR = "wall-1", "hangar-1"
PROBE = "2811005c0a0000d2"


@pytest.fixture
async def client(played: Played) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=played.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


async def act(client: httpx.AsyncClient, target: str, action: str, **more: object) -> httpx.Response:
    return await client.post("/act", json={"target": target, "action": action, **more})


async def state(client: httpx.AsyncClient, section: str) -> Any:
    return (await client.get("/state")).json()[section]


async def test_a_key_closes_its_contact_and_stays_out_of_what_is_shown(
    played: Played, client: httpx.AsyncClient
) -> None:
    assert (await act(client, WALL, "press", key="7")).status_code == 200
    assert [event.detail for event in played.world.log.of(WALL, "key")] == ["7"]
    assert played.world.walls[WALL].board.keys_down == set()
    assert all(event["kind"] != "key" for event in await state(client, "log"))


async def test_keys_asked_for_together_are_pressed_one_after_the_other(
    played: Played, client: httpx.AsyncClient
) -> None:
    down: list[set[str]] = []
    board = played.world.walls[WALL].board
    played.world.log.listen(lambda event: down.append(set(board.keys_down)) if event.kind == "key" else None)
    await asyncio.gather(*(act(client, WALL, "press", key=key) for key in "1234"))
    assert down == [{"1"}, {"2"}, {"3"}, {"4"}]


async def test_a_latched_door_holds_and_goods_do_not_pass_through_it(
    played: Played, client: httpx.AsyncClient
) -> None:
    held = await act(client, WALL, "pull", door=3)
    assert (held.status_code, held.json()["code"]) == (409, "held")
    for action, more in (("put", {"item": "Pommes 2 kg"}), ("take", {})):
        shut = await act(client, WALL, action, door=3, **more)
        assert (shut.status_code, shut.json()["code"]) == (409, "shut")
    assert played.world.walls[WALL].contents(3) == []


async def test_a_door_is_forced_filled_and_emptied(played: Played, client: httpx.AsyncClient) -> None:
    wall = played.world.walls[WALL]
    for action, more in (("force", {}), ("put", {"item": "Pommes 2 kg"})):
        assert (await act(client, WALL, action, door=3, **more)).status_code == 200
    door = (await state(client, f"at/{WALL}"))["doors"]["3"]
    assert (door["stand"], door["items"]) == ("wide", ["Pommes 2 kg"])
    assert (await act(client, WALL, "take", door=3)).status_code == 200
    assert wall.contents(3) == []
    assert (await act(client, WALL, "push", door=3)).status_code == 200
    await played.world.until(lambda: not wall.door_is_open(3), 5)


@pytest.mark.parametrize(
    ("action", "flag"), [("jam", "jammed"), ("block", "blocked"), ("blind", "blind"), ("dirty", "dirty")]
)
async def test_trouble_with_a_door_is_shown_and_ended(
    client: httpx.AsyncClient, action: str, flag: str
) -> None:
    for on in (True, False):
        assert (await act(client, WALL, action, door=5, on=on)).status_code == 200
        assert (await state(client, f"at/{WALL}"))["doors"]["5"][flag] is on


async def test_cold_is_broken_and_mended(played: Played, client: httpx.AsyncClient) -> None:
    for on in (False, True):
        assert (await act(client, WALL, "compressor", zone="chilled", on=on)).status_code == 200
        assert (await act(client, WALL, "probe", zone="chilled", probe=PROBE, on=on)).status_code == 200
        assert (await act(client, HANGAR, "room_door", zone="room-2", on=on)).status_code == 200
        zone = (await state(client, f"at/{WALL}"))["zones"]["chilled"]
        assert (zone["compressor"] != "dead") is on
        assert zone["probes"][PROBE] is not on
        assert played.world.hangars[HANGAR].zone("room-2").space.door_open is on


async def test_power_reset_links_and_programs(played: Played, client: httpx.AsyncClient) -> None:
    assert (await act(client, HANGAR, "reset")).status_code == 200
    hangar = played.supplies[HANGAR]
    assert isinstance(hangar, Supply)
    assert hangar.resets == 1
    await act(client, HANGAR, "power", on=False)
    assert (await state(client, f"at/{HANGAR}"))["power"] is False
    await act(client, "wall-1", "cut")
    assert await state(client, "links") == {"gateway:ferme": True, "wall-1": False}
    await act(client, "wall-1", "mend")
    assert not played.links["wall-1"].is_cut
    await act(client, "server", "kill")
    assert (await state(client, "processes"))["server"] is False
    await act(client, "server", "start")
    assert (await state(client, "processes"))["server"] is True


@pytest.mark.parametrize(
    "asked",
    [
        {"target": "wall-9", "action": "press", "key": "1"},
        {"target": HANGAR, "action": "press", "key": "1"},
        {"target": WALL, "action": "pull", "door": 99},
        {"target": WALL, "action": "compressor", "zone": "attic", "on": False},
        {"target": WALL, "action": "probe", "zone": "chilled", "probe": "00", "on": False},
        {"target": WALL, "action": "room_door", "zone": "chilled", "on": True},
        {"target": "wall-9", "action": "power", "on": False},
        {"target": "nowhere", "action": "cut"},
        {"target": "nothing", "action": "kill"},
    ],
)
async def test_what_is_not_there_is_not_found(client: httpx.AsyncClient, asked: dict[str, object]) -> None:
    answer = await client.post("/act", json=asked)
    assert (answer.status_code, answer.json()["code"]) == (404, "failed")


@pytest.mark.parametrize(
    "asked",
    [
        {"target": WALL, "action": "press", "key": "A"},
        {"target": WALL, "action": "explode"},
        {"target": WALL, "action": "pull", "door": 3, "with": "crowbar"},
        {"target": WALL, "action": "put", "door": 3, "item": ""},
        ["not", "an", "act"],
    ],
)
async def test_what_makes_no_sense_is_refused_with_a_reason(client: httpx.AsyncClient, asked: object) -> None:
    answer = await client.post("/act", json=asked)
    assert answer.status_code == 422
    assert answer.json()["detail"]


async def test_a_form_of_another_site_does_not_act(played: Played, client: httpx.AsyncClient) -> None:
    # Only JSON is read, which a browser does not send across sites without asking first.
    text = json.dumps({"target": WALL, "action": "force", "door": 3})
    answer = await client.post("/act", content=text, headers={"content-type": "text/plain"})
    assert answer.status_code == 422
    assert not played.world.walls[WALL].door_is_open(3)
    stranger = await client.get("/", headers={"host": "evil.example"})
    assert stranger.status_code == 400


@pytest.mark.parametrize("lang", ["fr", "en"])
async def test_every_page_is_served_with_its_headers(client: httpx.AsyncClient, lang: str) -> None:
    for path in ("/", "/mail", "/static/world.js"):
        answer = await client.get(path, params={"lang": lang})
        assert answer.status_code == 200
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "style=" not in answer.text or path.startswith("/static")
    page = (await client.get("/", params={"lang": lang})).text
    assert f'<html lang="{lang}">' in page
    assert all(f'data-door="{number}"' in page for number in range(1, 25))
    assert 'href="http://127.0.0.1:8400/m"' in page


async def test_a_mail_is_shown_with_its_links_and_nothing_else_of_html(
    played: Played, client: httpx.AsyncClient
) -> None:
    raw = b"Subject: Pay\xc3\xa9\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n<b>http://127.0.0.1:1/c?a=1&b=2</b>"
    await played.mailbox.deliver("a@example.org", ["b@example.org"], raw)
    page = (await client.get("/mail/1")).text
    assert '<a href="http://127.0.0.1:1/c?a=1&amp;b=2">' in page
    assert "<b>http" not in page
    assert "b@example.org" in (await client.get("/mail")).text
    assert [mail["number"] for mail in (await client.get("/mail.json")).json()] == [1]
    assert (await client.get("/mail.json", params={"after": 1})).json() == []
    assert (await client.get("/mail/2")).status_code == 404


async def test_changes_are_sent_by_section(played: Played) -> None:
    async with (
        serving(played.app, 0) as address,
        httpx.AsyncClient(base_url=address, timeout=10) as client,
        client.stream("GET", "/changes") as stream,
    ):
        documents = (json.loads(line[6:]) async for line in stream.aiter_lines() if line.startswith("data: "))
        first = await anext(documents)
        assert {"at/wall-1", "at/hangar-1", "links", "processes", "mails", "log"} <= first.keys()
        played.links["gateway:ferme"].cut()
        async for news in documents:
            if "links" in news:
                assert news["links"]["gateway:ferme"] is False
                break


async def test_a_taken_port_is_said(played: Played) -> None:
    async with serving(played.app, 0) as address:
        with pytest.raises(ServeError, match="can't be served"):
            async with serving(played.app, int(address.rpartition(":")[2])):
                pass


async def test_only_what_differs_is_sent() -> None:
    assert changed({"a": 1, "b": [2]}, {"a": 1, "b": [3], "c": None}) == {"b": [3], "c": None}
    assert changed({}, {"a": 1}) == {"a": 1}


async def test_a_network_is_drawn_from_the_doors_to_the_server() -> None:
    site = SiteDrawing("ferme", "La ferme", ())
    rows = network((site,), ["gateway:ferme"], ["server", "gateway:ferme", "broker:ferme"])
    assert [[(step.kind, step.name) for step in row.steps] for row in rows] == [
        [("process", "broker:ferme"), ("process", "gateway:ferme"), ("link", "gateway:ferme")],
        [("process", "server")],
    ]


async def test_temperatures_and_links_are_written_as_people_do() -> None:
    assert degrees(-18.0, "fr") == "−18,0 °C"
    assert degrees(4.0, "en") == "4.0 °C"
    assert (
        linked('voir http://a.fr/x. "fin"') == 'voir <a href="http://a.fr/x">http://a.fr/x</a>. &#34;fin&#34;'
    )
