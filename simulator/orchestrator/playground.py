"""The touchable page beside the stage: same loop, same world."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from simulator.orchestrator.stage import Stage
from simulator.page.app import create_app
from simulator.page.serve import serving


@asynccontextmanager
async def playground(stage: Stage, port: int) -> AsyncIterator[str]:
    """Serves the page while entered; gives its address."""
    pages = {"producer": f"{stage.server_url}/producer", "manager": f"{stage.server_url}/manager"}
    app = create_app(stage.world, stage.scenario, stage.mailbox, stage.links, stage, stage.fleet, pages)
    async with serving(app, port) as address:
        yield address
