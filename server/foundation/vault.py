"""Secrets at rest: AES-256-GCM under a data key outside the database, and keyed MACs for looking up without
storing."""

import hashlib
import hmac
import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12


class Vault:
    """Purposes have keys of their own, derived from the data key, so that nothing sealed for one opens as
    another."""

    def __init__(self, data_key: bytes) -> None:
        self._key = data_key
        self._aead = AESGCM(self._derive("seal"))

    def _derive(self, purpose: str) -> bytes:
        return hmac.digest(self._key, purpose.encode(), "sha256")

    def seal(self, plain: bytes, place: str) -> bytes:
        """`plain` encrypted for one place (table and row), as nonce and ciphertext."""
        nonce = os.urandom(_NONCE)
        return nonce + self._aead.encrypt(nonce, plain, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """The plain bytes; raises cryptography's InvalidTag when moved or altered."""
        return self._aead.decrypt(sealed[:_NONCE], sealed[_NONCE:], place.encode())

    def mac(self, purpose: str, value: str) -> bytes:
        """A 32-byte keyed MAC of `value`, for uniqueness and for signed links."""
        return hmac.digest(self._derive("mac:" + purpose), value.encode(), "sha256")


def token_hash(token: str) -> str:
    """How a random token is kept: SHA-256, hex (it has 256 random bits, so no salt or slow hash is
    needed)."""
    return hashlib.sha256(token.encode()).hexdigest()
