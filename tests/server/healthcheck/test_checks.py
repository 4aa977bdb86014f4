"""The list of what is well and what is not: each line turns when its subject does."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy import text as sql

from server.alarms.models import Alarm
from server.foundation import outbox, timers
from server.foundation.audit import record
from server.gateways.models import Gateway
from server.healthcheck import BAD, OK, WARN, Check, charts, checks
from server.healthcheck.host import STANDS
from server.telemetry.store import State, ViewStatus
from tests.server.bench import START, Bench


def listed(bench: Bench, *, thorough: bool = False) -> dict[str, Check]:
    found = checks(bench.context, thorough=thorough)
    for each in found:  # every text fills, in both languages
        for language in ("fr", "en"):
            assert "%(" not in each.title_in(language) + each.said_in(language) + each.advice_in(language)
        assert each.state == OK or each.advice, f"{each.name} says that something is wrong, not what to do"
    return {each.name: each for each in found}


def test_a_fresh_server_names_what_is_missing_and_nothing_else(bench: Bench) -> None:
    found = listed(bench, thorough=True)
    assert {name for name, each in found.items() if each.state == BAD} == set()
    assert {"backup", "gateway:ferme", "outbox"} <= {n for n, each in found.items() if each.state == WARN}
    assert "revision" in found["database"].said_in("en")
    assert found["chains"].state == OK
    assert not bench.context.store.is_sqlite or found["integrity"].state == OK


def test_a_gateway_that_goes_silent_turns_bad_and_comes_back(bench: Bench) -> None:
    bench.sync()
    assert listed(bench)["gateway:ferme"].state == OK
    bench.clock.advance(minutes=3)
    silent = listed(bench)["gateway:ferme"]
    assert silent.state == BAD
    assert silent.said_in("en") == "silent for 3\u00a0min"
    bench.sync()
    assert listed(bench)["gateway:ferme"].state == OK


@pytest.mark.fault("F45")
def test_a_gateways_own_troubles_are_read_from_its_document_whatever_shape_that_has(bench: Bench) -> None:
    bench.sync()
    for document, state in (
        ({"lanes": {"events": {"n": 9, "age": 5000}}}, WARN),
        ({"free_mb": 20}, WARN),
        ({"clock": {"q": 0}}, WARN),
        ({"cert": int(bench.clock.now().timestamp()) + 9 * 86400}, WARN),
        ({"cert": int(bench.clock.now().timestamp()) - 60}, BAD),
        ({"cert": int(bench.clock.now().timestamp()) + 80 * 86400}, OK),
        ({"lanes": ["?"], "clock": 7, "free_mb": "much"}, WARN),
        ({"lanes": {"events": 3}, "clock": {"q": 3}, "free_mb": 9000}, OK),
    ):
        with bench.context.store.write() as session:
            session.execute(update(Gateway).values(health=document))
        assert listed(bench)["gateway:ferme"].state == state, document


@pytest.mark.fault("F45")
def test_f45_a_certificate_that_ends_soon_is_one_alarm_until_it_is_renewed(bench: Bench) -> None:
    """Also where several sites see it; what a stray document says of it counts for nothing."""

    timers.ensure_periodic(bench.context)

    def seen(days: object) -> list[tuple[str, bool]]:
        bench.clock.advance(minutes=1)
        now = bench.clock.now()
        said = int(now.timestamp()) + days * 86400 if isinstance(days, int) else days
        with bench.context.store.write() as session:
            session.execute(update(Gateway).values(health={"cert": said}, health_at=now))
        timers.run_due(bench.context)
        with bench.context.store.read() as session:
            return [
                (alarm.kind, alarm.closed_at is None)
                for alarm in session.scalars(select(Alarm).order_by(Alarm.noted_at))
            ]

    assert seen(80) == []
    assert seen(20) == [("certificate", True)]
    assert seen(19) == seen("soon") == seen(1 << 60) == [("certificate", True)]
    with bench.context.store.read() as session:
        (mail,) = session.scalars(select(outbox.OutboxMail))
    assert mail.sealed is not None
    text = json.loads(bench.context.vault.open(mail.sealed, f"outbox:{mail.audit_id}"))["text"]
    ends = bench.clock.now() + timedelta(days=20)
    assert f"{ends:%d/%m/%Y}" in text
    assert "Renouvelez-le" in text
    assert seen(89) == [("certificate", False)]
    assert seen(3) == [("certificate", False), ("certificate", True)]


def test_a_mail_that_waits_turns_from_calm_to_bad(bench: Bench) -> None:
    relayed = bench.context.settings.model_copy(update={"smtp": "127.0.0.1:1"})
    object.__setattr__(bench.context, "settings", relayed)
    assert listed(bench)["outbox"].state == OK
    with bench.context.store.write() as session:
        outbox.send_mail(session, bench.context, to="a@example.org", subject="s", text="t", about="x")
    assert listed(bench)["outbox"].state == OK
    bench.clock.advance(minutes=30)
    waiting = listed(bench)["outbox"]
    assert waiting.state == BAD
    assert "1 wait" in waiting.said_in("en")


def test_a_backup_is_remembered_by_its_audit_line_and_grows_old(bench: Bench) -> None:
    with bench.context.store.write() as session:
        record(session, bench.context, "system", "server.backed-up", "backup")
    assert listed(bench)["backup"].state == OK
    bench.clock.moment += timedelta(days=2)
    assert listed(bench)["backup"].state == WARN


def test_a_data_key_that_others_can_read_is_bad(bench: Bench) -> None:
    key = Path(bench.context.settings.data_key_file)
    assert listed(bench)["data-key"].state == OK
    key.chmod(0o644)
    assert listed(bench)["data-key"].state == BAD
    key.unlink()
    assert listed(bench)["data-key"].state == BAD


def test_a_dead_background_thread_and_a_cut_chain_are_bad(bench: Bench) -> None:
    bench.sync()
    assert {each.name: each.state for each in checks(bench.context, STANDS)}["running"] == BAD
    with bench.context.store.writer.begin() as connection:
        connection.exec_driver_sql("UPDATE audit_head SET count = count - 1")
    found = listed(bench, thorough=True)["chains"]
    assert found.state == BAD
    assert "was cut" in found.said_in("en")


@pytest.mark.parametrize(
    ("revision", "says"), [("0007", "./loquet server upgrade"), ("9999", "upgrade the program, not")]
)
def test_an_older_database_wants_another_advice_than_a_newer_one(
    bench: Bench, revision: str, says: str
) -> None:
    with bench.context.store.write() as session:
        session.execute(sql("UPDATE alembic_version SET version_num = :at"), {"at": revision})
    assert says in listed(bench)["database"].advice_in("en")


def test_a_database_without_its_tables_is_one_line_and_the_rest_is_not_asked(tmp_path: Path) -> None:
    from tests.server.bench import MovedClock, make_context

    context = make_context(tmp_path, MovedClock())
    context.store.writer.connect().close()  # an empty database
    found = {each.name: each for each in checks(context)}
    assert found["database"].state == BAD
    assert "server setup" in found["database"].advice_in("en")
    assert "outbox" not in found
    context.store.close()


@pytest.mark.parametrize("state", list(State))
def test_every_state_of_a_view_is_told_and_troubles_that_last_turn_bad(state: State) -> None:
    begun = ViewStatus("influx", state, 7, "refused", START)
    early, late = (charts.charts(begun, START + timedelta(minutes=each)) for each in (5, 90))
    if state in (State.LEVEL, State.BEHIND, State.REBUILDING):
        assert (early.state, late.state) == (OK, OK)
    else:
        assert (early.state, late.state) == (WARN, BAD)
        assert early.advice
        assert ("restart InfluxDB" in early.advice_in("en")) == (state is State.FULL)
    for language in ("fr", "en"):
        assert "%(" not in early.said_in(language) + early.advice_in(language)
