"""Topic names: `lk/1/{site}/{device}/{leaf}` (R-01 to R-04)."""

from firmware.contract.errors import ContractError

PREFIX = "lk/1"
GATEWAY = "gw"
"""Reserved device id under which the gateway speaks to the whole site."""

FROM_DEVICE = ("state", "desc", "up")
TO_DEVICE = ("ack", "desired", "cmd")
FROM_GATEWAY = ("time", "health")

MAX_ID = 32
MAX_MESSAGE = 2304
"""Largest payload in bytes either side sends on any topic: a 2 kB piece of grants and its seal (R-05)."""

_ID_CHARS = "abcdefghijklmnopqrstuvwxyz0123456789-"


def is_id(text: str) -> bool:
    """True if `text` may name a site or a device: 1 to 32 of `[a-z0-9-]` (R-02)."""
    if not 0 < len(text) <= MAX_ID:
        return False
    for char in text:
        if char not in _ID_CHARS:
            return False
    return True


def topic(site: str, device: str, leaf: str) -> str:
    """The topic of one leaf of one device."""
    return PREFIX + "/" + site + "/" + device + "/" + leaf


def parse(name: str) -> tuple[str, str, str]:
    """(site, device, leaf) of a topic; raises ContractError("topic") for anything foreign (R-01)."""
    parts = name.split("/")
    if len(parts) != 5 or parts[0] + "/" + parts[1] != PREFIX:
        raise ContractError("topic")
    site, device, leaf = parts[2], parts[3], parts[4]
    if not is_id(site) or not is_id(device):
        raise ContractError("topic")
    if device == GATEWAY:
        known = leaf in FROM_GATEWAY
    else:
        known = leaf in FROM_DEVICE or leaf in TO_DEVICE
    if not known:
        raise ContractError("topic")
    return site, device, leaf
