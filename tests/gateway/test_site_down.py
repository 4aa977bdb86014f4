"""What goes down through the core: documents until they are applied, commands once."""

from typing import Any

import pytest

from firmware.contract import records
from gateway.desired import MAX_CHAIN
from gateway.errors import FeedError
from tests.gateway.site_bench import Bench, numbered, payload


def desired(doc: str, version: int, base: int, *pieces: str) -> dict[str, Any]:
    """An item of the server's feed: a document of wall-1."""
    return {
        "kind": "desired",
        "device": "wall-1",
        "doc": doc,
        "version": version,
        "base": base,
        "payloads": [payload(piece) for piece in pieces],
    }


def test_hello_is_answered_with_acknowledgements_time_and_what_is_missing(bench: Bench) -> None:
    """R-46."""
    bench.apply([], snapshot=True)
    bench.apply(
        [
            desired("config", 2, 0, "C2"),
            desired("grants", 5, 0, "G5"),
            desired("grants", 6, 5, "G6a", "G6b"),
        ]
    )
    assert bench.said("desired") == [], "nobody is there"
    bench.hello(config=1, grants=5)
    assert bench.acks() == [(0, 0), (1, 0)]
    (time,) = bench.said("time", "gw")
    assert records.decode(time)["t"] == bench.now.unix_s
    assert bench.said("desired") == [b"C2", b"G6a", b"G6b"]
    bench.hello(config=2, grants=6)
    assert bench.said("desired") == []
    bench.hello(config=2, grants=3)
    assert bench.said("desired") == [b"G5", b"G6a", b"G6b"]


def test_a_document_is_sent_again_until_it_is_applied(bench: Bench) -> None:
    bench.apply([], snapshot=True)
    bench.hello()
    bench.apply([desired("config", 2, 0, "C2")])
    assert bench.said("desired") == [b"C2"]
    bench.tick()
    assert bench.said("desired") == []
    bench.wait(5_000)
    bench.tick()
    assert bench.said("desired") == [b"C2"]
    bench.wait(5_000)
    bench.tick()
    assert bench.said("desired") == [], "the pause has doubled"
    bench.hear("up", {**numbered(1), "k": "applied", "d": "cfg", "ver": 2, "ok": 1})
    bench.wait(3_600_000)
    bench.tick()
    assert bench.said("desired") == []


def test_a_change_that_does_not_fit_brings_a_snapshot(bench: Bench) -> None:
    """R-33."""
    bench.apply([], snapshot=True)
    bench.hello(grants=5)
    grants = {"kind": "desired", "device": "wall-1", "doc": "grants"}
    bench.apply([{**grants, "version": 7, "base": 6, "payloads": [payload("7")]}])
    assert bench.resync(), "its beginning is unknown"
    bench.apply([{**grants, "version": 8, "base": 0, "payloads": [payload("8")]}], snapshot=True)
    assert bench.said("desired") == [b"8"]
    bench.hear("up", {**numbered(1), "k": "applied", "d": "grants", "ver": 8, "ok": 0, "r": "digest"})
    assert bench.said("desired") == [b"8"], "the whole set"
    assert not bench.resync()
    bench.apply([{**grants, "version": 9, "base": 8, "payloads": [payload("9")]}])
    bench.hello(grants=9)
    bench.hear("up", {**numbered(2), "k": "applied", "d": "grants", "ver": 9, "ok": 0, "r": "base"})
    assert bench.resync(), "what is kept would be ignored"


def test_a_long_chain_is_replaced_by_a_snapshot(bench: Bench) -> None:
    bench.apply([], snapshot=True)
    grants = {"kind": "desired", "device": "wall-1", "doc": "grants"}
    bench.apply([{**grants, "version": 1, "base": 0, "payloads": [payload("1")]}])
    for version in range(2, MAX_CHAIN + 1):
        bench.apply([{**grants, "version": version, "base": version - 1, "payloads": [payload("x")]}])
        assert not bench.resync()
    bench.apply([{**grants, "version": MAX_CHAIN + 1, "base": MAX_CHAIN, "payloads": [payload("x")]}])
    assert bench.resync()


