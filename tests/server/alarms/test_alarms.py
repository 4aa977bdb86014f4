"""Each alarm begins with its own record, ends by its own rule, is told once, and somebody takes note."""

from typing import Any

import pytest
from sqlalchemy import select

from firmware.contract import records
from server.alarms import rules, service
from server.alarms.models import Alarm
from server.alarms.rules import Change, Subject
from server.foundation import migrate
from server.foundation.outbox import OutboxMail
from tests.server.pages.stage import Stage


def alarms(stage: Stage) -> list[Alarm]:
    with stage.context.store.read() as session:
        return list(session.scalars(select(Alarm).order_by(Alarm.noted_at, Alarm.id)))


def open_kinds(stage: Stage) -> list[str]:
    return sorted(alarm.kind for alarm in alarms(stage) if alarm.closed_at is None)


def managers_mails(stage: Stage) -> int:
    with stage.context.store.read() as session:
        found = session.scalars(
            select(OutboxMail.recipient).where(OutboxMail.recipient == "manager@example.org")
        )
        return len(found.all())


def tell(stage: Stage, kind: str, **fields: Any) -> None:
    stage.clock.advance(seconds=5)
    stage.device.tell(kind, at=stage.clock.now(), **fields)
    stage.flush()


def acknowledge(stage: Stage, kind: str) -> Any:
    (alarm,) = [one for one in alarms(stage) if one.kind == kind and one.closed_at is None]
    return stage.form(f"/manager/alarms/{alarm.id}/acknowledge", comment="vu")


def test_jammed_and_forced_are_two_alarms_each_mailed_once(stage: Stage) -> None:
    stage.jam(18)
    stage.force(21)
    found = [(alarm.kind, alarm.door) for alarm in alarms(stage)]
    assert sorted(found) == [("forced", 21), ("jam", 18)]
    assert managers_mails(stage) == 2
    stage.jam(18)
    assert managers_mails(stage) == 2


def test_a_jam_ends_when_the_lock_opens_and_a_new_one_is_a_new_alarm(stage: Stage) -> None:
    stage.jam(18)
    tell(stage, "lock", a="cmd", g="aa", d=18, o=records.OPENED, x=1)
    assert open_kinds(stage) == []
    stage.clock.advance(seconds=5)
    stage.jam(18)
    assert open_kinds(stage) == ["jam"]
    assert managers_mails(stage) == 2


def test_a_forced_door_ends_only_when_it_is_closed_and_somebody_has_looked(stage: Stage) -> None:
    stage.force(21)
    tell(stage, "door", d=21, s=0, x=0)
    assert open_kinds(stage) == ["forced"]
    acknowledge(stage, "forced")
    assert open_kinds(stage) == []
    stage.force(22)
    acknowledge(stage, "forced")
    assert open_kinds(stage) == ["forced"]
    tell(stage, "door", d=22, s=0, x=0)
    assert open_kinds(stage) == []


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (records.AJAR, {"d": 4}),
        (records.POWER, {}),
        (records.FLASH, {}),
        (records.WARM, {"z": "chilled", "val": 450}),
        (records.COLD, {"z": "chilled", "val": -300}),
        (records.NO_DATA, {"z": "frozen"}),
        (records.PROBE, {"z": "frozen", "p": 1}),
    ],
)
def test_an_alarm_of_the_controller_ends_with_its_own_word(
    stage: Stage, kind: str, fields: dict[str, Any]
) -> None:
    tell(stage, "alarm", a=kind, s=1, **fields)
    assert open_kinds(stage) == [kind]
    acknowledge(stage, kind)
    assert open_kinds(stage) == [kind]
    tell(stage, "alarm", a=kind, s=0, **fields)
    assert open_kinds(stage) == []
    assert managers_mails(stage) == (1 if rules.RULES[kind].mailed else 0)


