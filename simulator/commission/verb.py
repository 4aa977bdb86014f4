"""`./loquet commission`: puts the checklist, the line and a person together, and keeps the report."""

import argparse
import asyncio
import json
import random
import secrets
import tempfile
import tomllib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from simulator.commission.checks import NAMES, Checks, NoControllerError, in_order
from simulator.commission.finding import Finding, Report
from simulator.commission.line import Keys, Line, LineError
from simulator.commission.person import Asked, NobodyError, Person
from simulator.commission.plants import PLANTS, PlantError, plant
from simulator.commission.played import Played, Premises, Rehearsed
from simulator.controllers import Fleet, identity
from simulator.orchestrator.runfolder import RunError
from simulator.parts.places import PRIVATE, ROOT
from simulator.proxy import Link
from simulator.world import plan as plans
from simulator.world.plan import ControllerPlan
from simulator.world.world import World

REPORTS = PRIVATE / "commissioning"
_SITE = ROOT / "simulator" / "scenarios" / "farm.toml"


def _listen(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise argparse.ArgumentTypeError("write HOST:PORT")
    return host, int(port)


def _doors(text: str) -> set[int]:
    try:
        return {int(word) for word in text.split(",")}
    except ValueError:
        raise argparse.ArgumentTypeError("write door numbers, as 1,2,17") from None


def add_to(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the verb and its options."""
    verb = verbs.add_parser("commission", help="the checklist of a new wall or room, with a report to keep")
    verb.add_argument("--site", type=Path, default=_SITE, help="site file")
    verb.add_argument("--device", help="the controller's id in it (the first, without)")
    verb.add_argument("--doors", type=_doors, help="only these doors, as 1,2,17")
    verb.add_argument("--only", choices=NAMES, action="append", default=[], help="only this check")
    verb.add_argument("--auto", action="store_true", help="the simulated world answers for the person")
    verb.add_argument("--fault", choices=sorted(PLANTS), action="append", default=[], help="build it wrongly")
    verb.add_argument("--secrets", type=Path, help="a real board: the secrets it was provisioned from")
    verb.add_argument("--listen", type=_listen, help="its --gateway, as 192.168.1.5:8884")
    verb.add_argument("--by", default="", help="who does it, for the report")
    verb.add_argument("--report", type=Path, help="its file (without: in .loquet/commissioning/)")
    verb.add_argument("--seed", type=int, default=1, help="seed of everything random in the world")


def _plan(site: Path, device: str | None) -> ControllerPlan:
    try:
        found = plans.read(site)
    except (OSError, plans.PlanError, tomllib.TOMLDecodeError) as error:
        raise RunError(str(error)) from error
    for each in found:
        if device in (None, each.id):
            return each
    raise RunError(f"{site} has no controller {device!r}; it has {', '.join(each.id for each in found)}")


def _keys(path: Path, device: str) -> Keys:
    try:
        if path.stat().st_mode & 0o077:
            raise RunError(f"others may read {path}: chmod 600 {path}")
        own = json.loads(path.read_text(encoding="utf-8"))["controllers"][device]
        return Keys(bytes.fromhex(own["psk"]), bytes.fromhex(own["key"]))
    except (OSError, ValueError, KeyError, TypeError):
        raise RunError(f"{path} has no keys of {device}") from None


@asynccontextmanager
async def simulated(
    site: Path, plan: ControllerPlan, folder: Path, seed: int, faults: list[str], *, asks: bool
) -> AsyncIterator[tuple[Line, Person]]:
    """The controller on the simulated world, its other end, and the world's person. PlantError."""
    premises = Premises()
    world = World(site, seed=seed)
    for fault in faults:
        plant(fault, world, plan.id, premises)
    keys = Keys(secrets.token_bytes(32), secrets.token_bytes(32))
    board = "locker-bank" if plan.kind == "bank" else "cold-room"
    async with (
        Line(folder, plan.site, plan.id, keys) as line,
        Link("controller to broker", target_port=line.port) as link,
        world,
        Fleet(world, folder / "controllers") as fleet,
    ):
        who = identity(plan.site, plan.id, board, link.port, keys.psk.hex(), keys.key.hex())
        controller = await fleet.add(plan.id, who)
        controller.power(True)
        person = Rehearsed if asks else Played
        yield line, person(world, controller, link, premises)


async def commission(
    line: Line,
    person: Person,
    plan: ControllerPlan,
    told: Callable[[Finding], None],
    *,
    by: str,
    is_simulated: bool,
    seed: int = 1,
    only: frozenset[str] = frozenset(),
) -> Report:
    """Go through the checklist. NoControllerError."""
    begun = datetime.now(UTC)
    findings: list[Finding] = []

    def found(finding: Finding) -> None:
        findings.append(finding)
        told(finding)

    await Checks(line, person, plan, found, random.Random(seed)).run(only)
    said = line.descriptions[-1]
    machine = {
        "board": f"{said['board']}, revision {said['hw']}",
        "program": str(said["fw"]),
        "doors": str(len(plan.doors)),
        "probes": str(sum(len(zone.probes) for zone in plan.zones)),
    }
    return Report(
        plan.site,
        plan.id,
        by or "(not named)",
        begun,
        datetime.now(UTC),
        machine,
        tuple(findings),
        is_simulated,
    )


def _say(finding: Finding) -> None:
    word = "ok    " if finding.good else "FAULT "
    what = "" if finding.good else f"{finding.fault}: "
    print(f"{word} {finding.check}, {finding.subject}: {what}{finding.said}", flush=True)
    if not finding.good:
        print(f"       {finding.advice}", flush=True)


async def _run(options: argparse.Namespace) -> Report:
    whole = _plan(options.site, options.device)
    plan = in_order(whole, options.doors)
    if strangers := (options.doors or set()) - {door.number for door in plan.doors}:
        raise RunError(f"{plan.id} has no door {', '.join(map(str, sorted(strangers)))}")
    partly = bool(options.only) or len(plan.doors) < len(whole.doors)
    only = frozenset(options.only)
    where = "a board of silicon" if options.secrets else "the simulated world"
    print(f"Commissioning {plan.id} of {plan.site}, {where}: {len(plan.doors)} doors")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.secrets:
            keys = _keys(options.secrets, plan.id)
            async with Line(folder, plan.site, plan.id, keys, options.listen) as line:
                print(f"listening on {line.host}:{line.port}; switch the controller on")
                report = await commission(
                    line, Asked(), plan, _say, by=options.by, is_simulated=False, only=only
                )
                return replace(report, partial=partly)
        stage = simulated(options.site, plan, folder, options.seed, options.fault, asks=not options.auto)
        async with stage as (line, person):
            report = await commission(
                line, person, plan, _say, by=options.by, is_simulated=True, seed=options.seed, only=only
            )
            return replace(report, partial=partly)


def run(options: argparse.Namespace) -> int:
    """0 what was looked at is as it should be, 1 something is not. RunError if it can't be looked at."""
    if bool(options.secrets) != bool(options.listen):
        raise RunError("--secrets and --listen go together: they are a board of silicon's")
    if options.secrets and (options.auto or options.fault):
        raise RunError("--auto and --fault are the simulated world's; a board of silicon needs a person")
    try:
        report = asyncio.run(_run(options))
    except (NoControllerError, LineError, NobodyError, PlantError) as error:
        raise RunError(str(error)) from error
    path = options.report or REPORTS / f"{report.device}-{report.begun:%Y%m%dT%H%M%SZ}.md"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(report.markdown(), encoding="utf-8")
    except OSError as error:
        print(report.markdown())  # an hour's work at the wall
        raise RunError(f"{path} can't be written: {error.strerror}; the report stands above") from error
    print(f"report: {path}")
    print(f"{report.verdict}: {len(report.faults)} faults" if report.faults else report.verdict)
    return 1 if report.faults else 0
