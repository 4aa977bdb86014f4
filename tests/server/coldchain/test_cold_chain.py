"""The cold chain through the API: live and later, blocks and whom they concern, releases, rooms and lots."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from firmware.contract import records
from server.alarms.models import Alarm
from server.background import tick
from server.coldchain import lots
from server.coldchain import service as coldchain
from server.coldchain.models import HISTORY, LIVE, Excursion, ZoneWatch
from server.foundation.errors import Conflict, Problem
from server.foundation.outbox import OutboxMail
from server.gateways.restored import begin_again
from server.lockers.models import Controller, Zone
from server.people import logins
from server.people.models import Person
from server.telemetry.models import TelemetryGap
from tests.server.pages.stage import PERIOD, Stage


def zone(stage: Stage, key: str = "chilled", device: str = "wall-1") -> Zone:
    with stage.context.store.read() as session:
        return session.scalars(select(Zone).where(Zone.controller_id == device, Zone.key == key)).one()


def excursions(stage: Stage, key: str = "chilled", device: str = "wall-1") -> list[Excursion]:
    with stage.context.store.read() as session:
        return coldchain.excursions(session, zone(stage, key, device))


def open_kinds(stage: Stage) -> list[tuple[str, str]]:
    with stage.context.store.read() as session:
        found = session.scalars(
            select(Alarm).where(Alarm.closed_at.is_(None)).order_by(Alarm.kind, Alarm.zone_key)
        )
        return [(alarm.kind, alarm.zone_key) for alarm in found]


def mails(stage: Stage) -> list[str]:
    with stage.context.store.read() as session:
        return sorted(session.scalars(select(OutboxMail.recipient)))


def warm(stage: Stage, periods: int, value: int = 700) -> None:
    for _ in range(periods):
        stage.clock.advance(seconds=PERIOD)
        stage.minute(stage.device, {"chilled": [value, value - 20], "frozen": [-2000, -2010]})


def test_an_excursion_keeps_the_limits_then_in_force_and_its_true_start(stage: Stage) -> None:
    warm(stage, 1, 200)
    start = stage.clock.now()
    warm(stage, 6)
    warm(stage, 1, 760)
    page = stage.page("/manager/zones/wall-1/chilled").text
    assert 'class="number">7,6' in page.partition("excursions-title")[2], "the extreme so far"
    (found,) = excursions(stage)
    assert (found.kind, found.found, found.began_at, found.ended_at) == ("temperature", "live", start, None)
    assert found.limits["high"] == 400
    with stage.context.store.write() as session:
        session.get_one(Zone, found.zone_id).high_centi = 800
    assert excursions(stage)[0].limits["high"] == 400
    warm(stage, 1, 300)
    (over,) = excursions(stage)
    assert over.ended_at == start + timedelta(seconds=7 * PERIOD)
    assert over.peak == 760
    assert over.degree_seconds == (300 * 6 + 360) * PERIOD


def test_what_an_outage_hid_is_written_where_it_happened_and_marked(stage: Stage) -> None:
    warm(stage, 2, 200)
    hidden = []
    for step in range(9):
        stage.clock.advance(seconds=PERIOD)
        told = len(stage.device.told)
        mean = 750 if step < 7 else 250
        now = int(stage.clock.now().timestamp())
        stage.device.tell(
            "r",
            lane=records.READINGS,
            at=stage.clock.now(),
            p0=now - PERIOD,
            s=PERIOD,
            z=[["chilled", 0, mean, mean, mean, 60, 0]],
        )
        hidden.append(stage.device.told.pop(told))
    stage.clock.advance(hours=2)
    stage.hand_up_reading(hidden.pop())
    assert excursions(stage) == []
    for record in hidden:
        stage.hand_up_reading(record)
    (found,) = [one for one in excursions(stage) if one.kind == "temperature"]
    assert found.found == "later"
    assert found.began_at == stage.clock.now() - timedelta(hours=2, seconds=9 * PERIOD)
    assert found.ended_at == found.began_at + timedelta(seconds=7 * PERIOD)


def test_the_server_itself_says_no_data_when_a_controller_is_silent_and_takes_it_back(stage: Stage) -> None:
    warm(stage, 1, 200)
    tick(stage.context)
    assert open_kinds(stage) == []
    stage.clock.advance(seconds=600 + 60 + coldchain.TRANSPORT_S + 1)
    tick(stage.context)
    assert ("nodata", "chilled") in open_kinds(stage)
    assert ("nodata", "room-1") in open_kinds(stage), "its controller is there, and it was never heard"
    assert mails(stage).count("manager@example.org") == 4  # both zones of the wall, both rooms of the hangar
    stage.clock.advance(seconds=30)
    tick(stage.context)
    assert mails(stage).count("manager@example.org") == 4
    warm(stage, 1, 200)
    assert ("nodata", "chilled") not in open_kinds(stage)


def ahead(stage: Stage, hours: int) -> dict[str, Any]:
    """What the wall tells with its clock ahead, once, just now."""
    at = stage.clock.now() + timedelta(hours=hours)
    begun = int(at.timestamp()) - PERIOD
    rows = [["chilled", 0, 190, 200, 210, 60, 0], ["frozen", 0, -2000, -2000, -2000, 60, 0]]
    told = len(stage.device.told)
    stage.device.tell("r", lane=records.READINGS, at=at, p0=begun, s=PERIOD, z=rows)
    return stage.device.told.pop(told)


def put_aside(stage: Stage, record: dict[str, Any]) -> None:
    stage._live += 1
    answer = stage.batch([record], lane="live", first=stage._live).json()
    assert [one["code"] for one in answer["rejected"]] == ["future"], answer


def test_readings_of_a_clock_ahead_are_put_aside_and_the_next_ones_judged(stage: Stage) -> None:
    """R-49."""
    warm(stage, 2, 200)
    stage.clock.advance(seconds=PERIOD)
    put_aside(stage, ahead(stage, 2))
    stage.clock.advance(seconds=PERIOD)
    put_aside(stage, ahead(stage, 2))
    warm(stage, 20, 1500)
    assert ("breach", "chilled") in open_kinds(stage)
    with stage.context.store.read() as session:
        history = session.get_one(ZoneWatch, (zone(stage).id, HISTORY))
        assert history.upto == stage.last_reading["n"], "the history goes on past what was put aside"
        causes = session.scalars(select(TelemetryGap.cause)).all()
    assert causes == ["dropped", "dropped"]


def test_after_readings_of_a_clock_ahead_silence_is_still_heard(stage: Stage) -> None:
    """R-49."""
    warm(stage, 2, 200)
    stage.clock.advance(seconds=PERIOD)
    put_aside(stage, ahead(stage, 20))
    for _ in range(12):
        stage.clock.advance(seconds=300)
        tick(stage.context)
    assert ("nodata", "chilled") in open_kinds(stage)


@pytest.mark.parametrize("hours", [2, 20])
def test_a_server_whose_clock_was_ahead_judges_again_once_it_is_set_back(stage: Stage, hours: int) -> None:
    warm(stage, 2, 200)
    stage.clock.advance(hours=hours)
    warm(stage, 1, 200)
    stage.clock.advance(hours=-hours)
    warm(stage, 20, 1500)
    assert ("breach", "chilled") in open_kinds(stage)
    assert [one.found for one in excursions(stage) if one.kind == "temperature"] == ["live"]


def test_a_server_whose_clock_was_behind_hears_the_silence_after_one_that_ended(stage: Stage) -> None:
    """What was said to be over before the step is no reason to be deaf after it (invariant 16)."""
    warm(stage, 1, 200)
    stage.clock.advance(seconds=800)
    tick(stage.context)
    assert ("nodata", "chilled") in open_kinds(stage)
    warm(stage, 1, 200)
    assert ("nodata", "chilled") not in open_kinds(stage)
    stage.clock.advance(hours=-1)
    tick(stage.context)
    stage.clock.advance(hours=1)
    for _ in range(4):
        tick(stage.context)
        stage.clock.advance(seconds=300)
    assert ("nodata", "chilled") in open_kinds(stage)


def test_a_server_whose_clock_was_ahead_hears_silence_once_it_is_set_back(stage: Stage) -> None:
    warm(stage, 2, 200)
    stage.clock.advance(hours=20)
    warm(stage, 1, 200)
    stage.clock.advance(hours=-20)
    for _ in range(12):
        stage.clock.advance(seconds=300)
        tick(stage.context)
    assert ("nodata", "chilled") in open_kinds(stage)


def test_the_history_alone_finds_a_breach_after_a_clock_was_set_back(stage: Stage) -> None:
    warm(stage, 2, 200)
    stage.clock.advance(hours=2)
    warm(stage, 1, 200)
    stage.clock.advance(hours=-2)
    with stage.context.store.write() as session:
        session.delete(session.get_one(ZoneWatch, (zone(stage).id, LIVE)))
    warm(stage, 6, 700)
    with stage.context.store.read() as session:
        history = coldchain.watch_of(session.get_one(ZoneWatch, (zone(stage).id, HISTORY)))
    assert history.breach_since


def test_a_controller_that_never_came_is_expected_only_after_a_restore(stage: Stage) -> None:
    with stage.context.store.write() as session:
        session.get_one(Controller, "hangar-1").presence = "unknown"
    warm(stage, 1, 200)
    tick(stage.context)
    stage.clock.advance(days=2)
    tick(stage.context)
    assert ("nodata", "room-1") not in open_kinds(stage), "it is still to be installed"
    with stage.context.store.write() as session:
        begin_again(session, stage.context)
    tick(stage.context)
    assert ("nodata", "room-1") not in open_kinds(stage)
    stage.clock.advance(seconds=600 + 60 + coldchain.TRANSPORT_S)
    tick(stage.context)
    assert ("nodata", "room-1") in open_kinds(stage), "it may have come in the lost days"
    assert 'big-reading old">–<' in stage.page("/manager/zones/hangar-1/room-1").text
    stage.minute(stage.hangar, {"room-1": [200], "room-2": [200]})
    assert ("nodata", "room-1") not in open_kinds(stage)


def test_silence_of_a_lost_controller_mails_once_that_it_is_lost(stage: Stage) -> None:
    with stage.context.store.write() as session:
        session.get_one(Controller, "hangar-1").presence = "unknown"  # of no concern here
    warm(stage, 1, 200)
    stage.online("wall-1", "lost")
    stage.clock.advance(seconds=59)
    tick(stage.context)
    assert mails(stage) == []
    stage.clock.advance(seconds=900)
    tick(stage.context)
    tick(stage.context)
    assert ("lost", "") in open_kinds(stage)
    assert ("nodata", "chilled") in open_kinds(stage)
    assert mails(stage) == ["manager@example.org"]
    stage.online("wall-1")
    assert ("lost", "") not in open_kinds(stage)


def test_readings_that_arrive_after_the_controllers_word_open_nothing_again(stage: Stage) -> None:
    warm(stage, 1, 200)
    stage.clock.advance(seconds=PERIOD)
    now = stage.clock.now()
    stage.device.tell("alarm", at=now - timedelta(seconds=200), a=records.WARM, s=1, z="chilled", val=420)
    stage.device.tell("alarm", at=now - timedelta(seconds=10), a=records.WARM, s=0, z="chilled", val=350)
    stage.flush()
    stage.minute(stage.device, {"chilled": [410, 405]})
    assert open_kinds(stage) == []


def test_a_block_tells_its_customer_its_producer_and_the_manager_and_offers_a_refund(stage: Stage) -> None:
    order = stage.paid(("tomates", "yaourts"))
    other = stage.paid(("pommes",))
    stage.load_all()
    with stage.context.store.read() as session:
        before = set(session.scalars(select(OutboxMail.audit_id)))
    stage.breach()
    with stage.context.store.read() as session:
        told = [
            (mail.recipient, mail.audit_id)
            for mail in session.scalars(select(OutboxMail))
            if mail.audit_id not in before
        ]
    assert sorted(recipient for recipient, _ in told) == [
        "client@example.org",
        "manager@example.org",
        "pre-vert@example.org",
    ]
    page = stage.page(stage.link(order["id"]), None)
    assert 'data-blocked="yes"' in page.text
    assert 'data-refund="offered"' in page.text
    assert 'data-cold="' in page.text
    spared = stage.page(stage.link(other["id"]), None)
    assert 'data-blocked="no"' in spared.text
    assert "data-refund" not in spared.text


def test_a_second_word_of_the_same_block_tells_nobody_again(stage: Stage) -> None:
    stage.paid(("yaourts",))
    stage.breach()
    count = len(mails(stage))
    stage.device.tell("block", at=stage.clock.now(), id="b1", z="chilled", r=records.WARM, val=700)
    stage.flush()
    assert len(mails(stage)) == count


def test_only_a_named_person_with_a_reason_releases_and_the_alarm_ends_with_it(stage: Stage) -> None:
    order = stage.paid(("yaourts",))
    stage.load_all()
    stage.breach()
    page = stage.page("/manager/doors")
    block = page.text.split('data-block-id="')[1].split('"')[0]
    refused = stage.form(f"/manager/blocks/{block}/release", reason="  ")
    assert refused.headers["location"].endswith("note=reason-needed")
    done = stage.form(f"/manager/blocks/{block}/release", reason="Yaourts contrôlés à 3 °C")
    assert done.headers["location"].endswith("note=releasing")
    assert ("breach", "chilled") in open_kinds(stage)
    stage.sync()
    assert ("breach", "chilled") not in open_kinds(stage)
    assert 'data-blocked="no"' in stage.page(stage.link(order["id"]), None).text
    with stage.context.store.read() as session:
        names = session.scalars(select(Alarm.block_id).where(Alarm.kind == "breach")).all()
    assert names == ["b1"]


def manager(stage: Stage) -> logins.Signed:
    with stage.context.store.read() as session:
        person = session.scalars(select(Person).where(Person.email == "manager@example.org")).one()
    return logins.Signed(person.id, person.email, person.name, person.role, None, "fr")


def test_a_lot_cannot_be_loaded_into_a_breached_room_and_can_again_after_release(stage: Stage) -> None:
    stage.hours(0.25)
    person = manager(stage)
    room = zone(stage, "room-2", "hangar-1")
    with stage.context.store.write() as session:
        lot = lots.create(session, stage.context, person, "fromage", 40, date(2026, 10, 9))
    stage.breach("room-2", "b2", stage.hangar)
    with pytest.raises(Conflict) as refused, stage.context.store.write() as session:
        lots.place(session, stage.context, person, lot.id, room.id)
    assert refused.value.code == "room-breached"
    page = stage.form(f"/manager/lots/{lot.id}/place", room=str(room.id))
    assert page.headers["location"].endswith("note=room-breached")
    stage.hangar.tell("release", at=stage.clock.now(), id="b2", by="Camille Roy")
    stage.events(stage.hangar)
    stage.form(f"/manager/lots/{lot.id}/place", room=str(room.id))
    assert 'data-room="room-2"' in stage.page("/manager/hangar").text


@pytest.mark.parametrize(
    ("product", "quantity", "use_by", "code"),
    [
        ("inconnu", 1, date(2026, 10, 9), "product-unknown"),
        ("fromage", 0, date(2026, 10, 9), "quantity"),
        ("fromage", 1, date(2026, 10, 4), "use-by-passed"),
    ],
)
def test_a_lot_that_cannot_be_is_refused_by_name(
    stage: Stage, product: str, quantity: int, use_by: date, code: str
) -> None:
    with pytest.raises(Problem) as refused, stage.context.store.write() as session:
        lots.create(session, stage.context, manager(stage), product, quantity, use_by)
    assert refused.value.code == code


def test_frozen_goods_do_not_go_into_a_chilled_room(stage: Stage) -> None:
    stage.hours(0.25)
    person = manager(stage)
    with stage.context.store.write() as session:
        lot = lots.create(session, stage.context, person, "glace", 1, date(2026, 12, 1))
    with pytest.raises(Conflict) as refused, stage.context.store.write() as session:
        lots.place(session, stage.context, person, lot.id, zone(stage, "room-1", "hangar-1").id)
    assert refused.value.code == "room-too-warm-for-product"
