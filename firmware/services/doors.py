"""The doors of a bank: facts from contacts, coils and item sensors go into `core.door.Bank`, its effects are
carried out.

Three tasks: `Doors` looks at the contacts, `Coil` is the only one that energises a coil, `Looks` reads item
sensors. An order of effects is the core's: a use is in flash before its coil starts (invariant 3).
"""

import asyncio

from firmware.contract import records
from firmware.contract.config import Config
from firmware.core import door as machine
from firmware.core.bank import Bank
from firmware.core.door import Effect, Limits, Request
from firmware.core.ring import FlashError
from firmware.drivers.leds import Leds
from firmware.services.holdings import Holdings
from firmware.services.indicators import Indicators
from firmware.services.recorder import Recorder
from firmware.services.screen import Screen
from firmware.supervisor import Heart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from firmware.contract.config import Board, Door
    from firmware.drivers.seams import LockBoard

    class BoardMaker(Protocol):
        """Makes a lock board's driver from its configuration."""

        def __call__(self, __board: Board) -> "LockBoard | None":
            """The driver; None if the controller's board has no such bus."""
            ...

    class Answer(Protocol):
        """Who wants to know how a remote opening ended."""

        def __call__(self, __command_id: str, __door: int, __outcome: str) -> None:
            """It ended."""
            ...


_ROUND_MS = 40
_BREATH_MS = 5
_CHECK_MS = 10_000
"""Between looks whether a brown-out has made the lights' chips forget themselves."""
_HUSH_MS = 1_000
"""How long the bus may be kept free for an order: a forced door is noticed that much later, no more."""
_AGREE = 2
"""Looks in a row that must agree before a contact has changed, or is believed for the first time."""
_SLOWEST_AJAR_S = 86_400
_FLASH = "flash"
"""Why a door stays shut whose use could not be kept."""


