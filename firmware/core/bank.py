"""The doors of a bank: one after the other, with at most one coil at work (invariants 3, 4, 5).

What a door may do stands in `door.TABLE`; here is who has his turn at the coil, and what is told of it.
"""

from firmware.contract import records
from firmware.core.door import (
    ALARM,
    ASKED,
    CLOSED,
    COMMAND_DONE,
    DENIED,
    DO_ADVANCE,
    DO_DOOR_CLOSED,
    DO_DOOR_OPEN,
    DO_DOOR_STRAY,
    DO_END_VISIT,
    DO_FORCED,
    DO_FREE,
    DO_JAMMED,
    DO_LED_OFF,
    DO_LED_ON,
    DO_NO_ANSWER,
    DO_OPENED,
    DO_REFUSED,
    DO_SETTLE,
    GIVE_UP,
    IDLE,
    ITEM,
    JOURNALLED,
    LED,
    LINGERING,
    OPEN,
    OPENED,
    OPENING,
    PULSED,
    PULSING,
    READ_ITEM,
    READING,
    RECORD_DOOR,
    RECORD_LOCK,
    RESTED,
    RESTING,
    RESULT,
    RETRY,
    STRAY,
    UNANSWERED,
    USE_OVER,
    VISIT_OVER,
    WAITING,
    Door,
    Effect,
    Limits,
    Request,
    result_of,
    step,
)


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

    def configure(self, numbers: list[int], limits: Limits, now_ms: int) -> list[Effect]:
        """Other doors, other times: a door that stays keeps its state and its alarms, those of a door that is
        gone end. Only while no visit goes on and no coil is at work.
        """
        self._now = now_ms
        effects: list[Effect] = []
        before = self.doors
        self.limits = limits
        self.doors = {number: before.get(number) or Door(number) for number in numbers}
        self._list = list(self.doors.values())
        for door in before.values():
            if door.number not in self.doors:
                for stands, kind in (
                    (door.forced, records.FORCED),
                    (door.jammed, records.JAM),
                    (door.ajar, records.AJAR),
                ):
                    if stands:
                        effects.append(Effect(ALARM, door.number, door.request, kind, 0))
        self._pump(effects)
        return effects

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
        doubtful; there: kept; blind: the code stays live, within its attempts). Open and nobody had asked:
        forced while nobody looked.
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
            effects.append(Effect(RECORD_DOOR, number, request, "", 1, 0 if request is not None else 1))
            if request is None:
                door.forced = True
                effects.append(Effect(ALARM, number, None, records.FORCED, 1))
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
        """What the item sensor says after a door was closed; nothing of a door that has gone meanwhile."""
        self._now = now_ms
        effects: list[Effect] = []
        door = self.doors.get(number)
        if door is not None:
            self._feed(door, ITEM, effects, item)
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
                    self._feed(door, GIVE_UP if self._is_late(door.request) else RESTED, effects)
                elif door.state == OPEN:
                    self._feed(door, USE_OVER, effects)
            if self._is_ajar(door):
                door.ajar = True
                effects.append(Effect(ALARM, door.number, door.request, records.AJAR, 1))
        self._pump(effects)
        return effects

    def _is_late(self, request: Request | None) -> bool:
        return request is not None and 0 <= request.not_after_ms < self._now

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
            if door is None or self._is_late(request):
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
        following = step(door.state, event)
        if following is None:
            return
        door.state = following[0]
        door.deadline_ms = -1
        if door.state == PULSING:
            door.tries += 1
        elif door.state == WAITING:
            door.deadline_ms = self._now + self.limits.wait_ms
        elif door.state == RESTING:
            door.deadline_ms = self._now + self.limits.retry_ms
        elif door.state == OPEN:
            door.deadline_ms = self._now + self.limits.use_ms
        for action in following[1]:
            self._act(door, action, effects, item)

    def _act(self, door: Door, action: str, effects: list[Effect], item: int) -> None:
        number, request = door.number, door.request
        if action == DO_FREE:
            self._coil = 0
        elif action in (DO_DOOR_OPEN, DO_DOOR_STRAY):
            door.cycle = True
            if action == DO_DOOR_STRAY:
                door.request = request = None
            effects.append(Effect(RECORD_DOOR, number, request, "", 1, 1 if action == DO_DOOR_STRAY else 0))
        elif action == DO_DOOR_CLOSED:
            effects.append(Effect(RECORD_DOOR, number, request, "", 0, 0))
            if door.forced:
                door.forced = False
                effects.append(Effect(ALARM, number, request, records.FORCED, 0))
        elif action == DO_FORCED:
            door.forced = True
            effects.append(Effect(ALARM, number, None, records.FORCED, 1))
        elif action == DO_REFUSED and request is not None:
            self._outcome(request, records.REFUSED, door.tries, effects)
        elif action == DO_LED_ON or action == DO_LED_OFF:
            effects.append(Effect(LED, number, request, "", 1 if action == DO_LED_ON else 0))
        elif action == DO_SETTLE:
            self._settle(door, item, effects)
        elif action == DO_ADVANCE:
            failed = not door.cycle
            done = door.request
            if door.state == IDLE:
                door.request = None
            self._after_visit(done, failed, effects)
        elif action == DO_END_VISIT:
            # Nobody is there to close it, so nobody is there for the next one: the same code goes on.
            if request is not None and request is self._current:
                self._visit = []
            self._after_visit(request, False, effects)
        elif action == DO_OPENED:
            self._opened(door, effects)
        elif action == DO_JAMMED or action == DO_NO_ANSWER:
            self._stuck(door, records.JAMMED if action == DO_JAMMED else records.NO_ANSWER, effects)
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
