"""Doors of a bank: outcomes, visits, jams, forced openings, commands, one coil at a time."""

from firmware.contract import records
from firmware.core import door as d
from firmware.core.door import Request
from tests.firmware.core.bench import LIMITS, Bench, customer, loader


def test_the_use_is_journalled_before_the_coil() -> None:
    bench = Bench([1])
    bench.start(customer(1))
    kinds = [kind for kind, _, _, _ in bench.log]
    assert kinds.index(d.FLUSH_USE) < kinds.index(d.PULSE)
    assert bench.said(d.RECORD_LOCK) == [(1, records.OPENED, 1)]
    assert bench.said(d.RECORD_DOOR) == [(1, "", 1)]


def test_r38_what_a_cycle_ended_in_is_what_the_item_sensor_says() -> None:
    for item, result in (
        (records.ABSENT, records.COLLECTED),
        (records.PRESENT, records.KEPT),
        (records.BLIND, records.DOUBTFUL),
    ):
        bench = Bench([1])
        bench.start(customer(1))
        bench.close(1, item)
        assert bench.said(d.RESULT) == [(1, result, item)]
        assert bench.said(d.VISIT_OVER) == [(0, "", 0)]
        assert not bench.bank.busy


def test_r36_goods_or_a_blind_sensor_make_the_load() -> None:
    for item, result in (
        (records.ABSENT, records.NOT_LOADED),
        (records.PRESENT, records.LOADED),
        (records.BLIND, records.LOADED),
    ):
        bench = Bench([1])
        bench.start(loader(1))
        bench.close(1, item)
        assert bench.said(d.RESULT) == [(1, result, item)]


def test_doors_of_a_credential_open_one_after_the_other_on_close() -> None:
    bench = Bench([1, 2, 3])
    bench.start(customer(3), customer(1), customer(2))
    assert bench.coils == [3]
    assert bench.said(d.LED) == [(3, "", 1)]
    bench.close(3, records.ABSENT)
    assert bench.coils == [3, 1]
    bench.close(1, records.PRESENT)
    bench.close(2, records.ABSENT)
    assert [result for _, result, _ in bench.said(d.RESULT)] == ["collected", "kept", "collected"]
    assert bench.said(d.VISIT_OVER) == [(0, "", 0)]


def test_three_spaced_tries_then_jammed_then_the_next_door() -> None:
    bench = Bench([1, 2])
    bench.jams.add(1)
    bench.start(customer(1), customer(2))
    bench.wait(1400)
    assert bench.coils == [1]
    bench.wait(3200)
    assert bench.coils == [1, 1]
    bench.wait(10_000)
    assert bench.coils == [1, 1, 1, 2]
    assert bench.said(d.RECORD_LOCK)[0] == (1, records.JAMMED, 3)
    assert bench.said(d.ALARM) == [(1, records.JAM, 1)]
    assert bench.said(d.SHOW_HELP) == [(1, "", 0)]
    assert bench.uses == [101, 102]
    bench.close(2, records.ABSENT)
    assert bench.said(d.VISIT_OVER) == [(0, "", 1)]


def test_a_jam_alarm_ends_when_the_door_opens() -> None:
    bench = Bench([1])
    bench.jams.add(1)
    bench.start(customer(1))
    bench.wait(20_000)
    bench.jams.clear()
    bench.start(customer(1))
    assert bench.said(d.ALARM) == [(1, records.JAM, 1), (1, records.JAM, 0)]


def test_a_board_that_does_not_answer_is_not_a_jam() -> None:
    bench = Bench([1])
    bench.dead.add(1)
    bench.start(customer(1))
    bench.wait(20_000)
    assert bench.coils == [1, 1, 1]
    assert bench.said(d.RECORD_LOCK) == [(1, records.NO_ANSWER, 3)]


def test_a_door_that_opens_between_two_tries_is_opened() -> None:
    bench = Bench([1])
    bench.jams.add(1)
    bench.start(customer(1))
    bench.wait(2500)
    bench.carry_out(bench.bank.contact(1, True, bench.now))
    bench.wait(20_000)
    assert bench.coils == [1]
    assert bench.said(d.RECORD_LOCK) == [(1, records.OPENED, 1)]


