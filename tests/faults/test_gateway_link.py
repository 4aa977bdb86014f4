"""The line to the server on a bad day: away for a week, dying every few bytes, forgotten by a NAT, too scarce
for everything, and a certificate that is over or of another authority.

The gateway's own upward thread over real HTTP; only its pauses are shorter.
"""

import shutil
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway import host, lanes, store
from gateway.backoff import Backoff
from gateway.effects import Effects
from gateway.lanes import Lane
from gateway.moment import Moment
from gateway.server import Server, ServerError, trust
from gateway.site import Site
from gateway.tally import Tally
from gateway.upstream import Upstream
from gateway.writer import Writer
from tests.faults.narrow import narrow
from tests.gateway.peer import TOKEN, Peer
from tests.gateway.rig import SITE

WEEK_MS = 7 * 24 * 3600 * 1000


class Upward:
    """Store, writer and the thread that serves the lanes, to one address."""

    def __init__(self, path: Path, url: str, context: ssl.SSLContext | None = None, run: str = "") -> None:
        self.database = store.connect(path)
        self.site = Site(SITE, self.database, Tally(), "machine", host.random_hex)
        self.writer = Writer(self.database, lambda: Effects(SITE), lambda _e: None, self.site.rolled_back)
        self.server = Server(url, TOKEN, context or trust(None), run)
        patience = Backoff(lambda: 1.0, first_s=0.01, cap_s=0.02, stable_s=30.0)
        self.thread = Upstream(self.site, self.writer, self.server, patience, host.now)

    def put(self, lane: Lane, first: int, count: int, received_ms: int | None = None) -> None:
        """Records that wait in a lane."""
        at = host.now().wall_ms if received_ms is None else received_ms

        def task(_effects: Effects) -> None:
            for number in range(first, first + count):
                # Something that does not zip away, as a minute's temperatures do not.
                record = {"k": "r", "n": number, "z": host.random_hex(40)}
                lanes.add(self.database, lane, "wall-1", at, record)

        self.writer.call(task)

    def start(self) -> None:
        """Begin to send."""
        self.thread.start()

    def close(self) -> None:
        """End all."""
        self.thread.stop()
        if self.thread.thread.ident is not None:
            self.thread.thread.join()
        self.writer.stop()
        self.server.close()
        self.database.close()


@contextmanager
def upward(path: Path, url: str, context: ssl.SSLContext | None = None, run: str = "") -> Iterator[Upward]:
    """For the time of a test; the writer runs."""
    made = Upward(path / "store.db", url, context, run)
    made.writer.start()
    try:
        yield made
    finally:
        made.close()


def numbers(peer: Peer, lane: str) -> list[int]:
    """Those of devices' records: the gateway's own word of an outage has none."""
    return [record["n"] for record in peer.records(lane) if "n" in record]


def until(condition: Callable[[], bool]) -> None:
    """Wait for what the thread itself brings about."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


def port_of(peer: Peer) -> int:
    return int(peer.url.rpartition(":")[2])


@pytest.mark.fault("F55")
def test_f55_after_a_week_without_line_the_present_goes_before_the_past(tmp_path: Path, peer: Peer) -> None:
    with upward(tmp_path, peer.url) as line:
        line.put(Lane.BACKFILL, 1, 6000, host.now().wall_ms - WEEK_MS)
        now = host.now()
        a_week_on = Moment(now.wall_ms + WEEK_MS, now.mono_ms + WEEK_MS)
        line.writer.call(lambda effects: line.site.tick(a_week_on, False, effects))
        line.put(Lane.EVENTS, 1, 3)
        line.put(Lane.LIVE, 1, 3)
        line.start()
        peer.until(lambda: len(numbers(peer, "backfill")) >= 600)
        line.put(Lane.LIVE, 4, 1)
        line.thread.wake()
        peer.until(lambda: numbers(peer, "live") == [1, 2, 3, 4])
        assert len(numbers(peer, "backfill")) < 6000, "the past is still under way"
        peer.until(lambda: numbers(peer, "backfill") == list(range(1, 6001)))
    assert [lane for _, lane, _, _ in peer.batches[:3]] == ["events", "live", "backfill"]


@pytest.mark.fault("F58")
def test_f58_on_a_scarce_line_events_go_first_then_readings_then_health_then_the_past(
    tmp_path: Path, peer: Peer
) -> None:
    """Alarms are events, and keep their place among them: they can't overtake what they follow from."""
    with upward(tmp_path, peer.url) as line:
        for lane in reversed(Lane):
            line.put(lane, 1, 2)
        line.start()
        peer.until(lambda: numbers(peer, "backfill") == [1, 2])
    assert [lane for _, lane, _, _ in peer.batches] == ["events", "live", "health", "backfill"]


