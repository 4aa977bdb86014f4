"""What people notice of a flash that takes nothing: the keypad asks for long codes, a light shines."""

from firmware.contract import records, seals
from firmware.drivers.keypad import Keypad
from firmware.services.health import Health
from firmware.services.keypad import Entry
from firmware.supervisor import Heart
from tests.firmware.services.test_doors import Wall

CODES = seals.derive(bytes(range(32)), b"code")
SHORT = "12345671"
"""A well-formed code of nobody."""


class Keys(Keypad):
    """A keypad that nobody touches; keys are handed to the entry directly."""

    def __init__(self) -> None:
        """Without a chip."""

    def scan(self, now_ms: int) -> str:
        """No key."""
        return "" if now_ms >= 0 else "0"


class Level:
    """An input at rest."""

    def value(self) -> int:
        """Mains are there."""
        return 1


def _type(entry: Entry, keys: str) -> None:
    for key in keys:
        entry.pressed(key)


def test_a_try_that_flash_does_not_take_compares_nothing_and_costs_nothing() -> None:
    wall = Wall([1])
    entry = Entry(Keys(), CODES, wall.holdings, wall.recorder, wall.doors, wall.screen, Heart())
    wall.files.full = True
    _type(entry, SHORT)
    assert [attempt["r"] for attempt in wall.told("try")] == [records.THROTTLED]
    assert wall.told("alarm") == []
    wall.files.full = False
    _type(entry, "#" + SHORT)
    assert [(attempt["r"], attempt["w"]) for attempt in wall.told("try")][1:] == [(records.UNKNOWN_CODE, 9)]


def test_what_is_owed_shines_and_is_an_alarm_until_flash_takes_it() -> None:
    wall = Wall([1])
    health = Health(wall.recorder, wall.holdings, wall.indicators, Level(), None, None, None, Heart())
    health.pay()
    assert wall.told("alarm") == []
    wall.files.full = True
    wall.holdings.block("b-1", "chilled", records.WARM)
    health.pay()
    health.pay()
    assert [(alarm["a"], alarm["s"]) for alarm in wall.told("alarm")] == [(records.FLASH, 1)]
    assert wall.light.level == 1
    wall.files.full = False
    health.pay()
    assert [(alarm["a"], alarm["s"]) for alarm in wall.told("alarm")][1:] == [(records.FLASH, 0)]
    assert wall.files.kept["blocks"] == wall.holdings.blocks.image()