def test_an_opening_nobody_asked_for_is_an_alarm_and_its_goods_are_in_doubt() -> None:
    bench = Bench([1])
    bench.carry_out(bench.bank.contact(1, True, bench.now))
    assert bench.said(d.ALARM) == [(1, records.FORCED, 1)]
    assert [effect for effect in bench.log if effect[0] == d.RECORD_DOOR] == [(d.RECORD_DOOR, 1, "", 1)]
    bench.close(1, records.ABSENT)
    assert bench.said(d.ALARM)[-1] == (1, records.FORCED, 0)
    assert bench.said(d.RESULT) == [(1, records.DOUBTFUL, records.ABSENT)]


def test_a_door_that_stands_open_is_already_open_and_gets_no_coil() -> None:
    bench = Bench([1])
    bench.carry_out(bench.bank.contact(1, True, bench.now))
    bench.start(customer(1))
    assert bench.coils == []
    assert bench.said(d.RECORD_LOCK) == [(1, records.ALREADY_OPEN, 0)]
    bench.close(1, records.ABSENT)
    assert bench.said(d.RESULT) == [(1, records.COLLECTED, records.ABSENT)]
    assert bench.said(d.VISIT_OVER) == [(0, "", 0)]


def test_r38_two_minutes_after_the_open_edge_the_visit_is_over_and_the_rest_stays_shut() -> None:
    bench = Bench([1, 2, 3])
    bench.start(customer(1), customer(2), customer(3))
    bench.wait(119_000)
    assert bench.said(d.VISIT_OVER) == []
    bench.wait(600_000)
    assert bench.coils == [1]
    assert bench.said(d.VISIT_OVER) == [(0, "", 0)]
    assert not bench.bank.busy
    bench.close(1, records.PRESENT)
    bench.wait(600_000)
    assert bench.coils == [1]
    assert bench.said(d.RESULT) == [(1, "kept", 1)]


def test_the_same_code_goes_on_with_a_visit_that_was_left_open() -> None:
    bench = Bench([1, 2])
    bench.start(customer(1), customer(2))
    bench.wait(130_000)
    bench.start(customer(1), customer(2))
    assert bench.coils == [1]
    bench.close(1, records.ABSENT)
    bench.close(2, records.ABSENT)
    assert bench.coils == [1, 2]
    assert bench.uses == [101, 102]
    assert bench.said(d.VISIT_OVER) == [(0, "", 0), (0, "", 0)]


def test_a_use_that_ends_ends_nobody_elses_visit() -> None:
    bench = Bench([1, 2, 3])
    bench.start(customer(1))
    bench.wait(60_000)
    bench.start(customer(2, 998), customer(3, 999))
    bench.wait(70_000)
    bench.close(2, records.ABSENT)
    assert bench.coils == [1, 2, 3]


def test_a_door_ajar_is_an_alarm_once_until_it_closes() -> None:
    bench = Bench([1])
    bench.start(customer(1))
    bench.wait(200_000)
    assert bench.said(d.ALARM) == [(1, records.AJAR, 1)]
    bench.close(1, records.ABSENT)
    assert bench.said(d.ALARM) == [(1, records.AJAR, 1), (1, records.AJAR, 0)]


def test_a_code_typed_again_while_its_door_is_open_starts_no_coil() -> None:
    bench = Bench([1, 2])
    bench.start(customer(1), customer(2))
    bench.start(customer(1), customer(2))
    assert bench.coils == [1]
    bench.close(1, records.ABSENT)
    bench.close(2, records.ABSENT)
    assert bench.coils == [1, 2]
    assert bench.uses == [101, 102]


def test_a_visit_gives_way_to_the_next_persons() -> None:
    bench = Bench([1, 2, 3])
    bench.start(customer(1), customer(2))
    bench.start(customer(3, 999))
    assert bench.coils == [1, 3]
    bench.close(1, records.ABSENT)
    bench.close(3, records.ABSENT)
    assert bench.coils == [1, 3]
    assert bench.said(d.VISIT_OVER) == [(0, "", 0)]


def test_who_gives_up_opens_no_further_door() -> None:
    bench = Bench([1, 2])
    bench.start(customer(1), customer(2))
    bench.carry_out(bench.bank.stop(bench.now))
    bench.close(1, records.ABSENT)
    assert bench.coils == [1]
    assert not bench.bank.busy


