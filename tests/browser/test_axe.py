"""Every page in every state, once: no violation found by axe-core, in light and dark, on a phone and on a
desk; nothing too wide, too small to touch or too heavy; and the browser has nothing to complain of.
"""

import asyncio
import json
from importlib.resources import files
from typing import Any, Literal

import pytest
from fastapi import FastAPI
from playwright.async_api import Page, Response, ViewportSize

from server.foundation.errors import Unavailable
from tests.browser.conftest import BASE, Chromium
from tests.browser.states import LATER, NOBODY, NOTHING, Phase, Scene, State, pages_of
from tests.browser.views import DESKTOP, MEASURE, PHONE
from tests.server.pages.stage import Stage

pytestmark = [pytest.mark.browser, pytest.mark.anyio]

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
RULES = {
    "resultTypes": ["violations"],
    "preload": False,  # for the rule of one orientation alone, which no sheet of ours could break
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
LOOKS: list[tuple[ViewportSize, Literal["light", "dark"]]] = [(PHONE, "light"), (DESKTOP, "dark")]
"""Colours do not depend on the size, nor boxes on the colours: two looks see both of each."""
PATIENCE_MS = 10_000
HEAVIEST = 100_000
"""Bytes of a page's first load: itself, its sheets, its script, its pictures; nothing zipped."""
WEIGH = """() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
  .filter(each => !each.name.includes('/live/')).reduce((sum, each) => sum + each.decodedBodySize, 0)"""


def break_on_demand(app: FastAPI) -> None:
    """Two addresses that fail as a defect and a missing database do."""

    @app.get("/broken", include_in_schema=False)
    def broken() -> None:
        raise ArithmeticError("as a defect would")

    @app.get("/away", include_in_schema=False)
    def away() -> None:
        raise Unavailable("the database does not answer")


def test_every_page_has_a_state_that_is_looked_at(blank: Stage) -> None:
    known = {state.route for phase in (NOTHING, *LATER) for state in phase.states if state.route}
    assert pages_of(blank.app) == known


class Seen:
    """What a page's browser said of it: the last document's status, and complaints."""

    def __init__(self, page: Page) -> None:
        self.status = 0
        self.said: list[str] = []
        page.on("response", self._answered)
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("console", lambda line: self.said.append(line.text) if line.type == "error" else None)

    def _answered(self, answer: Response) -> None:
        if answer.request.is_navigation_request():
            self.status = answer.status


async def _axe(page: Page) -> list[str]:
    found: list[dict[str, Any]] = await page.evaluate(
        f"axe.run(document, {json.dumps(RULES)}).then(found => found.violations.map(each => "
        "({id: each.id, nodes: each.nodes.map(node => node.html.slice(0, 160) + node.failureSummary)})))"
    )
    return [f"{each['id']}: {node}" for each in found for node in each["nodes"][:3]]


async def _look(page: Page, state: State, scene: Scene, seen: Seen) -> list[str]:
    """What is wrong with one state."""
    await page.set_viewport_size(PHONE)
    await page.emulate_media(color_scheme="light")
    await page.goto(state.path.format(**scene.paths))
    weight = await page.evaluate(WEIGH)
    faults = [] if weight <= HEAVIEST else [f"{weight} bytes"]
    if state.act is not None:
        await state.act(page, scene)
    if seen.status != state.status:
        faults.append(f"status {seen.status}")
    expected = f"the server responded with a status of {state.status}"
    faults += [f"console: {line}" for line in seen.said if expected not in line]
    seen.said.clear()
    await page.evaluate(AXE)
    for size, scheme in LOOKS:
        await page.set_viewport_size(size)
        await page.emulate_media(color_scheme=scheme)
        where = f"{scheme}, {size['width']} px: "
        faults += [where + fault for fault in await _axe(page)]
        measured = await page.evaluate(MEASURE)
        if measured["wider"] > 0:
            faults.append(f"{where}{measured['wider']} px too wide")
        faults += [f"{where}too small to touch: {each}" for each in measured["small"]]
    return faults


async def _phase(chromium: Chromium, phase: Phase, scene: Scene) -> list[str]:
    """What is wrong with the states of a time of the day, as each person in turn."""
    faults: list[str] = []
    await asyncio.to_thread(phase.prepare, scene)
    for who in sorted({state.who for state in phase.states}):
        context = await chromium.browser.new_context(base_url=BASE, locale="fr-FR", reduced_motion="reduce")
        context.set_default_timeout(PATIENCE_MS)
        if who != NOBODY:
            cookie = await asyncio.to_thread(scene.stage.cookie, who)
            await context.add_cookies([{"name": "loquet", "value": cookie, "url": BASE}])
        page = await context.new_page()
        seen = Seen(page)
        for state in (each for each in phase.states if each.who == who):
            found = await _look(page, state, scene, seen)
            faults += [f"{phase.name}, {state.name}: {fault}" for fault in found]
            await page.unroute_all()
        await context.close()
    return faults


async def test_every_page_in_every_state(
    chromium: Chromium, blank: Stage, farm: tuple[Stage, dict[str, str]]
) -> None:
    stage, orders = farm
    faults: list[str] = []
    break_on_demand(blank.app)
    async with chromium.on(blank.app):
        faults += await _phase(chromium, NOTHING, Scene(blank))
    scene = Scene(stage)
    scene.know(**orders)
    async with chromium.on(stage.app):
        for phase in LATER:
            faults += await _phase(chromium, phase, scene)
    assert faults == [], "\n".join(faults)


UNSEEN = """() => {
  const each = document.activeElement;
  const style = getComputedStyle(each);
  const seen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  return { last: each === document.body, fault: seen || each === document.body ? "" : each.outerHTML };
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_keyboard_is_seen_wherever_it_is(
    chromium: Chromium, farm: tuple[Stage, dict[str, str]], scheme: Literal["light", "dark"]
) -> None:
    stage, _ = farm
    cookie = await asyncio.to_thread(stage.cookie)
    async with chromium.on(stage.app):
        context = await chromium.browser.new_context(base_url=BASE, viewport=PHONE, color_scheme=scheme)
        await context.add_cookies([{"name": "loquet", "value": cookie, "url": BASE}])
        page = await context.new_page()
        await page.goto("/manager/orders")
        stops = 0
        while True:
            await page.keyboard.press("Tab")
            found = await page.evaluate(UNSEEN)
            assert found["fault"] == ""
            if found["last"]:
                break
            stops += 1
            assert stops < 60, "the keyboard does not come to an end"
        assert stops >= 12
        await context.close()
