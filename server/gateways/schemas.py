"""The shapes between a gateway and the server (docs/interfaces.md §2). Both sides are checked against the
committed OpenAPI."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from server.foundation.web import Wire

Lane = Literal["events", "live", "backfill", "health"]
Epoch = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Seq = Annotated[int, Field(ge=1, le=(1 << 53) - 1)]


class BatchItem(Wire):
    """One line of a lane. `record` is judged apart, so that one unreadable record does not hold up the
    others."""

    seq: Seq
    device: Annotated[str, Field(max_length=64)]
    received_ms: Annotated[int, Field(ge=0, le=(1 << 53) - 1)]
    record: dict[str, Any]


class Batch(Wire):
    """`POST /v1/gateway/batches`."""

    epoch: Epoch
    lane: Lane
    items: Annotated[list[BatchItem], Field(max_length=1000)]


class Rejected(BaseModel):
    """An item put aside, and why."""

    seq: int
    code: str
    detail: str


class Pace(BaseModel):
    """How fast the server wants it."""

    max_batch: int
    min_ms: int


class BatchAnswer(BaseModel):
    """How far the lane is safe on the server's disk."""

    upto: int
    rejected: list[Rejected]
    now_ms: int
    pace: Pace


class Change(BaseModel):
    """An item of the feed; which members it has depends on `kind`."""

    c: int
    kind: Literal["desired", "command", "revoke"]
    device: str
    doc: Literal["config", "grants"] | None = None
    version: int | None = None
    base: int | None = None
    payloads: list[str] | None = None
    id: str | None = None
    boot: int | None = None
    not_after_ms: int | None = None
    payload: str | None = None


class Changes(BaseModel):
    """`GET /v1/gateway/changes` and `/snapshot`."""

    epoch: str
    cursor: int
    now_ms: int
    items: list[Change]
