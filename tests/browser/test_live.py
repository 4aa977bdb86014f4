"""Live pages in a real Chromium: seven at once, silence that is said, and recovery without a reload."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import BrowserContext, Page, Request, Route, expect

from server.pages import live
from tests.browser.conftest import BASE, Chromium
from tests.server.pages.stage import Stage

pytestmark = [pytest.mark.browser, pytest.mark.anyio]

MANAGER_TABS = ("/manager", "/manager/doors", "/manager/alarms", "/manager/orders", "/manager/hangar")
SOON_MS = 20_000
"""A change reaches a page within two seconds; a busy machine takes longer."""


@asynccontextmanager
async def signed(chromium: Chromium, stage: Stage) -> AsyncIterator[BrowserContext]:
    """A manager's browser."""
    context = await chromium.browser.new_context(base_url=BASE, locale="fr-FR")
    cookie = await asyncio.to_thread(stage.cookie)
    await context.add_cookies([{"name": "loquet", "value": cookie, "url": BASE}])
    try:
        yield context
    finally:
        await context.close()


class Streams:
    """The streams that a browser has asked for, and by which tab."""

    def __init__(self, context: BrowserContext) -> None:
        self.tabs: list[Page] = []
        context.on("request", self._asked)

    def _asked(self, request: Request) -> None:
        if request.resource_type == "eventsource":
            self.tabs.append(request.frame.page)


def newest(stage: Stage) -> str:
    """How far the farm's database is."""
    with stage.context.store.read() as session:
        return live.mark(session)


async def fed(pages: list[Page], stage: Stage) -> None:
    """Every page shows what the server has."""
    mark = await asyncio.to_thread(newest, stage)
    for page in pages:
        await expect(page.locator("body")).to_have_attribute("data-mark", mark, timeout=SOON_MS)


async def tabs_of(context: BrowserContext, stage: Stage, orders: dict[str, str]) -> list[Page]:
    """Seven tabs of one browser: five of a manager's, and two customers' pages."""
    pages = []
    for path in (*MANAGER_TABS, stage.link(orders["ready"]), stage.link(orders["preparing"])):
        page = await context.new_page()
        await page.goto(path)
        pages.append(page)
    return pages


@pytest.mark.fault("S17")
async def test_seven_tabs_live_on_one_stream_and_another_takes_over(
    chromium: Chromium, farm: tuple[Stage, dict[str, str]]
) -> None:
    stage, orders = farm
    async with chromium.on(stage.app), signed(chromium, stage) as context:
        streams = Streams(context)
        pages = await tabs_of(context, stage, orders)
        await asyncio.to_thread(stage.jam, 18)
        await fed(pages, stage)
        assert len(streams.tabs) == 1, "each tab has a stream of its own: the seventh would hang"
        leader = streams.tabs[0]
        await leader.close()
        pages.remove(leader)
        await asyncio.to_thread(stage.force, 21)
        await fed(pages, stage)
        assert len(streams.tabs) == 2
        assert streams.tabs[1] in pages


@pytest.mark.fault("S17")
async def test_seven_tabs_that_cannot_agree_ask_in_turn(
    chromium: Chromium, farm: tuple[Stage, dict[str, str]]
) -> None:
    stage, orders = farm
    async with chromium.on(stage.app), signed(chromium, stage) as context:
        await context.add_init_script("Object.defineProperty(navigator, 'locks', { value: undefined })")
        streams = Streams(context)
        pages = await tabs_of(context, stage, orders)
        await asyncio.to_thread(stage.jam, 18)
        await fed(pages, stage)
        assert streams.tabs == []


async def test_a_tab_that_is_looked_at_takes_over_from_one_that_sleeps(
    chromium: Chromium, farm: tuple[Stage, dict[str, str]]
) -> None:
    stage, _ = farm
    async with chromium.on(stage.app), signed(chromium, stage) as context:
        asleep = await context.new_page()
        await asleep.goto("/login")
        await asleep.evaluate("void navigator.locks.request('loquet-live', () => new Promise(() => {}))")
        page = await context.new_page()
        await page.clock.install()
        await page.goto("/manager")
        await page.clock.run_for(12_000)
        await expect(page.locator("[data-fresh]")).to_have_attribute("data-fresh", "stale")
        await page.clock.run_for(12_000)
        await expect(page.locator("[data-fresh]")).to_have_attribute("data-fresh", "live", timeout=SOON_MS)


