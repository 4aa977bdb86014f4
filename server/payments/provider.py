"""The payment provider's port, and the test provider that ships: real signatures, no money.

Whoever adds a real provider implements the port; nothing else knows one from another.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Protocol

from server.foundation.context import Context
from server.foundation.errors import BadRequest, Unauthorized

CREATED = "payment.created"
CAPTURED = "payment.captured"
FAILED = "payment.failed"
TYPES = (CREATED, CAPTURED, FAILED)

TOLERANCE_S = 300
MAX_EVENT = 16_384


@dataclass(frozen=True)
class Event:
    """What a provider tells of a session. `external_id` is the provider's own and unique."""

    external_id: str
    type: str
    session: str
    amount_cents: int
    currency: str


class Provider(Protocol):
    """What the server needs of a provider."""

    name: str
    session_s: int
    """How long a session can be paid at the provider's; 0: as long as we take it."""

    def page(self, session: str) -> str:
        """Where the customer pays."""
        ...

    def verify(self, raw: bytes, signature: str) -> Event:
        """The event in a webhook's raw bytes; raises Unauthorized (forged, old) or BadRequest (not an
        event)."""
        ...

    def refund(self, session: str, amount_cents: int, currency: str, key: str) -> None:
        """Returns money, once per `key` however often it is called; raises OSError to be tried again."""
        ...


def sign(secret: str, stamp: int, raw: bytes) -> str:
    """The `Loquet-Signature` header of the test provider: `t=UNIX,v1=HEX`."""
    digest = hmac.new(secret.encode(), str(stamp).encode() + b"." + raw, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"


def parse_signature(header: str) -> tuple[int, str]:
    """(time, hex digest) of a signature header; raises Unauthorized."""
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    stamp, digest = parts.get("t", ""), parts.get("v1", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12 and digest.isascii()):
        raise Unauthorized("the signature is missing or not one", code="signature")
    return int(stamp), digest


class TestProvider:
    """A page with a pay button, and webhooks signed with the secret of the settings."""

    __test__ = False
    name = "test"
    session_s = 0

    def __init__(self, context: Context) -> None:
        self._context = context

    def page(self, session: str) -> str:
        """Our own page."""
        return f"{self._context.settings.base_url.rstrip('/')}/pay/test/{session}"

    def verify(self, raw: bytes, signature: str) -> Event:
        """Checks the MAC over the raw bytes first, then its age, then the shape."""
        stamp, digest = parse_signature(signature)
        _, expected = parse_signature(sign(self._context.settings.webhook_secret, stamp, raw))
        if not hmac.compare_digest(expected, digest):
            raise Unauthorized("the signature does not fit", code="signature")
        if abs(self._context.clock.now().timestamp() - stamp) > TOLERANCE_S:
            raise Unauthorized("the signature is too old", code="signature")
        return parse_event(raw)

    def refund(self, session: str, amount_cents: int, currency: str, key: str) -> None:
        """Nothing to return."""


def parse_event(raw: bytes) -> Event:
    """The event in JSON; raises BadRequest."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadRequest("the event is not JSON") from error
    if not isinstance(body, dict):
        raise BadRequest("the event is not an object")
    texts = [body.get(name) for name in ("id", "type", "session", "currency")]
    amount = body.get("amount_cents")
    if not isinstance(amount, int) or isinstance(amount, bool) or not 0 <= amount < 1 << 40:
        raise BadRequest("the event has no amount")
    for text in texts:
        if not isinstance(text, str) or not 0 < len(text) <= 128 or "\x00" in text:
            raise BadRequest("the event lacks a field")
    external_id, kind, session, currency = (str(text) for text in texts)
    if kind not in TYPES:
        raise BadRequest("the event is of an unknown type")
    return Event(external_id, kind, session, amount, currency)


def provider(context: Context) -> Provider:
    """The provider of the settings."""
    return TestProvider(context)