def test_a_right_lost_meanwhile_starts_no_coil() -> None:
    bench = Bench([1, 2])
    bench.denied[2] = records.BLOCKED
    bench.start(customer(1), customer(2))
    bench.close(1, records.ABSENT)
    assert bench.coils == [1]
    assert bench.said(d.RECORD_LOCK)[-1] == (2, records.REFUSED, 0)
    assert not bench.bank.busy
    assert bench.bank.coil_door == 0


def test_a_right_lost_between_two_tries_starts_no_further_coil() -> None:
    bench = Bench([1])
    bench.jams.add(1)
    bench.start(customer(1))
    bench.denied[1] = records.UNKNOWN_CODE
    bench.wait(20_000)
    assert bench.coils == [1]
    assert bench.said(d.RECORD_LOCK) == [(1, records.REFUSED, 1)]


def test_r50_a_jammed_command_is_not_tried_again_after_its_last_moment() -> None:
    bench = Bench([1])
    bench.jams.add(1)
    bench.carry_out(bench.bank.command(Request(1, "cmd", "00112233445566aa", not_after_ms=2000), bench.now))
    bench.wait(20_000)
    assert bench.coils == [1]
    assert bench.said(d.COMMAND_DONE) == [(1, records.JAMMED, 1)]


def test_a_command_waits_for_the_coil_and_not_for_the_visit() -> None:
    bench = Bench([1, 2])
    bench.jams.add(1)
    bench.start(customer(1))
    bench.wait(500)
    command = Request(2, "cmd", "00112233445566aa", not_after_ms=bench.now + 60_000)
    bench.carry_out(bench.bank.command(command, bench.now))
    assert bench.coils == [1]
    bench.wait(15_000)
    assert bench.coils == [1, 1, 1, 2]
    assert bench.said(d.COMMAND_DONE) == [(2, records.OPENED, 1)]
    bench.close(2, records.PRESENT)
    assert bench.said(d.RESULT) == [(2, records.CHECKED, records.PRESENT)]


def test_r50_a_command_that_waited_past_its_last_moment_starts_no_coil() -> None:
    bench = Bench([1, 2])
    bench.jams.add(1)
    bench.start(customer(1))
    bench.carry_out(bench.bank.command(Request(2, "cmd", "00112233445566aa", not_after_ms=2000), bench.now))
    bench.wait(15_000)
    assert bench.coils == [1, 1, 1]
    assert bench.said(d.COMMAND_DONE) == [(2, records.REFUSED, 0)]
    assert (d.RECORD_LOCK, 2, records.REFUSED, 0) in bench.log


def test_a_command_for_a_door_that_is_none_is_refused() -> None:
    bench = Bench([1])
    bench.carry_out(bench.bank.command(Request(9, "cmd", "00112233445566aa"), bench.now))
    assert bench.said(d.COMMAND_DONE) == [(9, records.REFUSED, 0)]
    assert bench.coils == []


def test_invariant_5_no_coil_after_a_reset_whatever_the_doors_look_like() -> None:
    bench = Bench([1, 2, 3])
    bench.carry_out(bench.bank.resume(1, True, None, bench.now))
    bench.carry_out(bench.bank.resume(2, True, customer(2), bench.now))
    bench.carry_out(bench.bank.resume(3, False, customer(3), bench.now))
    bench.wait(300_000)
    assert bench.coils == []


def test_a_use_that_a_power_cut_interrupted_is_judged_by_the_item_sensor() -> None:
    for item, results in (
        (records.ABSENT, [(1, records.DOUBTFUL, records.ABSENT)]),
        (records.PRESENT, [(1, records.KEPT, records.PRESENT)]),
        (records.BLIND, []),
    ):
        bench = Bench([1])
        bench.items[1] = item
        bench.carry_out(bench.bank.resume(1, False, customer(1), bench.now))
        assert bench.said(d.RESULT) == results
        assert bench.bank.doors[1].state == d.IDLE


def test_a_door_found_open_in_its_use_is_collected_when_it_closes() -> None:
    bench = Bench([1])
    bench.carry_out(bench.bank.resume(1, True, customer(1), bench.now))
    bench.close(1, records.ABSENT)
    assert bench.said(d.RESULT) == [(1, records.COLLECTED, records.ABSENT)]


