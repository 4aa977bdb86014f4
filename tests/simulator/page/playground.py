"""A world of the demo's sites without interpreters, and the page over it, for the tests of the page."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import FastAPI

from simulator.controllers import Controller, Fleet, identity
from simulator.mailbox import Mailbox
from simulator.page.app import create_app
from simulator.proxy import Link
from simulator.world.board import Board
from simulator.world.world import World

ROOT = Path(__file__).resolve().parents[3]
SITE = ROOT / "simulator" / "scenarios" / "demo.toml"


@dataclass
class Program:
    """A program that is only noted down as running."""

    is_running: bool = True


@dataclass
class Programs:
    """The stage's programs, without any."""

    children: dict[str, Program] = field(
        default_factory=lambda: {name: Program() for name in ("server", "broker:ferme", "gateway:ferme")}
    )

    async def kill(self, name: str) -> None:
        self.children[name].is_running = False

    async def start(self, name: str) -> None:
        self.children[name].is_running = True


@dataclass
class Supply:
    """A board's mains, with no processor behind."""

    board: Board
    resets: int = 0

    def power(self, on: bool) -> None:
        (self.board.power_on if on else self.board.power_off)()

    def reset(self) -> None:
        self.resets += 1
        self.board.processor_reset()


@dataclass
class Played:
    """Everything the page acts on, and the page."""

    world: World
    mailbox: Mailbox
    links: dict[str, Link]
    programs: Programs
    supplies: Mapping[str, Supply | Controller]
    app: FastAPI


@asynccontextmanager
async def playing(flashes: Path | None = None) -> AsyncIterator[Played]:
    """The demo's sites, powered, with nobody in the controllers; given a folder for its flash, `wall-1` runs
    the real firmware, without power at first.
    """
    async with (
        World(SITE, seed=1) as world,
        Mailbox() as mailbox,
        Link("gateway to server", target_port=9) as upward,
        Link("wall-1 to broker", target_port=9) as inward,
        AsyncExitStack() as stack,
    ):
        links = {"gateway:ferme": upward, "wall-1": inward}
        programs = Programs()
        supplies: dict[str, Supply | Controller] = {}
        for name, board in world.boards.items():
            supplies[name] = Supply(board)
            supplies[name].power(True)
        if flashes is not None:
            world.boards["wall-1"].power_off()
            fleet = await stack.enter_async_context(Fleet(world, flashes))
            who = identity("ferme", "wall-1", "locker-bank", inward.port, "5a" * 32, "a5" * 32)
            supplies["wall-1"] = await fleet.add("wall-1", who)
        addresses = {
            "customer": "http://127.0.0.1:8400/c",
            "producer": "http://127.0.0.1:8400/p",
            "manager": "http://127.0.0.1:8400/m",
        }
        app = create_app(world, SITE, mailbox, links, programs, supplies, addresses)
        yield Played(world, mailbox, links, programs, supplies, app)
