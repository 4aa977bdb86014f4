"""A bank on a bench: carries out effects as the shell would, at once, and keeps what was recorded."""

from firmware.contract import grants, records
from firmware.core import door as d
from firmware.core.bank import Bank
from firmware.core.door import Effect, Limits, Request

LIMITS = Limits(tries=3, retry_ms=3000, use_ms=120_000, ajar_ms=60_000, wait_ms=1500)


class Bench:
    """`jams`: doors whose lock does not give; `dead`: doors whose board does not answer; `items`: what
    sensors say.
    """

    def __init__(self, numbers: list[int]) -> None:
        self.bank = Bank(numbers, LIMITS)
        self.now = 1000
        self.jams: set[int] = set()
        self.dead: set[int] = set()
        self.denied: dict[int, str] = {}
        self.items = dict.fromkeys(numbers, records.PRESENT)
        self.log: list[tuple[str, int, str, int]] = []
        self.coils: list[int] = []
        self.uses: list[int | str] = []

    def carry_out(self, effects: "list[Effect] | tuple[()]") -> None:
        """Does what the effects say, in order, and feeds back what follows."""
        pending = list(effects)
        while pending:
            effect = pending.pop(0)
            self.log.append((effect.kind, effect.door, effect.text or effect.reason, effect.number))
            pending.extend(self._follow(effect))

    def _follow(self, effect: Effect) -> list[Effect]:
        bank, number = self.bank, effect.door
        if effect.kind == d.FLUSH_USE:
            if number in self.denied:
                return bank.refused(number, self.denied[number], self.now)
            assert effect.request is not None
            self.uses.append(effect.request.ref)
            return bank.journalled(number, self.now)
        if effect.kind == d.RECHECK:
            if number in self.denied:
                return bank.refused(number, self.denied[number], self.now)
            return bank.journalled(number, self.now)
        if effect.kind == d.PULSE:
            assert bank.coil_door == number
            self.coils.append(number)
            self.now += 400
            more = bank.pulsed(number, number not in self.dead, self.now)
            if number not in self.jams and number not in self.dead:
                more.extend(bank.contact(number, True, self.now))
            return more
        if effect.kind == d.READ_ITEM:
            return bank.item(number, self.items[number], self.now)
        return []

    def start(self, *requests: Request) -> None:
        """A credential's doors are asked for."""
        self.carry_out(self.bank.start(list(requests), self.now))

    def close(self, number: int, item: int) -> None:
        """A person takes or puts goods and closes the door."""
        self.items[number] = item
        self.carry_out(self.bank.contact(number, False, self.now))

    def wait(self, ms: int) -> None:
        """Lets time pass in steps of 100 ms."""
        until = self.now + ms
        while self.now < until:
            self.now += 100
            self.carry_out(self.bank.tick(self.now))

    def said(self, kind: str) -> list[tuple[int, str, int]]:
        """(door, text, number) of every effect of a kind so far."""
        return [(number, text, value) for name, number, text, value in self.log if name == kind]


def customer(door: int, ref: int = 0) -> Request:
    """A customer's right to one door."""
    return Request(door, "grant", ref or 100 + door, 7, grants.CUSTOMER, grants.ONCE | grants.NEEDS_LOAD, 5)


def loader(door: int) -> Request:
    """A producer's right to load one door."""
    return Request(door, "grant", 200 + door, 8, grants.LOADER, grants.MAKES_LOAD, 6, "Tomates 1 kg")
