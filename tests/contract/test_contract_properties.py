"""Whatever bytes arrive, every parser answers with a value or with ContractError; what is packed is read
back.
"""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.contract import codes, commands, config, grants, records, seals, topics
from firmware.contract.errors import ContractError

IDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=32)
U32 = st.integers(0, 2**32 - 1)
DIGITS = st.text("0123456789", min_size=7, max_size=7)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=12,
)


def _survives(call: Callable[[], object]) -> None:
    reason = "none"
    try:
        call()
    except ContractError as error:
        reason = error.reason
    assert reason.isalpha()


@st.composite
def _grants(draw: st.DrawFn) -> grants.Grant:
    label = draw(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6))
    return grants.Grant(
        draw(st.integers(1, 2**32 - 1)),
        draw(U32),
        draw(st.sampled_from((grants.CUSTOMER, grants.LOADER, grants.STAFF))),
        draw(st.integers(0, 7)),
        draw(st.integers(1, 255)),
        draw(U32),
        draw(U32),
        draw(U32),
        draw(st.binary(min_size=8, max_size=8)),
        draw(st.binary(min_size=8, max_size=8)),
        label,
    )


@given(st.binary(max_size=2400))
def test_no_bytes_break_a_parser(data: bytes) -> None:
    for call in (records.decode, commands.unpack, config.unpack, grants.unpack, grants.unpack_piece):
        _survives(lambda call=call: call(data))  # type: ignore[misc]
    _survives(lambda: config.unpack(b"C\x01" + data))
    _survives(lambda: grants.unpack_piece(b"G\x01" + data))
    _survives(lambda: grants.unpack((data + bytes(64))[:64]))
    _survives(lambda: seals.unseal(seals.derive(bytes(32), b"doc"), "s", "d", "cmd", data))


@given(st.text(max_size=100))
def test_no_text_breaks_a_parser(text: str) -> None:
    _survives(lambda: topics.parse(text))
    _survives(lambda: topics.parse("lk/1/" + text))
    assert codes.is_well_formed(text) in (True, False)


@given(JSON)
def test_no_json_breaks_a_parser(value: object) -> None:
    body = json.dumps(value).encode()
    _survives(lambda: records.decode(body))
    _survives(lambda: commands.unpack(body))
    _survives(lambda: config.unpack(b"C\x01" + body))


_GOOD_CONFIG: dict[str, object] = {
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
    "boards": [["8a80", 1, 16]],
    "doors": [[1, "chilled", 0, 1, 1]],
    "zones": [["chilled", 0, ["28a1000000000011"], -100, 400, 400, 1800, 600, 120]],
}


@given(st.sampled_from(sorted(_GOOD_CONFIG)), JSON)
def test_no_value_in_a_configuration_breaks_it(key: str, value: object) -> None:
    body = b"C\x01" + json.dumps(_GOOD_CONFIG | {key: value}).encode()
    try:
        document = config.unpack(body)
    except ContractError:
        return
    assert 50 <= document.pulse_ms <= 1000
    assert config.unpack(document.pack()).pack() == document.pack()


@given(st.sampled_from(("doors", "zones", "boards")), st.integers(0, 8), JSON)
def test_no_cell_in_a_configuration_breaks_it(table: str, column: int, value: object) -> None:
    rows: list[list[object]] = json.loads(json.dumps(_GOOD_CONFIG[table]))
    rows[0][column % len(rows[0])] = value
    _survives(lambda: config.unpack(b"C\x01" + json.dumps(_GOOD_CONFIG | {table: rows}).encode()))


@given(st.sampled_from(sorted(records.required())), st.data())
def test_no_value_in_a_record_breaks_the_check(kind: str, data: st.DataObject) -> None:
    message: dict[str, object] = {
        "v": 1,
        "e": "c0ffee01",
        "l": 0,
        "b": 3,
        "n": 12,
        "u": 1,
        "t": 0,
        "q": 0,
        "k": kind,
    }
    fields = records.required()[kind] | records.optional().get(kind, {})
    message |= {key: data.draw(JSON, label=key) for key in fields}
    _survives(lambda: records.check(message))


@given(_grants())
def test_a_grant_reads_back(grant: grants.Grant) -> None:
    record = grant.pack()
    assert len(record) == grants.SIZE
    assert vars(grants.unpack(record)) == vars(grant)


@given(
    st.lists(_grants(), max_size=70), st.lists(_grants(), max_size=70), st.integers(1, 2**31), st.booleans()
)
def test_pieces_lead_from_any_set_to_any_other(
    before: list[grants.Grant], after: list[grants.Grant], version: int, snapshot: bool
) -> None:
    old = {} if snapshot else {grant.grant_id: grant.pack() for grant in before}
    new = {grant.grant_id: grant.pack() for grant in after}
    bodies = grants.pieces(version, 0 if snapshot else version - 1, list(old.values()), list(new.values()))
    for at, body in enumerate(bodies):
        assert len(body) + seals.SEAL <= topics.MAX_MESSAGE
        piece = grants.unpack_piece(body)
        assert (piece.part, piece.parts, piece.count) == (at + 1, len(bodies), len(new))
        for gid in piece.deletes:
            del old[gid]
        old |= {grants.grant_id_of(record): record for record in piece.upserts}
    assert old == new
    assert piece.set_digest == grants.digest(list(old.values()))


@given(
    st.text("0123456789abcdef", min_size=16, max_size=16),
    st.integers(1, 2**31),
    st.integers(0, 2**62),
    st.integers(1, 255),
)
def test_a_command_reads_back(command_id: str, boot: int, not_after_ms: int, door: int) -> None:
    command = commands.Command(command_id, commands.OPEN, boot, not_after_ms, door)
    assert vars(commands.unpack(command.pack())) == vars(command)


@given(DIGITS, st.integers(0, 7), st.integers(1, 9))
def test_no_slip_of_one_digit_is_another_code(digits: str, at: int, by: int) -> None:
    code = digits + codes.check_digit(digits)
    slip = code[:at] + str((int(code[at]) + by) % 10) + code[at + 1 :]
    assert codes.is_well_formed(code)
    assert not codes.is_well_formed(slip)


@given(
    st.binary(min_size=32, max_size=32), IDS, IDS, st.binary(min_size=1, max_size=300), st.integers(0, 10**6)
)
def test_only_the_very_sealed_bytes_open(key: bytes, site: str, device: str, body: bytes, bit: int) -> None:
    doc = seals.derive(key, b"doc")
    payload = bytearray(seals.seal(doc, site, device, "cmd", body))
    assert seals.unseal(doc, site, device, "cmd", bytes(payload)) == body
    payload[bit // 8 % len(payload)] ^= 1 << bit % 8
    with pytest.raises(ContractError):
        seals.unseal(doc, site, device, "cmd", bytes(payload))
