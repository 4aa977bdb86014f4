"""What is derived from the boards: the committed files equal it, and its figures add up."""

import ast
import shutil
from pathlib import Path

import pytest

from hardware import pinmap, wiring
from hardware.__main__ import derived, main
from hardware.board import BOARD_NAMES, HERE, Cable, expand_nets, load_board, load_module
from hardware.circuits import Cutoff, HoldUp
from hardware.power import budgets, holdup_ms

ROOT = HERE.parent


def test_the_committed_files_are_what_the_boards_say() -> None:
    stale = [path.name for path, text in derived(ROOT).items() if path.read_text("utf-8") != text]

    assert stale == [], "run: python -m hardware"


def test_check_fails_on_drift_and_a_run_repairs_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "docs" / "wiring", tmp_path / "docs" / "wiring")
    (tmp_path / "firmware").mkdir()
    pins = tmp_path / "firmware" / "pins.py"
    pins.write_text("BANK_COIL_EN = 0\n", "utf-8")

    assert main(["--check"], tmp_path) == 1
    assert "firmware/pins.py" in capsys.readouterr().err
    assert pins.read_text("utf-8") == "BANK_COIL_EN = 0\n"
    assert main([], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0


def test_the_pin_map_is_only_integers_given_to_names_used_once() -> None:
    tree = ast.parse((ROOT / "firmware" / "pins.py").read_text("utf-8"))
    names = []
    for statement in tree.body[1:]:
        assert isinstance(statement, ast.Assign)
        assert isinstance(statement.targets[0], ast.Name)
        assert isinstance(statement.value, ast.Constant)
        assert type(statement.value.value) is int
        names.append(statement.targets[0].id)

    assert len(names) == len(set(names))


def test_the_pin_map_names_no_pin_of_the_boot_rom() -> None:
    names = {name for name, _, _ in pinmap.constants(load_board("locker-bank"))}

    assert not names & {"BOOT_BUTTON", "USB_DM", "USB_DP", "CONSOLE_TX", "CONSOLE_RX"}
    assert {"COIL_EN", "ADDR_LOCKS", "LOCK_BOARD_2", "COIL_CUTOFF_MS"} <= names


def test_the_wiring_page_leads_from_pin_to_connector() -> None:
    board = load_board("locker-bank")
    page = wiring.render(board, load_module(board.module))

    assert "| GPIO1 | `OW_CHILLED` | open-drain | floating input | 4.7 kohm up | any | J14.2 |" in page
    assert "| I2C 0, 400 kHz | 0x68 | U10 DS3231 |" in page


def test_the_bill_counts_parts_and_resistors() -> None:
    lines = {part: int(qty) for qty, part, _, _ in wiring.bill(load_board("locker-bank"))}

    assert lines["MCP23017"] == 5
    assert lines["DS18B20 in a steel sleeve, from an authorised distributor"] == 4
    assert lines["Resistor 4.7 kohm, 5 %"] == 2


def test_a_converter_draws_its_output_power_and_its_loss() -> None:
    twelve, five, _ = budgets(load_board("locker-bank"))
    drawn = {draw.name: draw.ma for draw in twelve.draws}["converter AP63205WU for 5V"]

    assert drawn * 12_000 * 85 >= five.total_ma * 5_000 * 100
    assert (drawn - 1) * 12_000 * 85 < five.total_ma * 5_000 * 100


def test_one_coil_counts_once_however_many_locks() -> None:
    twelve = budgets(load_board("locker-bank"))[0]

    assert [draw.ma for draw in twelve.draws if "coil" in draw.name] == [2_000]


def test_what_lights_the_keypad_has_poles_and_is_in_the_budget() -> None:
    board = load_board("locker-bank")
    five = budgets(board)[1]
    (light,) = (draw.ma for draw in five.draws if "keypad" in draw.name)
    cable = next(each for each in board.cables if each.source == "J13")

    assert {"5V", "GND"} < set(board.poles(cable))
    assert light == cable.ma > 0


def test_the_hold_up_by_hand() -> None:
    held = HoldUp(
        rail="12V",
        part="",
        why="",
        capacitor_uf=1_000,
        capacitor_percent=20,
        diode_mv=0,
        least_mv=6_000,
        needs_ms=0,
    )

    # 800 µF from 12 to 6 V are 43.2 mJ; 12 V × 300 mA are 3.6 W
    assert held.lasts_ms(12_000, 300) == 12


def test_the_hardware_page_says_what_the_capacitors_carry() -> None:
    page = (ROOT / "docs" / "hardware.md").read_text("utf-8")
    wall, rooms = (load_board(name) for name in BOARD_NAMES)

    assert (
        f"at worst {holdup_ms(wall)} ms before on the wall, {holdup_ms(rooms)} ms in the cold rooms" in page
    )
    assert f"less than {wall.holdup.needs_ms} ms" in page


@pytest.mark.parametrize("name", BOARD_NAMES)
def test_no_page_counts_pins_that_are_not_there(name: str) -> None:
    page = (ROOT / "docs" / "wiring" / f"{name}.md").read_text("utf-8")

    assert "Free pins: ." not in page
    assert ("No pin is free." in page) != ("Free pins: GPIO" in page)


def test_the_cutoff_by_hand() -> None:
    cutoff = Cutoff(
        resistor_ohm=100_000,
        resistor_percent=1,
        capacitor_nf=10_000,
        capacitor_percent=10,
        chip_percent=5,
        limit_ms=1_000,
    )

    # 0.7 × 100 kohm × 10 µF = 700 ms; × 0.99 × 0.90 × 0.95 = 592.5; × 1.01 × 1.10 × 1.05 = 816.6
    assert (cutoff.shortest_ms(), cutoff.longest_ms()) == (592, 817)


def test_ranges_of_nets_are_spelt_out() -> None:
    assert expand_nets(["DOOR9..11", "3V3", "LCD_D4..5"]) == (
        "DOOR9",
        "DOOR10",
        "DOOR11",
        "3V3",
        "LCD_D4",
        "LCD_D5",
    )


def test_a_cable_s_loss_by_hand() -> None:
    cable = Cable(source="J1", device="", length_m=5, area_mm2_x100=75, ma=2000, why="")

    # 10 m of 0.75 mm2 at 0.0175 ohm mm2/m are 0.2333 ohm; 2 A lose 466.7 mV
    assert cable.drop_mv() == 467
