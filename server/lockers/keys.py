"""The keys shared with controllers, opened from their seals only where something is sealed for them."""

from base64 import b64encode

from firmware.contract.seals import Mac, derive, seal
from server.foundation.context import Context
from server.lockers.models import Controller


def shared_key(context: Context, controller: Controller) -> bytes:
    """The controller's 32 bytes."""
    return context.vault.open(controller.sealed_key, f"controller:{controller.id}")


def code_key(context: Context, controller: Controller) -> Mac:
    """The key under which the controller knows codes (R-13, R-20)."""
    return derive(shared_key(context, controller), b"code")


def sealed(context: Context, controller: Controller, leaf: str, body: bytes) -> str:
    """`body` sealed for that controller and leaf (R-21), base64 as the feed carries it."""
    doc_key = derive(shared_key(context, controller), b"doc")
    return b64encode(seal(doc_key, controller.site_id, controller.id, leaf, body)).decode()
