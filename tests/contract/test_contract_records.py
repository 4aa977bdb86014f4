"""Records, hello, acknowledgements and states (R-05, R-06, R-40 to R-49)."""

import json

from firmware.contract import records
from firmware.contract.errors import ContractError


def _record(kind: str, **fields: object) -> dict[str, object]:
    message: dict[str, object] = {
        "v": 1,
        "e": "c0ffee01",
        "l": 0,
        "b": 3,
        "n": 12,
        "u": 5000,
        "t": 1_790_000_000,
        "q": 2,
        "k": kind,
    }
    message.update(fields)
    return message


EXAMPLES = (
    _record("boot", c="power", fw="0.1.0", pe=11, pr=4, m0=0, m1=0),
    _record("boot", c="power", fw="0.1.0", pe=11, pr=4, m0=0, m1=0, rtc=1),
    _record("gap", f=3, r="full"),
    _record("applied", d="grants", ver=8, ok=0, r="base"),
    _record("try", r="unknown", c=0, w=9),
    _record("use", a="grant", g=17, c=70, d=3),
    _record("use", a="cmd", g="00112233445566aa", c=0, d=3),
    _record("lock", a="grant", g=17, d=3, o="jammed", x=3),
    _record("lock", a="cmd", g="00112233445566aa", d=3, o="refused", x=0, r="late"),
    _record("door", d=3, s=1, x=0),
    _record("after", d=3, g=17, c=70, i=0, r="collected", ld=5),
    _record("cmd", id="00112233445566aa", st="duplicate", st1="done"),
    _record("block", id="wall-1-3-1", z="chilled", r="warm", val=870),
    _record("release", id="wall-1-3-1", by="Camille Roy"),
    _record("alarm", a="warm", s=1, z="chilled", val=870, p=0),
    _record("probe", z="chilled", p=1, h=4),
    _record("power", s=0),
    _record(
        "r", p0=1_790_000_000, s=60, z=[["chilled", 0, 300, 310, 330, 12, 0], ["chilled", 1, 0, 0, 0, 0, 1]]
    ),
)


def _reason(message: object) -> str:
    try:
        records.check(message)  # type: ignore[arg-type]
    except ContractError as error:
        return error.reason
    return ""


def _decoded(payload: bytes) -> str:
    try:
        records.decode(payload)
    except ContractError as error:
        return error.reason
    return ""


def test_r05_a_longer_payload_is_refused_before_it_is_parsed() -> None:
    assert _decoded(b'{"v":1,"x":"' + b"a" * 2290 + b'"}') == ""
    assert _decoded(b"{" * 2305) == "size"


def test_r06_another_version_is_refused() -> None:
    for payload in (b'{"v":2}', b"{}", b'{"v":"1"}', b'{"v":null}'):
        assert _decoded(payload) == "version"
    for payload in (b"", b"[1]", b"1", b"null", b"{", b"\xff\xfe\xfd", b"[" * 2000):
        assert _decoded(payload) == "json", payload[:10]


def test_r41_every_kind_has_an_example_that_passes_on_the_wire() -> None:
    kinds = set()
    for message in EXAMPLES:
        assert _reason(records.decode(records.encode(message))) == "", message
        kinds.add(message["k"])
    assert kinds == set(records.required())


def test_r41_a_record_without_one_of_its_keys_is_refused() -> None:
    for message in EXAMPLES:
        optional = records.optional().get(str(message["k"]), {})
        for key in message:
            if key in optional:
                continue
            lacking = dict(message)
            del lacking[key]
            assert _reason(lacking) in ("field", "kind"), (message["k"], key)


def test_r41_a_key_of_another_kind_or_type_is_refused() -> None:
    for message in EXAMPLES:
        assert _reason(dict(message, zz=1)) == "field"
        for key, value in message.items():
            wrongs: list[object] = [None, True, 1.5, [1], {}, "x" * 65, "a\x00b", "a\nb", -(1 << 70)]
            for wrong in wrongs:
                if isinstance(wrong, type(value)) and isinstance(value, list):
                    continue
                assert _reason(dict(message, **{key: wrong})) in ("field", "kind"), (key, wrong)


def test_r41_unknown_kinds_and_impossible_numbers_are_refused() -> None:
    good = _record("power", s=1)
    assert _reason(dict(good, k="open")) == "kind"
    for key, value in (("l", 2), ("l", -1), ("n", 0), ("b", 0), ("u", -1), ("e", "c0ffee0"), ("e", "")):
        assert _reason(dict(good, **{key: value})) == "field", key


def test_r41_numbers_nobody_can_count_to_are_refused() -> None:
    for key in ("b", "n", "u"):
        assert _reason(_record("door", d=3, s=1, x=0) | {key: (1 << 53) - 1}) == "", key
        for value in (1 << 53, 1 << 62, -1):
            assert _reason(_record("door", d=3, s=1, x=0) | {key: value}) == "field", (key, value)
    for value in (1 << 32, 1 << 62, -1):
        assert _reason(_record("door", d=3, s=1, x=0) | {"t": value}) == "field", value
        assert _reason(_record("r", p0=value, s=60, z=[])) == "field", value
        assert _reason(_record("boot", c="power", fw="0", pe=1, pr=1, m0=value, m1=0)) == "field", value
        assert _reason(_record("boot", c="power", fw="0", pe=1, pr=1, m0=0, m1=value)) == "field", value
    for value in (0, -1, 86_401, 1 << 62):
        assert _reason(_record("r", p0=0, s=value, z=[])) == "field", value
    assert _reason(_record("r", p0=(1 << 32) - 1, s=86_400, z=[])) == ""


def test_r49_a_period_that_has_not_been_is_ahead() -> None:
    now = 1_790_000_000
    assert not records.is_ahead(_record("r", p0=now - 60 + records.AHEAD_S, s=60, z=[]), now)
    assert records.is_ahead(_record("r", p0=now - 59 + records.AHEAD_S, s=60, z=[]), now)
    assert not records.is_ahead(_record("r", p0=0, s=86_400, z=[]), now), "a period without a time is none"
    assert not records.is_ahead(_record("door", d=3, s=1, x=0, t=now + 7200), now)


def test_r41_rows_of_another_shape_are_refused() -> None:
    row: list[object] = ["chilled", 0, 300, 310, 330, 12, 0]
    longer = list(row)
    longer.append(0)
    for rows in (
        [row[:6]],
        [longer],
        [["chilled", 0, 310, 300, 330, 12, 0]],
        [["chilled", 0, 300, 340, 330, 12, 0]],
        [["chilled", 0, 300.0, 310, 330, 12, 0]],
        [["chilled", 0, 300, 310, True, 12, 0]],
        [[7, 0, 300, 310, 330, 12, 0]],
        [["z" * 33, 0, 300, 310, 330, 12, 0]],
        [row] * 17,
        ["row"],
    ):
        assert _reason(_record("r", p0=0, s=60, z=rows)) == "field"


def test_r45_a_gap_stands_for_all_its_numbers() -> None:
    assert records.first_seq(_record("gap", f=3, r="full")) == 3
    assert records.first_seq(_record("power", s=1)) == 12


def test_r43_r46_r47_other_messages_are_small_json_of_version_1() -> None:
    for message in (
        records.hello("c0ffee01", 3, 5000, 2, (1, 12), (1, 0), 4, 8, "0011223344556677"),
        records.ack("c0ffee01", 0, 3, 12),
        records.state("lost", 3, 2),
    ):
        payload = records.encode(message)
        assert records.decode(payload) == message
        assert b" " not in payload
        assert json.loads(payload) == message
