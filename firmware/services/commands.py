"""Commands as they arrive: sealed acts that happen at most once, before their expiry, and say why if they do
not.
"""

from firmware.contract import commands as wire
from firmware.contract import records
from firmware.contract.commands import Command
from firmware.contract.errors import ContractError
from firmware.contract.seals import Mac, unseal
from firmware.core.commands import judge
from firmware.core.door import Request
from firmware.services.doors import Doors
from firmware.services.holdings import Holdings
from firmware.services.identity import Identity
from firmware.services.recorder import Recorder
from firmware.services.throttle import Throttle


class Commands:
    """Takes payloads of the topic `cmd`."""

    def __init__(
        self, identity: Identity, doc_key: Mac, holdings: Holdings, recorder: Recorder, doors: Doors | None
    ) -> None:
        self._identity = identity
        self._doc_key = doc_key
        self._holdings = holdings
        self._recorder = recorder
        self._doors = doors
        self._refusals = Throttle()
        if doors is not None:
            doors.answer_to(self.opened)

    def arrived(self, payload: bytes, retained: bool) -> None:
        """One message. Whatever is refused is recorded with its reason (R-52)."""
        if retained:
            self._refused("", records.RETAINED)
            return
        try:
            body = unseal(self._doc_key, self._identity.site, self._identity.device, "cmd", payload)
        except ContractError:
            self._refused("", records.BAD_SEAL)
            return
        try:
            command = wire.unpack(body)
            known = self._holdings.memory.first_result(command.command_id)
        except (ContractError, ValueError):
            self._refused("", records.MALFORMED)
            return
        if known:
            self._duplicate(command.command_id, known)
            return
        why_not = judge(command, self._recorder.journal.boot, self._recorder.uptime.ms())
        if why_not:
            self._refused(command.command_id, why_not)
            return
        self._act(command)

    def _refused(self, command_id: str, status: str) -> None:
        if self._refusals.allows(self._recorder.uptime.ms()):
            self._recorder.event("cmd", {"id": command_id, "st": status})

    def _duplicate(self, command_id: str, first: str) -> None:
        if self._refusals.allows(self._recorder.uptime.ms()):
            self._recorder.event("cmd", {"id": command_id, "st": records.DUPLICATE, "st1": first})

    def _act(self, command: Command) -> None:
        """Remember the id in flash, then act (R-51)."""
        page = self._holdings.memory.remember(command, self._recorder.uptime.ms())
        if page < 0:
            self._refused(command.command_id, records.FAILED)
            return
        if not self._holdings.keep_command(page):
            # An act that would be forgotten in a power cut could be done twice.
            self._holdings.memory.finish(command.command_id, records.FAILED)
            self._refused(command.command_id, records.FAILED)
            return
        if command.op == wire.OPEN and self._doors is None:
            self.opened(command.command_id, command.door, records.REFUSED)
        elif command.op == wire.OPEN and self._doors is not None:
            request = Request(command.door, "cmd", command.command_id, not_after_ms=command.not_after_ms)
            self._doors.command(request)
        else:
            self._finish(command.command_id, {"op": command.op}, self._block_or_release(command))

    def _block_or_release(self, command: Command) -> bool:
        if command.op == wire.BLOCK:
            done = self._holdings.block(command.block_id, command.zone, "hand")
            if done:
                fields: dict[str, object] = {"id": command.block_id, "z": command.zone, "r": "hand"}
                self._recorder.event("block", fields)
            return done
        done = self._holdings.release(command.block_id, command.by)
        if done:
            self._recorder.event("release", {"id": command.block_id, "by": command.by})
        return done

    def opened(self, command_id: str, door: int, outcome: str) -> None:
        """A remote opening ended."""
        done = outcome in (records.OPENED, records.ALREADY_OPEN)
        self._finish(command_id, {"op": wire.OPEN, "d": door, "o": outcome}, done)

    def _finish(self, command_id: str, fields: dict[str, object], done: bool) -> None:
        status = records.DONE if done else records.FAILED
        self._holdings.keep_command(self._holdings.memory.finish(command_id, status))
        fields["id"] = command_id
        fields["st"] = status
        self._recorder.event("cmd", fields)
