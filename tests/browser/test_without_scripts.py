"""Each person's whole way with JavaScript off: what a page asks of them is links and forms alone."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page, expect

from server.people import logins
from tests.browser.conftest import BASE, Chromium
from tests.browser.views import PHONE
from tests.server.pages.stage import MANAGER, Stage, trouble

pytestmark = [pytest.mark.browser, pytest.mark.anyio]


PAPER = "getComputedStyle(document.body).backgroundColor"


@asynccontextmanager
async def plain(chromium: Chromium) -> AsyncIterator[Page]:
    """A phone whose browser runs no script."""
    context = await chromium.browser.new_context(
        base_url=BASE, locale="fr-FR", viewport=PHONE, java_script_enabled=False
    )
    try:
        yield await context.new_page()
    finally:
        await context.close()


def mailed_link(stage: Stage, email: str) -> str:
    """The path of the link that somebody is mailed."""
    with stage.context.store.write() as session:
        return logins.make_link(session, stage.context, email).removeprefix(BASE)


async def enter(page: Page, stage: Stage, email: str) -> None:
    """Asks for a link, and follows one."""
    await page.goto("/")
    await page.get_by_label("Votre adresse électronique").fill(email)
    await page.get_by_role("button", name="Recevoir le lien").click()
    await expect(page.locator("main")).to_have_attribute("data-login", "sent")
    await page.goto(await asyncio.to_thread(mailed_link, stage, email))
    await page.get_by_role("button", name="Entrer").click()


async def test_a_customer_pays_and_has_the_code(
    chromium: Chromium, farm: tuple[Stage, dict[str, str]]
) -> None:
    stage, _ = farm
    async with chromium.on(stage.app), plain(chromium) as page:
        order = await asyncio.to_thread(lambda: stage.order(("pommes",), reference="C-105", key="l").json())
        await page.goto(stage.link(order["id"]))
        await expect(page.locator("[data-fresh]")).to_have_attribute("data-fresh", "still")
        await page.get_by_role("link", name=re.compile("Payer")).click()
        await page.get_by_role("button", name="Refuser le paiement").click()
        await expect(page.get_by_text("Le paiement a été refusé")).to_be_visible()
        await page.get_by_role("button", name=re.compile("Payer")).click()
        await expect(page.locator("main")).to_have_attribute("data-payment-state", "captured")
        await asyncio.to_thread(stage.sync)
        await page.goto(stage.link(order["id"]))
        await expect(page.locator("[data-code]")).to_have_text(re.compile(r"^\d{4} \d{4}$"))
        await page.locator("summary", has_text="Code long et QR").click()
        await expect(page.locator("[data-long-code]")).to_be_visible()
        await asyncio.to_thread(stage.load_all)
        await page.reload()
        await expect(page.locator("main")).to_have_attribute("data-order-state", "ready")


async def shade(page: Page, name: str) -> str:
    """Chooses light or dark by its button; the colour of the page that comes back."""
    await page.get_by_role("button", name=name).click()
    await expect(page.get_by_role("button", name=name)).to_have_attribute("aria-pressed", "true")
    return str(await page.evaluate(PAPER))


async def test_light_dark_and_language_are_chosen_and_remembered(
    chromium: Chromium, farm: tuple[Stage, dict[str, str]]
) -> None:
    stage, orders = farm
    async with chromium.on(stage.app), plain(chromium) as page:
        await page.emulate_media(color_scheme="light")
        await page.goto(stage.link(orders["ready"]))
        light = await page.evaluate(PAPER)
        dark = await shade(page, "Sombre")
        assert dark != light
        await expect(page.locator("main")).to_have_attribute("data-order-state", "ready")
        await page.get_by_role("link", name="English").click()
        await expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
        await page.emulate_media(media="print")
        assert await page.evaluate(PAPER) == "rgb(255, 255, 255)"
        await page.emulate_media(media="screen", color_scheme="dark")
        assert await shade(page, "Light") == light
        assert await shade(page, "Like the device") == dark


async def test_a_producer_enters_and_sees_what_is_done(
    chromium: Chromium, farm: tuple[Stage, dict[str, str]]
) -> None:
    stage, _ = farm
    async with chromium.on(stage.app), plain(chromium) as page:
        await enter(page, stage, "tilleuls@example.org")
        await expect(page.locator("main")).to_have_attribute("data-missing", "1")
        await page.locator("summary", has_text="Mon code au clavier").first.click()
        await expect(page.locator("[data-personal-code]").first).to_have_text(
            re.compile(r"^(\d{4} ){2}\d{4}$")
        )
        await asyncio.to_thread(stage.load_all)
        await page.reload()
        await expect(page.locator("main")).to_have_attribute("data-missing", "0")
        await page.get_by_role("button", name="Sortir").click()
        await page.goto("/producer")
        await expect(page.locator("main")).to_have_attribute("data-status", "401")


async def test_a_manager_sees_to_a_bad_evening(
    chromium: Chromium, farm: tuple[Stage, dict[str, str]]
) -> None:
    stage, _ = farm
    await asyncio.to_thread(trouble, stage)
    await asyncio.to_thread(stage.poll)
    async with chromium.on(stage.app), plain(chromium) as page:
        await enter(page, stage, MANAGER)
        await page.get_by_role("link", name="Alarmes").first.click()
        jam = page.locator('article[data-alarm="jam"]')
        await jam.locator("summary", has_text="Acquitter").click()
        await jam.get_by_label("Ce que vous avez vu ou fait").fill("Charnière nettoyée")
        await jam.get_by_role("button", name="Acquitter").click()
        await expect(jam).to_have_attribute("data-state", "acknowledged")

        await page.get_by_role("link", name="Portes", exact=True).click()
        await page.locator("summary", has_text="Libérer").first.click()
        await page.get_by_label("Motif").first.fill("Contrôlé à cœur : 3,1 °C")
        await page.get_by_role("button", name="Libérer en mon nom").first.click()
        await expect(page.get_by_text("Libération envoyée")).to_be_visible()
        await asyncio.to_thread(stage.sync)
        await page.reload()
        await expect(page.locator("[data-block-zone]")).to_have_count(0)

        await page.locator('a[data-door="19"]').click()
        await page.get_by_label("Motif").fill("Livraison de secours")
        await page.get_by_role("button", name="Ouvrir la porte 19").click()
        await expect(page.locator('[data-op="open"]')).to_have_attribute("data-state", "sent")
        await asyncio.to_thread(stage.sync)
        await page.reload()
        await expect(page.locator('[data-op="open"]')).to_have_attribute("data-outcome", "opened")


async def test_a_manager_keeps_lots_orders_and_health(
    chromium: Chromium, farm: tuple[Stage, dict[str, str]]
) -> None:
    stage, orders = farm
    async with chromium.on(stage.app), plain(chromium) as page:
        await enter(page, stage, MANAGER)
        await page.get_by_role("link", name="Hangar").click()
        await page.locator("#product").select_option("fromage")
        await page.get_by_role("button", name="Créer le lot").click()
        lot = page.locator("tr[data-lot]")
        await lot.locator("select").select_option(label="Chambre 1")
        await lot.get_by_role("button", name="Ranger").click()
        await expect(lot).to_have_attribute("data-room", "room-1")

        await page.get_by_role("link", name="Commandes").click()
        order = page.locator(f'tr[data-order="{orders["preparing"]}"]')
        await order.locator("summary").click()
        await order.get_by_label("Motif").fill("Client malade")
        await order.get_by_role("button", name="Rembourser").click()
        await expect(order).to_have_attribute("data-state", "refunding")

        await page.get_by_role("link", name="Santé").click()
        await page.get_by_role("link", name="Tout revérifier maintenant").click()
        await expect(page.locator('[data-chain="audit"]')).to_have_attribute("data-whole", "yes")
