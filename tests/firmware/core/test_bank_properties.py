"""Any order of codes, fingers, jams, thieves, revocations, blocks and power cuts against doors and grants.

Machine-checked here: invariant 3 (every coil start names a valid, unused right recorded before it), 4 (at
most one coil at work), 5 (no coil between a reset and the first act), 6 (a command at most once, before its
expiry), and that no customer with goods inside is locked out for ever.
"""

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from firmware.contract import commands as wire
from firmware.contract import grants, records
from firmware.contract.grants import CUSTOMER, LOADER, MAKES_LOAD, NEEDS_LOAD, ONCE, Grant
from firmware.core import commands
from firmware.core import door as d
from firmware.core.bank import Bank
from firmware.core.commands import CommandMemory
from firmware.core.door import Effect, Limits, Request, request_of
from firmware.core.grantbook import MAX_ATTEMPTS, READY, GrantBook

DOORS = [1, 2, 3, 4]
CODES = {number: bytes([number] * 8) for number in range(1, 4)}
NOW, UNTIL = 1_790_000_000, 1_790_086_400
REOPEN_MS = 300_000


class Controller(RuleBasedStateMachine):
    """The shell in small: carries out effects against simulated doors, with everything durable in `flash`."""

    def __init__(self) -> None:
        super().__init__()
        self.flash: dict[str, bytes] = {}
        self.boot = 0
        self.now_ms = 0
        self.contacts = dict.fromkeys(DOORS, False)
        self.goods = dict.fromkeys(DOORS, 0)
        self.blind: set[int] = set()
        self.jammed: set[int] = set()
        self.blocked: dict[int, str] = {}
        self.server: dict[int, Grant] = {}
        self.version = 0
        self.next_id = 1
        self.journal: list[tuple[str, int, int | str, str]] = []
        self.pulsing: list[int] = []
        self.acted = False
        self.deadlines: dict[str, int] = {}
        self.collected: set[int] = set()
        self.start_up()

    # The shell.

    def start_up(self) -> None:
        """A boot from what the flash holds."""
        self.boot += 1
        self.now_ms = 0
        self.acted = False
        self.pulsing = []
        self.book, self.memory = GrantBook(), CommandMemory()
        if "set" in self.flash:
            assert self.book.load_image(self.flash["set"])
        number = 0
        while f"marks{number}" in self.flash:
            assert self.book.load_mark_page(number, self.flash[f"marks{number}"])
            number += 1
        if "loads0" in self.flash:
            assert self.book.load_load_page(0, self.flash["loads0"])
        for page in range(commands.PAGES):
            if f"commands{page}" in self.flash:
                assert self.memory.load(page, self.flash[f"commands{page}"])
        self.bank = Bank(DOORS, Limits(3, 3000, 120_000, 60_000, 1500))
        begun = {grant.door: grant for grant in self.book.interrupted()}
        for door in DOORS:
            request = request_of(begun[door]) if door in begun else None
            self.carry_out(self.bank.resume(door, self.contacts[door], request, 0))

    def carry_out(self, effects: "list[Effect] | tuple[()]") -> None:
        pending = list(effects)
        while pending:
            pending.extend(self.follow(pending.pop(0)))

    def follow(self, effect: Effect) -> list[Effect]:
        door, request = effect.door, effect.request
        if effect.kind == d.FLUSH_USE:
            assert request is not None
            return self.flush_use(door, request)
        if effect.kind == d.RECHECK:
            assert request is not None
            return self.recheck(door, request)
        if effect.kind == d.PULSE:
            self.start_coil(door)
        elif effect.kind == d.READ_ITEM:
            item = records.BLIND if door in self.blind else int(self.goods[door] > 0)
            return self.bank.item(door, item, self.now_ms)
        elif effect.kind == d.RESULT:
            self.journal.append(("after", door, request.ref if request else 0, effect.text))
            if request is not None:
                self.settle(request, effect.text)
        elif effect.kind == d.RECORD_LOCK:
            assert request is not None
            shut = effect.text == records.REFUSED and effect.number > 0
            if shut or effect.text in (records.JAMMED, records.NO_ANSWER):
                self.settle(request, effect.text)
        return []

    def still_right(self, request: Request) -> str:
        if request.actor != "grant":
            return records.ACCEPTED
        return self.book.recheck(int(request.ref), NOW, True, self.now_ms, REOPEN_MS, self.blocked)

    def recheck(self, door: int, request: Request) -> list[Effect]:
        status = self.still_right(request)
        if status != records.ACCEPTED:
            return self.bank.refused(door, status, self.now_ms)
        return self.bank.journalled(door, self.now_ms)

    def flush_use(self, door: int, request: Request) -> list[Effect]:
        status = self.still_right(request)
        if status != records.ACCEPTED:
            return self.bank.refused(door, status, self.now_ms)
        if request.actor == "grant":
            page = self.book.begin_use(int(request.ref))
            self.flash[f"marks{page}"] = self.book.mark_page(page)
        self.journal.append(("use", door, request.ref, ""))
        return self.bank.journalled(door, self.now_ms)

    def settle(self, request: Request, result: str) -> None:
        if request.actor != "grant":
            page = self.memory.finish(str(request.ref), records.DONE)
            if page >= 0:
                self.flash[f"commands{page}"] = self.memory.page(page)
            return
        grant = self.book.by_id(int(request.ref))
        if grant is None:
            return
        if result == records.COLLECTED:
            self.collected.add(grant.grant_id)
        marks, loads = self.book.settle(grant, result, self.now_ms)
        self.flash[f"marks{marks}"] = self.book.mark_page(marks)
        if loads >= 0:
            self.flash["loads0"] = self.book.load_page(0)

    def start_coil(self, door: int) -> None:
        assert self.acted, "invariant 5: a coil before the first act"
        assert not self.pulsing, "invariant 4: two coils at work"
        uses = [entry for entry in self.journal if entry[0] == "use"]
        assert uses, "invariant 3: a coil without a record before it"
        _, used_door, ref, _ = uses[-1]
        assert used_door == door, "invariant 3: the last use is another door's"
        if isinstance(ref, int):
            assert self.book.by_id(ref) is not None, "invariant 3: a revoked grant"
            assert ref not in self.collected, "invariant 3: a used grant came back"
            assert door not in self.blocked, "a coil at a blocked door"
        else:
            assert self.now_ms <= self.deadlines[ref], "invariant 6: a command after its expiry"
        self.pulsing.append(door)

    # What may happen.

    @initialize()
    def begin(self) -> None:
        self.change_set(dict.copy)

    def change_set(self, change: object) -> None:
        before = [self.book.record_at(at) for at in range(self.book.count)]
        change(self.server)  # type: ignore[operator]
        self.version += 1
        after = [grant.pack() for grant in self.server.values()]
        for body in grants.pieces(self.version, self.book.version, before, after):
            answer = self.book.stage(grants.unpack_piece(body))
        assert answer == READY
        self.flash["set"] = b"".join(self.book.staged_image())
        for page in self.book.commit():
            self.flash.pop(f"marks{page}", None)
            if page < self.book.mark_pages:
                self.flash[f"marks{page}"] = self.book.mark_page(page)

    @rule(door=st.sampled_from(DOORS), code=st.sampled_from(sorted(CODES)))
    def new_order(self, door: int, code: int) -> None:
        gid = self.next_id
        self.next_id += 2
        loader = Grant(gid, 9, LOADER, MAKES_LOAD, door, NOW, UNTIL, gid, bytes(8), bytes([99] * 8), "")
        flags = ONCE | NEEDS_LOAD
        customer = Grant(gid + 1, code, CUSTOMER, flags, door, NOW, UNTIL, gid, CODES[code], bytes(8), "")
        self.change_set(lambda held: held.update({gid: loader, gid + 1: customer}))

    @precondition(lambda self: self.server)
    @rule(data=st.data())
    def revoke(self, data: st.DataObject) -> None:
        gid = data.draw(st.sampled_from(sorted(self.server)))
        self.change_set(lambda held: held.pop(gid))

    @rule(code=st.sampled_from(sorted(CODES)))
    def customer_types(self, code: int) -> None:
        self.type_code(CODES[code], False)

    @rule()
    def loader_types(self) -> None:
        self.type_code(bytes([99] * 8), True)

    def type_code(self, mac: bytes, is_long: bool) -> None:
        verdict = self.book.judge(mac, is_long, NOW, True, self.now_ms, REOPEN_MS, self.blocked)
        if verdict.code == records.ACCEPTED:
            self.acted = True
            self.carry_out(self.bank.start([request_of(grant) for grant in verdict.grants], self.now_ms))

    @rule(
        door=st.sampled_from(DOORS),
        number=st.integers(1, 50),
        ttl=st.integers(1, 20_000),
        replay=st.booleans(),
    )
    def manager_opens(self, door: int, number: int, ttl: int, replay: bool) -> None:
        command = wire.Command(f"{number:016x}", wire.OPEN, self.boot - replay, self.now_ms + ttl, door)
        if self.memory.first_result(command.command_id) or commands.judge(command, self.boot, self.now_ms):
            return
        page = self.memory.remember(command, self.now_ms)
        if page < 0:
            return
        self.flash[f"commands{page}"] = self.memory.page(page)
        self.acted = True
        self.deadlines[command.command_id] = command.not_after_ms
        request = Request(door, "cmd", command.command_id, not_after_ms=command.not_after_ms)
        self.carry_out(self.bank.command(request, self.now_ms))

    @precondition(lambda self: self.pulsing)
    @rule(answered=st.booleans(), opens_first=st.booleans())
    def pulse_ends(self, answered: bool, opens_first: bool) -> None:
        door = self.pulsing.pop()
        gives = answered and door not in self.jammed and not self.contacts[door]
        if gives and opens_first:
            self.contacts[door] = True
            self.carry_out(self.bank.contact(door, True, self.now_ms))
        self.carry_out(self.bank.pulsed(door, answered, self.now_ms))
        if gives and not opens_first:
            self.contacts[door] = True
            self.carry_out(self.bank.contact(door, True, self.now_ms))

    @rule(door=st.sampled_from(DOORS), takes=st.booleans(), puts=st.booleans())
    def hand_closes(self, door: int, takes: bool, puts: bool) -> None:
        if not self.contacts[door]:
            return
        if takes:
            self.goods[door] = 0
        if puts:
            self.goods[door] = 1
        self.contacts[door] = False
        self.carry_out(self.bank.contact(door, False, self.now_ms))

    @rule(takes=st.booleans(), puts=st.booleans(), loads=st.booleans())
    def a_visit_goes_well(self, takes: bool, puts: bool, loads: bool) -> None:
        if loads:
            self.loader_types()
        for _ in DOORS:
            if self.pulsing:
                self.pulse_ends(answered=True, opens_first=takes)
            for door in DOORS:
                self.hand_closes(door=door, takes=takes, puts=puts or loads)

    @rule(door=st.sampled_from(DOORS))
    def thief_forces(self, door: int) -> None:
        if not self.contacts[door]:
            self.contacts[door] = True
            self.carry_out(self.bank.contact(door, True, self.now_ms))

    @rule(door=st.sampled_from(DOORS), kind=st.sampled_from(("jam", "blind", "block")), on=st.booleans())
    def fault(self, door: int, kind: str, on: bool) -> None:
        if kind == "block" and on:
            self.blocked[door] = "warm"
        elif kind == "block":
            self.blocked.pop(door, None)
        else:
            self.switch_fault(door, kind, on)

    def switch_fault(self, door: int, kind: str, on: bool) -> None:
        (self.jammed if kind == "jam" else self.blind).symmetric_difference_update({door} if on else set())

    @rule(ms=st.sampled_from((100, 1600, 3100, 60_000, 121_000)))
    def time_passes(self, ms: int) -> None:
        if self.pulsing:
            return
        self.now_ms += ms
        self.carry_out(self.bank.tick(self.now_ms))

    @rule()
    def who_waits_gives_up(self) -> None:
        self.carry_out(self.bank.stop(self.now_ms))

    @rule()
    def power_cut(self) -> None:
        self.start_up()

    def teardown(self) -> None:
        """Every fault mended and every door shut: whoever's goods are known to be inside opens their door."""
        self.jammed.clear()
        self.blind.clear()
        self.blocked.clear()
        self.carry_out(self.bank.stop(self.now_ms))
        self.let_things_end()
        for grant in list(self.server.values()):
            if grant.kind != CUSTOMER or self.book.load_of(grant.door) != grant.load:
                continue
            if self.book.attempts(grant.grant_id) >= MAX_ATTEMPTS:
                continue
            verdict = self.book.judge(grant.short_mac, False, NOW, True, self.now_ms, REOPEN_MS, {})
            if verdict.code == records.EARLY:
                continue
            assert grant.door in [found.door for found in verdict.grants], "locked out of one's own goods"
            self.acted = True
            before = len(self.journal)
            self.carry_out(self.bank.start([request_of(grant)], self.now_ms))
            self.let_things_end()
            assert ("use", grant.door, grant.grant_id, "") in self.journal[before:]

    def let_things_end(self) -> None:
        for _ in range(60):
            if self.pulsing:
                self.pulse_ends(answered=True, opens_first=False)
            for door in DOORS:
                self.hand_closes(door=door, takes=False, puts=False)
            self.time_passes(ms=3100)

    # What must hold.

    @invariant()
    def a_coil_belongs_to_the_door_that_holds_the_supply(self) -> None:
        for door in self.pulsing:
            assert self.bank.coil_door == door

    @invariant()
    def a_command_acts_at_most_once(self) -> None:
        # Up to three tries belong to one act; a second act would have a second use.
        uses = [ref for kind, _, ref, _ in self.journal if kind == "use" and isinstance(ref, str)]
        assert len(uses) == len(set(uses))

    @invariant()
    def collected_is_dead(self) -> None:
        for gid in self.collected:
            if self.book.by_id(gid) is not None:
                assert self.book.recheck(gid, NOW, True, self.now_ms, REOPEN_MS, {}) == records.USED

    @invariant()
    def the_supply_is_free_when_no_door_is_at_it(self) -> None:
        at_work = [
            door.number
            for door in self.bank.doors.values()
            if door.state in (d.INTENT, d.PULSING, d.OPENING, d.WAITING, d.RESTING)
        ]
        assert at_work == ([self.bank.coil_door] if self.bank.coil_door else [])

    @invariant()
    def doors_and_contacts_agree(self) -> None:
        for door in self.bank.doors.values():
            assert door.is_open == self.contacts[door.number]
            if door.state == d.IDLE:
                assert not door.is_open
                assert door.request is None


Controller.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestController = Controller.TestCase