def test_wrong_codes_and_babbling_end_when_a_person_has_taken_note(stage: Stage) -> None:
    tell(stage, "alarm", a=records.WRONG_CODES, s=1)
    tell(stage, "alarm", a=records.WRONG_CODES, s=0)
    assert open_kinds(stage) == ["wrongcodes"]
    acknowledge(stage, "wrongcodes")
    assert open_kinds(stage) == []
    quota = {"v": 1, "k": "quota", "d": "wall-1", "l": 0, "x": 4000, "t": int(stage.clock.now().timestamp())}
    assert stage.batch([quota], device="gw").json()["rejected"] == []
    assert open_kinds(stage) == ["babbling"]
    acknowledge(stage, "babbling")
    assert open_kinds(stage) == []


def test_one_probe_of_a_zone_is_not_the_other(stage: Stage) -> None:
    tell(stage, "probe", z="frozen", p=0, h=records.SILENT)
    tell(stage, "probe", z="frozen", p=1, h=records.CRC)
    tell(stage, "probe", z="frozen", p=0, h=records.GOOD)
    assert [(alarm.probe, alarm.closed_at is None) for alarm in alarms(stage)] == [(0, False), (1, True)]


def test_an_acknowledgement_needs_a_comment_and_stands_once(stage: Stage) -> None:
    stage.jam(18)
    (alarm,) = alarms(stage)
    path = f"/manager/alarms/{alarm.id}/acknowledge"
    assert stage.form(path, comment="  ").headers["location"].endswith("note=comment-missing")
    assert stage.form(path, comment="poussée à la main").headers["location"].endswith("note=acknowledged")
    assert stage.form(path, comment="encore").headers["location"].endswith("note=acknowledged-already")
    (alarm,) = alarms(stage)
    assert (alarm.acknowledged_by, alarm.comment) == ("Camille Roy", "poussée à la main")
    assert stage.form("/manager/alarms/nothing/acknowledge", comment="x").status_code == 404


def test_an_alarm_of_an_unknown_kind_is_kept_as_a_record_and_rings_nobody(stage: Stage) -> None:
    tell(stage, "alarm", a="unheard", s=1)
    assert alarms(stage) == []


def test_every_rule_is_whole() -> None:
    for kind, rule in rules.RULES.items():
        assert rule.kind == kind
        assert rule.title
        assert rule.advice
        assert rule.closes in (rules.BY_RECORD, rules.BY_LOOKING, rules.BY_RELEASE, rules.BY_PERSON)
        assert rule.urgency in (rules.URGENT, rules.HIGH, rules.LOW)
    assert not rules.closes_now(rules.FORCED, over=True, acknowledged=False)
    assert not rules.closes_now(rules.FORCED, over=False, acknowledged=True)
    assert not rules.closes_now(rules.WRONG_CODES, over=True, acknowledged=False)
    assert not rules.closes_now(rules.JAM, over=False, acknowledged=True)


def test_alarms_outlive_the_migration_that_lets_sites_have_some(stage: Stage) -> None:
    """Back to before it and on again, one of a site among them: that one the older tables can't hold."""
    stage.jam(18)
    stage.force(21)
    before = [(one.id, one.controller_id, one.kind, one.door, one.opened_at) for one in alarms(stage)]
    with stage.context.store.write() as session:
        site = Subject("", site="ferme")
        service.apply(session, stage.context, Change(rules.TWO_GATEWAYS, True, site), stage.clock.now())
    assert open_kinds(stage) == ["forced", "jam", "twins"]
    for page in ("/manager", "/manager/alarms"):
        assert "Passerelle ferme" in stage.page(page).text
    acknowledge(stage, "twins")
    assert open_kinds(stage) == ["forced", "jam", "twins"], "only the refused one's silence ends it"
    migrate.downgrade(stage.context.store, "0008")
    migrate.upgrade(stage.context.store)
    assert before == [(one.id, one.controller_id, one.kind, one.door, one.opened_at) for one in alarms(stage)]
    stage.jam(18)
    assert open_kinds(stage) == ["forced", "jam"]
    assert "Serrure coincée" in stage.page("/manager/alarms").text
