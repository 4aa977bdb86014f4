"""Who this controller is: written into its file system at the factory, never logged, never sent."""

import binascii
import json

from firmware.contract.topics import is_id

BANK_BOARD, ROOM_BOARD = "locker-bank", "cold-room"
FILE = "identity.json"


class IdentityError(Exception):
    """No usable identity in the file system; the text names the part that is missing, never its value."""


class Identity:
    """Site, device, board, broker, and the two secrets: the link's (`psk`) and the server's (`key`)."""

    def __init__(
        self, site: str, device: str, board: str, broker_host: str, broker_port: int, psk: bytes, key: bytes
    ) -> None:
        self.site = site
        self.device = device
        self.board = board
        self.broker_host = broker_host
        self.broker_port = broker_port
        self.psk = psk
        self.key = key
        self.wifi: tuple[str, str] | None = None
        """Network name and key of a board that hangs on the radio too."""


def _text(document: dict[str, object], key: str) -> str:
    value = document.get(key)
    if not isinstance(value, str) or not value:
        raise IdentityError(key) from None
    return value


def _secret(document: dict[str, object], key: str) -> bytes:
    try:
        secret = binascii.unhexlify(_text(document, key))
    except ValueError:
        raise IdentityError(key) from None
    if len(secret) != 32:
        raise IdentityError(key)
    return secret


def parse(content: bytes) -> Identity:
    """The identity in the file's bytes; raises IdentityError."""
    try:
        document: object = json.loads(content)
    except ValueError:
        raise IdentityError("json") from None
    if not isinstance(document, dict):
        raise IdentityError("json")
    members: dict[str, object] = document
    port = members.get("broker_port")
    if not isinstance(port, int) or not 0 < port < 65536:
        raise IdentityError("broker_port")
    site, device, board = _text(members, "site"), _text(members, "device"), _text(members, "board")
    if not is_id(site) or not is_id(device) or board not in (BANK_BOARD, ROOM_BOARD):
        raise IdentityError("site, device or board")
    identity = Identity(
        site,
        device,
        board,
        _text(members, "broker_host"),
        port,
        _secret(members, "psk"),
        _secret(members, "key"),
    )
    if "wifi_ssid" in members:
        identity.wifi = (_text(members, "wifi_ssid"), _text(members, "wifi_key"))
    return identity
