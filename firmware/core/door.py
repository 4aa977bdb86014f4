"""The doors of a bank: what each is doing, one after the other, with at most one coil at work (invariants
3, 4, 5).

`Bank` takes facts (asked, journalled, pulsed, contact, item, time) and answers with effects for the shell
to carry out, in order. What may follow what stands in TABLE, from which the picture in the documents is
drawn. "Pulse sent" is never an outcome: a door is opened, jammed, already open, not answering or refused,
and a contact cycle ends in what the item sensor says. All times in ms of uptime.
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
PULSE = "pulse"
"""Start the coil for the configured time; when it is **off** again call `Bank.pulsed`."""
RECORD_LOCK = "recordlock"
"""Journal a `lock` record: `text` is the outcome, `number` the tries, `reason` why refused ("" otherwise)."""
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
"""Every door of the visit has had its turn; `number` doors ended jammed or unanswered. The keypad is free."""
COMMAND_DONE = "commanddone"
"""A remote opening ended: `text` the outcome, `reason` why refused."""

# Private actions of the table.
_FREE, _ADVANCE, _JAMMED, _NO_ANSWER, _OPENED, _FORCED, _REFUSED, _DOOR_OPEN, _DOOR_STRAY, _DOOR_CLOSED = (
    "free",
    "advance",
    "jammed",
    "noanswer",
    "lockopened",
    "forced",
    "refused",
    "dooropen",
    "doorstray",
    "doorclosed",
)
_LED_ON, _LED_OFF, _SETTLE = "ledon", "ledoff", "settle"

TABLE = {
    (IDLE, ASKED): (INTENT, (_LED_ON, SHOW_DOOR, FLUSH_USE)),
    (IDLE, OPENED): (STRAY, (_DOOR_STRAY, _FORCED)),
    (INTENT, JOURNALLED): (PULSING, (PULSE,)),
    (INTENT, DENIED): (IDLE, (_FREE, _REFUSED, _LED_OFF, _ADVANCE)),
    (INTENT, OPENED): (OPEN, (_FREE, _DOOR_OPEN, _OPENED)),
    (PULSING, PULSED): (WAITING, ()),
    (PULSING, RETRY): (RESTING, ()),
    (PULSING, UNANSWERED): (IDLE, (_FREE, _NO_ANSWER, _LED_OFF, SHOW_HELP, _ADVANCE)),
    (PULSING, OPENED): (OPENING, (_DOOR_OPEN, _OPENED)),
    (OPENING, PULSED): (OPEN, (_FREE,)),
    (WAITING, OPENED): (OPEN, (_FREE, _DOOR_OPEN, _OPENED)),
    (WAITING, RETRY): (RESTING, ()),
    (WAITING, GIVE_UP): (IDLE, (_FREE, _JAMMED, _LED_OFF, SHOW_HELP, _ADVANCE)),
    (RESTING, OPENED): (OPEN, (_FREE, _DOOR_OPEN, _OPENED)),
    (RESTING, RESTED): (PULSING, (PULSE,)),
    (OPEN, CLOSED): (READING, (_DOOR_CLOSED, READ_ITEM)),
    (OPEN, USE_OVER): (LINGERING, (_ADVANCE,)),
    (LINGERING, CLOSED): (READING, (_DOOR_CLOSED, READ_ITEM)),
    (READING, OPENED): (OPEN, (_DOOR_OPEN,)),
    (READING, ITEM): (IDLE, (_SETTLE, _LED_OFF, _ADVANCE)),
    (STRAY, CLOSED): (STRAY_READING, (_DOOR_CLOSED, READ_ITEM)),
    (STRAY, ASKED): (OPEN, ()),
    (STRAY_READING, OPENED): (STRAY, (_DOOR_STRAY, _FORCED)),
    (STRAY_READING, ITEM): (IDLE, (_SETTLE,)),
}
"""(state, event) → (next state, actions in order). What is not here changes nothing."""


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


class Bank:
    """All doors of one controller. Every method takes facts and returns the effects, in order."""

    def __init__(self, numbers: list[int], limits: Limits) -> None:
        self.limits = limits
        self.doors: dict[int, Door] = {number: Door(number) for number in numbers}
        self._list = list(self.doors.values())
        self._coil = 0
        """The door that may use the coil supply, 0 for none."""
        self._queue: list[Request] = []
        self._visit: list[Request] = []
        self._current: Request | None = None
        self._failed = 0
        self._reason = ""
        self._now = 0

    @property
    def busy(self) -> bool:
        """True while a visit goes on: a door of a credential is being opened or awaits being closed."""
        return self._current is not None

    @property
    def credential(self) -> int:
        """The credential whose visit goes on, 0 for none."""
        return self._current.credential if self._current is not None else 0

    @property
    def coil_door(self) -> int:
        """The door that holds the coil supply, 0 for none: the only one whose coil may be on."""
        return self._coil

    def start(self, requests: list[Request], now_ms: int) -> list[Effect]:
        """A credential's doors, to be opened one after the other. A visit still going on gives way: its
        doors not yet opened stay unused, an open one is still watched.
        """
        self._now = now_ms
        effects: list[Effect] = []
        waiting = self._current
        if waiting is not None and waiting in self._queue:
            self._queue.remove(waiting)
        self._visit = list(requests)
        self._failed = 0
        self._next(effects)
        self._pump(effects)
        return effects

    def stop(self, now_ms: int) -> list[Effect]:
        """The person gives up (`#`): no further door of the visit is opened."""
        self._now = now_ms
        self._visit = []
        return []

    def command(self, request: Request, now_ms: int) -> list[Effect]:
        """A remote opening: next at the coil, without ending a visit."""
        self._now = now_ms
        effects: list[Effect] = []
        self._queue.insert(0, request)
        self._pump(effects)
        return effects

    def resume(self, number: int, is_open: bool, request: Request | None, now_ms: int) -> list[Effect]:
        """A door as found at boot. `request`: the use that the last power cut interrupted, if its mark says
        so.

        Closed and interrupted, nobody saw whether it had been opened: the item sensor decides (gone:
        doubtful; there: kept; blind: the code stays live, within its attempts).
        """
        self._now = now_ms
        effects: list[Effect] = []
        door = self.doors[number]
        door.is_open = is_open
        door.request = request
        door.cycle = is_open
        if is_open:
            door.opened_ms = now_ms
            door.state = OPEN if request is not None else STRAY
            door.deadline_ms = now_ms + self.limits.use_ms if request is not None else -1
            effects.append(Effect(RECORD_DOOR, number, request, "", 1, 0))
        elif request is not None:
            door.state = READING
            effects.append(Effect(READ_ITEM, number, request))
        return effects

    def contact(self, number: int, is_open: bool, now_ms: int) -> list[Effect]:
        """The debounced contact of a door changed."""
        self._now = now_ms
        effects: list[Effect] = []
        door = self.doors[number]
        if door.is_open == is_open:
            return effects
        door.is_open = is_open
        door.opened_ms = now_ms if is_open else -1
        if not is_open and door.ajar:
            door.ajar = False
            effects.append(Effect(ALARM, number, door.request, records.AJAR, 0))
        self._feed(door, OPENED if is_open else CLOSED, effects)
        self._pump(effects)
        return effects

    def journalled(self, number: int, now_ms: int) -> list[Effect]:
        """The use and its mark are in flash."""
        self._now = now_ms
        effects: list[Effect] = []
        self._feed(self.doors[number], JOURNALLED, effects)
        return effects

    def refused(self, number: int, reason: str, now_ms: int) -> list[Effect]:
        """The right that was asked for no longer holds, for a reason of `contract.records`: no coil."""
        self._now = now_ms
        effects: list[Effect] = []
        self._reason = reason
        self._feed(self.doors[number], DENIED, effects)
        self._pump(effects)
        return effects

    def pulsed(self, number: int, answered: bool, now_ms: int) -> list[Effect]:
        """The coil is off again; `answered` False if the lock board never answered."""
        self._now = now_ms
        effects: list[Effect] = []
        door = self.doors[number]
        if answered or door.state == OPENING:
            self._feed(door, PULSED, effects)
            if door.state == OPEN and not door.is_open:
                self._feed(door, CLOSED, effects)
        else:
            self._feed(door, RETRY if door.tries < self.limits.tries else UNANSWERED, effects)
        self._pump(effects)
        return effects

    def item(self, number: int, item: int, now_ms: int) -> list[Effect]:
        """What the item sensor says after a door was closed."""
        self._now = now_ms
        effects: list[Effect] = []
        self._feed(self.doors[number], ITEM, effects, item)
        self._pump(effects)
        return effects

    def tick(self, now_ms: int) -> list[Effect] | tuple[()]:
        """Lets time pass; allocates nothing if nothing is due."""
        self._now = now_ms
        due = False
        for door in self._list:
            if 0 <= door.deadline_ms <= now_ms or self._is_ajar(door):
                due = True
        if not due:
            return ()
        effects: list[Effect] = []
        for door in self._list:
            if 0 <= door.deadline_ms <= now_ms:
                door.deadline_ms = -1
                if door.state == WAITING:
                    self._feed(door, RETRY if door.tries < self.limits.tries else GIVE_UP, effects)
                elif door.state == RESTING:
                    self._feed(door, RESTED, effects)
                elif door.state == OPEN:
                    self._feed(door, USE_OVER, effects)
            if self._is_ajar(door):
                door.ajar = True
                effects.append(Effect(ALARM, door.number, door.request, records.AJAR, 1))
        self._pump(effects)
        return effects

    def _is_ajar(self, door: Door) -> bool:
        return door.is_open and not door.ajar and self._now - door.opened_ms >= self.limits.ajar_ms

    def _next(self, effects: list[Effect]) -> None:
        """The visit goes on to its next door, or is over."""
        was = self._current
        if self._visit:
            request = self._visit.pop(0)
            door = self.doors.get(request.door)
            if door is not None and door.request is not None and door.request.ref == request.ref:
                # The same right is at this door already: it is not used a second time.
                self._current = door.request
                if door.state == LINGERING:
                    door.state = OPEN
                    door.deadline_ms = self._now + self.limits.use_ms
                return
            self._current = request
            self._queue.append(request)
            return
        self._current = None
        if was is not None:
            effects.append(Effect(VISIT_OVER, 0, was, "", self._failed))

    def _pump(self, effects: list[Effect]) -> None:
        """Gives the coil to the first request in the queue whose door can take it."""
        at = 0
        while at < len(self._queue):
            request = self._queue[at]
            door = self.doors.get(request.door)
            if door is None or 0 <= request.not_after_ms < self._now:
                del self._queue[at]
                self._reason = records.LATE if door is not None else records.MALFORMED
                self._outcome(request, records.REFUSED, 0, effects)
                self._after_visit(request, True, effects)
            elif door.state in (OPEN, LINGERING, STRAY):
                del self._queue[at]
                self._already(door, request, effects)
            elif door.state == IDLE and self._coil == 0:
                del self._queue[at]
                self._coil = door.number
                door.request, door.tries, door.cycle = request, 0, False
                self._feed(door, ASKED, effects)
            else:
                at += 1

    def _already(self, door: Door, request: Request, effects: list[Effect]) -> None:
        self._outcome(request, records.ALREADY_OPEN, 0, effects)
        if door.state == STRAY:
            door.request, door.cycle = request, True
            self._feed(door, ASKED, effects)
        else:
            # Somebody else's cycle goes on; this request has nothing to wait for.
            self._after_visit(request, False, effects)

    def _outcome(self, request: Request, outcome: str, tries: int, effects: list[Effect]) -> None:
        reason, self._reason = self._reason, ""
        effects.append(Effect(RECORD_LOCK, request.door, request, outcome, tries, 0, reason))
        if request.actor == "cmd":
            effects.append(Effect(COMMAND_DONE, request.door, request, outcome, tries, 0, reason))

    def _after_visit(self, request: Request | None, failed: bool, effects: list[Effect]) -> None:
        """If the door was the visit's present one, the next has its turn."""
        if request is not None and request is self._current:
            if failed:
                self._failed += 1
            self._next(effects)

    def _feed(self, door: Door, event: str, effects: list[Effect], item: int = 0) -> None:
        step = TABLE.get((door.state, event))
        if step is None:
            return
        door.state = step[0]
        door.deadline_ms = -1
        if door.state == PULSING:
            door.tries += 1
        elif door.state == WAITING:
            door.deadline_ms = self._now + self.limits.wait_ms
        elif door.state == RESTING:
            door.deadline_ms = self._now + self.limits.retry_ms
        elif door.state == OPEN:
            door.deadline_ms = self._now + self.limits.use_ms
        for action in step[1]:
            self._act(door, action, effects, item)

    def _act(self, door: Door, action: str, effects: list[Effect], item: int) -> None:
        number, request = door.number, door.request
        if action == _FREE:
            self._coil = 0
        elif action in (_DOOR_OPEN, _DOOR_STRAY):
            door.cycle = True
            if action == _DOOR_STRAY:
                door.request = request = None
            effects.append(Effect(RECORD_DOOR, number, request, "", 1, 1 if action == _DOOR_STRAY else 0))
        elif action == _DOOR_CLOSED:
            effects.append(Effect(RECORD_DOOR, number, request, "", 0, 0))
            if door.forced:
                door.forced = False
                effects.append(Effect(ALARM, number, request, records.FORCED, 0))
        elif action == _FORCED:
            door.forced = True
            effects.append(Effect(ALARM, number, None, records.FORCED, 1))
        elif action == _REFUSED and request is not None:
            self._outcome(request, records.REFUSED, 0, effects)
        elif action == _LED_ON or action == _LED_OFF:
            effects.append(Effect(LED, number, request, "", 1 if action == _LED_ON else 0))
        elif action == _SETTLE:
            self._settle(door, item, effects)
        elif action == _ADVANCE:
            failed = not door.cycle
            done = door.request
            if door.state == IDLE:
                door.request = None
            self._after_visit(done, failed, effects)
        elif action == _OPENED:
            self._opened(door, effects)
        elif action == _JAMMED or action == _NO_ANSWER:
            self._stuck(door, records.JAMMED if action == _JAMMED else records.NO_ANSWER, effects)
        else:
            effects.append(Effect(action, number, request))

    def _settle(self, door: Door, item: int, effects: list[Effect]) -> None:
        request = door.request
        result = result_of(request, item)
        if not door.cycle:
            if item == records.BLIND:
                return
            if result == records.COLLECTED:
                result = records.DOUBTFUL
        effects.append(Effect(RESULT, door.number, request, result, item))

    def _opened(self, door: Door, effects: list[Effect]) -> None:
        if door.request is not None:
            self._outcome(door.request, records.OPENED, door.tries, effects)
        if door.jammed:
            door.jammed = False
            effects.append(Effect(ALARM, door.number, door.request, records.JAM, 0))

    def _stuck(self, door: Door, outcome: str, effects: list[Effect]) -> None:
        if door.request is not None:
            self._outcome(door.request, outcome, door.tries, effects)
        if not door.jammed:
            door.jammed = True
            effects.append(Effect(ALARM, door.number, door.request, records.JAM, 1))