class Doors:
    """All doors, their contacts, and what is to be done about them."""

    def __init__(
        self,
        holdings: Holdings,
        recorder: Recorder,
        screen: Screen,
        indicators: Indicators,
        leds: Leds,
        make_board: "BoardMaker",
        heart: Heart,
    ) -> None:
        self._holdings = holdings
        self._recorder = recorder
        self._screen = screen
        self._indicators = indicators
        self._leds = leds
        self._make_board = make_board
        self._heart = heart
        self._config: Config | None = None
        self.bank = Bank([], Limits(1, 1000, 1000, 1000))
        self._last_word = ("", "")
        """The text, with its value, that a visit ends with: what is still to be done."""
        self.boards: "list[LockBoard | None]" = []
        self._doors: "dict[int, Door]" = {}
        self._list: "list[Door]" = []
        self._known = bytearray(0)
        self._agree = bytearray(0)
        self._resumed = bytearray(0)
        self._interrupted: dict[int, Request] = {}
        self.wanted = 0
        """Door whose coil is to be pulsed, 0 for none; taken by `Coil`."""
        self.pulse = asyncio.Event()
        self.looks: list[int] = []
        """Doors whose item sensor is to be read; taken by `Looks`."""
        self.look = asyncio.Event()
        self.silent_boards = 0
        self._answer: "Answer | None" = None
        self._hushed_ms = -_HUSH_MS
        self._checked_ms = 0

    def hush(self) -> None:
        """Somebody is about to type the last digit: no question to a lock board may stand before the order.

        An 8A/80 board takes 40 ms to answer, twice as long as everything else between a digit and a coil.
        """
        self._hushed_ms = self._recorder.uptime.ms()

    def speak(self) -> None:
        """The code has been judged; questions may go on."""
        self._hushed_ms = -_HUSH_MS

    def answer_to(self, answer: "Answer") -> None:
        """Who is told the end of a remote opening."""
        self._answer = answer

    def place(self, number: int) -> "tuple[LockBoard, int] | None":
        """Driver and channel of a door's lock; None if it has none."""
        door = self._doors.get(number)
        if door is None or door.board >= len(self.boards):
            return None
        board = self.boards[door.board]
        return None if board is None else (board, door.channel)

    def door(self, number: int) -> "Door | None":
        """A door of the configuration."""
        return self._doors.get(number)

    @property
    def config(self) -> Config:
        """The configuration in force at the doors."""
        return self._config if self._config is not None else self._holdings.config

    def _configure(self) -> None:
        """Obey another configuration; called only while no door is in use. Doors that stay keep what is known
        of them, and their alarms.
        """
        config = self._holdings.config
        boards = [self._make_board(board) for board in config.boards]
        count = len(config.doors)
        known, agree, resumed = bytearray(count), bytearray(count), bytearray(count)
        ajar = _SLOWEST_AJAR_S
        for zone in config.zones:
            ajar = min(ajar, zone.ajar)
        numbers = [door.number for door in config.doors]
        seen = [door.number for at, door in enumerate(self._list) if self._resumed[at]]
        limits = Limits(config.tries, config.retry * 1000, config.use * 1000, ajar * 1000)
        effects = self.bank.configure(numbers, limits, self._recorder.uptime.ms())
        for at, number in enumerate(numbers):
            if number in seen:
                resumed[at], known[at] = 1, 1 if self.bank.doors[number].is_open else 0
        self._interrupted = {}
        for grant in self._holdings.book.interrupted():
            if grant.door not in seen:
                self._interrupted[grant.door] = machine.request_of(grant)
        self._doors = {door.number: door for door in config.doors}
        self._list, self.boards = config.doors, boards
        self._known, self._agree, self._resumed = known, agree, resumed
        if self._config is None or (self._config.version == 0) != (config.version == 0):
            # Otherwise an alarm that stands there would be hidden.
            self._screen.base("welcome" if config.version else "unready")
        self._config = config
        self._perform(effects)

    # Acts.

    def open(self, requests: list[Request], closed_to: str = "") -> None:
        """A credential's doors, one after the other. `closed_to`: the last word if others stay shut."""
        self._last_word = (closed_to, self.config.help_number) if closed_to else ("", "")
        self._perform(self.bank.start(requests, self._recorder.uptime.ms()))

    def command(self, request: Request) -> None:
        """A remote opening."""
        self._perform(self.bank.command(request, self._recorder.uptime.ms()))

    def stop(self) -> None:
        """The person gives up."""
        self._perform(self.bank.stop(self._recorder.uptime.ms()))

    def pulsed(self, number: int, answered: bool) -> None:
        """The coil is off again."""
        self._perform(self.bank.pulsed(number, answered, self._recorder.uptime.ms()))

    def seen(self, number: int, item: int) -> None:
        """What the item sensor says."""
        self._perform(self.bank.item(number, item, self._recorder.uptime.ms()))

    # Effects.

    def _perform(self, effects: "list[Effect] | tuple[()]") -> None:
        """All of them: a record that the flash refuses costs neither the coil's turn nor the next effect.

        Raises the last FlashError when everything else is done.
        """
        refused: FlashError | None = None
        for effect in effects:
            try:
                self._carry_out(effect)
            except FlashError as error:
                refused = error
        if refused is not None:
            raise refused

    def _carry_out(self, effect: Effect) -> None:
        kind, number, request = effect.kind, effect.door, effect.request
        if kind == machine.FLUSH_USE and request is not None:
            self._flush_use(number, request)
        elif kind == machine.RECHECK and request is not None:
            self._recheck(number, request)
        elif kind == machine.PULSE:
            self.wanted = number
            self.pulse.set()
        elif kind == machine.READ_ITEM:
            self.looks.append(number)
            self.look.set()
        elif kind == machine.RECORD_LOCK and request is not None:
            self._record_lock(effect, request)
        elif kind == machine.RECORD_DOOR:
            self._recorder.event("door", {"d": number, "s": effect.number, "x": effect.extra})
            if effect.number and request is not None and request.actor == "grant":
                self._screen.visit("open", str(number), request.label)
        elif kind == machine.RESULT:
            self._result(effect)
        elif kind == machine.ALARM:
            self._alarm(effect)
        elif kind == machine.COMMAND_DONE and request is not None and self._answer is not None:
            self._answer(str(request.ref), number, effect.text)
        else:
            self._show(effect)

    def _why_not(self, request: Request) -> str:
        """Why a right that was given some time ago no longer starts a coil; "" if it does."""
        now_ms = self._recorder.uptime.ms()
        if isinstance(request.ref, str):
            return records.LATE if 0 <= request.not_after_ms < now_ms else ""
        holds = self._holdings.book.recheck(
            request.ref,
            self._recorder.clock.now(now_ms),
            self._recorder.clock.is_valid,
            now_ms,
            self.config.reopen * 1000,
            self._holdings.blocked,
        )
        return "" if holds == records.ACCEPTED else holds

    def _recheck(self, number: int, request: Request) -> None:
        why_not = self._why_not(request)
        now_ms = self._recorder.uptime.ms()
        if why_not:
            self._perform(self.bank.refused(number, why_not, now_ms))
        else:
            self._perform(self.bank.journalled(number, now_ms))

    def _flush_use(self, number: int, request: Request) -> None:
        """The use is in flash before the coil: the record, then the mark of the attempt."""
        why_not = self._why_not(request)
        if why_not:
            self._perform(self.bank.refused(number, why_not, self._recorder.uptime.ms()))
            return
        if self._keep_use(number, request):
            self._perform(self.bank.journalled(number, self._recorder.uptime.ms()))
        else:
            self._perform(self.bank.refused(number, _FLASH, self._recorder.uptime.ms()))

    def _keep_use(self, number: int, request: Request) -> bool:
        """The record and the mark; False if flash took not both: then no coil, and no attempt is spent."""
        fields: dict[str, object] = {
            "a": request.actor,
            "g": request.ref,
            "c": request.credential,
            "d": number,
        }
        try:
            self._recorder.event("use", fields)
        except FlashError as error:
            print("doors: the use of door", number, "was not kept:", error)
            return False
        if isinstance(request.ref, int) and not self._holdings.keep_marks(
            self._holdings.book.begin_use(request.ref)
        ):
            self._settle(request, records.REFUSED)
            return False
        return True

    def _record_lock(self, effect: Effect, request: Request) -> None:
        fields: dict[str, object] = {
            "a": request.actor,
            "g": request.ref,
            "d": effect.door,
            "o": effect.text,
            "x": effect.number,
        }
        if effect.reason:
            fields["r"] = effect.reason
        self._recorder.event("lock", fields)
        tried_and_shut = effect.text == records.REFUSED and effect.number > 0
        if tried_and_shut or effect.text in (records.JAMMED, records.NO_ANSWER):
            self._settle(request, effect.text)

    def _settle(self, request: Request, result: str) -> None:
        if not isinstance(request.ref, int):
            return
        grant = self._holdings.book.by_id(request.ref)
        if grant is None:
            return
        marks, loads = self._holdings.book.settle(grant, result, self._recorder.uptime.ms())
        self._holdings.keep_marks(marks)
        self._holdings.keep_loads(loads)

    def _result(self, effect: Effect) -> None:
        request = effect.request
        load = self._holdings.book.load_of(effect.door) if request is None else request.load
        fields: dict[str, object] = {
            "d": effect.door,
            "g": 0 if request is None else request.ref,
            "c": 0 if request is None else request.credential,
            "i": effect.number,
            "r": effect.text,
            "ld": load,
        }
        self._recorder.event("after", fields)
        if request is not None:
            self._settle(request, effect.text)
            self._show_result(effect.door, effect.text)

    def _alarm(self, effect: Effect) -> None:
        self._recorder.event("alarm", {"a": effect.text, "s": effect.number, "d": effect.door})
        cause = effect.text + str(effect.door)
        if not effect.number:
            self._indicators.drop(cause)
        elif effect.text == records.FORCED:
            self._indicators.raise_loud(cause)
        else:
            self._indicators.raise_quiet(cause)

    def _show(self, effect: Effect) -> None:
        if effect.kind == machine.LED:
            door = self._doors.get(effect.door)
            if effect.number and door is not None:
                self._leds.only(door.board, door.channel)
            else:
                self._leds.only(-1, 0)
        elif effect.kind == machine.SHOW_DOOR and effect.request is not None:
            if effect.request.actor == "grant":
                self._screen.visit("opening", str(effect.door), effect.request.label)
        elif effect.kind == machine.SHOW_HELP:
            self._screen.message("jam", str(effect.door), self.config.help_number)
        elif effect.kind == machine.VISIT_OVER:
            self._screen.end_visit()
            name, value = self._last_word
            if name and not effect.number:
                self._screen.message(name, value, value)
            self._last_word = ("", "")

    def _show_result(self, number: int, result: str) -> None:
        name = str(number)
        if result == records.COLLECTED:
            self._screen.message("thanks")
        elif result == records.KEPT:
            self._screen.message("kept", name, name)
            self._last_word = ("kept", name)
        elif result == records.LOADED:
            self._screen.message("loaded", name)
        elif result == records.NOT_LOADED:
            self._screen.message("not_loaded", name)
        else:
            self._screen.message("doubtful", name)

    # Contacts.

    def _look(self, at: int, is_open: bool) -> None:
        """One look at one contact, debounced."""
        level = 1 if is_open else 0
        if not self._resumed[at]:
            self._agree[at] = self._agree[at] + 1 if self._known[at] == level else 1
            self._known[at] = level
            if self._agree[at] < _AGREE:
                return
            self._resumed[at], self._agree[at] = 1, 0
            number = self._list[at].number
            request = self._interrupted.pop(number, None)
            if self.bank.doors[number].request is not None:
                # It is being opened already, before anybody has looked at it.
                self._perform(self.bank.contact(number, is_open, self._recorder.uptime.ms()))
                return
            self._perform(self.bank.resume(number, is_open, request, self._recorder.uptime.ms()))
            return
        if self._known[at] == level:
            self._agree[at] = 0
            return
        self._agree[at] += 1
        if self._agree[at] >= _AGREE:
            self._known[at] = level
            self._agree[at] = 0
            self._perform(self.bank.contact(self._list[at].number, is_open, self._recorder.uptime.ms()))

    async def run(self) -> None:
        """Look at all contacts at least ten times a second, and let time pass, for ever."""
        uptime = self._recorder.uptime
        while True:
            begun_ms = uptime.ms()
            await self.round()
            await asyncio.sleep_ms(max(_BREATH_MS, _ROUND_MS - (uptime.ms() - begun_ms)))

    async def round(self) -> None:
        """Obey a new configuration if no door is in use, look at every contact once, let time pass."""
        uptime = self._recorder.uptime
        if self._holdings.config is not self._config and not self.bank.busy and not self.bank.coil_door:
            self._configure()
        for index in range(len(self.boards)):
            board = self.boards[index]
            if board is None:
                continue
            board.guard()
            while self.wanted or uptime.ms() - self._hushed_ms < _HUSH_MS:
                await asyncio.sleep_ms(_BREATH_MS)
            if not await board.refresh():
                self.silent_boards += 1
                continue
            for at in range(len(self._list)):
                door = self._list[at]
                if door.board == index:
                    self._look(at, board.open_bits >> (door.channel - 1) & 1 == 1)
        now_ms = uptime.ms()
        self._perform(self.bank.tick(now_ms))
        self._heart.beat()
        if now_ms - self._checked_ms > _CHECK_MS:
            self._checked_ms = now_ms
            self._leds.check()
