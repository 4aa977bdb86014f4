"""Invariants 1, 2, 15 and 17 in the server's books: claims, money, audit, and that nothing grows for ever."""

from collections import Counter
from typing import Any

from server.foundation import audit
from server.foundation.audit import GENESIS, AuditEntry
from server.orders import states
from server.payments.states import DONE, WAITING
from simulator.day.judge.broken import hold
from simulator.day.judge.watched import Watched
from simulator.day.office import Office

_KEPT_MS = (7 * 24 * 3600 + 1800) * 1000
"""What the server has, a gateway keeps for so long, and a round of pruning."""
_OVERDUE_S = 3 * 3600
"""With everything whole, an order whose window ended that long ago has come to an end."""
_OWED_BACK = (states.REFUSED, states.WITHDRAWN)
_OVER = (states.REFUNDING, states.REFUNDED, states.COLLECTED, states.EXPIRED)
"""Of such an order, no code opens anything any more."""
_STARTS_WITHIN_S = 30.0
"""A gateway that has just started prunes with its first look."""
_GOING_ON = (states.PAID, states.REGISTERED, states.READY, states.REFUNDING)


class Books:
    """Judges the rows that a transaction has touched."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._database = office.database
        self.head = (0, GENESIS)
        """Lines of the audit and the hash of the last, as somebody outside has written them down."""
        self._settled: set[str] = set()
        """Orders of refunds whose sum was fixed, and judged then."""

    def check(self, touched: dict[str, list[Any]], fresh: list[AuditEntry]) -> None:
        """After a transaction. Raises InvariantError."""
        self._chain(fresh)
        orders: dict[str, None] = {}
        for table in ("claims", "orders", "money_entries", "refunds"):
            orders.update(dict.fromkeys(touched.get(table, ())))
        for order in orders:
            self.order(order)

    def _chain(self, fresh: list[AuditEntry]) -> None:
        """New lines follow the old ones, and none of those is gone."""
        count, last = self.head
        for entry in fresh:
            hold(
                entry.id == count + 1 and entry.previous == last, f"17: audit line {entry.id} does not follow"
            )
            hashed = audit.line_hash(
                entry.id, entry.at, entry.actor, entry.action, entry.subject, entry.details, entry.previous
            )
            hold(hashed == entry.hash, f"17: audit line {entry.id} is not what its hash says")
            count, last = entry.id, entry.hash
        self.head = (count, last)
        row = self._database.execute("SELECT count, hash FROM audit_head").fetchone()
        hold((row or (0, GENESIS)) == self.head, f"17: the audit ends at line {row and row[0]}, not {count}")

    def order(self, order_id: str) -> None:
        """One order with its claims and its money."""
        rows = self._database.execute(
            "SELECT state, compartment_id FROM claims WHERE order_id = ?", (order_id,)
        ).fetchall()
        for state, compartment in rows:
            if state in states.OCCUPYING:
                (live,) = self._database.execute(
                    "SELECT count(*) FROM claims WHERE compartment_id = ? AND state IN "
                    + states.sql_list(states.OCCUPYING),
                    (compartment,),
                ).fetchone()
                hold(live <= 1, "1: two live claims on one compartment")
        (state, total) = self._database.execute(
            "SELECT state, total_cents FROM orders WHERE id = ?", (order_id,)
        ).fetchone()
        money: Counter[str] = Counter()
        for kind, cents in self._database.execute(
            "SELECT kind, amount_cents FROM money_entries WHERE order_id = ?", (order_id,)
        ):
            money[kind] += cents
        if state in _OVER:
            (live,) = self._database.execute(
                "SELECT count(*) FROM grants g JOIN credentials c ON c.id = g.credential_id"
                " WHERE c.order_id = ? AND g.removed_version IS NULL",
                (order_id,),
            ).fetchone()
            hold(not live, f"9: an order that is {state} still has {live} grants in force")
        self._money(state, total, money, [row[0] for row in rows], order_id)

    def _money(self, state: str, total: int, money: Counter[str], claims: list[str], order_id: str) -> None:
        """What was paid belongs to an order that goes on, was collected, or is given back (2)."""
        taken, back = money["captured"], money["refunded"]
        hold(back <= taken, "2: more was refunded than was paid")
        hold(taken in (0, total), "2: an order was paid twice")
        if not taken:
            hold(
                not set(claims) & {states.PAID, *states.OCCUPYING, states.COLLECTED},
                f"2: an order nobody paid has claims {claims}",
            )
            return
        hold(state not in (states.HELD, states.LAPSED), "2: a paid order has neither door nor refund")
        hold(
            not set(claims) & {states.HELD, states.LAPSED},
            f"2: a paid order has claims {claims}, unpaid ones",
        )
        refund = self._database.execute(
            "SELECT state, amount_cents FROM refunds WHERE order_id = ?", (order_id,)
        ).fetchone()
        if set(claims) & set(_OWED_BACK) and state != states.EXPIRED:
            hold(refund is not None, f"2: claims {claims} of a {state} order, and no refund")
        if refund is not None and refund[0] != WAITING and order_id not in self._settled:
            self._settled.add(order_id)
            owed = self._owed(order_id)
            hold(refund[1] == owed, f"2: {refund[1]} cents go back of the {owed} that were not collected")
        if state == states.REFUNDED:
            hold(
                refund is not None and refund[0] == DONE and back == refund[1],
                "2: a refund that was not booked",
            )

    def _owed(self, order_id: str) -> int:
        """The price of what nobody can have collected, when the sum is fixed: what may have been taken is a
        manager's decision, by another refund of nobody's.
        """
        (cents,) = self._database.execute(
            "SELECT coalesce(sum(l.quantity * l.unit_cents), 0) FROM order_lines l JOIN claims c"
            " ON c.line_id = l.id WHERE l.order_id = ? AND c.state NOT IN ('collected', 'doubtful')",
            (order_id,),
        ).fetchone()
        return int(cents)

    def restored(self, head: tuple[int, str]) -> None:
        """The server has an older database, and its audit's head as somebody outside knows it."""
        self.head = head
        rows = self._database.execute("SELECT order_id FROM refunds WHERE state <> ?", (WAITING,)).fetchall()
        self._settled = {row[0] for row in rows}

    def bounded(self, walls: list[Watched]) -> None:
        """Nothing waits or is kept for ever (15)."""
        (timers,) = self._database.execute("SELECT count(*) FROM timers").fetchone()
        (live,) = self._database.execute(
            "SELECT count(*) FROM orders WHERE state NOT IN ('collected', 'refunded', 'lapsed')"
        ).fetchone()
        hold(timers <= 100 + 3 * live, f"15: {timers} timers for {live} orders")
        (boots,) = self._database.execute("SELECT max(0, count(*)) FROM boot_clocks").fetchone()
        hold(boots <= 256 * len(walls), f"15: {boots} boots are remembered")
        for gateway in {seen.gateway.id: seen.gateway for seen in walls}.values():
            now_ms = gateway.now().wall_ms
            (old,) = gateway.database.execute(
                "SELECT count(*) FROM out WHERE done_ms < ?", (now_ms - _KEPT_MS,)
            ).fetchone()
            excused = gateway.offset_s or not gateway.is_on or gateway.runs_s < _STARTS_WITHIN_S
            hold(not old or excused, f"15: {gateway.id} keeps {old} old records")
            (aside,) = gateway.database.execute("SELECT count(*) FROM aside").fetchone()
            hold(aside <= 1000, f"15: {gateway.id} keeps {aside} messages aside")

    def end(self, walls: list[Watched]) -> None:
        """Everything is still, every line is whole."""
        with self._office.context.store.read() as session:
            fault = audit.verify(session)
        hold(not fault, f"17: {fault}")
        now = self._office.clock.now().replace(tzinfo=None)
        for order_id, state, seconds in self._database.execute(
            "SELECT id, state, (julianday(?) - julianday(window_end)) * 86400 FROM orders",
            (now.isoformat(" "),),
        ).fetchall():
            self.order(order_id)
            hold(
                state not in _GOING_ON or seconds < _OVERDUE_S,
                f"2: an order is still {state}, {seconds / 3600:.0f} h after its window",
            )
        self._contents(walls)
        self.bounded(walls)

    def _contents(self, walls: list[Watched]) -> None:
        """A compartment that is offered, which one whose door stands open never is, has nothing inside."""
        for seen in walls:
            for (number,) in self._database.execute(
                "SELECT number FROM compartments WHERE contents = 'empty' AND NOT door_open"
                " AND controller_id = ?",
                (seen.id,),
            ).fetchall():
                inside = seen.wall.doors[number].items
                hold(not inside, f"door {number} of {seen.id} is offered with goods inside")
