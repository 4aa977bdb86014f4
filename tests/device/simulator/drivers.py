"""The firmware's own drivers on a wall's board: doors, sensors and signs, then keys."""

import asyncio
import time

from firmware.board import Board
from firmware.services.identity import Identity

RS485 = (("8a80", 1, 16), ("8a80", 2, 16))
MCP = (("mcp", 0x24, 8),)


class Wanted:
    """A lock board of the configuration."""

    def __init__(self, kind, address, locks):
        self.kind, self.address, self.locks = kind, address, locks


async def use(board, wanted):
    """Each thing once; prints what the drivers say."""
    bank = board.bank
    print("display", await bank.display.setup(), bank.display.show(1, "Bonjour"))
    print("leds", bank.leds.setup())
    bank.leds.only(0, 5)
    print("clock", abs(board.clock.read() - time.time()) < 5, board.clock.set(1790000000), board.clock.read())
    for probes in board.probe_buses[:1]:
        print("probes", probes.convert())
    for index in range(len(wanted)):
        locks = bank.lock_board(Wanted(*wanted[index]))
        print("closed", await locks.refresh(), locks.open_bits)
        print("pulse", await locks.pulse(2, 400))
        print("opened", await locks.refresh(), locks.open_bits)
        for channel in (1, 2, 3):
            print("item", await bank.items.look(index, channel))
    print("keys")
    typed = ""
    while not typed.endswith("#"):
        typed += bank.keypad.scan(time.ticks_ms())
        await asyncio.sleep_ms(10)
    print("typed", typed)
    bank.display.show(2, typed)


def run(wanted):
    """On this wall's lock boards."""
    identity = Identity("ferme", "wall", "locker-bank", "127.0.0.1", 1, bytes(32), bytes(32))
    asyncio.run(use(Board(identity), wanted))
    print("done")
    while True:
        time.sleep_ms(100)
