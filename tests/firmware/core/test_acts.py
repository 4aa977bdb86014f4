"""Commands, blocks and the clock (R-39, R-50 to R-55, R-64, R-70; invariants 6, 16)."""

from firmware.contract.commands import MAX_TTL_MS, OPEN, REMEMBERED, Command
from firmware.contract.records import DISCIPLINED, DONE, FLOOR, LATE, MALFORMED, OTHER_BOOT, RTC, UNKNOWN
from firmware.core import commands as c
from firmware.core import timekeeping as t
from firmware.core.blocks import MAX_BLOCKS, Blocks
from firmware.core.commands import CommandMemory
from firmware.core.timekeeping import Clock

NOW = 1_790_000_000


def _command(number: int, not_after_ms: int = 60_000, boot: int = 3) -> Command:
    return Command(f"{number:016x}", OPEN, boot, not_after_ms, 7)


def test_r50_another_boot_or_a_later_uptime_is_refused() -> None:
    assert c.judge(_command(1), 3, 60_000) == ""
    assert c.judge(_command(1), 3, 60_001) == LATE
    assert c.judge(_command(1), 4, 0) == OTHER_BOOT
    assert c.judge(_command(1), 2, 0) == OTHER_BOOT


def test_r55_an_expiry_too_far_ahead_is_refused() -> None:
    assert c.judge(_command(1, MAX_TTL_MS), 3, 0) == ""
    assert c.judge(_command(1, MAX_TTL_MS + 1), 3, 0) == MALFORMED


def test_r51_a_known_id_has_its_first_result_also_after_a_reboot() -> None:
    memory = CommandMemory()
    pages: dict[int, bytes] = {}
    for number in range(1, 41):
        command = _command(number, number)
        page = memory.remember(command, number)
        assert page >= 0
        if number % 2:
            memory.finish(command.command_id, DONE)
        pages[page] = memory.page(page)
        assert len(pages[page]) <= 128
    again = CommandMemory()
    for number, page_bytes in pages.items():
        assert again.load(number, page_bytes)
    for held in (memory, again):
        for number in range(1, 41):
            expected = "" if number <= 8 else DONE if number % 2 else c.UNFINISHED
            assert held.first_result(f"{number:016x}") == expected, number
    assert (
        again.remember(_command(99), 0) == memory.remember(_command(99), 50) == 40 % REMEMBERED // c.PER_PAGE
    )


def test_r55_no_id_is_forgotten_before_its_expiry() -> None:
    memory = CommandMemory()
    for number in range(REMEMBERED):
        assert memory.remember(_command(number, 60_000), 0) >= 0
    assert memory.remember(_command(99, 60_000), 60_000) == -1
    assert memory.first_result(f"{0:016x}") == c.UNFINISHED
    assert memory.remember(_command(99, 90_000), 60_001) >= 0


def test_a_damaged_page_of_commands_is_refused() -> None:
    page = CommandMemory().page(0)
    for at in range(len(page)):
        assert not CommandMemory().load(0, page[:at] + bytes([page[at] ^ 1]) + page[at + 1 :])
    assert not CommandMemory().load(1, page)
    assert CommandMemory().finish(f"{5:016x}", DONE) == -1


def test_r53_only_a_release_naming_the_id_and_a_person_lifts_a_block() -> None:
    blocks = Blocks()
    assert blocks.add("b-1", "chilled", "warm")
    assert not blocks.add("b-1", "frozen", "warm")
    assert not blocks.add("b-2", "chilled", "warm")
    assert blocks.reason_for("chilled") == "warm"
    assert blocks.reason_for("frozen") == ""
    assert not blocks.release("b-1", "")
    assert not blocks.release("b-9", "Camille Roy")
    assert blocks.reason_for("chilled") == "warm"
    assert blocks.release("b-1", "Camille Roy")
    assert blocks.reason_for("chilled") == ""


def test_a_block_of_no_zone_blocks_every_door() -> None:
    blocks = Blocks()
    blocks.add("b-1", "", "hand")
    assert blocks.reason_for("chilled") == blocks.reason_for("") == "hand"


def test_r64_blocks_outlive_a_power_cut_and_a_damaged_page_blocks_everything() -> None:
    blocks = Blocks()
    blocks.add("b-1", "chilled", "warm")
    blocks.add("b-2", "frozen", "nodata")
    again = Blocks()
    assert again.load(blocks.image())
    assert again.reason_for("frozen") == "nodata"
    for image in (b"", b"[[1]]", b'{"a":1}', blocks.image()[:-1], b"\xff\xff"):
        damaged = Blocks()
        assert not damaged.load(image)
        assert damaged.reason_for("chilled") == damaged.reason_for("") == "damaged"
        assert damaged.release("damaged", "Camille Roy")


