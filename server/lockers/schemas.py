"""Controllers, doors, blocks and commands as the API shows them."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from server.foundation.web import Text, Wire


class ControllerView(BaseModel):
    """A controller and how far it follows."""

    id: str
    site: str
    kind: str
    name: str
    presence: str
    boot: int
    heard_at: datetime | None
    config_version: int
    config_applied: int
    grants_version: int
    grants_applied: int


class DoorView(BaseModel):
    """A door. `offered`: empty for sure, in service, bound to nobody and not blocked."""

    number: int
    zone: str
    climate: str
    size: str
    contents: str
    open: bool
    in_service: bool
    blocked: bool
    claim: str | None
    order: str | None
    offered: bool


class BlockView(BaseModel):
    """A block; in force until `released_at`."""

    id: str
    controller: str
    zone: str
    reason: str
    by: str
    began_at: datetime
    released_at: datetime | None
    released_by: str


class CommandView(BaseModel):
    """A command and what became of it."""

    id: str
    controller: str
    op: str
    door: int
    by: str
    reason: str
    state: str
    result: str
    outcome: str
    created_at: datetime
    result_at: datetime | None


class RecordView(BaseModel):
    """A record as the controller told it; readings' bodies are in the telemetry ledger."""

    id: int
    controller: str
    epoch: str
    lane: int
    boot: int
    seq: int
    kind: str
    at: datetime | None
    received_at: datetime
    body: dict[str, object] | None


class BlockBody(Wire):
    """Which doors to block: a zone's, or with "" all; and why."""

    zone: Annotated[str, Field(pattern=r"^([a-z0-9-]{1,32})?$")] = ""
    reason: Text