@pytest.mark.fault("F56")
def test_f56_a_line_that_dies_every_few_thousand_bytes_still_moves_forward(
    tmp_path: Path, peer: Peer
) -> None:
    """300 bytes a second for 30 s are 9000: a full batch never fits, a small one does."""
    with narrow(port_of(peer)) as line, upward(tmp_path, f"http://127.0.0.1:{line.port}") as gateway:
        line.budget = 9_000
        gateway.put(Lane.EVENTS, 1, 1500)
        gateway.start()
        peer.until(lambda: numbers(peer, "events") == list(range(1, 1501)), timeout=60)
        assert line.died > 0, "no batch was too large for this line"
        assert gateway.thread._pace.limit(Lane.EVENTS) >= 1


@pytest.mark.fault("F57")
def test_f57_a_connection_that_a_nat_has_forgotten_is_given_up_and_begun_anew(
    tmp_path: Path, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.server.TIMEOUT_S", 1.0)
    with narrow(port_of(peer)) as line, upward(tmp_path, f"http://127.0.0.1:{line.port}") as gateway:
        gateway.put(Lane.EVENTS, 1, 1)
        gateway.start()
        peer.until(lambda: numbers(peer, "events") == [1])
        line.forget()
        gateway.put(Lane.EVENTS, 2, 5)
        gateway.thread.wake()
        peer.until(lambda: numbers(peer, "events") == [1, 2, 3, 4, 5, 6])
        assert line.connections >= 2


@pytest.mark.fault("F52")
def test_f52_an_older_copy_of_the_store_gives_no_number_twice(tmp_path: Path, peer: Peer) -> None:
    """A box brought back from last week's image: its next numbers are known to the server already."""
    card, copy = tmp_path / "card", tmp_path / "copy"
    card.mkdir()
    with upward(card, peer.url, run="a1") as first:
        first.put(Lane.EVENTS, 1, 5)
        first.start()
        peer.until(lambda: numbers(peer, "events") == list(range(1, 6)))
        until(lambda: first.writer.call(lambda _e: first.site.flow.depth(Lane.EVENTS))[0] == 0)
    shutil.copytree(card, copy)
    with upward(card, peer.url, run="a2") as first:
        first.put(Lane.EVENTS, 6, 5)
        first.start()
        peer.until(lambda: numbers(peer, "events") == list(range(1, 11)))
    with upward(copy, peer.url, run="b1") as second:
        second.put(Lane.EVENTS, 101, 8)
        second.start()
        peer.until(lambda: set(range(101, 109)) <= set(numbers(peer, "events")))
        until(lambda: second.writer.call(lambda _e: second.site.flow.depth(Lane.EVENTS))[0] == 0)


@pytest.mark.fault("F52")
def test_f52_of_two_gateways_with_one_card_the_later_speaks_and_nothing_of_the_other_is_lost(
    tmp_path: Path, peer: Peer
) -> None:
    card, copy = tmp_path / "card", tmp_path / "copy"
    card.mkdir()
    with upward(card, peer.url, run="a1") as first:
        first.put(Lane.EVENTS, 1, 5)
        first.start()
        peer.until(lambda: numbers(peer, "events") == list(range(1, 6)))
        until(lambda: first.writer.call(lambda _e: first.site.flow.depth(Lane.EVENTS))[0] == 0)
    shutil.copytree(card, copy)
    with upward(card, peer.url, run="a2") as first, upward(copy, peer.url, run="b1") as second:
        for gateway, number in ((first, 6), (second, 101)):
            gateway.put(Lane.EVENTS, number, 3)
            gateway.start()
            peer.until(lambda n=number: n in numbers(peer, "events"))  # type: ignore[misc]
        first.put(Lane.EVENTS, 9, 3)
        first.thread.wake()
        until(lambda: first.site.tally.totals().get("fenced") == 1)
        second.put(Lane.EVENTS, 104, 3)
        second.thread.wake()
        peer.until(lambda: 106 in numbers(peer, "events"))
        assert 9 not in numbers(peer, "events")
    with upward(card, peer.url, run="a3") as again:
        again.start()
        wanted = {*range(1, 12), *range(101, 107)}
        peer.until(lambda: set(numbers(peer, "events")) == wanted, what="a person has chosen the first")


class Authority:
    """A certificate authority of one's own."""

    def __init__(self, name: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        built = self._begin(self.name, self.key.public_key(), timedelta(days=365))
        usage = x509.KeyUsage(*(position in (5, 6) for position in range(9)))
        built = built.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.certificate = built.add_extension(usage, critical=True).sign(self.key, hashes.SHA256())

    def pem(self) -> bytes:
        """What a gateway is to believe."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def sign(self, folder: Path, life: timedelta) -> tuple[Path, Path]:
        """(certificate, key) of a server that may be called 127.0.0.1, good until `life` from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        built = self._begin(x509.Name([]), key.public_key(), life)
        address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        signed = built.add_extension(address, critical=True).sign(self.key, hashes.SHA256())
        certificate_file, key_file = folder / "server.pem", folder / "server.key"
        certificate_file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certificate_file, key_file

    def _begin(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, life: timedelta
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=400))
            .not_valid_after(now + life)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(authority, critical=False)
        )


