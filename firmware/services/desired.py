"""Desired state as it arrives: a configuration or a piece of grants, sealed by the server, applied whole or
not at all.
"""

import binascii

from firmware.contract import config as configuration
from firmware.contract import grants
from firmware.contract.errors import ContractError
from firmware.contract.seals import Mac, unseal
from firmware.core import grantbook
from firmware.services.holdings import Holdings
from firmware.services.identity import Identity
from firmware.services.recorder import Recorder
from firmware.services.throttle import Throttle

CONFIG, GRANTS = "cfg", "grants"
FLASH, MEMORY = "flash", "memory"
"""Reasons that lie with this board: nothing changed, and the same document may come again."""
_SEAL = 16


class Desired:
    """Takes payloads of the topic `desired`; every application and every refusal is an event (R-60)."""

    def __init__(self, identity: Identity, doc_key: Mac, holdings: Holdings, recorder: Recorder) -> None:
        self._identity = identity
        self._doc_key = doc_key
        self._holdings = holdings
        self._recorder = recorder
        self._refusals = Throttle()
        self.config_changed = False
        """True when a configuration was taken whose description is still to be published."""

    def arrived(self, payload: bytes, retained: bool) -> None:
        """One message; a retained one is never obeyed (R-04)."""
        document = GRANTS if payload[_SEAL : _SEAL + 1] == b"G" else CONFIG
        if retained:
            self._refused(document, 0, "retained")
            return
        try:
            body = unseal(self._doc_key, self._identity.site, self._identity.device, "desired", payload)
        except ContractError:
            self._refused(document, 0, "badseal")
            return
        try:
            if body[:1] == b"C":
                self._config(body)
            else:
                self._grants(body)
        except ContractError as error:
            self._refused(document, 0, error.reason)
        except MemoryError:
            # Of a document that does not fit, only the refusal: the link and what is held go on.
            self._holdings.book.discard()
            self._refused(document, 0, MEMORY)

    def _refused(self, document: str, version: int, reason: str) -> None:
        if self._refusals.allows(self._recorder.uptime.ms()):
            self._recorder.event("applied", {"d": document, "ver": version, "ok": 0, "r": reason})

    def _config(self, body: bytes) -> None:
        config = configuration.unpack(body)
        if config.version <= self._holdings.config.version:
            return
        if not self._holdings.take_config(body, config):
            self._refused(CONFIG, config.version, FLASH)
            return
        self.config_changed = True
        self._recorder.event("applied", {"d": CONFIG, "ver": config.version, "ok": 1})

    def _grants(self, body: bytes) -> None:
        piece = grants.unpack_piece(body)
        book = self._holdings.book
        came = book.stage(piece)
        if came == grantbook.READY:
            if not self._holdings.take_grants():
                self._refused(GRANTS, piece.version, FLASH)
                return
            fields: dict[str, object] = {
                "d": GRANTS,
                "ver": book.version,
                "ok": 1,
                "dg": binascii.hexlify(book.digest).decode(),
                "cnt": book.count,
            }
            self._recorder.event("applied", fields)
        elif came not in (grantbook.STAGED, grantbook.IGNORED):
            self._refused(GRANTS, piece.version, came)