def command(name: str, boot: int = 1, not_after: int = 30_000) -> dict[str, Any]:
    return {
        "kind": "command",
        "device": "wall-1",
        "id": name * 16,
        "boot": boot,
        "not_after_ms": not_after,
        "payload": payload(name),
    }


def test_a_command_is_published_once_or_reported_undelivered(bench: Bench) -> None:
    """R-54."""
    bench.apply([], snapshot=True)
    bench.apply([command("a")])
    bench.hello(uptime=5_000)
    bench.apply([command("b"), command("c", boot=2), command("d", not_after=5_000), command("b")])
    assert bench.said("cmd") == [b"b"]
    assert [(row["id"][0], row["r"]) for row in bench.kinds("undelivered")] == [
        ("a", "offline"),
        ("c", "offline"),
        ("d", "late"),
    ]
    bench.hello()
    bench.tick()
    assert bench.said("cmd") == [], "never again"


def test_a_snapshot_replaces_documents_and_carries_no_commands(bench: Bench) -> None:
    bench.apply([], snapshot=True)
    bench.hello()
    desired = {"kind": "desired", "doc": "config", "version": 1, "base": 0}
    bench.apply(
        [
            {**desired, "device": "wall-1", "payloads": [payload("old")]},
            {**desired, "device": "wall-2", "payloads": [payload("old")]},
        ]
    )
    bench.said("desired")
    snapshot = [{**desired, "device": "wall-1", "version": 3, "payloads": [payload("new")]}, command("a")]
    bench.apply(snapshot, snapshot=True, epoch="f2", cursor=77)
    assert bench.said("desired") == [b"new"]
    assert bench.said("cmd") == []
    assert bench.site.documents.chain("wall-2", "config") == ()
    assert bench.site.feed.position().cursor == 77
    with pytest.raises(FeedError):
        bench.apply([], epoch="f3")
    assert bench.site.feed.position().epoch == "f2"


@pytest.mark.parametrize(
    "item",
    [
        {"kind": "unheard", "device": "wall-1"},
        {"kind": "desired", "device": "WALL", "doc": "config", "version": 1, "base": 0, "payloads": ["QQ=="]},
        {"kind": "desired", "device": "gw", "doc": "config", "version": 1, "base": 0, "payloads": ["QQ=="]},
        desired(
            "other",
            1,
            0,
        ),
        {
            "kind": "desired",
            "device": "wall-1",
            "doc": "config",
            "version": True,
            "base": 0,
            "payloads": ["QQ=="],
        },
        {"kind": "desired", "device": "wall-1", "doc": "config", "version": 1, "base": 0, "payloads": ["?"]},
        {"kind": "command", "device": "wall-1", "id": "", "boot": 1, "not_after_ms": 1, "payload": "QQ=="},
        {
            "kind": "command",
            "device": "wall-1",
            "id": "a",
            "boot": 1,
            "not_after_ms": 1,
            "payload": "A" * 4000,
        },
    ],
)
def test_an_item_that_cant_be_read_is_passed_over_and_counted(bench: Bench, item: dict[str, Any]) -> None:
    bench.apply([], snapshot=True)
    bench.hello()
    bench.apply([item, command("b")])
    assert bench.said("cmd") == [b"b"]
    assert bench.counts() == {("gw", "feed"): 1}
    assert bench.site.feed.position().cursor == 2


def test_a_revoked_device_is_lost_and_its_documents_go(bench: Bench) -> None:
    bench.apply([], snapshot=True)
    bench.hello()
    desired = {"kind": "desired", "device": "wall-1", "doc": "config", "version": 1, "base": 0}
    bench.apply([{**desired, "payloads": [payload("C")]}, {"kind": "revoke", "device": "wall-1"}])
    assert bench.effects.revoked == ["wall-1"]
    assert bench.site.revoked() == ["wall-1"]
    assert bench.site.roster.online(bench.now) == []
    assert bench.site.documents.chain("wall-1", "config") == ()
    assert [row["s"] for row in bench.kinds("presence")] == ["online", "lost"]
