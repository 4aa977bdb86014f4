"""A door: its states, what may follow what, and what the shell has to do about it.

`bank.Bank` takes facts (asked, journalled, pulsed, contact, item, time) and answers with effects for the
shell to carry out, in order. What may follow what stands in TABLE, from which the picture in the documents
is drawn. "Pulse sent" is never an outcome: a door is opened, jammed, already open, not answering or
refused, and a contact cycle ends in what the item sensor says. All times in ms of uptime.
"""

from firmware.contract import grants, records

# States of a door.
IDLE, INTENT, PULSING, OPENING, WAITING, RESTING, OPEN, LINGERING, READING, STRAY, STRAY_READING = (
    "idle",
    "intent",
    "pulsing",
    "opening",
    "waiting",
    "resting",
    "open",
    "lingering",
    "reading",
    "stray",
    "strayreading",
)

# Events of a door.
ASKED, JOURNALLED, PULSED, UNANSWERED, OPENED, CLOSED, RETRY, GIVE_UP, RESTED, USE_OVER, ITEM, DENIED = (
    "asked",
    "journalled",
    "pulsed",
    "unanswered",
    "opened",
    "closed",
    "retry",
    "giveup",
    "rested",
    "useover",
    "item",
    "denied",
)

# Effects: what the shell does.
FLUSH_USE = "flushuse"
"""Check again that the right holds (`GrantBook.recheck`): if not, call `Bank.refused`. Else journal the
`use` record and the attempt's mark, flush both, then call `Bank.journalled`.
"""
RECHECK = "recheck"
"""Before another try: check again that the right holds; call `Bank.journalled`, or `Bank.refused` if it
does not.
"""
PULSE = "pulse"
"""Start the coil for the configured time; when it is **off** again call `Bank.pulsed`."""
RECORD_LOCK = "recordlock"
"""Journal a `lock` record: `text` is the outcome, `number` the tries, `reason` why refused ("" otherwise).
Then settle the grant if the door stayed shut after a try (`jammed`, `noanswer`, `refused` with tries).
"""
RECORD_DOOR = "recorddoor"
"""Journal a `door` record: `number` 1 open or 0 closed, `extra` 1 if nobody asked for it."""
READ_ITEM = "readitem"
"""Let the item sensor settle, read it, call `Bank.item` (BLIND if it can't see or there is none)."""
RESULT = "result"
"""Journal an `after` record (`text` the result, `number` the item), **then** settle the grant book and
flush its pages.
"""
ALARM = "alarm"
"""Journal an `alarm` record: `text` the kind, `number` 1 start or 0 end."""
LED = "led"
"""Light the door's LED (`number` 1) or put it out (0)."""
SHOW_DOOR = "showdoor"
"""Display: this door, with its label, is the one being opened."""
SHOW_HELP = "showhelp"
"""Display: the door jams; the help number."""
VISIT_OVER = "visitover"
"""Every door of the visit has had its turn, or its open door was left so; `number` doors ended jammed or
unanswered. The keypad is free.
"""
COMMAND_DONE = "commanddone"
"""A remote opening ended: `text` the outcome, `reason` why refused."""

# Actions of the table that the bank itself carries out.
(
    DO_FREE,
    DO_ADVANCE,
    DO_END_VISIT,
    DO_JAMMED,
    DO_NO_ANSWER,
    DO_OPENED,
    DO_FORCED,
    DO_REFUSED,
    DO_DOOR_OPEN,
    DO_DOOR_STRAY,
    DO_DOOR_CLOSED,
) = (
    "free",
    "advance",
    "endvisit",
    "jammed",
    "noanswer",
    "lockopened",
    "forced",
    "refused",
    "dooropen",
    "doorstray",
    "doorclosed",
)
DO_LED_ON, DO_LED_OFF, DO_SETTLE = "ledon", "ledoff", "settle"