def test_more_blocks_than_memory_block_more_not_less() -> None:
    blocks = Blocks()
    for number in range(MAX_BLOCKS + 1):
        blocks.add("b-" + str(number), "zone-" + str(number), "warm")
    assert len(blocks.held) == MAX_BLOCKS
    assert blocks.reason_for("zone-" + str(MAX_BLOCKS)) == "warm"


def test_r39_without_a_clock_time_stands_at_the_floor() -> None:
    clock = Clock(NOW)
    assert (clock.now(0), clock.now(10**9), clock.quality, clock.is_valid) == (NOW, NOW, FLOOR, False)
    clock = Clock(0)
    assert (clock.now(10**9), clock.quality) == (0, UNKNOWN)


def test_the_battery_clock_is_believed_unless_it_stopped_or_lies_below_the_floor() -> None:
    for unix, stopped, believed in (
        (NOW + 5, False, True),
        (NOW + 5, True, False),
        (NOW - 1, False, False),
        (946_684_800, False, False),
        (t.LATEST, False, False),
    ):
        clock = Clock(NOW)
        assert clock.battery_clock(unix, stopped, 1000) == believed
        assert clock.is_valid == believed
    clock = Clock(NOW)
    clock.battery_clock(NOW + 5, False, 1000)
    assert (clock.now(61_000), clock.quality) == (NOW + 65, RTC)


def test_r70_the_gateways_time_is_taken_if_good_and_never_below_the_floor() -> None:
    clock = Clock(NOW)
    assert not clock.discipline(NOW + 100, RTC, 0)
    assert not clock.discipline(NOW - 1, DISCIPLINED, 0)
    assert clock.refused == 2
    assert clock.discipline(NOW + 100, DISCIPLINED, 5000)
    assert (clock.now(6000), clock.quality) == (NOW + 101, DISCIPLINED)


def test_invariant_16_a_step_back_stops_at_the_floor() -> None:
    clock = Clock(NOW)
    clock.discipline(NOW + 3600, DISCIPLINED, 0)
    assert clock.floor_due(0) == NOW + 3600
    assert clock.floor_due(t.FLOOR_EVERY_MS - 1) == 0
    assert clock.floor_due(t.FLOOR_EVERY_MS) == NOW + 4200
    assert not clock.discipline(NOW + 100, DISCIPLINED, t.FLOOR_EVERY_MS)
    assert clock.discipline(NOW + 4201, DISCIPLINED, t.FLOOR_EVERY_MS + 60_000)
    assert clock.now(t.FLOOR_EVERY_MS + 60_000) == NOW + 4201


def test_a_great_step_must_be_insisted_on() -> None:
    clock = Clock(NOW)
    clock.battery_clock(NOW, False, 0)
    far = NOW + 90 * 86_400
    assert not clock.discipline(far, DISCIPLINED, 0)
    assert clock.now(0) == NOW
    for at in range(1, t.INSISTED - 1):
        assert not clock.discipline(far + 30 * at, DISCIPLINED, 30_000 * at)
    assert clock.discipline(far + 600, DISCIPLINED, 600_000)
    assert clock.now(600_000) == far + 600


def test_changing_lies_are_never_believed() -> None:
    clock = Clock(NOW)
    clock.battery_clock(NOW, False, 0)
    for at in range(100):
        assert not clock.discipline(NOW + (2 + at) * 86_400 * 2, DISCIPLINED, 30_000 * at)


def test_time_that_was_given_out_never_comes_again() -> None:
    clock = Clock(0)
    clock.discipline(NOW, DISCIPLINED, 0)
    clock.floor_due(0)
    assert clock.now(280_000) == NOW + 280
    assert clock.discipline(NOW + 1, DISCIPLINED, 280_000)
    assert clock.now(280_000) == clock.now(558_000) == NOW + 280
    assert clock.now(560_000) == NOW + 281


def test_small_steps_do_not_add_up_to_a_great_one() -> None:
    clock = Clock(NOW)
    clock.battery_clock(NOW, False, 0)
    told = NOW
    for at in range(60):
        told += 30 + t.MAX_STEP_S // 2
        clock.discipline(told, DISCIPLINED, 30_000 * (at + 1))
    assert clock.now(1_800_000) <= NOW + 1800 + t.MAX_STEP_S


def test_minutes_are_believed_at_once_and_more_must_be_insisted_on() -> None:
    for step, believed in ((t.MAX_STEP_S, True), (-t.MAX_STEP_S, True), (t.MAX_STEP_S + 1, False)):
        clock = Clock(NOW)
        clock.battery_clock(NOW + 3600, False, 0)
        assert clock.discipline(NOW + 3600 + step, DISCIPLINED, 0) == believed
    for at in range(t.INSISTED):
        clock.discipline(NOW + 7200 + 30 * at, DISCIPLINED, 30_000 * at)
    assert clock.now(30_000 * (t.INSISTED - 1)) == NOW + 7200 + 30 * (t.INSISTED - 1)
    assert clock.discipline(NOW + 7900, DISCIPLINED, 600_000)
