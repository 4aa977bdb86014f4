"""Tables of sites, controllers, zones, compartments, blocks and commands."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.foundation.database import Base, index_where

EMPTY = "empty"
STOCKED = "stocked"
DOUBTFUL = "doubtful"

REVOKED = "revoked"
"""A controller's presence once it may no longer connect."""


class Site(Base):
    """A place with one gateway."""

    __tablename__ = "sites"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    timezone: Mapped[str]


class Controller(Base):
    """One board: a bank of doors or a cold room. Its id is unique on the platform and never used for
    another board."""

    __tablename__ = "controllers"
    __table_args__ = (CheckConstraint("kind IN ('bank', 'room')", name="kind"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    site_id: Mapped[str] = mapped_column(ForeignKey("sites.id"), index=True)
    kind: Mapped[str]
    board: Mapped[str]
    name: Mapped[str]
    sealed_key: Mapped[bytes]
    """The 32 bytes shared with the board, sealed (place `controller:ID`)."""
    setup: Mapped[dict[str, Any]]
    """boards, sample_s, period_s, pulse_ms, tries, retry_s, reopen_s, use_s, as in the site file."""
    config_version: Mapped[int] = mapped_column(default=0)
    config_body: Mapped[bytes | None]
    """The document of `config_version`, unsealed; None before the first."""
    config_applied: Mapped[int] = mapped_column(default=0)
    grants_version: Mapped[int] = mapped_column(default=0)
    grants_applied: Mapped[int] = mapped_column(default=0)
    last_grant_no: Mapped[int] = mapped_column(default=0)
    last_credential_no: Mapped[int] = mapped_column(default=0)
    last_load: Mapped[int] = mapped_column(default=0)
    presence: Mapped[str] = mapped_column(default="unknown")
    """unknown, online, off or lost, as the gateway last told; or revoked."""
    presence_at: Mapped[datetime | None]
    boot: Mapped[int] = mapped_column(default=0)
    uptime_ms: Mapped[int] = mapped_column(default=0)
    heard_at: Mapped[datetime | None]
    """When the gateway last named it online, with `boot` and `uptime_ms` of that moment."""


class Zone(Base):
    """A space with one climate. Temperatures in hundredths of a degree Celsius; a zone without probes is
    not judged."""

    __tablename__ = "zones"
    __table_args__ = (
        UniqueConstraint("controller_id", "key"),
        CheckConstraint("climate IN ('ambient', 'chilled', 'frozen')", name="climate"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    controller_id: Mapped[str] = mapped_column(ForeignKey("controllers.id"))
    key: Mapped[str]
    """Its id at the controller; unique there."""
    name: Mapped[str]
    climate: Mapped[str]
    bus: Mapped[int]
    probes: Mapped[list[Any]]
    low_centi: Mapped[int]
    high_centi: Mapped[int]
    alert_centi: Mapped[int]
    delay_s: Mapped[int]
    silence_s: Mapped[int]
    ajar_s: Mapped[int]


class Compartment(Base):
    """A compartment and its door. What is inside is a matter of evidence: `contents` is changed by
    `lockers.contents` alone."""

    __tablename__ = "compartments"
    __table_args__ = (
        UniqueConstraint("controller_id", "number"),
        CheckConstraint("contents IN ('empty', 'stocked', 'doubtful')", name="contents"),
        CheckConstraint("size IN ('S', 'M', 'L')", name="size"),
        CheckConstraint("number BETWEEN 1 AND 255", name="number"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    controller_id: Mapped[str] = mapped_column(ForeignKey("controllers.id"))
    number: Mapped[int]
    """The door's number at the wall."""
    zone_id: Mapped[int] = mapped_column(ForeignKey("zones.id"), index=True)
    board: Mapped[int]
    channel: Mapped[int]
    size: Mapped[str]
    item_sensor: Mapped[bool]
    in_service: Mapped[bool] = mapped_column(default=True)
    contents: Mapped[str] = mapped_column(default=EMPTY)
    door_open: Mapped[bool] = mapped_column(default=False)
    door_at: Mapped[datetime | None]
    load: Mapped[int] = mapped_column(default=0)
    """The load that is inside, or that was last; 0: none yet."""


class Block(Base):
    """Doors that open for nobody until a named person releases them. `zone_key` "": every door of the
    controller."""

    __tablename__ = "blocks"
    __table_args__ = (
        index_where("ix_blocks_live", "controller_id", "zone_key", where="released_at IS NULL"),
        UniqueConstraint("controller_id", "block_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    controller_id: Mapped[str] = mapped_column(ForeignKey("controllers.id"))
    block_id: Mapped[str]
    """The id that the controller and the server agree on."""
    zone_key: Mapped[str]
    reason: Mapped[str]
    """As in the `block` record: warm, cold, nodata, probe … or `hand`."""
    by: Mapped[str]
    """`device` or a person's name."""
    note: Mapped[str] = mapped_column(default="")
    began_at: Mapped[datetime]
    requested_at: Mapped[datetime | None]
    """Release asked for (the command is on its way)."""
    released_at: Mapped[datetime | None]
    released_by: Mapped[str] = mapped_column(default="")
    release_reason: Mapped[str] = mapped_column(default="")


class Command(Base):
    """An act that must not be repeated, and what became of it."""

    __tablename__ = "commands"
    __table_args__ = (Index("ix_commands_controller_id_created_at", "controller_id", "created_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    controller_id: Mapped[str] = mapped_column(ForeignKey("controllers.id"))
    op: Mapped[str]
    door: Mapped[int] = mapped_column(default=0)
    zone_key: Mapped[str] = mapped_column(default="")
    block_id: Mapped[str] = mapped_column(default="")
    boot: Mapped[int]
    not_after_ms: Mapped[int]
    by: Mapped[str]
    """Name of the person."""
    reason: Mapped[str]
    created_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default="sent")
    """sent, done, failed, refused, undelivered, silent (no answer in time)."""
    result: Mapped[str] = mapped_column(default="")
    """The device's or gateway's word: done, late, otherboot, badseal, offline …"""
    outcome: Mapped[str] = mapped_column(default="")
    """Of an opening: opened, jammed, already, noanswer, refused."""
    result_at: Mapped[datetime | None]
