"""Seals: what the server alone may say is MACed over its exact bytes, under a key that only that controller
shares (R-20 to R-24).

HMAC-SHA-256 (RFC 2104), truncated to 16 bytes for documents and 8 for codes. MicroPython has no `hmac`
module.
"""

import hashlib

from firmware.contract.errors import ContractError

SEAL = 16
CODE_MAC = 8
KEY = 32

_INNER = bytes([0x36 ^ value for value in range(256)])
_OUTER = bytes([0x5C ^ value for value in range(256)])


def _pad(key: bytes, table: bytes) -> bytes:
    block = bytearray(64)
    block[: len(key)] = key
    for at in range(64):
        block[at] = table[block[at]]
    return bytes(block)


class Mac:
    """HMAC-SHA-256 under one key, its two padded blocks made once: a keypad digit costs two hashes, nothing
    more.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY:
            raise ContractError("key")
        self._inner = _pad(key, _INNER)
        self._outer = _pad(key, _OUTER)

    def digest(self, message: bytes) -> bytes:
        """The 32-byte MAC of `message`."""
        inner = hashlib.sha256(self._inner)
        inner.update(message)
        outer = hashlib.sha256(self._outer)
        outer.update(inner.digest())
        return outer.digest()


def derive(key: bytes, label: bytes) -> Mac:
    """A key for one purpose (`doc`, `code`) from the controller's 32-byte key, so that no MAC serves two
    (R-20).
    """
    return Mac(Mac(key).digest(label))


def same(left: bytes, right: bytes) -> bool:
    """Constant-time equality."""
    if len(left) != len(right):
        return False
    difference = 0
    for at in range(len(left)):
        difference |= left[at] ^ right[at]
    return difference == 0


def code_mac(code_key: Mac, digits: str) -> bytes:
    """The 8 bytes by which a controller knows a code; `code_key = derive(key, b"code")` (R-13)."""
    return code_key.digest(digits.encode())[:CODE_MAC]


def _place(site: str, device: str, leaf: str) -> bytes:
    return (site + "/" + device + "/" + leaf + "\n").encode()


def seal(doc_key: Mac, site: str, device: str, leaf: str, body: bytes) -> bytes:
    """`body` with its 16-byte seal in front, valid on that topic alone; `doc_key = derive(key, b"doc")`
    (R-21).
    """
    return doc_key.digest(_place(site, device, leaf) + body)[:SEAL] + body


def unseal(doc_key: Mac, site: str, device: str, leaf: str, payload: bytes) -> bytes:
    """The body of a sealed payload; raises ContractError("seal") if one bit differs (R-22)."""
    if len(payload) <= SEAL:
        raise ContractError("seal")
    body = payload[SEAL:]
    if not same(doc_key.digest(_place(site, device, leaf) + body)[:SEAL], payload[:SEAL]):
        raise ContractError("seal")
    return body
