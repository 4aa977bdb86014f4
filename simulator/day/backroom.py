"""The manager's pages of a simulated server: what they show, and the acts of a named person."""

from sqlalchemy import select

from server.alarms import service as alarms
from server.foundation.errors import Conflict
from server.lockers import blocks, commands
from server.lockers.models import DOUBTFUL, Compartment
from server.orders import ending
from server.orders.models import Claim
from server.orders.states import OCCUPYING
from server.people import logins
from simulator.day.office import Office

_WAITING = ("expired", "withdrawn", "doubtful")


class Backroom:
    """What the manager sees and does, signed in."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._context = office.context
        email = next(p.email for p in office.site_file.people if p.role == "manager")
        with self._context.store.write() as session:
            link = logins.make_link(session, self._context, email)
            self.manager = logins.use_link(session, self._context, link.rpartition("/")[2])[0]

    def live_blocks(self, bank: str) -> list[tuple[str, str, bool]]:
        """(id, zone, whether a release is on its way) of each block in force."""
        with self._context.store.read() as session:
            found = blocks.live(session, bank)
            return [(block.id, block.zone_key, block.requested_at is not None) for block in found]

    def release(self, block: str) -> bool:
        """Ask for a block's release; False if the controller is not connected."""
        try:
            with self._context.store.write() as session:
                commands.release_block(session, self._context, self.manager, block, "checked the goods")
        except Conflict:
            return False
        self._office.changed()
        return True

    def open(self, bank: str, door: int, reason: str) -> bool:
        """A remote opening; False if the controller is not connected."""
        try:
            with self._context.store.write() as session:
                commands.open_door(session, self._context, self.manager, bank, door, reason)
        except Conflict:
            return False
        self._office.changed()
        return True

    def unclear(self, bank: str) -> list[tuple[int, str]]:
        """(door, claim's state or "") of each compartment that a person has to look into."""
        with self._context.store.read() as session:
            rows = session.execute(
                select(Compartment.number, Compartment.contents, Claim.state)
                .outerjoin(Claim, (Claim.compartment_id == Compartment.id) & Claim.state.in_(OCCUPYING))
                .where(Compartment.controller_id == bank)
                .order_by(Compartment.number)
            ).all()
        return [
            (row[0], row[2] or "")
            for row in rows
            if row[2] in _WAITING or (row[1] == DOUBTFUL and not row[2])
        ]

    def confirm_empty(self, bank: str, door: int) -> bool:
        """The manager has looked; False if an order has its goods there, or the door is open."""
        try:
            with self._context.store.write() as session:
                ending.confirm_empty(session, self._context, self.manager, bank, door, "looked inside")
        except Conflict:
            return False
        self._office.changed()
        return True

    def acknowledge_alarms(self) -> int:
        """The manager takes note of every open alarm; how many."""
        with self._context.store.write() as session:
            fresh = [alarm for alarm in alarms.open_alarms(session) if alarm.acknowledged_at is None]
            for alarm in fresh:
                alarms.acknowledge(session, self._context, alarm.id, self.manager, "seen")
        if fresh:
            self._office.changed()
        return len(fresh)
