"""For each promise that the judge claims to see: break it, and the judge must say which it was.

Faults are planted in the shipped code or in the data it keeps, never in the judge.
"""

import asyncio
import json
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

import pytest

from firmware.contract import commands as wire
from firmware.contract import grants, records, seals
from firmware.core import bucket, probe
from firmware.core.bucket import Bucket
from firmware.core.commands import CommandMemory
from firmware.core.door import Request
from firmware.services import commands, keypad
from firmware.services.commands import Commands
from firmware.services.desired import Desired
from firmware.services.holdings import Holdings
from firmware.services.probes import Probes
from gateway.intake import Intake
from server.alarms import service as alarms
from server.grants import sets
from server.orders import ending
from server.orders.models import Order
from simulator.day.board import Pen
from simulator.day.customers import Customer
from simulator.day.diary import LeakError
from simulator.day.drivers import Locks
from simulator.day.judge import InvariantError
from simulator.day.run import Running
from tests.simulator.day.conftest import HOUR, Make

WALL = "wall-1"


def live(running: Running, *works: Coroutine[Any, Any, None]) -> None:
    """The whole plan, with something else going on."""

    async def both() -> None:
        for work in works:
            running.spawn(work)
        await running.live()

    running.timeline.loop.run_until_complete(both())


def breaks(running: Running, what: str, *works: Coroutine[Any, Any, None]) -> None:
    """The judge must end the plan with these words."""
    with pytest.raises(InvariantError, match=what):
        live(running, *works)


async def occurs(running: Running, kind: str, times: int) -> None:
    """Wait for a kind of event to have happened so many times; virtual time costs nothing."""
    for _ in range(1000):
        if running.site.diary.counts[kind] >= times:
            return
        await asyncio.sleep(20)
    raise TimeoutError(kind)


async def remote_opening(running: Running, door: int = 3) -> None:
    """The manager opens a door from afar, and shuts it."""
    await asyncio.sleep(200)
    street = running.site.streets[WALL]
    street.gateway.poll()
    assert running.backroom.open(WALL, door, "to look inside")
    if await street.wall.until(lambda: street.wall.doors[door].is_open, 15):
        await street.shut(door)
    await asyncio.sleep(2)


def test_without_a_fault_everything_holds(site: Make) -> None:
    running = site(hours=3, haste=4)
    live(running, remote_opening(running))
    counts = running.site.diary.counts
    for kind in ("order.collected", "coil starts", "try ok", "record after", "record cmd"):
        assert counts[kind] > 0, kind


def test_1_two_claims_on_one_compartment(site: Make) -> None:
    running = site(hours=1, haste=24)
    database = running.site.office.database

    async def double() -> None:
        await occurs(running, "claim.bound", 2)
        database.execute("DROP INDEX uq_claims_live_compartment")
        database.execute(
            "UPDATE claims SET compartment_id = (SELECT max(compartment_id) FROM claims"
            " WHERE state = 'bound') WHERE state = 'bound'"
        )

    breaks(running, "^1: two live claims", double())


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("UPDATE orders SET state = 'lapsed' WHERE state = 'registered'", "neither door nor refund"),
        (
            "INSERT INTO money_entries SELECT id || 'x', key || 'x', order_id, kind, amount_cents,"
            " currency, at FROM money_entries LIMIT 1",
            "paid twice",
        ),
        (
            "INSERT INTO money_entries SELECT id || 'x', key || 'x', order_id, 'refunded', amount_cents + 1,"
            " currency, at FROM money_entries LIMIT 1",
            "more was refunded",
        ),
        ("UPDATE orders SET total_cents = total_cents + 1 WHERE state = 'registered'", "paid twice"),
        ("UPDATE claims SET state = 'refused' WHERE state = 'bound'", "and no refund"),
    ],
)
def test_2_money_without_a_door_or_a_refund(site: Make, fault: str, words: str) -> None:
    running = site(hours=1, haste=24)

    async def meddle() -> None:
        await occurs(running, "order.registered", 1)
        running.site.office.database.execute(fault)
        running.site.office.database.execute("UPDATE orders SET changed_at = changed_at")

    breaks(running, "^2: .*" + words, meddle())


