"""Each page's main path in a real Chromium, at phone and desktop width. `LOQUET_SCREENSHOTS=1` rewrites the
pictures of `docs/screenshots/`.

Without Chromium these tests are skipped and say so; `LOQUET_REQUIRE_PARTS=1` makes that a failure.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import Chromium
from tests.browser.pictures import asked, picture
from tests.browser.views import MEASURE, SIZES
from tests.server.pages.stage import Stage, trouble

pytestmark = [pytest.mark.browser, pytest.mark.anyio]

both = pytest.mark.parametrize("size", SIZES if asked() else ["phone"])
"""Where pictures are made; that every page fits both screens is looked at in `test_axe`."""
AT_NIGHT = ("customer-ready-phone", "producer-phone", "manager-desktop", "zone-desktop", "zone-phone")
"""Pictures of which there is one in dark too."""


@asynccontextmanager
async def page_of(
    browser: Browser, address: str, size: str, cookie: str = "", *, scripts: bool = True
) -> AsyncIterator[Page]:
    """A page at a size, as somebody; it fails at the end if the browser complained of anything."""
    context = await browser.new_context(
        viewport=SIZES[size], java_script_enabled=scripts, base_url=address, locale="fr-FR"
    )
    if cookie:
        await context.add_cookies([{"name": "loquet", "value": cookie, "url": address}])
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    try:
        yield page
        assert complaints == []
    finally:
        await context.close()


async def looked_at(page: Page, name: str, size: str) -> None:
    """Nothing sticks out, nothing is too small to touch; kept as a picture if asked."""
    measured = await page.evaluate(MEASURE)
    assert measured["wider"] <= 0, name
    assert measured["small"] == [], name
    if asked():
        await picture(page, f"{name}-{size}", documented=True)
        if f"{name}-{size}" in AT_NIGHT:
            await page.emulate_media(color_scheme="dark")
            await picture(page, f"{name}-{size}-dark", documented=True)
            await page.emulate_media(color_scheme="light")


@both
async def test_a_customer_pays_and_sees_the_order_get_ready_without_reloading(
    chromium: Chromium, farm: tuple[Stage, dict[str, str]], size: str
) -> None:
    stage, orders = farm
    async with chromium.on(stage.app) as address, page_of(chromium.browser, address, size) as page:
        order = await asyncio.to_thread(
            lambda: stage.order(("pommes",), reference="C-105", key="late").json()
        )
        await page.goto(stage.link(order["id"]))
        await looked_at(page, "customer-held", size)
        await page.get_by_role("link", name=re.compile("Payer")).click()
        await looked_at(page, "payment", size)
        await page.get_by_role("button", name=re.compile("Payer")).click()
        await expect(page.locator("main")).to_have_attribute("data-payment-state", "captured")
        await page.goto(stage.link(order["id"]))
        await expect(page.locator("main")).to_have_attribute(
            "data-order-state", re.compile("paid|registered")
        )
        await page.goto(stage.link(orders["ready"]))
        await expect(page.locator("main")).to_have_attribute("data-order-state", "ready")
        await expect(page.locator("[data-code]")).to_have_text(re.compile(r"^\d{4} \d{4}$"))
        await looked_at(page, "customer-ready", size)
        await page.get_by_text("Code long et QR").click()
        await expect(page.locator(".qr svg")).to_be_visible()

        await page.goto(stage.link(orders["preparing"]))
        await expect(page.get_by_text("Paid, being prepared")).to_be_visible()
        await looked_at(page, "customer-preparing", size)
        await asyncio.to_thread(stage.load_all)
        await expect(page.locator("main")).to_have_attribute("data-order-state", "ready")
        await expect(page.get_by_role("status").get_by_text("Ready to collect")).to_be_visible()
        await expect(page.locator("[data-fresh]")).to_have_attribute("data-fresh", "live")


@both
async def test_a_blocked_order_offers_its_money_back_without_javascript(
    chromium: Chromium, farm: tuple[Stage, dict[str, str]], size: str
) -> None:
    stage, orders = farm
    await asyncio.to_thread(trouble, stage)
    async with (
        chromium.on(stage.app) as address,
        page_of(chromium.browser, address, size, scripts=False) as page,
    ):
        await page.goto(stage.link(orders["ready"]))
        await expect(page.get_by_text("Ne venez pas encore")).to_be_visible()
        await expect(page.locator("[data-cold]")).to_have_attribute("data-cold", "bad")
        await page.get_by_role("button", name="Demander le remboursement").click()
        await expect(page.locator("main")).to_have_attribute("data-order-state", "refunding")


@both
async def test_a_blocked_order_and_a_collected_one_look_right(
    chromium: Chromium, farm: tuple[Stage, dict[str, str]], size: str
) -> None:
    stage, orders = farm
    await asyncio.to_thread(trouble, stage)
    async with chromium.on(stage.app) as address, page_of(chromium.browser, address, size) as page:
        await page.goto(stage.link(orders["ready"]))
        await looked_at(page, "customer-blocked", size)
        await page.goto(stage.link(orders["done"]))
        await expect(page.locator("main")).to_have_attribute("data-order-state", "collected")
        await looked_at(page, "customer-collected", size)


@both
async def test_a_producer_finds_what_goes_where_and_sees_it_tick_off(
    chromium: Chromium, farm: tuple[Stage, dict[str, str]], size: str
) -> None:
    stage, _ = farm
    cookie = await asyncio.to_thread(stage.cookie, "tilleuls@example.org")
    async with chromium.on(stage.app) as address, page_of(chromium.browser, address, size, cookie) as page:
        await page.goto("/")
        await expect(page.locator("main")).to_have_attribute("data-missing", "1")
        await expect(page.locator('tr[data-state="bound"]')).to_contain_text("Poulet fermier")
        await looked_at(page, "producer", size)
        await page.get_by_text("Mon code au clavier").first.click()
        await expect(page.locator("[data-personal-code]").first).to_have_text(
            re.compile(r"^(\d{4} ){2}\d{4}$")
        )
        await page.get_by_text("Mon code au clavier").first.click()
        await asyncio.to_thread(stage.load_all)
        await expect(page.locator("main")).to_have_attribute("data-missing", "0")
        await expect(page.locator('tr[data-state="bound"]')).to_have_count(0)


@both
async def test_a_manager_sees_everything_and_acknowledges_an_alarm(
    chromium: Chromium, farm: tuple[Stage, dict[str, str]], size: str
) -> None:
    stage, _ = farm
    cookie = await asyncio.to_thread(stage.cookie)
    async with chromium.on(stage.app) as address, page_of(chromium.browser, address, size, cookie) as page:
        await page.goto("/")
        await expect(page.locator('[data-zone="wall-1/frozen"]').first).to_have_attribute("data-state", "ok")
        before = int(await page.locator("main").get_attribute("data-open-alarms") or 0)
        await asyncio.to_thread(trouble, stage)
        await expect(page.locator("main")).not_to_have_attribute("data-open-alarms", str(before))
        await expect(page.locator('article[data-alarm="jam"]')).to_be_visible()
        await expect(page.locator('article[data-alarm="forced"]')).to_be_visible()
        await looked_at(page, "manager", size)
        await page.goto("/manager/alarms")
        await looked_at(page, "alarms", size)
        jam = page.locator('article[data-alarm="jam"]')
        await jam.get_by_text("Acquitter").first.click()
        await jam.get_by_label("Ce que vous avez vu ou fait").fill("Charnière nettoyée")
        await jam.get_by_role("button", name="Acquitter").click()
        await expect(page.get_by_text("Alarme acquittée.")).to_be_visible()
        await expect(jam).to_have_attribute("data-state", "acknowledged")
        await expect(jam).to_contain_text("Camille Roy")


@both
async def test_a_manager_reads_a_chart_and_releases_a_block(
    chromium: Chromium, farm: tuple[Stage, dict[str, str]], size: str
) -> None:
    stage, _ = farm
    await asyncio.to_thread(trouble, stage)
    cookie = await asyncio.to_thread(stage.cookie)
    async with chromium.on(stage.app) as address, page_of(chromium.browser, address, size, cookie) as page:
        await page.goto("/manager/zones/wall-1/chilled")
        await expect(page.locator("svg.chart:visible")).to_have_count(1)
        await expect(page.locator("[data-summary]")).to_contain_text("hors limites")
        await looked_at(page, "zone", size)
        await page.get_by_role("link", name="24 heures").click()
        await page.get_by_text("Tableau des relevés").click()
        await expect(page.locator("tr[data-gap]").first).to_be_visible()
        await page.get_by_text("Libérer").first.click()
        await page.get_by_label("Motif").first.fill("Contrôlé à cœur : 3,1 °C")
        await page.get_by_role("button", name="Libérer en mon nom").first.click()
        await expect(page.get_by_text("Libération envoyée")).to_be_visible()
        await asyncio.to_thread(stage.sync)
        await expect(page.locator("[data-block-zone]")).to_have_count(0)


@both
async def test_a_manager_opens_a_door_and_sees_what_came_of_it(
    chromium: Chromium, farm: tuple[Stage, dict[str, str]], size: str
) -> None:
    stage, _ = farm
    await asyncio.to_thread(trouble, stage)
    await asyncio.to_thread(stage.poll)
    cookie = await asyncio.to_thread(stage.cookie)
    async with chromium.on(stage.app) as address, page_of(chromium.browser, address, size, cookie) as page:
        await page.goto("/manager/doors")
        await expect(page.locator('a[data-door="18"]')).to_have_attribute("data-state", "jam")
        await expect(page.locator('a[data-door="21"]')).to_have_attribute("data-state", "forced")
        await looked_at(page, "doors", size)
        await page.locator('a[data-door="19"]').click()
        await looked_at(page, "door", size)
        await page.get_by_label("Motif").fill("Livraison de secours")
        await page.get_by_role("button", name="Ouvrir la porte 19").click()
        await expect(page.locator('[data-op="open"]')).to_have_attribute("data-state", "sent")
        await asyncio.to_thread(stage.sync)
        await expect(page.locator('[data-op="open"]')).to_have_attribute("data-outcome", "opened")


@both
async def test_a_lot_is_refused_by_a_breached_room_and_taken_by_another(
    chromium: Chromium, farm: tuple[Stage, dict[str, str]], size: str
) -> None:
    stage, _ = farm
    await asyncio.to_thread(trouble, stage)
    cookie = await asyncio.to_thread(stage.cookie)
    async with chromium.on(stage.app) as address, page_of(chromium.browser, address, size, cookie) as page:
        await page.goto("/manager/hangar")
        await page.locator("#product").select_option("fromage")
        await page.get_by_role("spinbutton", name="Quantité").fill("40")
        await page.get_by_role("button", name="Créer le lot").click()
        lot = page.locator("tr[data-lot]")
        await lot.locator("select").select_option(label="Chambre 2 – hors limite ou sans données : refusé")
        await lot.get_by_role("button", name="Ranger").click()
        await expect(page.get_by_text("Chambre hors limite ou sans température")).to_be_visible()
        await expect(lot).to_have_attribute("data-room", "")
        await looked_at(page, "hangar", size)
        await lot.locator("select").select_option(label="Chambre 1")
        await lot.get_by_role("button", name="Ranger").click()
        await expect(lot).to_have_attribute("data-room", "room-1")


@both
async def test_login_orders_health_and_errors(
    chromium: Chromium, farm: tuple[Stage, dict[str, str]], size: str
) -> None:
    stage, _ = farm
    cookie = await asyncio.to_thread(stage.cookie)
    async with chromium.on(stage.app) as address:
        async with page_of(chromium.browser, address, size) as page:
            await page.goto("/login?lang=fr")
            await looked_at(page, "login", size)
            await page.get_by_label("Votre adresse électronique").fill("manager@example.org")
            await page.get_by_role("button", name="Recevoir le lien").click()
            await expect(page.locator("main")).to_have_attribute("data-login", "sent")
        async with page_of(chromium.browser, address, size, cookie) as page:
            await page.goto("/manager/orders")
            await expect(page.locator("tr[data-order]")).to_have_count(4)
            await looked_at(page, "orders", size)
            await page.goto("/manager/health?verify=yes")
            await expect(page.locator('[data-chain="wall-1"]')).to_have_attribute("data-whole", "yes")
            await looked_at(page, "health", size)