def test_a_door_found_open_that_nobody_had_asked_for_was_forced() -> None:
    bench = Bench([1, 2])
    bench.carry_out(bench.bank.resume(1, True, None, bench.now))
    bench.carry_out(bench.bank.resume(2, True, customer(2), bench.now))
    assert bench.said(d.ALARM) == [(1, records.FORCED, 1)]
    effects = Bench([1]).bank.resume(1, True, None, 0)
    assert [(effect.kind, effect.number, effect.extra) for effect in effects] == [
        (d.RECORD_DOOR, 1, 1),
        (d.ALARM, 1, 0),
    ]
    bench.close(1, records.ABSENT)
    assert bench.said(d.ALARM) == [(1, records.FORCED, 1), (1, records.FORCED, 0)]
    assert bench.said(d.RESULT) == [(1, records.DOUBTFUL, records.ABSENT)]


def test_a_door_keeps_its_alarms_and_its_cycle_under_another_configuration() -> None:
    bench = Bench([1, 2, 3])
    bench.carry_out(bench.bank.contact(1, True, bench.now))
    bench.carry_out(bench.bank.contact(2, True, bench.now))
    bench.start(customer(3))
    bench.wait(130_000)
    bench.log.clear()
    bench.carry_out(bench.bank.configure([3, 1], LIMITS, bench.now))
    assert bench.said(d.ALARM) == [(2, records.FORCED, 0), (2, records.AJAR, 0)]
    bench.log.clear()
    bench.carry_out(bench.bank.contact(1, False, bench.now))
    assert bench.said(d.ALARM) == [(1, records.AJAR, 0), (1, records.FORCED, 0)]
    bench.close(3, records.ABSENT)
    assert bench.said(d.RESULT)[-1] == (3, records.COLLECTED, records.ABSENT)


def test_a_jam_stands_until_the_door_opens_whatever_the_configuration() -> None:
    bench = Bench([1])
    bench.jams.add(1)
    bench.start(customer(1))
    bench.wait(20_000)
    bench.jams.clear()
    bench.carry_out(bench.bank.configure([1], LIMITS, bench.now))
    bench.start(customer(1))
    assert bench.said(d.ALARM) == [(1, records.JAM, 1), (1, records.JAM, 0)]


def test_a_command_that_waited_for_a_door_that_has_gone_is_refused() -> None:
    bench = Bench([1])
    bench.bank.resume(1, False, customer(1), bench.now)
    bench.carry_out(bench.bank.command(Request(1, "cmd", "00112233445566aa"), bench.now))
    assert bench.said(d.COMMAND_DONE) == []
    bench.carry_out(bench.bank.configure([2], LIMITS, bench.now))
    assert bench.said(d.COMMAND_DONE) == [(1, records.REFUSED, 0)]
    assert bench.bank.item(1, records.ABSENT, bench.now) == []


def test_a_bounce_during_the_pulse_loses_nothing() -> None:
    bench = Bench([1])
    bank = bench.bank
    effects = bank.start([customer(1)], 0)
    assert [effect.kind for effect in effects][-1] == d.FLUSH_USE
    bank.journalled(1, 0)
    bank.contact(1, True, 50)
    bank.contact(1, False, 90)
    assert bank.coil_door == 1
    effects = bank.pulsed(1, True, 400)
    assert bank.coil_door == 0
    assert [effect.kind for effect in effects] == [d.RECORD_DOOR, d.READ_ITEM]


def test_nothing_due_allocates_no_list() -> None:
    bench = Bench([1, 2])
    assert bench.bank.tick(5) is bench.bank.tick(6) or bench.bank.tick(7) == ()


def test_every_state_of_the_table_is_left_again() -> None:
    states = {row[0] for row in d.TABLE} | {row[2] for row in d.TABLE}
    for state in states:
        reached, grown = {state}, True
        while grown:
            further = {row[2] for row in d.TABLE if row[0] in reached}
            grown = not further <= reached
            reached |= further
        assert d.IDLE in reached, state


def test_every_word_of_the_table_has_a_name_and_every_row_is_one_of_its_kind() -> None:
    named = {
        getattr(d, name) for name in dir(d) if name == name.upper() and name not in ("TABLE", "TYPE_CHECKING")
    }
    words = {word for row in d.TABLE for word in row[:3] + row[3]}
    assert words <= named, words - named
    assert len({row[:2] for row in d.TABLE}) == len(d.TABLE)
