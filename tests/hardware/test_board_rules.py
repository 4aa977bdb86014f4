"""Each mistake that a board can contain, made on purpose in the real description, is refused by its name."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from hardware import faults, rules
from hardware.board import BOARD_NAMES, Board, Module, board_path, load_board, load_module, read_toml

Mistake = Callable[[dict[str, Any]], None]


@pytest.fixture
def module() -> Module:
    return load_module("esp32-s3-wroom-1-n8")


def wall() -> dict[str, Any]:
    return read_toml(board_path("locker-bank"))


def found(data: dict[str, Any], module: Module) -> set[type[faults.BoardFault]]:
    return {type(fault) for fault in rules.check(Board.model_validate(data), module)}


def pin(data: dict[str, Any], net: str) -> dict[str, Any]:
    row: dict[str, Any] = next(row for row in data["pins"] if row["net"] == net)
    return row


def chip(data: dict[str, Any], ref: str) -> dict[str, Any]:
    row: dict[str, Any] = next(row for row in data["chips"] if row["ref"] == ref)
    return row


def rail(data: dict[str, Any], name: str) -> dict[str, Any]:
    row: dict[str, Any] = next(row for row in data["rails"] if row["name"] == name)
    return row


def moved(net: str, gpio: int, /, **more: Any) -> Mistake:
    """The net on another GPIO, with other properties changed on the way."""
    return lambda data: pin(data, net).update(gpio=gpio, **more)


def changed(net: str, /, **what: Any) -> Mistake:
    return lambda data: pin(data, net).update(what)


def chip_changed(ref: str, /, **what: Any) -> Mistake:
    return lambda data: chip(data, ref).update(what)


def port_changed(ref: str, at: int, /, **what: Any) -> Mistake:
    return lambda data: chip(data, ref)["ports"][at].update(what)


def coils_changed(**what: Any) -> Mistake:
    return lambda data: data["coils"].update(what)


def holdup_changed(**what: Any) -> Mistake:
    return lambda data: data["holdup"].update(what)


def rail_changed(name: str, /, **what: Any) -> Mistake:
    return lambda data: rail(data, name).update(what)


MISTAKES: list[tuple[str, Mistake, type[faults.BoardFault]]] = [
    ("two nets on a pin", moved("BUZZER", 21), faults.PinUsedTwice),
    ("one net on two pins", changed("BUZZER", net="COIL_EN"), faults.NetUsedTwice),
    ("one name, two parts", chip_changed("U2", ref="U3"), faults.RefUsedTwice),
    ("a pin the chip lacks", moved("BUZZER", 23), faults.NoSuchPin),
    ("a pin the module hides", moved("BUZZER", 33), faults.NoSuchPin),
    ("a flash pin", moved("BUZZER", 30), faults.FlashPin),
    ("a USB pin", moved("TAMPER", 19), faults.UsbPin),
    ("the console's pin", moved("TAMPER", 44), faults.ConsolePin),
    ("a coil on GPIO0", moved("COIL_EN", 0), faults.StrappingPin),
    ("a coil on GPIO3", moved("COIL_EN", 3), faults.StrappingPin),
    ("a coil on GPIO45", moved("COIL_EN", 45), faults.StrappingPin),
    ("a buzzer on GPIO46", moved("BUZZER", 46), faults.StrappingPin),
    ("a door contact that lifts the flash voltage", moved("TAMPER", 45), faults.StrappingPin),
    ("a boot pin without its resistor", changed("BOOT_BUTTON", pull="none"), faults.StrappingPin),
    ("a gate pulled up", changed("COIL_EN", pull="up"), faults.HighAtReset),
    ("a gate resting high", changed("COIL_EN", pull="up", boot="high"), faults.HighAtReset),
    ("a gate that glitches", moved("COIL_EN", 18), faults.HighAtReset),
    ("an output the chip pulls up", moved("RS485_TX", 43, role="console"), faults.HighAtReset),
    ("a gate without pull-down", changed("COIL_EN", pull="none"), faults.UndefinedAtReset),
    ("a buzzer without pull-down", changed("BUZZER", pull="none"), faults.UndefinedAtReset),
    ("a select line nobody holds", changed("ETH_CS", pull="none"), faults.UndefinedAtReset),
    ("a gate with a weak pull-down", changed("COIL_EN", pull_ohm=1_000_000), faults.CoilUnguarded),
    ("coil lines without pull-down", port_changed("U8", 0, pull="none"), faults.CoilUnguarded),
    ("coil lines with a weak pull-down", port_changed("U8", 0, pull_ohm=100_000), faults.CoilUnguarded),
    ("coils without cut-off", lambda data: data.pop("coils"), faults.CoilUnguarded),
    ("coils gated by no gate", coils_changed(enable="IR_EN"), faults.CoilUnguarded),
    ("a slow cut-off", lambda d: d["coils"]["cutoff"].update(resistor_ohm=620_000), faults.CutoffTooLong),
    ("a sloppy cut-off", lambda d: d["coils"]["cutoff"].update(capacitor_percent=30), faults.CutoffTooLong),
    ("two coils at once", coils_changed(at_once=2), faults.TooManyCoils),
    ("a driver without reserve", coils_changed(driver_ma=3_000), faults.DriverTooWeak),
    ("two chips at an address", chip_changed("U5", address=0x20), faults.I2cAddressClash),
    ("an address the part lacks", chip_changed("U10", address=0x69), faults.I2cAddressImpossible),
    ("a chip too slow for the bus", chip_changed("U9", max_hz=100_000), faults.BusTooFast),
    ("a read line that may only be written", port_changed("U8", 1, accepted=""), faults.OutputOnlyLine),
    ("two lock boards alike", lambda d: d["lock_boards"][1].update(address=1), faults.LockBoardAddress),
    ("a lock board at 0", lambda d: d["lock_boards"][1].update(address=0), faults.LockBoardAddress),
    ("locks that pull too much", coils_changed(most_ma=2_800), faults.RailOverBudget),
    ("a small supply", rail_changed("12V", capacity_ma=3_000), faults.RailOverBudget),
    ("a load behind a converter", lambda d: d["loads"][2].update(ma=9_000), faults.RailOverBudget),
    ("a capacitor too small", holdup_changed(capacitor_uf=3_300), faults.HoldUpTooShort),
    ("a capacitor on no rail", holdup_changed(rail="24V"), faults.UnknownName),
    ("lights too bright for the chip", port_changed("U6", 0, ma_each=20), faults.ChipOverCurrent),
    ("a rail unheard of", chip_changed("U2", rail="1V8"), faults.UnknownName),
    ("a rail that feeds itself", rail_changed("5V", fed_by="5V"), faults.UnknownName),
    ("a bus unheard of", chip_changed("U10", bus="I2C1"), faults.UnknownName),
    ("a bus line without pin", lambda data: data["spi"].update(cs="ETH_SEL"), faults.UnknownName),
    ("straps of another revision", lambda data: data.update(revision=2), faults.RevisionStraps),
    ("a strap that nothing holds", changed("REV1", pull="none"), faults.RevisionStraps),
    ("coils that only the program keeps apart", coils_changed(lockout=[]), faults.NoLockOut),
    ("a driver that hears the commands", chip_changed("Q1", nets=["COIL_CMD1..8"]), faults.NoLockOut),
    ("a lock cable too thin", lambda d: d["cables"][2].update(area_mm2_x100=22), faults.CableDrop),
    ("a current through the lid switch", lambda d: d["cables"][18].update(ma=100), faults.CableDrop),
    ("a fuse that blows at work", lambda d: d["cables"][1].update(fuse_ma=2_000), faults.FuseTooSmall),
    ("a cable with an end too many", lambda d: d["cables"][0]["ends"].append("x"), faults.ConnectorUnwired),
    ("a connector without cable", lambda d: d["cables"].pop(), faults.ConnectorUnwired),
    ("a cable from nowhere", lambda d: d["cables"][0].update(source="J99"), faults.UnknownName),
    ("a trace to nothing", chip_changed("Q3", nets=["BUZZER_SINK"]), faults.NetGoesNowhere),
]


@pytest.mark.parametrize("name", BOARD_NAMES)
def test_the_boards_as_they_are_have_no_fault(name: str) -> None:
    board = load_board(name)

    assert rules.check(board, load_module(board.module)) == []


@pytest.mark.parametrize(
    ("mistake", "fault"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES]
)
def test_a_mistake_is_refused_by_its_name(
    mistake: Mistake, fault: type[faults.BoardFault], module: Module
) -> None:
    data = wall()
    mistake(data)

    assert fault in found(data, module)


def test_every_kind_of_fault_is_provoked_here() -> None:
    provoked = {row[2] for row in MISTAKES} | {faults.InputOnlyPin}

    assert provoked == set(faults.BoardFault.__subclasses__())


def test_an_input_only_pin_may_not_drive(module: Module) -> None:
    older = module.model_copy(update={"input_only": (21, 42)})

    refused = [f for f in rules.check(load_board("locker-bank"), older) if type(f) is faults.InputOnlyPin]

    assert len(refused) == 1
    assert "COIL_EN" in str(refused[0])


@pytest.mark.parametrize("name", BOARD_NAMES)
def test_octal_memory_takes_gpio35_to_37_away(name: str, module: Module) -> None:
    with_psram = module.model_copy(update={"octal_psram": True})
    board = load_board(name)
    lost = [pin for pin in board.pins if pin.gpio in (35, 36, 37)]

    assert [type(fault) for fault in rules.check(board, with_psram)] == [faults.FlashPin] * len(lost)
    assert lost


def test_all_mistakes_are_told_at_once(module: Module) -> None:
    data = wall()
    moved("BUZZER", 30)(data)
    coils_changed(driver_ma=3_000)(data)

    assert found(data, module) == {faults.FlashPin, faults.DriverTooWeak}


def test_a_misspelt_key_is_refused() -> None:
    data = wall()
    pin(data, "COIL_EN")["pul"] = "down"

    with pytest.raises(ValidationError, match="pul"):
        Board.model_validate(data)


def test_the_net_names_that_the_firmware_knows() -> None:
    wanted = (
        "I2C_SDA I2C_SCL RS485_TX RS485_RX RS485_DE COIL_EN IR_EN BUZZER LED_ALARM MAINS_OK TAMPER "
        "KEY_ROW1 KEY_ROW2 KEY_ROW3 KEY_ROW4 KEY_COL1 KEY_COL2 KEY_COL3 OW_CHILLED OW_FROZEN "
        "ETH_SCK ETH_MOSI ETH_MISO ETH_CS ETH_INT ETH_RST REV0 REV1"
    )

    assert {each.net for each in load_board("locker-bank").pins if each.is_for_firmware} == set(
        wanted.split()
    )
