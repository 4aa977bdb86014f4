"""What comes out of the printer: black on white whatever the screen's colours, whole, and no secret that
nobody asked for.
"""

import asyncio
import re

import pytest
from playwright.async_api import Page, ViewportSize, expect

from tests.browser.conftest import BASE, Chromium
from tests.browser.pictures import picture
from tests.server.pages.stage import MANAGER, Stage

pytestmark = [pytest.mark.browser, pytest.mark.anyio]

PRODUCER = "tilleuls@example.org"
SHEET = "/producer"
REPORT = "/manager/zones/wall-1/chilled?period=6h"
A4: ViewportSize = {"width": 688, "height": 1000}
"""The printed width of A4 within its margins."""
INKS = """() => [...document.querySelectorAll('main :is(h1, p, td, th, li)')]
  .filter(each => each.checkVisibility()).map(each => getComputedStyle(each).color)
  .filter(colour => !/^rgb\\((0, 0, 0|51, 51, 51)\\)$/.test(colour))"""


async def printed(chromium: Chromium, stage: Stage, path: str, email: str = "") -> Page:
    """A page as it is printed from a browser in dark colours."""
    context = await chromium.browser.new_context(base_url=BASE, locale="fr-FR", color_scheme="dark")
    await context.add_cookies([{"name": "loquet_theme", "value": "dark", "url": BASE}])
    if email:
        cookie = await asyncio.to_thread(stage.cookie, email)
        await context.add_cookies([{"name": "loquet", "value": cookie, "url": BASE}])
    page = await context.new_page()
    await page.set_viewport_size(A4)
    await page.goto(path)
    await page.emulate_media(media="print")
    return page


async def pages_of_paper(page: Page) -> int:
    """How many sheets of A4 it takes."""
    document = await page.pdf(format="A4")
    return len(re.findall(rb"/Type\s*/Page\b", document))


async def on_paper(page: Page, name: str) -> None:
    """Holds for every printed page."""
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert await page.evaluate(INKS) == []
    await expect(page.locator("nav:visible, form:visible, button:visible")).to_have_count(0)
    await expect(
        page.get_by_text(re.compile(r"Page du \d\d/\d\d/2026 à .* \(heure de Paris\)"))
    ).to_be_visible()
    await picture(page, name, documented=True)


async def test_an_order_is_one_sheet_with_its_codes(
    chromium: Chromium, farm: tuple[Stage, dict[str, str]]
) -> None:
    stage, orders = farm
    async with chromium.on(stage.app):
        page = await printed(chromium, stage, stage.link(orders["ready"]))
        await on_paper(page, "customer-ready-paper")
        await expect(page.locator("[data-code]")).to_be_visible()
        await expect(page.locator("[data-long-code]")).to_be_visible()
        await expect(page.locator(".qr svg")).to_be_visible()
        assert await pages_of_paper(page) == 1
        await page.context.close()


async def test_a_run_sheet_is_one_sheet_without_the_producers_code(
    chromium: Chromium, farm: tuple[Stage, dict[str, str]]
) -> None:
    stage, _ = farm
    async with chromium.on(stage.app):
        page = await printed(chromium, stage, SHEET, PRODUCER)
        await on_paper(page, "producer-paper")
        await expect(page.locator("tr[data-door]").first).to_be_visible()
        await expect(page.locator("[data-personal-code]:visible")).to_have_count(0)
        assert await pages_of_paper(page) == 1
        await page.context.close()


async def test_a_zones_report_has_its_chart_and_every_row_of_its_table(
    chromium: Chromium, farm: tuple[Stage, dict[str, str]]
) -> None:
    stage, _ = farm
    async with chromium.on(stage.app):
        page = await printed(chromium, stage, REPORT, MANAGER)
        await on_paper(page, "zone-paper")
        await expect(page.locator("svg.chart.wide")).to_be_visible()
        await expect(page.locator("[data-summary]")).to_be_visible()
        await expect(page.locator("tr[data-gap]").first).to_be_visible()
        assert await pages_of_paper(page) >= 2
        await page.context.close()
