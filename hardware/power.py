"""What each rail of a board carries at worst: everything on, one coil pulling, converters' losses."""

from dataclasses import dataclass

from hardware.board import Board, Rail


@dataclass(frozen=True)
class Draw:
    """One consumer of a rail."""

    name: str
    ma: int


@dataclass(frozen=True)
class Budget:
    """A rail with its consumers, in milliamperes."""

    rail: Rail
    draws: tuple[Draw, ...]

    @property
    def total_ma(self) -> int:
        """All consumers at once."""
        return sum(draw.ma for draw in self.draws)

    @property
    def with_headroom_ma(self) -> int:
        """The total and the rail's headroom, rounded up."""
        return -(-self.total_ma * (100 + self.rail.headroom_percent) // 100)


def budgets(board: Board) -> list[Budget]:
    """A budget for each rail, in the board's order."""
    return [Budget(rail, tuple(_draws(board, rail))) for rail in board.rails]


def holdup_draw_ma(board: Board) -> int:
    """What the converters on the hold-up capacitor's rail draw from it, with everything behind them on."""
    source = next(rail for rail in board.rails if rail.name == board.holdup.rail)
    return sum(_input_ma(board, rail, source) for rail in board.rails if rail.fed_by == source.name)


def holdup_ms(board: Board) -> int:
    """How long at worst the converters go on after the supply failed."""
    source = next(rail for rail in board.rails if rail.name == board.holdup.rail)
    return board.holdup.lasts_ms(source.mv, holdup_draw_ma(board))


def _draws(board: Board, rail: Rail) -> list[Draw]:
    draws = [
        Draw(f"{chip.ref} {chip.part}", chip.ma * chip.qty) for chip in board.chips if chip.rail == rail.name
    ]
    draws += [
        Draw(f"{chip.ref} outputs, port {port.name}", port.ma_each * len(port.nets))
        for chip in board.chips
        if chip.rail == rail.name
        for port in chip.ports
        if port.ma_each
    ]
    draws += [
        Draw(f"{bus.probes} probes on {bus.net}", bus.probes * bus.ma_each)
        for bus in board.onewire
        if bus.rail == rail.name
    ]
    draws += [Draw(f"{each.name}", each.ma) for each in board.lock_boards if each.rail == rail.name]
    draws += [
        Draw(f"{load.count} × {load.name}", load.ma * load.count)
        for load in board.loads
        if load.rail == rail.name
    ]
    if board.coils and board.coils.rail == rail.name:
        draws.append(Draw(f"{board.coils.at_once} coil", board.coils.most_ma * board.coils.at_once))
    for other in board.rails:
        if other.fed_by == rail.name:
            draws.append(Draw(f"converter {other.part} for {other.name}", _input_ma(board, other, rail)))
    return [draw for draw in draws if draw.ma]


def _input_ma(board: Board, rail: Rail, source: Rail) -> int:
    output_ma = sum(draw.ma for draw in _draws(board, rail))
    return -(-output_ma * rail.mv * 100 // (source.mv * rail.efficiency_percent))
