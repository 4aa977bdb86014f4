"""The way to the mail relay: TLS that is checked, a login, and a password that never crosses a network in
the clear."""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import select

from server.foundation import outbox, relay
from server.foundation.errors import ConfigurationError
from server.foundation.outbox import OutboxMail
from server.foundation.settings import Settings, load_settings
from tests.server.bench import Bench

PASSWORD = "correct-horse"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificate and key of 127.0.0.1, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "relay under test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("relay") / "relay.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return path


class Mailbox:
    """Keeps what comes."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """aiosmtpd's hook."""
        assert isinstance(envelope.content, bytes)
        self.mails.append(envelope.content)
        return "250 OK"


def _authenticate(
    _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
) -> AuthResult:
    assert isinstance(data, LoginPassword)
    return AuthResult(success=(data.login, data.password) == (b"ferme", PASSWORD.encode()))


@pytest.fixture
def guarded(certificate: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Mailbox, str]]:
    """A relay that takes mail over TLS (`starttls` or `tls`) from who logs in."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    box = Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    place: Any = {"hostname": "127.0.0.1", "port": port}
    if request.param == "tls":  # aiosmtpd sees no TLS that stands around it, so it asks for no login there
        controller = Controller(
            box, ssl_context=context, auth_require_tls=False, authenticator=_authenticate, **place
        )
    else:
        controller = Controller(
            box,
            tls_context=context,
            require_starttls=True,
            auth_required=True,
            authenticator=_authenticate,
            **place,
        )
    controller.start()
    yield box, f"127.0.0.1:{port}"
    controller.stop()


def _settings(bench: Bench, address: str, tls: str, password: str = PASSWORD) -> Settings:
    file = bench.folder / "relay.password"
    file.write_text(password + "\n")
    file.chmod(0o600)
    changes = {"smtp": address, "smtp_tls": tls, "smtp_user": "ferme", "smtp_password_file": str(file)}
    return bench.context.settings.model_copy(update=changes)


def _ask_for_mail(bench: Bench) -> None:
    with bench.context.store.write() as session:
        outbox.send_mail(session, bench.context, to="a@example.org", subject="s", text="t", about="x")


@pytest.mark.parametrize(("guarded", "tls"), [("starttls", "starttls"), ("tls", "tls")], indirect=["guarded"])
def test_a_mail_goes_over_tls_after_a_login(
    bench: Bench,
    guarded: tuple[Mailbox, str],
    tls: str,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    box, address = guarded
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    _ask_for_mail(bench)
    context = replace(bench.context, settings=_settings(bench, address, tls))
    assert outbox.deliver_due(context) == 1
    assert len(box.mails) == 1


@pytest.mark.parametrize("guarded", ["starttls"], indirect=True)
def test_a_relay_with_another_certificate_or_password_gets_nothing_and_mails_wait_unspent(
    bench: Bench,
    guarded: tuple[Mailbox, str],
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    box, address = guarded
    _ask_for_mail(bench)
    with pytest.raises(ssl.SSLCertVerificationError):
        relay.connect(_settings(bench, address, "starttls"))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    refused = replace(bench.context, settings=_settings(bench, address, "starttls", "wrong"))
    assert outbox.deliver_due(refused) == 0
    Path(refused.settings.smtp_password_file).chmod(0o644)
    bench.clock.advance(minutes=30)
    assert outbox.deliver_due(refused) == 0
    assert "everybody may read it" in caplog.text
    assert "wrong" not in caplog.text
    assert box.mails == []
    with bench.context.store.read() as session:
        assert session.scalars(select(OutboxMail)).one().attempts == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('smtp = "mail.example.org:25"\nsmtp_user = "u"\nsmtp_password_file = "p"', "in the clear"),
        ('smtp = "127.0.0.1:25"\nsmtp_user = "u"', "go together"),
        ('smtp = "mail.example.org"', "smtp"),
        ('smtp_tls = "ssl"', "smtp_tls"),
    ],
)
def test_a_relay_that_would_leak_the_password_is_refused_in_one_line(
    tmp_path: Path, text: str, said: str
) -> None:
    config = tmp_path / "server.toml"
    config.write_text(text)
    with pytest.raises(ConfigurationError, match=said) as refusal:
        load_settings(config)
    assert "\n" not in str(refusal.value)


def test_a_password_in_the_clear_stays_on_this_host(tmp_path: Path) -> None:
    config = tmp_path / "server.toml"
    config.write_text('smtp = "127.0.0.1:25"\nsmtp_user = "u"\nsmtp_password_file = "p"')
    (tmp_path / "p").touch(0o600)
    (tmp_path / "p").write_text("secret")
    assert load_settings(config).smtp_password_file == str(tmp_path / "p")