def secured(peer: Peer, folder: Path, authority: Authority, life: timedelta) -> Callable[..., None]:
    """Puts TLS before the peer; called again it changes the certificate for new connections."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.sign(folder, life))
    server: ThreadingHTTPServer = peer._server
    server.socket = context.wrap_socket(server.socket, server_side=True)

    def renew(by: Authority, until: timedelta) -> None:
        context.load_cert_chain(*by.sign(folder, until))

    return renew


DAYS = timedelta(days=1)


@pytest.mark.fault("F45")
def test_f45_while_two_authorities_overlap_the_change_is_not_noticed(tmp_path: Path, peer: Peer) -> None:
    old, new, stranger = Authority("old"), Authority("new"), Authority("stranger")
    renew = secured(peer, tmp_path, old, 90 * DAYS)
    believed = tmp_path / "believed.pem"
    believed.write_bytes(old.pem() + new.pem())
    url = f"https://127.0.0.1:{port_of(peer)}"
    context = trust(believed)

    def ask() -> Any:
        server = Server(url, TOKEN, context)
        try:
            return server.snapshot()
        finally:
            server.close()

    assert ask().epoch == "feed-1"
    renew(new, 90 * DAYS)
    assert ask().epoch == "feed-1"
    renew(stranger, 90 * DAYS)
    with pytest.raises(ServerError, match="no answer"):
        ask()


@pytest.mark.fault("F45")
def test_f45_a_certificate_that_is_over_stops_only_the_line_and_its_end_is_known_before(
    tmp_path: Path, peer: Peer
) -> None:
    """The site goes on from the gateway's disk; what waited arrives once somebody has renewed it."""
    authority = Authority("ours")
    renew = secured(peer, tmp_path, authority, 20 * DAYS)
    believed = tmp_path / "believed.pem"
    believed.write_bytes(authority.pem())
    with upward(tmp_path, f"https://127.0.0.1:{port_of(peer)}", trust(believed)) as gateway:
        gateway.put(Lane.EVENTS, 1, 1)
        gateway.start()
        peer.until(lambda: numbers(peer, "events") == [1])
        until(lambda: gateway.thread.is_up)
        ends = gateway.server.certificate_ends
        assert ends is not None
        assert abs(ends - time.time() - 20 * 86_400) < 3600
        renew(authority, -1 * DAYS)
        again = Server(f"https://127.0.0.1:{port_of(peer)}", TOKEN, trust(believed))
        with pytest.raises(ServerError, match="no answer"):
            again.snapshot()
        gateway.server._client._transport.close()  # its open connection ends, as one does some day
        gateway.put(Lane.EVENTS, 2, 4)
        gateway.thread.wake()
        until(lambda: not gateway.thread.is_up)
        assert numbers(peer, "events") == [1]
        renew(authority, 90 * DAYS)
        peer.until(lambda: numbers(peer, "events") == [1, 2, 3, 4, 5])
        again.close()
