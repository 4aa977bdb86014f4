"""Commands and configuration on the wire (R-50, R-53, R-60 to R-63)."""

import json

from firmware.contract import commands, config
from firmware.contract.errors import ContractError

ID = "00112233445566aa"


def _reason(body: bytes, unpack: object) -> str:
    try:
        unpack(body)  # type: ignore[operator]
    except ContractError as error:
        return error.reason
    return ""


def test_r50_a_command_names_its_boot_and_its_last_moment() -> None:
    back = commands.unpack(commands.Command(ID, commands.OPEN, 4, 90_000, 7).pack())
    assert (back.command_id, back.op, back.boot, back.not_after_ms, back.door) == (ID, "open", 4, 90_000, 7)
    back = commands.unpack(commands.Command(ID, "release", 4, 1, 0, "", "b-1", "Camille Roy").pack())
    assert (back.block_id, back.by) == ("b-1", "Camille Roy")


def test_r53_a_release_names_a_block_and_a_person() -> None:
    for block_id, by in (("", "Camille"), ("b-1", "")):
        body = commands.Command(ID, commands.RELEASE, 4, 1, 0, "", block_id, by).pack()
        assert _reason(body, commands.unpack) == "field"


def test_commands_of_another_shape_are_refused() -> None:
    for command in (
        commands.Command(ID, "format", 4, 1, 7),
        commands.Command("0011", commands.OPEN, 4, 1, 7),
        commands.Command("0011223344556xyz", commands.OPEN, 4, 1, 7),
        commands.Command(ID, commands.OPEN, 4, 1, 0),
        commands.Command(ID, commands.OPEN, 4, 1, 256),
    ):
        assert _reason(command.pack(), commands.unpack) == "field"
    whole = json.loads(commands.Command(ID, commands.OPEN, 4, 1, 7).pack())
    for key in whole:
        lacking = dict(whole)
        del lacking[key]
        assert _reason(json.dumps(lacking).encode(), commands.unpack) in ("field", "version")


def _config(**changes: object) -> bytes:
    message: dict[str, object] = {
        "v": 1,
        "ver": 3,
        "kind": "bank",
        "help": "02 33 00 00 00",
        "smp": 5,
        "per": 60,
        "pul": 400,
        "tri": 3,
        "ret": 3,
        "reo": 300,
        "use": 120,
        "boards": [["8a80", 1, 16], ["mcp", 32, 8]],
        "doors": [[1, "chilled", 0, 1, 1], [2, "chilled", 0, 2, 1], [3, "", 1, 8, 0]],
        "zones": [["chilled", 0, ["28a1000000000011"], -100, 400, 400, 1800, 600, 120]],
    }
    message.update(changes)
    return b"C\x01" + json.dumps(message).encode()


def test_r60_a_configuration_reads_back_whole() -> None:
    document = config.unpack(_config())
    assert config.unpack(document.pack()).pack() == document.pack()
    assert [door.number for door in document.doors] == [1, 2, 3]
    assert (document.doors[2].board, document.doors[2].channel, document.doors[2].item_sensor) == (
        1,
        8,
        False,
    )
    zone = document.zones[0]
    assert (zone.zone_id, zone.probes, zone.low, zone.high, zone.delay) == (
        "chilled",
        ["28a1000000000011"],
        -100,
        400,
        1800,
    )


def test_r62_what_no_controller_should_obey_refuses_the_whole_document() -> None:
    refused: list[dict[str, object]] = [
        {"pul": 49},
        {"pul": 1001},
        {"tri": 0},
        {"use": 9},
        {"ver": 0},
        {"kind": "safe"},
        {"boards": []},
        {"boards": [["relay", 1, 16], ["mcp", 32, 8]]},
        {"boards": [["8a80", 0, 16], ["mcp", 32, 8]]},
        {"boards": [["8a80", 32, 16], ["mcp", 32, 8]]},
        {"boards": [["8a80", 1, 25], ["mcp", 32, 8]]},
        {"boards": [["8a80", 1, 16], ["mcp", 32, 9]]},
        {"doors": [[1, "chilled", 2, 1, 1]]},
        {"doors": [[1, "chilled", 0, 17, 1]]},
        {"doors": [[1, "chilled", 0, 0, 1]]},
        {"doors": [[0, "chilled", 0, 1, 1]]},
        {"doors": [[256, "chilled", 0, 1, 1]]},
        {"doors": [[1, "chilled", 0, 1, 1], [1, "chilled", 0, 2, 1]]},
        {"doors": [[1, "chilled", 0, 1, 1], [2, "chilled", 0, 1, 1]]},
        {"doors": "1-12"},
        {"zones": [["chilled", 0, ["28"] * 5, -100, 400, 400, 1800, 600, 120]]},
        {"zones": [["chilled", 0, ["28"], -100, 400, 400, 0, 600, 120]]},
        {"zones": [["chilled", 0, ["28"], -100, 40.5, 400, 1800, 600, 120]]},
        {"zones": [[f"zone-{at}", at, ["28"] * 4, -100, 400, 400, 1, 1, 1] for at in range(5)]},
    ]
    for changes in refused:
        assert _reason(_config(**changes), config.unpack) in ("config", "field"), changes
    assert _reason(b"G\x01{}", config.unpack) == "config"
    assert _reason(b"C\x02" + _config()[2:], config.unpack) == "config"


def test_r62_the_most_that_hardware_and_a_readings_record_hold_is_obeyed() -> None:
    boards = [["8a80", 31, 24], ["mcp", 39, 8]]
    zones = [[f"zone-{at}", at, ["28"] * 4, -100, 400, 400, 1, 1, 1] for at in range(4)]
    document = config.unpack(_config(boards=boards, zones=zones))
    assert [(board.address, board.locks) for board in document.boards] == [(31, 24), (39, 8)]
    assert sum(len(zone.probes) for zone in document.zones) == config.MAX_PROBES


def test_r63_the_factory_configuration_has_no_door_to_open() -> None:
    document = config.factory()
    assert (document.version, document.doors, document.boards) == (0, [], [])
