"""The page of the simulated world in a real Chromium: what is touched happens, and what happens is drawn."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page, ViewportSize, expect

from simulator.page.serve import serving
from simulator.world.log import WorldEvent
from tests.browser.conftest import Chromium
from tests.browser.pictures import picture
from tests.simulator.page.playground import Played, playing

pytestmark = [pytest.mark.browser, pytest.mark.anyio]

SIZES: dict[str, ViewportSize] = {
    "phone": {"width": 390, "height": 844},
    "desktop": {"width": 1280, "height": 800},
}
SLOW_MS = 30_000
"""A real interpreter starts within this on a busy machine."""
DOCUMENTED = {"phone": 2150, "desktop": 1390}
"""Heights of the first wall and the hangar."""


@asynccontextmanager
async def opened(
    chromium: Chromium, size: str, path: str = "/", flashes: Path | None = None
) -> AsyncIterator[tuple[Page, Played, list[str]]]:
    """The page at one size over a world of its own; what the browser complained of is collected."""
    async with playing(flashes) as played, serving(played.app, 0) as address:
        page = await chromium.browser.new_page(viewport=SIZES[size], reduced_motion="reduce")
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            # A refused act is an answer (409) that the page shows; Chromium notes it as an error.
            lambda said: (
                complaints.append(said.text) if said.type == "error" and "409" not in said.text else None
            ),
        )
        await page.goto(address + path)
        try:
            yield page, played, complaints
        finally:
            await page.close()


def show(played: Played, lines: list[str]) -> None:
    """Write on the display through its own bus, as a program would: nibbles strobed into the HD44780."""
    display = played.world.walls["wall-1"].board.display

    def nibble(value: int, data: bool) -> None:
        port = value << 4 | 0x08 | int(data)
        display.write(bytes((port | 0x04, port)))

    def byte(value: int, data: bool = False) -> None:
        nibble(value >> 4, data)
        nibble(value & 15, data)

    nibble(2, False)
    for command in (0x28, 0x0C, 0x01):
        byte(command)
    for start, line in zip((0x80, 0xC0, 0x94, 0xD4), lines, strict=False):
        byte(start)
        for letter in line:
            byte(ord(letter), data=True)


@pytest.mark.parametrize("size", SIZES)
async def test_keys_reach_the_contacts_and_the_display_is_read(chromium: Chromium, size: str) -> None:
    async with opened(chromium, size) as (page, played, complaints):
        typed: list[str] = []

        def on_key(event: WorldEvent) -> None:
            if event.kind == "key":
                typed.append(event.detail)
                show(played, ["Votre code :", "*" * len(typed)])

        played.world.log.listen(on_key)
        bank = page.locator('[data-controller="wall-1"]')
        for key in "12#":
            await bank.locator(f'[data-key="{key}"]').click()
        await expect(bank.locator('[data-line="1"]')).to_have_text(re.compile(r"^\*{3} +$"))
        await expect(bank.locator('[data-line="0"]')).to_contain_text("Votre code :")
        await expect(bank.locator(".lcd")).to_have_attribute("data-lit", "on")
        assert typed == ["1", "2", "#"]
        assert complaints == []


@pytest.mark.interpreter
async def test_the_real_firmware_starts_at_a_switch_and_answers_the_keys(
    chromium: Chromium, tmp_path: Path
) -> None:
    async with opened(chromium, "desktop", flashes=tmp_path) as (page, _played, complaints):
        bank = page.locator('[data-controller="wall-1"]')
        await expect(bank.locator(".lcd")).to_have_attribute("data-lit", "off")
        await bank.locator("[data-power]").click()
        # Fresh from the factory, it has no settings and says so.
        await expect(bank.locator(".lcd")).to_contain_text("Out of service", timeout=SLOW_MS)
        for key in "123":
            await bank.locator(f'[data-key="{key}"]').click()
        # The last digit stays readable, those before it are hidden.
        await expect(bank.locator(".lcd")).to_contain_text("**3_", timeout=SLOW_MS)
        await picture(page, "world-firmware")
        await bank.locator("[data-power]").click()
        await expect(bank.locator(".lcd")).to_have_attribute("data-lit", "off")
        assert complaints == []


@pytest.mark.parametrize("size", SIZES)
async def test_a_door_is_pulled_filled_emptied_and_shut(chromium: Chromium, size: str) -> None:
    async with opened(chromium, size) as (page, played, complaints):
        wall = played.world.walls["wall-1"]
        door = page.locator('[data-controller="wall-1"] [data-door="7"]')
        await door.click()
        await expect(page.locator("[data-toast]")).to_have_text("La porte 7 tient.")
        sheet = page.locator("[data-sheet]")
        await expect(sheet.locator("[data-put]")).to_be_disabled()
        await sheet.locator('[data-do="force"]').click()
        await expect(door).to_have_attribute("data-stand", "wide")
        await sheet.locator("[data-put]").select_option("Poulet fermier")
        await expect(door.locator(".name")).to_have_text("Poulet fermier")
        assert wall.contents(7) == ["Poulet fermier"]
        await picture(page, f"world-{size}-door")
        await sheet.locator('[data-do="take"]').click()
        await expect(sheet.locator("[data-sheet-state]")).to_have_text("ouverte · vide")
        await door.click()
        await expect(door).to_have_attribute("data-stand", "latched")
        assert not wall.door_is_open(7)
        assert complaints == []


@pytest.mark.parametrize("size", SIZES)
async def test_trouble_is_made_and_ended(chromium: Chromium, size: str) -> None:
    async with opened(chromium, size) as (page, played, complaints):
        wall = played.world.walls["wall-1"]
        bank = page.locator('[data-controller="wall-1"]')
        await bank.locator('[data-door="9"]').click()
        jam = page.locator('[data-toggle="jam"]')
        await jam.click()
        await expect(jam).to_have_attribute("aria-pressed", "true")
        assert wall.board.doors[9].jammed
        await jam.click()
        await expect(jam).to_have_attribute("aria-pressed", "false")
        await page.locator('[data-toggle="blind"]').click()
        await expect(bank.locator('[data-door="9"] .marks')).to_have_text("capteur aveugle")
        assert wall.board.blind == {9}
        await page.locator("[data-sheet-close]").click()
        chilled = bank.locator('[data-zone="chilled"]')
        await chilled.locator("[data-probe]").first.click()
        await expect(chilled.locator("[data-probe]").first).to_contain_text("débranchée")
        assert wall.probe("chilled", 0).unplugged
        await chilled.locator("[data-compressor]").click()
        await expect(chilled.locator("[data-compressor]")).to_contain_text("en panne")
        assert not wall.zone("chilled").space.compressor_works
        wall.zone("chilled").warm_to(9.0)
        await expect(chilled).to_have_class(re.compile("over"))
        room = page.locator('[data-room-door="room-1"]')
        await room.click()
        await expect(room).to_contain_text("ouverte")
        assert played.world.hangars["hangar-1"].zone("room-1").space.door_open
        await bank.locator("[data-power]").click()
        await expect(bank.locator("[data-power]")).to_have_attribute("aria-pressed", "false")
        assert not wall.board.powered
        assert complaints == []


@pytest.mark.parametrize("size", SIZES)
async def test_wires_and_programs_are_ended_and_brought_back(chromium: Chromium, size: str) -> None:
    async with opened(chromium, size, "/?lang=en") as (page, played, complaints):
        wire = page.locator('[data-link="gateway:ferme"]')
        await wire.get_by_role("button", name="Cut").click()
        await expect(wire.locator("[data-link-state]")).to_have_text("cut")
        assert played.links["gateway:ferme"].is_cut
        await wire.get_by_role("button", name="Reconnect").click()
        await expect(wire.locator("[data-link-state]")).to_have_text("connected")
        node = page.locator('[data-process="broker:ferme"]')
        await node.get_by_role("button", name="Kill").click()
        await expect(node.locator("[data-process-state]")).to_have_text("stopped")
        assert not played.programs.children["broker:ferme"].is_running
        await picture(page, f"world-{size}-network")
        await node.get_by_role("button", name="Start").click()
        await expect(node.locator("[data-process-state]")).to_have_text("running")
        assert complaints == []


@pytest.mark.parametrize("size", SIZES)
async def test_nothing_is_wider_than_the_screen(chromium: Chromium, size: str) -> None:
    async with opened(chromium, size) as (page, played, complaints):
        show(played, ["Ferme des Tilleuls", "Entrez votre code", "", "Aide 02 33 00 00 00"])
        wall = played.world.walls["wall-1"]
        for number, item in (
            (2, "Yaourts brebis x4"),
            (5, "Fromage frais"),
            (14, "Glace vanille 1 l"),
            (18, "Tomates 1 kg"),
        ):
            wall.force(number)
            wall.put(number, item)
            wall.push(number)
        wall.force(11)
        wall.force(20)
        wall.put(20, "Pommes 2 kg")
        await expect(page.locator('[data-controller="wall-1"] [data-door="20"]')).to_have_class(
            re.compile("full")
        )
        await expect(page.locator('[data-controller="wall-1"] [data-door="18"]')).to_have_attribute(
            "data-stand", "latched"
        )
        await picture(page, f"world-{size}", DOCUMENTED[size], documented=True)
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= SIZES[size]["width"]
        assert complaints == []