async def test_a_server_that_is_gone_is_said_in_words_and_its_return_is_seen(
    chromium: Chromium, farm: tuple[Stage, dict[str, str]]
) -> None:
    stage, _ = farm
    async with signed(chromium, stage) as context:
        page = await context.new_page()
        await page.clock.install()
        async with chromium.on(stage.app):
            await page.goto("/manager")
            await expect(page.locator("[data-fresh]")).to_have_attribute("data-fresh", "live")
        await page.clock.run_for(11_000)
        await expect(page.locator("[data-fresh]")).to_have_attribute("data-fresh", "stale")
        await page.clock.run_for(29_000)
        await expect(page.locator("[data-age]")).to_contain_text(
            re.compile(r"Dernières nouvelles il y a 4\d\s")
        )
        await expect(page.get_by_text("Plus de nouvelles du serveur")).to_be_visible()
        reading = page.locator(".reading").first
        assert "grayscale" in await reading.evaluate(
            "each => getComputedStyle(each.closest('[data-part]')).filter"
        )
        async with chromium.on(stage.app):
            await expect(page.locator("[data-fresh]")).to_have_attribute(
                "data-fresh", "live", timeout=SOON_MS
            )
            await expect(page.get_by_text("Plus de nouvelles du serveur")).to_have_count(0)


@pytest.mark.fault("S16")
async def test_what_happens_between_a_page_and_its_line_is_not_missed(
    chromium: Chromium, farm: tuple[Stage, dict[str, str]]
) -> None:
    stage, _ = farm
    async with chromium.on(stage.app), signed(chromium, stage) as context:
        page = await context.new_page()

        async def late(route: Route) -> None:
            await asyncio.to_thread(stage.jam, 18)
            await route.continue_()

        await page.route("**/live/**", late, times=1)
        await page.goto("/manager")
        await expect(page.locator('article[data-alarm="jam"]')).to_be_visible(timeout=SOON_MS)


async def test_silence_of_the_wall_is_seen_without_any_news(
    chromium: Chromium, farm: tuple[Stage, dict[str, str]]
) -> None:
    stage, _ = farm
    async with chromium.on(stage.app), signed(chromium, stage) as context:
        page = await context.new_page()
        await page.clock.install()
        await page.goto("/manager")
        zone = page.locator('[data-zone="wall-1/frozen"]').first
        await expect(zone).to_have_attribute("data-state", "ok")
        stage.clock.advance(minutes=4)
        await page.clock.run_for(16_000)
        await expect(zone).to_contain_text("pas de relevé depuis 4", timeout=SOON_MS)
        stage.clock.advance(hours=3)
        await page.clock.run_for(16_000)
        await expect(zone).to_have_attribute("data-state", "nodata", timeout=SOON_MS)
        await expect(zone).to_contain_text("pas de données")


async def test_a_page_whose_session_has_ended_says_so(
    chromium: Chromium, farm: tuple[Stage, dict[str, str]]
) -> None:
    stage, _ = farm
    async with chromium.on(stage.app), signed(chromium, stage) as context:
        page = await context.new_page()
        await page.goto("/manager")
        other = await context.new_page()
        await other.goto("/manager/orders")
        await other.get_by_role("button", name="Sortir").click()
        await expect(page.get_by_text("Cette page ne vous est plus ouverte")).to_be_visible(timeout=SOON_MS)


@pytest.mark.fault("S19")
async def test_a_refresh_leaves_people_where_they_stood(
    chromium: Chromium, farm: tuple[Stage, dict[str, str]]
) -> None:
    stage, orders = farm
    async with chromium.on(stage.app), signed(chromium, stage) as context:
        page = await context.new_page()
        await page.goto(stage.link(orders["ready"]))
        await page.locator("summary", has_text="Code long").click()
        await page.evaluate("document.querySelector('[data-part=code]').append('\u200b')")  # to be drawn anew
        await asyncio.to_thread(stage.jam, 18)
        await fed([page], stage)
        await expect(page.locator("[data-long-code]")).to_be_visible()
        assert await page.evaluate("document.activeElement.matches('summary')")
        assert "\u200b" not in await page.locator("[data-part=code]").inner_text()
