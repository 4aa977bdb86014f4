"""The invariants of a simulated day, checked while it goes on and once more when all is still.

Judged from outside the program concerned: coils at the world, records as they lie in flash, rights in the
server's tables. Numbers are those of the invariants in `docs/simulator.md`.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from firmware.contract import commands as wire
from firmware.contract import grants, records
from firmware.core.ring import Ring
from server.foundation import audit
from server.gateways.models import DeviceRecord
from server.grants.models import GrantRow
from server.lockers.models import EMPTY, Command, Compartment
from server.orders.models import Claim, Order
from server.orders.states import HELD, LAPSED, OCCUPYING
from server.payments.models import MoneyEntry, Refund
from simulator.day.board import Board
from simulator.day.office import Office
from simulator.day.wall import Wall


class InvariantError(Exception):
    """A promise of the system was broken; the text says which."""


@dataclass
class _Told:
    """What the controller's own records have said so far."""

    applied: int = 0
    blocks: dict[str, str] = field(default_factory=dict)
    """Zone by block id."""
    ended: set[int] = field(default_factory=set)
    """Grants whose use ended in a collection."""
    commanded: set[str] = field(default_factory=set)
    """Commands that were used."""


class Judge:
    """Watches one wall, its controller and the server."""

    def __init__(self, wall: Wall, board: Board, office: Office) -> None:
        self._wall = wall
        self._board = board
        self._office = office
        self._told = _Told()
        self.checks = 0
        wall.on_coil = self.coil

    # the controller.

    def told(self, kind: str, fields: dict[str, Any]) -> None:
        """A record is durable."""
        if kind == "applied" and fields["d"] == "grants" and fields["ok"] == 1:
            self._told.applied = max(self._told.applied, fields["ver"])
        elif kind == "block":
            self._told.blocks[fields["id"]] = fields["z"]
        elif kind == "release":
            _hold(bool(fields["by"]), "a block was lifted in nobody's name")
            self._told.blocks.pop(fields["id"], None)
        elif kind == "after" and fields["r"] == records.COLLECTED:
            self._told.ended.add(fields["g"])
        elif kind == "use" and fields["a"] == "cmd":
            _hold(fields["g"] not in self._told.commanded, "6: a command was used twice")
            self._told.commanded.add(fields["g"])

    def coil(self, number: int, on: bool) -> None:
        """A coil's current has changed. Raises InvariantError."""
        self.checks += 1
        _hold(len(self._wall.coils) <= 1, f"4: {len(self._wall.coils)} coils at work")
        if not on:
            return
        use = _last_use(self._board.flash(), number)
        if use is None:
            raise InvariantError(f"3: the coil of door {number} started with no use of it in flash")
        with self._office.context.store.read() as session:
            if use["a"] == "cmd":
                self._commanded(session, use, number)
            else:
                self._granted(session, use, number)

    def _commanded(self, session: Session, use: dict[str, Any], number: int) -> None:
        command = session.get(Command, use["g"])
        _hold(command is not None, "3: a coil by a command that the server never gave")
        if command is not None:
            _hold((command.op, command.door) == (wire.OPEN, number), f"3: a command opens door {number}")

    def _granted(self, session: Session, use: dict[str, Any], number: int) -> None:
        row = session.scalars(select(GrantRow).where(GrantRow.number == use["g"])).one_or_none()
        if row is None:
            raise InvariantError("3: a coil by a grant that the server never gave")
        grant = grants.unpack(row.record)
        _hold(row.door == number, f"3: a grant for door {row.door} opens door {number}")
        gone = row.removed_version is not None and row.removed_version <= self._told.applied
        _hold(not gone, f"3: a revoked grant opens door {number}")
        _hold(grant.grant_id not in self._told.ended, f"3: a used grant opens door {number}")
        unix = int(self._wall.timeline.now().timestamp())
        _hold(grant.start <= unix + 5, f"3: door {number} opens before its time")
        _hold(unix < grant.until + 600, f"3: door {number} opens after its time")
        blocked = self._told.blocks.values()
        zone = next(door.zone for door in self._wall.plan.doors if door.number == number)
        _hold(
            grant.kind == grants.STAFF or not any(each in ("", zone) for each in blocked),
            f"door {number} opens although its zone is blocked",
        )

    # the server.

    def server(self, is_audited: bool) -> None:
        """After each transaction; no claim changes without a line in the audit. Raises InvariantError."""
        self.checks += 1
        with self._office.context.store.read() as session:
            # Readings of an outage come after the live ones, so theirs are counted when all is still.
            _complete(session, records.EVENTS)
            if not is_audited:
                return
            twice = session.execute(
                select(Claim.compartment_id)
                .where(Claim.state.in_(OCCUPYING))
                .group_by(Claim.compartment_id)
                .having(func.count() > 1)
            ).first()
            _hold(twice is None, "1: two live claims on one compartment")

    def end(self) -> None:
        """Everything is still, every line is whole. Raises InvariantError."""
        self.server(True)
        held = Ring(self._board.keep.readings, records.READINGS)
        held.mount()
        for lane, last in ((records.EVENTS, self._board.flash().last), (records.READINGS, held.last)):
            with self._office.context.store.read() as session:
                there = session.scalar(select(func.max(DeviceRecord.seq)).where(DeviceRecord.lane == lane))
                _complete(session, lane)
            _hold(there == last, f"11: lane {lane} is at {there} in the server, at {last} in flash")
        with self._office.context.store.read() as session:
            fault = audit.verify(session)
            _hold(not fault, f"17: {fault}")
            self._money(session)
            self._contents(session)

    def _money(self, session: Session) -> None:
        """Every captured cent belongs to an order that goes on, was collected, or got it back (2)."""
        for order in session.scalars(select(Order)):
            taken, back = (
                sum(
                    session.scalars(
                        select(MoneyEntry.amount_cents).where(
                            MoneyEntry.order_id == order.id, MoneyEntry.kind == kind
                        )
                    )
                )
                for kind in ("captured", "refunded")
            )
            _hold(back <= taken, "2: more was refunded than was paid")
            _hold(taken in (0, order.total_cents), "2: an order was paid twice")
            _hold(
                not taken or order.state not in (HELD, LAPSED), "2: a paid order has neither door nor refund"
            )
            refund = session.scalars(select(Refund).where(Refund.order_id == order.id)).one_or_none()
            if order.state == "refunded":
                _hold(refund is not None and back == refund.amount_cents, "2: a refund that was not booked")

    def _contents(self, session: Session) -> None:
        """A compartment that is offered has nothing inside."""
        for number in session.scalars(select(Compartment.number).where(Compartment.contents == EMPTY)):
            inside = self._wall.doors[number].items
            _hold(not inside, f"door {number} is offered with goods inside")


def _hold(holds: bool, broken: str) -> None:
    if not holds:
        raise InvariantError(broken)


def _complete(session: Session, lane: int) -> None:
    """Each number of a lane up to the last is at the server, once; no flash was full, so none is missing."""
    count, last = session.execute(
        select(func.count(), func.max(DeviceRecord.seq)).where(DeviceRecord.lane == lane)
    ).one()
    _hold(count == (last or 0), f"11: lane {lane} has {count} records up to number {last}")


def _last_use(ring: Ring, number: int) -> dict[str, Any] | None:
    """The use of a door that is going on, from the last events in flash: none after its lock's outcome."""
    use: dict[str, Any] | None = None
    at = max(ring.last - 40, 0)
    while (found := ring.read_after(at)) is not None:
        at = found[0]
        record = json.loads(found[1])
        if record.get("d") != number:
            continue
        if record["k"] == "use":
            use = record
        elif record["k"] == "lock":
            use = None
    return use