def a_refund(running: Running) -> Coroutine[Any, Any, None]:
    """Somebody gives an order up that a controller knows already."""

    async def give_up() -> None:
        await occurs(running, "order.registered", 1)
        office = running.site.office
        (name,) = office.database.execute("SELECT id FROM orders WHERE state = 'registered'").fetchone()
        with office.context.store.write() as session:
            order = session.get_one(Order, name)
            ending.refund(session, office.context, order, "as agreed", "person:a manager")
        office.changed()

    return give_up()


def test_2_half_of_the_money_goes_back(site: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = ending._owed
    monkeypatch.setattr(ending, "_owed", lambda session, order: honest(session, order) // 2)
    running = site(hours=1, haste=24)
    breaks(running, "^2: .* cents go back of the", a_refund(running))


def test_9_a_revocation_that_withdraws_nothing(site: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = sets.change

    def careless(session: Any, context: Any, controller: Any, add: Any = (), **_remove: Any) -> int:
        return honest(session, context, controller, add=add)

    monkeypatch.setattr(sets, "change", careless)
    running = site(hours=1, haste=24)
    breaks(running, "^9: an order that is .* still has . grants in force", a_refund(running))


def test_3_a_coil_that_starts_by_itself(site: Make) -> None:
    running = site()
    running.timeline.loop.call_later(120, running.site.streets[WALL].wall.coil, 3, True)
    breaks(running, "^3: the coil of door 3 started with no use")


def test_3_a_use_that_is_not_in_flash_before_the_coil(site: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Pen.event
    monkeypatch.setattr(
        Pen,
        "event",
        lambda pen, kind, fields: 0 if kind == "use" else honest(pen, kind, fields),
    )
    running = site()
    breaks(running, "^3: the coil of door", remote_opening(running))


def test_3_a_grant_that_is_used_again(site: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The used-mark is only known by heart: whoever still knows the code comes again for the next one's
    goods.
    """
    monkeypatch.setattr(Holdings, "keep_marks", lambda *_: True)
    running = site(hours=3, haste=4)
    street = running.site.streets[WALL]
    visit = street.visit

    async def greedy(who: str, code: str, at_door: Any, chance: Any, order: str = "") -> int:
        opened = await visit(who, code, at_door, chance, order)
        if order:
            await street.pull_the_plug(unheard=True)  # so that nobody takes the grant away
        return opened + await visit(who, code, at_door, chance)

    monkeypatch.setattr(street, "visit", greedy)
    breaks(running, "^3: the reset of wall-1 makes it forget that grant")


def test_4_two_coils_at_a_time(site: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    running = site()
    wall = running.site.streets[WALL].wall
    honest = wall.coil

    def crossed(number: int, on: bool) -> None:
        honest(number, on)
        if on and len(wall.coils) == 1:
            honest(number % 8 + 1, True)

    monkeypatch.setattr(wall, "coil", crossed)
    breaks(running, "^4: 2 coils", remote_opening(running))


def test_4_a_coil_that_stays_on(site: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Locks.pulse
    monkeypatch.setattr(Locks, "pulse", lambda locks, channel, _ms: honest(locks, channel, 1150))
    running = site()
    breaks(running, "^4: the coil of door 3 was on for 1.2", remote_opening(running))


def test_5_a_coil_after_a_reset(site: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The board comes back in the middle of a pulse, and its pin is high."""
    running = site()
    street = running.site.streets[WALL]
    honest = Locks.pulse

    async def cut(locks: Locks, channel: int, pulse_ms: int) -> bool:
        running.timeline.loop.call_later(0.1, street.board.power, False)
        running.timeline.loop.call_later(0.2, street.board.power, True)
        running.timeline.loop.call_later(0.3, street.wall.coil, 3, True)
        return await honest(locks, channel, pulse_ms)

    monkeypatch.setattr(Locks, "pulse", cut)
    breaks(running, "^5: a coil by a use of boot 1", remote_opening(running))


def test_6_a_command_that_runs_twice(site: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CommandMemory, "first_result", lambda *_: "")
    running = site()
    breaks(running, "^6: a command was used twice", replay(running, retained=False))


def test_6_a_command_after_its_time(site: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "judge", lambda *_: "")
    monkeypatch.setattr(commands, "Request", lambda door, actor, ref, **_: Request(door, actor, ref))
    running = site()
    street = running.site.streets[WALL]
    honest = street.board.receive

    def late(topic: str, payload: bytes, retained: bool = False) -> None:
        delay = 300 if topic.endswith("/cmd") else 0
        running.timeline.loop.call_later(delay, honest, topic, payload, retained)

    monkeypatch.setattr(street.board, "receive", late)

    async def opening() -> None:
        await asyncio.sleep(100)
        street.gateway.poll()
        running.backroom.open(WALL, 3, "to look inside")

    breaks(running, "^6: a command opens a door after its time", opening())


def test_7_a_retained_message_that_is_obeyed(site: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Commands.arrived
    monkeypatch.setattr(
        Commands, "arrived", lambda service, payload, _retained: honest(service, payload, False)
    )
    monkeypatch.setattr(CommandMemory, "first_result", lambda *_: "")
    running = site()
    breaks(running, "^6: a command was used twice", replay(running, retained=True))


async def replay(running: Running, *, retained: bool) -> None:
    """What was said before is said again."""
    await remote_opening(running)
    street = running.site.streets[WALL]
    topic, payload = next(pair for pair in reversed(street.overheard) if pair[0].endswith("/cmd"))
    street.board.receive(topic, payload, retained)


def test_8_the_right_code_is_refused(site: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    running = site(hours=3, haste=4)
    rights = running.site.judge.rights
    honest = rights.comes

    def comes(bank: str, order: str, *, is_long: bool) -> None:
        honest(bank, order, is_long=is_long)
        if order:
            monkeypatch.setattr(keypad, "code_mac", lambda *_: bytes(8))

    monkeypatch.setattr(rights, "comes", comes)
    breaks(running, "^8: the right code of a loaded order is refused at wall-.: unknown")


def test_9_a_revocation_that_is_not_obeyed(site: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Desired._grants
    monkeypatch.setattr(
        Desired,
        "_grants",
        lambda service, body: None if grants.unpack_piece(body).version > 3 else honest(service, body),
    )
    breaks(site(hours=4, haste=4), "^9: wall-. still obeys a set before")


def test_10_a_code_in_a_line(site: Make) -> None:
    diary = site().site.diary
    diary.keep_secret("12345674")
    diary.say("wall", "try r=ok c=12 w=1234567")
    with pytest.raises(LeakError):
        diary.say("wall", "try 1234 5674")


def test_11_a_record_that_never_arrives(site: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that says that it was a gap, which nothing had torn."""
    running = site()
    gateway = running.site.streets[WALL].gateway
    honest = gateway.heard

    def careless(device: str, leaf: str, payload: bytes) -> None:
        message: dict[str, Any] = json.loads(payload)
        if message.get("k") == "use":
            envelope = {key: message[key] for key in ("v", "e", "l", "b", "n", "u", "t", "q")}
            payload = records.encode(envelope | {"k": "gap", "f": message["n"], "r": "full"})
        honest(device, leaf, payload)

    monkeypatch.setattr(gateway, "heard", careless)
    breaks(running, "^11: a gap stands for number", remote_opening(running))


def test_11_a_record_that_is_altered(site: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    running = site()
    gateway = running.site.streets[WALL].gateway
    honest = gateway.heard
    monkeypatch.setattr(
        gateway,
        "heard",
        lambda device, leaf, payload: honest(device, leaf, payload.replace(b'"d":3', b'"d":4')),
    )
    breaks(running, "^11: number .* was altered on its way", remote_opening(running))


def test_11_readings_that_are_lost(site: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway acknowledges a reading that it has not kept."""
    honest = Intake._store
    monkeypatch.setattr(
        Intake,
        "_store",
        lambda intake, arrival, message, effects: (
            None if message["k"] == "r" else honest(intake, arrival, message, effects)
        ),
    )
    breaks(site(hours=0.5), "^11: lane 1 of .* lacks")


def test_11_a_record_that_is_stored_twice(site: Make) -> None:
    running = site()

    async def again() -> None:
        await asyncio.sleep(300)
        running.site.office.database.execute(
            "INSERT INTO device_records (controller_id, epoch, lane, boot, seq, kind, uptime_ms, received_at,"
            " body) SELECT controller_id, epoch, lane, boot + 1, seq, kind, uptime_ms, received_at, body"
            " FROM device_records WHERE kind = 'boot'"
        )

    breaks(running, "^11: .* twice", again())


def test_12_an_acknowledgement_of_what_is_not_stored(site: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(intake: Intake, key: Any, cursor: Any, _now: Any) -> None:
        intake._cursors[key] = cursor

    monkeypatch.setattr(Intake, "_move", forgetful)
    breaks(site(), "^12: .* is acknowledged, not stored")


def test_13_a_warm_zone_that_is_not_blocked(site: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Probes, "_block", lambda *_: None)
    running = site(hours=1.5)
    breaks(running, "^13: room-1 of hangar-1 is too warm", warm(running))


def test_13_an_alarm_that_nobody_hears(site: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarms, "tell_managers", lambda *_: None)
    running = site(hours=1.5)
    breaks(running, "^13: nobody knows that room-1 of hangar-1 is warm", warm(running))


def test_13_a_silence_that_nobody_hears(site: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = alarms.apply

    def deaf(session: Any, context: Any, change: Any, *rest: Any, **more: Any) -> Any:
        suppressed = change.begins and change.kind in ("nodata", "lost")
        return None if suppressed else honest(session, context, change, *rest, **more)

    monkeypatch.setattr(alarms, "apply", deaf)
    running = site(hours=1.5)

    async def cut() -> None:
        running.site.boards["hangar-1"].wire(False)
        running.site.judge.lines_changed()

    breaks(running, "^13: nobody knows that room-1 of hangar-1 is silent", cut())


async def warm(running: Running) -> None:
    """A room stands open with its compressor off."""
    await asyncio.sleep(60)
    wall = running.site.streets["hangar-1"].wall
    wall.zones["room-1"].compressor(False)
    wall.zones["room-1"].warm_to(15)


def test_14_a_lie_that_becomes_a_temperature(site: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "health_of", lambda _data: records.GOOD)
    running = site(hours=0.5)

    async def reset() -> None:
        running.site.streets[WALL].wall.zones["chilled"].probes[0].resets = True

    breaks(running, "^14: chilled is told as .* to 85.0", reset())


def test_15_timers_that_nobody_takes_away(site: Make) -> None:
    running = site()

    async def pile_up() -> None:
        await asyncio.sleep(10)
        running.site.office.database.executemany(
            "INSERT INTO timers (kind, subject, due_at, attempts) VALUES ('order.lapse', ?, '2099-01-01', 0)",
            [(f"order {number}",) for number in range(1000)],
        )

    breaks(running, "^15: 10.. timers", pile_up())


def test_16_a_clock_that_stands_still_keeps_codes_alive(site: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stay_away(_customer: Customer) -> None:
        return

    monkeypatch.setattr(Customer, "_collect", stay_away)
    running = site(hours=8, haste=2)
    street = running.site.streets[WALL]

    async def come_late() -> None:
        """With a code of the last page, long after the window, while the controller hears nothing new."""
        code = ""
        while not code:
            await asyncio.sleep(60)
            row = running.site.office.database.execute(
                "SELECT id FROM orders WHERE state = 'ready' AND controller_id = ?", (WALL,)
            ).fetchone()
            seen = running.site.office.look(row[0]) if row else None
            code = seen.codes[0] if seen else ""
        street.board.wire(False)
        running.site.judge.lines_changed()
        pen = street.board.pen
        assert pen is not None
        now = pen.clock.now(pen.uptime.ms())
        monkeypatch.setattr(pen.clock, "now", lambda _ms: now)
        await asyncio.sleep(5.4 * HOUR)
        async with street.wall.finger:
            await street.wall.type(code)
            await asyncio.sleep(20)

    breaks(running, "^16: door .* opens after its time", come_late())


async def guess(running: Running, times: int) -> None:
    """Wrong codes, one after the other."""
    for _ in range(times):
        await running.site.streets[WALL].wall.type("00000000")
        await asyncio.sleep(3)


def test_16_tries_that_begin_anew_with_the_mains(site: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of the tries is only known by heart."""
    monkeypatch.setattr(Holdings, "keep_bucket", lambda _holdings: True)
    running = site()

    async def patient() -> None:
        await asyncio.sleep(100)
        await guess(running, 10)
        await running.site.streets[WALL].pull_the_plug()
        await guess(running, 10)

    breaks(running, "^16: 12 wrong codes in", patient())


def test_16_more_tries_than_were_promised(site: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, "SIZE", 20)
    running = site()
    breaks(running, "^16: 12 wrong codes in", guess(running, 20))


def test_16_tries_that_never_run_out(site: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bucket, "debit", lambda *_: True)
    running = site()
    breaks(running, "^16: 12 wrong codes in", guess(running, 13))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("UPDATE audit_head SET hash = 'another'", "(the audit ends at line|does not follow)"),
        ("DELETE FROM audit_entries WHERE id = 5", "line 5 is missing"),
        ("UPDATE audit_entries SET actor = 'nobody' WHERE id = 5", "line 5 was altered"),
    ],
)
def test_17_an_audit_that_was_touched(site: Make, fault: str, words: str) -> None:
    running = site()
    database = running.site.office.database
    for (name,) in database.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_entries'"
    ).fetchall():
        database.execute(f"DROP TRIGGER {name}")

    async def meddle() -> None:
        await asyncio.sleep(400)
        database.execute(fault)

    breaks(running, "^17: .*" + words, meddle())


def test_17_a_row_that_is_deleted(site: Make) -> None:
    running = site()

    async def tidy_up() -> None:
        await occurs(running, "record applied", 1)
        running.site.office.database.execute("DELETE FROM device_records WHERE kind = 'boot'")

    breaks(running, "^17: deleted: .*device_records", tidy_up())


def test_18_a_gateway_that_opens_a_door(site: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The seal is not looked at: a gateway's own command is obeyed."""
    monkeypatch.setattr(commands, "unseal", lambda *words: words[-1][seals.SEAL :])
    running = site()
    street = running.site.streets[WALL]

    async def forge() -> None:
        await asyncio.sleep(100)
        pen = street.board.pen
        assert pen is not None
        soon = pen.uptime.ms() + 30_000
        body = wire.Command("0" * 16, wire.OPEN, pen.journal.boot, soon, 3, "", "", "nobody").pack()
        street.board.receive(f"lk/1/ferme/{WALL}/cmd", bytes(seals.SEAL) + body)

    breaks(running, "^3: a coil by a command that the server never gave", forge())


def test_a_door_of_a_blocked_zone_that_opens(site: Make) -> None:
    """The controller's record says that the zone is blocked; its doors go on opening."""
    running = site(hours=3, haste=4)
    for seen in running.site.judge.walls.values():
        seen.blocks["0" * 16] = ""
    breaks(running, "although its zone is blocked")


def test_a_door_that_is_offered_with_goods_inside(site: Make) -> None:
    running = site()
    items = running.site.streets[WALL].wall.doors[24].items
    running.timeline.loop.call_later(2600, items.append, "a cheese")
    breaks(running, "door 24 of wall-1 is offered with goods inside")


def test_a_service_that_ends_breaks_the_day(site: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from firmware.services.clock import Time

    async def tired(_time: Time) -> None:
        return

    monkeypatch.setattr(Time, "run", tired)
    with pytest.raises(RuntimeError, match="a service of the firmware ended"):
        live(site())


def test_a_clock_of_the_server_that_is_wrong_is_no_fault(site: Make) -> None:
    running = site(hours=0.5)
    running.site.office.clock.offset = timedelta(hours=1)
    live(running)
