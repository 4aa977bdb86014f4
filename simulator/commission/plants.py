"""Mistakes of whoever built the wall, planted before the controller is switched on. The checklist must find
each.
"""

from collections.abc import Callable
from dataclasses import dataclass

from simulator.commission.played import Premises
from simulator.world.bank_board import BankBoard
from simulator.world.board import Board
from simulator.world.world import World


class PlantError(Exception):
    """This controller has nothing that could be built wrongly so."""


@dataclass(frozen=True)
class Plant:
    """A mistake: what the checklist must call it, and how it is made."""

    fault: str
    description: str
    make: Callable[[Board, Premises], None]


def _bank(board: Board) -> BankBoard:
    if not isinstance(board, BankBoard):
        raise PlantError("only a wall can be built wrongly so")
    return board


def _two_doors(board: BankBoard) -> tuple[int, int]:
    first = board.plan.doors[0]
    return first.number, next(d.number for d in board.plan.doors[1:] if d.board == first.board)


def _swap(board: Board, *, locks: bool, contacts: bool) -> None:
    bank = _bank(board)
    bank.swap_cables(*_two_doors(bank), locks=locks, contacts=contacts)


def _swap_doors(board: Board, _premises: Premises) -> None:
    _swap(board, locks=True, contacts=True)


def _swap_contacts(board: Board, _premises: Premises) -> None:
    _swap(board, locks=False, contacts=True)


def _reverse(board: Board, _premises: Premises) -> None:
    _bank(board).inverted.add(0)


def _blind(board: Board, _premises: Premises) -> None:
    _bank(board).blind.add(board.plan.doors[0].number)


def _dirty(board: Board, _premises: Premises) -> None:
    _bank(board).dirty.add(board.plan.doors[0].number)


def _clash(board: Board, _premises: Premises) -> None:
    boards = _bank(board).line.boards
    if len(boards) < 2:
        raise PlantError("one lock board cannot clash")
    boards[1].address = boards[0].address


def _swap_labels(board: Board, premises: Premises) -> None:
    zone = next((zone for zone in board.plan.zones if len(zone.probes) > 1), None)
    if zone is None:
        raise PlantError("no zone has two probes")
    premises.labels |= {(zone.id, 0): 1, (zone.id, 1): 0}


def _exchange_rooms(board: Board, premises: Premises) -> None:
    names = [zone.id for zone in board.plan.zones]
    if board.plan.kind != "room" or len(names) < 2:
        raise PlantError("only a controller of two rooms can be built wrongly so")
    premises.rooms |= {names[0]: names[1], names[1]: names[0]}


def _long_pulse(board: Board, _premises: Premises) -> None:
    for lock_board in _bank(board).line.boards:
        lock_board.pulse_s = 1.6


def _flat(board: Board, _premises: Premises) -> None:
    board.battery_clock.battery = False


def _dark(board: Board, _premises: Premises) -> None:
    del _bank(board).chips[board.pin("ADDR_DISPLAY")]


def _dead(what: str) -> Callable[[Board, Premises], None]:
    return lambda _board, premises: premises.dead.add(what)


def _loose(_board: Board, premises: Premises) -> None:
    premises.loose = True


def _silent_probe(board: Board, _premises: Premises) -> None:
    next(iter(board.zones.values())).probes[0].unplug()


def _silent_board(board: Board, _premises: Premises) -> None:
    _bank(board).line.boards[-1].dead = True


def _jam(board: Board, _premises: Premises) -> None:
    bank = _bank(board)
    bank.doors[bank.plan.doors[0].number].jammed = True


PLANTS: dict[str, Plant] = {
    "swapped-doors": Plant("cables swapped", "two doors' cables in each other's places", _swap_doors),
    "swapped-contacts": Plant("contacts swapped", "two doors' contacts exchanged", _swap_contacts),
    "address-clash": Plant("address clash", "two lock boards with one address", _clash),
    "contact-polarity": Plant("contact reversed", "a lock board set to the other kind of switch", _reverse),
    "silent-board": Plant("lock board silent", "a lock board without supply", _silent_board),
    "stuck-door": Plant("door stuck", "a latch that lets go and a door that does not move", _jam),
    "long-pulse": Plant("coil on for too long", "lock boards set to a pulse of 1.6 s", _long_pulse),
    "blind-sensor": Plant("sensor blind", "an item receiver in the sun", _blind),
    "dark-sensor": Plant("sensor dark", "an item receiver that sees no light", _dirty),
    "dark-display": Plant("display dark or wrong", "a display that is not plugged in", _dark),
    "dead-key": Plant("keys dead", "a key without contact", _dead("key 7")),
    "swapped-probes": Plant("probes swapped", "two probes that wear each other's labels", _swap_labels),
    "silent-probe": Plant("probe silent", "a probe that is not plugged in", _silent_probe),
    "lid-switch": Plant("lid unseen", "a lid switch without magnet", _dead("lid")),
    "dead-sounder": Plant("sounder dead", "a sounder that is not plugged in", _dead("sounder")),
    "dead-light": Plant("alarm light dead", "an alarm light that is not plugged in", _dead("light")),
    "flat-battery": Plant("battery flat", "a clock without a cell", _flat),
    "loose-network": Plant("does not come back", "a network plug that does not go in again", _loose),
    "swapped-rooms": Plant("contacts swapped", "two rooms' door contacts exchanged", _exchange_rooms),
}


def plant(name: str, world: World, device: str, premises: Premises) -> None:
    """Build it wrongly. PlantError."""
    PLANTS[name].make(world.boards[device], premises)