TABLE = (
    ("idle", "asked", "intent", ("ledon", "showdoor", "flushuse")),
    ("idle", "opened", "stray", ("doorstray", "forced")),
    ("intent", "journalled", "pulsing", ("pulse",)),
    ("intent", "denied", "idle", ("free", "refused", "ledoff", "advance")),
    ("intent", "opened", "open", ("free", "dooropen", "lockopened")),
    ("pulsing", "pulsed", "waiting", ()),
    ("pulsing", "retry", "resting", ()),
    ("pulsing", "unanswered", "idle", ("free", "noanswer", "ledoff", "showhelp", "advance")),
    ("pulsing", "opened", "opening", ("dooropen", "lockopened")),
    ("opening", "pulsed", "open", ("free",)),
    ("waiting", "opened", "open", ("free", "dooropen", "lockopened")),
    ("waiting", "retry", "resting", ()),
    ("waiting", "giveup", "idle", ("free", "jammed", "ledoff", "showhelp", "advance")),
    ("resting", "opened", "open", ("free", "dooropen", "lockopened")),
    ("resting", "rested", "intent", ("recheck",)),
    ("resting", "giveup", "idle", ("free", "jammed", "ledoff", "showhelp", "advance")),
    ("open", "closed", "reading", ("doorclosed", "readitem")),
    ("open", "useover", "lingering", ("endvisit",)),
    ("lingering", "closed", "reading", ("doorclosed", "readitem")),
    ("reading", "opened", "open", ("dooropen",)),
    ("reading", "item", "idle", ("settle", "ledoff", "advance")),
    ("stray", "closed", "strayreading", ("doorclosed", "readitem")),
    ("stray", "asked", "open", ()),
    ("strayreading", "opened", "stray", ("doorstray", "forced")),
    ("strayreading", "item", "idle", ("settle",)),
)
"""Rows of (state, event, next state, actions in order). What is not here changes nothing. Words instead of
the names above: a table of literals stays in the frozen image, one of names is built in memory (2 kB).
"""


def step(state: str, event: str) -> tuple[str, tuple[str, ...]] | None:
    """Next state and actions, in order, of a door in a state to which something happens; None: nothing."""
    for row in TABLE:
        if row[0] == state and row[1] == event:
            return row[2], row[3]
    return None


class Limits:
    """The configured times of a bank, in ms, and the tries at a lock."""

    def __init__(self, tries: int, retry_ms: int, use_ms: int, ajar_ms: int, wait_ms: int = 1500) -> None:
        self.tries = tries
        self.retry_ms = retry_ms
        self.use_ms = use_ms
        self.ajar_ms = ajar_ms
        self.wait_ms = wait_ms
        """How long after a pulse the contact may take to open."""


class Request:
    """Who wants a door open, and by what right: a grant, or a command (then `ref` is its id and `kind` 0)."""

    def __init__(
        self,
        door: int,
        actor: str,
        ref: int | str,
        credential: int = 0,
        kind: int = 0,
        flags: int = 0,
        load: int = 0,
        label: str = "",
        not_after_ms: int = -1,
    ) -> None:
        self.door = door
        self.actor = actor
        """`grant` or `cmd`, as in a `use` record."""
        self.ref = ref
        self.credential = credential
        self.kind = kind
        self.flags = flags
        self.load = load
        self.label = label
        self.not_after_ms = not_after_ms
        """Uptime after which the coil must not start (commands, R-50); -1 for none."""


def request_of(grant: grants.Grant) -> Request:
    """The request that a grant makes."""
    return Request(
        grant.door,
        "grant",
        grant.grant_id,
        grant.credential_id,
        grant.kind,
        grant.flags,
        grant.load,
        grant.label,
    )


def result_of(request: Request | None, item: int) -> str:
    """What a contact cycle ended in, from who had asked for it and what the item sensor says."""
    if request is None:
        return records.KEPT if item == records.PRESENT else records.DOUBTFUL
    if request.flags & grants.MAKES_LOAD:
        return records.NOT_LOADED if item == records.ABSENT else records.LOADED
    if request.kind != grants.CUSTOMER:
        return records.CHECKED
    if item == records.ABSENT:
        return records.COLLECTED
    return records.KEPT if item == records.PRESENT else records.DOUBTFUL


class Effect:
    """One thing for the shell to do, about one door (0: about the visit). `request` is None if nobody
    asked.
    """

    def __init__(
        self,
        kind: str,
        door: int,
        request: Request | None,
        text: str = "",
        number: int = 0,
        extra: int = 0,
        reason: str = "",
    ) -> None:
        self.kind = kind
        self.door = door
        self.request = request
        self.text = text
        self.number = number
        self.extra = extra
        self.reason = reason


class Door:
    """One door's state. Only `Bank` changes it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.state = IDLE
        self.is_open = False
        """What the contact says."""
        self.request: Request | None = None
        self.tries = 0
        self.deadline_ms = -1
        self.opened_ms = -1
        self.ajar = False
        self.jammed = False
        self.forced = False
        self.cycle = False
        """True if the contact was seen to open under the present request."""
